"""``Multinomial``."""

import math

from rustorch.autograd import no_grad
from rustorch.distributions import constraints
from rustorch.distributions.binomial import Binomial
from rustorch.distributions.categorical import Categorical, OverCategorical
from rustorch.distributions.distribution import Distribution
from rustorch.distributions.utils import broadcast_all
from rustorch.eager import ops as T
from rustorch.size import Size


class Multinomial(OverCategorical, Distribution):
    """How often each of k classes comes in n draws: P(x) = n! / Π xᵢ! · Π pᵢ^xᵢ.

    Arguments: total_count n: one int; probs (..., k) or logits (..., k) as for ``Categorical``. Events: (k,).
    Errors: ``NotImplementedError`` for an n that is no int. ``log_prob`` takes counts of any sum.

    >>> import rustorch as torch
    >>> d = torch.distributions.Multinomial(2, torch.tensor([0.5, 0.5]))
    >>> d.log_prob(torch.tensor([1.0, 1.0])).exp()
    tensor(0.5000)
    """

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}
    _batched: dict = {}

    def __init__(self, total_count: int = 1, probs=None, logits=None, validate_args=None):
        if not isinstance(total_count, int):
            raise NotImplementedError("inhomogeneous total_count is not supported")
        self.total_count = total_count
        self._categorical = Categorical(probs, logits)
        self._binomial = Binomial(total_count, probs=self.probs, validate_args=False)
        super().__init__(self._categorical.batch_shape, self._categorical.param_shape[-1:], validate_args=validate_args)

    def expand(self, batch_shape, _instance=None):
        """As ``Distribution.expand``."""
        new = self._get_checked_instance(Multinomial, _instance)
        batch_shape = Size(batch_shape)
        new.total_count = self.total_count
        new._categorical = self._categorical.expand(batch_shape)
        new._binomial = self._binomial.expand(batch_shape + self._event_shape)
        return self._finish(new, batch_shape)

    @constraints.dependent_property(is_discrete=True, event_dim=1)
    def support(self):
        """Counts that sum to at most n."""
        return constraints.multinomial(self.total_count)

    @property
    def mean(self):
        """n p."""
        return self.probs * self.total_count

    @property
    def variance(self):
        """n p (1 - p)."""
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape=()):
        """Counts."""
        shape = self._extended_shape(sample_shape)
        with no_grad():
            drawn = self._categorical.sample(Size((self.total_count,)) + Size(sample_shape))
            drawn = drawn.movedim(0, -1) if self.total_count else drawn.reshape(tuple(shape[:-1]) + (0,))
            counts = T.zeros(shape, dtype=self.probs.dtype, device=self.probs.device)
            return counts.scatter_add(-1, drawn, T.ones(drawn.shape, dtype=counts.dtype, device=counts.device))

    def log_prob(self, value):
        """The log probability of the counts ``value``."""
        self._checked(value)
        logits, value = broadcast_all(self.logits, value)
        never = (value == 0) & (logits == -math.inf)
        powers = (T.where(never, T.zeros_like(logits), logits) * value).sum(-1)
        return T.lgamma(value.sum(-1) + 1) - T.lgamma(value + 1).sum(-1) + powers

    def entropy(self):
        """n H(p) - log n! + Σᵢ E log xᵢ!, the expectations by summing over all counts."""
        n = self.total_count
        counts = self._binomial.enumerate_support(expand=False)[1:]
        expected = (T.exp(self._binomial.log_prob(counts)) * T.lgamma(counts + 1)).sum([0, -1])
        return n * self._categorical.entropy() - math.lgamma(n + 1) + expected

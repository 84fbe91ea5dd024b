"""``Binomial``."""

from rustorch.autograd import no_grad
from rustorch.distributions import constraints
from rustorch.distributions.bernoulli import ProbsOrLogits
from rustorch.distributions.distribution import Distribution
from rustorch.distributions.utils import broadcast_all, one_of_probs_and_logits
from rustorch.eager import ops as T


def softplus(x):
    """log(1 + exp(x)) without the cut at 20."""
    return T.logaddexp(x, T.zeros_like(x))


class CountOfTrials(ProbsOrLogits):
    """A total count beside the probability."""

    def _take_with_count(self, total_count, probs, logits):
        """Keep the parameters, broadcast; their batch shape."""
        self._given_probs = one_of_probs_and_logits(probs, logits)
        self.total_count, value = broadcast_all(total_count, probs if self._given_probs else logits)
        setattr(self, "probs" if self._given_probs else "logits", value)
        self.total_count = self.total_count.type_as(value)
        return value.size()


class Binomial(CountOfTrials, Distribution):
    """Successes among n trials: P(k) = n! / (k! (n - k)!) · p^k (1 - p)^(n - k).

    Arguments: total_count n, a number or tensor of non-negative integers; probs in [0, 1] or logits, tensors.
    Errors: ``ValueError`` unless exactly one of probs and logits is given, or for values outside.

    >>> import rustorch as torch
    >>> torch.distributions.Binomial(4, torch.tensor(0.5)).enumerate_support()
    tensor([0., 1., 2., 3., 4.])
    """

    arg_constraints = {
        "total_count": constraints.nonnegative_integer,
        "probs": constraints.unit_interval,
        "logits": constraints.real,
    }
    has_enumerate_support = True
    _batched = {"total_count": 0, "probs": 0, "logits": 0}
    _shared = ("_given_probs",)

    def __init__(self, total_count=1, probs=None, logits=None, validate_args=None):
        super().__init__(self._take_with_count(total_count, probs, logits), validate_args=validate_args)

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self):
        """0 to n."""
        return constraints.integer_interval(0, self.total_count)

    @property
    def mean(self):
        """n p."""
        return self.total_count * self.probs

    @property
    def mode(self):
        """⌊(n + 1) p⌋, at most n."""
        return ((self.total_count + 1) * self.probs).floor().clamp(max=self.total_count)

    @property
    def variance(self):
        """n p (1 - p)."""
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape=()):
        """Numbers of successes."""
        shape = self._extended_shape(sample_shape)
        with no_grad():
            return T.binomial(self.total_count.expand(shape), self.probs.expand(shape))

    def log_prob(self, value):
        """The log probability of ``value`` successes."""
        self._checked(value)
        n = self.total_count
        ways = T.lgamma(n + 1) - T.lgamma(value + 1) - T.lgamma(n - value + 1)
        return ways + value * self.logits - n * softplus(self.logits)

    def _common_count(self, what: str) -> int:
        most = int(self.total_count.max())
        if not self.total_count.min() == most:
            raise NotImplementedError(f"Inhomogeneous total count not supported by `{what}`.")
        return most

    def entropy(self):
        """By summing over all counts; all n must be equal."""
        self._common_count("entropy")
        log_prob = self.log_prob(self.enumerate_support(False))
        return -(T.exp(log_prob) * log_prob).sum(0)

    def enumerate_support(self, expand: bool = True):
        """0 to n; all n must be equal."""
        n = self._common_count("enumerate_support")
        return self._enumerated(T.arange(1 + n, dtype=self._param.dtype, device=self._param.device), expand)

"""``NegativeBinomial``."""

from rustorch.autograd import no_grad
from rustorch.distributions import constraints
from rustorch.distributions.binomial import CountOfTrials
from rustorch.distributions.distribution import Distribution
from rustorch.distributions.gamma import Gamma
from rustorch.eager import ops as T
from rustorch.nn import functional as F


class NegativeBinomial(CountOfTrials, Distribution):
    """Successes before n failures: P(k) = Γ(n + k) / (k! Γ(n)) · p^k (1 - p)^n.

    Arguments: total_count n ≥ 0 (not only whole); probs in [0, 1) or logits of a success.
    Errors: ``ValueError`` unless exactly one of probs and logits is given, or for values outside.

    >>> import rustorch as torch
    >>> torch.distributions.NegativeBinomial(3.0, torch.tensor(0.5)).mean
    tensor(3.)
    """

    arg_constraints = {
        "total_count": constraints.greater_than_eq(0),
        "probs": constraints.half_open_interval(0.0, 1.0),
        "logits": constraints.real,
    }
    support = constraints.nonnegative_integer
    _batched = {"total_count": 0, "probs": 0, "logits": 0}
    _shared = ("_given_probs",)

    def __init__(self, total_count, probs=None, logits=None, validate_args=None):
        super().__init__(self._take_with_count(total_count, probs, logits), validate_args=validate_args)

    @property
    def mean(self):
        """n p / (1 - p)."""
        return self.total_count * T.exp(self.logits)

    @property
    def mode(self):
        """⌊(n - 1) p / (1 - p)⌋, at least 0."""
        return ((self.total_count - 1) * self.logits.exp()).floor().clamp(min=0.0)

    @property
    def variance(self):
        """n p / (1 - p)²."""
        return self.mean / T.sigmoid(-self.logits)

    def sample(self, sample_shape=()):
        """Poisson counts with gamma rates."""
        with no_grad():
            rates = Gamma(self.total_count, T.exp(-self.logits), validate_args=False)
            return T.poisson(rates.sample(sample_shape))

    def log_prob(self, value):
        """The log probability of ``value`` successes."""
        self._checked(value)
        n = self.total_count
        ways = T.lgamma(n + value) - T.lgamma(1.0 + value) - T.lgamma(n)
        ways = T.where(n + value == 0.0, T.zeros_like(ways), ways)  # nothing to order
        return n * F.logsigmoid(-self.logits) + value * F.logsigmoid(self.logits) + ways

"""``Exponential``."""

from rustorch.distributions import constraints
from rustorch.distributions.exp_family import ExponentialFamily
from rustorch.distributions.utils import batch_shape_of, broadcast_all
from rustorch.eager import ops as T


class Exponential(ExponentialFamily):
    """p(x) = rate exp(-rate x) for x ≥ 0.

    Arguments: rate: a number or a tensor of the batch shape.
    Errors: ``ValueError`` for a rate ≤ 0 or NaN.

    >>> import rustorch as torch
    >>> torch.distributions.Exponential(2.0).mean
    tensor(0.5000)
    """

    arg_constraints = {"rate": constraints.positive}
    support = constraints.nonnegative
    has_rsample = True
    _mean_carrier_measure = 0
    _batched = {"rate": 0}

    def __init__(self, rate, validate_args=None):
        (self.rate,) = broadcast_all(rate)
        super().__init__(batch_shape_of([self.rate], rate), validate_args=validate_args)

    @property
    def mean(self):
        """1 / rate."""
        return self.rate.reciprocal()

    @property
    def mode(self):
        """0."""
        return T.zeros_like(self.rate)

    @property
    def stddev(self):
        """1 / rate."""
        return self.rate.reciprocal()

    @property
    def variance(self):
        """1 / rate²."""
        return self.rate.pow(-2)

    def rsample(self, sample_shape=()):
        """z / rate with z from the standard exponential."""
        shape = self._extended_shape(sample_shape)
        return T.empty(shape, dtype=self.rate.dtype, device=self.rate.device).exponential_() / self.rate

    def log_prob(self, value):
        """The log density."""
        self._checked(value)
        return self.rate.log() - self.rate * value

    def cdf(self, value):
        """1 - exp(-rate x)."""
        self._checked(value)
        return 1 - T.exp(-self.rate * value)

    def icdf(self, value):
        """-log(1 - q) / rate."""
        return -T.log1p(-value) / self.rate

    def entropy(self):
        """1 - log(rate)."""
        return 1.0 - T.log(self.rate)

    @property
    def _natural_params(self):
        return (-self.rate,)

    def _log_normalizer(self, x):
        return -T.log(-x)

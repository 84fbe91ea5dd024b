"""``Uniform``."""

from rustorch.distributions import constraints
from rustorch.distributions.distribution import Distribution
from rustorch.distributions.utils import batch_shape_of, broadcast_all
from rustorch.eager import ops as T


class Uniform(Distribution):
    """p(x) = 1 / (high - low) on [low, high).

    Arguments: low, high: numbers or tensors that broadcast to the batch shape.
    Errors: ``ValueError`` unless low < high.

    >>> import rustorch as torch
    >>> torch.distributions.Uniform(0.0, 4.0).entropy()
    tensor(1.3863)
    """

    has_rsample = True
    _batched = {"low": 0, "high": 0}

    @property
    def arg_constraints(self):
        """low below high."""
        return {"low": constraints.less_than(self.high), "high": constraints.greater_than(self.low)}

    def __init__(self, low, high, validate_args=None):
        self.low, self.high = broadcast_all(low, high)
        super().__init__(batch_shape_of([self.low], low, high), validate_args=validate_args)

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self):
        """[low, high]."""
        return constraints.interval(self.low, self.high)

    @property
    def mean(self):
        """The middle."""
        return (self.high + self.low) / 2

    @property
    def mode(self):
        """NaN: all values are alike."""
        return T.full_like(self.high, float("nan"))

    @property
    def stddev(self):
        """(high - low) / √12."""
        return (self.high - self.low) / 12**0.5

    @property
    def variance(self):
        """(high - low)² / 12."""
        return (self.high - self.low).square() / 12

    def rsample(self, sample_shape=()):
        """low + u (high - low)."""
        u = T.rand(self._extended_shape(sample_shape), dtype=self.low.dtype, device=self.low.device)
        return self.low + u * (self.high - self.low)

    def log_prob(self, value):
        """-log(high - low) inside, -∞ outside."""
        self._checked(value)
        inside = (self.low <= value) & (value < self.high)
        return T.log(inside.type_as(self.low)) - T.log(self.high - self.low)

    def cdf(self, value):
        """(x - low) / (high - low), within 0 and 1."""
        self._checked(value)
        return ((value - self.low) / (self.high - self.low)).clamp(min=0, max=1)

    def icdf(self, value):
        """low + q (high - low)."""
        return value * (self.high - self.low) + self.low

    def entropy(self):
        """log(high - low)."""
        return T.log(self.high - self.low)

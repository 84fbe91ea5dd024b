"""``Cauchy``."""

import math

from rustorch.distributions import constraints
from rustorch.distributions.distribution import Distribution
from rustorch.distributions.utils import batch_shape_of, broadcast_all
from rustorch.eager import ops as T


class Cauchy(Distribution):
    """p(x) = 1 / (π scale (1 + ((x - loc) / scale)²)).

    Arguments: loc, scale: numbers or tensors that broadcast to the batch shape.
    Errors: ``ValueError`` for a scale ≤ 0 or NaN.

    >>> import rustorch as torch
    >>> torch.distributions.Cauchy(0.0, 1.0).cdf(torch.tensor([0.0, 1.0]))
    tensor([0.5000, 0.7500])
    """

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.real
    has_rsample = True
    _batched = {"loc": 0, "scale": 0}

    def __init__(self, loc, scale, validate_args=None):
        self.loc, self.scale = broadcast_all(loc, scale)
        super().__init__(batch_shape_of([self.loc], loc, scale), validate_args=validate_args)

    @property
    def mean(self):
        """NaN: there is none."""
        return T.full_like(self.loc, math.nan)

    @property
    def mode(self):
        """loc."""
        return self.loc

    @property
    def variance(self):
        """Infinite."""
        return T.full_like(self.loc, math.inf)

    def rsample(self, sample_shape=()):
        """loc + scale · z with z from the standard Cauchy."""
        shape = self._extended_shape(sample_shape)
        return self.loc + self.scale * T.empty(shape, dtype=self.loc.dtype, device=self.loc.device).cauchy_()

    def log_prob(self, value):
        """The log density."""
        self._checked(value)
        return -math.log(math.pi) - self.scale.log() - T.log1p(((value - self.loc) / self.scale) ** 2)

    def cdf(self, value):
        """atan((x - loc) / scale) / π + ½."""
        self._checked(value)
        return T.atan((value - self.loc) / self.scale) / math.pi + 0.5

    def icdf(self, value):
        """loc + scale tan(π(q - ½))."""
        return T.tan(math.pi * (value - 0.5)) * self.scale + self.loc

    def entropy(self):
        """log(4π scale)."""
        return math.log(4 * math.pi) + self.scale.log()

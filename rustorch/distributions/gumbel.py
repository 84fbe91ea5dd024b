"""``Gumbel``."""

import math
from numbers import Number

from rustorch.distributions import constraints
from rustorch.distributions.transformed_distribution import TransformedDistribution
from rustorch.distributions.transforms import AffineTransform, ExpTransform
from rustorch.distributions.uniform import Uniform
from rustorch.distributions.utils import broadcast_all, euler_constant
from rustorch.eager import ops as T
from rustorch.limits import finfo


class Gumbel(TransformedDistribution):
    """P(X ≤ x) = exp(-exp(-(x - loc) / scale)).

    Arguments: loc, scale: numbers or tensors that broadcast to the batch shape.
    Errors: ``ValueError`` for a scale ≤ 0 or NaN.

    >>> import rustorch as torch
    >>> torch.distributions.Gumbel(0.0, 1.0).mean
    tensor(0.5772)
    """

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.real
    _batched = {"loc": 0, "scale": 0}

    def __init__(self, loc, scale, validate_args=None):
        self.loc, self.scale = broadcast_all(loc, scale)
        info = finfo(self.loc.dtype)
        low, high = info.tiny, 1 - info.eps
        if not (isinstance(loc, Number) and isinstance(scale, Number)):
            low, high = T.full_like(self.loc, low), T.full_like(self.loc, high)
        transforms = [
            ExpTransform().inv,
            AffineTransform(0, -T.ones_like(self.scale)),
            ExpTransform().inv,
            AffineTransform(self.loc, -self.scale),
        ]
        super().__init__(Uniform(low, high, validate_args=validate_args), transforms, validate_args=validate_args)

    def log_prob(self, value):
        """z - exp(z) - log scale with z = (loc - x) / scale."""
        self._checked(value)
        z = (self.loc - value) / self.scale
        return z - z.exp() - self.scale.log()

    @property
    def mean(self):
        """loc + γ scale with Euler's constant γ."""
        return self.loc + self.scale * euler_constant

    @property
    def mode(self):
        """loc."""
        return self.loc

    @property
    def stddev(self):
        """π scale / √6."""
        return (math.pi / math.sqrt(6)) * self.scale

    @property
    def variance(self):
        """π² scale² / 6."""
        return self.stddev.square()

    def entropy(self):
        """log scale + 1 + γ."""
        return self.scale.log() + (1 + euler_constant)

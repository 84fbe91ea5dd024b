"""``Kumaraswamy``."""

import math

from rustorch.distributions import constraints
from rustorch.distributions.transformed_distribution import TransformedDistribution
from rustorch.distributions.transforms import AffineTransform, PowerTransform
from rustorch.distributions.uniform import Uniform
from rustorch.distributions.utils import broadcast_all, euler_constant
from rustorch.eager import ops as T


class Kumaraswamy(TransformedDistribution):
    """P(X ≤ x) = 1 - (1 - x^a)^b on [0, 1].

    Arguments: concentration1 a, concentration0 b: numbers or tensors that broadcast to the batch shape.
    Errors: ``ValueError`` for either ≤ 0 or NaN.

    >>> import rustorch as torch
    >>> torch.distributions.Kumaraswamy(1.0, 1.0).mean
    tensor(0.5000)
    """

    arg_constraints = {"concentration1": constraints.positive, "concentration0": constraints.positive}
    support = constraints.unit_interval
    has_rsample = True
    _batched = {"concentration1": 0, "concentration0": 0}

    def __init__(self, concentration1, concentration0, validate_args=None):
        self.concentration1, self.concentration0 = a, b = broadcast_all(concentration1, concentration0)
        base = Uniform(T.zeros_like(b), T.ones_like(b), validate_args=validate_args)
        transforms = [
            PowerTransform(b.reciprocal()),
            AffineTransform(1.0, -1.0),
            PowerTransform(a.reciprocal()),
        ]
        super().__init__(base, transforms, validate_args=validate_args)

    def _moment(self, n: int):
        """E Xⁿ = b B(1 + n/a, b)."""
        first, b = 1 + n / self.concentration1, self.concentration0
        return b * (T.lgamma(first) + T.lgamma(b) - T.lgamma(first + b)).exp()

    @property
    def mean(self):
        """b B(1 + 1/a, b)."""
        return self._moment(1)

    @property
    def mode(self):
        """((a - 1) / (a b - 1))^(1/a); NaN where a or b is below 1."""
        a, b = self.concentration1, self.concentration0
        mode = ((a - 1) / (a * b - 1)) ** a.reciprocal()
        return T.where((a < 1) | (b < 1), T.full_like(mode, math.nan), mode)

    @property
    def variance(self):
        """E X² - (E X)²."""
        return self._moment(2) - self.mean.square()

    def entropy(self):
        """(1 - 1/b) + (1 - 1/a) (ψ(b + 1) + γ) - log(a b)."""
        a, b = self.concentration1, self.concentration0
        harmonic = T.digamma(b + 1) + euler_constant
        return (1 - b.reciprocal()) + (1 - a.reciprocal()) * harmonic - T.log(a) - T.log(b)

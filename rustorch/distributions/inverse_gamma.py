"""``InverseGamma``."""

import math

from rustorch.distributions import constraints
from rustorch.distributions.gamma import Gamma
from rustorch.distributions.transformed_distribution import TransformedDistribution
from rustorch.distributions.transforms import PowerTransform
from rustorch.eager import ops as T


class InverseGamma(TransformedDistribution):
    """1 / X with X from Gamma(concentration, rate).

    Arguments: concentration a, rate: numbers or tensors that broadcast to the batch shape.
    Errors: ``ValueError`` for either ≤ 0 or NaN.

    >>> import rustorch as torch
    >>> torch.distributions.InverseGamma(2.0, 3.0).mean
    tensor(3.)
    """

    arg_constraints = {"concentration": constraints.positive, "rate": constraints.positive}
    support = constraints.positive
    has_rsample = True
    _batched: dict = {}

    def __init__(self, concentration, rate, validate_args=None):
        base = Gamma(concentration, rate, validate_args=validate_args)
        super().__init__(base, PowerTransform(-T.ones_like(base.rate)), validate_args=validate_args)

    @property
    def concentration(self):
        """a."""
        return self.base_dist.concentration

    @property
    def rate(self):
        """rate."""
        return self.base_dist.rate

    def _above(self, least, value):
        """``value`` where a is above ``least``, else infinite."""
        return T.where(self.concentration > least, value, T.full_like(value, math.inf))

    @property
    def mean(self):
        """rate / (a - 1); infinite for a ≤ 1."""
        return self._above(1, self.rate / (self.concentration - 1))

    @property
    def mode(self):
        """rate / (a + 1)."""
        return self.rate / (self.concentration + 1)

    @property
    def variance(self):
        """rate² / ((a - 1)² (a - 2)); infinite for a ≤ 2."""
        a = self.concentration
        return self._above(2, self.rate.square() / ((a - 1).square() * (a - 2)))

    def entropy(self):
        """a + log rate + log Γ(a) - (1 + a) ψ(a)."""
        a = self.concentration
        return a + self.rate.log() + a.lgamma() - (1 + a) * a.digamma()

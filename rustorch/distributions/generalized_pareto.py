"""``GeneralizedPareto``."""

import math

from rustorch.distributions import constraints
from rustorch.distributions.distribution import Distribution
from rustorch.distributions.utils import batch_shape_of, broadcast_all
from rustorch.eager import ops as T


class GeneralizedPareto(Distribution):
    """P(X > x) = (1 + k z)^(-1/k) with z = (x - loc) / scale and k the concentration; exp(-z) for k = 0.

    Arguments: loc, scale, concentration: numbers or tensors that broadcast to the batch shape.
    Errors: ``ValueError`` for a scale ≤ 0 or NaN.

    >>> import rustorch as torch
    >>> torch.distributions.GeneralizedPareto(0.0, 1.0, 0.5).mean
    tensor(2.)
    """

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive, "concentration": constraints.real}
    has_rsample = True
    _batched = {"loc": 0, "scale": 0, "concentration": 0}

    def __init__(self, loc, scale, concentration, validate_args=None):
        self.loc, self.scale, self.concentration = broadcast_all(loc, scale, concentration)
        super().__init__(batch_shape_of([self.loc], loc, scale, concentration), validate_args=validate_args)

    def _z(self, x):
        return (x - self.loc) / self.scale

    def _is_exponential(self):
        """Is the concentration 0 (to rounding)?"""
        return T.isclose(self.concentration, T.zeros_like(self.concentration))

    def _safe(self):
        """(is the concentration 0?, the concentration with 1 for 0)."""
        zero = self._is_exponential()
        return zero, T.where(zero, T.ones_like(self.concentration), self.concentration)

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self):
        """From loc on; up to loc - scale / k for a negative k."""
        end = T.where(
            self.concentration < 0, self.loc - self.scale / self.concentration, T.full_like(self.loc, math.inf)
        )
        return constraints.interval(self.loc, end)

    def rsample(self, sample_shape=()):
        """``icdf`` of a uniform draw."""
        u = T.rand(self._extended_shape(sample_shape), dtype=self.loc.dtype, device=self.loc.device)
        return self.icdf(u)

    def log_prob(self, value):
        """-(1 + 1/k) log(1 + k z) - log scale."""
        self._checked(value)
        z = self._z(value)
        zero, k = self._safe()
        heavy = -(1 + 1 / k) * T.log1p(k * z)
        return T.where(zero, -z, heavy) - self.scale.log()

    def log_survival_function(self, value):
        """log P(X > x)."""
        self._checked(value)
        z = self._z(value)
        zero, k = self._safe()
        return T.where(zero, -z, -T.log1p(k * z) / k)

    def log_cdf(self, value):
        """log P(X ≤ x)."""
        self._checked(value)
        return T.log1p(-T.exp(self.log_survival_function(value)))

    def cdf(self, value):
        """P(X ≤ x)."""
        self._checked(value)
        return T.exp(self.log_cdf(value))

    def icdf(self, value):
        """loc + scale ((1 - q)^(-k) - 1) / k."""
        zero, k = self._safe()
        below = T.log1p(-value)
        return self.loc + self.scale * T.where(zero, -below, T.expm1(-k * below) / k)

    def _moment(self, limit, value):
        """``value`` where k < limit, else NaN."""
        return T.where(self.concentration < limit, value, T.full_like(value, math.nan))

    @property
    def mean(self):
        """loc + scale / (1 - k) where k < 1, else NaN."""
        return self._moment(1, self.loc + self.scale / (1 - self.concentration))

    @property
    def variance(self):
        """scale² / ((1 - k)² (1 - 2k)) where k < ½, else NaN."""
        k = self.concentration
        return self._moment(0.5, self.scale.square() / ((1 - k).square() * (1 - 2 * k)))

    @property
    def mode(self):
        """loc."""
        return self.loc

    def entropy(self):
        """log scale + k + 1."""
        return (self.scale.log() + self.concentration + 1).expand(self._batch_shape)

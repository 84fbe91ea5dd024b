"""``HalfNormal``."""

import math

from rustorch.distributions import constraints
from rustorch.distributions.distribution import Distribution
from rustorch.distributions.normal import Normal
from rustorch.distributions.transformed_distribution import TransformedDistribution
from rustorch.distributions.transforms import AbsTransform
from rustorch.eager import ops as T
from rustorch.eager.convert import as_tensor


class Half(TransformedDistribution):
    """|X| with X of a distribution that is symmetric around 0."""

    arg_constraints = {"scale": constraints.positive}
    support = constraints.nonnegative
    has_rsample = True
    _batched: dict = {}
    base_dist: Distribution

    @property
    def scale(self):
        """The scale of X."""
        return self.base_dist.scale

    @property
    def mode(self):
        """0."""
        return T.zeros_like(self.scale)

    def log_prob(self, value):
        """log 2 plus that of X; -∞ below 0."""
        self._checked(value)
        value = as_tensor(value, dtype=self.scale.dtype, device=self.scale.device)
        found = self.base_dist.log_prob(value) + math.log(2)
        return T.where(value >= 0, found, T.full_like(found, -math.inf))

    def cdf(self, value):
        """2 F(x) - 1."""
        self._checked(value)
        return 2 * self.base_dist.cdf(value) - 1

    def icdf(self, value):
        """F⁻¹((q + 1) / 2)."""
        return self.base_dist.icdf((value + 1) / 2)

    def entropy(self):
        """That of X less log 2."""
        return self.base_dist.entropy() - math.log(2)


class HalfNormal(Half):
    """|X| with X from N(0, scale²).

    Arguments: scale: a number or a tensor of the batch shape.
    Errors: ``ValueError`` for a scale ≤ 0 or NaN.

    >>> import rustorch as torch
    >>> torch.distributions.HalfNormal(1.0).mean
    tensor(0.7979)
    """

    _batched: dict = {}

    def __init__(self, scale, validate_args=None):
        super().__init__(Normal(0, scale, validate_args=False), AbsTransform(), validate_args=validate_args)

    @property
    def mean(self):
        """scale √(2/π)."""
        return self.scale * math.sqrt(2 / math.pi)

    @property
    def variance(self):
        """scale² (1 - 2/π)."""
        return self.scale.square() * (1 - 2 / math.pi)

"""``Weibull``."""

from rustorch.distributions import constraints
from rustorch.distributions.exponential import Exponential
from rustorch.distributions.transformed_distribution import TransformedDistribution
from rustorch.distributions.transforms import AffineTransform, PowerTransform
from rustorch.distributions.utils import broadcast_all, euler_constant
from rustorch.eager import ops as T


class Weibull(TransformedDistribution):
    """P(X > x) = exp(-(x / scale)^k) with k the concentration.

    Arguments: scale, concentration: numbers or tensors that broadcast to the batch shape.
    Errors: ``ValueError`` for either ≤ 0 or NaN.

    >>> import rustorch as torch
    >>> torch.distributions.Weibull(2.0, 1.0).mean
    tensor(2.)
    """

    arg_constraints = {"scale": constraints.positive, "concentration": constraints.positive}
    support = constraints.positive
    _batched = {"scale": 0, "concentration": 0}

    def __init__(self, scale, concentration, validate_args=None):
        self.scale, self.concentration = broadcast_all(scale, concentration)
        base = Exponential(T.ones_like(self.scale), validate_args=validate_args)
        transforms = [PowerTransform(self.concentration.reciprocal()), AffineTransform(0, self.scale)]
        super().__init__(base, transforms, validate_args=validate_args)

    def _log_moment(self, n: int):
        """log E (X / scale)ⁿ."""
        return T.lgamma(1 + n * self.concentration.reciprocal())

    @property
    def mean(self):
        """scale Γ(1 + 1/k)."""
        return self.scale * self._log_moment(1).exp()

    @property
    def mode(self):
        """scale ((k - 1) / k)^(1/k)."""
        return self.scale * ((self.concentration - 1) / self.concentration) ** self.concentration.reciprocal()

    @property
    def variance(self):
        """scale² (Γ(1 + 2/k) - Γ(1 + 1/k)²)."""
        return self.scale.square() * (self._log_moment(2).exp() - (2 * self._log_moment(1)).exp())

    def entropy(self):
        """γ (1 - 1/k) + log(scale / k) + 1."""
        k = self.concentration.reciprocal()
        return euler_constant * (1 - k) + T.log(self.scale * k) + 1

"""``Pareto``."""

from rustorch.distributions import constraints
from rustorch.distributions.exponential import Exponential
from rustorch.distributions.transformed_distribution import TransformedDistribution
from rustorch.distributions.transforms import AffineTransform, ExpTransform
from rustorch.distributions.utils import broadcast_all


class Pareto(TransformedDistribution):
    """P(X > x) = (scale / x)^alpha for x ≥ scale.

    Arguments: scale, alpha: numbers or tensors that broadcast to the batch shape.
    Errors: ``ValueError`` for either ≤ 0 or NaN.

    >>> import rustorch as torch
    >>> torch.distributions.Pareto(1.0, 2.0).mean
    tensor(2.)
    """

    arg_constraints = {"alpha": constraints.positive, "scale": constraints.positive}
    _batched = {"alpha": 0, "scale": 0}

    def __init__(self, scale, alpha, validate_args=None):
        self.scale, self.alpha = broadcast_all(scale, alpha)
        base = Exponential(self.alpha, validate_args=validate_args)
        transforms = [ExpTransform(), AffineTransform(0, self.scale)]
        super().__init__(base, transforms, validate_args=validate_args)

    @property
    def mean(self):
        """alpha scale / (alpha - 1); infinite for alpha ≤ 1."""
        a = self.alpha.clamp(min=1)
        return a * self.scale / (a - 1)

    @property
    def mode(self):
        """scale."""
        return self.scale

    @property
    def variance(self):
        """scale² alpha / ((alpha - 1)² (alpha - 2)); infinite for alpha ≤ 2."""
        a = self.alpha.clamp(min=2)
        return self.scale.square() * a / ((a - 1).square() * (a - 2))

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self):
        """From scale on."""
        return constraints.greater_than_eq(self.scale)

    def entropy(self):
        """log(scale / alpha) + 1 + 1/alpha."""
        return (self.scale / self.alpha).log() + (1 + self.alpha.reciprocal())

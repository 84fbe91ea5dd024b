"""``LogNormal``."""

from rustorch.distributions import constraints
from rustorch.distributions.normal import Normal
from rustorch.distributions.transformed_distribution import TransformedDistribution
from rustorch.distributions.transforms import ExpTransform


class LogNormal(TransformedDistribution):
    """exp(X) with X from N(loc, scale²).

    Arguments: loc, scale: numbers or tensors that broadcast to the batch shape.
    Errors: ``ValueError`` for a scale ≤ 0 or NaN.

    >>> import rustorch as torch
    >>> torch.distributions.LogNormal(0.0, 1.0).mean
    tensor(1.6487)
    """

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.positive
    has_rsample = True
    _batched: dict = {}

    def __init__(self, loc, scale, validate_args=None):
        super().__init__(Normal(loc, scale, validate_args=validate_args), ExpTransform(), validate_args=validate_args)

    @property
    def loc(self):
        """The mean of the logarithm."""
        return self.base_dist.loc

    @property
    def scale(self):
        """The standard deviation of the logarithm."""
        return self.base_dist.scale

    @property
    def mean(self):
        """exp(loc + scale²/2)."""
        return (self.loc + self.scale.square() / 2).exp()

    @property
    def mode(self):
        """exp(loc - scale²)."""
        return (self.loc - self.scale.square()).exp()

    @property
    def variance(self):
        """(exp(scale²) - 1) exp(2 loc + scale²)."""
        square = self.scale.square()
        return square.expm1() * (2 * self.loc + square).exp()

    def entropy(self):
        """The normal's plus loc."""
        return self.base_dist.entropy() + self.loc

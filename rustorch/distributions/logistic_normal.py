"""``LogisticNormal``."""

from rustorch.distributions import constraints
from rustorch.distributions.normal import Normal
from rustorch.distributions.transformed_distribution import TransformedDistribution
from rustorch.distributions.transforms import StickBreakingTransform


class LogisticNormal(TransformedDistribution):
    """A stick broken by logistic functions of normals, on the simplex.

    Arguments: loc, scale: (..., k). Events: (k + 1,).
    Errors: ``ValueError`` for a scale ≤ 0 or NaN.

    >>> import rustorch as torch
    >>> torch.distributions.LogisticNormal(torch.zeros(2), torch.ones(2)).sample().shape
    torch.Size([3])
    """

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.simplex
    has_rsample = True
    _batched: dict = {}

    def __init__(self, loc, scale, validate_args=None):
        base = Normal(loc, scale, validate_args=validate_args)
        if not base.batch_shape:
            base = base.expand([1])
        super().__init__(base, StickBreakingTransform(), validate_args=validate_args)

    @property
    def loc(self):
        """The normals' means."""
        return self.base_dist.base_dist.loc

    @property
    def scale(self):
        """The normals' standard deviations."""
        return self.base_dist.base_dist.scale

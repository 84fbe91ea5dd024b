"""``Chi2``."""

from rustorch.distributions import constraints
from rustorch.distributions.gamma import Gamma


class Chi2(Gamma):
    """The sum of df squared standard normals: Gamma(df / 2, 1/2).

    Arguments: df: a number or a tensor of the batch shape.
    Errors: ``ValueError`` for df ≤ 0 or NaN.

    >>> import rustorch as torch
    >>> torch.distributions.Chi2(3.0).mean
    tensor(3.)
    """

    arg_constraints = {"df": constraints.positive}
    _batched = {"concentration": 0, "rate": 0}

    def __init__(self, df, validate_args=None):
        super().__init__(0.5 * df, 0.5, validate_args=validate_args)

    @property
    def df(self):
        """Degrees of freedom."""
        return self.concentration * 2

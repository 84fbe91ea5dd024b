"""``Laplace``."""

from rustorch.distributions import constraints
from rustorch.distributions.distribution import Distribution
from rustorch.distributions.utils import batch_shape_of, broadcast_all
from rustorch.eager import ops as T
from rustorch.limits import finfo


class Laplace(Distribution):
    """p(x) = exp(-|x - loc| / scale) / (2 scale).

    Arguments: loc, scale: numbers or tensors that broadcast to the batch shape.
    Errors: ``ValueError`` for a scale ≤ 0 or NaN.

    >>> import rustorch as torch
    >>> torch.distributions.Laplace(0.0, 1.0).cdf(torch.tensor([0.0, 1.0]))
    tensor([0.5000, 0.8161])
    """

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.real
    has_rsample = True
    _batched = {"loc": 0, "scale": 0}

    def __init__(self, loc, scale, validate_args=None):
        self.loc, self.scale = broadcast_all(loc, scale)
        super().__init__(batch_shape_of([self.loc], loc, scale), validate_args=validate_args)

    @property
    def mean(self):
        """loc."""
        return self.loc

    @property
    def mode(self):
        """loc."""
        return self.loc

    @property
    def variance(self):
        """2 scale²."""
        return 2 * self.scale.square()

    @property
    def stddev(self):
        """√2 scale."""
        return 2**0.5 * self.scale

    def rsample(self, sample_shape=()):
        """loc - scale sign(u) log(1 - |u|) with u uniform on (-1, 1)."""
        u = T.rand(self._extended_shape(sample_shape), dtype=self.loc.dtype, device=self.loc.device)
        u = (2 * u - 1).clamp(min=finfo(self.loc.dtype).eps - 1)
        return self.loc - self.scale * u.sign() * T.log1p(-u.abs())

    def log_prob(self, value):
        """The log density."""
        self._checked(value)
        return -T.log(2 * self.scale) - T.abs(value - self.loc) / self.scale

    def cdf(self, value):
        """½ - ½ sign(x - loc) (exp(-|x - loc| / scale) - 1)."""
        self._checked(value)
        off = value - self.loc
        return 0.5 - 0.5 * off.sign() * T.expm1(-off.abs() / self.scale)

    def icdf(self, value):
        """loc - scale sign(q - ½) log(1 - 2|q - ½|)."""
        off = value - 0.5
        return self.loc - self.scale * off.sign() * T.log1p(-2 * off.abs())

    def entropy(self):
        """1 + log(2 scale)."""
        return 1 + T.log(2 * self.scale)

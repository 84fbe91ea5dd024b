"""``LKJCholesky``."""

import math

from rustorch import linalg
from rustorch.autograd import no_grad
from rustorch.distributions import constraints
from rustorch.distributions.beta import Beta
from rustorch.distributions.distribution import Distribution
from rustorch.distributions.utils import broadcast_all, smallest, standard_normal
from rustorch.eager import ops as T
from rustorch.errors import ArgumentValueError
from rustorch.size import Size


class LKJCholesky(Distribution):
    """Cholesky factors L of correlation matrices with density of det(L Lᵀ)^(concentration - 1).

    Arguments: dim ≥ 2; concentration: a number or tensor of the batch shape; 1 is uniform. Events: (dim, dim).
    Errors: ``ValueError`` for a dim below 2 or a concentration ≤ 0.
    Source: Lewandowski, Kurowicka & Joe, 2009 (the onion method).

    >>> import rustorch as torch
    >>> d = torch.distributions.LKJCholesky(3, 0.5)
    >>> torch.allclose((d.sample() ** 2).sum(-1), torch.ones(3))
    True
    """

    arg_constraints = {"concentration": constraints.positive}
    support = constraints.corr_cholesky
    _batched: dict = {"concentration": 0}
    _shared = ("dim",)

    def __init__(self, dim: int, concentration=1.0, validate_args=None):
        if dim < 2:
            raise ArgumentValueError(f"Expected dim to be an integer greater than or equal to 2. Found dim={dim}.")
        self.dim = dim
        (self.concentration,) = broadcast_all(concentration)
        # Row i's squared length below the diagonal: Beta(i/2, concentration + (dim - 1 - i)/2), row 0 a stand-in.
        below = T.arange(dim - 1, dtype=self.concentration.dtype, device=self.concentration.device)
        below = T.cat([below.new_zeros(1), below])
        rest = (self.concentration + 0.5 * (dim - 2)).unsqueeze(-1) - 0.5 * below
        self._beta = Beta(0.5 * (below + 1), rest, validate_args=None if validate_args is None else validate_args)
        super().__init__(self.concentration.size(), Size((dim, dim)), validate_args=validate_args)

    def expand(self, batch_shape, _instance=None):
        """As ``Distribution.expand``."""
        new = super().expand(batch_shape, _instance)
        new._beta = self._beta.expand(Size(batch_shape) + (self.dim,))
        return new

    def sample(self, sample_shape=()):
        """Factors, by growing the matrix row by row."""
        like = self.concentration
        with no_grad():
            length = self._beta.sample(sample_shape).unsqueeze(-1)
            normals = standard_normal(self._extended_shape(sample_shape), like.dtype, like.device).tril(-1)
            norm = linalg.norm(normals, dim=-1, keepdim=True)
            direction = normals / T.where(norm == 0, T.ones_like(norm), norm)  # row 0 stays 0
            rows = length.sqrt() * direction
            diagonal = (1 - rows.square().sum(-1)).clamp(min=smallest(like.dtype)).sqrt()
            return rows + diagonal.diag_embed()

    def log_prob(self, value):
        """The log density."""
        self._checked(value)
        diagonal = value.diagonal(dim1=-2, dim2=-1)[..., 1:]
        order = T.arange(2, self.dim + 1, dtype=self.concentration.dtype, device=self.concentration.device)
        power = 2 * (self.concentration - 1).unsqueeze(-1) + self.dim - order
        unnormalised = (power * diagonal.log()).sum(-1)
        n = self.dim - 1
        alpha = self.concentration + 0.5 * n
        constant = 0.5 * n * math.log(math.pi) + T.mvlgamma(alpha - 0.5, p=n) - T.lgamma(alpha) * n
        return unnormalised - constant

"""``Wishart``."""

import math
from numbers import Number

from rustorch import linalg
from rustorch.distributions import constraints
from rustorch.distributions._factored import Factored, half_log_det
from rustorch.distributions._look import holds
from rustorch.distributions.chi2 import Chi2
from rustorch.distributions.exp_family import ExponentialFamily
from rustorch.distributions.utils import standard_normal
from rustorch.eager import ops as T
from rustorch.eager.convert import tensor
from rustorch.errors import ArgumentValueError, check
from rustorch.size import Size


def multi_digamma(x, p: int):
    """The derivative of log Γ_p(x): Σᵢ ψ(x - i/2) for i below p."""
    steps = T.arange(p, dtype=x.dtype, device=x.device)
    return T.digamma(x.unsqueeze(-1) - 0.5 * steps).sum(-1)


class Wishart(Factored, ExponentialFamily):
    """p(X) = |X|^((ν - p - 1)/2) exp(-½ tr(V⁻¹ X)) / (2^(νp/2) |V|^(ν/2) Γ_p(ν/2)), on positive definite X.

    Arguments: df ν > p - 1, a number or tensor; one of covariance_matrix V, precision_matrix V⁻¹ and scale_tril L
    with V = L Lᵀ, (..., p, p). Events: (p, p).
    Errors: ``ValueError`` for ν ≤ p - 1, wrong shapes, or matrices not positive definite.
    Source: Smith & Hocking, 1972 (draws, by Bartlett's decomposition).

    >>> import rustorch as torch
    >>> torch.distributions.Wishart(torch.tensor(3.0), torch.eye(2)).mean
    tensor([[3., 0.],
            [0., 3.]])
    """

    support = constraints.positive_definite
    has_rsample = True
    _mean_carrier_measure = 0
    _batched = {"df": 0, "covariance_matrix": 2, "precision_matrix": 2, "scale_tril": 2}
    _shared = ("_unbroadcasted_scale_tril", "_degrees")

    @property
    def arg_constraints(self):
        """Positive definite matrices, and enough degrees of freedom."""
        return {
            "covariance_matrix": constraints.positive_definite,
            "precision_matrix": constraints.positive_definite,
            "scale_tril": constraints.lower_cholesky,
            "df": constraints.greater_than(self._event_shape[-1] - 1),
        }

    def __init__(self, df, covariance_matrix=None, precision_matrix=None, scale_tril=None, validate_args=None):
        given = self._only_one(
            covariance_matrix=covariance_matrix, precision_matrix=precision_matrix, scale_tril=scale_tril
        )
        check(
            given is not None,
            "Exactly one of covariance_matrix or precision_matrix or scale_tril may be specified.",
            AssertionError,
        )
        name, matrix = given
        if matrix.dim() < 2:
            raise ArgumentValueError(
                "scale_tril must be at least two-dimensional, with optional leading batch dimensions"
            )
        if isinstance(df, Number):
            batch = Size(matrix.shape[:-2])
            self.df = tensor(float(df), dtype=matrix.dtype, device=matrix.device).expand(batch)
        else:
            batch = Size(T.broadcast_shapes(matrix.shape[:-2], df.shape))
            self.df = df.expand(batch)
        event = matrix.shape[-2:]
        if not holds(constraints.greater_than(event[-1] - 1), self.df):
            raise ArgumentValueError(f"Value of df={df} expected to be greater than ndim - 1 = {event[-1] - 1}.")
        setattr(self, name, matrix.expand(batch + event))
        self._degrees = event[-1]
        super().__init__(batch, event, validate_args=validate_args)
        self._factor(name, matrix)

    def _df(self):
        return self.df.reshape(self._batch_shape + (1, 1))

    @property
    def mean(self):
        """ν V."""
        return self._df() * self.covariance_matrix

    @property
    def mode(self):
        """(ν - p - 1) V where ν > p + 1, else NaN."""
        factor = self.df - self.covariance_matrix.shape[-1] - 1
        factor = T.where(factor > 0, factor, T.full_like(factor, math.nan))
        return factor.reshape(self._batch_shape + (1, 1)) * self.covariance_matrix

    @property
    def variance(self):
        """ν (Vᵢⱼ² + Vᵢᵢ Vⱼⱼ)."""
        v = self.covariance_matrix
        diagonal = v.diagonal(dim1=-2, dim2=-1)
        return self._df() * (v.square() + diagonal.unsqueeze(-1) * diagonal.unsqueeze(-2))

    def rsample(self, sample_shape=()):
        """(L A)(L A)ᵀ: A's diagonal holds roots of chi-squares, below it are normals (Bartlett)."""
        p = self._degrees
        below = T.arange(p, dtype=self.df.dtype, device=self.df.device)
        squares = Chi2(self.df.unsqueeze(-1) - below, validate_args=False).rsample(sample_shape)
        normals = standard_normal(self._extended_shape(sample_shape), self.df.dtype, self.df.device)
        factor = self._unbroadcasted_scale_tril @ (normals.tril(-1) + squares.sqrt().diag_embed())
        return factor @ factor.mT

    def log_prob(self, value):
        """The log density."""
        self._checked(value)
        nu, p = self.df, self._degrees
        inside = linalg.solve_triangular(self._unbroadcasted_scale_tril, value, upper=False)
        trace = linalg.solve_triangular(self._unbroadcasted_scale_tril, inside.mT, upper=False)
        return (
            -nu * (p * math.log(2) / 2 + half_log_det(self._unbroadcasted_scale_tril))
            - T.mvlgamma(nu / 2, p=p)
            + (nu - p - 1) / 2 * linalg.slogdet(value).logabsdet
            - trace.diagonal(dim1=-2, dim2=-1).sum(-1) / 2
        )

    def entropy(self):
        """(p + 1)/2 log det(2V) + log Γ_p(ν/2) - (ν - p - 1)/2 ψ_p(ν/2) + ν p / 2."""
        nu, p = self.df, self._degrees
        return (
            (p + 1) * (p * math.log(2) / 2 + half_log_det(self._unbroadcasted_scale_tril))
            + T.mvlgamma(nu / 2, p=p)
            - (nu - p - 1) / 2 * multi_digamma(nu / 2, p)
            + nu * p / 2
        )

    @property
    def _natural_params(self):
        return -self.precision_matrix / 2, (self.df - self._degrees - 1) / 2

    def _log_normalizer(self, x, y):
        p = self._degrees
        half = y + (p + 1) / 2
        return half * (p * math.log(2) - linalg.slogdet(-2 * x).logabsdet) + T.mvlgamma(half, p=p)

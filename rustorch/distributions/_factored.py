"""``Factored``: distributions whose parameter is a positive definite matrix, its inverse, or its Cholesky factor."""

from rustorch import linalg
from rustorch.distributions.utils import lazy_property
from rustorch.eager import ops as T


def half_log_det(triangle):
    """½ log det of L Lᵀ: the sum of the logs of L's diagonal."""
    return triangle.diagonal(dim1=-2, dim2=-1).log().sum(-1)


def squared_length(triangle, x):
    """|L⁻¹ x|²: (..., n, n) and (..., n) to the broadcast batch shape."""
    if triangle.dim() == 2:  # one matrix: all vectors are columns of one solve
        columns = x.reshape(-1, x.shape[-1]).mT
        return linalg.solve_triangular(triangle, columns, upper=False).square().sum(0).reshape(x.shape[:-1])
    return linalg.solve_triangular(triangle, x.unsqueeze(-1), upper=False).square().sum((-2, -1))


def _tril_of_precision(precision):
    """The Cholesky factor of a matrix's inverse, without the inverse."""
    reversed_factor = linalg.cholesky(precision.flip(-2, -1))
    inverse = reversed_factor.flip(-2, -1).mT
    identity = T.eye(precision.shape[-1], dtype=precision.dtype, device=precision.device)
    return linalg.solve_triangular(inverse, identity, upper=False)


_FACTORS = {"scale_tril": lambda m: m, "covariance_matrix": linalg.cholesky, "precision_matrix": _tril_of_precision}


class Factored:
    """The three forms of Σ = L Lᵀ, of which one was given; the others are computed when they are asked for."""

    @staticmethod
    def _only_one(**forms):
        """The name and the matrix of the form that is given, or None where it is not exactly one."""
        given = [(name, matrix) for name, matrix in forms.items() if matrix is not None]
        return given[0] if len(given) == 1 else None

    def _factor(self, name: str, matrix) -> None:
        """Keep the factor of the form that was given."""
        self._unbroadcasted_scale_tril = _FACTORS[name](matrix)

    def _expanded(self, matrix):
        return matrix.expand(self._batch_shape + matrix.shape[-2:])

    @lazy_property
    def scale_tril(self):
        """L."""
        return self._expanded(self._unbroadcasted_scale_tril)

    @lazy_property
    def covariance_matrix(self):
        """Σ."""
        factor = self._unbroadcasted_scale_tril
        return self._expanded(factor @ factor.mT)

    @lazy_property
    def precision_matrix(self):
        """Σ⁻¹."""
        return self._expanded(T.cholesky_inverse(self._unbroadcasted_scale_tril))

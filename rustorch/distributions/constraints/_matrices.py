"""Sets of matrices."""

from rustorch import linalg
from rustorch.distributions.constraints._base import Constraint
from rustorch.eager import ops as T
from rustorch.limits import finfo


class _Matrix(Constraint):
    event_dim = 2


class _LowerTriangular(_Matrix):
    """Square matrices with zeros above the diagonal."""

    def check(self, value):
        """Is all above the diagonal zero?"""
        return (value.tril() == value).flatten(-2).all(-1)


class _LowerCholesky(_Matrix):
    """Lower triangular matrices with a positive diagonal."""

    def check(self, value):
        """Is it triangular, with a positive diagonal?"""
        return _LowerTriangular().check(value) & (value.diagonal(dim1=-2, dim2=-1) > 0).all(-1)


class _CorrCholesky(_Matrix):
    """Cholesky factors of correlation matrices: positive diagonal, rows of length 1."""

    def check(self, value):
        """Has it a positive diagonal, and rows of length 1 (to rounding)?"""
        tolerance = 10 * finfo(value.dtype).eps * value.shape[-1]
        unit = ((linalg.norm(value, dim=-1) - 1).abs() <= tolerance).all(-1)
        return _LowerCholesky().check(value) & unit


class _Square(_Matrix):
    """Square matrices."""

    def check(self, value):
        """Are there as many rows as columns?"""
        return T.full(value.shape[:-2], value.shape[-2] == value.shape[-1], device=value.device)


class _Symmetric(_Square):
    """Symmetric matrices."""

    def check(self, value):
        """Does it equal its transpose, to within 1e-6?"""
        if value.shape[-2] != value.shape[-1]:
            return super().check(value)
        return T.isclose(value, value.mT, atol=1e-6).flatten(-2).all(-1)


class _PositiveSemidefinite(_Symmetric):
    """Symmetric matrices without negative eigenvalue."""

    def check(self, value):
        """Is it symmetric, with no negative eigenvalue?"""
        fits = super().check(value)
        return fits if value.shape[-2] != value.shape[-1] else fits & (linalg.eigvalsh(value) >= 0).all(-1)


class _PositiveDefinite(_Symmetric):
    """Symmetric matrices with positive eigenvalues only."""

    def check(self, value):
        """Is it symmetric, and is there a Cholesky factor?"""
        fits = super().check(value)
        return fits if value.shape[-2] != value.shape[-1] else fits & (linalg.cholesky_ex(value).info == 0)

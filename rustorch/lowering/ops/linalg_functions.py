"""Powers and exponentials of matrices, and inverses of linear maps between tensors."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from rustorch.errors import check
from rustorch.lowering.ops.linalg_checks import floating, square, square_shape
from rustorch.lowering.ops.linalg_solve import LINALG, _inv, twice
from rustorch.lowering.table import op


def _power(A, n):
    """``A`` multiplied with itself ``n`` times; negative powers of the inverse."""
    square_shape(A, "linalg.matrix_power")
    if n < 0:
        return _power(_inv(A), -n)
    if n == 0:
        return jnp.broadcast_to(jnp.eye(A.shape[-1], dtype=A.dtype), A.shape)
    out = None
    while n:
        out = (A if out is None else out @ A) if n & 1 else out
        n >>= 1
        A = A @ A if n else A
    return out


def _matrix_power(A, n: int):
    """``A`` multiplied with itself ``n`` times; negative powers of the inverse."""
    return _power(A, n)


matrix_power = twice(_matrix_power, "matrix_power", grad_name="MmBackward0")


def _matrix_exp(A):
    """The exponential of square matrices, ``sum of A**k / k!``."""
    square(A, "linalg.matrix_exp", low_precision=True)
    # In double precision: repeated squaring multiplies what rounding did to small elements.
    wide = A.astype(jnp.promote_types(A.dtype, jnp.float64))
    out = jax.scipy.linalg.expm(wide) if A.ndim == 2 else _mapped(wide)
    return out.astype(A.dtype)


def _mapped(A):
    return jax.vmap(jax.scipy.linalg.expm)(A.reshape((-1,) + A.shape[-2:])).reshape(A.shape)


matrix_exp = twice(_matrix_exp, "matrix_exp", grad_name="LinalgMatrixExpBackward0")


@op(**LINALG, grad_name="ViewBackward0")
def tensorinv(A, ind=2):
    """The inverse of the linear map from the last dimensions of ``A`` to its first ``ind``."""
    check(ind > 0, "Expected a strictly positive integer for 'ind'")
    first, last = A.shape[:ind], A.shape[ind:]
    m, n = int(np.prod(first)), int(np.prod(last))
    check(
        m == n,
        f"Expected self to satisfy the requirement prod(self.shape[ind:]) == prod(self.shape[:ind]), but got {n} != {m}",
    )
    return _inv(A.reshape(m, n)).reshape(last + first)


@op(**LINALG, grad_name="ViewBackward0")
def tensorsolve(A, B, dims=None):
    """X with ``tensordot(A, X, X.ndim) = B``; ``dims`` of A are moved to the end first."""
    floating(A, "linalg.solve")
    if dims is not None:
        dims = [d % A.ndim for d in dims]
        A = jnp.moveaxis(A, dims, range(A.ndim - len(dims), A.ndim))
    shape = A.shape[B.ndim :]
    n, m = int(np.prod(shape)), int(np.prod(A.shape[: B.ndim]))
    check(
        n == m,
        "Expected self to satisfy the requirement prod(self.shape[other.ndim:]) == prod(self.shape[:other.ndim]), "
        f"but got {n} != {m}",
    )
    return jnp.linalg.solve(A.reshape(m, n), B.reshape(-1)).reshape(shape)

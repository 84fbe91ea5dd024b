"""Determinants, inverses and linear systems.

PyTorch raises ``LinAlgError`` for a singular matrix, which needs a look at the values. Here
nothing waits for values: the result is inf or nan, and the ``_ex`` forms report it in ``info``.
"""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from rustorch.errors import RustorchRuntimeError, ShapeMismatchError, check
from rustorch.lowering.kernels.graft import graft
from rustorch.lowering.ops.linalg_checks import adjoint, batches, floating, matrix, same_dtype, square
from rustorch.lowering.ops.linalg_decomp import _eigh, singular_values
from rustorch.lowering.promote import cast, dtype_of
from rustorch.lowering.table import Number, op

LINALG = {"namespace": "linalg", "dear": True}


def twice(body, name, old_name=None, **options):
    """An op in ``linalg`` and the older one of the same body in ``torch``."""
    ops = op(body, name=name, **LINALG, **options), op(body, name=old_name or name, dear=True, **options)
    return ops[0]


# --- determinants and inverses -----------------------------------------------


def _det(A):
    """The determinant of square matrices."""
    square(A, "linalg.det")
    return jnp.linalg.det(A)


def _slogdet(A):
    """Sign (or phase) and logarithm of the magnitude of the determinant."""
    square(A, "linalg.slogdet")
    return tuple(jnp.linalg.slogdet(A))


det = twice(_det, "det", grad_name="LinalgDetBackward0")
slogdet = twice(_slogdet, "slogdet", fields=("sign", "logabsdet"), grad_name="LinalgSlogdetBackward0")


@op(dear=True, grad_name="WhereBackward0")
def logdet(input):
    """Logarithm of the determinant; nan if that is negative."""
    square(input, "linalg.slogdet")
    sign, size = jnp.linalg.slogdet(input)
    if jnp.iscomplexobj(input):
        return size + jnp.log(sign)
    return jnp.where(sign == -1, np.array(np.nan, input.dtype), size)


def _inv(A):
    """The inverse of square matrices."""
    square(A, "linalg.inv")
    return jnp.linalg.inv(A)


inv = twice(_inv, "inv", "inverse", grad_name="LinalgInvExBackward0")


def _info(*results):
    """0 where a factorisation worked, 1 where it left nan or inf behind."""
    bad = ~jnp.isfinite(results[0]).all((-2, -1))
    return bad.astype(np.int32)


@op(**LINALG, fields=("inverse", "info"), grad_name="LinalgInvExBackward0")
def inv_ex(A, *, check_errors=False):
    """The inverse, and 0 (worked) or 1 (singular) for each matrix."""
    out = _inv(A)
    return out, _info(out)


@functools.partial(jax.custom_jvp, nondiff_argnums=(3,))
def _pinv(A, atol, rtol, hermitian):
    if hermitian:
        values, vectors = _eigh(A)
        size = jnp.abs(values)
        keep = size > jnp.maximum(atol[..., None], rtol[..., None] * size.max(-1, keepdims=True))
        inverse = jnp.where(keep, 1 / jnp.where(keep, values, 1), 0).astype(A.dtype)
        return (vectors * inverse[..., None, :]) @ adjoint(vectors)
    u, s, vh = jnp.linalg.svd(A, full_matrices=False)
    keep = s > jnp.maximum(atol[..., None], rtol[..., None] * s.max(-1, keepdims=True))
    inverse = jnp.where(keep, 1 / jnp.where(keep, s, 1), 0).astype(A.dtype)
    return (adjoint(vh) * inverse[..., None, :]) @ adjoint(u)


@_pinv.defjvp
def _(hermitian, primals, tangents):
    A, dA = primals[0], tangents[0]
    p = _pinv(*primals, hermitian)
    ph, dah = adjoint(p), adjoint(dA)
    change = p @ ph @ (dah - dah @ A @ p) + (dah - p @ A @ dah) @ ph @ p - p @ dA @ p
    return p, change


def _tolerances(A, atol, rtol):
    """Absolute and relative cut-off as arrays; the default is ``max(m, n) * eps``, relative."""
    real = dtype_of(A).to_real()
    if rtol is None:
        default = max(A.shape[-2:]) * float(np.finfo(real.numpy).eps)
        rtol = default if atol is None else jnp.where(cast(atol, real) > 0, 0.0, default)
    return cast(0.0 if atol is None else atol, real), cast(rtol, real)


def pseudo_inverse(A, atol, rtol, hermitian):
    """Moore-Penrose inverse, singular values below the cut-off dropped."""
    if A.size == 0:
        return jnp.zeros(A.shape[:-2] + A.shape[:-3:-1], A.dtype)
    return _pinv(A, *_tolerances(A, atol, rtol), hermitian)


@op(**LINALG, grad_name="LinalgPinvBackward0")
def pinv(A, rcond: Number = None, hermitian=False, *, atol: Number = None, rtol: Number = None):
    """Moore-Penrose inverse; singular values up to ``max(atol, rtol * largest)`` count as 0."""
    matrix(A, "linalg.pinv")
    floating(A, "linalg.pinv")
    return pseudo_inverse(A, atol, rcond if rtol is None else rtol, hermitian)


@op(dear=True, grad_name="LinalgPinvBackward0")
def pinverse(input, rcond: Number = 1e-15):
    """Moore-Penrose inverse; singular values up to ``rcond * largest`` count as 0."""
    floating(input, "linalg.pinv")
    return pseudo_inverse(input, None, rcond, False)


@op(**LINALG, differentiable=False)
def matrix_rank(A, tol: Number = None, hermitian=False, *, atol: Number = None, rtol: Number = None):
    """The number of singular values above ``max(atol, rtol * largest)``."""
    matrix(A, "linalg.matrix_rank", "input")
    floating(A, "linalg.matrix_rank")
    if A.size == 0:
        return jnp.zeros(A.shape[:-2], np.int64)
    s = jnp.abs(_eigh(A)[0]) if hermitian else singular_values(A)
    atol, rtol = _tolerances(A, tol if atol is None else atol, 0.0 if tol is not None else rtol)
    cut = jnp.maximum(atol[..., None], rtol[..., None] * s.max(-1, keepdims=True))
    return (s > cut).sum(-1).astype(np.int64)


# --- systems -----------------------------------------------------------------


def solved(A, B, left, name):
    """``A X = B`` (or ``X A = B``); B may hold vectors."""
    square(A, name)
    same_dtype(A, B, name)
    vector = B.ndim == 1 or (B.ndim == A.ndim - 1 and B.shape == A.shape[:-1])
    check(B.ndim >= 1, f"{name}: The input tensor B must have at least 1 dimension")
    if vector:
        check(
            left,
            f"{name}: Vector broadcasting of the left hand side is not supported for left=False. In this case linalg.solve is equivalent to B / A.squeeze(-1)",
        )
        B = B[..., None]
    n = B.shape[-2 if left else -1]
    if n != A.shape[-1]:
        raise ShapeMismatchError(
            f"{name}: Incompatible shapes of A and B for the equation {'AX = B' if left else 'XA = B'} "
            f"({A.shape[-2]}x{A.shape[-1]} and {B.shape[-2]}x{B.shape[-1]})",
            A.shape,
            B.shape,
        )
    lead = batches(A, B, name)
    A, B = jnp.broadcast_to(A, lead + A.shape[-2:]), jnp.broadcast_to(B, lead + B.shape[-2:])
    if not left:
        return jnp.swapaxes(jnp.linalg.solve(jnp.swapaxes(A, -1, -2), jnp.swapaxes(B, -1, -2)), -1, -2)
    out = jnp.linalg.solve(A, B)
    return out[..., 0] if vector else out


@op(**LINALG, grad_name="LinalgSolveExBackward0")
def solve(A, B, *, left=True):
    """X with ``A X = B``, or ``X A = B`` if not ``left``."""
    return solved(A, B, left, "linalg.solve")


@op(**LINALG, fields=("result", "info"), grad_name="LinalgSolveExBackward0")
def solve_ex(A, B, *, left=True, check_errors=False):
    """X with ``A X = B``, and 0 (worked) or 1 (singular) for each matrix."""
    return solved(A, B, left, "linalg.solve"), _info(jnp.linalg.inv(A))


def _triangular(A, B, upper, left, unit, name, transposed=False):
    square(A, name)
    same_dtype(A, B, name)
    n = B.shape[-2 if left else -1]
    if n != A.shape[-1]:
        raise ShapeMismatchError(
            f"{name}: Incompatible shapes of A and B for the equation {'AX = B' if left else 'XA = B'} "
            f"({A.shape[-2]}x{A.shape[-1]} and {B.shape[-2]}x{B.shape[-1]})",
            A.shape,
            B.shape,
        )
    lead = batches(A, B, name)
    A, B = jnp.broadcast_to(A, lead + A.shape[-2:]), jnp.broadcast_to(B, lead + B.shape[-2:])
    return lax.linalg.triangular_solve(
        A, B, left_side=left, lower=not upper, unit_diagonal=unit, transpose_a=transposed
    )


@op(**LINALG, grad_name="LinalgSolveTriangularBackward0")
def solve_triangular(A, B, *, upper: bool, left=True, unitriangular=False):
    """X with ``A X = B`` (or ``X A = B``) for triangular A, of which the other triangle is not read."""
    return _triangular(A, B, upper, left, unitriangular, "linalg.solve_triangular")


@op(fields=("solution", "cloned_coefficient"), dear=True, grad_name="TriangularSolveBackward0")
def triangular_solve(input, A, upper=True, transpose=False, unitriangular=False):
    """X with ``A X = input`` for triangular A, and A."""
    return _triangular(A, input, upper, True, unitriangular, "triangular_solve", transpose), A


# --- Cholesky ----------------------------------------------------------------


def factor(A, upper):
    """``L`` with ``A = L L^H``, reading one triangle of A; its gradient is symmetric."""
    half = (A + adjoint(A)) / 2
    read = jnp.triu(A) if upper else jnp.tril(A)
    strict = jnp.triu(A, 1) if upper else jnp.tril(A, -1)
    L = lax.linalg.cholesky(graft(read + adjoint(strict), half), symmetrize_input=False)
    return adjoint(L) if upper else L


@op(**LINALG, grad_name="LinalgCholeskyExBackward0")
def cholesky(A, *, upper=False):
    """Lower triangular L with ``A = L L^H`` for positive-definite A (upper: ``A = U^H U``)."""
    square(A, "linalg.cholesky")
    return factor(A, upper)


@op(**LINALG, fields=("L", "info"), grad_name="LinalgCholeskyExBackward0")
def cholesky_ex(A, *, upper=False, check_errors=False):
    """The Cholesky factor, and 0 (worked) or 1 (not positive-definite) for each matrix."""
    square(A, "linalg.cholesky_ex")
    out = factor(A, upper)
    return out, _info(out)


@op(name="cholesky", dear=True, grad_name="CholeskyBackward0")
def cholesky_(input, upper=False):
    """Lower triangular L with ``input = L L^H`` for a positive-definite matrix."""
    square(input, "cholesky")
    return factor(input, upper)


@op(dear=True)
def cholesky_solve(input, L, upper=False):
    """X with ``A X = input``, given A's Cholesky factor."""
    check(input.ndim >= 2, f"b should have at least 2 dimensions, but has {input.ndim} dimensions instead")
    check(L.ndim >= 2, f"u should have at least 2 dimensions, but has {L.ndim} dimensions instead")
    L = adjoint(L) if upper else L
    y = _triangular(L, input, False, True, False, "cholesky_solve")
    return _triangular(adjoint(L), y, True, True, False, "cholesky_solve")


@op(dear=True)
def cholesky_inverse(L, upper=False):
    """The inverse of A, given A's Cholesky factor."""
    square(L, "cholesky_inverse")
    return cholesky_solve(jnp.broadcast_to(jnp.eye(L.shape[-1], dtype=L.dtype), L.shape), L, upper)


# --- least squares -----------------------------------------------------------


@op(
    **LINALG,
    function=False,
    fields=("solution", "residuals", "rank", "singular_values"),
    grad_name="LinalgLstsqBackward0",
)
def lstsq(A, B, rcond: Number = None, driver=None):
    """X that makes ``norm(A X - B)`` smallest (and of those the smallest X), with residuals and rank.

    The residuals are left out (empty) unless A has more rows than columns, and with the default
    driver, as in PyTorch.
    """
    name = "torch.linalg.lstsq"
    check(A.ndim >= 2, f"{name}: input must have at least 2 dimensions.")
    vector = B.ndim == 1 or (B.ndim == A.ndim - 1 and B.shape == A.shape[:-1])
    B = B[..., None] if vector else B
    if A.shape[-2] != B.shape[-2]:
        raise ShapeMismatchError(f"{name}: input.size(-2) should match other.size(-2)", A.shape, B.shape)
    if driver not in (None, "gelsy", "gels", "gelsd", "gelss"):
        raise RustorchRuntimeError(f"{name}: parameter `driver` should be one of (gels, gelsy, gelsd, gelss)")
    floating(A, name)
    rows, columns = A.shape[-2:]
    x = pseudo_inverse(A, None, rcond, False) @ B
    real = dtype_of(A).to_real().numpy
    empty = jnp.zeros((0,), real)
    residuals = (jnp.abs(A @ x - B) ** 2).sum(-2) if rows > columns and driver not in (None, "gelsy") else empty
    s = lax.stop_gradient(singular_values(A))
    _, cut = _tolerances(A, None, rcond)
    rank = (s > cut * s.max(-1, keepdims=True)).sum(-1).astype(np.int64)
    if driver == "gels":
        rank = jnp.zeros((0,), np.int64)
    return (x[..., 0] if vector else x), residuals, rank, (s if driver in ("gelsd", "gelss") else empty)


# --- packed forms ---------------------------------------------------------------


@op(**LINALG, grad_name="LinalgLuSolveBackward0")
def lu_solve(LU, pivots, B, *, left=True, adjoint=False):
    """X with ``A X = B``, given A's packed LU form and row exchanges."""
    return _lu_solved(LU, pivots, B, left, adjoint)


@op(name="lu_solve", dear=True, grad_name="LinalgLuSolveBackward0")
def lu_solve_(input, LU_data, LU_pivots):
    """X with ``A X = input``, given A's packed LU form and row exchanges."""
    return _lu_solved(LU_data, LU_pivots, input, True, False)


def _lu_solved(LU, pivots, B, left, conjugate):
    floating(LU, "linalg.lu_solve")
    if not left:  # X A = B is A^H X^H = B^H
        return adjoint(_lu_solved(LU, pivots, adjoint(B), True, not conjugate))
    n = LU.shape[-1]
    order = lax.linalg.lu_pivots_to_permutation(pivots.astype(np.int32) - 1, n)
    P = (order[..., :, None] == np.arange(n, dtype=np.int32)).astype(LU.dtype)
    lead = batches(LU, B, "linalg.lu_solve")
    LU, B = jnp.broadcast_to(LU, lead + LU.shape[-2:]), jnp.broadcast_to(B, lead + B.shape[-2:])

    def solve(b, lower, flip):
        return lax.linalg.triangular_solve(
            LU, b, left_side=True, lower=lower, unit_diagonal=lower, transpose_a=flip, conjugate_a=flip
        )

    if conjugate:
        return adjoint(P) @ solve(solve(B, False, True), True, True)
    return solve(solve(P @ B, True, False), False, False)


@op(**LINALG, grad_name="LinalgHouseholderProductBackward0")
def householder_product(A, tau):
    """The first columns of the product of reflections ``1 - tau[i] v[i] v[i]^H``, v in A's columns."""
    matrix(A, "torch.linalg.householder_product", "input")
    floating(A, "torch.linalg.householder_product")
    rows, columns = A.shape[-2:]
    check(
        rows >= columns,
        "torch.linalg.householder_product: input.shape[-2] must be greater than or equal to input.shape[-1]",
    )
    out = jnp.broadcast_to(jnp.eye(rows, columns, dtype=A.dtype), A.shape)
    vectors = jnp.tril(A, -1) + jnp.eye(rows, columns, dtype=A.dtype)
    for i in reversed(range(tau.shape[-1])):
        v = vectors[..., i : i + 1]
        out = out - tau[..., i, None, None] * (v @ (adjoint(v) @ out))
    return out


@op(name="orgqr", dear=True, grad_name="LinalgHouseholderProductBackward0")
def orgqr(input, tau):
    """The Q of a QR decomposition in the form that ``geqrf`` gives."""
    return householder_product(input, tau)


@op(fields=("a", "tau"), dear=True, lacks=(None, "the derivative for 'geqrf' is not implemented."))
def geqrf(input):
    """QR decomposition in packed form: reflections below the diagonal, R on and above it."""
    floating(input, "geqrf")
    packed, tau = jnp.linalg.qr(input, mode="raw")
    return jnp.swapaxes(packed, -1, -2), tau

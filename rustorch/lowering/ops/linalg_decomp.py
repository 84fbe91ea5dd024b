"""Decompositions: QR, SVD, eigenvalues, LU, and what is read off them.

Derivatives of eigen- and singular vectors divide by differences of eigenvalues. Where two are
equal the quotient is taken as 0, so that a function of the eigenvalues alone, or one that does
not depend on the choice of vectors, has a finite gradient.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from rustorch.errors import RustorchRuntimeError, check
from rustorch.lowering.ops.linalg_checks import adjoint, floating, matrix, square
from rustorch.lowering.table import op

_L = {"namespace": "linalg", "dear": True}


def _reciprocal(x):
    zero = x == 0
    return jnp.where(zero, 0, 1 / jnp.where(zero, 1, x))


def _skew_tangent(p, values):
    """``p[i][j] / (values[j] - values[i])`` off the diagonal."""
    return p * _reciprocal(values[..., None, :] - values[..., :, None])


def _diagonal(x):
    return jnp.diagonal(x, axis1=-2, axis2=-1)


# --- QR ----------------------------------------------------------------------


def _qr(A, complete):
    rows, columns = A.shape[-2:]
    if rows < columns:  # the left block decides Q; JAX has no derivative for the wide form
        q, left = jnp.linalg.qr(A[..., :rows], mode="reduced")
        return q, jnp.concatenate([left, adjoint(q) @ A[..., rows:]], -1)
    if complete and rows != columns:
        q, r = jnp.linalg.qr(lax.stop_gradient(A), mode="complete")
        thin, top = jnp.linalg.qr(A, mode="reduced")
        return jnp.concatenate([thin, q[..., columns:]], -1), jnp.concatenate([top, r[..., columns:, :]], -2)
    return tuple(jnp.linalg.qr(A, mode="reduced"))


@op(**_L, fields=("Q", "R"), grad_name="LinalgQrBackward0")
def qr(A, mode="reduced"):
    """``A = Q R`` with orthonormal columns in Q and R upper triangular. ``mode`` "r" computes R only."""
    matrix(A, "linalg.qr")
    floating(A, "linalg.qr")
    if mode not in ("reduced", "complete", "r"):
        raise RustorchRuntimeError(
            f"qr received unrecognized mode '{mode}' but expected one of 'reduced' (default), 'r', or 'complete'"
        )
    q, r = _qr(A, mode == "complete")
    return (jnp.zeros((0,), A.dtype) if mode == "r" else q), r


@op(name="qr", dear=True, fields=("Q", "R"), grad_name="LinalgQrBackward0")
def qr_(input, some=True):
    """``input = Q R``; without ``some`` Q is square."""
    matrix(input, "torch.qr", "input")
    floating(input, "linalg.qr")
    return _qr(input, not some)


# --- singular values ---------------------------------------------------------


@jax.custom_jvp
def _svd(A):
    """Thin U, S, Vh."""
    return tuple(jnp.linalg.svd(A, full_matrices=False))


@_svd.defjvp
def _(primals, tangents):
    (A,), (dA,) = primals, tangents
    u, s, vh = _svd(A)
    uh, v = adjoint(u), adjoint(vh)
    p = uh @ dA @ v
    ds = jnp.real(_diagonal(p))
    row, column = s[..., None, :].astype(A.dtype), s[..., :, None].astype(A.dtype)
    # U^H dU = E * (P S + S P^H), V^H dV = E * (S P + P^H S), E[i][j] = 1 / (s[j]^2 - s[i]^2)
    inverse = _reciprocal((row - column) * (row + column))
    ph = adjoint(p)
    wu, wv = inverse * (p * row + column * ph), inverse * (column * p + ph * row)
    if jnp.iscomplexobj(A):  # the phase of a pair of vectors is free: put it all in V
        n = s.shape[-1]
        wv = wv - jnp.eye(n, dtype=A.dtype) * (jnp.imag(_diagonal(p)) * _reciprocal(s) * 1j)[..., None, :].astype(
            A.dtype
        )
    du, dv = u @ wu, v @ wv
    rows, columns = A.shape[-2:]
    per_column = _reciprocal(s)[..., None, :].astype(A.dtype)
    if rows > columns:
        dav = dA @ v
        du = du + (dav - u @ (uh @ dav)) * per_column
    if columns > rows:
        dau = adjoint(dA) @ u
        dv = dv + (dau - v @ (vh @ dau)) * per_column
    return (u, s, vh), (du, ds, adjoint(dv))


def full_svd(A, full):
    """U, S, Vh; ``full`` completes U and V to square matrices (no gradient there)."""
    u, s, vh = _svd(A)
    rows, columns = A.shape[-2:]
    if full and rows != columns:
        all_u, _, all_vh = jnp.linalg.svd(lax.stop_gradient(A), full_matrices=True)
        k = min(rows, columns)
        if rows > columns:
            u = jnp.concatenate([u, all_u[..., :, k:]], -1)
        else:
            vh = jnp.concatenate([vh, all_vh[..., k:, :]], -2)
    return u, s, vh


@jax.custom_jvp
def singular_values(A):
    """Singular values, largest first."""
    return jnp.linalg.svd(A, compute_uv=False)


@singular_values.defjvp
def _(primals, tangents):
    u, s, vh = _svd(primals[0])
    return s, jnp.real(jnp.einsum("...ik,...ij,...kj->...k", jnp.conj(u), tangents[0], jnp.conj(vh)))


@op(**_L, fields=("U", "S", "Vh"), grad_name="LinalgSvdBackward0")
def svd(A, full_matrices=True, *, driver=None):
    """``A = U diag(S) Vh`` with orthonormal U and V and S descending."""
    matrix(A, "linalg.svd")
    floating(A, "linalg.svd")
    return full_svd(A, full_matrices)


@op(name="svd", dear=True, fields=("U", "S", "V"), grad_name="LinalgSvdBackward0")
def svd_(input, some=True, compute_uv=True):
    """``input = U diag(S) V^H`` with S descending; note V, not its transpose."""
    matrix(input, "linalg.svd")
    floating(input, "linalg.svd")
    if not compute_uv:
        batch, (rows, columns) = input.shape[:-2], input.shape[-2:]
        return (
            jnp.zeros((*batch, rows, rows), input.dtype),
            singular_values(input),
            jnp.zeros((*batch, columns, columns), input.dtype),
        )
    u, s, vh = full_svd(input, not some)
    return u, s, adjoint(vh)


@op(**_L, grad_name="LinalgSvdBackward0")
def svdvals(A, *, driver=None):
    """Singular values, largest first."""
    matrix(A, "linalg.svd")
    floating(A, "linalg.svd")
    return singular_values(A)


# --- symmetric eigenvalues ---------------------------------------------------


def _triangle(A, lower):
    """The Hermitian matrix whose lower (or upper) triangle is ``A``'s."""
    half = jnp.tril(A, -1) if lower else jnp.triu(A, 1)
    middle = jnp.real(_diagonal(A)).astype(A.dtype)
    return half + adjoint(half) + jnp.eye(A.shape[-1], dtype=A.dtype) * middle[..., None, :]


@jax.custom_jvp
def _eigh(A):
    """Eigenvalues and vectors of the Hermitian matrix in ``A``'s lower triangle."""
    vectors, values = lax.linalg.eigh(A, lower=True, symmetrize_input=False)
    return values, vectors


@_eigh.defjvp
def _(primals, tangents):
    values, vectors = _eigh(*primals)
    change = (tangents[0] + adjoint(tangents[0])) / 2  # the gradient is Hermitian, as PyTorch's
    p = adjoint(vectors) @ change @ vectors
    return (values, vectors), (jnp.real(_diagonal(p)), vectors @ _skew_tangent(p, values))


def symmetric_eigen(A, UPLO):
    """Eigenvalues (ascending) and eigenvectors, reading one triangle of ``A``."""
    check(UPLO.upper() in ("L", "U"), f"Expected UPLO argument to be 'L' or 'U', but got {UPLO}")
    return _eigh(A if UPLO.upper() == "L" else _mirrored(A))


@jax.custom_jvp
def _mirrored(A):
    return _triangle(A, lower=False)


@_mirrored.defjvp
def _(primals, tangents):
    return _mirrored(*primals), tangents[0]


@op(**_L, fields=("eigenvalues", "eigenvectors"), grad_name="LinalgEighBackward0")
def eigh(A, UPLO="L"):
    """Eigenvalues, ascending, and orthonormal eigenvectors of a symmetric or Hermitian matrix."""
    square(A, "linalg.eigh")
    return symmetric_eigen(A, UPLO)


@op(**_L, grad_name="LinalgEighBackward0")
def eigvalsh(A, UPLO="L"):
    """Eigenvalues of a symmetric or Hermitian matrix, ascending."""
    square(A, "linalg.eigvalsh")
    return symmetric_eigen(A, UPLO)[0]


# --- general eigenvalues -----------------------------------------------------


@jax.custom_jvp
def _eig(A):
    values, vectors = lax.linalg.eig(A, compute_left_eigenvectors=False)
    return values, vectors


@_eig.defjvp
def _(primals, tangents):
    values, vectors = _eig(*primals)
    p = jnp.linalg.solve(vectors, tangents[0].astype(vectors.dtype) @ vectors)
    change = vectors @ _skew_tangent(p, values)
    along = jnp.real((jnp.conj(vectors) * change).sum(-2, keepdims=True)).astype(vectors.dtype)
    return (values, vectors), (_diagonal(p), change - vectors * along)  # vectors keep length 1


@op(**_L, fields=("eigenvalues", "eigenvectors"), grad_name="LinalgEigBackward0")
def eig(A):
    """Complex eigenvalues and eigenvectors (of length 1) of a square matrix."""
    square(A, "linalg.eig")
    return _eig(A)


@op(**_L, grad_name="LinalgEigBackward0")
def eigvals(A):
    """Complex eigenvalues of a square matrix."""
    square(A, "linalg.eigvals")
    return _eig(A)[0]


# --- LU ----------------------------------------------------------------------


@op(**_L, fields=("LU", "pivots"), grad_name="LinalgLuFactorExBackward0")
def lu_factor(A, *, pivot=True):
    """L and U in one matrix (L's unit diagonal left out), and the row exchanges, counted from 1."""
    matrix(A, "linalg.lu_factor")
    floating(A, "linalg.lu_factor")
    check(pivot, "linalg.lu_factor: LU without pivoting is not implemented on the CPU")
    packed, pivots, _ = lax.linalg.lu(A)
    return packed, pivots.astype(np.int32) + 1


@op(function=False, method=False, differentiable=False)
def first_zero_pivot(packed):
    """The position (from 1) of the first zero on the diagonal, or 0."""
    zero = _diagonal(packed) == 0
    return jnp.where(zero.any(-1), zero.argmax(-1) + 1, 0).astype(np.int32)


def unpacked(packed):
    """L (unit lower) and U from their packed form."""
    rows, columns = packed.shape[-2:]
    k = min(rows, columns)
    lower = jnp.tril(packed[..., :, :k], -1) + jnp.eye(rows, k, dtype=packed.dtype)
    return lower, jnp.triu(packed[..., :k, :])


@op(**_L, function=False, fields=("P", "L", "U"), grad_name="LinalgLuBackward0")
def lu(A, pivot=True):
    """``A = P L U``: a permutation, a unit lower and an upper triangular matrix."""
    matrix(A, "linalg.lu")
    floating(A, "linalg.lu")
    check(pivot, "linalg.lu: LU without pivoting is not implemented on the CPU")
    packed, _, permutation = lax.linalg.lu(A)
    lower, upper = unpacked(packed)
    rows = A.shape[-2]
    p = (permutation[..., None, :] == np.arange(rows, dtype=np.int32)[:, None]).astype(A.dtype)
    return p, lower, upper


@op(method=False, fields=("P", "L", "U"), dear=True, grad_name="LuUnpackBackward0")
def lu_unpack(LU_data, LU_pivots, unpack_data=True, unpack_pivots=True):
    """P, L and U from the packed form that ``lu_factor`` gives."""
    none = jnp.zeros((0,), LU_data.dtype)
    lower, upper = unpacked(LU_data) if unpack_data else (none, none)
    if not unpack_pivots:
        return none, lower, upper
    rows = LU_data.shape[-2]
    order = lax.linalg.lu_pivots_to_permutation(LU_pivots.astype(np.int32) - 1, rows)
    p = (order[..., None, :] == np.arange(rows, dtype=np.int32)[:, None]).astype(LU_data.dtype)
    return p, lower, upper

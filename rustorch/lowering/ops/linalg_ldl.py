"""The LDLᵀ factorisation of symmetric (or Hermitian) matrices with Bunch and Kaufman's pivoting, as LAPACK's sytrf.

A pivot is one diagonal entry or a 2 by 2 block, whichever keeps the growth bounded. ``LD`` holds the blocks of D
and below them the columns of L; ``pivots`` counts from 1: ``p`` for a single pivot that was exchanged with row p,
``-p`` twice for a block whose second row was.
"""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
from jax import lax

from rustorch.dtypes import INTEGER
from rustorch.errors import RustorchRuntimeError, ShapeMismatchError, check
from rustorch.lowering.ops.linalg_checks import floating, matrix, square
from rustorch.lowering.ops.ormqr import batched
from rustorch.lowering.promote import dtype_of
from rustorch.lowering.table import op

_BOUND = (1 + math.sqrt(17)) / 8


def _size(x):
    """LAPACK's cheap magnitude: the sum of real and imaginary parts'."""
    return jnp.abs(x.real) + jnp.abs(x.imag) if jnp.iscomplexobj(x) else jnp.abs(x)


def _exchanged(A, k, p):
    """Rows and columns ``k`` and ``p`` exchanged; the columns of L that are done are kept elsewhere."""
    order = jnp.arange(A.shape[0]).at[k].set(p).at[p].set(k)
    return A[order][:, order]


def _factor(A, hermitian: bool):
    """One matrix: ``(LD, pivots, info)``; works on the full symmetric matrix."""
    n, at = A.shape[0], jnp.arange(A.shape[0])
    flip = jnp.conj if hermitian else lambda x: x
    low = jnp.tril(A, -1)
    diagonal = jnp.diagonal(A)
    diagonal = diagonal.real.astype(A.dtype) if hermitian else diagonal
    full = low + flip(low).T + jnp.diag(diagonal)

    def choose(A, k):
        """The pivot row, and whether it is a block."""
        column = jnp.where(at > k, _size(A[:, k]), -1)
        row = jnp.argmax(column)
        own, largest = _size(A[k, k]), jnp.maximum(column[row], 0)
        beside = jnp.max(jnp.where((at >= k) & (at != row), _size(A[row]), 0))
        plain = (own >= _BOUND * largest) | (own * beside >= _BOUND * largest * largest)
        single = ~plain & (_size(A[row, row]) >= _BOUND * beside)
        zero = jnp.maximum(own, largest) == 0
        return jnp.where(plain, k, row), ~plain & ~single & ~zero, zero

    def step(state):
        A, L, pivots, info, k = state
        p, block, zero = choose(A, k)
        info = jnp.where(zero & (info == 0), k + 1, info)
        second = jnp.minimum(k + 1, n - 1)
        moved = jnp.where(block, second, k)
        p = jnp.where(zero, k, p)
        A = _exchanged(A, moved, p) if n > 1 else A
        below = at > jnp.where(block, k + 1, k)
        a, b = A[:, k], A[:, second]
        safe = jnp.where(zero, 1, A[k, k])
        one = jnp.where(below, a / safe, 0)
        d, e, f = A[k, k], A[second, k], A[second, second]
        det = jnp.where(block, d * f - e * flip(e), 1)
        first = jnp.where(below, (f * a - e * b) / det, 0)
        other = jnp.where(below, (d * b - flip(e) * a) / det, 0)
        zero_column = jnp.zeros_like(one)
        u = jnp.where(block, first, jnp.where(zero, zero_column, one))
        v = jnp.where(block, other, zero_column)
        change = jnp.outer(u, flip(jnp.where(below, a, 0))) + jnp.outer(v, flip(jnp.where(below, b, 0)))
        A = jnp.where(below[:, None] & below[None, :], A - change, A)
        L = jnp.where(at[None, :] == k, jnp.where(at == k, d, jnp.where(block & (at == second), e, u))[:, None], L)
        L = jnp.where(block & (at[None, :] == second), jnp.where(at == second, f, v)[:, None], L)
        sign = jnp.where(block, -1, 1)
        pivots = jnp.where((at == k) | (block & (at == second)), sign * (p + 1), pivots)
        return A, L, pivots, info, k + jnp.where(block, 2, 1)

    start = (full, jnp.zeros_like(full), jnp.zeros(n, jnp.int64), jnp.int64(0), jnp.int64(0))
    _, L, pivots, info, _ = lax.while_loop(lambda s: s[4] < n, step, start)
    if hermitian:
        L = L - jnp.diag(1j * jnp.diagonal(L).imag).astype(L.dtype) if jnp.iscomplexobj(L) else L
    return jnp.tril(L), pivots.astype(jnp.int32), info.astype(jnp.int32)


def _factored(A, hermitian):
    square(A, "torch.linalg.ldl_factor_ex")
    hermitian = bool(hermitian) and jnp.iscomplexobj(A)
    if not A.size:
        return A, jnp.zeros(A.shape[:-1], jnp.int32), jnp.zeros(A.shape[:-2], jnp.int32)
    return batched(lambda a: _factor(a, hermitian), A)


_L = {"namespace": "linalg", "dear": True}
_LACKS = {
    name: (None, f"derivative for aten::linalg_{of} is not implemented")
    for name, of in (("ldl_factor", "ldl_factor_ex"), ("ldl_factor_ex", "ldl_factor_ex"), ("ldl_solve", "ldl_solve"))
}


@op(**_L, lacks=_LACKS["ldl_factor"], fields=("LD", "pivots"))
def ldl_factor(A, *, hermitian=False):
    """``A = L D Lᵀ`` (or ``L D Lᴴ``) of symmetric matrices (..., n, n), read from the lower triangle: LD and pivots.

    Raises:
        RuntimeError: no square floating point matrices.
    """
    return _factored(A, hermitian)[:2]


@op(**_L, lacks=_LACKS["ldl_factor_ex"], fields=("LD", "pivots", "info"))
def ldl_factor_ex(A, *, hermitian=False, check_errors=False):
    """``ldl_factor`` and, per matrix, 0 or the number (from 1) of the first pivot that is zero."""
    return _factored(A, hermitian)


def _solved(LD, pivots, B, hermitian):
    """One system: exchanges and columns of L downwards, D, and both backwards."""
    n, at = LD.shape[0], jnp.arange(LD.shape[0])
    flip = jnp.conj if hermitian else lambda x: x
    block = pivots < 0
    # Whether a row is the second of its block: the rank in its run of negative pivots is odd.
    second = lax.scan(lambda odd, b: (jnp.where(b, ~odd, False), jnp.where(b, odd, False)), False, block)[1]
    first = block & ~second
    where = jnp.abs(pivots).astype(jnp.int64) - 1

    def exchange(B, k, p):
        return B.at[k].set(B[p]).at[p].set(B[k])

    def column(k):
        """Column ``k`` of L below its pivot."""
        return jnp.where(at > jnp.where(first[k], k + 1, k), LD[:, k], 0)

    def down(k, B):
        row = jnp.where(first[k], jnp.minimum(k + 1, n - 1), k)
        B = jnp.where(second[k], B, exchange(B, row, where[k]))
        B = B - jnp.outer(column(k), B[k])
        return B

    # The second column of a block acts on rows beyond the block alone, so one column after another is right.
    B = lax.fori_loop(0, n, down, B)
    d, below = jnp.diagonal(LD), jnp.where(first, jnp.append(jnp.diagonal(LD, -1), jnp.zeros(1, LD.dtype)), 0)
    after = jnp.roll(d, -1)
    det = jnp.where(first, d * after - below * flip(below), 1)
    nxt, before = jnp.roll(B, -1, 0), jnp.roll(B, 1, 0)
    upper = (after[:, None] * B - flip(below)[:, None] * nxt) / det[:, None]
    back = lambda x: jnp.roll(x, 1, 0)
    lower = (back(d)[:, None] * B - back(below)[:, None] * before) / back(det)[:, None]
    single = B / jnp.where(block, 1, d)[:, None]
    B = jnp.where(first[:, None], upper, jnp.where(second[:, None], lower, single))

    def up(i, B):
        k = n - 1 - i
        B = B.at[k].add(-(flip(column(k)) @ B))
        row = jnp.where(first[k], jnp.minimum(k + 1, n - 1), k)
        return jnp.where(second[k], B, exchange(B, row, where[k]))

    return lax.fori_loop(0, n, up, B)


@op(**_L, lacks=_LACKS["ldl_solve"])
def ldl_solve(LD, pivots, B, *, hermitian=False):
    """The solution of ``A X = B`` from ``ldl_factor(A)``: LD (..., n, n), pivots (..., n), B (..., n, k).

    Raises:
        RuntimeError: shapes or dtypes that do not fit.
    """
    name = "torch.linalg.ldl_solve"
    matrix(LD, name, "LD")
    matrix(B, name, "B")
    square(LD, name, "LD")
    if LD.dtype != B.dtype:
        raise RustorchRuntimeError(
            f"Expected b and A to have the same dtype, but found b of type {dtype_of(B).alias} and A of type "
            f"{dtype_of(LD).alias} instead."
        )
    n = LD.shape[-1]
    if B.shape[-2] != n:
        raise ShapeMismatchError(
            f"Incompatible matrix sizes for {name}: each A matrix is {n} by {n} but each b matrix is "
            f"{B.shape[-2]} by {B.shape[-1]}",
            LD.shape,
            B.shape,
        )
    check(
        pivots.shape == LD.shape[:-1],
        f"{name}: Expected LD.shape[:-1] and pivots.shape to be the same, but got pivots with shape {list(pivots.shape)} instead",
    )
    check(dtype_of(pivots).kind == INTEGER, f"{name}: Expected pivots to be integers. Got {dtype_of(pivots).alias}")
    floating(B, name)
    lead = jnp.broadcast_shapes(LD.shape[:-2], B.shape[:-2])
    LD, B = jnp.broadcast_to(LD, (*lead, n, n)), jnp.broadcast_to(B, (*lead, *B.shape[-2:]))
    pivots = jnp.broadcast_to(pivots, (*lead, n))
    if not B.size or not n:
        return B
    hermitian = bool(hermitian) and jnp.iscomplexobj(LD)
    flat = [x.reshape(-1, *x.shape[len(lead) :]) for x in (LD, pivots, B)]
    return jax.vmap(lambda *one: _solved(*one, hermitian))(*flat).reshape(B.shape)

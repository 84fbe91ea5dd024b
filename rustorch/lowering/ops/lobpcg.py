"""Locally optimal block preconditioned conjugate gradients for some eigenpairs (Knyazev, 2001).

Each step takes the best eigenvectors in the space of the current ones, their residuals and the last directions.
That space gets a B-orthonormal basis from the eigenvectors of its Gram matrix (Stathopoulos and Wu, 2002), in which
directions that depend on others are left out.
"""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
from jax import lax

from rustorch.lowering.ops.linalg_checks import floating
from rustorch.lowering.table import Number, op


def _dot(a, b):
    """A product; None is the identity."""
    return b if a is None else jnp.matmul(a, b, precision="highest")


def _basis(S, B):
    """B-orthonormal columns that span those of S, zeros in place of what is dependent, and which are not zeros."""
    for _ in range(2):  # the second time takes away what rounding left
        S = S / jnp.maximum(jnp.sqrt(jnp.abs((S * _dot(B, S)).sum(0))), jnp.finfo(S.dtype).tiny)
        size, V = jnp.linalg.eigh(_dot(S.T, _dot(B, S)))
        kept = size > size[-1] * jnp.finfo(S.dtype).eps * S.shape[1] * 10
        S = jnp.where(kept, _dot(S, V) / jnp.sqrt(jnp.where(kept, size, 1)), 0)
    return S, kept


def _best(S, A, B, n):
    """The n largest eigenpairs of A in the space of S."""
    Z, kept = _basis(S, B)
    H = _dot(Z.T, _dot(A, Z))
    low = -2 * jnp.abs(H).sum() - 1  # below every eigenvalue: what was left out is never chosen
    E, C = jnp.linalg.eigh((H + H.T) / 2 + jnp.diag(jnp.where(kept, 0, low)))
    return E[::-1][:n], _dot(Z, C[:, ::-1][:, :n])


def _solve(A, X, B, K, k, steps, tol):
    n = X.shape[1]
    norms = [jnp.sqrt(A.shape[0] * 1.0).astype(A.dtype) if M is None else jnp.linalg.norm(M) for M in (A, B)]

    def residuals(E, X):
        R = _dot(A, X) - _dot(B, X) * E
        size = jnp.linalg.norm(X, axis=0) * (norms[0] + jnp.abs(E) * norms[1])
        return R, jnp.linalg.norm(R, axis=0) / jnp.maximum(size, jnp.finfo(X.dtype).tiny)

    def goes_on(state):
        i, E, X, _ = state
        return (i < steps) & jnp.any(residuals(E, X)[1][:k] >= tol)

    def step(state):
        i, E, X, P = state
        R = _dot(K, residuals(E, X)[0])
        R, P = (M - _dot(X, _dot(X.T, _dot(B, M))) for M in (R, P))
        E, new = _best(jnp.concatenate([X, R, P], 1), A, B, n)
        return i + 1, E, new, new - _dot(X, _dot(X.T, _dot(B, new)))

    E, X = _best(X, A, B, n)
    _, E, X, _ = lax.while_loop(goes_on, step, (jnp.asarray(0, jnp.int64), E, X, jnp.zeros_like(X)))
    return E[:k], X[:, :k]


@op(function=False, method=False, differentiable=False, out=False)
def lobpcg_iterate(A, X, B, K, k: int, steps: Number, tol: Number, largest: bool):
    """The k largest (or smallest) eigenvalues of ``A x = λ B x``, in order, and their eigenvectors with xᵀ B x = 1.

    Args:
        A, B, K: (..., m, m) symmetric, symmetric positive definite, and a preconditioner; the latter two may be (m, m).
        X: (..., m, n) the first guess, n ≥ k.
        steps: at most so many; tol: of the residuals, relative to the norms of A and B.
    """
    floating(A, "torch.lobpcg")
    sign = 1 if largest else -1
    B, K = (None if M is None else jnp.broadcast_to(M, A.shape) for M in (B, K))
    X = jnp.broadcast_to(X, A.shape[:-1] + X.shape[-1:])
    solve = functools.partial(_solve, k=k, steps=steps, tol=tol)
    for _ in A.shape[:-2]:
        solve = jax.vmap(solve)
    E, X = solve(sign * A, X, B, K)
    return sign * E, X

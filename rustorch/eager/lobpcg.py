"""``torch.lobpcg``: some eigenpairs of a symmetric matrix."""

from __future__ import annotations

from rustorch.dtypes import float64
from rustorch.eager.publish import overload
from rustorch.eager.random import randn
from rustorch.eager.recorder import apply
from rustorch.eager.state import local
from rustorch.errors import ArgumentValueError, check
from rustorch.lowering.ops import linalg_solve, shape
from rustorch.lowering.ops.lobpcg import lobpcg_iterate

_STEPS = 10**9  # without a limit


@overload(method=False)
def lobpcg(
    A,
    k=None,
    B=None,
    X=None,
    n=None,
    iK=None,
    niter=None,
    tol=None,
    largest=None,
    method=None,
    tracker=None,
    ortho_iparams=None,
    ortho_fparams=None,
    ortho_bparams=None,
):
    """The k largest (or smallest) solutions of ``A x = λ B x``: eigenvalues (..., k), best first, and vectors (..., m, k).

    Args:
        A: (..., m, m), symmetric; a sparse matrix is made dense. ``B``: as A, positive definite; by default the identity.
        k: by default the columns of X, or 1.
        X: (..., m, n) a first guess; without one n (by default k) random columns.
        iK: (m, m), a preconditioner.
        niter: at most so many steps (1000), -1 for any number; ``tol``: relative size of the residuals (√eps).
        largest: which end of the spectrum, by default the largest.
        method: "ortho" or "basic"; both are one method here, and the parameters of the former change nothing.

    Raises:
        ValueError: m < 3 n, another method, or a tracker: the loop is one program, which nothing can look into.

    Gradients of the eigenvalues and vectors are exact up to the third order where eigenvalues are distinct.

    Example:
        >>> import rustorch as torch
        >>> E, X = torch.lobpcg(torch.diag(torch.arange(1.0, 10.0)), k=2, largest=False)
        >>> E
        tensor([1., 2.])
    """
    A, B, iK = (M.to_dense() if M is not None and M.is_sparse else M for M in (A, B, iK))
    m = A.shape[-1]
    check(A.shape[-2] == m, f"A must be square, got shape {A.shape}", AssertionError)
    check(
        B is None or A.shape == B.shape,
        f"A and B must have same shape, got {A.shape} vs {None if B is None else B.shape}",
        AssertionError,
    )
    k = (1 if X is None else X.shape[-1]) if k is None else k
    n = (k if n is None else n) if X is None else X.shape[-1]
    check(
        m >= 3 * n,
        f"LOBPCG algorithm is not applicable when the number of A rows (={m}) is smaller than 3 x the number of "
        f"requested eigenpairs (={n})",
        ArgumentValueError,
    )
    check(method in (None, "ortho", "basic"), f"unknown method: {method!r}", ArgumentValueError)
    check(tracker is None, "lobpcg(): a tracker cannot look into a program that runs", ArgumentValueError)
    if A.requires_grad or B is not None and B.requires_grad:
        A, B = ((M + M.mT) / 2 if M is not None else None for M in (A, B))
    if X is None:
        X = randn(*A.shape[:-1], n, dtype=A.dtype, device=A.device)
    tol = (2.23e-16 if A.dtype is float64 else 1.2e-7) ** 0.5 if tol is None else float(tol)
    steps = 1000 if niter is None else _STEPS if niter < 0 else int(niter)
    given = [None if M is None else M.detach() for M in (A, X, B, iK)]
    E, V = apply(lobpcg_iterate, (*given, int(k), steps, tol, largest is None or bool(largest)))
    if local.grad and (A.requires_grad or B is not None and B.requires_grad):
        for _ in range(2):
            E, V = _improved(A, B, E, V)
    return E, V


def _improved(A, B, E, V):
    """A Newton step: from eigenpairs that are right but constant, to some with the right derivatives in A and B.

    Each step doubles the order of the error, whatever E and V depend on. For a pair λ, x it solves
    ``[[A - λ B, -B x], [xᵀ B, 0]] [δx, δλ] = -[(A - λ B) x, (xᵀ B x - 1) / 2]``.
    """
    x = V.mT.unsqueeze(-1)  # (..., k, m, 1)
    A, B = A.unsqueeze(-3), None if B is None else B.unsqueeze(-3)
    λ = E.unsqueeze(-1).unsqueeze(-1)
    Bx = x if B is None else B @ x
    shifted = A - λ * (A.new_ones(A.shape[-1]).diag() if B is None else B)
    left = apply(shape.cat, ((shifted, Bx.mT), -2))
    right = apply(shape.cat, ((-Bx, λ * 0), -2))
    error = apply(shape.cat, ((A @ x - λ * Bx, (x.mT @ Bx - 1) / 2), -2))
    change = apply(linalg_solve.solve, (apply(shape.cat, ((left, right), -1)), -error))
    better = (x + change[..., :-1, :]).squeeze(-1)
    return E + change[..., -1, 0], better.mT

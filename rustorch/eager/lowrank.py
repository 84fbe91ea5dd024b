"""Randomised decompositions of matrices of low rank (Halko, Martinsson and Tropp, 2009, algorithms 4.4 and 5.1)."""

from __future__ import annotations

from rustorch.dtypes import FLOATING, get_default_dtype
from rustorch.eager.publish import overload
from rustorch.eager.random import randn
from rustorch.eager.recorder import apply
from rustorch.eager.viewops import adjoint
from rustorch.errors import ArgumentValueError
from rustorch.lowering.ops import linalg_decomp


def _basis(A, q: int, niter: int):
    """Orthonormal columns that nearly span A's range: a random sample of it, improved by power iterations."""
    kind = A.dtype if A.dtype.kind >= FLOATING else get_default_dtype()
    sample = A @ randn(A.shape[-1], q, dtype=kind, device=A.device)
    Q = apply(linalg_decomp.qr, (sample,))[0]
    for _ in range(niter):
        Q = apply(linalg_decomp.qr, (adjoint(A) @ Q,))[0]
        Q = apply(linalg_decomp.qr, (A @ Q,))[0]
    return Q


@overload(method=False)
def svd_lowrank(A, q=6, niter=2, M=None):
    """``U, S, V`` with ``A - M ≈ U diag(S) Vᴴ`` of rank ``q``, by a random projection.

    Args:
        A: (..., m, n).
        q: a slight overestimate of the rank.
        niter: power iterations.
        M: subtracted from A, broadcast to its shape.
    """
    q, niter = 6 if q is None else q, 2 if niter is None else niter
    if M is not None:
        A = A - M
    wide = A.shape[-2] < A.shape[-1]
    A = adjoint(A) if wide else A
    Q = _basis(A, q, niter)
    U, S, Vh = apply(linalg_decomp.svd, (adjoint(Q) @ A, False))
    U, V = Q @ U, adjoint(Vh)
    return (V, S, U) if wide else (U, S, V)


@overload(method=False)
def pca_lowrank(A, q=None, center=True, niter=2):
    """``svd_lowrank`` of the centred rows of A: the columns of V are principal directions.

    Raises:
        ValueError: ``q`` beyond the smaller side, or negative ``niter``.
    """
    m, n = A.shape[-2:]
    if q is None:
        q = min(6, m, n)
    elif not 0 <= q <= min(m, n):
        raise ArgumentValueError(f"q(={q}) must be non-negative integer and not greater than min(m, n)={min(m, n)}")
    if niter < 0:
        raise ArgumentValueError(f"niter(={niter}) must be non-negative integer")
    return svd_lowrank(A - A.mean(-2, keepdim=True) if center else A, q, niter)

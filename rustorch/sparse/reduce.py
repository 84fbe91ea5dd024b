"""``sparse.sum``, ``softmax`` and ``log_softmax``, which take elements that are not stored for absent."""

from __future__ import annotations

import numpy as np

from rustorch import dtypes
from rustorch.eager import ops as T
from rustorch.eager.dynamic import host
from rustorch.eager.foreign import NotDense, rule
from rustorch.eager.tensor import Tensor
from rustorch.errors import check, wrap_dim
from rustorch.sparse.compressed import SparseCompressed
from rustorch.sparse.convert import coo_of, to_layout
from rustorch.sparse.coo import SparseCoo, ravel, sum_by, whole
from rustorch.sparse.tensor import SparseTensor


def sum(input, dim=None, dtype=None):
    """The sum of all elements, or over dimensions: dense where no sparse dimension is left.

    Args:
        input: a sparse tensor. dim: an int or several. dtype: of the result.

    Example:
        >>> import rustorch
        >>> s = rustorch.eye(3).to_sparse()
        >>> rustorch.sparse.sum(s), rustorch.sparse.sum(s, 0).to_dense()
        (tensor(3.), tensor([1., 1., 1.]))
    """
    s = coo_of(input)
    if dim is None or dim == ():
        return T.sum(s._values_, dtype=dtype)
    dims = {wrap_dim(d, s.ndim) for d in (dim if isinstance(dim, (tuple, list)) else (dim,))}
    n = s.sparse_dim()
    over = tuple(d - n + 1 for d in sorted(dims) if d >= n)
    values = T.sum(s._values_, over, dtype=dtype) if over else s._values_ if dtype is None else s._values_.to(dtype)
    if not over and values.dtype.kind < dtypes.FLOATING:
        values = values.to(dtype or dtypes.int64)
    sizes = [m for i, m in enumerate(s._shape) if i not in dims]
    left = [d for d in range(n) if d not in dims]
    if not left:
        return T.sum(values, 0)
    if len(left) == n:
        return SparseCoo._new(s._where, values, sizes, s._coalesced).coalesce()
    where = T.index_select(s._where, 0, whole(np.asarray(left), s))
    return SparseCoo._new(where, values, sizes, False).coalesce()


@rule("sum")
def _sum(input, dim=None, keepdim=False, *, dtype=None):
    """``sparse.sum``; ``keepdim`` leaves dimensions of size 1."""
    if dim is None or not keepdim:
        return sum(input, dim, dtype)
    dims = sorted(wrap_dim(d, input.ndim) for d in (dim if isinstance(dim, (tuple, list)) else (dim,)))
    out = sum(input, dims, dtype)
    if not isinstance(out, SparseTensor):
        out = out.reshape([1 if d in dims else m for d, m in enumerate(input.shape)])
    else:
        for d in dims:
            out = T.unsqueeze(out, d)
    return to_layout(out, input.layout) if isinstance(input, SparseCompressed) else out


def _groups(s: SparseCoo, d: int):
    """Which elements share all indices but that in ``d``: an id for each, and the number of ids."""
    where, sizes = host(s._where), tuple(s._shape[: s.sparse_dim()])
    rest = [i for i in range(len(sizes)) if i != d]
    flat = ravel(where[rest], [sizes[i] for i in rest])
    distinct, ids = np.unique(flat, return_inverse=True)
    return ids.reshape(-1), len(distinct)


def _normalized(input, dim, dtype, log: bool):
    name = "log_softmax" if log else "softmax"
    if not isinstance(input, SparseTensor):
        return getattr(T, name)(input, dim, dtype=dtype)
    s = coo_of(input).coalesce()
    values = s._values_ if dtype is None else s._values_.to(dtype)
    check(
        values.dtype.kind >= dtypes.FLOATING,
        f"\"{name}\" not implemented for '{values.dtype.alias}'", NotImplementedError
    )  # fmt: skip
    d = wrap_dim(dim, s.ndim)
    if d >= s.sparse_dim():
        return s._with(getattr(T, name)(values, d - s.sparse_dim() + 1))
    ids, n = _groups(s, d)
    at = whole(ids, s)
    low = values.new_full((n, *values.shape[1:]), float("-inf"))
    top = low.index_reduce(0, at, values.detach(), "amax")
    top = T.where(top.isinf(), T.zeros_like(top), top)
    shifted = values - T.index_select(top, 0, at)
    total = T.index_select(sum_by(T.exp(shifted), ids, n), 0, at)
    return s._with(shifted - T.log(total) if log else T.exp(shifted) / total)


def softmax(input, dim, *, dtype=None):
    """Softmax along a dimension over the stored elements; those that are not stored count as minus infinity.

    Example:
        >>> import rustorch
        >>> rustorch.sparse.softmax(rustorch.eye(2).to_sparse(), 1).to_dense()
        tensor([[1., 0.],
                [0., 1.]])
    """
    return _normalized(input, dim, dtype, False)


def log_softmax(input, dim, *, dtype=None):
    """The logarithm of ``softmax``, at the stored elements.

    Example:
        >>> import rustorch
        >>> rustorch.sparse.log_softmax(rustorch.eye(2).to_sparse(), 1).values()
        tensor([0., 0.])
    """
    return _normalized(input, dim, dtype, True)


@rule("norm")
def norm(input, p="fro", dim=None, keepdim=False, dtype=None, out=None):
    """The norm of all elements."""
    if dim is not None and dim != () and dim != []:
        raise NotDense(input, "norm.ScalarOpt_dim")
    s = input.coalesce() if isinstance(input, SparseCoo) else input
    return T.norm(s._values_.reshape(-1), 2 if p in ("fro", None) else p, dtype=dtype)


def spdiags(diagonals: Tensor, offsets: Tensor, shape, layout=None):
    """A matrix with rows of ``diagonals`` on its diagonals ``offsets``: element j of a row goes to column j.

    Args:
        diagonals: (n, k) or (k). offsets: (n) distinct integers, negative below the main diagonal.
        shape: rows and columns. layout: coordinates, CSR or CSC.

    Raises:
        RuntimeError: repeated offsets, or another number of them.

    Example:
        >>> import rustorch
        >>> rustorch.sparse.spdiags(rustorch.ones(1, 2), rustorch.tensor([0]), (2, 2)).to_dense()
        tensor([[1., 0.],
                [0., 1.]])
    """
    rows = diagonals.unsqueeze(0) if diagonals.ndim == 1 else diagonals
    check(rows.ndim == 2, "Diagonals must be vector or matrix")
    check(len(shape) == 2, "Output shape must be 2d")
    off = host(offsets).reshape(-1)
    check(
        len(off) == rows.shape[0],
        f"Number of diagonals ({rows.shape[0]}) does not match the number of offsets ({len(off)})",
    )
    check(len(set(off.tolist())) == len(off), "Offset tensor contains duplicate values")
    check(
        layout is None or str(layout) in ("torch.sparse_coo", "torch.sparse_csr", "torch.sparse_csc"),
        f"Only output layouts (Sparse, SparseCsc, SparseCsr) are supported, got {layout}",
    )
    n, m = shape
    which, column = [x.reshape(-1) for x in np.meshgrid(np.arange(len(off)), np.arange(rows.shape[1]), indexing="ij")]
    row = column - off[which]
    keep = np.flatnonzero((row >= 0) & (row < n) & (column < m))
    order = keep[np.argsort(row[keep] * m + column[keep], kind="stable")] if layout is not None else keep
    where = np.stack([row[order], column[order]])
    out = SparseCoo._new(whole(where, rows), T.index_select(rows.reshape(-1), 0, whole(order, rows)), (n, m), False)
    return out if layout is None or str(layout) == "torch.sparse_coo" else to_layout(out, layout)

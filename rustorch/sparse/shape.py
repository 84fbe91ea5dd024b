"""Sizes and order: transposes, indexing by numbers and slices, joining."""

from __future__ import annotations

import numpy as np

from rustorch import dtypes
from rustorch.eager import ops as T
from rustorch.eager.dynamic import host
from rustorch.eager.foreign import NotDense, rule
from rustorch.eager.tensor import Tensor
from rustorch.errors import IndexOutOfRangeError, check, wrap_dim
from rustorch.layouts import sparse_bsc, sparse_bsr, sparse_csc, sparse_csr
from rustorch.sparse.compressed import SparseCompressed
from rustorch.sparse.convert import coo_of, to_layout
from rustorch.sparse.coo import SparseCoo, whole
from rustorch.sparse.tensor import SparseTensor

_FLIPPED = {sparse_csr: sparse_csc, sparse_csc: sparse_csr, sparse_bsr: sparse_bsc, sparse_bsc: sparse_bsr}


def _rows(s: SparseCoo, order) -> Tensor:
    return T.index_select(s._where, 0, whole(np.asarray(order), s))


@rule("transpose", "swapaxes", "swapdims")
def transpose(input, dim0, dim1):
    """Two dimensions exchanged: two sparse ones or two dense ones.

    Raises:
        RuntimeError: one of them is sparse and the other is not.
    """
    a, b = wrap_dim(dim0, input.ndim), wrap_dim(dim1, input.ndim)
    if a == b:
        return input
    if isinstance(input, SparseCompressed):
        batch = input._batch
        check(
            {a, b} == {batch, batch + 1},
            "transpose(): can only transpose the two sparse dimensions of a compressed tensor",
        )
        sizes = list(input._shape)
        sizes[a], sizes[b] = sizes[b], sizes[a]
        values = input._values_ if input._block is None else input._values_.transpose(batch + 1, batch + 2)
        return SparseCompressed._new(input._ends, input._plain, values, sizes, _FLIPPED[input.layout])
    order = list(range(input.ndim))
    order[a], order[b] = b, a
    n = input.sparse_dim()
    check(
        (a < n) == (b < n),
        f"sparse transpose: transposed dimensions must be sparse Got sparse_dim: {n}, d0: {a}, d1: {b}",
    )
    return permute(input, order)


@rule()
def permute(input, dims):
    """Dimensions in another order; sparse and dense ones stay apart.

    Raises:
        RuntimeError: a dense dimension among the sparse ones.
    """
    order = [wrap_dim(d, input.ndim) for d in dims]
    n = input.sparse_dim()
    check(
        len(order) == input.ndim,
        "permute(sparse_coo): number of dimensions in the tensor input does not match the length of the desired "
        f"ordering of dimensions i.e. input.dim() = {input.ndim} is not equal to len(dims) = {len(order)}",
    )
    check(sorted(order) == list(range(input.ndim)), "permute(): duplicate dims are not allowed.")
    check(
        all(d < n for d in order[:n]),
        "permute(sparse_coo): transpositions between sparse and dense dimensions are not allowed.Only transpositions "
        "within sparse and dense dimensions are supported.",
    )
    sizes = [input._shape[d] for d in order]
    values = (
        input._values_.permute(0, *[d - n + 1 for d in order[n:]])
        if order[n:] != list(range(n, input.ndim))
        else input._values_
    )
    same = order[:n] == list(range(n))
    where = input._where if same else _rows(input, order[:n])
    return SparseCoo._new(where, values, sizes, input._coalesced and (same or input._nnz() < 2))


@rule()
def t(input):
    """The transposed matrix."""
    check(
        input.ndim <= 2,
        f"t() expects a tensor with <= 2 sparse and 0 dense dimensions, but got {input.sparse_dim()} sparse and {input.dense_dim()} dense dimensions",
    )
    return input if input.ndim < 2 else transpose(input, 0, 1)


@rule()
def unsqueeze(input, dim):
    """A new dimension of size 1 at ``dim``."""
    d, n = wrap_dim(dim, input.ndim + 1), input.sparse_dim()
    sizes = list(input._shape)
    sizes.insert(d, 1)
    if d > n:
        return SparseCoo._new(input._where, input._values_.unsqueeze(d - n + 1), sizes, input._coalesced)
    zeros = input._where.new_zeros((1, input._nnz()))
    where = T.cat([input._where[:d], zeros, input._where[d:]])
    return SparseCoo._new(where, input._values_, sizes, input._coalesced)


def _kept(s: SparseCoo, keep: np.ndarray, where: np.ndarray, sizes) -> SparseCoo:
    values = T.index_select(s._values_, 0, whole(keep, s))
    return SparseCoo._new(whole(where, s), values, sizes, s._coalesced or len(keep) < 2)


@rule()
def select(input, dim, index):
    """One slice without its dimension; of a sparse vector, the number (dense)."""
    s, compressed = coo_of(input), isinstance(input, SparseCompressed)
    d = wrap_dim(dim, s.ndim)
    size = s._shape[d]
    if not -size <= index < size:
        raise IndexOutOfRangeError(
            f"select(): index {index} out of range for tensor of size {list(s._shape)} at dimension {d}"
        )
    index, n = index % size, s.sparse_dim()
    sizes = [m for i, m in enumerate(s._shape) if i != d]
    if d >= n:
        return SparseCoo._new(s._where, s._values_.select(d - n + 1, index), sizes, s._coalesced)
    where = host(s._where)
    keep = np.flatnonzero(where[d] == index)
    if n == 1:
        return T.index_select(s._values_, 0, whole(keep, s)).sum(0)
    out = _kept(s, keep, np.delete(where[:, keep], d, 0), sizes)
    return to_layout(out, input.layout) if compressed and input._batch else out


@rule("narrow", "narrow_copy")
def narrow(input, dim, start, length):
    """``length`` slices from ``start`` on."""
    s = coo_of(input)
    d, n = wrap_dim(dim, s.ndim), s.sparse_dim()
    sizes = list(s._shape)
    start = start + sizes[d] if start < 0 else start
    check(
        start >= 0 and start + length <= sizes[d],
        f"start ({start}) + length ({length}) exceeds dimension size ({sizes[d]}).",
    )
    sizes[d] = length
    if d >= n:
        return SparseCoo._new(s._where, s._values_.narrow(d - n + 1, start, length), sizes, s._coalesced)
    where = host(s._where)
    keep = np.flatnonzero((where[d] >= start) & (where[d] < start + length))
    where = where[:, keep].copy()
    where[d] -= start
    return _kept(s, keep, where, sizes)


@rule()
def index_select(input, dim, index):
    """The slices that ``index`` names, in its order."""
    s = coo_of(input)
    d, n = wrap_dim(dim, s.ndim), s.sparse_dim()
    sizes = list(s._shape)
    wanted = host(index).reshape(-1)
    check(
        not wanted.size or (-sizes[d] <= wanted).all() and (wanted < sizes[d]).all(),
        f"index_select(): index contains {next((int(i) for i in wanted if not -sizes[d] <= i < sizes[d]), 0)} that is out of range for tensor of size {list(s._shape)} at dimension {d}",
        IndexOutOfRangeError,
    )
    size, sizes[d] = sizes[d], len(wanted)
    if d >= n:
        return SparseCoo._new(s._where, s._values_.index_select(d - n + 1, index), sizes, s._coalesced)
    where = host(s._where)
    order = np.argsort(where[d], kind="stable")
    counts = np.bincount(where[d], minlength=size)
    starts = np.cumsum(counts) - counts
    wanted = wanted % size if size else wanted
    n_each = counts[wanted]
    inside = np.arange(n_each.sum()) - np.repeat(np.cumsum(n_each) - n_each, n_each)
    keep = order[np.repeat(starts[wanted], n_each) + inside]
    where = where[:, keep].copy()
    where[d] = np.repeat(np.arange(len(wanted)), n_each)
    out = SparseCoo._new(whole(where, s), T.index_select(s._values_, 0, whole(keep, s)), sizes, False)
    return out.coalesce() if s._coalesced else out


@rule("cat", "concat", "concatenate")
def cat(tensors, dim=0):
    """Tensors joined along a dimension."""
    parts = [coo_of(t) for t in tensors]
    first = parts[0]
    d, n = wrap_dim(dim, first.ndim), first.sparse_dim()
    for i, p in enumerate(parts):
        check(
            p.sparse_dim() == n,
            f"All tensors must have the same shape: {n} sparse, {first.dense_dim()} dense dims expected, got "
            f"{p.sparse_dim()} at position {i}",
        )
    sizes = list(first._shape)
    sizes[d] = sum(p._shape[d] for p in parts)
    if d < n:
        offset, rows = 0, []
        for p in parts:
            shift = np.zeros((n, 1), np.int64)
            shift[d] = offset
            rows.append(p._where + whole(shift, p))
            offset += p._shape[d]
        return SparseCoo._new(T.cat(rows, 1), T.cat([p._values_ for p in parts]), sizes, False)
    blocks, offset = [], 0
    for p in parts:
        wide = (p._nnz(), *sizes[n:d], sizes[d], *sizes[d + 1 :])
        left = p._values_.new_zeros((*wide[: d - n + 1], offset, *wide[d - n + 2 :]))
        right = p._values_.new_zeros((*wide[: d - n + 1], sizes[d] - offset - p._shape[d], *wide[d - n + 2 :]))
        blocks.append(T.cat([left, p._values_, right], d - n + 1))
        offset += p._shape[d]
    return SparseCoo._new(T.cat([p._where for p in parts], 1), T.cat(blocks), sizes, False)


@rule()
def stack(tensors, dim=0):
    """Tensors joined along a new dimension."""
    parts = [unsqueeze(coo_of(t), dim) for t in tensors]
    return cat(parts, wrap_dim(dim, parts[0].ndim))


def _getitem(self, index):
    """Numbers, slices of step 1, ``None`` and ``...``."""
    items = list(index) if isinstance(index, tuple) else [index]
    used = sum(x is not None and x is not Ellipsis for x in items)
    check(used <= self.ndim, f"too many indices for tensor of dimension {self.ndim}", IndexError)
    if Ellipsis in [x for x in items if not isinstance(x, Tensor)]:
        at = next(i for i, x in enumerate(items) if x is Ellipsis)
        items[at : at + 1] = [slice(None)] * (self.ndim - used)
    out, d = self, 0
    for x in items:
        if x is None:
            out, d = unsqueeze(out, d), d + 1
        elif isinstance(x, slice):
            start, stop, step = x.indices(out.shape[d])
            if step != 1:
                raise NotDense(self, "slice.Tensor")
            if (start, stop) != (0, out.shape[d]):
                out = narrow(out, d, start, max(stop - start, 0))
            d += 1
        elif hasattr(x, "__index__") and not isinstance(x, (bool, Tensor)) or isinstance(x, Tensor) and x.ndim == 0:
            out = T.select(out, d, int(x)) if not isinstance(out, SparseTensor) else select(out, d, int(x))
        elif isinstance(x, Tensor) and x.ndim == 1 and x.dtype is not dtypes.bool_:
            out, d = index_select(out, d, x), d + 1
        else:
            raise NotDense(self, "index.Tensor")
    return out


def _setitem(self, index, value):
    raise TypeError("Cannot assign to a sparse tensor")


SparseTensor.__getitem__, SparseTensor.__setitem__ = _getitem, _setitem

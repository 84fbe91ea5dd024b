"""From one layout to another; the methods that dense tensors have too."""

from __future__ import annotations

import math

import numpy as np

from rustorch import layouts
from rustorch.eager import ops as T
from rustorch.eager.dynamic import host
from rustorch.eager.tensor import Tensor
from rustorch.eager.viewops import METHODS  # noqa: F401 - the methods below join those of dense tensors
from rustorch.errors import RustorchRuntimeError, check
from rustorch.layouts import SPOKEN, sparse_bsc, sparse_bsr, sparse_coo, sparse_csc, sparse_csr, strided
from rustorch.sparse.compressed import BLOCK_LAYOUTS, SparseCompressed, compress
from rustorch.sparse.coo import SparseCoo, host_places, places, sparse_sizes, whole
from rustorch.sparse.tensor import SparseTensor, named


def coo_of(t: Tensor, sparse_dim=None) -> SparseCoo:
    """Any tensor by coordinates; of a dense one, what is not zero."""
    if isinstance(t, SparseCoo):
        return t
    if isinstance(t, SparseTensor):
        return t.to_sparse_coo()
    n = t.ndim if sparse_dim is None else sparse_dim
    array = host(t.detach())
    if n < array.ndim:
        array = (array != 0).any(tuple(range(n, array.ndim)))
    at = np.argwhere(array).T if array.ndim else np.zeros((0, int(array != 0)), np.int64)
    sizes = tuple(t.shape)[:n]
    flat = np.flatnonzero(array)
    values = T.index_select(t.reshape((math.prod(sizes), *tuple(t.shape)[n:])), 0, whole(flat, t))
    return SparseCoo._new(whole(at.reshape(n, -1), t), named(values, "ToSparseBackward0"), t.shape, True)


def to_layout(t: Tensor, layout, blocksize=None, dense_dim=None) -> Tensor:
    """Any tensor in any layout."""
    if t.layout == layout and blocksize is None:
        return t
    if layout == strided:
        return t.to_dense()
    s = coo_of(t, None if dense_dim is None else t.ndim - dense_dim)
    if layout == sparse_coo:
        return s
    own = next(x for x in (sparse_csr, sparse_csc, sparse_bsr, sparse_bsc) if x == layout)
    check(
        own not in BLOCK_LAYOUTS or blocksize is not None,
        f"to_sparse: {SPOKEN[t.layout]} to {SPOKEN[own]} conversion requires blocksize specified.",
    )
    return compress(s, own, tuple(blocksize) if blocksize is not None else None)


def _method(fn):
    setattr(Tensor, fn.__name__, fn)
    return fn


@_method
def to_sparse(self, sparse_dim=None, *, layout=None, blocksize=None, dense_dim=None):
    """The tensor in a sparse layout, by default coordinates, of its first ``sparse_dim`` dimensions.

    Raises:
        RuntimeError: a number of dimensions that the tensor does not have.
    """
    if isinstance(sparse_dim, layouts.layout):
        sparse_dim, layout = None, sparse_dim
    if layout is not None and layout != sparse_coo:
        return to_layout(self, layout, blocksize, dense_dim)
    if isinstance(self, SparseTensor):
        if sparse_dim is not None and sparse_dim != self.sparse_dim():
            raise RustorchRuntimeError(
                "to_sparse: conversion from Sparse to Sparse with sparse_dim argument !=self.sparse_dim() is not supported"
            )
        return coo_of(self)
    check(
        sparse_dim is None or 0 < sparse_dim <= self.ndim or self.ndim == 0 == sparse_dim,
        f"sparse_dim argument must be in >0 and <={self.ndim}, but got {sparse_dim}. Received: {list(self.shape)}",
    )
    return coo_of(self, sparse_dim)


@_method
def to_sparse_coo(self):
    """The tensor by coordinates."""
    return coo_of(self)


def _to(name: str, layout, blocks: bool) -> None:
    def plain(self, dense_dim=None):
        return to_layout(self, layout, None, dense_dim)

    def blocked(self, blocksize, dense_dim=None):
        return to_layout(self, layout, blocksize, dense_dim)

    fn = blocked if blocks else plain
    fn.__name__ = fn.__qualname__ = name
    fn.__doc__ = f"The tensor in the layout ``{layout}``."
    setattr(Tensor, name, fn)


_to("to_sparse_csr", sparse_csr, False)
_to("to_sparse_csc", sparse_csc, False)
_to("to_sparse_bsr", sparse_bsr, True)
_to("to_sparse_bsc", sparse_bsc, True)
# Found on ``Tensor``'s own subclass first otherwise: conversions of the compressed layouts start at coordinates.
_compressed_to_coo = SparseCompressed.to_sparse_coo


@_method
def to_dense(self, dtype=None, *, masked_grad=None):
    """The tensor with all its elements; a dense tensor is that already."""
    return self if dtype is None else self.to(dtype)


@_method
def sparse_dim(self):
    """How many dimensions are sparse: none."""
    return 0


@_method
def dense_dim(self):
    """How many dimensions are dense: all."""
    return self.ndim


@_method
def sparse_mask(self, mask):
    """The elements at the places of the sparse ``mask``, as a sparse tensor with these places."""
    check(
        tuple(self.shape) == tuple(mask.shape),
        f"sparse_mask(): operands have incompatible sizes; self has size {list(self.shape)} but mask has size {list(mask.shape)}",
    )
    if isinstance(mask, SparseCompressed):
        return to_layout(sparse_mask(self, coo_of(mask)), mask.layout, mask._block)
    if not isinstance(self, SparseTensor):
        flat = self.reshape((math.prod(sparse_sizes(mask)), *tuple(self.shape)[mask.sparse_dim() :]))
        return mask._with(named(T.index_select(flat, 0, places(mask)), "SparseMaskBackward0"))
    mine = coo_of(self).coalesce()
    have, want = host_places(mine), host_places(mask)
    at = np.searchsorted(have, want)
    found = (at < len(have)) & (have[np.minimum(at, max(len(have) - 1, 0))] == want) if len(have) else want < 0
    padded = T.cat([mine._values_, mine._values_.new_zeros((1, *mine._values_.shape[1:]))])
    return mask._with(T.index_select(padded, 0, whole(np.where(found, at, len(have)), mask)))


def _only(name: str, kind: str) -> None:
    def refuse(self):
        raise RustorchRuntimeError(f"{name} expected {kind} tensor layout but got {SPOKEN[self.layout]}")

    refuse.__name__ = refuse.__qualname__ = name
    refuse.__doc__ = f"Only of {kind} tensors."
    setattr(Tensor, name, refuse)


for _name in ("coalesce", "is_coalesced", "indices"):
    _only(_name, "sparse coordinate")
for _name in ("crow_indices", "col_indices"):
    _only(_name, "sparse row compressed")
for _name in ("ccol_indices", "row_indices"):
    _only(_name, "sparse column compressed")
_only("values", "sparse")
for _name in ("crow_indices", "col_indices", "ccol_indices", "row_indices"):
    setattr(SparseCoo, _name, getattr(Tensor, _name))

"""The compressed layouts: row (or column) pointers, indices of the other dimension, values or blocks of values."""

from __future__ import annotations

import math

import numpy as np

from rustorch.eager import ops as T
from rustorch.eager.dynamic import host
from rustorch.eager.tensor import Tensor
from rustorch.errors import RustorchRuntimeError, check
from rustorch.layouts import sparse_bsc, sparse_bsr, sparse_csc, sparse_csr
from rustorch.size import Size
from rustorch.sparse.coo import SparseCoo, ravel, whole
from rustorch.sparse.tensor import SparseTensor, expect, named

ROW_LAYOUTS = (sparse_csr, sparse_bsr)
COLUMN_LAYOUTS = (sparse_csc, sparse_bsc)
BLOCK_LAYOUTS = (sparse_bsr, sparse_bsc)


class SparseCompressed(SparseTensor):
    """``ends`` (*batch, rows + 1), ``plain`` (*batch, nnz), values (*batch, nnz, *block, *dense dims)."""

    @classmethod
    def _new(cls, ends: Tensor, plain: Tensor, values: Tensor, shape, layout):
        self = object.__new__(cls)
        self._ends, self._plain, self._values_, self._shape = ends, plain, values, Size(shape)
        self.layout = layout
        return self

    @classmethod
    def _build(cls, rest, parts):
        return cls._new(*parts, *rest)

    def _rest(self):
        return tuple(self._shape), self.layout

    def _indices_(self) -> list:
        return [self._ends, self._plain]

    def _rebuilt(self, indices, values):
        return SparseCompressed._new(*indices, values, self._shape, self.layout)

    # ------------------------------------------------------------ facts

    is_sparse_csr = property(lambda self: self.layout is sparse_csr)

    @property
    def _batch(self) -> int:
        return self._ends.ndim - 1

    @property
    def _block(self) -> tuple[int, int] | None:
        if self.layout not in BLOCK_LAYOUTS:
            return None
        return tuple(self._values_.shape[self._batch + 1 : self._batch + 3])

    def sparse_dim(self) -> int:
        """Two: rows and columns."""
        return 2

    def dense_dim(self) -> int:
        """How many dimensions each value has."""
        return self._values_.ndim - self._batch - 1 - (2 if self._block else 0)

    def _nnz(self) -> int:
        return self._plain.shape[-1]

    def crow_indices(self) -> Tensor:
        """Where each row starts (*batch, rows + 1); the last entry is nnz."""
        expect(self, "crow_indices", ROW_LAYOUTS, "sparse row compressed")
        return self._ends

    def col_indices(self) -> Tensor:
        """The column of each stored element (*batch, nnz)."""
        expect(self, "col_indices", ROW_LAYOUTS, "sparse row compressed")
        return self._plain

    def ccol_indices(self) -> Tensor:
        """Where each column starts (*batch, columns + 1)."""
        expect(self, "ccol_indices", COLUMN_LAYOUTS, "sparse column compressed")
        return self._ends

    def row_indices(self) -> Tensor:
        """The row of each stored element (*batch, nnz)."""
        expect(self, "row_indices", COLUMN_LAYOUTS, "sparse column compressed")
        return self._plain

    def to_dense(self, dtype=None, *, masked_grad=None) -> Tensor:
        """All elements."""
        return self.to_sparse_coo().to_dense(dtype)

    def zero_(self):
        """Set every stored value to zero."""
        self._values_ = T.zeros_like(self._values_)
        return self

    def coalesce(self):
        """PyTorch's error: only for coordinates."""
        expect(self, "coalesce", (), "sparse coordinate")

    def is_coalesced(self):
        """PyTorch's error: only for coordinates."""
        expect(self, "is_coalesced", (), "sparse coordinate")

    def indices(self):
        """PyTorch's error: only for coordinates."""
        expect(self, "indices", (), "sparse coordinate")

    def to_sparse_coo(self) -> SparseCoo:
        """The same elements by coordinates."""
        ends, plain = host(self._ends), host(self._plain)
        batch = ends.shape[:-1]
        ends, plain = ends.reshape(math.prod(batch), -1), plain.reshape(math.prod(batch), -1)
        counts = np.diff(ends, axis=1)
        major = np.stack([np.repeat(np.arange(counts.shape[1]), c) for c in counts]) if len(counts) else plain
        if major.shape != plain.shape:
            raise RustorchRuntimeError("`crow_indices[..., -1] == nnz` is not satisfied.")
        b = np.repeat(np.arange(len(plain)), plain.shape[1])
        first = np.unravel_index(b, batch) if batch else ()
        row, column = (major, plain) if self.layout in ROW_LAYOUTS else (plain, major)
        row, column = row.reshape(-1), column.reshape(-1)
        values = self._values_.reshape((-1, *self._values_.shape[self._batch + 1 :]))
        sizes = tuple(self._shape[: self._batch + 2])
        if self._block:
            r, c = self._block
            i, j = (g.reshape(-1) for g in np.meshgrid(np.arange(r), np.arange(c), indexing="ij"))
            row, column = ((row[:, None] * r + i).reshape(-1), (column[:, None] * c + j).reshape(-1))
            first = tuple(np.repeat(f, r * c) for f in first)
            values = values.reshape((-1, *values.shape[3:]))
        indices = np.stack([*first, row, column]).astype(np.int64)
        flat = ravel(indices, sizes)
        if not (flat[:-1] < flat[1:]).all():
            order = np.argsort(flat, kind="stable")
            indices, values = indices[:, order], T.index_select(values, 0, whole(order, self))
            flat = flat[order]
        return SparseCoo._new(whole(indices, self), values, self._shape, bool((flat[:-1] < flat[1:]).all()))


def compress(s: SparseCoo, layout, blocksize=None) -> SparseCompressed:
    """A coordinate tensor (batch dims, rows, columns) in a compressed layout.

    Raises:
        RuntimeError: fewer than two sparse dimensions, or batches with different numbers of elements.
    """
    s = s.coalesce()
    check(s.sparse_dim() >= 2, "Cannot convert a tensor with fewer than two sparse dimensions to a compressed layout")
    indices, sizes = host(s._where), tuple(s._shape[: s.sparse_dim()])
    values, dense = s._values_, tuple(s._values_.shape[1:])
    rows, columns = sizes[-2:]
    row, column = indices[-2], indices[-1]
    if blocksize is not None:
        r, c = blocksize
        check(
            rows % r == 0 and columns % c == 0,
            f"tensor sparse size ({rows},{columns}) must be divisible by given blocksize ({r},{c})",
        )
        inside = (row % r) * c + column % c
        row, column, rows, columns = row // r, column // c, rows // r, columns // c
    major, minor, n = (row, column, rows) if layout in ROW_LAYOUTS else (column, row, columns)
    batch = sizes[:-2]
    b = ravel(indices[:-2], batch)
    key = (b * n + major) * (columns if layout in ROW_LAYOUTS else rows) + minor
    distinct, ids = np.unique(key, return_inverse=True)
    width = columns if layout in ROW_LAYOUTS else rows
    minor, major, b = distinct % width, distinct // width % n, distinct // width // n
    if blocksize is not None:
        places = whole(ids.reshape(-1) * (r * c) + inside, s)
        values = values.new_zeros((len(distinct) * r * c, *dense)).index_add(0, places, values)
        values = values.reshape((len(distinct), r, c, *dense))
    elif not (key[:-1] < key[1:]).all():
        values = T.index_select(values, 0, whole(np.argsort(key), s))
    counts = np.bincount(b * n + major, minlength=math.prod(batch) * n).reshape(*batch, n)
    totals = counts.reshape(math.prod(batch), n).sum(1)
    check((totals == totals[:1]).all(), "Expect the same number of specified elements per batch.")
    ends = np.concatenate([np.zeros((*batch, 1), np.int64), np.cumsum(counts, -1)], -1)
    if batch:
        minor = minor.reshape(*batch, -1)
        values = values.reshape((*minor.shape, *values.shape[1:]))
    named(values, "ToSparseBackward0")
    return SparseCompressed._new(whole(ends, s), whole(minor, s), values, s._shape, layout)

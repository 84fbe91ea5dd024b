"""The coordinate layout: one column of indices and one value (a number or a block) for each stored element."""

from __future__ import annotations

import math

import numpy as np

from rustorch import dtypes
from rustorch.eager import ops as T
from rustorch.eager.dynamic import host
from rustorch.eager.recorder import from_host
from rustorch.eager.tensor import Tensor
from rustorch.errors import check
from rustorch.layouts import sparse_coo
from rustorch.size import Size
from rustorch.sparse.tensor import SparseTensor, named


class SparseCoo(SparseTensor):
    """``indices`` (sparse dims, nnz) int64 and ``values`` (nnz, *dense dims); repeated places add up."""

    is_sparse = True
    layout = sparse_coo

    @classmethod
    def _new(cls, indices: Tensor, values: Tensor, shape, coalesced: bool):
        self = object.__new__(cls)
        self._where, self._values_, self._shape = indices, values, Size(shape)
        self._coalesced = coalesced
        return self

    @classmethod
    def _build(cls, rest, parts):
        return cls._new(parts[0], parts[1], *rest)

    def _rest(self):
        return tuple(self._shape), self._coalesced

    def _indices_(self) -> list:
        return [self._where]

    def _rebuilt(self, indices, values):
        return SparseCoo._new(indices[0], values, self._shape, self._coalesced)

    def _with(self, values, coalesced=None):
        return SparseCoo._new(self._where, values, self._shape, self._coalesced if coalesced is None else coalesced)

    # ------------------------------------------------------------ facts

    def sparse_dim(self) -> int:
        """How many dimensions the indices name."""
        return self._where.shape[0]

    def dense_dim(self) -> int:
        """How many dimensions each value has."""
        return self._values_.ndim - 1

    def _nnz(self) -> int:
        return self._where.shape[1]

    def is_coalesced(self) -> bool:
        """Are the places known to be sorted and distinct?"""
        return self._coalesced

    def _coalesced_(self, flag: bool):
        self._coalesced = flag
        return self

    def indices(self) -> Tensor:
        """The places (sparse dims, nnz) of a coalesced tensor.

        Raises:
            RuntimeError: the tensor is not coalesced.
        """
        check(self._coalesced, "Cannot get indices on an uncoalesced tensor, please call .coalesce() first")
        return self._where

    def _indices(self) -> Tensor:
        return self._where

    def values(self) -> Tensor:
        """The values (nnz, *dense dims) of a coalesced tensor.

        Raises:
            RuntimeError: the tensor is not coalesced.
        """
        check(self._coalesced, "Cannot get values on an uncoalesced tensor, please call .coalesce() first")
        return super().values()

    # ------------------------------------------------------------ layout

    def coalesce(self):
        """Places sorted and distinct: values of one place are added."""
        if self._coalesced:
            return self
        flat = host_places(self)
        distinct, ids = np.unique(flat, return_inverse=True)
        if len(distinct) == len(flat):
            order = np.argsort(flat, kind="stable")
            values = self._values_
            if not (order[:-1] < order[1:]).all():
                values = T.index_select(values, 0, whole(order, self))
            else:
                values = values.view(values.shape)
        else:
            values = sum_by(self._values_, ids, len(distinct))
        places = np.stack(np.unravel_index(distinct, sparse_sizes(self))) if self.sparse_dim() else distinct[None][:0]
        return SparseCoo._new(
            whole(places.reshape(self.sparse_dim(), -1), self), named(values, "CoalesceBackward0"), self._shape, True
        )

    def to_dense(self, dtype=None, *, masked_grad=None) -> Tensor:
        """All elements: values of one place are added, zero elsewhere."""
        values = self._values_ if dtype is None else self._values_.to(dtype)
        n = math.prod(sparse_sizes(self))
        if values.dtype is dtypes.bool_:
            return SparseCoo._new(self._where, values.to(dtypes.int32), self._shape, True).to_dense().ne(0)
        out = values.new_zeros((n, *values.shape[1:])).index_add(0, places(self), values)
        return named(out.reshape(tuple(self._shape)), "ToDenseBackward0")

    def zero_(self):
        """Forget all that is stored."""
        return self._take(empty_coo(self._shape, self.sparse_dim(), self))


def whole(array: np.ndarray, like: Tensor) -> Tensor:
    """Integers as an int64 tensor beside ``like``."""
    return from_host(np.ascontiguousarray(array, dtype=np.int64), like.device)


def sparse_sizes(s: SparseCoo) -> tuple[int, ...]:
    """The sizes that the indices name."""
    return tuple(s._shape[: s.sparse_dim()])


def host_indices(s: SparseCoo) -> np.ndarray:
    """The indices on the host (computes what is pending)."""
    return host(s._where)


def ravel(indices: np.ndarray, sizes) -> np.ndarray:
    """Places in row-major order, from indices (dims, nnz)."""
    out = np.zeros(indices.shape[1], np.int64)
    for row, n in zip(indices, sizes):
        out = out * n + row
    return out


def host_places(s: SparseCoo) -> np.ndarray:
    """Row-major places of the stored elements, on the host."""
    return ravel(host_indices(s), sparse_sizes(s))


def places(s: SparseCoo) -> Tensor:
    """Row-major places of the stored elements (nnz), recorded."""
    out = None
    for d, n in enumerate(sparse_sizes(s)):
        row = T.select(s._where, 0, d)
        out = row if out is None else out * n + row
    return s._where.new_zeros((s._nnz(),)) if out is None else out


def sum_by(values: Tensor, ids: np.ndarray, n: int) -> Tensor:
    """The sums of the values (nnz, ...) that share an id, (n, ...)."""
    if values.dtype is dtypes.bool_:
        return sum_by(values.to(dtypes.int32), ids, n).ne(0)
    return values.new_zeros((n, *values.shape[1:])).index_add(0, whole(ids.reshape(-1), values), values)


def empty_coo(size, sparse_dim: int, like: Tensor, dtype=None) -> SparseCoo:
    """A tensor of this size with nothing stored."""
    size = tuple(size)
    values = T.zeros((0, *size[sparse_dim:]), dtype=dtype or like.dtype, device=like.device)
    return SparseCoo._new(whole(np.zeros((sparse_dim, 0)), like), values, size, True)

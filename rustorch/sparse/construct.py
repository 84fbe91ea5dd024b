"""``sparse_coo_tensor`` and its relatives: sparse tensors from their parts."""

from __future__ import annotations

import numpy as np

from rustorch import dtypes
from rustorch.eager import ops as T
from rustorch.eager.convert import as_tensor, tensor
from rustorch.eager.dynamic import host
from rustorch.eager.tensor import Tensor
from rustorch.errors import check
from rustorch.layouts import sparse_bsc, sparse_bsr, sparse_coo, sparse_csc, sparse_csr, strided
from rustorch.sparse.checks import check_compressed, check_coo, wanted
from rustorch.sparse.compressed import BLOCK_LAYOUTS, ROW_LAYOUTS, SparseCompressed
from rustorch.sparse.coo import SparseCoo, empty_coo
from rustorch.sparse.tensor import SparseTensor, named


def _index(data, device) -> Tensor:
    t = data if isinstance(data, Tensor) else tensor(np.asarray(data), device=device)
    return t.to(dtypes.int64) if device is None else t.to(device, dtypes.int64)


def _values(data, dtype, device, requires_grad, name) -> Tensor:
    """The values as an alias, so that the caller's tensor is not the sparse tensor's own leaf."""
    given = as_tensor(data, dtype=dtype, device=device)
    if requires_grad:
        return given.detach().clone().requires_grad_()
    return named(given.view(given.shape), name) if given.requires_grad else given.detach()


def sparse_coo_tensor(indices=None, values=None, size=None, *, dtype=None, layout=None, device=None, pin_memory=False,
                      requires_grad=False, check_invariants=None, is_coalesced=None):  # fmt: skip
    """A tensor from coordinates: ``values[k]`` at ``indices[:, k]``; repeated places add up.

    Args:
        indices: integers (sparse dims, nnz). values: (nnz, *dense dims).
        size: all sizes; default: just large enough. ``sparse_coo_tensor(size=size)`` stores nothing.
        is_coalesced: the places are sorted and distinct, not looked at.

    Raises:
        RuntimeError: sizes that do not fit; with checks on, an index outside.

    Example:
        >>> import rustorch
        >>> rustorch.sparse_coo_tensor([[0, 1], [2, 0]], [3.0, 4.0], (2, 3))
        tensor(indices=tensor([[0, 1],
                               [2, 0]]),
               values=tensor([3., 4.]),
               size=(2, 3), nnz=2, layout=torch.sparse_coo)
    """
    if values is None:
        size = indices if size is None else size
        like = T.empty(0, dtype=dtype, device=device)
        return empty_coo(size, len(size), like).requires_grad_(requires_grad)
    where = _index(indices, device)
    values = _values(values, dtype, device, requires_grad, "SparseCooTensorWithDimsAndTensorsBackward0")
    check(where.ndim == 2, f"indices must be sparse_dim x nnz, but got: {list(where.shape)}")
    values = values.reshape(1).expand(where.shape[1]) if values.ndim == 0 else values
    sparse, nnz = where.shape
    check(
        nnz == values.shape[0],
        f"indices and values must have same nnz, but got nnz from indices: {nnz}, nnz from values: {values.shape[0]}",
    )
    if size is None:
        found = host(where)
        for d, row in enumerate(found):
            check(not row.size or row.min() >= 0, f"found negative index {row.min() if row.size else 0} for dim {d}")
        size = (*(int(row.max()) + 1 if row.size else 0 for row in found), *values.shape[1:])
    else:
        size = tuple(int(n) for n in size)
        check(
            len(size) == sparse + values.ndim - 1,
            f"'len(size) == sparse_dim + dense_dim' is not satisfied: len(size) = {len(size)}, sparse_dim = {sparse}, "
            f"dense_dim = {values.ndim - 1}",
        )
        check(
            tuple(size[sparse:]) == tuple(values.shape[1:]),
            f"values has incorrect size, expected {[nnz, *size[sparse:]]}, got {list(values.shape)}",
        )
        if wanted(check_invariants):
            check_coo(where, size)
    return SparseCoo._new(where, values, size, nnz < 2 if is_coalesced is None else bool(is_coalesced))


def sparse_compressed_tensor(compressed_indices, plain_indices, values, size=None, *, dtype=None, layout=None,
                             device=None, pin_memory=False, requires_grad=False, check_invariants=None):  # fmt: skip
    """A tensor in the layout ``layout`` from pointers (*batch, n + 1), indices (*batch, nnz) and values.

    Raises:
        RuntimeError: sizes that do not fit; with checks on, indices that are not those of a matrix.

    Example:
        >>> import rustorch
        >>> rustorch.sparse_compressed_tensor([0, 1, 2], [0, 1], [1, 2], layout=rustorch.sparse_csr).to_dense()
        tensor([[1, 0],
                [0, 2]])
    """
    check(
        layout is not None and str(layout) not in (sparse_coo, strided),
        "sparse_compressed_tensor expected sparse compressed tensor layout but got " + str(layout),
    )
    layout = next(x for x in (sparse_csr, sparse_csc, sparse_bsr, sparse_bsc) if x == str(layout))
    kind = str(layout).rpartition("_")[2].capitalize()
    ends, plain = _index(compressed_indices, device), _index(plain_indices, device)
    values = _values(values, dtype, device, requires_grad, f"Sparse{kind}TensorBackward0")
    by_rows = layout in ROW_LAYOUTS
    ends_name, plain_name = ("crow_indices", "col_indices") if by_rows else ("ccol_indices", "row_indices")
    batch = ends.ndim - 1
    block = tuple(values.shape[batch + 1 : batch + 3]) if layout in BLOCK_LAYOUTS else (1, 1)
    dense = tuple(values.shape[batch + (3 if layout in BLOCK_LAYOUTS else 1) :])
    if size is None:
        found = host(plain)
        major, minor = ends.shape[-1] - 1, int(found.max()) + 1 if found.size else 0
        rows, columns = (major, minor) if by_rows else (minor, major)
        size = (*ends.shape[:-1], rows * block[0], columns * block[1], *dense)
    size = tuple(int(n) for n in size)
    if wanted(check_invariants):
        rows, columns = size[batch] // block[0], size[batch + 1] // block[1]
        n, width = (rows, columns) if by_rows else (columns, rows)
        what = "rows" if by_rows else "columns"
        nnz = values.shape[batch]
        check(
            ends.shape[-1] == n + 1,
            f"{ends_name}.shape[-1] must be equal to the number of {what} + 1 (={n + 1}), but got {ends.shape[-1]}",
        )
        check(
            plain.shape[-1] == nnz,
            f"{plain_name}.shape[-1] must be equal to nnz (={nnz}) as defined by values.shape[{batch}], but got "
            f"{plain.shape[-1]}",
        )
        check_compressed(ends, plain, width, ends_name, plain_name)
    return SparseCompressed._new(ends, plain, values, size, layout)


def _of_layout(name: str, layout, ends: str, plain: str):
    def make(compressed, indices, values, size=None, *, dtype=None, device=None, pin_memory=False, requires_grad=False,
             check_invariants=None):  # fmt: skip
        return sparse_compressed_tensor(
            compressed, indices, values, size, dtype=dtype, layout=layout, device=device,
            requires_grad=requires_grad, check_invariants=check_invariants,
        )  # fmt: skip

    make.__name__ = make.__qualname__ = name
    make.__module__ = __name__
    make.__doc__ = (
        f"A tensor in the layout ``{layout}`` from ``{ends}`` (*batch, n + 1), ``{plain}`` (*batch, nnz) and values."
    )
    return make


sparse_csr_tensor = _of_layout("sparse_csr_tensor", sparse_csr, "crow_indices", "col_indices")
sparse_csc_tensor = _of_layout("sparse_csc_tensor", sparse_csc, "ccol_indices", "row_indices")
sparse_bsr_tensor = _of_layout("sparse_bsr_tensor", sparse_bsr, "crow_indices", "col_indices")
sparse_bsc_tensor = _of_layout("sparse_bsc_tensor", sparse_bsc, "ccol_indices", "row_indices")


class _LegacyType(type):
    """The type of ``sparse.FloatTensor``: calling it makes a coordinate tensor of its dtype."""

    def __instancecheck__(cls, value):
        return isinstance(value, SparseTensor) and value.dtype is cls.dtype

    def __call__(cls, *args, device=None):
        if args and isinstance(args[0], Tensor):
            return sparse_coo_tensor(*args, dtype=cls.dtype, device=device)
        size = args[0] if args and isinstance(args[0], (tuple, list)) else args
        return sparse_coo_tensor(size=tuple(size), dtype=cls.dtype, device=device)


LEGACY = {
    f"{d.alias}Tensor": _LegacyType(
        f"{d.alias}Tensor", (), {"dtype": d, "__module__": "torch.sparse", "__doc__": f"Coordinate tensors of {d}."}
    )
    for d in dtypes.ALL
    if d.alias in ("Float", "Double", "Half", "BFloat16", "Byte", "Char", "Short", "Int", "Long")
}

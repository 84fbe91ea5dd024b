"""Matrix products with a sparse operand.

Measured beside PyTorch, SciPy and ``jax.experimental.sparse`` in ``benchmarks/sparse.py``; see ``plans``.
"""

from __future__ import annotations

import math

import numpy as np

from rustorch.eager import ops as T
from rustorch.eager.dynamic import host
from rustorch.eager.foreign import NotDense, rule
from rustorch.eager.recorder import apply
from rustorch.eager.tensor import Tensor
from rustorch.errors import RustorchRuntimeError, ShapeMismatchError, check
from rustorch.layouts import sparse_csr
from rustorch.lowering.ops.sparse import sparse_dots, sparse_product
from rustorch.sparse.compressed import SparseCompressed
from rustorch.sparse.convert import coo_of, to_layout
from rustorch.sparse.coo import SparseCoo, host_indices, ravel, sum_by, whole
from rustorch.sparse.plans import plan_for
from rustorch.sparse.tensor import SparseTensor, named


def _same_dtype(a: Tensor, b: Tensor) -> None:
    check(a.dtype is b.dtype, f"expected scalar type {a.dtype.alias} but found {b.dtype.alias}")


def _product(s: SparseCoo, dense: Tensor) -> Tensor:
    """A sparse matrix times a dense one."""
    _same_dtype(s, dense)
    shape = tuple(s._shape)
    where = s._where
    plan = plan_for(where, shape)
    rows, columns = T.select(where, 0, 0), T.select(where, 0, 1)
    return apply(sparse_product, (s._values_, dense, rows, columns, plan.forward, plan.backward, shape, plan.splits))


def _matrix(s: Tensor, name: str) -> SparseCoo:
    check(s.ndim == 2, f"{name}: Expected a matrix, got a {s.ndim}-D tensor")
    if isinstance(s, SparseTensor):
        check(
            isinstance(s, SparseCompressed) or s.dense_dim() == 0,
            f"{name}: scalar values expected, got {s.dense_dim()}D values",
        )
    return coo_of(s)


def mm(mat1: Tensor, mat2: Tensor, reduce: str | None = None) -> Tensor:
    """The product of two matrices of which at least one is sparse; sparse if both are.

    Args:
        mat1: (n, m). mat2: (m, k).
        reduce: for CSR times dense: "sum", "mean", "amax" or "amin" of the products of each row.

    Raises:
        RuntimeError: shapes that do not fit, different dtypes.

    Example:
        >>> import rustorch
        >>> s = rustorch.sparse_coo_tensor([[0, 1], [1, 0]], [2.0, 3.0], (2, 2))
        >>> rustorch.sparse.mm(s, rustorch.ones(2, 1))
        tensor([[2.],
                [3.]])
    """
    if reduce is not None:
        return _reduced(mat1, mat2, reduce)
    a, b = isinstance(mat1, SparseTensor), isinstance(mat2, SparseTensor)
    if not a and not b:
        return T.mm(mat1, mat2)
    for t in (mat1, mat2):
        if not isinstance(t, SparseTensor):
            check(t.ndim == 2, f"mm: Expected a matrix, got a {t.ndim}-D tensor")
    if a and not b:
        s = _matrix(mat1, "addmm")
        if s.shape[1] != mat2.shape[0]:
            raise ShapeMismatchError(
                f"addmm: Argument #3 (dense): Expected dim 0 size {s.shape[1]}, got {mat2.shape[0]}",
                s.shape,
                mat2.shape,
            )
        return _product(s, mat2)
    if mat1.shape[-1] != mat2.shape[0]:
        raise ShapeMismatchError(
            f"mat1 and mat2 shapes cannot be multiplied ({_x(mat1)} and {_x(mat2)})", mat1.shape, mat2.shape
        )
    if not a:
        # The transpose of a compressed matrix shares its parts, so plans are found again.
        return T.t(_product(_flipped(_matrix(mat2, "mm")), T.t(mat1)))
    out = _both(_matrix(mat1, "mm").coalesce(), _matrix(mat2, "mm").coalesce())
    of = mat1 if isinstance(mat1, SparseCompressed) else mat2
    return to_layout(out, of.layout) if isinstance(mat1, SparseCompressed) else out


_turned: dict = {}


def _flipped(s: SparseCoo) -> SparseCoo:
    return T.transpose(s, 0, 1)


def _x(t) -> str:
    return "x".join(map(str, t.shape))


def _both(a: SparseCoo, b: SparseCoo) -> SparseCoo:
    """The product of two sparse matrices: all pairs that meet, those of one place added."""
    _same_dtype(a, b)
    (row, inner), (meets, column) = host_indices(a), host_indices(b)
    counts = np.bincount(meets, minlength=a.shape[1])
    starts = np.cumsum(counts) - counts  # b is coalesced: its elements are sorted by row
    each = counts[inner]
    left = np.repeat(np.arange(len(inner)), each)
    right = np.arange(each.sum()) - np.repeat(np.cumsum(each) - each, each) + np.repeat(starts[inner], each)
    shape = (a.shape[0], b.shape[1])
    flat = ravel(np.stack([row[left], column[right]]), shape)
    distinct, ids = np.unique(flat, return_inverse=True)
    pairs = T.index_select(a._values_, 0, whole(left, a)) * T.index_select(b._values_, 0, whole(right, b))
    values = named(sum_by(pairs, ids, len(distinct)), "SparseSparseMatmulBackward0")
    return SparseCoo._new(whole(np.stack(np.unravel_index(distinct, shape)), a), values, shape, True)


def _reduced(mat1, mat2, how: str) -> Tensor:
    """``mm`` with another reduction than the sum over each row."""
    if mat1.layout is not sparse_csr:
        raise NotDense(mat1, "_sparse_mm_reduce_impl")
    s = _matrix(mat1, "mm")
    rows, columns = T.select(s._where, 0, 0), T.select(s._where, 0, 1)
    if how == "sum":
        return _product(s, mat2)
    products = s._values_.unsqueeze(1) * T.index_select(mat2, 0, columns)
    n = s.shape[0]
    if how in ("amax", "amin"):
        return products.new_zeros((n, mat2.shape[1])).index_reduce(0, rows, products, how, include_self=False)
    if how != "mean":
        raise RustorchRuntimeError(f"reduce argument must be either sum, prod, mean, amax or amin, got {how}.")
    counts = np.maximum(np.bincount(host(rows), minlength=n), 1).reshape(-1, 1)
    return products.new_zeros((n, mat2.shape[1])).index_add(0, rows, products) / whole(counts, s)


@rule("mm")
def _mm(input, mat2):
    return mm(input, mat2)


@rule("mv")
def mv(input, vec):
    """A sparse matrix times a vector."""
    check(
        input.ndim == 2 and vec.ndim == 1,
        f"vector + matrix @ vector expected, got 1, {input.ndim}, {vec.ndim}",
    )
    if input.shape[1] != vec.shape[0]:
        raise ShapeMismatchError(
            f"size mismatch, got input ({input.shape[0]}), mat ({_x(input)}), vec ({vec.shape[0]})",
            input.shape,
            vec.shape,
        )
    return T.squeeze(mm(input, T.unsqueeze(vec, 1)), 1)


@rule("matmul")
def matmul(input, other):
    """``@`` with a sparse operand: matrix and vector by ``mv``, matrices by ``mm``, batches by ``bmm``."""
    if input.ndim == 2 and other.ndim == 1:
        return mv(input, other)
    if input.ndim == 1 and other.ndim == 2:
        return T.squeeze(mm(T.unsqueeze(input, 0), other), 0)
    if input.ndim == 3 and other.ndim == 3:
        return bmm(input, other)
    return mm(input, other)


@rule("bmm")
def bmm(input, mat2):
    """Products of a batch of sparse matrices (b, n, m) with dense ones (b, m, k)."""
    check(input.ndim == 3 and mat2.ndim == 3, "bmm: expected 3-D tensors")
    s = coo_of(input)
    b, n, m = s.shape
    if (b, m) != tuple(mat2.shape[:2]):
        raise ShapeMismatchError(
            f"bmm: Argument #1 (mat2): Expected dim 0 size {b}, got {mat2.shape[0]}"
            if b != mat2.shape[0]
            else f"bmm: Argument #1 (mat2): Expected dim 1 size {m}, got {mat2.shape[1]}",
            s.shape,
            mat2.shape,
        )
    batch, row, column = (T.select(s._where, 0, i) for i in range(3))
    flat = SparseCoo._new(T.stack([batch * n + row, batch * m + column]), s._values_, (b * n, b * m), False)
    return _product(flat, mat2.reshape((b * m, mat2.shape[2]))).reshape((b, n, mat2.shape[2]))


def addmm(mat: Tensor, mat1: Tensor, mat2: Tensor, *, beta=1, alpha=1) -> Tensor:
    """``beta * mat + alpha * (mat1 @ mat2)`` with a sparse ``mat1``.

    Args:
        mat: dense, broadcast to (n, k). mat1: sparse (n, m). mat2: dense (m, k).

    Example:
        >>> import rustorch
        >>> rustorch.sparse.addmm(rustorch.ones(2, 2), rustorch.eye(2).to_sparse(), rustorch.ones(2, 2))
        tensor([[2., 2.],
                [2., 2.]])
    """
    product = mm(mat1, mat2)
    if alpha != 1:
        product = product * alpha
    if not isinstance(beta, Tensor) and beta == 0:
        return product
    scaled = mat if beta == 1 else mat * beta
    if isinstance(product, SparseTensor) and not isinstance(scaled, SparseTensor):
        return T.add(scaled, product)
    return (
        T.add(product, scaled)
        if not isinstance(scaled, SparseTensor) or isinstance(product, SparseTensor)
        else T.add(product, scaled)
    )


@rule("addmm")
def _addmm(input, mat1, mat2, *, beta=1, alpha=1):
    return addmm(input, mat1, mat2, beta=beta, alpha=alpha)


@rule("addmv")
def addmv(input, mat, vec, *, beta=1, alpha=1):
    """``beta * input + alpha * (mat @ vec)``."""
    return input * beta + mv(mat, vec) * alpha


@rule("smm")
def smm(input, mat):
    """A sparse matrix times a dense one, in coordinates."""
    return sspaddmm(T.zeros_like(T.mm(input, mat)).to_sparse(), input, mat)


@rule("hspmm")
def hspmm(mat1, mat2):
    """A sparse matrix times a dense one, with one sparse dimension: rows that are not zero."""
    s = coo_of(mat1).coalesce()
    product = mm(s, mat2)
    rows = np.unique(host_indices(s)[0])
    at = whole(rows, s)
    return SparseCoo._new(at.unsqueeze(0), T.index_select(product, 0, at), product.shape, False)


@rule("sspaddmm")
def sspaddmm(input, mat1, mat2, *, beta=1, alpha=1):
    """``beta * input + alpha * (mat1 @ mat2)`` of sparse ``input`` and ``mat1``, in coordinates, not coalesced."""
    a = coo_of(mat1).coalesce()
    product = mm(a, mat2)
    rows = np.unique(host_indices(a)[0])
    columns = np.arange(product.shape[1])
    where = np.stack([x.reshape(-1) for x in np.meshgrid(rows, columns, indexing="ij")])
    flat = T.index_select(product.reshape(-1), 0, whole(ravel(where, product.shape), a))
    s = coo_of(input)
    values = T.cat([s._values_ * beta, flat * alpha])
    return SparseCoo._new(T.cat([s._where, whole(where, a)], 1), values, s._shape, False)


def sampled_addmm(input: Tensor, mat1: Tensor, mat2: Tensor, *, beta=1.0, alpha=1.0, out=None) -> Tensor:
    """``alpha * (mat1 @ mat2)`` at the places of ``input``, plus ``beta * input``.

    Args:
        input: CSR (*batch, n, m). mat1: dense (*batch, n, k). mat2: dense (*batch, k, m).

    Raises:
        RuntimeError: shapes that do not fit.

    Example:
        >>> import rustorch
        >>> s = rustorch.eye(2).to_sparse_csr()
        >>> rustorch.sparse.sampled_addmm(s, rustorch.ones(2, 3), rustorch.ones(3, 2)).values()
        tensor([4., 4.])
    """
    if input.layout is not sparse_csr:
        raise NotDense(input, "sparse_sampled_addmm")
    if mat1.shape[-1] != mat2.shape[-2]:
        raise ShapeMismatchError(
            f"sampled_addmm: mat1 and mat2 shapes cannot be multiplied ({mat1.shape[-2]}x{mat1.shape[-1]} and "
            f"{mat2.shape[-2]}x{mat2.shape[-1]})",
            mat1.shape,
            mat2.shape,
        )
    n, m = input.shape[-2:]
    check(mat1.shape[-2] == n, f"sampled_addmm: self.shape[-2] must match mat1.shape[-2]")  # noqa: F541
    check(mat2.shape[-1] == m, f"sampled_addmm: self.shape[-1] must match mat2.shape[-1]")  # noqa: F541
    s = input.to_sparse_coo()
    *batch, row, column = host_indices(s)
    b = ravel(np.stack(batch), input.shape[:-2]) if batch else 0
    k = mat1.shape[-1]
    count = math.prod(input.shape[:-2])
    left = mat1.reshape((count * n, k))
    right = T.transpose(mat2, -2, -1).reshape((count * m, k))
    dots = apply(sparse_dots, (left, right, whole(b * n + row, s), whole(b * m + column, s)))
    dots = dots.reshape(input._values_.shape)
    values = dots if alpha == 1 else dots * alpha
    result = input._with(values if beta == 0 else values + input._values_ * beta)
    return result if out is None else out._take(result)

"""Shape operations that copy: joining, repeating, reversing, rotating, triangles and diagonals."""

from __future__ import annotations

import itertools

import jax.numpy as jnp
import numpy as np
from jax import lax

from rustorch import dtypes
from rustorch.errors import (
    ArgumentTypeError,
    ArgumentValueError,
    IndexOutOfRangeError,
    ShapeMismatchError,
    check,
    wrap_dim,
)
from rustorch.lowering.platform import on_cpu
from rustorch.lowering.promote import cast, dtype_of, is_number, result_dtype
from rustorch.lowering.table import Dims, op, reduction


def _common(tensors):
    """All tensors in the dtype that they promote to."""
    dtype = dtype_of(tensors[0])
    for t in tensors[1:]:
        dtype = dtypes.promote_types(dtype, dtype_of(t))
    return [cast(t, dtype) for t in tensors]


def _check_list(tensors, name, empty=True):
    """Raise PyTorch's error unless ``tensors`` is a list of tensors (and, if not ``empty``, has any)."""
    if not isinstance(tensors, (tuple, list)):
        raise ArgumentTypeError(f"{name}(): argument 'tensors' (position 1) must be tuple of Tensors, not Tensor")
    check(empty or len(tensors) > 0, f"{name} expects a non-empty TensorList")
    for i, t in enumerate(tensors):
        if t is None or is_number(t):
            raise ArgumentTypeError(f"expected Tensor as element {i} in argument 0, but got {type(t).__name__}")


@op(saves=False, method=False, aliases=("concat", "concatenate"))
def cat(tensors, dim=0):
    """Joins tensors along an existing dimension: ``[a, b] -> a followed by b``."""
    _check_list(tensors, "cat")
    check(len(tensors) > 0, "torch.cat(): expected a non-empty list of Tensors", ArgumentValueError)
    for i, t in enumerate(tensors):
        check(t.ndim > 0, f"zero-dimensional tensor (at position {i}) cannot be concatenated")
    arrays = _common(tensors)
    kept = [(i, t) for i, t in enumerate(arrays) if t.shape != (0,)]  # PyTorch skips these whatever the rank
    if not kept:
        wrap_dim(dim, 1)
        return arrays[0]
    first = kept[0][1]
    dim = wrap_dim(dim, first.ndim)
    for i, t in kept[1:]:
        if t.ndim != first.ndim:
            raise ShapeMismatchError(
                f"Tensors must have same number of dimensions: got {first.ndim} and {t.ndim}", first.shape, t.shape
            )
        for d in range(first.ndim):
            if d != dim and t.shape[d] != first.shape[d]:
                raise ShapeMismatchError(
                    f"Sizes of tensors must match except in dimension {dim}. Expected size {first.shape[d]} "
                    f"but got size {t.shape[d]} for tensor number {i} in the list.",
                    first.shape,
                    t.shape,
                )
    return lax.concatenate([t for _, t in kept], dim) if len(kept) > 1 else first


@op(saves=False, method=False)
def stack(tensors, dim=0):
    """Joins tensors of one shape along a new dimension."""
    _check_list(tensors, "stack")
    check(len(tensors) > 0, "stack expects a non-empty TensorList")
    dim = wrap_dim(dim, tensors[0].ndim + 1)
    for i, t in enumerate(tensors):
        if t.shape != tensors[0].shape:
            raise ShapeMismatchError(
                f"stack expects each tensor to be equal size, but got {list(tensors[0].shape)} at entry 0 and {list(t.shape)} at entry {i}",
                tensors[0].shape,
                t.shape,
            )
    return lax.concatenate([jnp.expand_dims(t, dim) for t in _common(tensors)], dim)


@op(saves=False, method=False, grad_name="CatBackward0")
def hstack(tensors):
    """Joins side by side: along dimension 0 for vectors, 1 for all others."""
    _check_list(tensors, "hstack", empty=False)
    arrays = [jnp.atleast_1d(t) for t in tensors]
    return cat(arrays, 0 if arrays and arrays[0].ndim == 1 else 1)


@op(saves=False, method=False, aliases=("row_stack",), grad_name="CatBackward0")
def vstack(tensors):
    """Joins one below the other; vectors become rows."""
    _check_list(tensors, "vstack", empty=False)
    return cat([jnp.atleast_2d(t) for t in tensors], 0)


@op(saves=False, method=False, grad_name="CatBackward0")
def dstack(tensors):
    """Joins in depth, along dimension 2."""
    _check_list(tensors, "dstack", empty=False)
    return cat([jnp.atleast_3d(t) for t in tensors], 2)


@op(saves=False, method=False, grad_name="CatBackward0")
def column_stack(tensors):
    """Joins side by side; vectors and numbers become columns."""
    return cat([t.reshape(-1, 1) if t.ndim < 2 else t for t in tensors], 1)


@op(saves=False, method=False, function=False)
def block_diag(tensors):
    """Places matrices along the diagonal of a zero matrix."""
    for i, t in enumerate(tensors):
        check(
            t.ndim <= 2,
            f"torch.block_diag: Input tensors must have 2 or fewer dimensions. Input {i} has {t.ndim} dimensions",
        )
    blocks = (
        [jnp.atleast_2d(t) for t in _common(tensors)]
        if tensors
        else [jnp.zeros((1, 0), dtypes.get_default_dtype().numpy)]
    )
    width = sum(b.shape[1] for b in blocks)
    rows, left = [], 0
    for b in blocks:
        rows.append(jnp.pad(b, ((0, 0), (left, width - left - b.shape[1]))))
        left += b.shape[1]
    return jnp.concatenate(rows, 0)


@op(saves=False, function=False)
def repeat(input, repeats: Dims):
    """Copies of the tensor side by side, ``repeats[d]`` of them along dimension ``d``."""
    check(
        len(repeats) >= input.ndim,
        "Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor",
    )
    check(
        all(r >= 0 for r in repeats),
        f"Trying to create tensor with negative dimension. Received repeats: {list(repeats)}",
    )
    return _tiled(input, tuple(repeats))


def _tiled(x, repeats):
    shape = (1,) * (len(repeats) - x.ndim) + x.shape
    spread = [n for s in shape for n in (1, s)]
    wide = [n for r, s in zip(repeats, shape) for n in (r, s)]
    return jnp.broadcast_to(x.reshape(spread), wide).reshape([r * s for r, s in zip(repeats, shape)])


@op(saves=False, grad_name="RepeatBackward0")
def tile(input, dims: Dims):
    """Like ``repeat``; missing leading entries of ``dims`` count as 1."""
    return _tiled(input, (1,) * (input.ndim - len(dims)) + tuple(dims))


@op(saves=False, function=False, method=False, grad_name="ViewBackward0")
def repeat_each(input, repeats: int, dim=None):
    """Each element ``repeats`` times in a row."""
    check(repeats >= 0, "Repeats must be non-negative")
    x = input.reshape(-1) if dim is None or input.ndim == 0 else input
    d = 0 if dim is None else wrap_dim(dim, input.ndim)
    shape = x.shape
    x = jnp.broadcast_to(jnp.expand_dims(x, d + 1), shape[: d + 1] + (repeats,) + shape[d + 1 :])
    return x.reshape(shape[:d] + (shape[d] * repeats,) + shape[d + 1 :])


def _distinct(dims, ndim):
    out = []
    for d in dims:
        d = wrap_dim(d, ndim)
        check(d not in out, f"dim {d} appears multiple times in the list of dims")
        out.append(d)
    return tuple(out)


@op(saves=False)
def flip(input, dims: Dims):
    """Reverses the order of the elements along ``dims``."""
    dims = _distinct((dims,) if isinstance(dims, int) else dims, input.ndim)
    return lax.rev(input, dims) if input.ndim else input


@op(saves=False, grad_name="FlipBackward0")
def fliplr(input):
    """Reverses the columns (dimension 1)."""
    check(input.ndim >= 2, "Input must be >= 2-d.")
    return lax.rev(input, (1,))


@op(saves=False, grad_name="FlipBackward0")
def flipud(input):
    """Reverses the rows (dimension 0)."""
    check(input.ndim >= 1, "Input must be >= 1-d.")
    return lax.rev(input, (0,))


@op(saves=False)
def roll(input, shifts, dims=()):
    """Shifts cyclically by ``shifts`` along ``dims``; without ``dims`` along the flattened tensor."""
    shifts = (shifts,) if isinstance(shifts, int) else tuple(shifts)
    dims = (dims,) if isinstance(dims, int) else tuple(dims or ())
    check(len(shifts) > 0, "`shifts` required")
    if not dims and len(shifts) == 1:
        return _rolled(input.reshape(-1), shifts[0], 0).reshape(input.shape)
    check(len(shifts) == len(dims), f"shifts and dimensions must align. shifts: {len(shifts)}, dims:{len(dims)}")
    check(input.ndim > 0, f"Dimension specified as {dims[0]} but tensor has no dimensions", IndexOutOfRangeError)
    for shift, d in zip(shifts, dims):
        input = _rolled(input, shift, wrap_dim(d, input.ndim))
    return input


def _rolled(x, shift, d):
    n = x.shape[d] if x.ndim else 0
    cut = -shift % n if n else 0
    if not cut:
        return x
    first, last = lax.slice_in_dim(x, 0, cut, axis=d), lax.slice_in_dim(x, cut, n, axis=d)
    if d == 0 or not on_cpu():
        return lax.concatenate([last, first], d)
    # XLA:CPU copies the two parts row by row, and writes a concatenation element by element: 0.12 and 0.39 ms for 1024 x 1024.
    zeros = lax.full(x.shape, 0, x.dtype)
    return lax.dynamic_update_slice_in_dim(lax.dynamic_update_slice_in_dim(zeros, last, 0, d), first, n - cut, d)


@op(saves=False)
def rot90(input, k=1, dims=(0, 1)):
    """Turns by 90 degrees ``k`` times, from the first of ``dims`` towards the second."""
    check(len(dims) == 2, f"expected total rotation dims == 2, but got dims = {len(dims)}")
    check(input.ndim >= 2, f"expected total dims >= 2, but got total dims = {input.ndim}")
    a, b = (wrap_dim(d, input.ndim) for d in dims)
    check(a != b, f"expected rotation dims to be different, but got dim0 = {dims[0]} and dim1 = {dims[1]}")
    return jnp.rot90(input, k, (a, b))


@op(saves=False, inplace=True)
def tril(input, diagonal=0):
    """The lower triangle: zero where ``column > row + diagonal``."""
    check(input.ndim >= 2, "tril: input tensor must have at least 2 dimensions")
    return jnp.tril(input, diagonal)


@op(saves=False, inplace=True)
def triu(input, diagonal=0):
    """The upper triangle: zero where ``column < row + diagonal``."""
    check(input.ndim >= 2, "triu: input tensor must have at least 2 dimensions")
    return jnp.triu(input, diagonal)


@op(saves=False)
def diag_embed(input, offset=0, dim1=-2, dim2=-1):
    """Matrices with the last dimension of ``input`` on their diagonal and zeros elsewhere."""
    ndim = input.ndim + 1
    a, b = wrap_dim(dim1, ndim), wrap_dim(dim2, ndim)
    check(a != b, f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    n = input.shape[-1] + abs(offset)
    pads = [(0, 0)] * (input.ndim - 1)
    # Row i holds its element at column i + offset: spread the vector over rows, keep the diagonal.
    rows = jnp.pad(input, pads + [(max(-offset, 0), max(offset, 0))])
    hit = np.eye(n, k=offset, dtype=bool)
    out = jnp.where(hit, jnp.expand_dims(rows, -1), jnp.zeros((), input.dtype))
    return jnp.moveaxis(out, (-2, -1), (a, b))


@op(saves=False, grad_name="DiagonalBackward0")
def diag(input, diagonal=0):
    """The diagonal of a matrix, or a matrix with a vector on its diagonal."""
    check(input.ndim in (1, 2), f"diag(): Supports 1D or 2D tensors. Got {input.ndim}D")
    return jnp.diagonal(input, diagonal) if input.ndim == 2 else diag_embed(input, diagonal)


@op(saves=False, grad_name="DiagEmbedBackward0")
def diagflat(input, offset=0):
    """A matrix with the flattened input on its diagonal."""
    return diag_embed(input.reshape(-1), offset)


@op(method=False, function=False, grad_name="StackBackward0")
def cartesian_prod(tensors):
    """All tuples with one element from each vector, one tuple a row."""
    for t in tensors:
        check(t.ndim == 1, f"Expect a 1D vector, but got shape {list(t.shape)}")
    if len(tensors) == 1:
        return tensors[0]
    sizes = [t.shape[0] for t in tensors]
    columns = []
    for i, t in enumerate(_common(tensors)):
        shape = [1] * len(sizes)
        shape[i] = sizes[i]
        columns.append(jnp.broadcast_to(t.reshape(shape), sizes).reshape(-1))
    return jnp.stack(columns, 1)


@op(grad_name="StackBackward0")
def combinations(input, r: int = 2, with_replacement=False):
    """All ways to choose ``r`` elements of a vector in order, one choice a row."""
    check(input.ndim == 1, f"Expect a 1D vector, but got shape {list(input.shape)}")
    check(r >= 0, f"Expect a non-negative number, but got {r}")
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    if r == 0:
        return jnp.zeros((0,), input.dtype)
    rows = np.array(list(choose(range(input.shape[0]), r)), np.int32).reshape(-1, r)
    return jnp.take(input, rows, 0, mode="clip")


@op(function=False, method=False, differentiable=False, name="one_hot_known")
def one_hot(tensor, num_classes: int):
    """Rows of zeros with a one at each class index."""
    check(dtype_of(tensor) is dtypes.int64, "one_hot is only applicable to index tensor of type LongTensor.")
    hit = tensor[..., None].astype(jnp.int32) == np.arange(num_classes, dtype=np.int32)
    return hit.astype(jnp.int64)


@reduction(grad_name="TraceBackward0")
def trace(input):
    """The sum of a matrix's diagonal."""
    check(input.ndim == 2, f"trace: expected a matrix, but got tensor with dim {input.ndim}")
    out = jnp.diagonal(input).sum()
    return out if dtype_of(input).kind >= dtypes.FLOATING else out.astype(jnp.int64)


@op(grad_name="UnsafeViewBackward0")
def kron(input, other):
    """Kronecker product: ``input[i] * other`` in block ``i``."""
    dtype = result_dtype(input, other)
    a, b = cast(input, dtype), cast(other, dtype)
    ndim = max(a.ndim, b.ndim)
    sa, sb = (1,) * (ndim - a.ndim) + a.shape, (1,) * (ndim - b.ndim) + b.shape
    product = a.reshape([n for s in sa for n in (s, 1)]) * b.reshape([n for s in sb for n in (1, s)])
    return product.reshape([p * q for p, q in zip(sa, sb)])


def cross_product(a, b, dim, name):
    """Cross products along ``dim``, broadcasting the other dimensions."""
    dtype = result_dtype(a, b)
    if a.ndim != b.ndim:
        raise ShapeMismatchError(f"{name}: inputs must have the same number of dimensions.", a.shape, b.shape)
    d = wrap_dim(dim, a.ndim)
    if a.shape[d] != 3 or b.shape[d] != 3:
        raise ShapeMismatchError(
            f"{name}: inputs dimension {dim} must have length 3. Got {a.shape[d]} and {b.shape[d]}", a.shape, b.shape
        )
    x, y = (jnp.moveaxis(cast(t, dtype), d, 0) for t in (a, b))
    parts = [x[(i + 1) % 3] * y[(i + 2) % 3] - x[(i + 2) % 3] * y[(i + 1) % 3] for i in range(3)]
    return jnp.stack(parts, d)


@op(grad_name="LinalgCrossBackward0")
def cross(input, other, dim=None):
    """Cross products of 3-vectors along ``dim`` (default: the first dimension of size 3)."""
    if dim is None:
        found = [d for d, n in enumerate(input.shape) if n == 3]
        check(bool(found), "no dimension of size 3 in input")
        dim = found[0]
    return cross_product(input, other, dim, "linalg.cross")


@op(namespace="linalg", name="cross", grad_name="LinalgCrossBackward0")
def linalg_cross(input, other, *, dim=-1):
    """Cross products of 3-vectors along ``dim``."""
    return cross_product(input, other, dim, "linalg.cross")


@op(method=False, grad_name="FlipBackward0")
def vander(x, N=None, increasing=False):
    """Vandermonde matrix: each row holds the powers ``x[i]**j`` (highest first by default)."""
    check(x.ndim == 1, "x must be a one-dimensional tensor.")
    out = _powers(x, x.shape[0] if N is None else N)
    return out if increasing else lax.rev(out, (1,))


@op(namespace="linalg", name="vander", grad_name="CatBackward0")
def linalg_vander(x, *, N=None):
    """Vandermonde matrices of the last dimension, powers ascending from 0."""
    x = jnp.atleast_1d(x)
    return _powers(x, x.shape[-1] if N is None else N)


def _powers(x, count):
    check(count >= 0, "N must be non-negative.")
    if dtype_of(x).kind < dtypes.FLOATING:
        x = x.astype(jnp.int64)
    columns = [jnp.ones_like(x)]
    for _ in range(count - 1):
        columns.append(columns[-1] * x)
    return jnp.stack(columns[:count], -1) if count else jnp.zeros(x.shape + (0,), x.dtype)

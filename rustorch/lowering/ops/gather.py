"""Reading elements by position: gather, index_select, take and masks."""

from __future__ import annotations

import math

import jax.numpy as jnp
import numpy as np
from jax import lax

from rustorch import dtypes
from rustorch.errors import DTypeError, IndexOutOfRangeError, RustorchRuntimeError, ShapeMismatchError, check, wrap_dim
from rustorch.lowering.ops import _known as known
from rustorch.lowering.promote import broadcast_shape, cast, dtype_of, is_number
from rustorch.lowering.table import Number, op
from rustorch.lowering.template import ARRAY


def narrow(index, size):
    """An index tensor in 32 bits where they reach, which halves the work of finding addresses."""
    return index.astype(np.int32) if size < 2**31 and index.dtype != np.int32 else index


def wrapped(index, size):
    """``narrow`` with negative positions counted from the end."""
    index = narrow(index, size)
    return jnp.where(index < 0, index + np.asarray(size, index.dtype), index)


def check_index(index, name, also="int32/int64"):
    """Raise PyTorch's error unless ``index`` holds 32- or 64-bit integers."""
    if dtype_of(index) not in (dtypes.int64, dtypes.int32):
        raise DTypeError(f"{name}(): Expected dtype {also} for index")


def check_fits(index, input, dim, name="gather"):
    """Raise unless ``index`` has ``input``'s rank and is no larger apart from ``dim``."""
    if max(index.ndim, 1) != max(input.ndim, 1):
        raise ShapeMismatchError(
            "Index tensor must have the same number of dimensions as input tensor", input.shape, index.shape
        )
    for d in range(index.ndim):
        if d != dim and index.shape[d] > input.shape[d]:
            raise ShapeMismatchError(
                f"Size does not match at dimension {d} expected index {list(index.shape)} to be no larger than "
                f"self {list(input.shape)} apart from dimension {dim}",
                input.shape,
                index.shape,
            )


def flat_places(shape, index, dim, outside=None):
    """Where the elements are in a flattened array that ``index`` names along ``dim``; other dimensions may be shorter.

    An index out of range becomes the nearest in range, or ``outside``. One coordinate an element is found faster than all.
    """
    index = index.astype(np.int32 if math.prod(shape) < 2**31 else np.int64)
    n, number = shape[dim], index.dtype.type
    places = (index if outside is not None else jnp.clip(index, 0, n - 1)) * number(math.prod(shape[dim + 1 :]))
    for d, size in enumerate(index.shape):
        if d != dim and size > 1:
            along_d = [-1 if k == d else 1 for k in range(index.ndim)]
            step = number(math.prod(shape[d + 1 :]))
            places = places + (np.arange(size, dtype=index.dtype) * step).reshape(along_d)
    return places if outside is None else jnp.where((index >= 0) & (index < n), places, number(outside))


# One element of a vector for each position; jnp's indexing would ask each position whether it counts from the end.
_ELEMENTS = lax.GatherDimensionNumbers(offset_dims=(), collapsed_slice_dims=(0,), start_index_map=(0,))


def along(input, index, dim):
    """``out[i][j][k] = input[index[i][j][k]][j][k]`` for ``dim`` 0; other dimensions may be shorter."""
    if input.ndim == 0:
        return jnp.broadcast_to(input, index.shape)
    places = flat_places(input.shape, index, dim)[..., None]
    return lax.gather(input.reshape(-1), places, _ELEMENTS, (1,), mode="promise_in_bounds")


@op(out="exact")
def gather(input, dim: int, index, *, sparse_grad: bool = False):
    """Picks along ``dim``: ``out[i][j] = input[index[i][j]][j]`` for ``dim`` 0."""
    dim = wrap_dim(dim, input.ndim)
    if index.size == 0:  # of any dtype
        return jnp.zeros(index.shape, input.dtype)
    check_index(index, "gather")
    check_fits(index, input, dim)
    if index.ndim == 0 and input.ndim == 1:
        return along(input, index[None], dim)[0]
    return along(input, index, dim)


@gather.known("index")
def _(input, dim, index, sparse_grad=False):
    known.check_index(index, input, dim)


@op(grad_name="GatherBackward0")
def take_along_dim(input, indices, dim=None):
    """Picks along ``dim`` with broadcasting; without ``dim`` from the flattened input."""
    check(
        dtype_of(indices) is dtypes.int64,
        f"torch.take_along_dim(): dtype of indices should be Long but got {dtype_of(indices).alias}",
    )
    if dim is None:
        return along(input.reshape(-1), wrapped(indices.reshape(-1), input.size), 0)
    if input.ndim != indices.ndim:
        raise ShapeMismatchError(
            "torch.take_along_dim(): input and indices should have the same number of dimensions, "
            f"but got {input.ndim} dimensions for input, and {indices.ndim} dimensions for indices",
            input.shape,
            indices.shape,
        )
    dim = wrap_dim(dim, input.ndim)
    return jnp.take_along_axis(input, wrapped(indices, input.shape[dim]), dim, mode="clip")


@op
def index_select(input, dim: int, index):
    """The slices of ``input`` along ``dim`` at the positions in ``index``."""
    dim = wrap_dim(dim, input.ndim)
    if index.ndim > 1:
        raise IndexOutOfRangeError("index_select(): Index is supposed to be a vector")
    check_index(index, "index_select", "int32 or int64")
    if input.ndim == 0:
        return input
    return jnp.take(input, narrow(index.reshape(-1), input.shape[dim]), dim, mode="clip")


@index_select.known("index")
def _(input, dim, index):
    known.check_rows(index, input.shape[dim] if input.shape else 1)


@op
def take(input, index):
    """Elements of the flattened input; the result has ``index``'s shape."""
    check(dtype_of(index) is dtypes.int64, f"take(): Expected a long tensor for index, but got {dtype_of(index).alias}")
    return jnp.take(input.reshape(-1), wrapped(index, input.size), 0, mode="clip")


@take.known("index")
def _(input, index):
    known.check_flat(index, input.numel)


def broadcast_pair(a, b):
    """Both arrays in their common shape.

    Raises:
        RuntimeError: they do not broadcast, with PyTorch's message.
    """
    shape = broadcast_shape(a.shape, b.shape)
    return jnp.broadcast_to(a, shape), jnp.broadcast_to(b, shape)


def _check_mask(mask, name):
    if mask.dtype != bool:
        raise DTypeError(f"{name} only supports boolean masks, but got mask with dtype {dtype_of(mask).alias.lower()}")


def _fill_name(template):
    return "MaskedFillBackward1" if template[2] is ARRAY else "MaskedFillBackward0"


@op(inplace=True, grad_name=_fill_name)
def masked_fill(input, mask, value: Number):
    """``input`` with ``value`` wherever ``mask`` is true."""
    _check_mask(mask, "masked_fill_")
    if not is_number(value):
        check(
            value.ndim == 0,
            f"masked_fill_ only supports a 0-dimensional value tensor, but got tensor with {value.ndim} dimension(s).",
        )
    mask, input = broadcast_pair(mask, input)
    if (isinstance(value, complex) or jnp.iscomplexobj(value)) and not jnp.iscomplexobj(input):
        raise RustorchRuntimeError(f"value cannot be converted to type {dtype_of(input).name} without overflow")
    return jnp.where(mask, cast(value, dtype_of(input)), input)


@op(inplace=True)
def masked_scatter(input, mask, source):
    """``input`` with the elements of ``source``, in order, wherever ``mask`` is true."""
    check(mask.dtype == bool, "masked_scatter_ only supports boolean masks")
    if input.dtype != source.dtype:
        raise RustorchRuntimeError(
            f"masked_scatter: expected self and source to have same dtypes but got {dtype_of(input).alias} and {dtype_of(source).alias}"
        )
    mask, input = broadcast_pair(mask, input)
    flat = mask.reshape(-1)
    place = jnp.cumsum(flat.astype(np.int32), dtype=np.int32) - 1
    if source.size == 0:
        return input
    picked = jnp.take(source.reshape(-1), jnp.maximum(place, 0), 0, mode="clip")
    return jnp.where(mask, picked.reshape(input.shape), input)


@op(function=False, method=False, out=False, grad_name="MaskedSelectBackward0")
def masked_select_at(input, mask, positions):
    """The elements of ``input`` at flat ``positions``, which the caller found from ``mask``."""
    mask, input = broadcast_pair(mask, input)
    return jnp.take(input.reshape(-1), positions, 0, mode="clip")

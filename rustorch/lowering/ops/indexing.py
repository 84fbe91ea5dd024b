"""Advanced indexing: reading and writing with integer tensors."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from rustorch.errors import IndexOutOfRangeError, ShapeMismatchError
from rustorch.lowering.ops import _known as known
from rustorch.lowering.promote import is_number
from rustorch.lowering.strides import indexed_strides
from rustorch.lowering.table import Number, op


def _index_tuple(input, indices):
    """``None`` entries as full slices; negative positions wrap; all index tensors 32-bit where they fit."""
    out = []
    for d, i in enumerate(indices):
        if i is None:
            out.append(slice(None))
            continue
        if i.dtype == bool or not jnp.issubdtype(i.dtype, jnp.integer):
            raise IndexOutOfRangeError("tensors used as indices must be long, int, byte or bool tensors")
        n = input.shape[d]
        i = i.astype(np.int32) if n < 2**31 else i
        out.append(jnp.where(i < 0, i + n, i))
    if len(out) > input.ndim:
        raise IndexOutOfRangeError(f"too many indices for tensor of dimension {input.ndim}")
    return tuple(out)


def _check_broadcast(indices):
    shapes = [i.shape for i in indices if i is not None]
    try:
        np.broadcast_shapes(*shapes)
    except ValueError:
        listed = ", ".join(str(list(s)) for s in shapes)
        raise IndexOutOfRangeError(
            f"shape mismatch: indexing tensors could not be broadcast together with shapes {listed}"
        ) from None


@op(function=False, method=False, out=False, strides=indexed_strides)
def index(input, indices):
    """``input[indices]`` with one index tensor (or ``None``) per leading dimension."""
    _check_broadcast(indices)
    return input.at[_index_tuple(input, indices)].get(mode="clip")


@op(name="index_put", inplace=True, out=False)
def index_put(input, indices, values, accumulate: bool = False):
    """``input`` with ``values`` written, or added, at ``indices``.

    Raises:
        RuntimeError: dtypes differ, or ``values`` does not broadcast to the indexed shape.
    """
    _check_broadcast(indices)
    where = _index_tuple(input, indices)
    shape = input.at[where].get(mode="clip").shape
    try:
        values = jnp.broadcast_to(values, shape)
    except ValueError:
        raise ShapeMismatchError(
            f"shape mismatch: value tensor of shape {list(values.shape)} cannot be broadcast to indexing result of shape {list(shape)}",
            values.shape, shape,
        ) from None  # fmt: skip
    values = values.astype(input.dtype)
    if accumulate:
        if input.dtype == bool:
            return input.at[where].max(values, mode="drop")
        return input.at[where].add(values, mode="drop")
    return input.at[where].set(values, mode="drop")


@index_put.known("indices")
def _(input, indices, values, accumulate=False):
    for dim, index in enumerate(indices):
        if index.dtype != bool:
            known.check_index(index, input, dim, IndexOutOfRangeError, negative=True)


@op(function=False, method=False, out=False, grad_name="CopyBackwards")
def copy_into(input, src: Number):
    """``src`` broadcast to ``input``'s shape and cast to its dtype: what ``copy_`` stores."""
    src = jnp.asarray(src)
    try:
        src = jnp.broadcast_to(src, input.shape)
    except ValueError:
        bad = [(i, a, b) for i, (a, b) in enumerate(zip(input.shape[::-1], src.shape[::-1])) if a != b and b != 1]
        where = input.ndim - 1 - bad[0][0] if bad else 0
        a, b = (bad[0][1], bad[0][2]) if bad else (input.ndim, src.ndim)
        raise ShapeMismatchError(
            f"The size of tensor a ({a}) must match the size of tensor b ({b}) at non-singleton dimension {where}",
            input.shape, src.shape,
        ) from None  # fmt: skip
    if jnp.iscomplexobj(src) and not jnp.iscomplexobj(input):
        src = src.real
    if jnp.issubdtype(src.dtype, jnp.floating) and jnp.issubdtype(input.dtype, jnp.integer):
        src = src.astype(np.int64)
    return src != 0 if input.dtype == bool and src.dtype != bool else src.astype(input.dtype)


@copy_into.vjp
def _(needs, ct, input, src):
    if is_number(src):
        return (jnp.zeros_like(input),)
    grad = ct
    extra = grad.ndim - src.ndim
    if needs[1]:
        grad = grad.sum(tuple(range(extra))) if extra > 0 else grad
        stretched = tuple(i for i, n in enumerate(src.shape) if n == 1 and grad.shape[i] != 1)
        grad = grad.sum(stretched, keepdims=True) if stretched else grad
    return (jnp.zeros_like(input) if needs[0] else None), grad

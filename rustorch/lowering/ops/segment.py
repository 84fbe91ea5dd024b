"""Reductions of consecutive segments, and the exclusive-or of bits."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
from jax import lax

from rustorch.dtypes import FLOATING, INTEGER
from rustorch.errors import check, wrap_dim
from rustorch.lowering.ops._common import dims_of, dtype_of, unsupported
from rustorch.lowering.table import Number, op


@functools.partial(jax.custom_jvp, nondiff_argnums=(2, 3))
def _extreme(x, segment, count, largest):
    return (jax.ops.segment_max if largest else jax.ops.segment_min)(x, segment, count)


@_extreme.defjvp
def _(count, largest, primals, tangents):
    x, segment = primals
    out = _extreme(x, segment, count, largest)
    tied = x == out.at[segment].get(mode="fill", fill_value=0)  # ties share the gradient
    share = jax.ops.segment_sum(tied.astype(x.dtype), segment, count)
    total = jax.ops.segment_sum(jnp.where(tied, tangents[0], 0), segment, count)
    return out, total / jnp.maximum(share, 1)


@functools.partial(jax.custom_jvp, nondiff_argnums=(2,))
def _product(x, segment, count):
    return jax.ops.segment_prod(x, segment, count)


@_product.defjvp
def _(count, primals, tangents):
    x, segment = primals
    zero = x == 0
    safe = jnp.where(zero, 1, x)
    rest = _product(safe, segment, count).at[segment].get(mode="fill", fill_value=0)
    zeros = jax.ops.segment_sum(zero.astype(jnp.int32), segment, count).at[segment].get(mode="fill", fill_value=2)
    others = jnp.where(zeros == zero, rest / safe, 0)  # the product of the others, 0 if one of them is
    return _product(x, segment, count), jax.ops.segment_sum(tangents[0] * others, segment, count)


def _reduced(x, sizes, how, initial):
    """One row of data (L, ...) by segment sizes (S,)."""
    count = sizes.shape[0]
    segment = jnp.searchsorted(jnp.cumsum(sizes), jnp.arange(x.shape[0]), side="right")
    if how in ("max", "min"):
        out = _extreme(x, segment, count, how == "max")
        return out if initial is None else (jnp.maximum if how == "max" else jnp.minimum)(out, initial)
    if how == "prod":
        out = _product(x, segment, count)
        return out if initial is None else out * initial
    out = jax.ops.segment_sum(x, segment, count)
    out = out if initial is None else out + initial
    if how == "sum":
        return out
    n = sizes.reshape(-1, *(1,) * (x.ndim - 1)).astype(x.dtype)
    return jnp.where(n == 0, jnp.nan if initial is None else out, out / jnp.maximum(n, 1))


_NAMES = {"sum": "sum", "mean": "mean", "max": "max", "min": "min", "prod": "prod", "amax": "max", "amin": "min"}


@op(method=False, aliases=("_segment_reduce",), grad_name="SegmentReduceBackward0")
def segment_reduce(
    data,
    reduce: str,
    *,
    lengths=None,
    indices=None,
    offsets=None,
    axis: int = 0,
    unsafe: bool = False,
    initial: Number = None,
):
    """Reduce consecutive segments along ``axis``: "sum", "mean", "max", "min" or "prod".

    The segments are given by ``lengths`` (..., S) or by ``offsets`` (..., S + 1), where the leading dimensions are
    those of ``data`` before ``axis``. A segment without elements is ``initial``, or the reduction's identity.

    Raises:
        RuntimeError: neither is given, or shapes that do not fit.
    """
    axis = wrap_dim(axis, data.ndim)
    check(reduce in _NAMES, f"reduce argument must be either sum, prod, mean, amax or amin, got {reduce}")
    check(indices is None, "segment_reduce(): indices based reduction is not supported yet.")
    check(lengths is not None or offsets is not None, "segment_reduce(): Either lengths or offsets must be defined.")
    if dtype_of(data).kind < FLOATING:
        raise unsupported("segment_reduce", data)
    sizes = jnp.diff(offsets) if lengths is None else lengths
    if dtype_of(sizes).kind != INTEGER:
        raise NotImplementedError(
            f"\"_segment_reduce_lengths_cpu_kernel1\" not implemented for '{dtype_of(sizes).alias}'"
        )
    lead = data.shape[:axis]
    check(
        sizes.shape[:-1] == lead,
        "segment_reduce(): Expected the leading dimensions of lengths or offsets to be those of data before axis. "
        f"Received: {list(sizes.shape)} and {list(data.shape)}",
    )
    if offsets is not None and lengths is None:  # what is before the first offset belongs to no segment
        sizes = jnp.concatenate([offsets[..., :1], sizes], -1)
    rows, parts = data.reshape(-1, *data.shape[axis:]), sizes.reshape(-1, sizes.shape[-1])
    out = jax.vmap(lambda x, n: _reduced(x, n, _NAMES[reduce], initial))(rows, parts)
    out = out if lengths is not None else out[:, 1:]
    return out.reshape(*lead, *out.shape[1:]).astype(data.dtype)


@segment_reduce.known("lengths")
def _(data, reduce, lengths=None, indices=None, offsets=None, axis=0, unsafe=False, initial=None):
    if unsafe or lengths is None or not lengths.size:
        return
    check(lengths.min() >= 0, "lengths contains negative value!")
    check(
        (lengths.sum(-1) == data.shape[lengths.ndim - 1]).all(),
        "segment_reduce(): Expected all rows of lengths along axis to sum to data.size(lengths.dim()-1) when !unsafe.",
    )


@op(method=True, differentiable=False)
def hash_tensor(input, dim=(), *, keepdim=False, mode: int = 0):
    """The exclusive-or of all elements' bits (or of those along ``dim``), as uint64; floats are taken as float64.

    Raises:
        RuntimeError: a ``mode`` other than 0.
    """
    check(mode == 0, f"Unknown hash_tensor mode: {mode}")
    if dtype_of(input).kind > FLOATING:
        raise unsupported("xor_sum", input)
    if dtype_of(input).kind == FLOATING:
        bits = lax.bitcast_convert_type(input.astype(jnp.float64), jnp.uint64)
    else:
        bits = input.astype(jnp.int64).astype(jnp.uint64)
    dims = dims_of(dim if not isinstance(dim, int) else (dim,), input.ndim)
    out = lax.reduce(bits, jnp.uint64(0), lax.bitwise_xor, dims)
    return jnp.expand_dims(out, dims) if keepdim and input.ndim else out

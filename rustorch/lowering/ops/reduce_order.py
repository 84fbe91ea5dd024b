"""Order statistics: median, mode, quantiles."""

from __future__ import annotations

import jax.numpy as jnp
from jax import lax

from rustorch.errors import RustorchRuntimeError, wrap_dim
from rustorch.lowering.ops._common import cast, dtype_of, is_complex, is_float, unsupported
from rustorch.lowering.ops.reduce_extreme import _shared, choosing, evenly, first_place
from rustorch.lowering.ops.sort import order
from rustorch.lowering.table import Number, reduction


def _places(x, dim: int):
    """Positions (int32) that sort ``x`` along ``dim``; NaN last, equal elements in their order."""
    return jnp.swapaxes(order(jnp.swapaxes(x, dim, -1)), dim, -1)


def _middle(input, dim: int, ignore_nan: bool):
    """Value and place (dim kept) of the lower median along ``dim``."""
    if is_complex(input):
        raise unsupported("median", input)
    n = input.shape[dim]
    if n == 0:
        raise IndexError(f"median(): Expected reduction dim {dim} to have non-zero size.")
    places = _places(input, dim)
    rank = jnp.full(tuple(1 if i == dim else s for i, s in enumerate(input.shape)), (n - 1) // 2, jnp.int32)
    if is_float(input):
        nans = jnp.sum(input != input, dim, keepdims=True, dtype=jnp.int32)
        if ignore_nan:
            rank = jnp.maximum(n - nans - 1, 0) // 2
        else:
            rank = jnp.where(nans > 0, n - nans, rank)
    return jnp.take_along_axis(places, rank, dim)


def _median_dim(input, dim, keepdim, ignore_nan):
    dim = wrap_dim(dim, input.ndim)
    if not input.ndim:
        return input, jnp.zeros((), jnp.int64)
    place = _middle(input, dim, ignore_nan)
    value = jnp.take_along_axis(input, place, dim)
    if not keepdim:
        value, place = value.squeeze(dim), place.squeeze(dim)
    return value, place.astype(jnp.int64)


def _median_all(input, ignore_nan):
    flat = input.reshape(-1)
    if flat.size == 0:
        return jnp.asarray(jnp.nan, input.dtype)
    out = jnp.take_along_axis(flat, _middle(flat, 0, ignore_nan), 0).reshape(())
    return evenly(flat, lax.stop_gradient(out)) if is_float(input) else out


_INNER = {"function": False, "method": False, "dear": True}


@choosing
@reduction(fields=("values", "indices"), grad_name="MedianBackward1", **_INNER)
def median_dim(input, dim: int = -1, keepdim: bool = False):
    """The lower median along ``dim`` and its index."""
    return _median_dim(input, dim, keepdim, False)


@choosing
@reduction(fields=("values", "indices"), grad_name="NanmedianBackward1", **_INNER)
def nanmedian_dim(input, dim: int = -1, keepdim: bool = False):
    """The lower median along ``dim`` of what is not NaN, and its index."""
    return _median_dim(input, dim, keepdim, True)


@reduction(grad_name="MedianBackward0", **_INNER)
def median_all(input):
    """The lower median of all elements."""
    return _median_all(input, False)


@reduction(grad_name="NanmedianBackward0", **_INNER)
def nanmedian_all(input):
    """The lower median of all elements that are not NaN."""
    return _median_all(input, True)


for _op in (median_all, nanmedian_all):

    @_op.vjp(uses_output=True)
    def _(needs, ct, out, input):
        return (_shared(ct, out, input, tuple(range(input.ndim)), False),)


@choosing
@reduction(fields=("values", "indices"), dear=True)
def mode(input, dim: int = -1, keepdim: bool = False):
    """The most frequent element along ``dim`` (the smallest of ties) and its last index."""
    if is_complex(input):
        raise unsupported("mode", input)
    dim = wrap_dim(dim, input.ndim)
    if not input.ndim:
        return input, jnp.zeros((), jnp.int64)
    if input.shape[dim] == 0:
        raise IndexError(f"mode(): Expected reduction dim {dim} to have non-zero size.")
    places = _places(input, dim)
    values = jnp.take_along_axis(lax.stop_gradient(input), places, dim)
    at = lax.broadcasted_iota(jnp.int32, values.shape, dim)
    fresh = values != jnp.roll(values, 1, dim)
    start = lax.cummax(jnp.where(fresh | (at == 0), at, 0), dim)
    longest = first_place(at - start, dim, True)
    place = jnp.take_along_axis(places, longest, dim)
    value = jnp.take_along_axis(input, place, dim)
    if not keepdim:
        value, place = value.squeeze(dim), place.squeeze(dim)
    return value, place.astype(jnp.int64)


_INTERPOLATIONS = ("linear", "lower", "higher", "midpoint", "nearest")


def _quantile(input, q, dim, keepdim, interpolation, ignore_nan, name):
    if input.dtype not in (jnp.float32, jnp.float64):
        raise RustorchRuntimeError(f"{name}() input tensor must be either float or double dtype")
    if input.size == 0:
        raise RustorchRuntimeError(f"{name}() input tensor must be non-empty")
    if interpolation not in _INTERPOLATIONS:
        raise RustorchRuntimeError(
            f"{name}() interpolation must be one of linear, lower, higher, midpoint or nearest, but got {interpolation}"
        )
    if isinstance(q, (float, int)):
        q = jnp.asarray(q, input.dtype)
    elif getattr(q, "weak_type", False):
        q = cast(q, dtype_of(input))
    if q.ndim > 1:
        raise RustorchRuntimeError(f"{name}() q must be a scalar or 1D tensor")
    if q.dtype != input.dtype:
        raise RustorchRuntimeError(f"{name}() q tensor must be same dtype as the input tensor")
    ndim = input.ndim
    x = input.reshape(-1) if dim is None else jnp.moveaxis(input, wrap_dim(dim, ndim), -1) if ndim else input.reshape(1)
    x = lax.sort(x, dimension=-1)
    last = x.shape[-1] - 1
    missing = jnp.sum(x != x, -1, keepdims=True)
    ranks = jnp.atleast_1d(q)
    if ignore_nan:
        ranks = ranks * jnp.maximum(last - missing, 0).astype(q.dtype)
    else:
        ranks = jnp.where(missing > 0, last, ranks * last)
    ranks = jnp.broadcast_to(ranks, x.shape[:-1] + (ranks.shape[-1],))
    if interpolation == "nearest":
        ranks = lax.round(ranks, lax.RoundingMethod.TO_NEAREST_EVEN)
    below, above = jnp.floor(ranks), jnp.ceil(ranks)
    if interpolation == "higher":
        below = above
    low = jnp.take_along_axis(x, below.astype(jnp.int32), -1)
    if interpolation in ("linear", "midpoint"):
        weight = jnp.full_like(ranks, 0.5) if interpolation == "midpoint" else ranks - below
        high = jnp.take_along_axis(x, above.astype(jnp.int32), -1)
        same = high == low  # equal infinities have no difference
        gap = jnp.where(same, 0, high - low)
        low = jnp.where(weight < 0.5, low + weight * gap, jnp.where(same, low, high - gap * (1 - weight)))
    out = jnp.moveaxis(low, -1, 0)
    if keepdim:
        out = (
            out.reshape(out.shape[:1] + (1,) * ndim)
            if dim is None
            else jnp.expand_dims(out, wrap_dim(dim, ndim) + 1)
            if ndim
            else out
        )
    return out[0] if q.ndim == 0 else out


@reduction(dear=True, grad_name="SqueezeBackward4")
def quantile(input, q: Number, dim: int = None, keepdim: bool = False, *, interpolation: str = "linear"):
    """The values below which a fraction ``q`` of the elements along ``dim`` lie."""
    return _quantile(input, q, dim, keepdim, interpolation, False, "quantile")


@reduction(dear=True, grad_name="SqueezeBackward4")
def nanquantile(input, q: Number, dim: int = None, keepdim: bool = False, *, interpolation: str = "linear"):
    """The same as ``quantile``, of what is not NaN."""
    return _quantile(input, q, dim, keepdim, interpolation, True, "nanquantile")

"""Functions whose result's shape depends on values.

They look at the values (which computes everything pending), find positions with NumPy, and
record a gather at those positions, so that gradients flow where PyTorch's do.
"""

from __future__ import annotations

import functools
import math

import numpy as np

from rustorch import dtypes
from rustorch.eager.indexing import expanded, scatter
from rustorch.eager.inplace import write_out
from rustorch.eager.publish import overload, put
from rustorch.eager.recorder import apply, from_host, value_of
from rustorch.eager.tensor import Tensor
from rustorch.eager.variants import return_type
from rustorch.errors import DTypeError, RustorchRuntimeError, check, wrap_dim
from rustorch.lowering.ops import indexing
from rustorch.lowering.ops.gather import index_select, masked_select_at
from rustorch.lowering.ops.shape import repeat_each


def host(t: Tensor) -> np.ndarray:
    """The tensor's values in a NumPy array (the narrow floats as float32, which orders them alike)."""
    array = np.asarray(value_of(t))
    return array.astype(np.float32) if t.dtype.kind == dtypes.FLOATING and t.dtype.itemsize < 4 else array


def _as(array: np.ndarray, like: Tensor) -> Tensor:
    """A NumPy array as a tensor of ``like``'s dtype on its device."""
    return from_host(array.astype(like.dtype.numpy), like.device)


def _positions(array: np.ndarray, like: Tensor) -> Tensor:
    return from_host(array.astype(np.int64), like.device)


@overload
def nonzero(input, *, as_tuple=False, out=None):
    """The positions of elements that are not zero: one row each, or one vector per dimension."""
    array = host(input)
    if as_tuple:
        return tuple(_positions(p, input) for p in (np.nonzero(array) if array.ndim else np.nonzero(array.reshape(1))))
    return put(_positions(np.argwhere(array), input), out, "nonzero")


@overload
def argwhere(input):
    """The positions of elements that are not zero, one row each."""
    return nonzero(input)


@overload
def nonzero_static(input, *, size, fill_value=-1, out=None):
    """``nonzero`` with exactly ``size`` rows, cut or filled up with ``fill_value``."""
    rows = np.argwhere(host(input))[:size]
    fill = np.full((size - len(rows), rows.shape[1]), fill_value)
    return put(_positions(np.concatenate([rows, fill]), input), out, "nonzero_static")


@overload
def masked_select(input, mask, *, out=None):
    """A vector of the elements where ``mask`` is true."""
    if mask.dtype is not dtypes.bool_:
        raise DTypeError("masked_select: expected BoolTensor for mask")
    shape = _broadcast(input, mask)
    places = np.flatnonzero(np.broadcast_to(host(mask), shape)).astype(np.int32 if np.prod(shape) < 2**31 else np.int64)
    return put(apply(masked_select_at, (input, mask, from_host(places, input.device))), out, "masked_select")


def _broadcast(a: Tensor, b: Tensor):
    try:
        return np.broadcast_shapes(tuple(a.shape), tuple(b.shape))
    except ValueError:
        return tuple(apply(masked_select_at, (a, b, from_host(np.zeros(0, np.int32)))).shape)  # raises PyTorch's error


def _inner_order(array: np.ndarray):
    """What ``np.unique`` needs: NaNs stay distinct, as in PyTorch."""
    return np.unique(array, return_index=True, return_inverse=True, return_counts=True, equal_nan=False)


@overload
def unique(input, sorted=True, return_inverse=False, return_counts=False, dim=None):
    """The distinct elements (or slices along ``dim``) in order, with where each went and how often.

    PyTorch has no gradient here; neither has this.
    """
    array = host(input)
    if dim is None:
        values, _, inverse, counts = _inner_order(array.reshape(-1))
        inverse = inverse.reshape(array.shape)
    else:
        d = wrap_dim(dim, array.ndim)
        rows = np.moveaxis(array, d, 0)
        flat = rows.reshape(rows.shape[0], -1)
        if flat.shape[1] == 0 or flat.shape[0] == 0:
            first, inverse, counts = (
                np.arange(min(len(flat), 1)),
                np.zeros(len(flat), np.int64),
                np.full(min(len(flat), 1), len(flat)),
            )
        else:
            _, first, inverse, counts = np.unique(
                flat, axis=0, return_index=True, return_inverse=True, return_counts=True
            )
        values = np.moveaxis(rows[first], 0, d)
    return _report(
        input, values, inverse.reshape(-1) if dim is not None else inverse, counts, return_inverse, return_counts
    )


@overload
def unique_consecutive(input, return_inverse=False, return_counts=False, dim=None):
    """Elements (or slices along ``dim``) without immediate repeats."""
    array = host(input)
    d = 0 if dim is None else wrap_dim(dim, array.ndim)
    rows = array.reshape(-1) if dim is None else np.moveaxis(array, d, 0)
    n = rows.shape[0]
    fresh = np.ones(n, bool)
    if n > 1:
        differs = rows[1:] != rows[:-1]
        fresh[1:] = differs.reshape(n - 1, -1).any(1)
    first = np.flatnonzero(fresh)
    inverse = np.cumsum(fresh) - 1
    counts = np.diff(np.append(first, n))
    values = rows[first] if dim is None else np.moveaxis(rows[first], 0, d)
    inverse = inverse.reshape(array.shape) if dim is None else inverse
    return _report(input, values, inverse, counts, return_inverse, return_counts)


def _report(input, values, inverse, counts, return_inverse, return_counts):
    out = [_as(values, input)]
    if return_inverse:
        out.append(_positions(inverse, input))
    if return_counts:
        out.append(_positions(counts, input))
    return out[0] if len(out) == 1 else tuple(out)


@overload
def bincount(input, weights=None, minlength=0):
    """How often each of 0, 1, ... occurs, or the sums of their ``weights``."""
    if input.dtype.kind != dtypes.INTEGER:
        raise NotImplementedError(f"\"bincount_cpu\" not implemented for '{input.dtype.alias}'")
    array = host(input)
    check(
        array.ndim == 1 and (array.size == 0 or array.min() >= 0),
        "bincount only supports 1-d non-negative integral inputs.",
    )
    check(minlength >= 0, "minlength should be >= 0")
    if weights is None:
        return _positions(np.bincount(array, minlength=minlength), input)
    check(weights.ndim == 1 and len(weights) == len(array), "weights should be 1-d and have the same length as input")
    total = np.bincount(array, host(weights), minlength)
    kind = np.float32 if weights.dtype is dtypes.float32 else np.float64
    return from_host(total.astype(kind), input.device)


def _edges(array, low, high, name, around=1):
    if low == high and array.size:
        low, high = array.min(), array.max()
        check(np.isfinite(low) and np.isfinite(high), f"{name}: range of [{_plain(low)}, {_plain(high)}] is not finite")
    check(np.isfinite(low) and np.isfinite(high), f"{name}: range of [{_plain(low)}, {_plain(high)}] is not finite")
    if low == high:
        low, high = (low - around, high + around) if array.size or around == 1 else (low, low + 1)
    check(low < high, f"{name}: max must be larger than min")
    return float(low), float(high)


def _plain(x):
    return f"{float(x):g}"


@overload
def histc(input, bins=100, min=0, max=0, *, out=None):
    """Counts in ``bins`` equal parts of ``[min, max]`` (by default the range of the data)."""
    if input.dtype.kind != dtypes.FLOATING:
        raise NotImplementedError(f"\"histogram_cpu\" not implemented for '{input.dtype.alias}'")
    check(bins > 0, "bins must be > 0")
    array = host(input).reshape(-1)
    low, high = _edges(array, min, max, "torch.histc")
    array = array[(array >= low) & (array <= high)]
    place = np.minimum(((array - low) * (bins / (high - low))).astype(np.int64), bins - 1)
    return put(_as(np.bincount(place, minlength=bins), input), out, "histc")


@overload
def histogram(input, bins, *, range=None, weight=None, density=False, out=None):
    """Counts (or sums of ``weight``, or densities) between bin edges, and the edges."""
    if input.dtype.kind != dtypes.FLOATING:
        raise NotImplementedError(f"\"histogram_cpu\" not implemented for '{input.dtype.alias}'")
    array = host(input).reshape(-1)
    if isinstance(bins, Tensor):
        edges = host(bins)
    else:
        low, high = _edges(array, *(range or (0, 0)), "torch.histogram", 0.5)
        edges = np.linspace(low, high, int(bins) + 1).astype(array.dtype)
    weights = None if weight is None else host(weight).reshape(-1)
    found = (array >= edges[0]) & (array <= edges[-1])
    place = np.minimum(np.searchsorted(edges, array[found], "right") - 1, len(edges) - 2)
    counts = np.bincount(place, None if weights is None else weights[found], len(edges) - 1).astype(array.dtype)
    if density:
        counts = counts / (counts.sum() * np.diff(edges))
    results = _as(counts, input), _as(edges, input)
    if out is not None:
        results = tuple(write_out(o, r, "histogram") for o, r in zip(out, results))
    return return_type("histogram", ("hist", "bin_edges"))(*results)


@overload
def index_put(input, indices, values, accumulate=False):
    """``input`` with ``values`` written, or added, at index tensors, one per dimension; masks stand for their places."""
    return apply(indexing.index_put, (input, expanded(input, indices), values, accumulate))


@overload
def index_put_(self, indices, values, accumulate=False):
    """In-place form of ``index_put``."""
    scatter(self, tuple(indices), values, accumulate)
    return self


@overload
def repeat_interleave(input, repeats=None, dim=None, *, output_size=None):
    """Each element ``repeats`` times in a row; one count for all or one for each."""
    if repeats is None:
        counts = _counts(input)
        return from_host(np.repeat(np.arange(len(counts)), counts), input.device)
    if not isinstance(repeats, Tensor):
        return apply(repeat_each, (input, int(repeats), dim))
    counts = _counts(repeats)
    x = input.reshape(-1) if dim is None else input
    d = 0 if dim is None else wrap_dim(dim, input.ndim)
    n = x.shape[d] if x.ndim else 1
    if len(counts) == 1:
        counts = np.broadcast_to(counts, (n,))
    check(
        len(counts) == n,
        f"repeats must have the same size as input along dim, but got repeats.size(0) = {len(counts)} and input.size(0) = {n}",
    )
    check(output_size is None or output_size == int(counts.sum()), "allocated size does not match required size")
    return apply(index_select, (x, d, _positions(np.repeat(np.arange(n), counts), input)))


def _counts(repeats):
    if repeats.dtype not in (dtypes.int64, dtypes.int32):
        raise NotImplementedError(f"\"repeat_interleave_cpu\" not implemented for '{repeats.dtype.alias}'")
    check(repeats.ndim <= 1, "repeats must be 0-dim or 1-dim tensor")
    counts = host(repeats).reshape(-1)
    check(counts.size == 0 or counts.min() >= 0, "repeats can not be negative")
    return counts


@overload(method=False)
def histogramdd(input, bins, *, range=None, weight=None, density=False):
    """Counts in boxes of the space whose points are the rows of ``input``, and the edges per axis."""
    array = host(input)
    points = array.reshape(math.prod(array.shape[:-1]), array.shape[-1])
    sizes = [bins] * points.shape[1] if isinstance(bins, int) else bins
    limits = np.zeros((points.shape[1], 2)) if range is None else np.asarray(range, float).reshape(-1, 2)
    if len(sizes) != points.shape[1]:
        raise RustorchRuntimeError(
            f"torch.histogramdd(): expected {points.shape[1]} numbers of bins. Received: {len(sizes)}"
        )
    edges, box, inside = [], 0, np.ones(len(points), bool)
    for at, size, ends in zip(points.T, sizes, limits):
        if isinstance(size, Tensor):
            edge = host(size)
        else:
            edge = np.linspace(*_edges(at, *ends, "torch.histogramdd", 0.5), int(size) + 1).astype(array.dtype)
        inside &= (at >= edge[0]) & (at <= edge[-1])
        box = box * (len(edge) - 1) + np.clip(np.searchsorted(edge, at, "right") - 1, 0, len(edge) - 2)
        edges.append(edge)
    weights = None if weight is None else host(weight).reshape(-1)[inside]
    shape = tuple(len(e) - 1 for e in edges)
    counts = np.bincount(box[inside], weights, math.prod(shape)).reshape(shape)
    if density:
        counts = counts / (counts.sum() * functools.reduce(np.multiply.outer, [np.diff(e) for e in edges]))
    fields = return_type("histogramdd", ("hist", "bin_edges"))
    return fields(_as(counts, input), tuple(_as(e, input) for e in edges))

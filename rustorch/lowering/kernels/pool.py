"""Max and average pooling whose gradients are elementwise loops.

The gradient JAX derives for ``reduce_window(max)`` is XLA's select-and-scatter, a serial loop:
4.6 times torch's time, and half of a small CNN's step. Here the window is scanned place by
place (``windows.tap``), keeping the maximum and the place that held it, so the gradient is one
comparison with that place. The scan's rule is torch's: a later value wins only if it is
greater or NaN, so ties go to the first and NaN propagates.

When windows tile the input (stride equal to the window, no padding or dilation) the gradient
is a broadcast compared with an iota, one fused loop; otherwise it is one zero-stuffed copy
for each place.
"""

import math

import jax.numpy as jnp
import numpy as np
from jax import lax

from .sums import once, wide
from .windows import (
    channels_first,
    channels_last,
    extent,
    pad_space,
    pairs,
    per_axis,
    places,
    tap,
    untap,
)


def _geometry(x, window, stride, padding, dilation, ceil_mode):
    """Window, stride, (before, after) padding and dilation, and the output's extent.

    In ceil mode the padding after is made as long as the last window needs; a window that
    would start in it is dropped, as torch does.
    """
    rank = x.ndim - 2
    window = per_axis(window, rank)
    stride = window if stride is None else per_axis(stride, rank)
    dilation, padding = per_axis(dilation, rank), list(pairs(padding, rank))
    out = []
    for a, size in enumerate(x.shape[2:]):
        k, s, d, (lo, hi) = window[a], stride[a], dilation[a], padding[a]
        n = extent(size, k, s, d, padding[a])
        if ceil_mode and (n - 1) * s + d * (k - 1) + 1 < size + lo + hi and n * s < size + lo:
            n += 1
        out.append(n)
        padding[a] = (lo, (n - 1) * s + d * (k - 1) + 1 - size - lo)
    return window, stride, tuple(padding), dilation, tuple(out)


def _lowest(dtype):
    return -jnp.inf if jnp.issubdtype(dtype, jnp.floating) else jnp.iinfo(dtype).min


def _scan(x, window, stride, padding, dilation, out):
    """``x (n, *space, c)`` -> the maxima and the row-major place of each, ``(n, *out, c)``."""
    x = pad_space(x, padding, _lowest(x.dtype))
    best = where = None
    for number, place in enumerate(places(window)):
        value = tap(x, place, out, stride, dilation)
        if best is None:
            best, where = value, jnp.zeros(value.shape, jnp.int32)
            continue
        better = (value > best) | (value != value)
        best, where = jnp.where(better, value, best), jnp.where(better, number, where)
    return best, where


def max_pool(x, window, *, stride=None, padding=0, dilation=1, ceil_mode=False):
    """The maximum over each window of ``x (n, c, *space)``."""
    geometry = _geometry(x, window, stride, padding, dilation, ceil_mode)
    return channels_first(once(_scan(channels_last(x), *geometry)[0]))


def max_pool_with_indices(x, window, *, stride=None, padding=0, dilation=1, ceil_mode=False):
    """``max_pool``'s values, and int64 positions in the flattened space of each channel."""
    geometry = _geometry(x, window, stride, padding, dilation, ceil_mode)
    best, where = _scan(channels_last(x), *geometry)
    window, stride, padding, dilation, _ = geometry
    flat = jnp.zeros(where.shape, jnp.int64)
    rest = where
    steps = [math.prod(window[a + 1 :]) for a in range(len(window))]
    for a, step in enumerate(steps):
        origin = lax.broadcasted_iota(jnp.int32, where.shape, a + 1) * stride[a] - padding[a][0]
        flat = flat * x.shape[a + 2] + (origin + rest // step * dilation[a])
        rest = rest % step
    return channels_first(best), channels_first(flat)


def max_pool_vjp(ct, x, window, *, stride=None, padding=0, dilation=1, ceil_mode=False, needs=(True,)):
    """The cotangent sent to the place each maximum came from."""
    geometry = _geometry(x, window, stride, padding, dilation, ceil_mode)
    z, g = channels_last(x), channels_last(ct)
    where = once(_scan(z, *geometry)[1])
    window, stride, padding, dilation, out = geometry
    space = [n + lo + hi for n, (lo, hi) in zip(z.shape[1:-1], padding, strict=True)]
    if window == stride and all(d == 1 for d in dilation):
        dx = _spread(g, where, window)
    else:
        dx = sum(
            untap(jnp.where(where == number, g, 0), place, space, stride, dilation)
            for number, place in enumerate(places(window))
        )
    return (channels_first(pad_space(dx, [(-lo, -hi) for lo, hi in padding])),)


def _spread(g, where, window):
    """``g (n, *out, c)`` to ``(n, *out*window, c)``: each value to its place in its own tile."""
    rank = len(window)
    tiled = (g.shape[0], *(n for pair in zip(g.shape[1:-1], window, strict=True) for n in pair))
    tiled = (*tiled, g.shape[-1])
    spots = (0, *(1 + 2 * a for a in range(rank)), 2 * rank + 1)
    number = jnp.zeros((), jnp.int32)
    for a, k in enumerate(window):
        number = number * k + lax.broadcasted_iota(jnp.int32, tiled, 2 + 2 * a)
    g, where = (lax.broadcast_in_dim(v, tiled, spots) for v in (g, where))
    whole = [n * k for n, k in zip(tiled[1:-1:2], window, strict=True)]
    return jnp.where(where == number, g, 0).reshape(tiled[0], *whole, tiled[-1])


def avg_pool(x, window, *, stride=None, padding=0, ceil_mode=False, count_include_pad=True, divisor=None):
    """The mean over each window of ``x (n, c, *space)``, one axis after another.

    A sum over a box is a sum along each side in turn: ``k + k`` taps where the box has ``k*k``.
    The divisor is a constant, so the whole is linear and JAX's derivative is the transposed sum.
    """
    window, stride, grown, _, out = _geometry(x, window, stride, padding, 1, ceil_mode)
    z = pad_space(channels_last(x).astype(wide(x.dtype)), grown)
    rank, ones = len(window), (1,) * len(window)
    for a in range(rank):
        extents = list(z.shape[1:-1])
        extents[a] = out[a]
        steps = [stride[a] if b == a else 1 for b in range(rank)]
        spots = [tuple(j if b == a else 0 for b in range(rank)) for j in range(window[a])]
        z = sum(tap(z, at, extents, steps, ones) for at in spots)
    if divisor is None:
        divisor = np.ones((1,) * (rank + 2))
        for a, (lo, hi) in enumerate(pairs(padding, rank)):
            size = x.shape[a + 2]
            start = np.arange(out[a]) * stride[a] - lo
            stop = np.minimum(start + window[a], size + hi)
            if not count_include_pad:
                start, stop = np.maximum(start, 0), np.minimum(stop, size)
            divisor = divisor * (stop - start).reshape([-1 if b == a + 1 else 1 for b in range(rank + 2)])
    return channels_first((z / jnp.asarray(divisor, z.dtype)).astype(x.dtype))


def adaptive_avg_pool(x, size):
    """The mean of ``x (n, c, *space)`` over bins ``[floor(i n/s), ceil((i+1) n/s))`` an axis.

    One small averaging matrix an axis: bins of unequal width are then a dot like any other.
    An axis that divides evenly is a reshape and a mean.
    """
    kind = wide(x.dtype)
    y = x.astype(kind)
    for a, bins in enumerate(per_axis(size, x.ndim - 2), start=2):
        n = x.shape[a]
        if bins is None or bins == n:
            continue
        if n % bins == 0:
            y = y.reshape(*y.shape[:a], bins, n // bins, *y.shape[a + 1 :]).mean(a + 1)
            continue
        i, at = np.arange(bins)[:, None], np.arange(n)[None]
        inside = (at >= i * n // bins) & (at < -((-(i + 1) * n) // bins))
        matrix = jnp.asarray(inside / inside.sum(1, keepdims=True), kind)
        y = jnp.moveaxis(lax.dot_general(y, matrix, (((a,), (1,)), ((), ()))), -1, a)
    return y.astype(x.dtype)

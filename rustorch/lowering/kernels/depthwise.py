"""Depthwise convolution on the CPU: each channel with its own window, as a sum of shifted inputs.

In torch's layout the last axis of an image is the longest run in memory, so that XLA vectorises over it
(16 channels of 128x128: 0.6 ms, with channels last 2.6 ms, torch 0.6).
"""

from __future__ import annotations

import jax.numpy as jnp
from jax import lax

from .sums import wide
from .windows import extent, pad_space, places, tap


def forward(x, weight, stride, padding, dilation):
    """``x (n, c, *space)``, ``weight (c, 1, *k)`` -> ``(n, c, *out)``."""
    return sum(t * _spread(weight, at) for at, t in _taps(x, weight, stride, padding, dilation))


def input_gradient(g, weight, space, stride, padding, dilation):
    """The gradient for an input with axes ``space``: the turned window over the cotangent ``g (n, c, *out)``."""
    reach = [d * (k - 1) for d, k in zip(dilation, weight.shape[2:])]
    config = [(0, 0, 0)] * 2
    for n, o, s, (low, _), r in zip(space, g.shape[2:], stride, padding, reach):
        config.append((r - low, n + low - (o - 1) * s - 1, s - 1))
    g = lax.pad(g, jnp.zeros((), g.dtype), config)
    ones = (1,) * len(space)
    return forward(g, jnp.flip(weight, range(2, weight.ndim)), ones, [(0, 0)] * len(space), dilation)


def weight_gradient(g, x, weight, stride, padding, dilation):
    """The gradient for ``weight (c, 1, *k)``."""
    axes = (0, *range(2, g.ndim))
    g = g.astype(wide(g.dtype))
    sums = [(t * g).sum(axes) for _, t in _taps(x, weight, stride, padding, dilation)]
    return jnp.stack(sums, -1).reshape(weight.shape)


def _taps(x, weight, stride, padding, dilation):
    """What the windows see at each of their places, ``(n, c, *out)``."""
    n, c, *space = x.shape
    window = weight.shape[2:]
    out = [extent(*axis) for axis in zip(space, window, stride, dilation, padding, strict=True)]
    x = pad_space(x.reshape(n * c, *space, 1), padding)
    for at in places(window):
        yield at, tap(x, at, out, stride, dilation).reshape(n, c, *out)


def _spread(weight, at):
    return weight[(slice(None), 0, *at)].reshape(-1, *(1,) * len(at))

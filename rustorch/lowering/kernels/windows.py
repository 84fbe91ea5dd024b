"""Windows over spatial axes: their geometry, and one strided slice per place in the window.

Convolution and pooling both see an array as ``prod(window)`` shifted copies of itself, its
*taps*. Arrays here are channels-last, ``(n, *space, c)``: a slice then moves whole vectors of
channels, which XLA vectorises whatever the stride.
"""

import itertools
from collections.abc import Iterator, Sequence

import jax.numpy as jnp
from jax import lax


def per_axis(value: int | Sequence, rank: int) -> tuple:
    """``value`` once for every spatial axis: ``2 -> (2, 2)``; a sequence stays as it is."""
    value = (value,) if isinstance(value, int) else tuple(value)
    return value * rank if len(value) == 1 else value


def pairs(padding: int | Sequence, rank: int) -> tuple[tuple[int, int], ...]:
    """Padding as (before, after) for every axis, from an int, ints or pairs."""
    return tuple((p, p) if isinstance(p, int) else tuple(p) for p in per_axis(padding, rank))


def extent(size, window, stride, dilation, padding) -> int:
    """How many windows fit along one axis."""
    return (size + sum(padding) - dilation * (window - 1) - 1) // stride + 1


def channels_last(x):
    """``(n, c, *space) -> (n, *space, c)``."""
    return x.transpose(0, *range(2, x.ndim), 1)


def channels_first(x):
    """``(n, *space, c) -> (n, c, *space)``."""
    return x.transpose(0, x.ndim - 1, *range(1, x.ndim - 1))


def pad_space(x, padding, value=0):
    """Pad the spatial axes of ``(n, *space, c)``; negative padding crops."""
    if all(p == (0, 0) for p in padding):
        return x
    config = [(0, 0, 0), *((lo, hi, 0) for lo, hi in padding), (0, 0, 0)]
    return lax.pad(x, jnp.asarray(value, x.dtype), config)


def tap(x, place, out, stride, dilation):
    """The slice of padded ``x (n, *space, c)`` that every window sees at offset ``place``."""
    start = [p * d for p, d in zip(place, dilation, strict=True)]
    limit = [a + (o - 1) * s + 1 for a, o, s in zip(start, out, stride, strict=True)]
    return lax.slice(x, (0, *start, 0), (x.shape[0], *limit, x.shape[-1]), (1, *stride, 1))


def untap(g, place, space, stride, dilation):
    """The transpose of ``tap``: ``g (n, *out, c)`` put back among zeros of extent ``space``."""
    config = []
    for p, s, d, n, o in zip(place, stride, dilation, space, g.shape[1:-1], strict=True):
        config.append((p * d, n - (p * d + (o - 1) * s + 1), s - 1))
    return lax.pad(g, jnp.zeros((), g.dtype), [(0, 0, 0), *config, (0, 0, 0)])


def places(window: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """The offsets inside a window, row-major: torch's scanning order."""
    return itertools.product(*(range(k) for k in window))

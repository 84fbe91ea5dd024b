"""Rearranging pixels and channels, and sliding blocks. Resampling is in ``resample.py``."""

from __future__ import annotations

import itertools
import math

import jax
import jax.numpy as jnp
from jax import lax

from rustorch.errors import ShapeMismatchError, check
from rustorch.lowering.kernels.windows import extent
from rustorch.lowering.ops._nn import axes_of, layer


@layer(also=("torch",), saves=False)
def pixel_shuffle(input, upscale_factor: int):
    """Channels to pixels: (..., C·r², H, W) → (..., C, H·r, W·r), r = ``upscale_factor``."""
    r = upscale_factor
    check(
        input.ndim >= 3,
        f"pixel_shuffle expects input to have at least 3 dimensions, but got input with {input.ndim} dimension(s)",
    )
    check(r > 0, f"pixel_shuffle expects a positive upscale_factor, but got {r}")
    *lead, c, h, w = input.shape
    check(
        c % (r * r) == 0,
        "pixel_shuffle expects its input's 'channel' dimension to be divisible by the square of upscale_factor, but "
        f"input.size(-3)={c} is not divisible by {r * r}",
    )
    x = input.reshape(math.prod(lead), c // (r * r), r, r, h, w)
    return x.transpose(0, 1, 4, 2, 5, 3).reshape(*lead, c // (r * r), h * r, w * r)


@layer(also=("torch",), saves=False)
def pixel_unshuffle(input, downscale_factor: int):
    """Pixels to channels: (..., C, H·r, W·r) → (..., C·r², H, W), r = ``downscale_factor``."""
    r = downscale_factor
    check(
        input.ndim >= 3,
        f"pixel_unshuffle expects input to have at least 3 dimensions, but got input with {input.ndim} dimension(s)",
    )
    check(r > 0, f"pixel_unshuffle expects a positive downscale_factor, but got {r}")
    *lead, c, h, w = input.shape
    for name, axis, n in (("height", -2, h), ("width", -1, w)):
        check(
            n % r == 0,
            f"pixel_unshuffle expects {name} to be divisible by downscale_factor, but input.size({axis})={n} is not divisible by {r}",
        )
    x = input.reshape(math.prod(lead), c, h // r, r, w // r, r)
    return x.transpose(0, 1, 3, 5, 2, 4).reshape(*lead, c * r * r, h // r, w // r)


def _shuffled(input, groups):
    check(input.ndim > 2, f"channel_shuffle expects input with > 2 dims, but got input with sizes {list(input.shape)}")
    check(groups > 0, f"Number of groups to divide channels in must be positive. Value of groups:{groups}")
    n, c, *rest = input.shape
    check(c % groups == 0, f"Number of channels must be divisible by groups. Got {c} channels and {groups} groups.")
    return input.reshape(n, groups, c // groups, *rest).swapaxes(1, 2).reshape(input.shape)


@layer(also=("torch",), saves=False)
def channel_shuffle(input, groups: int):
    """Interleave ``groups`` groups of channels: (N, C, ...), kept."""
    return _shuffled(input, groups)


@layer(
    also=("torch",),
    grad_name="NotImplemented",
    lacks=(None, "derivative for aten::native_channel_shuffle is not implemented"),
)
def native_channel_shuffle(input, groups: int):
    """The same as ``channel_shuffle``."""
    return _shuffled(input, groups)


def _blocks(size, kernel_size, dilation, padding, stride):
    """Per-axis settings and how many blocks fit along each axis of an image of ``size``."""
    window, dilation = axes_of(kernel_size, 2, "kernel_size"), axes_of(dilation, 2, "dilation")
    padding, stride = axes_of(padding, 2, "padding"), axes_of(stride, 2, "stride")
    out = tuple(extent(n, k, s, d, (p, p)) for n, k, s, d, p in zip(size, window, stride, dilation, padding))
    check(
        all(n > 0 for n in out),
        f"Given an image of spatial size {tuple(size)}, kernel_size={window}, dilation={dilation}, padding={padding}, "
        f"stride={stride}, calculated shape of the array of sliding blocks as {out}, but its components must be at least one.",
    )
    return window, dilation, padding, stride, out


def _unfold(x, window, dilation, padding, stride, out):
    """``x (n, c, h, w)`` -> ``(n, c*prod(window), prod(out))``: one strided slice for each place."""
    n, c = x.shape[:2]
    x = lax.pad(x, jnp.zeros((), x.dtype), [(0, 0, 0), (0, 0, 0), *((p, p, 0) for p in padding)])
    taps = []
    for place in itertools.product(*map(range, window)):
        start = [p * d for p, d in zip(place, dilation)]
        limit = [a + (o - 1) * s + 1 for a, o, s in zip(start, out, stride)]
        taps.append(lax.slice(x, (0, 0, *start), (n, c, *limit), (1, 1, *stride)))
    return jnp.stack(taps, 2).reshape(n, c * math.prod(window), math.prod(out))


@layer(saves=False, grad_name="Im2ColBackward0")
def unfold(input, kernel_size, dilation=1, padding=0, stride=1):
    """Sliding blocks as columns: ([N,] C, H, W) → ([N,] C·kH·kW, L), L blocks row by row."""
    check(
        input.ndim in (3, 4),
        f"Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero dimensions for input, but got: {list(input.shape)}",
    )
    window, dilation, padding, stride, out = _blocks(input.shape[-2:], kernel_size, dilation, padding, stride)
    x = input if input.ndim == 4 else input[None]
    y = _unfold(x, window, dilation, padding, stride, out)
    return y if input.ndim == 4 else y[0]


@layer(saves=False, grad_name="Col2ImBackward0")
def fold(input, output_size, kernel_size, dilation=1, padding=0, stride=1):
    """Blocks added back where ``unfold`` takes them: ([N,] C·kH·kW, L) → ([N,] C, *output_size)."""
    check(
        input.ndim in (2, 3),
        f"Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size, but got: {list(input.shape)}",
    )
    size = axes_of(output_size, 2, "output_size")
    window, dilation, padding, stride, out = _blocks(size, kernel_size, dilation, padding, stride)
    x = input if input.ndim == 3 else input[None]
    area = math.prod(window)
    check(
        x.shape[1] % area == 0,
        "Expected size of input's dimension 1 to be divisible by the product of kernel_size, but got "
        f"input.size(1)={x.shape[1]} and kernel_size={window}.",
    )
    if x.shape[2] != math.prod(out):
        raise ShapeMismatchError(
            f"Given output_size={size}, kernel_size={window}, dilation={dilation}, padding={padding}, stride={stride}, expected "
            f"size of input's dimension 2 to match the calculated number of sliding blocks {out[0]} * {out[1]} = "
            f"{math.prod(out)}, but got input.size(2)={x.shape[2]}.",
            tuple(x.shape),
            out,
        )
    image = jax.ShapeDtypeStruct((x.shape[0], x.shape[1] // area, *size), x.dtype)
    y = jax.linear_transpose(lambda z: _unfold(z, window, dilation, padding, stride, out), image)(x)[0]
    return y if input.ndim == 3 else y[0]

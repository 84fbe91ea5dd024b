"""Pooling over windows: maximum, mean, power mean, their adaptive forms, and unpooling."""

from __future__ import annotations

import math

import jax.numpy as jnp
import numpy as np

from rustorch.errors import ArgumentValueError, ShapeMismatchError, check
from rustorch.lowering import kernels
from rustorch.lowering.kernels.pool import _geometry
from rustorch.lowering.ops._nn import axes_of, layer, like, need_float
from rustorch.lowering.table import Number


def _times(sizes) -> str:
    return "(" + "x".join(map(str, sizes)) + ")"


def _batched(x, rank):
    return x if x.ndim == rank + 2 else x[None]


def _prepare(rank, input, kernel_size, stride, padding, dilation, ceil_mode):
    """The checked window, stride, padding and dilation, one int per axis."""
    check(
        input.ndim in (rank + 1, rank + 2) and all(input.shape[-rank - 1 :]),
        f"non-empty {rank + 1}D or {rank + 2}D (batch mode) tensor expected for input",
    )
    window = axes_of(kernel_size, rank, "kernel_size")
    stride = window if stride is None or stride == () else axes_of(stride, rank, "stride")
    padding, dilation = axes_of(padding, rank, "padding"), axes_of(dilation, rank, "dilation")
    check(all(k > 0 for k in window), f"kernel size should be greater than zero, but got {list(window)}")
    check(all(s > 0 for s in stride), "stride should not be zero")
    check(all(d > 0 for d in dilation), f"dilation should be greater than zero, but got {list(dilation)}")
    for k, p, d in zip(window, padding, dilation):
        check(p >= 0, f"pad must be non-negative, but got pad: {p}")
        check(
            p <= (d * (k - 1) + 1) // 2,
            f"pad should be at most half of effective kernel size, but got pad={p}, kernel_size={k} and dilation={d}",
        )
    out = _geometry(_batched(input, rank), window, stride, padding, dilation, ceil_mode)[4]
    if not all(n > 0 for n in out):
        sizes = input.shape[-rank - 1 :]
        raise ShapeMismatchError(
            f"Given input size: {_times(sizes)}. Calculated output size: {_times((sizes[0], *out))}. Output size is too small",
            tuple(input.shape),
            (sizes[0], *out),
        )
    return window, {"stride": stride, "padding": padding, "dilation": dilation, "ceil_mode": ceil_mode}


def _max_pool(rank, input, kernel_size, stride, padding, dilation, ceil_mode, indices):
    window, settings = _prepare(rank, input, kernel_size, stride, padding, dilation, ceil_mode)
    x = _batched(input, rank)
    single = x.ndim != input.ndim
    if indices:
        y, at = kernels.max_pool_with_indices(x, window, **settings)
        return (y[0], at[0]) if single else (y, at)
    y = kernels.max_pool(x, window, **settings)
    return y[0] if single else y


def _max_pool_rule(rank):
    def rule(needs, ct, input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
        window, settings = _prepare(rank, input, kernel_size, stride, padding, dilation, ceil_mode)
        g = _batched(ct[0] if isinstance(ct, tuple) else ct, rank)
        dx = kernels.max_pool_vjp(g, _batched(input, rank), window, **settings)[0]
        return (dx.reshape(input.shape),)

    return rule


@layer(also=("torch",), grad_name="SqueezeBackward1")
def max_pool1d(
    input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode: bool = False, return_indices: bool = False
):
    """The largest value of each window: ([N,] C, L) → ([N,] C, L'); with ``return_indices`` also where it was.

    L' = ⌊(L + 2·padding - dilation·(k - 1) - 1) / stride⌋ + 1, rounded up in ``ceil_mode``.
    """
    return _max_pool(1, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


@layer(also=("torch",), grad_name="MaxPool2DWithIndicesBackward0")
def max_pool2d(
    input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode: bool = False, return_indices: bool = False
):
    """The largest value of each window: ([N,] C, H, W) → ([N,] C, H', W'), sizes as ``max_pool1d``.

    ``return_indices`` also gives each maximum's position in the flattened H·W.
    """
    return _max_pool(2, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


@layer(also=("torch",), grad_name="MaxPool3DWithIndicesBackward0")
def max_pool3d(
    input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode: bool = False, return_indices: bool = False
):
    """The largest value of each window: ([N,] C, D, H, W) → ([N,] C, D', H', W'), sizes as ``max_pool1d``.

    ``return_indices`` also gives each maximum's position in the flattened D·H·W.
    """
    return _max_pool(3, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


@layer(also=("torch",), grad_name="SqueezeBackward1")
def max_pool1d_with_indices(
    input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode: bool = False, return_indices: bool = True
):
    """``max_pool1d`` and, for each maximum, its position along L."""
    return _max_pool(1, input, kernel_size, stride, padding, dilation, ceil_mode, True)


@layer(grad_name="MaxPool2DWithIndicesBackward0")
def max_pool2d_with_indices(
    input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode: bool = False, return_indices: bool = True
):
    """``max_pool2d`` and, for each maximum, its position in the flattened H·W."""
    return _max_pool(2, input, kernel_size, stride, padding, dilation, ceil_mode, True)


@layer(grad_name="MaxPool3DWithIndicesBackward0")
def max_pool3d_with_indices(
    input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode: bool = False, return_indices: bool = True
):
    """``max_pool3d`` and, for each maximum, its position in the flattened D·H·W."""
    return _max_pool(3, input, kernel_size, stride, padding, dilation, ceil_mode, True)


for _rank, _pair in enumerate(
    (
        (max_pool1d, max_pool1d_with_indices),
        (max_pool2d, max_pool2d_with_indices),
        (max_pool3d, max_pool3d_with_indices),
    ),
    1,
):
    for _one in _pair:
        _one.vjp(_max_pool_rule(_rank))


def _avg_pool(rank, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor):
    window, settings = _prepare(rank, input, kernel_size, stride, padding, 1, ceil_mode)
    check(divisor is None or divisor != 0, "divisor must be not zero")
    whole = input.dtype == jnp.int64
    if whole:  # sums are exact as doubles
        input = input.astype(jnp.float64)
    need_float(input, f"avg_pool{rank}d_out_frame")
    del settings["dilation"]
    y = kernels.avg_pool(
        _batched(input, rank), window, count_include_pad=count_include_pad, divisor=divisor, **settings
    )
    y = y.reshape(y.shape[y.ndim - input.ndim :])
    return jnp.trunc(y).astype(jnp.int64) if whole else y


@layer(also=("torch",), saves=False, grad_name="SqueezeBackward1")
def avg_pool1d(input, kernel_size, stride=None, padding=0, ceil_mode: bool = False, count_include_pad: bool = True):
    """The mean of each window: ([N,] C, L) → ([N,] C, L'), sizes as ``max_pool1d``.

    Padding counts as zeros, or not at all without ``count_include_pad``.
    """
    return _avg_pool(1, input, kernel_size, stride, padding, ceil_mode, count_include_pad, None)


@layer(grad_name="AvgPool2DBackward0", out=True)
def avg_pool2d(
    input,
    kernel_size,
    stride=None,
    padding=0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
):
    """The mean of each window: ([N,] C, H, W) → ([N,] C, H', W'); or the sum over ``divisor_override``."""
    return _avg_pool(2, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


@layer(grad_name="AvgPool3DBackward0", out=True)
def avg_pool3d(
    input,
    kernel_size,
    stride=None,
    padding=0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
):
    """The mean of each window: ([N,] C, D, H, W) → ([N,] C, D', H', W'); or the sum over ``divisor_override``."""
    return _avg_pool(3, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


def _lp_pool(rank, input, norm_type, kernel_size, stride, ceil_mode):
    window = axes_of(kernel_size, rank, "kernel_size")
    p = like(norm_type, input)
    powers = _avg_pool(rank, input**p, window, stride, 0, ceil_mode, True, None)
    total = jnp.sign(powers) * jnp.maximum(jnp.abs(powers), 0) * math.prod(window)
    zero = total == 0
    return jnp.where(zero, 0, jnp.where(zero, 1, total) ** (1 / p))


@layer(grad_name="PowBackward0")
def lp_pool1d(input, norm_type: Number, kernel_size, stride=None, ceil_mode: bool = False):
    """(Σ x^p)^(1/p) over each window, p = ``norm_type``: ([N,] C, L) → ([N,] C, L')."""
    return _lp_pool(1, input, norm_type, kernel_size, stride, ceil_mode)


@layer(grad_name="PowBackward0")
def lp_pool2d(input, norm_type: Number, kernel_size, stride=None, ceil_mode: bool = False):
    """(Σ x^p)^(1/p) over each window, p = ``norm_type``: ([N,] C, H, W) → ([N,] C, H', W')."""
    return _lp_pool(2, input, norm_type, kernel_size, stride, ceil_mode)


@layer(grad_name="PowBackward0")
def lp_pool3d(input, norm_type: Number, kernel_size, stride=None, ceil_mode: bool = False):
    """(Σ x^p)^(1/p) over each window, p = ``norm_type``: ([N,] C, D, H, W) → ([N,] C, D', H', W')."""
    return _lp_pool(3, input, norm_type, kernel_size, stride, ceil_mode)


def _bins(rank, input, output_size, name):
    if isinstance(output_size, (tuple, list)) and rank > 1:
        check(input.ndim > rank, f"Input dimension should be at least {rank + 1}", ArgumentValueError)
    check(
        input.ndim in (rank + 1, rank + 2),
        f"{name}{rank}d(): Expected {rank + 1}D or {rank + 2}D tensor, but got {list(input.shape)}",
    )
    sizes = axes_of(output_size, rank, "output_size") if output_size is not None else (None,) * rank
    sizes = tuple(n if s is None else s for n, s in zip(input.shape[-rank:], sizes))
    check(all(s >= 0 for s in sizes), f"{name}{rank}d(): elements of output_size must be greater than or equal to 0")
    return sizes


def _adaptive_avg(rank, input, output_size):
    sizes = _bins(rank, input, output_size, "adaptive_avg_pool")
    need_float(input, f"adaptive_avg_pool{rank}d_kernel_impl")
    y = kernels.adaptive_avg_pool(_batched(input, rank), sizes)
    return y.reshape(y.shape[y.ndim - input.ndim :])


@layer(also=("torch",), saves=False, grad_name="SqueezeBackward1")
def adaptive_avg_pool1d(input, output_size):
    """Means over ``output_size`` bins: ([N,] C, L) → ([N,] C, output_size).

    Bin i runs from ⌊i·L/n⌋ to ⌈(i + 1)·L/n⌉, n the number of bins.
    """
    return _adaptive_avg(1, input, output_size)


@layer(grad_name="AdaptiveAvgPool2DBackward0")
def adaptive_avg_pool2d(input, output_size):
    """Means over a grid of bins: ([N,] C, H, W) → ([N,] C, *output_size); ``None`` keeps a size."""
    return _adaptive_avg(2, input, output_size)


@layer(grad_name="AdaptiveAvgPool3DBackward0")
def adaptive_avg_pool3d(input, output_size):
    """Means over a grid of bins: ([N,] C, D, H, W) → ([N,] C, *output_size); ``None`` keeps a size."""
    return _adaptive_avg(3, input, output_size)


def _members(size: int, bins: int) -> np.ndarray:
    """The positions in each bin (bins, widest), a narrower bin's last position repeated."""
    i = np.arange(bins)
    start, stop = i * size // bins, -((-(i + 1) * size) // bins)
    width = int((stop - start).max()) if bins else 1
    return np.minimum(start[:, None] + np.arange(width), stop[:, None] - 1)


def _adaptive_max(rank, input, output_size, indices):
    sizes = _bins(rank, input, output_size, "adaptive_max_pool")
    space = input.shape[-rank:]
    lead = input.shape[:-rank]
    # The flat position of every member of every bin: (*bins, members), constant.
    flat = np.zeros((1,) * (2 * rank), np.int64)
    for a, (n, s) in enumerate(zip(space, sizes)):
        shape = [1] * (2 * rank)
        at = _members(n, s)
        shape[a], shape[rank + a] = at.shape
        flat = flat * n + at.reshape(shape)
    flat = flat.reshape(math.prod(sizes), -1)
    values = input.reshape(*lead, math.prod(space))[..., flat]
    best = jnp.argmax(values, -1)  # the first of equals; a NaN wins
    y = jnp.take_along_axis(values, best[..., None], -1)[..., 0].reshape(*lead, *sizes)
    if not indices:
        return y
    where = jnp.asarray(flat)[np.arange(flat.shape[0]), best]
    return y, where.astype(jnp.int64).reshape(*lead, *sizes)


@layer(also=("torch",), grad_name="SqueezeBackward1")
def adaptive_max_pool1d(input, output_size, return_indices: bool = False):
    """Maxima over ``output_size`` bins (as ``adaptive_avg_pool1d``): ([N,] C, L) → ([N,] C, output_size)."""
    return _adaptive_max(1, input, output_size, return_indices)


@layer(grad_name="AdaptiveMaxPool2DBackward0")
def adaptive_max_pool2d(input, output_size, return_indices: bool = False):
    """Maxima over a grid of bins: ([N,] C, H, W) → ([N,] C, *output_size), and their flat positions."""
    return _adaptive_max(2, input, output_size, return_indices)


@layer(grad_name="AdaptiveMaxPool3DBackward0")
def adaptive_max_pool3d(input, output_size, return_indices: bool = False):
    """Maxima over a grid of bins: ([N,] C, D, H, W) → ([N,] C, *output_size), and their flat positions."""
    return _adaptive_max(3, input, output_size, return_indices)


@layer(grad_name="SqueezeBackward1")
def adaptive_max_pool1d_with_indices(input, output_size, return_indices: bool = True):
    """``adaptive_max_pool1d`` and each maximum's position."""
    return _adaptive_max(1, input, output_size, True)


@layer(grad_name="AdaptiveMaxPool2DBackward0")
def adaptive_max_pool2d_with_indices(input, output_size, return_indices: bool = True):
    """``adaptive_max_pool2d`` and each maximum's flat position."""
    return _adaptive_max(2, input, output_size, True)


@layer(grad_name="AdaptiveMaxPool3DBackward0")
def adaptive_max_pool3d_with_indices(input, output_size, return_indices: bool = True):
    """``adaptive_max_pool3d`` and each maximum's flat position."""
    return _adaptive_max(3, input, output_size, True)


def _unpool(rank, input, indices, kernel_size, stride, padding, output_size):
    if input.shape != indices.shape:
        raise ShapeMismatchError(
            f"Expected shape of indices to be same as that of the input tensor ({list(input.shape)}) but got indices tensor "
            f"with shape: {list(indices.shape)}",
            tuple(input.shape),
            tuple(indices.shape),
        )
    window = axes_of(kernel_size, rank, "kernel_size")
    stride = window if stride is None or stride == () else axes_of(stride, rank, "stride")
    padding = axes_of(padding, rank, "padding")
    lead = input.shape[:-rank]
    default = tuple((n - 1) * s + k - 2 * p for n, s, k, p in zip(input.shape[-rank:], stride, window, padding))
    size = default if output_size is None else tuple(output_size)[-rank:]
    check(
        all(d - s < n < d + s for n, d, s in zip(size, default, stride)),
        f'invalid output_size "{size}" (each dimension must be within a stride of {default})',
        ValueError,
    )
    total = math.prod(size)
    rows = math.prod(lead)
    flat = indices.reshape(rows, -1) + jnp.arange(rows, dtype=jnp.int64)[:, None] * total
    # Declared unique for the sake of the derivative: PyTorch's, too, ignores repeats.
    y = jnp.zeros(rows * total, input.dtype).at[flat.reshape(-1)].set(input.reshape(-1), unique_indices=True)
    return y.reshape(*lead, *size)


@layer(grad_name="MaxUnpool2DBackward0")
def max_unpool1d(input, indices, kernel_size, stride=None, padding=0, output_size=None):
    """Put values back where ``max_pool1d`` found them, zeros elsewhere: ([N,] C, L) → ([N,] C, L')."""
    return _unpool(1, input, indices, kernel_size, stride, padding, output_size)


@layer(grad_name="MaxUnpool2DBackward0")
def max_unpool2d(input, indices, kernel_size, stride=None, padding=0, output_size=None):
    """Put values back where ``max_pool2d`` found them, zeros elsewhere: ([N,] C, H, W) → ([N,] C, H', W')."""
    return _unpool(2, input, indices, kernel_size, stride, padding, output_size)


@layer(grad_name="MaxUnpool3DBackward0")
def max_unpool3d(input, indices, kernel_size, stride=None, padding=0, output_size=None):
    """Put values back where ``max_pool3d`` found them, zeros elsewhere: ([N,] C, D, H, W) → ([N,] C, D', H', W')."""
    return _unpool(3, input, indices, kernel_size, stride, padding, output_size)

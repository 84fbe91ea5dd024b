"""Images at other sizes and places: interpolation, grid sampling, affine grids.

Interpolation is separable and linear, so each axis is one small matrix, built while tracing,
and a dot: fast forward and backward, and differentiable as often as wanted. Nearest neighbour
is a constant gather.
"""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from rustorch.errors import ArgumentValueError, ShapeMismatchError, check
from rustorch.lowering import kernels
from rustorch.lowering.ops._nn import layer, need_float, piece, widened


def interpolate_size(shape, size, scale_factor, mode="nearest", align_corners=None, recompute_scale_factor=None):
    """PyTorch's checks of ``interpolate``'s arguments: ``(output sizes, scales or None)``.

    ``shape`` is the input's. The scales (one float per axis, as reciprocals are taken of them)
    are given where PyTorch interpolates with the scale as given rather than with the ratio of sizes.
    Plain Python, for the front end: sizes must be static, and a float argument of an op is not.
    """
    rank = len(shape) - 2
    if mode in ("nearest", "area", "nearest-exact"):
        check(
            align_corners is None,
            "align_corners option can only be set with the interpolating modes: linear | bilinear | bicubic | trilinear",
            ArgumentValueError,
        )
    check(
        size is None or scale_factor is None, "only one of size or scale_factor should be defined", ArgumentValueError
    )
    check(
        size is not None or scale_factor is not None,
        "either size or scale_factor should be defined",
        ArgumentValueError,
    )
    if size is not None:
        check(
            recompute_scale_factor is not True,
            "recompute_scale_factor is not meaningful with an explicit size.",
            ArgumentValueError,
        )
        size = tuple(size) if isinstance(size, (tuple, list)) else (size,) * rank
        _check_rank(size, shape, rank, "output size", "(o1, o2, ...,oK)")
        return tuple(int(n) for n in size), None
    factors = tuple(scale_factor) if isinstance(scale_factor, (tuple, list)) else (scale_factor,) * rank
    _check_rank(factors, shape, rank, "scale_factor", "(s1, s2, ...,sK)")
    sizes = tuple(int(np.floor(float(n) * float(f))) for n, f in zip(shape[2:], factors))
    keep = not recompute_scale_factor and mode != "area"
    return sizes, tuple(float(f) for f in factors) if keep else None


def _check_rank(values, shape, rank, what, letters):
    check(
        len(values) == rank,
        "Input and output must have the same number of spatial dimensions, but got input with spatial dimensions of "
        f"{list(shape[2:])} and {what} of {values}. Please provide input tensor in (N, C, d1, d2, ...,dK) format and "
        f"{what} in {letters} format.",
        ArgumentValueError,
    )


def _ratio(n, out, scale, align):
    """Input steps per output step along an axis."""
    if align:
        return (n - 1) / (out - 1) if out > 1 else 0.0
    return 1 / scale if scale else n / out


def _nearest_index(n, out, scale, exact):
    step = np.float32(1 / scale if scale else n / out)
    at = (np.arange(out, dtype=np.float32) + np.float32(0.5 if exact else 0)) * step
    return np.minimum(np.floor(at).astype(np.int64), n - 1)


def _linear_matrix(n, out, scale, align):
    step, at = _ratio(n, out, scale, align), np.arange(out)
    at = at * step if align else np.maximum((at + 0.5) * step - 0.5, 0)
    low = np.minimum(np.floor(at).astype(np.int64), n - 1)
    part = np.clip(at - low, 0, 1)
    matrix = np.zeros((out, n))
    rows = np.arange(out)
    np.add.at(matrix, (rows, low), 1 - part)
    np.add.at(matrix, (rows, np.minimum(low + 1, n - 1)), part)
    return matrix


def _cubic(t, a=-0.75):
    """Keys' cubic convolution kernel."""
    t = np.abs(t)
    near = ((a + 2) * t - (a + 3)) * t * t + 1
    far = ((a * t - 5 * a) * t + 8 * a) * t - 4 * a
    return np.where(t <= 1, near, np.where(t < 2, far, 0))


def _cubic_matrix(n, out, scale, align):
    step, at = _ratio(n, out, scale, align), np.arange(out)
    at = at * step if align else (at + 0.5) * step - 0.5
    low = np.floor(at).astype(np.int64)
    matrix = np.zeros((out, n))
    for k in range(-1, 3):
        np.add.at(matrix, (np.arange(out), np.clip(low + k, 0, n - 1)), _cubic(at - low - k))
    return matrix


def _antialias_matrix(n, out, scale, align, cubic):
    """A kernel widened by the shrinking factor, weights normalised to 1."""
    step = _ratio(n, out, scale, align)
    wide = max(step, 1.0)
    reach = (2 if cubic else 1) * wide
    matrix = np.zeros((out, n))
    for i in range(out):
        centre = step * (i + 0.5)
        start, stop = max(int(centre - reach + 0.5), 0), min(int(centre + reach + 0.5), n)
        t = (np.arange(start, stop) - centre + 0.5) / wide
        weights = _cubic(t, -0.5) if cubic else np.maximum(1 - np.abs(t), 0)
        matrix[i, start:stop] = weights / weights.sum()
    return matrix


@piece(grad_name="UpsampleBilinear2DBackward0")
def interpolate_to(
    input, size: tuple, mode: str = "nearest", align_corners: bool = False, antialias: bool = False, scales: str = ""
):
    """``input`` (N, C, ...) resampled to the spatial sizes ``size``.

    ``mode`` is one of nearest, nearest-exact, linear, bilinear, trilinear, bicubic, area. ``scales`` is
    ``repr`` of the scales that ``interpolate_size`` gave ("" for none): text, because it is static.
    """
    rank = input.ndim - 2
    check(
        rank in (1, 2, 3),
        f"Input Error: Only 3D, 4D and 5D input Tensors supported (got {input.ndim}D) for the modes: nearest | linear | bilinear | bicubic | trilinear | area | nearest-exact (got {mode})",
        NotImplementedError,
    )
    check(
        all(n > 0 for n in size),
        f"Input and output sizes should be greater than 0, but got input (H: {input.shape[-2]}, W: {input.shape[-1]}) output (H: {size[0]}, W: {size[-1]})",
    )
    check(
        not antialias or (mode in ("bilinear", "bicubic") and rank == 2),
        "Anti-alias option is restricted to bilinear and bicubic modes and requires a 4-D tensor as input",
        ArgumentValueError,
    )
    given = [float(s) for s in scales.strip("()").split(",") if s.strip()] if scales else [None] * rank
    if mode == "area":
        return kernels.adaptive_avg_pool(input, size)
    if mode in ("nearest", "nearest-exact"):
        for a in range(rank):
            at = _nearest_index(input.shape[a + 2], size[a], given[a], mode != "nearest")
            input = jnp.take(input, jnp.asarray(at), axis=a + 2, mode="clip")
        return input
    needed = {"linear": 1, "bilinear": 2, "bicubic": 2, "trilinear": 3}
    check(
        mode in needed,
        f"Input Error: Only 3D, 4D and 5D input Tensors supported (got {input.ndim}D) for the modes: nearest | linear | bilinear | bicubic | trilinear | area | nearest-exact (got {mode})",
        NotImplementedError,
    )
    check(
        needed[mode] == rank,
        f"Got {input.ndim}D input, but {mode} mode needs {needed[mode] + 2}D input",
        NotImplementedError,
    )
    bytes_ = input.dtype == jnp.uint8 and rank == 2
    if not bytes_:
        need_float(input, "compute_indices_weights_" + ("cubic" if mode == "bicubic" else "linear"))
    x = widened(input)
    for a in reversed(range(rank)):
        n, out = x.shape[a + 2], size[a]
        if n == out and (given[a] is None or given[a] == 1):
            continue
        if antialias:
            matrix = _antialias_matrix(n, out, given[a], align_corners, mode == "bicubic")
        else:
            matrix = (_cubic_matrix if mode == "bicubic" else _linear_matrix)(n, out, given[a], align_corners)
        if bytes_:
            x = _in_fixed_point(x, matrix, a + 2)
        else:
            x = jnp.moveaxis(jnp.tensordot(x, jnp.asarray(matrix, x.dtype), ((a + 2,), (1,))), -1, a + 2)
    return x.astype(input.dtype)


def _in_fixed_point(x, matrix, axis):
    """Bytes resampled along ``axis`` with weights of 16 bits, each pass rounded to bytes, as PyTorch does it."""
    largest, digits = matrix.max(), 0
    while digits < 22 and int(0.5 + largest * 2 ** (digits + 1)) < 2**15:
        digits += 1
    weights = np.trunc(matrix * 2**digits + np.copysign(0.5, matrix)).astype(np.int32)
    sums = jnp.moveaxis(jnp.tensordot(x.astype(jnp.int32), jnp.asarray(weights), ((axis,), (1,))), -1, axis)
    return jnp.clip((sums + (1 << digits >> 1)) >> digits, 0, 255).astype(jnp.uint8)


def _unnormalised(g, n, align):
    """Grid coordinates in [-1, 1] as positions along an axis of ``n``."""
    return (g + 1) / 2 * (n - 1) if align else ((g + 1) * n - 1) / 2


def _reflected(x, low, high):
    """Fold positions back into [low/2, high/2] (bounds given doubled)."""
    if low == high:
        return jnp.zeros_like(x)
    floor, span = low / 2, (high - low) / 2
    x = jnp.abs(x - floor)
    flips = jnp.floor(x / span)
    extra = x - flips * span
    return jnp.where(flips % 2 == 0, extra + floor, span - extra + floor)


def _placed(g, n, padding, align):
    """Positions along an axis after ``padding_mode``."""
    x = _unnormalised(g, n, align)
    return _bounded(x, n, padding, align)


def _bounded(x, n, padding, align):
    if padding == "reflection":
        x = _reflected(x, 0, 2 * (n - 1)) if align else _reflected(x, -1, 2 * n - 1)
    if padding != "zeros":
        x = jnp.where(x <= 0, 0, jnp.where(x >= n - 1, n - 1, x)).astype(x.dtype)
    return x


def _looked_up(x, places):
    """``x (n, c, *space)`` at integer positions, one array ``(n, *out)`` per axis; 0 outside."""
    space = x.shape[2:]
    inside = True
    flat = 0
    for p, n in zip(places, space):
        inside = inside & (p >= 0) & (p <= n - 1)
        flat = flat * n + jnp.clip(jnp.nan_to_num(p), 0, n - 1).astype(jnp.int32)
    rows = x.reshape(*x.shape[:2], -1)
    index = flat.reshape(flat.shape[0], 1, -1)
    values = jnp.take_along_axis(rows, index, 2).reshape(*x.shape[:2], *flat.shape[1:])
    return jnp.where(inside[:, None], values, 0)


@layer(dear=True, grad_name="GridSampler2DBackward0")
def grid_sample(input, grid, mode: str = "bilinear", padding_mode: str = "zeros", align_corners: bool | None = None):
    """``input`` read at the places in ``grid``: (N, C, H, W) at (N, H', W', 2) → (N, C, H', W'); 3-d alike.

    Grid entries are (x, y[, z]) in [-1, 1], corner to corner. ``mode``: bilinear, nearest, bicubic
    (4-d only); ``padding_mode``: zeros, border, reflection.
    """
    rank = input.ndim - 2
    check(
        mode in ("bilinear", "nearest", "bicubic"),
        f"nn.functional.grid_sample(): expected mode to be 'bilinear', 'nearest' or 'bicubic', but got: '{mode}'",
        ArgumentValueError,
    )
    check(
        padding_mode in ("zeros", "border", "reflection"),
        f"nn.functional.grid_sample(): expected padding_mode to be 'zeros', 'border', or 'reflection', but got: '{padding_mode}'",
        ArgumentValueError,
    )
    shown = f"but got input with sizes {list(input.shape)} and grid with sizes {list(grid.shape)}"
    for ok, text in (
        (rank in (2, 3) and grid.ndim == input.ndim, "grid_sampler(): expected 4D or 5D input and grid with same number of dimensions, " + shown),
        (input.shape[0] == grid.shape[0], "grid_sampler(): expected grid and input to have same batch size, " + shown),
        (grid.shape[-1] == rank, f"grid_sampler(): expected grid to have size {rank} in last dimension, but got grid with sizes {list(grid.shape)}"),
    ):  # fmt: skip
        if not ok:
            raise ShapeMismatchError(text, tuple(input.shape), tuple(grid.shape))
    check(not (mode == "bicubic" and rank == 3), "grid_sampler(): bicubic interpolation only supports 4D input")
    align = bool(align_corners)
    dtype, input, grid = input.dtype, widened(input), widened(grid)
    axes = [(grid[..., rank - 1 - a], input.shape[a + 2]) for a in range(rank)]
    if mode == "bicubic":
        return _bicubic_sample(input, axes, padding_mode, align).astype(dtype)
    places = [_placed(g, n, padding_mode, align) for g, n in axes]
    if mode == "nearest":
        return _looked_up(input, [jnp.round(p) for p in places]).astype(dtype)
    out = 0
    corners = [(jnp.floor(p), p - jnp.floor(p)) for p in places]
    for choice in np.ndindex(*(2,) * rank):
        weight = 1
        for (_, part), up in zip(corners, choice):
            weight = weight * (part if up else 1 - part)
        out = out + _looked_up(input, [low + up for (low, _), up in zip(corners, choice)]) * weight[:, None]
    return out.astype(dtype)


def _cubic_weights(t, a=-0.75):
    """Weights of the four neighbours at distance ``t`` past the second."""

    def near(u):
        return ((a + 2) * u - (a + 3)) * u * u + 1

    def far(u):
        return ((a * u - 5 * a) * u + 8 * a) * u - 4 * a

    return far(t + 1), near(t), near(1 - t), far(2 - t)


def _bicubic_sample(x, axes, padding, align):
    lows, weights = [], []
    for g, n in axes:
        p = _unnormalised(g, n, align)
        low = jnp.floor(p)
        lows.append(low)
        weights.append(_cubic_weights(p - low))
    out = 0
    for i in range(4):
        y = _bounded(lows[0] - 1 + i, axes[0][1], padding, align)
        for j in range(4):
            at = _bounded(lows[1] - 1 + j, axes[1][1], padding, align)
            # Reflection of an integer may end between two: PyTorch truncates.
            out = out + _looked_up(x, [jnp.trunc(y), jnp.trunc(at)]) * (weights[0][i] * weights[1][j])[:, None]
    return out


@layer(grad_name="AffineGridGeneratorBackward0")
def affine_grid(theta, size, align_corners: bool | None = None):
    """The grid for ``grid_sample`` that applies ``theta``: (N, 2, 3) for size (N, C, H, W) → (N, H, W, 2); 3-d alike."""
    need_float(theta, "affine_grid")
    rank = len(size) - 2
    check(
        rank in (1, 2, 3),
        f"affine_grid only supports 4D and 5D sizes, for 2D and 3D affine transforms, respectively. Got size {tuple(size)}",
        NotImplementedError,
    )
    if theta.ndim != 3 or theta.shape[-2:] != (rank, rank + 1):
        raise ShapeMismatchError(
            f"Expected a batch of {rank}D affine matrices of shape Nx{rank}x{rank + 1} for size {tuple(size)}. Got {list(theta.shape)}.",
            tuple(theta.shape),
            (size[0], rank, rank + 1),
        )
    coordinates = []
    for n in size[2:]:
        line = np.linspace(-1, 1, n) if n > 1 else np.zeros(1)
        coordinates.append(line if align_corners else line * (n - 1) / n)
    mesh = np.stack([*reversed(np.meshgrid(*coordinates, indexing="ij")), np.ones(tuple(size[2:]))], -1)
    return jnp.einsum("...k,nik->n...i", jnp.asarray(mesh, theta.dtype), theta)

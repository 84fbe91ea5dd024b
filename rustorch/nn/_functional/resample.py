"""Images at other sizes: the argument rules of ``interpolate`` and its older names."""

import warnings

from rustorch.eager.ops import nn_functional as _F
from rustorch.lowering.ops.resample import interpolate_size
from rustorch.nn._functional.pieces import piece

_interpolate_to = piece("interpolate_to")


def interpolate(
    input,
    size=None,
    scale_factor=None,
    mode="nearest",
    align_corners=None,
    recompute_scale_factor=None,
    antialias=False,
):
    """The spatial dimensions of (N, C, ...) resampled to ``size`` or by ``scale_factor``.

    Modes: nearest, nearest-exact, area, linear (3-d input), bilinear and bicubic (4-d), trilinear
    (5-d). ``align_corners`` maps corner centres to corner centres; ``antialias`` widens the kernel
    when shrinking.
    """
    sizes, scales = interpolate_size(
        tuple(input.shape), size, scale_factor, mode, align_corners, recompute_scale_factor
    )
    described = "" if scales is None else repr(scales)
    return _interpolate_to(input, sizes, mode, bool(align_corners), bool(antialias), described)


def upsample(input, size=None, scale_factor=None, mode="nearest", align_corners=None):
    """Deprecated name of ``interpolate``."""
    _warn_renamed("upsample")
    return interpolate(input, size, scale_factor, mode, align_corners)


def upsample_nearest(input, size=None, scale_factor=None):
    """Deprecated name of ``interpolate`` with nearest neighbours."""
    _warn_renamed("upsample_nearest")
    return interpolate(input, size, scale_factor, mode="nearest")


def upsample_bilinear(input, size=None, scale_factor=None):
    """Deprecated name of bilinear ``interpolate`` with corners aligned."""
    _warn_renamed("upsample_bilinear")
    return interpolate(input, size, scale_factor, mode="bilinear", align_corners=True)


def _warn_renamed(name):
    warnings.warn(
        f"`nn.functional.{name}` is deprecated. Use `nn.functional.interpolate` instead.",
        stacklevel=3,
    )


def _warn_about_corners(align_corners):
    if align_corners is None:
        warnings.warn(
            "Default grid_sample and affine_grid behavior has changed to align_corners=False since "
            "1.3.0. Please specify align_corners=True if the old behavior is desired. See the "
            "documentation of grid_sample for details.",
            stacklevel=3,
        )


def grid_sample(input, grid, mode="bilinear", padding_mode="zeros", align_corners=None):
    """``input`` looked up at the positions ``grid``, in [-1, 1] from edge to edge."""
    _warn_about_corners(align_corners)
    return _F.grid_sample(input, grid, mode, padding_mode, bool(align_corners))


def affine_grid(theta, size, align_corners=None):
    """The positions that the affine maps ``theta`` (N, 2, 3) or (N, 3, 4) send a grid to."""
    _warn_about_corners(align_corners)
    return _F.affine_grid(theta, tuple(size), bool(align_corners))

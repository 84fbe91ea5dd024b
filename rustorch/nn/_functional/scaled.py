"""``scaled_mm``: products of float8 matrices whose elements are multiples of scales."""

from __future__ import annotations

from enum import Enum

from rustorch import dtypes
from rustorch.eager import ops as T
from rustorch.errors import ArgumentValueError, check


class ScalingType(Enum):
    """How many elements share a scale. Products here take one for the whole matrix, or one for each row."""

    TensorWise = 0
    RowWise = 1
    BlockWise1x16 = 2
    BlockWise1x32 = 3
    BlockWise1x128 = 4
    BlockWise128x128 = 5


class SwizzleType(Enum):
    """In which order scales of blocks lie in memory."""

    NO_SWIZZLE = 0
    SWIZZLE_32_4_4 = 1


_FLOAT8 = (dtypes.float8_e4m3fn, dtypes.float8_e5m2)


def scaled_mm(
    mat_a, mat_b, scale_a, scale_recipe_a, scale_b, scale_recipe_b, swizzle_a=None, swizzle_b=None, bias=None,
    output_dtype=dtypes.bfloat16, contraction_dim=(), use_fast_accum=False,
):  # fmt: skip
    """``(scale_a * mat_a) @ (scale_b * mat_b) + bias`` of float8 matrices (m, k) and (k, n), summed up in float32.

    Args:
        scale_a, scale_b: float32, with one element (``TensorWise``), or (m, 1) and (1, n) (``RowWise``), or a list of one.
        scale_recipe_a, scale_recipe_b: a ``ScalingType`` each, or a list of one.
        output_dtype: of the result; None: float8_e4m3fn. The other options concern GPUs.

    Raises:
        ValueError: shapes, dtypes or scales that do not go together; scales of blocks.

    Source: PyTorch's ``torch.nn.functional.scaled_mm``.

    Example:
        >>> import rustorch
        >>> F, one = rustorch.nn.functional, rustorch.tensor(1.0)
        >>> a = rustorch.ones(16, 16).to(rustorch.float8_e4m3fn)
        >>> F.scaled_mm(a, a, one, F.ScalingType.TensorWise, one, F.ScalingType.TensorWise)[0, 0]
        tensor(16., dtype=torch.bfloat16)
    """
    scale_a, scale_b, how_a, how_b = map(_only, (scale_a, scale_b, scale_recipe_a, scale_recipe_b))
    check(mat_a.ndim == 2, "mat_a must be a matrix", ArgumentValueError)
    check(mat_b.ndim == 2, "mat_b must be a matrix", ArgumentValueError)
    (m, k), (rows, n) = mat_a.shape, mat_b.shape
    check(k == rows, f"mat_a and mat_b shapes cannot be multiplied ({m}x{k} and {rows}x{n})", ArgumentValueError)
    kinds = all(x.dtype in _FLOAT8 for x in (mat_a, mat_b)) and all(
        s.dtype is dtypes.float32 for s in (scale_a, scale_b)
    )
    if not kinds or how_a is not how_b or how_a not in (ScalingType.TensorWise, ScalingType.RowWise):
        raise ArgumentValueError(
            "Invalid scaling configuration.\n"
            "- For TensorWise scaling, a and b should be float8, scales should be float and singletons.\n"
            f"- For RowWise scaling, a and b should be float8, scales should be float, scale_a should be ({m}, 1) and "
            f"scale_b should be (1, {n}).\n"
            f"Received: {mat_a.dtype} and {mat_b.dtype}, scales {scale_a.dtype} and {scale_b.dtype}, {how_a} and {how_b}"
        )
    for name, scale, shape in (("scale_a", scale_a, (m, 1)), ("scale_b", scale_b, (1, n))):
        if how_a is ScalingType.TensorWise:
            check(scale.numel() == 1, f"{name} must have 1 Float element", ArgumentValueError)
        else:
            given = list(scale.shape)
            check(given == [*shape], f"{name} must have shape {[*shape]}, got [{given}]", ArgumentValueError)
    return T._scaled_mm(mat_a, mat_b, scale_a, scale_b, bias, None, output_dtype or mat_a.dtype, use_fast_accum)


def _only(x):
    """The one element of a list; anything else as it is."""
    if isinstance(x, (list, tuple)):
        check(len(x) == 1, f"scaled_mm takes one scale for each matrix. Received: {len(x)}", ArgumentValueError)
        return x[0]
    return x

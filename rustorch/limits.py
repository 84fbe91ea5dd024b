"""``finfo`` and ``iinfo``: the numeric limits of a dtype."""

from __future__ import annotations

import ml_dtypes
import numpy as np

from rustorch import dtypes
from rustorch.dtypes import DType, as_dtype


class finfo:
    """Limits of a floating point type (of a complex type: of its parts).

    Args:
        type: a floating point or complex dtype; the default dtype if left out.

    Raises:
        TypeError: an integer or bool dtype.

    Example:
        >>> finfo(dtypes.float32).eps
        1.1920928955078125e-07
    """

    def __init__(self, type: DType | None = None):
        dtype = dtypes.get_default_dtype() if type is None else as_dtype(type)
        if not (dtype.is_floating_point or dtype.is_complex):
            raise TypeError(
                "torch.finfo() requires a floating point input type. Use torch.iinfo to handle 'torch.finfo'"
            )
        real = dtype.to_real()
        info = ml_dtypes.finfo(real.numpy)
        self.bits = real.itemsize * 8
        self.eps, self.max, self.min = float(info.eps), float(info.max), float(info.min)
        self.tiny = self.smallest_normal = float(info.smallest_normal)
        self.resolution = 10.0**-info.precision
        self.dtype = real.name

    def __repr__(self):
        parts = ", ".join(
            f"{n}={getattr(self, n):g}" for n in ("resolution", "min", "max", "eps", "smallest_normal", "tiny")
        )
        return f"finfo({parts}, dtype={self.dtype})"

    def __eq__(self, other):
        return isinstance(other, finfo) and self.dtype == other.dtype

    __hash__ = None


class iinfo:
    """Limits of an integer type.

    Raises:
        TypeError: not an integer dtype.

    Example:
        >>> iinfo(dtypes.int8).max
        127
    """

    def __init__(self, type: DType):
        dtype = as_dtype(type)
        if dtype.kind != dtypes.INTEGER:
            raise TypeError("torch.iinfo() requires an integer input type. Use torch.finfo to handle 'torch.iinfo'")
        info = np.iinfo(dtype.numpy)
        self.bits, self.max, self.min, self.dtype = info.bits, int(info.max), int(info.min), dtype.name

    def __repr__(self):
        return f"iinfo(min={self.min:g}, max={self.max:g}, dtype={self.dtype})"

    def __eq__(self, other):
        return isinstance(other, iinfo) and self.dtype == other.dtype

    __hash__ = None

"""Element types: one ``DType`` object per PyTorch dtype, with PyTorch's promotion rules.

Example:
    >>> promote_types(int64, float16)
    torch.float16
"""

from __future__ import annotations

import ml_dtypes
import numpy as np

# Kinds in the order in which PyTorch promotes: bool < integer < floating < complex.
BOOL, INTEGER, FLOATING, COMPLEX = range(4)


class DType:
    """An element type. Compare with ``is`` or ``==``; there is one object per type."""

    __slots__ = ("name", "numpy", "kind", "itemsize", "is_signed", "alias")

    def __init__(self, name: str, numpy_type, kind: int, alias: str | None = None):
        self.name = name
        self.numpy = np.dtype(numpy_type)
        self.kind = kind
        self.itemsize = self.numpy.itemsize
        self.is_signed = kind != BOOL and not name.startswith("uint")
        self.alias = alias or name

    @property
    def is_floating_point(self) -> bool:
        """True for real floating types."""
        return self.kind == FLOATING

    @property
    def is_complex(self) -> bool:
        """True for complex types."""
        return self.kind == COMPLEX

    def to_complex(self) -> DType:
        """The complex type of this precision."""
        return {"float64": complex128, "complex128": complex128, "float16": complex32}.get(self.name, complex64)

    def to_real(self) -> DType:
        """The real type of this precision."""
        return {"complex64": float32, "complex128": float64, "complex32": float16}.get(self.name, self)

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self):
        return _by_name, (self.name,)

    def __copy__(self):
        return self

    def __deepcopy__(self, memo):
        return self


float16 = half = DType("float16", np.float16, FLOATING, "Half")
bfloat16 = DType("bfloat16", ml_dtypes.bfloat16, FLOATING, "BFloat16")
float32 = float_ = DType("float32", np.float32, FLOATING, "Float")
float64 = double = DType("float64", np.float64, FLOATING, "Double")
float8_e4m3fn = DType("float8_e4m3fn", ml_dtypes.float8_e4m3fn, FLOATING, "Float8_e4m3fn")
float8_e5m2 = DType("float8_e5m2", ml_dtypes.float8_e5m2, FLOATING, "Float8_e5m2")
float8_e4m3fnuz = DType("float8_e4m3fnuz", ml_dtypes.float8_e4m3fnuz, FLOATING, "Float8_e4m3fnuz")
float8_e5m2fnuz = DType("float8_e5m2fnuz", ml_dtypes.float8_e5m2fnuz, FLOATING, "Float8_e5m2fnuz")
float8_e8m0fnu = DType("float8_e8m0fnu", ml_dtypes.float8_e8m0fnu, FLOATING, "Float8_e8m0fnu")
uint8 = DType("uint8", np.uint8, INTEGER, "Byte")
uint16 = DType("uint16", np.uint16, INTEGER, "UInt16")
uint32 = DType("uint32", np.uint32, INTEGER, "UInt32")
uint64 = DType("uint64", np.uint64, INTEGER, "UInt64")
int8 = DType("int8", np.int8, INTEGER, "Char")
int16 = short = DType("int16", np.int16, INTEGER, "Short")
int32 = int_ = DType("int32", np.int32, INTEGER, "Int")
int64 = long = DType("int64", np.int64, INTEGER, "Long")
bool_ = DType("bool", np.bool_, BOOL, "Bool")
complex64 = cfloat = DType("complex64", np.complex64, COMPLEX, "ComplexFloat")
complex128 = cdouble = DType("complex128", np.complex128, COMPLEX, "ComplexDouble")
# PyTorch's half complex has no XLA type: single precision is the nearest.
complex32 = complex64

ALL = (
    float16, bfloat16, float32, float64, float8_e4m3fn, float8_e5m2, float8_e4m3fnuz,
    float8_e5m2fnuz, float8_e8m0fnu, uint8, uint16, uint32, uint64,
    int8, int16, int32, int64, bool_, complex64, complex128,
)  # fmt: skip
BY_NAME = {d.name: d for d in ALL}
_FROM_NUMPY = {d.numpy: d for d in ALL}


def _by_name(name: str) -> DType:
    return BY_NAME[name]


def from_numpy(dtype) -> DType:
    """The ``DType`` of a NumPy (or JAX) dtype.

    Raises:
        TypeError: NumPy types without a counterpart (strings, objects, dates).
    """
    try:
        return _FROM_NUMPY[np.dtype(dtype)]
    except KeyError:
        supported = ", ".join(d.name for d in ALL)
        raise TypeError(
            f"can't convert np.ndarray of type {dtype}. The only supported types are: {supported}."
        ) from None


def of_number(value) -> DType:
    """The dtype that a Python number has as a tensor."""
    if isinstance(value, bool):
        return bool_
    if isinstance(value, int):
        return int64
    return _default if isinstance(value, float) else _default.to_complex()


def as_dtype(value) -> DType:
    """Accept a ``DType``, a Python type, or a NumPy dtype, as PyTorch does."""
    if isinstance(value, DType):
        return value
    if value is float:
        return _default
    if value in (int, bool, complex):
        return {int: int64, bool: bool_, complex: _default.to_complex()}[value]
    raise TypeError(f"dtype must be a torch.dtype. Received: {value!r}")


_default = float32


def get_default_dtype() -> DType:
    """The dtype of tensors made from Python floats."""
    return _default


def set_default_dtype(dtype: DType) -> None:
    """Set the dtype of tensors made from Python floats.

    Raises:
        TypeError: ``dtype`` is not a floating point type.
    """
    global _default
    dtype = as_dtype(dtype)
    if not dtype.is_floating_point:
        raise TypeError(
            "couldn't find storage object " + dtype.alias + "Storage"
            if dtype.kind == COMPLEX
            else f"only floating-point types are supported as the default type. Received: {dtype}"
        )
    _default = dtype


_INT_RANK = {"uint8": 1, "int8": 1, "int16": 2, "int32": 3, "int64": 4}
_FLOAT_RANK = {"float16": 1, "bfloat16": 1, "float32": 2, "float64": 3}


def promote_types(a: DType, b: DType) -> DType:
    """The smallest dtype that both can be cast to, by PyTorch's table.

    Raises:
        RuntimeError: unsigned types wider than 8 bits mixed with another integer type.
    """
    if a is b:
        return a
    if a.kind != b.kind:
        high, low = (a, b) if a.kind > b.kind else (b, a)
        if high.kind == COMPLEX and low is float64:
            return complex128
        return high
    if a.kind == FLOATING:
        if a.itemsize == 1 or b.itemsize == 1:
            raise RuntimeError(
                f"Promotion for Float8 Types is not supported, attempted to promote {a.alias} and {b.alias}"
            )
        if _FLOAT_RANK[a.name] == _FLOAT_RANK[b.name]:
            return float32
        return a if _FLOAT_RANK[a.name] > _FLOAT_RANK[b.name] else b
    if a.kind == COMPLEX:
        return complex128
    if a.name not in _INT_RANK or b.name not in _INT_RANK:
        raise RuntimeError(
            f"Promotion for uint16, uint32, uint64 types is not supported, attempted to promote {a.alias} and {b.alias}"
        )
    if _INT_RANK[a.name] == _INT_RANK[b.name]:
        return int16
    return a if _INT_RANK[a.name] > _INT_RANK[b.name] else b


def can_cast(source: DType, target: DType) -> bool:
    """Whether an in-place or ``out=`` result of ``source`` may be stored as ``target``."""
    if source.kind == COMPLEX or source.kind == FLOATING:
        return target.kind >= source.kind
    return source.kind == BOOL or target.kind != BOOL

"""PyTorch's type promotion, applied while a program is traced (never on the recording path)."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core.primitives import convert_element_type_p

from rustorch import dtypes
from rustorch.dtypes import BOOL, COMPLEX, FLOATING, INTEGER, DType
from rustorch.errors import ShapeMismatchError
from rustorch.size import Size


def is_number(x) -> bool:
    """True for a Python number, given as such or lifted to a runtime input (weakly typed)."""
    return isinstance(x, (bool, int, float, complex)) or getattr(x, "weak_type", False)


def dtype_of(x) -> DType:
    """The rustorch dtype of an array."""
    return dtypes.from_numpy(x.dtype)


def weak(x):
    """Mark a lifted number so that JAX promotes it like the Python number it stands for."""
    return convert_element_type_p.bind(x, new_dtype=x.dtype, weak_type=True, sharding=None)


def _number_kind(x) -> int:
    if isinstance(x, bool):
        return BOOL
    if isinstance(x, int):
        return INTEGER
    if isinstance(x, float):
        return FLOATING
    if isinstance(x, complex):
        return COMPLEX
    return dtypes.from_numpy(x.dtype).kind


def result_dtype(*operands) -> DType:
    """The dtype that PyTorch computes in: tensors with dimensions outrank 0-dim ones, these numbers.

    A lower rank only matters if its kind (bool < int < float < complex) is higher.
    """
    best: DType | None = None
    ranks: tuple[list, list, list] = ([], [], [])
    for x in operands:
        if is_number(x):
            ranks[2].append(_default_of(_number_kind(x)))
        else:
            ranks[0 if x.ndim else 1].append(dtype_of(x))
    for rank in ranks:
        local = None
        for d in rank:
            local = d if local is None else dtypes.promote_types(local, d)
        if local is None:
            continue
        if best is None:
            best = local
        elif local.kind > best.kind:
            best = best.to_complex() if local.kind == COMPLEX and best.kind == FLOATING else local
    return best if best is not None else dtypes.get_default_dtype()


def _default_of(kind: int) -> DType:
    default = dtypes.get_default_dtype()
    return (dtypes.bool_, dtypes.int64, default, default.to_complex())[kind]


def cast(x, dtype: DType):
    """``x`` as an array of ``dtype``; complex to real drops the imaginary part."""
    target = dtype.numpy
    if isinstance(x, (bool, int, float, complex)):
        if dtype.kind == INTEGER and not isinstance(x, complex) and abs(x) < 2**63:
            return jnp.asarray(np.int64(x).astype(target))  # what does not fit wraps around, as at run time
        return jnp.asarray(x, target)
    if x.dtype == target:
        return jax.lax.convert_element_type(x, target) if x.weak_type else x
    if jnp.iscomplexobj(x) and dtype.kind != COMPLEX:
        x = x.real
    if dtype.kind == BOOL:
        return x != 0
    if dtype.kind == INTEGER and jnp.issubdtype(x.dtype, jnp.floating):
        # Through int64: a negative float to an unsigned type wraps in PyTorch on x86, XLA saturates.
        wide = x.astype(jnp.int64)
        return wide if dtype is dtypes.int64 else wide.astype(target)
    if dtype.itemsize == 1 and dtype.kind == FLOATING:
        return _eight_bits(x, dtype)
    return x.astype(target)


def _eight_bits(x, dtype: DType):
    x = x if x.dtype == jnp.float64 else x.astype(jnp.float32)
    if dtype is dtypes.float8_e8m0fnu:
        return _power_of_two(x)
    if dtype is dtypes.float8_e4m3fn:  # has no infinity: PyTorch stops at the largest number, XLA gives NaN
        x = jnp.clip(x, -448, 448)
    elif dtype is not dtypes.float8_e5m2:
        # XLA's older loops round small negative numbers to -0.0, whose bits are NaN in these formats.
        x = jnp.where(jnp.abs(x) <= float(jnp.finfo(dtype.numpy).smallest_subnormal) / 2, 0, x)
    return x.astype(dtype.numpy)


def _power_of_two(x):
    """The exponent of the nearest power of two, of two the higher; the sign is lost (Open Compute Project, *Microscaling Formats*)."""
    bits = jax.lax.bitcast_convert_type(x.astype(jnp.float32), jnp.uint32) & 0x7FFFFFFF
    exponent, rest = bits >> 23, bits & 0x7FFFFF
    up = (rest > 0x400000) | (rest == 0x400000) & (exponent > 0)
    exponent = jnp.where((exponent < 255) & up, exponent + 1, exponent)
    return jax.lax.bitcast_convert_type(exponent.astype(jnp.uint8), dtypes.float8_e8m0fnu.numpy)


def broadcast_shape(*shapes) -> tuple[int, ...]:
    """The common shape of ``shapes``.

    Raises:
        ShapeMismatchError: with PyTorch's message; it names the last dimension that does not fit.
    """
    first = ()
    for shape in shapes:
        for i in range(1, min(len(first), len(shape)) + 1):
            a, b = first[-i], shape[-i]
            if a != b and a != 1 and b != 1:
                raise ShapeMismatchError(
                    f"The size of tensor a ({a}) must match the size of tensor b ({b}) "
                    f"at non-singleton dimension {max(len(first), len(shape)) - i}",
                    Size(first),
                    Size(shape),
                )
        first = np.broadcast_shapes(first, shape)
    return first


_ROUGH = (dtypes.float16, dtypes.bfloat16)


def opmath(dtype: DType) -> DType:
    """The type to compute several steps in, PyTorch's ``opmath``: float32 for 16-bit floats."""
    return dtypes.float32 if dtype in _ROUGH else dtype


def _operand(x, dtype: DType):
    """``x`` as an operand of a computation in ``dtype``; a number keeps its digits in that of 16-bit floats."""
    if dtype not in _ROUGH:
        return cast(x, dtype)
    return cast(x if is_number(x) else cast(x, dtype), dtypes.float32)


def _rounded(out, dtype: DType):
    """Results of a computation in float32 as 16-bit floats; a bool or integer result stays."""
    if isinstance(out, tuple):
        return tuple([_rounded(x, dtype) for x in out])
    return out.astype(dtype.numpy) if out.dtype == np.float32 else out


def promoting(body, mode: str):
    """Wrap a body so that its array operands arrive broadcastable and in one dtype.

    16-bit floats are computed in float32 and rounded once, as in PyTorch.
    """
    code = body.__code__
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    hints = body.__annotations__
    # Operands are unannotated or ``Number`` positionals; other annotations are options.
    operand = [n for n in names[: code.co_argcount] if str(hints.get(n, "Number")) == "Number"]
    count = len(operand)

    def lower(*args, **kwargs):
        if kwargs:
            args = args + tuple(kwargs.pop(n) for n in operand[len(args) :] if n in kwargs)
        operands = [a for a in args[:count] if a is not None]
        dtype = result_dtype(*operands)
        if mode == "float" and dtype.kind < FLOATING:
            dtype = dtypes.get_default_dtype()
        rough = dtype in _ROUGH and mode != "bool"
        cast_args = [a if a is None else (_operand if rough else cast)(a, dtype) for a in args[:count]]
        broadcast_shape(*[getattr(x, "shape", ()) for x in operands])
        out = body(*cast_args, *args[count:], **kwargs)
        return _rounded(out, dtype) if rough else out

    lower.__name__ = body.__name__
    return lower

"""Comparison, logic and bits, element by element, and ``where``."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jax import lax

from rustorch.errors import RustorchRuntimeError, check
from rustorch.lowering.ops._common import dtype_of, is_complex, is_float, is_inexact, promoted, unsupported
from rustorch.lowering.table import Number, pointwise


def _ordered(name, x):
    if is_complex(x):
        raise unsupported(name, x)


@pointwise(promote="bool")
def eq(input, other: Number):
    """``input == other``."""
    return input == other


@pointwise(promote="bool", aliases=("not_equal",))
def ne(input, other: Number):
    """``input != other``."""
    return input != other


@pointwise(promote="bool", aliases=("less",))
def lt(input, other: Number):
    """``input < other``."""
    _ordered("lt", input)
    return input < other


@pointwise(promote="bool", aliases=("less_equal",))
def le(input, other: Number):
    """``input <= other``."""
    _ordered("le", input)
    return input <= other


@pointwise(promote="bool", aliases=("greater",))
def gt(input, other: Number):
    """``input > other``."""
    _ordered("gt", input)
    return input > other


@pointwise(promote="bool", aliases=("greater_equal",))
def ge(input, other: Number):
    """``input >= other``."""
    _ordered("ge", input)
    return input >= other


@pointwise(promote="bool")
def logical_and(input, other):
    """True where both are non-zero."""
    return (input != 0) & (other != 0)


@pointwise(promote="bool")
def logical_or(input, other):
    """True where either is non-zero."""
    return (input != 0) | (other != 0)


@pointwise(promote="bool")
def logical_xor(input, other):
    """True where exactly one is non-zero."""
    return (input != 0) ^ (other != 0)


@pointwise(promote="bool")
def logical_not(input):
    """True where ``input`` is zero."""
    return input == 0


def _bits(name, x):
    if is_inexact(x):
        raise unsupported(name, x)


@pointwise
def bitwise_and(input: Number, other: Number):
    """Bits set in both."""
    _bits("bitwise_and", input)
    return input & other


@pointwise
def bitwise_or(input: Number, other: Number):
    """Bits set in either."""
    _bits("bitwise_or", input)
    return input | other


@pointwise
def bitwise_xor(input: Number, other: Number):
    """Bits set in exactly one."""
    _bits("bitwise_xor", input)
    return input ^ other


@pointwise
def bitwise_not(input):
    """Every bit flipped; for bools, logical not."""
    _bits("bitwise_not", input)
    return ~input


def _no_shift(name, x):
    if is_inexact(x) or x.dtype == jnp.bool_:
        raise unsupported(name, x)


@pointwise
def bitwise_left_shift(input: Number, other: Number):
    """``input * 2**other`` on integers; bits that leave are lost."""
    _no_shift("lshift", input)
    return lax.shift_left(*jnp.broadcast_arrays(input, other))


@pointwise
def bitwise_right_shift(input: Number, other: Number):
    """``input`` shifted right by ``other`` bits, keeping the sign."""
    _no_shift("rshift", input)
    a, b = jnp.broadcast_arrays(input, other)
    signed = jnp.issubdtype(a.dtype, jnp.signedinteger)
    return lax.shift_right_arithmetic(a, b) if signed else lax.shift_right_logical(a, b)


def _false(x):
    return jnp.zeros(x.shape, bool)


@pointwise(promote="bool", inplace=False, out=False)
def isnan(input):
    """True where ``input`` is not a number."""
    return input != input


@pointwise(promote="bool", inplace=False, out=False)
def isinf(input):
    """True where ``input`` is infinite."""
    if is_complex(input):
        return jnp.isinf(input.real) | jnp.isinf(input.imag)
    return jnp.isinf(input) if is_float(input) else _false(input)


@pointwise(promote="bool", inplace=False, out=False)
def isfinite(input):
    """True where ``input`` is neither infinite nor NaN."""
    return jnp.isfinite(input) if is_inexact(input) else ~_false(input)


@pointwise(promote="bool", inplace=False)
def isposinf(input):
    """True where ``input`` is plus infinity."""
    if is_complex(input):
        raise RustorchRuntimeError("isposinf does not support complex inputs.")
    return input == np.inf if is_float(input) else _false(input)


@pointwise(promote="bool", inplace=False)
def isneginf(input):
    """True where ``input`` is minus infinity."""
    if is_complex(input):
        raise RustorchRuntimeError("isneginf does not support complex inputs.")
    return input == -np.inf if is_float(input) else _false(input)


@pointwise(promote="bool", inplace=False, out=False)
def isreal(input):
    """True where the imaginary part is zero."""
    return input.imag == 0 if is_complex(input) else ~_false(input)


@pointwise(promote="bool", inplace=False)
def signbit(input):
    """True where the sign is negative, for ``-0.0`` too."""
    if input.dtype == jnp.bool_ or jnp.issubdtype(input.dtype, jnp.unsignedinteger):
        return _false(input)
    return jnp.signbit(input) if is_float(input) else input < 0


@pointwise(promote="bool", inplace=False, out=False)
def isclose(input, other, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False):
    """``|input - other| <= atol + rtol * |other|``."""
    close = input == other
    if equal_nan and is_inexact(input):
        close = close | ((input != input) & (other != other))
    if is_inexact(input):
        allowed = atol + jnp.abs(rtol * other)
        gap = jnp.abs(input - other)
    elif input.dtype == jnp.bool_:
        allowed, gap = atol + jnp.abs(rtol * other), jnp.where(close, 0.0, 1.0)
    else:
        wide = (input.astype(jnp.float64), other.astype(jnp.float64))
        allowed, gap = atol + jnp.abs(rtol * wide[1]), jnp.abs(wide[0] - wide[1])
    return close | (jnp.isfinite(gap) & (gap <= allowed))


@isclose.known()
def _(input, other, rtol=1e-05, atol=1e-08, equal_nan=False):
    for name, value in (("rtol", rtol), ("atol", atol)):
        check(value >= 0, f"{name} must be greater than or equal to zero, but got {value:g}")


@pointwise(grad_name="NotImplemented", lacks=(None, "derivative for aten::heaviside is not implemented"))
def heaviside(input, values):
    """0 below zero, 1 above, ``values`` at zero."""
    one = jnp.ones((), input.dtype)
    return jnp.where(
        input == 0, values, jnp.where(input > 0, one, jnp.where(input != input, input, 0)).astype(input.dtype)
    )


@pointwise(promote=None, inplace=False, method=False, function=False, grad_name="WhereBackward0")
def where(condition, input: Number, other: Number):
    """``input`` where ``condition`` holds, else ``other``."""
    if condition.dtype not in (jnp.bool_, jnp.uint8):
        raise RustorchRuntimeError(
            f"where expected condition to be a boolean tensor, but got a tensor with dtype {dtype_of(condition).alias}"
        )
    a, b = promoted("same", input, other)
    return jnp.where(condition != 0, a, b)

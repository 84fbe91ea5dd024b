"""Rounding, signs, parts of floating-point numbers, complex numbers, copies and casts."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from rustorch.errors import RustorchRuntimeError
from rustorch.lowering.ops._common import (
    UnsupportedError,
    as_float,
    cast,
    dtype_of,
    is_complex,
    is_float,
    is_inexact,
    promoted,
    unsupported,
    widened,
)
from rustorch.lowering.promote import broadcast_shape
from rustorch.lowering.table import Number, pointwise
from rustorch.lowering.template import ARRAY


@pointwise(saves=False)
def floor(input):
    """The largest whole number not above ``input``."""
    return jnp.floor(input) if is_float(input) else input


@pointwise(saves=False)
def ceil(input):
    """The smallest whole number not below ``input``."""
    return jnp.ceil(input) if is_float(input) else input


@pointwise(saves=False, aliases=("fix",))
def trunc(input):
    """The whole part: rounding towards zero."""
    return jnp.where(input < 0, jnp.ceil(input), jnp.floor(input)) if is_float(input) else input


@pointwise(saves=False)
def frac(input):
    """What is left of ``input`` after its whole part, with its sign."""
    if not is_inexact(input):
        raise unsupported("frac", input)
    return input - jnp.where(input < 0, jnp.ceil(input), jnp.floor(input))


@pointwise(saves=False, also=("special",), grad_name=lambda t: "RoundBackward1" if len(t) > 1 else "RoundBackward0")
def round(input, *, decimals: int = 0):
    """The nearest number with ``decimals`` digits after the point; halves go to even."""
    if not is_float(input):
        return input
    if decimals == 0:
        return lax.round(input, lax.RoundingMethod.TO_NEAREST_EVEN)
    scale = jnp.asarray(10.0 ** (decimals if decimals > 0 else -decimals), widened(input).dtype)
    wide = widened(input)
    scaled = wide * scale if decimals > 0 else wide / scale
    whole = lax.round(scaled, lax.RoundingMethod.TO_NEAREST_EVEN)
    return (whole / scale if decimals > 0 else whole * scale).astype(input.dtype)


@pointwise
def sign(input):
    """-1, 0 or 1 by the sign of ``input``."""
    if is_complex(input):
        raise UnsupportedError(
            "Unlike NumPy, torch.sign is not intended to support complex numbers. Please use torch.sgn instead."
        )
    return input if input.dtype == jnp.bool_ else jnp.sign(input)


@pointwise
def sgn(input):
    """``input / |input|``, 0 at zero."""
    if not is_complex(input):
        return input if input.dtype == jnp.bool_ else jnp.sign(input)
    zero = input == 0
    safe = jnp.where(zero, 1, input)
    return jnp.where(zero, 0, safe / jnp.abs(safe))


@pointwise(promote=None)
def nan_to_num(input, nan: Number = None, posinf: Number = None, neginf: Number = None):
    """NaN and the infinities replaced: by default 0 and the largest finite numbers."""
    if not is_inexact(input):
        return input
    if is_complex(input):
        return lax.complex(*(nan_to_num.body(x, nan, posinf, neginf) for x in (input.real, input.imag)))
    info = jnp.finfo(input.dtype)
    own = dtype_of(input)
    zero, high, low = (
        jnp.asarray(default, input.dtype) if given is None else cast(given, own)
        for given, default in ((nan, 0), (posinf, info.max), (neginf, info.min))
    )
    out = jnp.where(input != input, zero, input)
    return jnp.where(input == np.inf, high, jnp.where(input == -np.inf, low, out))


@pointwise(promote="float", grad_name=lambda t: "CopysignBackward0" if t[1] is ARRAY else "CopysignBackward1")
def copysign(input, other: Number):
    """The magnitude of ``input`` with the sign of ``other``."""
    out = jnp.where(jnp.signbit(input) != jnp.signbit(other), -input, input)
    flat = lax.stop_gradient(out)
    return jnp.where(input == 0, flat, out)


@pointwise(fields=("mantissa", "exponent"), inplace=False)
def frexp(input):
    """``mantissa`` in [0.5, 1) and ``exponent`` with ``input = mantissa * 2**exponent``."""
    if not is_float(input):
        raise RustorchRuntimeError("torch.frexp() only supports floating-point dtypes")
    exponent = lax.stop_gradient(jnp.frexp(widened(input))[1]).astype(jnp.int32)
    mantissa = lax.stop_gradient(jnp.frexp(widened(input))[0])
    slope = lax.stop_gradient(jnp.exp2(-exponent.astype(widened(input).dtype)))
    # The value is exact; the gradient is the power of two that was divided out.
    wide = jnp.where(jnp.isfinite(widened(input)), widened(input), 0)
    return (mantissa + (wide - lax.stop_gradient(wide)) * slope).astype(input.dtype), exponent


def _power_of_two(x):
    return jnp.exp2(widened(x)).astype(x.dtype)


@pointwise(promote=None, grad_name="LdexpBackward0")
def ldexp(input, other):
    """``input * 2**other``."""
    x, power = promoted("same", input, _power_of_two(as_float(other)))
    return x * power


@jax.custom_jvp
def _next(x, y):
    return jnp.nextafter(x, y)


_next.defjvp(lambda p, t: (_next(*p), jnp.where(p[0] == p[1], 0, t[0])))


@pointwise(inplace=True)
def nextafter(input, other):
    """The next floating-point number from ``input`` towards ``other``; it moves as ``input`` does."""
    return _next(*jnp.broadcast_arrays(input, other))


@pointwise(promote=None, saves=False)
def conj_physical(input):
    """The complex conjugate."""
    return jnp.conj(input) if is_complex(input) else input


@pointwise(promote=None, inplace=False)
def angle(input):
    """The angle of a complex number; 0 or pi for real ones."""
    if is_complex(input):
        zero = input == 0
        safe = jnp.where(zero, 1, input)
        return jnp.where(
            zero, lax.stop_gradient(jnp.arctan2(input.imag, input.real)), jnp.arctan2(safe.imag, safe.real)
        )
    x = as_float(input)
    return jnp.where(x != x, x, jnp.where(x < 0, jnp.asarray(np.pi, x.dtype), jnp.zeros((), x.dtype)))


def _same_floats(real, imag):
    names = dtype_of(real).alias, dtype_of(imag).alias
    if any(x.dtype not in (jnp.float32, jnp.float64, jnp.float16) for x in (real, imag)):
        raise RustorchRuntimeError(
            f"Expected both inputs to be Half, Float or Double tensors but got {names[0]} and {names[1]}"
        )
    if real.dtype != imag.dtype:
        raise RustorchRuntimeError(
            f"Expected object of scalar type {names[0]} but got scalar type {names[1]} for second argument"
        )
    broadcast_shape(real.shape, imag.shape)


@pointwise(promote=None, inplace=False, method=False, out="exact")
def complex(real, imag):
    """``real + 1j * imag``."""
    _same_floats(real, imag)
    if real.dtype == jnp.float16:
        real, imag = real.astype(jnp.float32), imag.astype(jnp.float32)
    return lax.complex(*jnp.broadcast_arrays(real, imag))


@pointwise(promote=None, inplace=False, method=False, out="exact")
def polar(abs, angle):
    """The complex number of length ``abs`` at ``angle``."""
    _same_floats(abs, angle)
    return lax.complex(*jnp.broadcast_arrays(abs * jnp.cos(angle), abs * jnp.sin(angle)))


@pointwise(promote=None, inplace=False, saves=False, out=False)
def clone(input, *, memory_format=None):
    """A copy."""
    return input


@pointwise(
    promote=None, saves=False, out=False, grad_name=lambda t: "FillBackward1" if t[1] is ARRAY else "FillBackward0"
)
def fill(input, value: Number):
    """A tensor like ``input`` with every element ``value``."""
    if getattr(value, "ndim", 0):
        raise RustorchRuntimeError(
            f"fill only supports 0-dimension value tensor but got tensor with {value.ndim} dimensions."
        )
    return jnp.broadcast_to(cast(value, dtype_of(input)), input.shape)


@pointwise(promote=None, saves=False, out=False, function=False, method=False, inplace=True)
def zero(input):
    """A tensor like ``input`` of zeros."""
    return jnp.zeros_like(input)


@pointwise(promote="float", saves=False, grad_name="Deg2RadBackward0")
def deg2rad(input):
    """Degrees as radians."""
    return input * (np.pi / 180)


@pointwise(promote="float", saves=False, grad_name="Rad2DegBackward0")
def rad2deg(input):
    """Radians as degrees."""
    return input * (180 / np.pi)

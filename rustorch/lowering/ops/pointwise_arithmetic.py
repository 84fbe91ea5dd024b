"""Arithmetic, element by element: sums, products, quotients, remainders, powers, interpolation."""

from __future__ import annotations

import builtins

import jax
import jax.numpy as jnp
from jax import lax

from rustorch import dtypes
from rustorch.dtypes import COMPLEX, FLOATING
from rustorch.errors import RustorchRuntimeError
from rustorch.lowering.ops._common import (
    UnsupportedError,
    cast,
    constant,
    dtype_of,
    is_complex,
    is_float,
    is_inexact,
    magnitude,
    promoted,
    unsupported,
)  # fmt: skip
from rustorch.lowering.promote import is_number, promoting
from rustorch.lowering.table import Number, pointwise
from rustorch.lowering.template import ARRAY


def _scaled(other, alpha):
    """``alpha * other`` in ``other``'s dtype, with PyTorch's checks on ``alpha``."""
    if constant(alpha):
        if alpha == 1 and not isinstance(alpha, bool):
            return other
        kind = dtypes.of_number(alpha).kind
    else:
        kind = dtype_of(alpha).kind
    own = dtype_of(other).kind
    if kind == FLOATING and own < FLOATING:
        raise RustorchRuntimeError("For integral input tensors, argument alpha must not be a floating point number.")
    if kind == COMPLEX and own < COMPLEX:
        raise RustorchRuntimeError("For non-complex input tensors, argument alpha must not be a complex number.")
    if kind == 0 and own != 0:
        raise RustorchRuntimeError("Boolean alpha only supported for Boolean results.")
    return other * cast(alpha, dtype_of(other))


@pointwise(saves=False, numbers=True)
def add(input: Number, other: Number, *, alpha: Number = 1):
    """``input + alpha * other``."""
    return input + _scaled(other, alpha)


@pointwise(saves=False, aliases=("subtract",), numbers=True)
def sub(input: Number, other: Number, *, alpha: Number = 1):
    """``input - alpha * other``."""
    if input.dtype == jnp.bool_:
        raise RustorchRuntimeError(
            "Subtraction, the `-` operator, with two bool tensors is not supported. "
            "Use the `^` or `logical_xor()` operator instead."
        )
    return input - _scaled(other, alpha)


@pointwise(saves=False, inplace=False, grad_name=lambda t: "RsubBackward0" if t[1] is ARRAY else "RsubBackward1")
def rsub(input, other: Number, *, alpha: Number = 1):
    """``other - alpha * input``."""
    if input.dtype == jnp.bool_:
        raise RustorchRuntimeError(
            "Subtraction, the `-` operator, with a bool tensor is not supported. "
            "If you are trying to invert a mask, use the `~` or `logical_not()` operator instead."
        )
    return other - _scaled(input, alpha)


@pointwise(aliases=("multiply",), numbers=True)
def mul(input: Number, other: Number):
    """``input * other``."""
    return input * other


def _div_name(t):
    return "DivBackward2" if len(t) > 2 and t[2] is not None else "DivBackward0"


@pointwise(promote=None, aliases=("divide",), grad_name=_div_name, numbers=True)
def div(input: Number, other: Number, *, rounding_mode=None):
    """``input / other``; ``rounding_mode`` is ``None``, ``"trunc"`` or ``"floor"``."""
    if rounding_mode is None:
        a, b = promoted("float", input, other)
        return a / b
    a, b = promoted("same", input, other)
    if rounding_mode == "floor":
        return _floor_quotient(a, b)
    if rounding_mode != "trunc":
        raise RustorchRuntimeError(
            f"div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '{rounding_mode}'"
        )
    return _toward_zero(a / b) if is_float(a) else lax.div(*jnp.broadcast_arrays(a, b))


@pointwise(promote="float", grad_name="DivBackward0", numbers=True)
def true_divide(input: Number, other: Number):
    """``input / other``, always in floating point."""
    return input / other


def _toward_zero(x):
    return jnp.where(x < 0, jnp.ceil(x), jnp.floor(x))


def _floor_quotient(a, b):
    if a.dtype == jnp.bool_:
        raise unsupported("div_floor", a)
    if not is_float(a):
        return jnp.floor_divide(a, b)
    # Through the remainder, so that the quotient is the floor of the exact one.
    rest = lax.rem(*jnp.broadcast_arrays(a, b))
    q = (a - rest) / b
    q = jnp.where((rest != 0) & ((b < 0) != (rest < 0)), q - 1, q)
    whole = jnp.floor(q)
    whole = jnp.where(q - whole > 0.5, whole + 1, whole)
    whole = jnp.where(q == 0, lax.stop_gradient(jnp.copysign(jnp.zeros_like(q), a / b)), whole)
    return jnp.where(b == 0, lax.stop_gradient(a / b), whole)


@pointwise(
    grad_name="NotImplemented", numbers=True, lacks=(None, "derivative for aten::floor_divide is not implemented")
)
def floor_divide(input: Number, other: Number):
    """The largest whole number not above ``input / other``."""
    return _floor_quotient(input, other)


@pointwise(grad_name=lambda t: "RemainderBackward1" if t[1] is ARRAY else "RemainderBackward0")
def remainder(input: Number, other: Number):
    """``input - other * floor(input / other)``: the sign is the divisor's."""
    return jnp.remainder(input, other)


@pointwise(grad_name=lambda t: "FmodBackward1" if t[1] is ARRAY else "FmodBackward0")
def fmod(input, other: Number):
    """``input - other * trunc(input / other)``: the sign is the dividend's."""
    return lax.rem(*jnp.broadcast_arrays(input, other))


@jax.custom_jvp
def power(base, exponent):
    """``base ** exponent`` of inexact arrays, with PyTorch's derivatives at zero."""
    return lax.pow(*jnp.broadcast_arrays(base, exponent))


@power.defjvp
def _(primals, tangents):
    (x, y), (dx, dy) = primals, tangents
    out = power(x, y)
    flat = y == 0
    by_base = jnp.where(flat, 0, y * power(x, jnp.where(flat, 1, y - 1)))
    edge = (x == 0) & (y.real >= 0)
    by_exponent = jnp.where(edge, 0, out * jnp.log(jnp.where(edge, 1, x)))
    return out, dx * by_base + dy * by_exponent


def _power(base, exponent):
    """``base ** exponent`` for a Python number that is known while tracing."""
    if exponent == 0.5:
        return jnp.sqrt(base)
    if exponent == -0.5 and is_float(base):
        return lax.rsqrt(base)
    if not isinstance(exponent, complex) and exponent == int(exponent) and builtins.abs(exponent) <= 64:
        return lax.integer_pow(base, int(exponent))
    return power(base, jnp.asarray(exponent, base.dtype))


def _pow(input, exponent):
    if constant(exponent) and not isinstance(exponent, bool):
        dtype = dtype_of(promoted("same", input, exponent)[0])
        base = cast(input, dtype)
        if is_inexact(base) and builtins.abs(exponent) < float("inf"):
            return _power(base, exponent)
    base, exponent = promoted("same", input, exponent)
    if is_inexact(base):
        return power(base, exponent)
    positive = jnp.power(base, jnp.maximum(exponent, 0) if base.dtype != jnp.bool_ else exponent)
    if jnp.issubdtype(base.dtype, jnp.unsignedinteger) or base.dtype == jnp.bool_:
        return positive
    # A negative power of an integer is 0, but for 1 and -1.
    odd = jnp.where(exponent % 2 == 0, 1, base).astype(base.dtype)
    return jnp.where(exponent < 0, jnp.where(jnp.abs(base) == 1, odd, 0), positive).astype(base.dtype)


def _pow_name(t):
    return ("PowBackward1" if t[1] is ARRAY else "PowBackward0") if t[0] is ARRAY else "PowBackward2"


@pointwise(promote=None, grad_name=_pow_name)
def pow(input: Number, exponent: Number):
    """``input`` to the power ``exponent``."""
    return _pow(input, exponent)


@pointwise(promote=None, grad_name=_pow_name)
def float_power(input: Number, exponent: Number):
    """``input`` to the power ``exponent``, in double precision."""
    kinds = [dtypes.of_number(x).kind if constant(x) else dtype_of(x).kind for x in (input, exponent)]
    wide = dtypes.complex128 if COMPLEX in kinds else dtypes.float64
    if not is_number(input):
        input = cast(input, wide)
    if not is_number(exponent):
        exponent = cast(exponent, wide)
    return _pow(input, exponent).astype(wide.numpy)


@pointwise(saves=False, aliases=("negative",))
def neg(input):
    """``-input``."""
    if input.dtype == jnp.bool_:
        raise RustorchRuntimeError(
            "Negation, the `-` operator, on a bool tensor is not supported. "
            "If you are trying to invert a mask, use the `~` or `logical_not()` operator instead."
        )
    return -input


@pointwise(promote=None, saves=False, inplace=False)
def positive(input):
    """``input`` itself; raises for bools."""
    if input.dtype == jnp.bool_:
        raise RustorchRuntimeError("The `+` operator, on a bool tensor is not supported.")
    return input


@pointwise(aliases=("absolute",))
def abs(input):
    """The distance from zero, ``|input|``."""
    return magnitude(input)


@pointwise(grad_name="PowBackward0")
def square(input):
    """``input * input``."""
    input = input.astype(jnp.int64) if input.dtype == jnp.bool_ else input
    return input * input


@pointwise(promote="float")
def reciprocal(input):
    """``1 / input``."""
    return 1 / input


@pointwise(promote="float")
def sqrt(input):
    """The square root."""
    return jnp.sqrt(input)


@pointwise(promote="float")
def rsqrt(input):
    """``1 / sqrt(input)``."""
    return 1 / jnp.sqrt(input) if is_complex(input) else lax.rsqrt(input)


@pointwise
def addcmul(input, tensor1, tensor2, *, value: Number = 1):
    """``input + value * tensor1 * tensor2``."""
    return input + _scaled(tensor1 * tensor2, value)


@pointwise
def addcdiv(input, tensor1, tensor2, *, value: Number = 1):
    """``input + value * tensor1 / tensor2``."""
    if not is_inexact(tensor1) and not is_inexact(tensor2):
        raise RustorchRuntimeError(
            "Integer division with addcdiv is no longer supported, and in a future release addcdiv will perform a true "
            "division of tensor1 and tensor2. The historic addcdiv behavior can be implemented as "
            "(input + value * torch.trunc(tensor1 / tensor2)).to(input.dtype) for integer inputs and as "
            "(input + value * tensor1 / tensor2) for float inputs. The future addcdiv behavior is just the latter "
            "implementation: (input + value * tensor1 / tensor2), for all dtypes."
        )
    return input + _scaled(tensor1 / tensor2, value)


def _between(input, end, weight):
    # From the nearer end, so that weight 1 gives ``end`` exactly.
    return jnp.where(jnp.abs(weight) < 0.5, input + weight * (end - input), end - (end - input) * (1 - weight))


_lerped = promoting(_between, "same")


@pointwise(promote=None, grad_name=lambda t: "LerpBackward1" if t[2] is ARRAY else "LerpBackward0")
def lerp(input, end, weight: Number):
    """The point that divides the way from ``input`` to ``end``: ``input + weight * (end - input)``."""
    if not is_inexact(input):
        raise unsupported("lerp_kernel_" + ("scalar" if is_number(weight) else "tensor"), input, "")
    return _lerped(input, end, weight)


def _held(x, edge, inside):
    """``x`` where ``inside``, else ``edge``; NaN stays, but without its gradient, as in PyTorch."""
    nan = (x != x) & (edge == edge)
    return jnp.where(inside, x, jnp.where(nan, lax.stop_gradient(x), edge))


def _below(x, high):
    return _held(x, high, x <= high) if is_float(x) else jnp.minimum(x, high)


def _above(x, low):
    return _held(x, low, x >= low) if is_float(x) else jnp.maximum(x, low)


def _picking(pick, behind):
    """``pick`` of two arrays; ties share the gradient, and both have it where one is NaN, as in PyTorch."""
    run = jax.custom_jvp(pick)

    @run.defjvp
    def _(primals, tangents):
        x, y = primals
        share = jnp.where(x == y, 0.5, 1).astype(x.dtype)
        dx, dy = (t * jnp.where(lost, 0, share) for t, lost in zip(tangents, (behind(x, y), behind(y, x))))
        return run(x, y), dx + dy

    return lambda x, y: (run if is_float(x) else pick)(x, y)


_larger, _smaller = _picking(jnp.maximum, lax.lt), _picking(jnp.minimum, lax.gt)


def _clamp_name(t):
    return "ClampBackward0" if any(x is ARRAY for x in t[1:]) else "ClampBackward1"


def _no_complex(name, x):
    if is_complex(x):
        raise UnsupportedError(f"{name} is not supported for complex types")


@pointwise(aliases=("clip",), grad_name=_clamp_name)
def clamp(input, min: Number = None, max: Number = None):
    """``input`` forced into ``[min, max]``; the gradient passes where it was inside, ends included."""
    if min is None and max is None:
        raise RustorchRuntimeError("torch.clamp: At least one of 'min' or 'max' must not be None")
    _no_complex("clamp", input)
    out = input if min is None else _above(input, min)
    return out if max is None else _below(out, max)


@pointwise(grad_name=lambda t: "ClampMinBackward1" if t[1] is ARRAY else "ClampMinBackward0")
def clamp_min(input, min: Number):
    """``input`` or ``min``, whichever is larger."""
    _no_complex("clamp", input)
    return _above(input, min)


@pointwise(grad_name=lambda t: "ClampMaxBackward1" if t[1] is ARRAY else "ClampMaxBackward0")
def clamp_max(input, max: Number):
    """``input`` or ``max``, whichever is smaller."""
    _no_complex("clamp", input)
    return _below(input, max)


@pointwise(inplace=False)
def maximum(input, other):
    """The larger of the two; ties share the gradient."""
    if is_complex(input):
        raise RustorchRuntimeError("maximum not implemented for complex tensors.")
    return _larger(*jnp.broadcast_arrays(input, other))


@pointwise(inplace=False)
def minimum(input, other):
    """The smaller of the two; ties share the gradient."""
    if is_complex(input):
        raise RustorchRuntimeError("minimum not implemented for complex tensors.")
    return _smaller(*jnp.broadcast_arrays(input, other))


@pointwise(inplace=False)
def fmax(input, other):
    """The larger of the two, or the one that is not NaN."""
    if not is_float(input):
        return jnp.maximum(input, other)
    return jnp.where((input >= other) | (other != other), input, other)


@pointwise(inplace=False)
def fmin(input, other):
    """The smaller of the two, or the one that is not NaN."""
    if not is_float(input):
        return jnp.minimum(input, other)
    return jnp.where((input <= other) | (other != other), input, other)


@pointwise
def gcd(input, other):
    """The greatest common divisor of integers."""
    if is_inexact(input):
        raise unsupported("gcd", input)
    return jnp.gcd(input, other)


@pointwise
def lcm(input, other):
    """The least common multiple of integers."""
    if is_inexact(input):
        raise unsupported("lcm", input)
    return jnp.lcm(input, other)


@pointwise
def hypot(input, other):
    """``sqrt(input**2 + other**2)`` without overflow."""
    a, b = jnp.abs(input), jnp.abs(other)
    big = lax.stop_gradient(jnp.maximum(a, b))
    scale = jnp.where((big == 0) | jnp.isinf(big), 1, big)
    root = scale * jnp.sqrt(jnp.square(input / scale) + jnp.square(other / scale))
    return jnp.where(jnp.isinf(a) | jnp.isinf(b), jnp.asarray(jnp.inf, root.dtype), root)

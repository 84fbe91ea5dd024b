"""Exponentials, logarithms, trigonometric and hyperbolic functions, and the sigmoid family."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from rustorch.lowering.ops._common import is_complex, widened
from rustorch.lowering.platform import on_cpu
from rustorch.lowering.table import Number, pointwise
from rustorch.lowering.template import ARRAY


@pointwise(promote="float")
def exp(input):
    """e to the power of each element."""
    return jnp.exp(input)


@pointwise(promote="float", also=("special",))
def exp2(input):
    """2 to the power of each element."""
    return jnp.exp2(input)


@pointwise(promote="float", also=("special",))
def expm1(input):
    """``exp(input) - 1``, exact for small numbers."""
    return jnp.expm1(input)


@pointwise(promote="float")
def log(input):
    """The natural logarithm."""
    return jnp.log(input)


@pointwise(promote="float")
def log2(input):
    """The logarithm to base 2."""
    return jnp.log2(input)


@pointwise(promote="float")
def log10(input):
    """The logarithm to base 10."""
    return jnp.log10(input)


@pointwise(promote="float", also=("special",), grad_name="Log1PBackward0")
def log1p(input):
    """``log(1 + input)``, exact for small numbers."""
    return jnp.log1p(input)


def _turned(x, quarters: int):
    """``sin(x + quarters * pi / 2)`` in float32, vectorised; XLA calls the C library per element.

    The angle is reduced to [-pi/4, pi/4] in double and the Taylor series taken there: 2 ulp up
    to 1e8, where neighbouring float32 numbers are more than a turn apart.
    """
    wide = x.astype(jnp.float64)
    turns = lax.round(wide * (2 / np.pi), lax.RoundingMethod.TO_NEAREST_EVEN)
    # The bounds only matter past 1e15, where double has no turns left to count.
    r = jnp.clip(wide - turns * (np.pi / 2), -1, 1)
    r = r.astype(jnp.float32)
    quadrant = turns + quarters
    half = jnp.floor(quadrant * 0.5)
    odd = quadrant != 2 * half
    flip = half != 2 * jnp.floor(half * 0.5)
    t = r * r
    sine = r + r * t * (-1 / 6 + t * (1 / 120 + t * (-1 / 5040 + t * (1 / 362880))))
    cosine = 1 + t * (-1 / 2 + t * (1 / 24 + t * (-1 / 720 + t * (1 / 40320 + t * (-1 / 3628800)))))
    out = jnp.where(odd, cosine, sine)
    out = jnp.where(flip, -out, out)
    return out if quarters else jnp.where(x == 0, x, out)  # the sine of -0 is -0


@jax.custom_jvp
def _sin(x):
    return _turned(x, 0)


@jax.custom_jvp
def _cos(x):
    return _turned(x, 1)


_sin.defjvp(lambda p, t: (_sin(p[0]), t[0] * _cos(p[0])))
_cos.defjvp(lambda p, t: (_cos(p[0]), -t[0] * _sin(p[0])))


@pointwise(promote="float")
def sin(input):
    """The sine."""
    return _sin(input) if input.dtype == jnp.float32 and on_cpu() else jnp.sin(input)


@pointwise(promote="float")
def cos(input):
    """The cosine."""
    return _cos(input) if input.dtype == jnp.float32 and on_cpu() else jnp.cos(input)


@pointwise(promote="float")
def tan(input):
    """The tangent."""
    return jnp.tan(input)


@pointwise(promote="float", aliases=("arcsin",))
def asin(input):
    """The angle in [-pi/2, pi/2] whose sine is ``input``."""
    return jnp.arcsin(input)


@pointwise(promote="float", aliases=("arccos",))
def acos(input):
    """The angle in [0, pi] whose cosine is ``input``."""
    return jnp.arccos(input)


@pointwise(promote="float", aliases=("arctan",))
def atan(input):
    """The angle in (-pi/2, pi/2) whose tangent is ``input``."""
    return jnp.arctan(input)


@pointwise(promote="float", aliases=("arctan2",))
def atan2(input, other):
    """The angle of the point ``(other, input)``; the gradient at the origin is 0."""
    y, x = jnp.broadcast_arrays(input, other)
    origin = (x == 0) & (y == 0)
    safe = jnp.arctan2(jnp.where(origin, 0, y), jnp.where(origin, 1, x))
    return jnp.where(origin, lax.stop_gradient(jnp.arctan2(y, x)), safe)


@pointwise(promote="float")
def sinh(input):
    """``(exp(x) - exp(-x)) / 2``."""
    return jnp.sinh(input)


@pointwise(promote="float")
def cosh(input):
    """``(exp(x) + exp(-x)) / 2``."""
    return jnp.cosh(input)


@pointwise(promote="float")
def tanh(input):
    """``sinh(x) / cosh(x)``."""
    return jnp.tanh(input)


@pointwise(promote="float", aliases=("arcsinh",))
def asinh(input):
    """The inverse of ``sinh``."""
    return jnp.arcsinh(input)


@pointwise(promote="float", aliases=("arccosh",))
def acosh(input):
    """The inverse of ``cosh``."""
    # The product of two roots has the branch cut on the real axis below 1; a root of the product has not.
    if is_complex(input):
        return jnp.log(input + jnp.sqrt(input + 1) * jnp.sqrt(input - 1))
    return jnp.arccosh(input)


@jax.custom_jvp
def _atanh(x):
    return jnp.arctanh(x)


_atanh.defjvp(lambda p, t: (_atanh(p[0]), t[0] / (1 - jnp.square(p[0]))))


@pointwise(promote="float", aliases=("arctanh",))
def atanh(input):
    """The inverse of ``tanh``."""
    return _atanh(input)


@pointwise(promote="float")
def sigmoid(input):
    """``1 / (1 + exp(-input))``."""
    if is_complex(input):
        return 1 / (1 + jnp.exp(-input))
    return jax.nn.sigmoid(widened(input)).astype(input.dtype)


@pointwise(promote="float", namespace="special", grad_name="SigmoidBackward0")
def expit(input):
    """``1 / (1 + exp(-input))``."""
    return sigmoid.body(input)


@jax.custom_jvp
def _log_odds(x):
    return jnp.log(x / (1 - x))


_log_odds.defjvp(lambda p, t: (_log_odds(p[0]), t[0] / (p[0] * (1 - p[0]))))


@pointwise(promote="float", also=("special",))
def logit(input, eps: float = None):
    """``log(x / (1 - x))``, with ``x`` first forced into ``[eps, 1 - eps]`` if ``eps`` is given."""
    x = widened(input)
    low, high = (0, 1) if eps is None else (jnp.asarray(eps, x.dtype), 1 - jnp.asarray(eps, x.dtype))
    inside = (x >= low) & (x <= high)
    safe = jnp.where(inside, x, 0.5)
    edge = jnp.nan if eps is None else _log_odds(jnp.where(x < low, low, jnp.where(x > high, high, 0.5)))
    edge = lax.stop_gradient(jnp.where(x != x, jnp.nan, edge))
    return jnp.where(inside, _log_odds(safe), edge).astype(input.dtype)


@pointwise(promote="float", also=("special",))
def sinc(input):
    """``sin(pi x) / (pi x)``, 1 at zero."""
    return jnp.sinc(widened(input)).astype(input.dtype)


def _adding(add, exp):
    """``add`` of two arrays with PyTorch's derivatives, also where one of them is infinite."""
    run = jax.custom_jvp(add)

    @run.defjvp
    def _(primals, tangents):
        (x, y), (dx, dy) = primals, tangents
        return run(x, y), dx / (1 + exp(y - x)) + dy / (1 + exp(x - y))

    return lambda x, y: (add if is_complex(x) else run)(*jnp.broadcast_arrays(x, y))


def log_of_sum(x, y):
    """``jnp.logaddexp``; of complex numbers, from the operand with the larger real part, whose branch it keeps."""
    if not is_complex(x):
        return jnp.logaddexp(x, y)
    first = x.real >= y.real
    big, small = jnp.where(first, x, y), jnp.where(first, y, x)
    endless = jnp.isinf(small.real) & (small.real == big.real)
    near = jnp.where(endless, 0, small - big)
    out = jnp.where(
        endless, jnp.where(small.real < 0, small, jnp.log(jnp.exp(x) + jnp.exp(y))), big + jnp.log1p(jnp.exp(near))
    )
    return jnp.where((x != x) | (y != y), jnp.asarray(complex("nan+nanj"), out.dtype), out)


_logaddexp = _adding(log_of_sum, jnp.exp)
_logaddexp2 = _adding(lambda x, y: (jnp.logaddexp(x * np.log(2), y * np.log(2)) / np.log(2)).astype(x.dtype), jnp.exp2)


@pointwise(inplace=False)
def logaddexp(input, other):
    """``log(exp(input) + exp(other))`` without overflow."""
    return _logaddexp(input, other)


@pointwise(inplace=False)
def logaddexp2(input, other):
    """``log2(2**input + 2**other)`` without overflow."""
    return _logaddexp2(input, other)


def _product_with(log, edge):
    """``x * log(y)``, 0 where ``x`` is 0 (unless ``y`` is NaN), with PyTorch's derivatives; ``log(edge)`` is infinite."""

    @jax.custom_jvp
    def run(x, y):
        none = (x == 0) & (y == y) & ((y <= edge) | jnp.isinf(y))
        return jnp.where(none, 0, x * log(jnp.where(none, 1, y)))

    @run.defjvp
    def _(primals, tangents):
        (x, y), (dx, dy) = primals, tangents
        by_x = jnp.where((x == 0) & (y <= edge), 0, log(y))
        return run(x, y), dx * by_x + dy * (x / (y - edge))

    return lambda x, y: run(*jnp.broadcast_arrays(x, y))


x_log_y, x_log1p_y = _product_with(jnp.log, 0), _product_with(jnp.log1p, -1)


def _xlog1py_name(t):
    return f"SpecialXlog1PyBackward{1 if t[0] is not ARRAY else 0 if t[1] is ARRAY else 2}"


@pointwise(
    promote="float",
    also=("special",),
    grad_name=lambda t: (
        "XlogyBackward1" if t[0] is not ARRAY else "XlogyBackward0" if t[1] is ARRAY else "XlogyBackward2"
    ),
)
def xlogy(input: Number, other: Number):
    """``input * log(other)``, 0 where ``input`` is 0."""
    return x_log_y(input, other)


@pointwise(promote="float", namespace="special", grad_name=_xlog1py_name)
def xlog1py(input: Number, other: Number):
    """``input * log1p(other)``, 0 where ``input`` is 0."""
    return x_log1p_y(input, other)


@jax.custom_jvp
def _entropy(x):
    outside = jnp.where(x == 0, 0, jnp.where(x != x, jnp.nan, -jnp.inf))
    return jnp.where(x > 0, -x * jnp.log(x), outside.astype(x.dtype))


_entropy.defjvp(lambda p, t: (_entropy(p[0]), t[0] * -(1 + jnp.log(p[0]))))


@pointwise(promote="float", namespace="special", grad_name="SpecialEntrBackward0")
def entr(input):
    """``-x log(x)`` for positive numbers, 0 at zero, minus infinity below."""
    return _entropy(input)

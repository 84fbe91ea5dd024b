"""Gamma, error and Bessel functions and their kin (``torch.special``)."""

from __future__ import annotations

import functools
import math

import jax
import jax.numpy as jnp
import jax.scipy.special as jsp
import numpy as np
from jax import lax

from rustorch.errors import RustorchRuntimeError
from rustorch.lowering.kernels.gelu import erf as fast_erf
from rustorch.lowering.ops._common import as_float, is_float, promoted, unsupported, widened
from rustorch.lowering.table import Number, pointwise

_SPECIAL = ("special",)


def _narrow(f, x):
    """``f`` computed in float32 at least, in the dtype of ``x``."""
    if not is_float(x):
        raise unsupported(f.__name__, x)
    return f(widened(x)).astype(x.dtype)


@pointwise(promote="float", also=_SPECIAL)
def erf(input):
    """The error function, ``2/sqrt(pi)`` times the integral of ``exp(-t**2)`` from 0 to x."""
    return _narrow(fast_erf, input)


@pointwise(promote="float", also=_SPECIAL)
def erfc(input):
    """``1 - erf(x)`` without cancellation."""
    return _narrow(lax.erfc, input)


@pointwise(promote="float", also=_SPECIAL)
def erfinv(input):
    """The inverse of ``erf``."""
    return _narrow(lax.erf_inv, input)


@jax.custom_jvp
def _erfcx(x):
    z = x.astype(jnp.float64)
    far = z > 9
    near = jnp.where(far, 0, z)
    direct = jnp.exp(jnp.square(near)) * lax.erfc(near)
    w = jnp.where(far, z, 9.0)
    t = -0.5 / jnp.square(w)
    series = jnp.ones_like(t)
    for k in range(11, 0, -1):  # 1 - 1/(2x^2) (1 - 3/(2x^2) (...)), asymptotic beyond 9
        series = 1 + (2 * k - 1) * t * series
    return jnp.where(far, series / (w * math.sqrt(math.pi)), direct).astype(x.dtype)


@_erfcx.defjvp
def _(primals, tangents):
    (x,), (dx,) = primals, tangents
    y = _erfcx(x)
    return y, dx * (2 * x * y - 2 / math.sqrt(math.pi))


@pointwise(promote="float", namespace="special", grad_name="SpecialErfcxBackward0")
def erfcx(input):
    """``exp(x**2) * erfc(x)``, which stays finite for large x."""
    return _narrow(_erfcx, input)


@pointwise(promote="float", namespace="special", grad_name="MulBackward1")
def ndtr(input):
    """The area below the standard normal density left of x."""
    return _narrow(jsp.ndtr, input)


@pointwise(promote="float", namespace="special", grad_name="SpecialLogNdtrBackward0")
def log_ndtr(input):
    """``log(ndtr(x))``, finite far to the left."""
    return _narrow(jsp.log_ndtr, input)


@pointwise(promote="float", namespace="special", grad_name="SpecialNdtriBackward0")
def ndtri(input):
    """The inverse of ``ndtr``."""
    return _narrow(jsp.ndtri, input)


@jax.custom_jvp
def _lgamma(x):
    return lax.lgamma(x)


_lgamma.defjvp(lambda p, t: (_lgamma(p[0]), t[0] * _digamma(p[0])))


@pointwise(promote="float")
def lgamma(input):
    """The logarithm of the absolute value of the gamma function."""
    return _narrow(_lgamma, input)


@pointwise(promote="float", namespace="special", grad_name="LgammaBackward0")
def gammaln(input):
    """The logarithm of the absolute value of the gamma function."""
    return _narrow(_lgamma, input)


@jax.custom_jvp
def _digamma(x):
    zero = x == 0
    pole = jnp.where(jnp.signbit(x), jnp.inf, -jnp.inf).astype(x.dtype)
    return jnp.where(zero, pole, lax.digamma(jnp.where(zero, 1, x)))


_digamma.defjvp(lambda p, t: (_digamma(p[0]), t[0] * _polygamma_of(1)(p[0])))


def _reflected_polygamma(n, x):
    """The ``n``-th derivative of digamma; ``lax.polygamma`` itself is wrong left of 0.

    ``psi_n(x) = (-1)^n psi_n(1 - x) - pi^(n+1) cot^(n)(pi x)``.
    """
    left = x <= 0
    right = lax.polygamma(jnp.full_like(x, n), jnp.where(left, 1 - x, x))
    return jnp.where(left, (-1) ** n * right - math.pi ** (n + 1) * _cot_slope(n, _cot_pi(x - jnp.round(x))), right)


def _cot_pi(x):
    """``cot(pi x)`` for x from -1/2 to 1/2, exact where it is 0: its polynomials have large coefficients."""
    near = jnp.abs(x) < 0.25
    inner = 1 / jnp.tan(math.pi * jnp.where(near, x, 0.25))
    return jnp.where(near, inner, jnp.sign(x) * jnp.tan(math.pi * (0.5 - jnp.abs(x))))


def _cot_slope(n, c):
    """The ``n``-th derivative of the cotangent, a polynomial in the cotangent ``c`` itself."""
    powers = [0, 1]
    for _ in range(n):  # d p(c) = -p'(c) (1 + c^2)
        slope = [k * p for k, p in enumerate(powers)][1:]
        powers = [-(a + b) for a, b in zip([*slope, 0, 0], [0, 0, *slope])]
    odd = n % 2 == 0
    *rest, out = powers[odd::2]
    for p in reversed(rest):  # all have one sign, so that a pole is infinite
        out = out * c * c + p
    return out * c if odd else out


@pointwise(promote="float", also=_SPECIAL)
def digamma(input):
    """The derivative of ``lgamma``."""
    return _narrow(_digamma, input)


@pointwise(promote="float", namespace="special", grad_name="DigammaBackward0")
def psi(input):
    """The derivative of ``lgamma``."""
    return _narrow(_digamma, input)


@functools.cache
def _polygamma_of(n: int):
    """The ``n``-th derivative of digamma, whose own derivative is the next one."""

    @jax.custom_jvp
    def of(x):
        return _reflected_polygamma(n, x)

    of.defjvp(lambda p, t: (of(p[0]), t[0] * _polygamma_of(n + 1)(p[0])))
    return of


@pointwise(promote=None, also=_SPECIAL, method=False, inplace=False)
def polygamma(n: int, input):
    """The ``n``-th derivative of ``digamma``."""
    if n < 0:
        raise RustorchRuntimeError("polygamma(n, x) does not support negative n.")
    x = as_float(input)
    if n == 0:
        return _narrow(_digamma, x)
    return _narrow(_polygamma_of(n), x)


@pointwise(promote=None)
def mvlgamma(input, p: int):
    """The logarithm of the ``p``-variate gamma function."""
    x = as_float(input)
    return _multi(x, p)


def _multi(x, p):
    wide = widened(x)
    shifts = [_lgamma(wide - 0.5 * j) for j in range(p)]
    out = sum(shifts[1:], shifts[0]) + p * (p - 1) / 4 * math.log(math.pi)
    return out.astype(x.dtype)


@pointwise(promote=None, namespace="special", grad_name="MvlgammaBackward0")
def multigammaln(input, p: int):
    """The logarithm of the ``p``-variate gamma function."""
    return _multi(as_float(input), p)


def _fixed_first(f):
    """``f(a, x)`` without a derivative in ``a``, as in PyTorch."""
    return lambda a, x: f(lax.stop_gradient(a), x)


_NO_IGAMMA, _NO_IGAMMAC, _NO_ZETA = (
    ((0,), f"the derivative for '{name}' is not implemented.") for name in ("igamma: input", "igammac: input", "zeta")
)


@pointwise(promote="float", lacks=_NO_IGAMMA)
def igamma(input, other):
    """The regularised lower incomplete gamma function ``P(input, other)``."""
    return _fixed_first(jsp.gammainc)(*jnp.broadcast_arrays(input, other))


@pointwise(promote="float", lacks=_NO_IGAMMAC)
def igammac(input, other):
    """The regularised upper incomplete gamma function ``Q(input, other)``."""
    return _fixed_first(jsp.gammaincc)(*jnp.broadcast_arrays(input, other))


@pointwise(promote="float", namespace="special", grad_name="IgammaBackward0", lacks=_NO_IGAMMA)
def gammainc(input, other):
    """The regularised lower incomplete gamma function."""
    return igamma.body(input, other)


@pointwise(promote="float", namespace="special", grad_name="IgammacBackward0", lacks=_NO_IGAMMAC)
def gammaincc(input, other):
    """The regularised upper incomplete gamma function."""
    return igammac.body(input, other)


@jax.custom_jvp
def _zeta(x, q):
    pole, complex_ = (q <= 0) & (q == jnp.floor(q)), (q <= 0) & (x != jnp.floor(x))
    edge = jnp.where(x < 1, jnp.nan, jnp.where((x == 1) | pole, jnp.inf, jnp.nan)).astype(x.dtype)
    return jnp.where((x <= 1) | pole | complex_, edge, lax.zeta(x, q))


@_zeta.defjvp
def _(p, t):
    x, q = p  # PyTorch has no derivative in x either
    return _zeta(x, q), t[1] * -x * _zeta(x + 1, q)


@pointwise(promote="float", namespace="special", grad_name="SpecialZetaBackward0", lacks=_NO_ZETA)
def zeta(input: Number, other: Number):
    """The Hurwitz zeta function, ``sum over k of (other + k) ** -input``."""
    x, q = jnp.broadcast_arrays(input, other)
    return _narrow(lambda z: _zeta(lax.stop_gradient(x).astype(z.dtype), z), q)


def _i0(x):
    return jnp.exp(jnp.abs(x)) * lax.bessel_i0e(x)


def _i1(x):
    return jnp.exp(jnp.abs(x)) * lax.bessel_i1e(x)


# Derivatives in closed form: those of the scaled forms cancel badly, and at 0 the general
# formula divides by zero.
_i0 = jax.custom_jvp(_i0)
_i1 = jax.custom_jvp(_i1)
_i0e = jax.custom_jvp(lambda x: lax.bessel_i0e(x))
_i1e = jax.custom_jvp(lambda x: lax.bessel_i1e(x))


def _ratio(y, x):
    """``y / x``, with its limit 1/2 at zero."""
    zero = x == 0
    return jnp.where(zero, 0.5, y / jnp.where(zero, 1, x))


@_i0.defjvp
def _(p, t):
    return _i0(p[0]), t[0] * _i1(p[0])


@_i1.defjvp
def _(p, t):
    y = _i1(p[0])
    return y, t[0] * (_i0(p[0]) - _ratio(y, p[0]))


@_i0e.defjvp
def _(p, t):
    y = _i0e(p[0])
    return y, t[0] * (_i1e(p[0]) - jnp.sign(p[0]) * y)


@_i1e.defjvp
def _(p, t):
    y = _i1e(p[0])
    return y, t[0] * (_i0e(p[0]) - _ratio(y, p[0]) - jnp.sign(p[0]) * y)


@pointwise(promote="float", also=_SPECIAL)
def i0(input):
    """The modified Bessel function of the first kind, order 0."""
    return _narrow(_i0, input)


@pointwise(promote="float", namespace="special", grad_name="SpecialI1Backward0")
def i1(input):
    """The modified Bessel function of the first kind, order 1."""
    return _narrow(_i1, input)


@pointwise(promote="float", namespace="special", grad_name="SpecialI0EBackward0")
def i0e(input):
    """``exp(-|x|) i0(x)``."""
    return _narrow(_i0e, input)


@pointwise(promote="float", namespace="special", grad_name="SpecialI1EBackward0")
def i1e(input):
    """``exp(-|x|) i1(x)``."""
    return _narrow(_i1e, input)


@pointwise(promote="float", namespace="special", name="modified_bessel_i0", differentiable=False)
def _modified_i0(input):
    """The modified Bessel function of the first kind, order 0."""
    return _narrow(_i0, input)


@pointwise(promote="float", namespace="special", name="modified_bessel_i1", differentiable=False)
def _modified_i1(input):
    """The modified Bessel function of the first kind, order 1."""
    return _narrow(_i1, input)


@pointwise(promote="float", namespace="special", differentiable=False)
def spherical_bessel_j0(input):
    """``sin(x) / x``, 1 at zero."""
    return _narrow(lambda x: jnp.sinc(x / np.pi), input)


def _recurrence(name, doc, first, step):
    """An orthogonal polynomial of degree ``n`` in ``x`` by its three-term recurrence."""

    def body(input: Number, n: Number):
        x, n = promoted("float", input, n)
        wide = widened(x)
        x_, degree = jnp.broadcast_arrays(wide, jnp.trunc(widened(n)))
        top = jnp.max(degree, initial=0).astype(jnp.int32)

        def advance(state):
            k, before, now = state
            after = step(k.astype(wide.dtype), x_, now, before)
            going = degree > k
            return k + 1, jnp.where(going, now, before), jnp.where(going, after, now)

        one = jnp.ones_like(x_)
        # Degree 0 is 1, degree 1 is `first(x)`; each round goes one degree up where it must.
        state = (jnp.int32(1), one, jnp.where(degree >= 1, first(x_), one))
        out = lax.while_loop(lambda s: s[0] < top, advance, state)[2]
        return jnp.where(degree < 0, 0, out).astype(x.dtype)

    body.__name__, body.__doc__ = name, doc
    return pointwise(body, promote=None, namespace="special", differentiable=False)


def _double(k, x, now, before):
    return 2 * x * now - before


def _shifted(k, x, now, before):
    return 2 * (2 * x - 1) * now - before


chebyshev_polynomial_t = _recurrence(
    "chebyshev_polynomial_t", "The Chebyshev polynomial of the first kind.", lambda x: x, _double
)
chebyshev_polynomial_u = _recurrence(
    "chebyshev_polynomial_u", "The Chebyshev polynomial of the second kind.", lambda x: 2 * x, _double
)
chebyshev_polynomial_v = _recurrence(
    "chebyshev_polynomial_v", "The Chebyshev polynomial of the third kind.", lambda x: 2 * x - 1, _double
)
chebyshev_polynomial_w = _recurrence(
    "chebyshev_polynomial_w", "The Chebyshev polynomial of the fourth kind.", lambda x: 2 * x + 1, _double
)
for _letter, _slope, _offset in (("t", 1, 0), ("u", 2, 0), ("v", 2, -1), ("w", 2, 1)):
    _recurrence(
        f"shifted_chebyshev_polynomial_{_letter}",
        f"``chebyshev_polynomial_{_letter}`` at ``2 x - 1``.",
        lambda x, a=_slope, b=_offset: a * (2 * x - 1) + b,
        _shifted,
    )
hermite_polynomial_h = _recurrence(
    "hermite_polynomial_h",
    "The physicists' Hermite polynomial.",
    lambda x: 2 * x,
    lambda k, x, now, before: 2 * (x * now - k * before),
)
hermite_polynomial_he = _recurrence(
    "hermite_polynomial_he",
    "The probabilists' Hermite polynomial.",
    lambda x: x,
    lambda k, x, now, before: x * now - k * before,
)
laguerre_polynomial_l = _recurrence(
    "laguerre_polynomial_l", "The Laguerre polynomial.", lambda x: 1 - x,
    lambda k, x, now, before: ((2 * k + 1 - x) * now - k * before) / (k + 1),
)  # fmt: skip
legendre_polynomial_p = _recurrence(
    "legendre_polynomial_p", "The Legendre polynomial.", lambda x: x,
    lambda k, x, now, before: ((2 * k + 1) * x * now - k * before) / (k + 1),
)  # fmt: skip

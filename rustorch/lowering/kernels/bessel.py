"""Bessel functions and Airy's Ai as Chebyshev series in float64.

Each function is taken apart into factors that XLA has (cosines, logarithms, exponentials, I0 and I1) and smooth
ones. A smooth factor is a Chebyshev series whose coefficients are made once, on first use, from SciPy's values at
the Chebyshev points: no table is kept here. The parts, with the splitting points, are the classical ones
(Abramowitz and Stegun, 9.1 to 9.8 and 10.4).
"""

from __future__ import annotations

import functools
import math

import jax.numpy as jnp
import numpy as np
from jax import lax

from rustorch.later import Later

host = Later("scipy.special")

_SMALL = 8.0  # J and Y: a series in x² up to here, amplitude and phase beyond
_AIRY = 4.0  # Ai: a series in x between -4 and 4


def _fit(f, low: float, high: float, terms: int) -> np.ndarray:
    """Chebyshev coefficients of ``f`` on [low, high]."""
    angle = math.pi * (np.arange(4 * terms) + 0.5) / (4 * terms)
    values = f((high - low) / 2 * np.cos(angle) + (high + low) / 2)
    out = np.cos(np.arange(terms)[:, None] * angle) @ values * 2 / (4 * terms)
    out[0] /= 2
    return out


def _series(coefficients, x, low, high):
    """The value of a Chebyshev series (Clenshaw's recurrence)."""
    t = (2 * x - (high + low)) / (high - low)
    after = before = jnp.zeros_like(t)
    for c in coefficients[:0:-1]:
        after, before = 2 * t * after - before + c, after
    return t * after - before + coefficients[0]


@functools.cache
def _near(name: str) -> np.ndarray:
    """The smooth part near 0, a series in x²: up to 8 for J and Y, up to 2 for K."""
    part = {
        "j0": host.j0,
        "j1": lambda x: host.j1(x) / x,
        "y0": lambda x: host.y0(x) - 2 / math.pi * np.log(x) * host.j0(x),
        "y1": lambda x: (host.y1(x) - 2 / math.pi * (np.log(x) * host.j1(x) - 1 / x)) / x,
        "k0": lambda x: host.k0(x) + np.log(x / 2) * host.i0(x),
        "k1": lambda x: x * (host.k1(x) - np.log(x / 2) * host.i1(x)),
    }[name]
    end = 2.0 if name[0] == "k" else _SMALL
    return _fit(lambda s: part(np.sqrt(s)), 0.0, end * end, 30)


@functools.cache
def _waves(order: int):
    """P and Q of ``sqrt(2 / (pi x)) (P cos(c) - Q sin(c))``, series in 1/x²; Q without its factor 1/x."""
    j, y, turn = (host.j0, host.y0, 0.25) if order == 0 else (host.j1, host.y1, 0.75)

    def parts(s):
        x = 1 / np.sqrt(s)
        c, scale = x - turn * math.pi, np.sqrt(math.pi * x / 2)
        return scale * (j(x) * np.cos(c) + y(x) * np.sin(c)), scale * (y(x) * np.cos(c) - j(x) * np.sin(c)) * x

    return tuple(_fit(lambda s, i=i: parts(s)[i], 0.0, _SMALL**-2, 24) for i in (0, 1))


def _wave(x, order: int, second: bool):
    """J (or Y, its quarter turn) for x beyond 8."""
    p, q = (_series(c, 1 / (x * x), 0.0, _SMALL**-2) for c in _waves(order))
    c, q = x - (0.25 if order == 0 else 0.75) * math.pi, q / x
    turned = p * jnp.sin(c) + q * jnp.cos(c) if second else p * jnp.cos(c) - q * jnp.sin(c)
    return turned * jnp.sqrt(2 / (math.pi * x))


def _split(x, low):
    """``x`` held in each half of a function's range, so that neither side meets values not its own."""
    return jnp.where(x <= low, x, low), jnp.where(x > low, x, 2 * low)


def j0(x):
    """The Bessel function of the first kind, order 0."""
    x = jnp.abs(x)
    near, far = _split(x, _SMALL)
    return jnp.where(x > _SMALL, _wave(far, 0, False), _series(_near("j0"), near * near, 0.0, _SMALL**2)) + 0 * x


def j1(x):
    """The Bessel function of the first kind, order 1."""
    size = jnp.abs(x)
    near, far = _split(size, _SMALL)
    inner = near * _series(_near("j1"), near * near, 0.0, _SMALL**2)
    return jnp.sign(x) * (jnp.where(size > _SMALL, _wave(far, 1, False), inner) + 0 * size)


def _positive(x, value, pole):
    """``value`` for x > 0, the pole at 0, NaN left of it."""
    return jnp.where(x > 0, value, jnp.where(x == 0, pole, jnp.nan))


def y0(x):
    """The Bessel function of the second kind, order 0."""
    near, far = _split(jnp.where(x > 0, x, 1.0), _SMALL)
    inner = _series(_near("y0"), near * near, 0.0, _SMALL**2) + 2 / math.pi * jnp.log(near) * j0(near)
    return _positive(x, jnp.where(x > _SMALL, _wave(far, 0, True), inner), -jnp.inf)


def y1(x):
    """The Bessel function of the second kind, order 1."""
    near, far = _split(jnp.where(x > 0, x, 1.0), _SMALL)
    inner = near * _series(_near("y1"), near * near, 0.0, _SMALL**2)
    inner = inner + 2 / math.pi * (jnp.log(near) * j1(near) - 1 / near)
    return _positive(x, jnp.where(x > _SMALL, _wave(far, 1, True), inner), -jnp.inf)


@functools.cache
def _tail(order: int) -> np.ndarray:
    """``sqrt(x) exp(x) K(x)`` beyond 2, a series in 1/x."""
    k = host.k0e if order == 0 else host.k1e
    return _fit(lambda s: k(1 / s) / np.sqrt(s), 0.0, 0.5, 40)


def _k(x, order: int, scaled: bool):
    near, far = _split(jnp.where(x > 0, x, 1.0), 2.0)
    smooth = _series(_near(f"k{order}"), near * near, 0.0, 4.0)
    if order == 0:
        inner = smooth - jnp.log(near / 2) * jnp.exp(near) * lax.bessel_i0e(near)
    else:
        inner = smooth / near + jnp.log(near / 2) * jnp.exp(near) * lax.bessel_i1e(near)
    outer = _series(_tail(order), 1 / far, 0.0, 0.5) / jnp.sqrt(far)
    inner, outer = (inner * jnp.exp(near), outer) if scaled else (inner, outer * jnp.exp(-far))
    return _positive(x, jnp.where(x > 2, outer, inner), jnp.inf)


def k0(x):
    """The modified Bessel function of the second kind, order 0."""
    return _k(x, 0, False)


def k1(x):
    """The modified Bessel function of the second kind, order 1."""
    return _k(x, 1, False)


def k0e(x):
    """``exp(x) k0(x)``."""
    return _k(x, 0, True)


def k1e(x):
    """``exp(x) k1(x)``."""
    return _k(x, 1, True)


@functools.cache
def _airy_parts():
    """Ai between -4 and 4, its decay beyond, and the two waves before, series in 1/zeta = 3 / (2 |x|^1.5)."""
    end = 1.5 * _AIRY**-1.5

    def size(s):
        return (1.5 / s) ** (2 / 3)

    def decay(s):
        x = size(s)
        return host.airye(x)[0] * x**0.25

    def wave(s, first):
        x = size(s)
        ai, _, bi, _ = host.airy(-x)
        c = 1 / s + math.pi / 4
        turned = ai * np.sin(c) + bi * np.cos(c) if first else bi * np.sin(c) - ai * np.cos(c)
        return turned * x**0.25

    return (
        _fit(lambda x: host.airy(x)[0], -_AIRY, _AIRY, 50),
        _fit(decay, 0.0, end, 30),
        _fit(lambda s: wave(s, True), 0.0, end, 30),
        _fit(lambda s: wave(s, False), 0.0, end, 30),
    )


def airy_ai(x):
    """Airy's function Ai, the solution of ``y'' = x y`` that decays on the right."""
    middle, decay, f, g = _airy_parts()
    end = 1.5 * _AIRY**-1.5
    size = jnp.where(jnp.abs(x) > _AIRY, jnp.abs(x), 2 * _AIRY)
    size = jnp.where(jnp.isinf(size), 2 * _AIRY, size)
    zeta = 2 / 3 * size * jnp.sqrt(size)
    root, c = size**-0.25, zeta + math.pi / 4
    right = _series(decay, 1 / zeta, 0.0, end) * root * jnp.exp(-zeta)
    left = root * (_series(f, 1 / zeta, 0.0, end) * jnp.sin(c) - _series(g, 1 / zeta, 0.0, end) * jnp.cos(c))
    inner = _series(middle, jnp.clip(x, -_AIRY, _AIRY), -_AIRY, _AIRY)
    out = jnp.where(x > _AIRY, right, jnp.where(x < -_AIRY, left, inner))
    return jnp.where(jnp.isfinite(x), out, jnp.nan)

"""Taylor mode: the coefficients of a function along a curve, by one rule per JAX primitive.

A value is a list ``[x0, x1, …, xn]``, the coefficients of ``x(t) = x0 + x1 t + … + xn tⁿ``; ``None`` stands for a
zero. The rules are the classical recurrences (Griewank & Walther 2008, "Evaluating Derivatives", chapter 13),
so the cost is that of ``n²/2`` evaluations at most, and less where coefficients are zero.
"""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
from jax.extend.core import Literal

from rustorch.lowering.primitives import CALLS, ELEMENTWISE


def taylor(f, curves, order: int) -> list:
    """The curves of ``f``'s results (a list of lists), given those of its arguments.

    ``f`` takes arrays and gives one or a tuple of them; a curve's first entry is the value there.
    """
    closed = jax.make_jaxpr(f)(*[c[0] for c in curves])
    return _walk(closed.jaxpr, closed.consts, curves, order)


def _walk(jaxpr, consts, curves, order: int) -> list:
    nothing = [None] * order
    known = {v: [c, *nothing] for v, c in zip(jaxpr.constvars, consts)}
    known.update(zip(jaxpr.invars, curves))

    def read(v):
        return [v.val, *nothing] if isinstance(v, Literal) else known[v]

    for eqn in jaxpr.eqns:
        given = [read(v) for v in eqn.invars]
        known.update(zip(eqn.outvars, _through(eqn, given, order)))
    return [read(v) for v in jaxpr.outvars]


def moves(curve) -> bool:
    """Is any coefficient beyond the value not zero?"""
    return any(c is not None for c in curve[1:])


def _through(eqn, given, order: int) -> list:
    name, params = eqn.primitive.name, eqn.params
    moving = [i for i, c in enumerate(given) if moves(c)]
    if name in CALLS and moving:
        inner = params[CALLS[name]]
        return _walk(getattr(inner, "jaxpr", inner), getattr(inner, "consts", ()), given, order)

    def bind(*arrays):
        with eqn.ctx.manager:
            return eqn.primitive.bind(*arrays, **eqn.primitive.get_bind_params(params))

    value = bind(*[c[0] for c in given])
    many = eqn.primitive.multiple_results
    flat = list(value) if many else [value]
    if (
        not moving
        or not any(jnp.issubdtype(v.dtype, jnp.inexact) for v in flat)
        or (name in _CONSTANT and not jnp.iscomplexobj(flat[0]))
    ):
        return [[v, *[None] * order] for v in flat]
    if name in _LINEAR and set(moving) <= set(_places(name, given)):
        parts = _linear(bind, given, _places(name, given), order, many)
    elif name in _BILINEAR and set(moving) <= {0, 1}:
        parts = [_product(bind, given[0], given[1], order)]
    elif name in _RULES:
        parts = [_RULES[name](value, given, order, params)]
    elif name in ELEMENTWISE and not many:
        parts = [_elementwise(bind, given, moving, order)]
    else:
        return _nested(bind, given, moving, order, many)
    return [[v, *(p if jnp.issubdtype(v.dtype, jnp.inexact) else [None] * order)] for v, p in zip(flat, parts)]


# --- sums and products of curves ---------------------------------------------------------------


def _add(a, b):
    return b if a is None else a if b is None else a + b


def _times(a, b):
    return None if a is None or b is None else a * b


def _scaled(a, factor):
    return a if a is None or factor == 1 else a * factor


def _convolved(a, b, k: int, first: int = 0, last: int | None = None, mul=_times):
    """``Σ a[j] b[k-j]`` over ``first ≤ j ≤ last`` (k)."""
    total = None
    for j in range(first, (k if last is None else last) + 1):
        total = _add(total, mul(a[j], b[k - j]))
    return total


def _integrated(x, slope, k: int):
    """Coefficient ``k`` of ``∫ slope(t) x'(t) dt``: ``1/k Σ j x[j] slope[k-j]``."""
    total = None
    for j in range(1, k + 1):
        total = _add(total, _times(_scaled(x[j], j), slope[k - j]))
    return None if total is None else total / k


def _product(bind, a, b, order: int) -> list:
    def mul(x, y):
        return None if x is None or y is None else bind(x, y)

    return [_convolved(a, b, k, mul=mul) for k in range(1, order + 1)]


def multiply(a, b, order: int) -> list:
    """The product of two curves, with its value."""
    return [_convolved(a, b, k) for k in range(order + 1)]


# --- rules: from (value, curves of the operands) to the coefficients 1..order --------------------


def _places(name: str, given):
    """Which operands an operation is linear in, together."""
    where = _LINEAR[name]
    return range(where, len(given)) if isinstance(where, int) else where


def _linear(bind, given, places, order: int, many: bool) -> list:
    found = []
    for k in range(1, order + 1):
        if all(given[i][k] is None for i in places):
            found.append(None)
            continue
        arrays = [c[0] for c in given]
        for i in places:
            arrays[i] = jnp.zeros_like(given[i][0]) if given[i][k] is None else given[i][k]
        out = bind(*arrays)
        found.append(list(out) if many else [out])
    results = next(len(f) for f in found if f is not None)
    return [[None if f is None else f[i] for f in found] for i in range(results)]


def _elementwise(bind, given, moving, order: int) -> list:
    """Any operation on elements: its partial derivatives' curves, multiplied by the operands' slopes."""
    total = [None] * order
    for i in moving:

        def partial(*arrays, i=i):
            return jax.jvp(lambda x: bind(*arrays[:i], x, *arrays[i + 1 :]), (arrays[i],), (jnp.ones_like(arrays[i]),))[
                1
            ]

        (slope,) = taylor(partial, [c[:order] for c in given], order - 1)
        total = [_add(t, _integrated(given[i], slope, k)) for k, t in enumerate(total, 1)]
    return total


def _recurrence(slope):
    """A rule for ``y' = slope(y) x'``; ``slope(y, k)`` gives coefficient ``k`` from ``y[0..k]``."""

    def rule(value, given, order, params):
        y, slopes = [value], []
        for k in range(1, order + 1):
            slopes.append(slope(y, k - 1))
            y.append(_integrated(given[0], slopes, k))
        return y[1:]

    return rule


def _minus(a):
    return None if a is None else -a


def _tanh_slope(y, k):
    square = _convolved(y, y, k)
    return 1 - square if k == 0 else _minus(square)


def _logistic_slope(y, k):
    return _add(y[k], _minus(_convolved(y, y, k)))


def _pair(sign: int, of_value):
    """A rule for ``f`` with ``f' = g x'``, ``g' = sign f x'``: sin, cos, sinh, cosh."""

    def rule(value, given, order, params):
        x, f, g = given[0], [value], [of_value(given[0][0])]
        for k in range(1, order + 1):
            new_f, new_g = _integrated(x, g, k), _integrated(x, f, k)
            f.append(new_f)
            g.append(new_g if sign > 0 else _minus(new_g))
        return f[1:]

    return rule


def _div(value, given, order, params):
    a, b = given
    q = [value]
    for k in range(1, order + 1):
        top = _add(a[k], _minus(_convolved(b, q, k, first=1)))
        q.append(None if top is None else top / b[0])
    return q[1:]


def _log(value, given, order, params):
    x, y = given[0], [value]
    for k in range(1, order + 1):
        rest = None
        for j in range(1, k):
            rest = _add(rest, _times(_scaled(y[j], j), x[k - j]))
        top = _add(x[k], None if rest is None else -rest / k)
        y.append(None if top is None else top / x[0])
    return y[1:]


def _sqrt(value, given, order, params):
    x, y = given[0], [value]
    for k in range(1, order + 1):
        top = _add(x[k], _minus(_convolved(y, y, k, 1, k - 1)))
        y.append(None if top is None else top / (2 * y[0]))
    return y[1:]


def _square(value, given, order, params):
    return multiply(given[0], given[0], order)[1:]


def _integer_pow(value, given, order, params):
    n = params["y"]
    if n < 0:
        positive = [given[0][0] ** -n, *_integer_pow(None, given, order, {"y": -n})]
        return _div(value, ([jnp.ones_like(value), *[None] * order], positive), order, params)
    out, base = None, given[0]
    while n:
        if n & 1:
            out = base if out is None else multiply(out, base, order)
        n >>= 1
        base = multiply(base, base, order) if n else base
    return out[1:] if out is not None else [None] * order


def _pow(value, given, order, params):
    x, c = given
    if moves(c):
        product = multiply([jnp.log(x[0]), *_log(jnp.log(x[0]), [x], order, {})], c, order)
        return _recurrence(lambda y, k: y[k])(value, [product], order, {})
    # Σ binomial(c, m) x0^(c-m) (x - x0)^m: also right at x0 = 0, where a recurrence would divide by it.
    beyond, power, factor = [None, *x[1:]], [jnp.ones_like(x[0]), *[None] * order], 1.0
    total = [None] * (order + 1)
    for m in range(1, order + 1):
        factor = factor * (c[0] - (m - 1)) / m
        at = jnp.where(factor == 0, 0, factor * x[0] ** jnp.where(factor == 0, 1, c[0] - m))
        power = multiply(power, beyond, order)
        total = [_add(t, _times(p, at.astype(x[0].dtype))) for t, p in zip(total, power)]
    return total[1:]


def _abs(value, given, order, params):
    x = given[0]
    if not jnp.iscomplexobj(x[0]):
        return [_times(c, jnp.sign(x[0])) for c in x[1:]]
    parts = [[None if c is None else part(c) for c in x] for part in (jnp.real, jnp.imag)]
    square = [_add(a, b) for a, b in zip(*[multiply(p, p, order) for p in parts])]
    return _sqrt(value, [square], order, params)


def _extreme(value, given, order, params):
    """max and min of two: the one that wins; half of each at a tie."""
    a, b = given
    first, second = a[0] == value, b[0] == value
    share = jnp.where(first & second, 0.5, first).astype(value.dtype)
    return [_add(_times(x, share), _times(y, 1 - share)) for x, y in zip(a[1:], b[1:])]


def _clamp(value, given, order, params):
    low, x, high = given
    inside = ((x[0] > low[0]) & (x[0] < high[0])).astype(value.dtype)
    below, above = (x[0] <= low[0]).astype(value.dtype), (x[0] >= high[0]).astype(value.dtype)
    return [
        _add(_times(m, inside), _add(_times(lo, below), _times(hi, above)))
        for lo, m, hi in zip(low[1:], x[1:], high[1:])
    ]


def _reduce_extreme(value, given, order, params):
    axes = tuple(params["axes"])
    hit = (given[0][0] == jnp.expand_dims(value, axes)).astype(value.dtype)
    share = hit / hit.sum(axes, keepdims=True)
    return [None if c is None else (c * share).sum(axes) for c in given[0][1:]]


def _nested(bind, given, moving, order: int, many: bool) -> list:
    """No rule: differentiate ``order`` times with respect to the curve's parameter."""
    kind = jnp.result_type(*[given[i][0] for i in moving])
    kind = jnp.finfo(kind).dtype

    def at(t):
        arrays = [c[0] for c in given]
        for i in moving:
            arrays[i] = arrays[i] + sum(
                c * (t**k).astype(c.dtype) for k, c in enumerate(given[i][1:], 1) if c is not None
            )
        out = bind(*arrays)
        return tuple(out) if many else (out,)

    zero, current, found = jnp.zeros((), kind), at, [at(jnp.zeros((), kind))]
    for k in range(1, order + 1):
        current = _slope(current)
        found.append([_coefficient(d, k) for d in current(zero)])
    return [list(each) for each in zip(*found)]


def _slope(f):
    return lambda t: jax.jvp(f, (t,), (jnp.ones_like(t),))[1]


def _coefficient(derivative, k: int):
    return None if derivative.dtype == jax.dtypes.float0 else derivative / math.factorial(k)


_CONSTANT = frozenset("sign floor ceil round is_finite stop_gradient nextafter".split())
_BILINEAR = frozenset("mul dot_general conv_general_dilated".split())
# The operands an operation is linear in: from a position on, or a tuple of positions.
_LINEAR = {
    **dict.fromkeys("add sub add_any concatenate complex neg optimization_barrier".split(), 0),
    **dict.fromkeys(
        """broadcast_in_dim conj convert_element_type copy copy_p cumsum expand_dims fft gather imag real reduce_precision
        reduce_sum reduce_window_sum reshape rev slice split squeeze transpose dynamic_slice div""".split(), (0,)
    ),
    "dynamic_update_slice": (0, 1), "pad": (0, 1), "scatter-add": (0, 2), "scatter": (0, 2), "select_n": 1,
}  # fmt: skip
_RULES = {
    "abs": _abs, "clamp": _clamp, "cos": _pair(-1, lambda x: -jnp.sin(x)), "cosh": _pair(1, jnp.sinh), "div": _div,
    "exp": _recurrence(lambda y, k: y[k]), "integer_pow": _integer_pow, "log": _log,
    "logistic": _recurrence(_logistic_slope), "max": _extreme, "min": _extreme, "pow": _pow,
    "reduce_max": _reduce_extreme, "reduce_min": _reduce_extreme, "sin": _pair(-1, jnp.cos),
    "sinh": _pair(1, jnp.cosh), "sqrt": _sqrt, "square": _square, "tanh": _recurrence(_tanh_slope),
}  # fmt: skip

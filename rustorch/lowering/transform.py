"""Nodes that stand for another node under a transform: its tangent, or itself over a batch.

``sig.extra`` names the forward ``Sig``; the transform of a graph is the transform of each of its nodes, so
transforms nest, and their nodes are differentiated and compiled like any other.
"""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
from jax.experimental.jet import jet


def moving(lower, forward, active, arrays, numbers):
    """A node as a function of its ``active`` inputs, their values, and the arrays behind its inputs."""
    n = len(forward.inputs)
    fixed = list(arrays[:n])
    where = [i for i, a in enumerate(active) if a]

    def f(*wanted):
        for i, w in zip(where, wanted):
            fixed[i] = w
        return lower(forward, fixed, numbers)

    return f, tuple(arrays[i] for i in where), arrays[n:]


def jvp(lower, sig, arrays, numbers):
    """The tangent(s) of a node: ``extra`` is ``(forward, which inputs have a tangent)``.

    ``arrays`` are the forward inputs, then the tangents that are given. Results that are not floating
    have tangent zero.
    """
    forward, active = sig.extra
    f, primals, tangents = moving(lower, forward, active, arrays, numbers)
    out, tangent = jax.jvp(f, primals, tuple(t.astype(p.dtype) for t, p in zip(tangents, primals)))
    if not isinstance(out, (tuple, list)):
        return _plain(out, tangent)
    return tuple(_plain(o, t) for o, t in zip(out, tangent))


def _plain(out, tangent):
    return jnp.zeros_like(out) if tangent.dtype == jax.dtypes.float0 else tangent


def series(lower, sig, arrays, numbers):
    """The derivatives of a node along a curve: ``extra`` is ``(forward, which inputs move, order)``.

    ``arrays`` are the forward inputs, then, for each that moves, its derivatives of order 1 to ``order``.
    The result has, for each result of the node, its derivatives. Taylor mode where JAX has the rule
    (``jax.experimental.jet``), nested forward mode where it has not.
    """
    forward, active, order = sig.extra
    f, primals, rest = moving(lower, forward, active, arrays, numbers)
    curves = tuple(tuple(rest[k * order : (k + 1) * order]) for k in range(len(primals)))
    try:
        out, found = jet(f, primals, curves)
    except (NotImplementedError, KeyError, TypeError, AttributeError):
        out, found = _nested(f, primals, curves, order)
    if not isinstance(out, (tuple, list)):
        out, found = (out,), (found,)
    return tuple(jnp.broadcast_to(jnp.asarray(d, o.dtype), o.shape) for o, each in zip(out, found) for d in each)


def _nested(f, primals, curves, order):
    """Derivatives along the curve by differentiating ``order`` times with respect to its parameter."""
    kind = jnp.result_type(*primals).type(0).real.dtype

    def at(t):
        return f(*[
            x + sum((d * (t**k / math.factorial(k)).astype(d.dtype) for k, d in enumerate(each, 1)), 0)
            for x, each in zip(primals, curves)
        ])  # fmt: skip

    zero, found, current = jnp.zeros((), kind), [], at
    out = at(zero)
    for _ in range(order):
        current = _slope(current)
        found.append(current(zero))
    single = not isinstance(out, (tuple, list))
    return out, tuple(found) if single else tuple(zip(*found))


def _slope(f):
    return lambda t: jax.jvp(f, (t,), (jnp.ones_like(t),))[1]


def vmap(lower, sig, arrays, numbers):
    """A node over a batch: ``extra`` is ``(forward, which inputs are batched, batch size)``; batches lead."""
    forward, batched, size = sig.extra
    axes = tuple(0 if b else None for b in batched)
    return jax.vmap(lambda *a: lower(forward, a, numbers), in_axes=axes, axis_size=size)(*arrays)


def vmap_vjp(lower_vjp, vjp_sig_of, sig, arrays, numbers):
    """The gradient of a batched node: the batched gradient of the node, so that its own rule serves.

    Inputs that were shared get the sum over the batch.
    """
    batched_sig, needs, given, uses_output = sig.extra
    forward, batched, size = batched_sig.extra
    inner = vjp_sig_of(forward, needs, given, uses_output)
    axes = tuple(0 if b else None for b in batched) + (0,) * (len(arrays) - len(batched))
    grads = jax.vmap(lambda *a: lower_vjp(inner, a, numbers), in_axes=axes, axis_size=size)(*arrays)
    bare = not isinstance(grads, tuple)
    grads = (grads,) if bare else grads
    wanted = [b for b, need in zip(batched, needs) if need]
    grads = tuple(g if b else g.sum(0).astype(g.dtype) for g, b in zip(grads, wanted))
    return grads[0] if bare else grads

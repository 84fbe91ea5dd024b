"""Nodes that stand for another node under a transform: its tangent, or itself over a batch.

``sig.extra`` names the forward ``Sig``; the transform of a graph is the transform of each of its nodes, so
transforms nest, and their nodes are differentiated and compiled like any other.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from rustorch.dtypes import FLOATING
from rustorch.lowering.promote import weak
from rustorch.lowering.taylor import taylor


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
    """The Taylor coefficients of a node along a curve: ``extra`` is ``(forward, masks, order, results)``.

    ``masks`` says for each input which of its coefficients 1 to ``order`` are not zero; ``arrays`` are the
    forward inputs, then those coefficients. ``results`` says the same of the results, which come in one tuple.
    """
    forward, masks, order, results = sig.extra
    found = _curves(lower, forward, masks, order, arrays, numbers)
    return tuple(
        jnp.zeros_like(each[0]) if c is None else jnp.broadcast_to(jnp.asarray(c, each[0].dtype), each[0].shape)
        for each, mask in zip(found, results)
        for c, present in zip(each[1:], mask)
        if present
    )


def _curves(lower, forward, masks, order, arrays, numbers):
    active = [any(m) for m in masks]
    f, primals, rest = moving(lower, forward, active, arrays, numbers)
    rest = iter(rest)
    curves = [
        [p, *[next(rest).astype(p.dtype) if present else None for present in mask]]
        for p, mask in zip(primals, [m for m in masks if any(m)])
    ]
    return taylor(f, curves, order)


def series_masks(lower, forward, masks, order):
    """Which coefficients of a node's results can differ from zero: a tuple of booleans for each result."""
    avals = forward.aval if type(forward.aval) is tuple else (forward.aval,)
    given = [a for a, mask in zip(forward.inputs, masks) for present in mask if present]
    structs = [jax.ShapeDtypeStruct(tuple(a.shape), a.dtype.numpy) for a in (*forward.inputs, *given)]
    masks_found = []

    def f(arrays, numbers):  # numbers are arguments, so that what is zero does not hang on their values
        found = _curves(lower, forward, masks, order, arrays, [weak(n) for n in numbers])
        masks_found.extend(tuple(c is not None for c in each[1:]) for each in found)
        return [each[0] for each in found]

    jax.eval_shape(f, structs, [kind(1) for kind in forward.numbers])
    return tuple(m if a.dtype.kind >= FLOATING else (False,) * order for m, a in zip(masks_found, avals))


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


KINDS = {"jvp": jvp, "series": series, "vmap": vmap}


def forward_of(sig):
    """The signature below all gradients and transforms."""
    while sig.op.kind == "vjp" or sig.op.kind in KINDS:
        sig = sig.extra[0]
    return sig

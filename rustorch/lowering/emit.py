"""Turn nodes into a function of JAX arrays. This is the whole lowering: call each op's body."""

from __future__ import annotations

from collections import Counter
from functools import partial
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np

from rustorch.dtypes import FLOATING
from rustorch.lowering import transform
from rustorch.lowering.platform import images
from rustorch.lowering.template import call, fill


def lower_sig(sig, arrays, numbers):
    """The value of a node: its op's body on the values of its inputs."""
    kind = sig.op.kind
    if kind == "vjp":
        return lower_vjp(sig, arrays, numbers)
    if kind in transform.KINDS:
        return transform.KINDS[kind](lower_sig, sig, arrays, numbers)
    args = fill(sig.template, arrays, numbers)
    if kind == "view":
        return call(sig.op, lambda *a, **k: sig.op.body(jnp, *a, **k), args)
    return call(sig.op, sig.op.lower, args)


def lower_vjp(sig, arrays, numbers):
    """Gradients of a node's own lowering with respect to the inputs that need one.

    ``sig.extra`` is ``(forward sig, needs, which cotangents are given, uses output)``; ``arrays`` are
    the forward inputs, then the forward output if the rule uses it, then the cotangents.
    One needed gradient comes bare, several as a tuple.
    """
    forward, needs, given, uses_output = sig.extra
    if forward.op.kind == "vmap":
        return transform.vmap_vjp(lower_vjp, _plain_vjp, sig, arrays, numbers)
    n = len(forward.inputs)
    primals, rest = arrays[:n], arrays[n:]
    single = type(forward.aval) is not tuple
    n_out = 0 if not uses_output else (1 if single else len(forward.aval))
    outs, cotangents = rest[:n_out], iter(rest[n_out:])
    ct = tuple(next(cotangents) if g else None for g in given)
    if forward.op.vjp_rule is not None:
        args = fill(forward.template, primals, numbers)
        ct = ct if forward.op.vjp_takes_missing else _filled(ct, forward)
        head = (needs, ct[0] if single else ct)
        if uses_output:
            head += (outs[0] if single else tuple(outs),)
        grads = call_rule(forward.op, head, args)
        grads = [_like(g, p) for g, p, need in zip(grads, primals, needs) if need]
    else:
        grads = derived_vjp(forward, needs, ct, primals, numbers)
    return grads[0] if len(grads) == 1 else tuple(grads)


def _plain_vjp(forward, needs, given, uses_output):
    """The parts of a gradient ``Sig`` that lowering reads."""
    return SimpleNamespace(extra=(forward, needs, given, uses_output))


def call_rule(op, head, args):
    """Call a closed-form gradient rule with the op's own arguments behind ``head``."""
    return call(op, lambda *a, **k: op.vjp_rule(*head, *a, **k), args)


def _like(grad, primal):
    """A gradient in its input's dtype and shape; a missing one is zero."""
    if grad is None:
        return jnp.zeros_like(primal)
    if jnp.iscomplexobj(grad) and not jnp.iscomplexobj(primal):
        grad = grad.real
    return grad.astype(primal.dtype)


def _filled(ct, forward):
    avals = forward.aval if type(forward.aval) is tuple else (forward.aval,)
    return tuple(jnp.zeros(tuple(a.shape), a.dtype.numpy) if c is None else c for c, a in zip(ct, avals))


def derived_vjp(forward, needs, ct, primals, numbers):
    """``jax.vjp`` of the forward lowering, closed over the inputs that need no gradient."""
    f, wanted, _ = transform.moving(lower_sig, forward, needs, primals, numbers)
    out, pull = jax.vjp(f, *wanted)
    outs = out if isinstance(out, (tuple, list)) else (out,)
    avals = forward.aval if type(forward.aval) is tuple else (forward.aval,)
    cts = []
    for o, c, a in zip(outs, ct, avals):
        if a.dtype.kind < FLOATING:
            cts.append(np.zeros(o.shape, jax.dtypes.float0))
        elif c is None:
            cts.append(jnp.zeros(o.shape, o.dtype))
        else:
            # JAX's cotangent of a complex number is the conjugate of PyTorch's gradient.
            cts.append(jnp.conj(c) if a.dtype.is_complex else c)
    grads = pull(type(out)(cts) if isinstance(out, (tuple, list)) else cts[0])
    return [jnp.conj(g) if jnp.iscomplexobj(g) else g for g in grads]


def evaluate(steps, leaves, numbers, outputs):
    """Run a plan's steps in topological order and return the values at ``outputs``.

    A step is ``(sig, inputs, first number, last number)``; position ``i`` means step ``i``'s
    value, ``~i`` leaf ``i``'s. What repeats, such as the layers of a network, is traced once and written out again.
    """
    with images(last=any(has_window(sig) for sig, *_ in steps)):
        return _evaluate(steps, leaves, numbers, outputs)


def has_window(sig) -> bool:
    """Is this a convolution or a pool, or a gradient or batch of one?"""
    extra = sig.extra
    if type(extra) is tuple and extra and hasattr(extra[0], "op"):
        return has_window(extra[0])
    return "conv" in sig.op.name or "pool" in sig.op.name


def _evaluate(steps, leaves, numbers, outputs):
    values: list = []
    repeats = {sig for sig, n in Counter(id(step[0]) for step in steps).items() if n > 1}
    lowered: dict = {}
    for sig, inputs, start, stop in steps:
        arrays = [values[i] if i >= 0 else leaves[~i] for i in inputs]
        own = numbers[start:stop]
        if id(sig) in repeats and not any(isinstance(x, jax.Array) for x in own):
            key = (id(sig), *map(repr, own))
            if key not in lowered:
                lowered[key] = jax.jit(partial(_lower_with, sig, own), inline=True)
            values.append(lowered[key](*arrays))
        else:
            values.append(lower_sig(sig, arrays, own))
    return [values[i] for i in outputs]


def _lower_with(sig, numbers, *arrays):
    return lower_sig(sig, arrays, numbers)

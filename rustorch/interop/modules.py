"""A module as a pure JAX function of its parameters."""

from __future__ import annotations

from collections.abc import Callable

import jax

from rustorch import dtypes
from rustorch.eager.convert import mark_exported
from rustorch.eager.modes import no_grad
from rustorch.eager.nodes import leaf
from rustorch.eager.recorder import value_of, wrap
from rustorch.eager.state import local
from rustorch.eager.tensor import Tensor
from rustorch.eager.views import node_of
from rustorch.graph import aval
from rustorch.interop import arrays
from rustorch.lowering.emit import evaluate
from rustorch.lowering.placement import x64
from rustorch.lowering.plan import Plan
from rustorch.lowering.short import at_home
from rustorch.nn.modules.module import Module


def to_jax(obj):
    """A tensor as a JAX array, or a module as ``(pure_function, params)``.

    ``pure_function(params, *args)`` takes and gives JAX arrays, draws and changes nothing outside,
    and works under ``jax.jit``, ``jax.grad`` and ``jax.vmap``. ``params`` is a dict of the module's
    parameters and buffers by name; buffers that the module updates (running statistics) are read only.

    Example:
        >>> import jax, jax.numpy as jnp, rustorch
        >>> f, params = rustorch.interop.to_jax(rustorch.nn.Linear(3, 2))
        >>> jax.jit(f)(params, jnp.ones((5, 3))).shape
        (5, 2)
    """
    if isinstance(obj, Module):
        return _pure(obj)
    return arrays.to_jax(obj)


def _pure(module: Module) -> tuple[Callable, dict]:
    names = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    params = {}
    for name, t in names.items():
        params[name] = at_home(value_of(t))
        mark_exported(t)

    def pure_function(params, *args, **kwargs):
        return _call_pure(module, params, args, kwargs)

    return pure_function, params


def _lift(array):
    """A tensor over a (possibly traced) JAX array."""
    return wrap(leaf(array, aval(tuple(array.shape), dtypes.from_numpy(array.dtype))))


def _call_pure(module, params, args, kwargs):
    known = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    unknown = sorted(set(params) - set(known))
    if unknown:
        raise KeyError(f"params names nothing in the module. Received: {unknown}")
    before, local.pending = local.pending, []
    saved = {}
    try:
        with no_grad(), x64():
            for name, array in params.items():
                t = known[name]
                saved[name] = (t._storage, t._node, t._epoch, t._leaf)
                fresh = _lift(array)
                t._storage, t._node, t._epoch, t._leaf = fresh._storage, fresh._node, fresh._epoch, False
            as_tensor = lambda x: _lift(x) if hasattr(x, "shape") and hasattr(x, "dtype") else x
            args, kwargs = jax.tree.map(as_tensor, (args, kwargs))
            out = module(*args, **kwargs)
            leaves, tree = jax.tree.flatten(out, is_leaf=lambda x: isinstance(x, Tensor))
            nodes = [node_of(t) if isinstance(t, Tensor) else None for t in leaves]
            values = _evaluate([n for n in nodes if n is not None])
            filled = [values[n] if n is not None else t for n, t in zip(nodes, leaves)]
            return jax.tree.unflatten(tree, filled)
    finally:
        for name, (storage, node, epoch, is_leaf) in saved.items():
            t = known[name]
            t._storage, t._node, t._epoch, t._leaf = storage, node, epoch, is_leaf
        local.pending = before


def _evaluate(nodes) -> dict:
    """Values of nodes inside the caller's own trace: no program of ours is started."""
    pending = [n for n in nodes if n.value is None]
    plan = Plan(pending)
    results = evaluate(plan.steps(), [at_home(a.value) for a in plan.leaves], plan.numbers, plan.outputs)
    out = {plan.nodes[i]: v for i, v in zip(plan.outputs, results)}
    out.update({n: n.value for n in nodes if n.value is not None})
    return out

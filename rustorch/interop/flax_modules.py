"""Modules of flax as modules of ours, and the other way round, with their weights."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp

from rustorch.eager import ops as T
from rustorch.eager.inplace import assign
from rustorch.eager.modes import no_grad
from rustorch.eager.nodes import apply_node, select
from rustorch.eager.recorder import from_array, wrap
from rustorch.eager.tensor import Tensor
from rustorch.eager.views import node_of
from rustorch.errors import RustorchRuntimeError
from rustorch.interop.modules import to_jax
from rustorch.later import Later
from rustorch.lowering.table import Op
from rustorch.lowering.template import ARRAY, Group
from rustorch.nn.modules.module import Module
from rustorch.nn.parameter import Parameter

linen, nnx = Later("flax.linen"), Later("flax.nnx")


def from_flax(module, variables=None, *, rngs=()):
    """A flax module as an ``nn.Module``: its weights are parameters here, its call is one operation of the graph.

    Args:
        module: an ``nnx.Module``, or a ``linen.Module`` with ``variables``, what its ``init`` gave.
        rngs: names of the random streams that a linen module draws from, as ``("dropout",)``; they are seeded by the
            default generator at each call. An nnx module carries its own.

    Parameters have the names of flax's tree (``"dense.kernel"``) and train under any optimizer; gradients of every
    order are ``jax.vjp`` of flax's own code. Other variables are buffers, written back by calls that change them
    (a linen module's only in training mode). ``train()`` and ``eval()`` reach nnx modules as their own methods do;
    linen modules take such flags as arguments. Arguments are tensors, trees of them, and hashable values.

    Raises:
        TypeError: neither kind of module. RuntimeError: a linen module without variables.

    Example:
        >>> import rustorch
        >>> from flax import nnx
        >>> layer = rustorch.interop.from_flax(nnx.Linear(3, 2, rngs=nnx.Rngs(0)))
        >>> layer(rustorch.ones(5, 3)).shape, sorted(layer.state_dict())
        (torch.Size([5, 2]), ['bias', 'kernel'])
    """
    if isinstance(module, nnx.Module):
        return FlaxModule(_Nnx(module))
    if isinstance(module, linen.Module):
        if variables is None:
            raise RustorchRuntimeError("from_flax(): a linen module needs its variables, what `module.init` gave")
        return FlaxModule(_Linen(module, variables, tuple(rngs)))
    raise TypeError(f"from_flax takes a flax.nnx.Module or flax.linen.Module. Received: {type(module).__name__}")


class _Nnx:
    """How an nnx module is called with arrays for its variables."""

    rngs = ()

    def __init__(self, module):
        definition, state = nnx.split(module)
        copied = nnx.merge(definition, state)
        flat = dict(nnx.to_flat_state(state))
        self.paths = list(flat)
        self.trained = [issubclass(v.type, nnx.Param) for v in flat.values()]
        values = [v.get_value() for v in flat.values()]
        self.keys = [jnp.issubdtype(v.dtype, jax.dtypes.prng_key) for v in values]
        self.arrays = [jax.random.key_data(v) if key else v for v, key in zip(values, self.keys)]
        self.definitions = {}
        for training in (True, False):
            copied.train() if training else copied.eval()
            self.definitions[training] = nnx.split(copied)[0]
        self.state = state

    def name(self) -> str:
        return "nnx"

    def call(self, training, arrays, seeds, args, kwargs):
        values = [jax.random.wrap_key_data(a) if key else a for a, key in zip(arrays, self.keys)]
        flat = dict(nnx.to_flat_state(self.state))
        state = nnx.from_flat_state([(p, flat[p].replace(v)) for p, v in zip(self.paths, values)])
        module = nnx.merge(self.definitions[training], state)
        out = module(*args, **kwargs)
        after = dict(nnx.to_flat_state(nnx.state(module)))
        new = [after[p].get_value() for p in self.paths]
        changed = [i for i, (a, b) in enumerate(zip(values, new)) if a is not b and not self.trained[i]]
        return out, {i: jax.random.key_data(new[i]) if self.keys[i] else new[i] for i in changed}


class _Linen:
    """How a linen module is called with arrays for its variables."""

    def __init__(self, module, variables, rngs):
        self.module, self.rngs = module, rngs
        leaves, self.structure = jax.tree_util.tree_flatten_with_path(variables)
        paths = [tuple(str(getattr(k, "key", getattr(k, "idx", k))) for k in path) for path, _ in leaves]
        self.trained = [path[0] == "params" for path in paths]
        self.paths = [path[1:] if path[0] == "params" else path for path in paths]
        self.full = paths
        self.arrays = [jnp.asarray(value) for _, value in leaves]

    def name(self) -> str:
        return "linen"

    def call(self, training, arrays, seeds, args, kwargs):
        variables = jax.tree.unflatten(self.structure, arrays)
        state = [name for name in variables if name != "params"] if training else []
        keys = {name: jax.random.wrap_key_data(seed.astype(jnp.uint32)) for name, seed in zip(self.rngs, seeds)}
        out = self.module.apply(variables, *args, rngs=keys or None, mutable=state or False, **kwargs)
        if not state:
            return out, {}
        out, updated = out
        leaves, _ = jax.tree_util.tree_flatten_with_path(updated)
        after = {tuple(str(getattr(k, "key", getattr(k, "idx", k))) for k in path): value for path, value in leaves}
        return out, {i: after[p] for i, p in enumerate(self.full) if p in after}


class FlaxModule(Module):
    """A flax module as one operation; made by ``from_flax``."""

    def __init__(self, source):
        super().__init__()
        object.__setattr__(self, "_source", source)
        self._ops: dict = {}
        for path, array, trained in zip(source.paths, source.arrays, source.trained):
            tensor = from_array(jnp.array(array, copy=True))
            _put(self, path, Parameter(tensor, tensor.is_floating_point()) if trained else tensor)

    def _tensors(self):
        return [_get(self, path) for path in self._source.paths]

    def forward(self, *args, **kwargs):
        leaves, structure = jax.tree.flatten((args, kwargs), is_leaf=lambda x: isinstance(x, Tensor))
        given = [x for x in leaves if isinstance(x, Tensor)]
        static = tuple(None if isinstance(x, Tensor) else (type(x), x) for x in leaves)
        held = self._tensors()
        seeds = [T.randint(0, 2**31 - 1, (2,)) for _ in self._source.rngs]
        call = self._call_of(structure, static, len(held), len(seeds))
        inputs = [node_of(t) for t in (*held, *seeds, *given)]
        template = tuple(Group((ARRAY,) * n) for n in (len(held), len(seeds), len(given)))
        node = apply_node(call.op, template, inputs)
        results = [wrap(select(node, i)) for i in range(len(node.aval))]
        count = call.structure.num_leaves
        with no_grad():
            for i, new in zip(call.changed, results[count:]):
                assign(held[i], new.detach())
        return jax.tree.unflatten(call.structure, results[:count])

    def _call_of(self, *key):
        key = (*key, self.training)
        if key not in self._ops:
            self._ops[key] = _Call(self._source, self.training, *key[:2])
        return self._ops[key]

    def extra_repr(self):
        return self._source.name()

    def __deepcopy__(self, memo):
        copied = memo[id(self)] = FlaxModule(self._source)
        copied.load_state_dict(self.state_dict())
        return copied.train(self.training)


class _Call:
    """One way of calling: the operation, and what it found about its results when it was traced."""

    def __init__(self, source, training, structure, static):
        def lower(held, seeds, given):
            rest = iter(given)
            leaves = [next(rest) if kind is None else kind[1] for kind in static]
            args, kwargs = jax.tree.unflatten(structure, leaves)
            out, new = source.call(training, list(held), seeds, args, kwargs)
            arrays, self.structure = jax.tree.flatten(out)
            self.changed = list(new)
            return tuple(jnp.asarray(a) for a in (*arrays, *new.values()))

        self.structure, self.changed = None, []
        self.op = Op(lower, "op", name="flax_module", method=False, function=False, out=False, dear=True)


def _put(module, path, tensor):
    """Register a tensor under a path, with modules between."""
    *parents, last = map(str, path)
    for name in parents:
        if name not in module._modules:
            module.add_module(name, Module())
        module = module._modules[name]
    if isinstance(tensor, Parameter):
        module.register_parameter(last, tensor)
    else:
        module.register_buffer(last, tensor)


def _get(module, path):
    *parents, last = map(str, path)
    for name in parents:
        module = module._modules[name]
    found = module._parameters.get(last)
    return module._buffers[last] if found is None else found


@functools.cache
def _nnx_class():
    """The class of ``to_flax``'s results."""

    class Ours(nnx.Module):
        """A module of ours as an nnx module."""

        def __init__(self, module):
            function, arrays = to_jax(module)
            trained = {name for name, p in module.named_parameters() if p.requires_grad}
            kinds = {True: nnx.Param, False: nnx.BatchStat}
            self.tensors = nnx.Dict({_safe(n): kinds[n in trained](jnp.array(a, copy=True)) for n, a in arrays.items()})
            self.names = tuple(arrays)
            self.function = function

        def __call__(self, *args, **kwargs):
            params = {name: self.tensors[_safe(name)].get_value() for name in self.names}
            return self.function(params, *args, **kwargs)

    return Ours


def _safe(name: str) -> str:
    return name.replace(".", "/")


def to_flax(module):
    """An ``nn.Module`` as an ``nnx.Module`` with a copy of its weights, for ``nnx.jit``, ``nnx.grad`` and optax.

    Parameters are ``nnx.Param``, buffers and frozen parameters ``nnx.BatchStat``, in a dict ``tensors`` by name with
    ``/`` for dots. The call is pure JAX, in the mode (training or not) that ``module`` is in; buffers are only read.

    Example:
        >>> import jax.numpy as jnp, rustorch
        >>> layer = rustorch.interop.to_flax(rustorch.nn.Linear(3, 2))
        >>> layer(jnp.ones((5, 3))).shape
        (5, 2)
    """
    return _nnx_class()(module)

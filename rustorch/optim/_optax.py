"""Optax transformations as optimizers, and optimizers as optax transformations."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from rustorch.eager.modes import no_grad
from rustorch.eager.nodes import apply_node, select
from rustorch.eager.recorder import from_host, wrap
from rustorch.eager.storage import flush
from rustorch.eager.tensor import Tensor
from rustorch.eager.views import node_of
from rustorch.lowering.table import Op
from rustorch.lowering.template import ARRAY, Group
from rustorch.optim.optimizer import Optimizer


class Optax(Optimizer):
    """An optax transformation with an optimizer's interface: made by `from_optax`."""

    saves_step = False

    def __init__(self, transformation, params):
        self.transformation = optax.with_extra_args_support(transformation)
        super().__init__(params, {})
        if len(self.param_groups) != 1:
            raise ValueError("from_optax doesn't support per-parameter options (parameter groups)")
        group = self.param_groups[0]
        if self._doubled or len({p.device for p in group["params"]}) != 1:
            raise ValueError("from_optax takes each parameter once, and all on one device")
        self._shape = jax.tree.structure(self._tree(group["params"]))
        self._make_state(group["params"])

    def add_param_group(self, param_group: dict) -> None:
        """As `Optimizer.add_param_group`, before the state is made only.

        Raises:
            ValueError: a second group.
        """
        if self.param_groups:
            raise ValueError("from_optax doesn't support per-parameter options (parameter groups)")
        super().add_param_group(param_group)

    def _tree(self, leaves):
        """What the transformation sees: a dict by name if the parameters have names, else a list."""
        names = self.param_groups[0].get("param_names")
        return list(leaves) if names is None else dict(zip(names, leaves))

    def _order(self, params) -> list:
        """The parameters in the order of the tree's leaves."""
        return jax.tree.leaves(self._tree(params), is_leaf=lambda x: isinstance(x, Tensor))

    def _make_state(self, params) -> None:
        """The state before the first step: one node."""
        params = self._order(params)
        found: list = []

        def init(leaves):
            paths, shape = jax.tree.flatten_with_path(self.transformation.init(jax.tree.unflatten(self._shape, leaves)))
            found[:] = [jax.tree_util.keystr(path) for path, _ in paths], shape
            return tuple(jnp.asarray(leaf) for _, leaf in paths)

        op = Op(init, "op", name="optax_init", method=False, function=False, differentiable=False)
        with no_grad():
            inputs = [node_of(p) for p in params]
            arrays = [jax.ShapeDtypeStruct(n.aval.shape, n.aval.dtype.numpy) for n in inputs]
            some = len(jax.eval_shape(init, arrays))
            node = apply_node(op, (Group((ARRAY,) * len(inputs)),), inputs) if some else None
        names, self._state_shape = found
        for p in params:
            self.state[p]["step"] = 0
        self.state[params[0]].update({name: wrap(select(node, i)) for i, name in enumerate(names)})
        self._names = names
        flush()

    def counted(self, group: dict) -> dict:
        """All parameters step together; the transformation counts by itself."""
        params = group["params"]
        if all(p._grad is None for p in params):
            return {}
        for p in params:
            step = self.state[p]["step"] = self.state[p].get("step", 0) + 1
        return {(params[0].device, step): params}

    def static_of(self, group):
        frozen = tuple(p._grad is None for p in self._order(group["params"]))
        return self.transformation, self._shape, self._state_shape, frozen

    def numbers_of(self, group):
        return ()

    def rows(self, group, params):
        params = self._order(params)
        leaves = [self.state[params[0]][name] for name in self._names]
        return [([*params, *leaves], [p._grad for p in params if p._grad is not None])]

    @classmethod
    def apply(cls, static, numbers, step, *row):
        transformation, shape, state_shape, frozen = static
        n, m = len(frozen), len(frozen) + state_shape.num_leaves
        params, given = list(row[:n]), iter(row[m:])
        grads = [jnp.zeros_like(p) if absent else next(given) for p, absent in zip(params, frozen)]
        tree = jax.tree.unflatten(shape, params)
        state = jax.tree.unflatten(state_shape, row[n:m])
        changes, state = transformation.update(jax.tree.unflatten(shape, grads), state, tree)
        new = jax.tree.leaves(optax.apply_updates(tree, changes))
        new = [old if absent else p for p, old, absent in zip(new, params, frozen)]
        return *new, *jax.tree.leaves(state)

    def load_state_dict(self, state_dict):
        super().load_state_dict(state_dict)
        missing = set(self._names) - set(self.state[self._order(self.param_groups[0]["params"])[0]])
        if missing:
            raise ValueError(f"loaded state dict is of another transformation: it has no {sorted(missing)}")

    def _load_entry(self, p, name, value):
        if name == "step":
            return super()._load_entry(p, name, value)
        t = value.detach().clone() if isinstance(value, Tensor) else from_host(np.asarray(value))
        return t.to(p.device)  # a state has dtypes of its own

    def __getstate__(self):
        return {
            **super().__getstate__(),
            **{k: self.__dict__[k] for k in ("transformation", "_shape", "_state_shape", "_names")},
        }


def from_optax(transformation: optax.GradientTransformation, params) -> Optax:
    """An optimizer whose step is an optax transformation: one node of the graph, schedules inside included.

    Args:
        transformation: any ``optax.GradientTransformation``.
        params: tensors, or ``(name, tensor)`` pairs: then the transformation sees a dict by name (for
            ``optax.masked``, ``optax.multi_transform``), else a list.

    Its state is part of ``state_dict()``. It sees zeros for parameters without a gradient, which keep their values.

    Raises:
        ValueError: parameter groups, or parameters on several devices.

    Source: DeepMind, "The DeepMind JAX Ecosystem", 2020 (optax).

    Example:
        >>> import optax
        >>> import rustorch
        >>> w = rustorch.tensor([1.0], requires_grad=True)
        >>> opt = rustorch.optim.from_optax(optax.lion(0.1), [w])
        >>> (w * w).sum().backward()
        >>> opt.step()
        >>> w
        tensor([0.8999], requires_grad=True)
    """
    return Optax(transformation, params)


class FromOptimizer(NamedTuple):
    """State of a transformation made by `to_optax`: steps done, and each parameter's entries."""

    count: Any
    slots: Any


def to_optax(optimizer: Optimizer) -> optax.GradientTransformation:
    """An optax transformation with an optimizer's update rule and options as they are now; its state starts anew.

    Args:
        optimizer: any optimizer of this package whose step is a formula per parameter. With several groups, the tree
            that is optimized has one leaf per parameter, in the groups' order.

    Its ``update`` needs the parameters.

    Raises:
        TypeError: an optimizer without such a formula (``LBFGS``).
        ValueError: from ``init`` and ``update``: another number of leaves, or no parameters.

    Source: DeepMind, "The DeepMind JAX Ecosystem", 2020 (optax).

    Example:
        >>> import jax.numpy as jnp
        >>> import optax
        >>> import rustorch
        >>> w = rustorch.ones(1, requires_grad=True)
        >>> rule = rustorch.optim.to_optax(rustorch.optim.SGD([w], lr=0.1))
        >>> params = {"a": jnp.ones(2)}
        >>> updates, state = rule.update({"a": jnp.ones(2)}, rule.init(params), params)
        >>> optax.apply_updates(params, updates)["a"].tolist()
        [0.8999999761581421, 0.8999999761581421]
    """
    if isinstance(optimizer, Optax):
        return optimizer.transformation
    if type(optimizer).update is Optimizer.update:
        raise TypeError(f"{type(optimizer).__name__} has no formula per parameter")
    groups = [dict(g) for g in optimizer.param_groups]
    rules = []
    for group in groups:
        values = [float(x) for x in optimizer.numbers_of(group)]
        rules.append((group, optimizer.static_of(group), values, len(group["params"])))

    def rules_for(leaves):
        if len(rules) == 1:
            return [rules[0][:3]] * len(leaves)
        each = [rule[:3] for rule in rules for _ in range(rule[3])]
        if len(each) != len(leaves):
            raise ValueError(f"the optimizer's groups have {len(each)} parameters, the tree has {len(leaves)}")
        return each

    def init(params):
        leaves = jax.tree.leaves(params)
        slots = []
        for x, (group, _, _) in zip(leaves, rules_for(leaves)):
            names = optimizer.slots_at(group, x.shape)
            slots.append(
                {name: jnp.asarray(optimizer.fresh(group, name, x.shape, np.dtype(x.dtype))) for name in names}
            )
        return FromOptimizer(jnp.zeros((), jnp.int32), tuple(slots))

    def update(updates, state, params=None):
        if params is None:
            raise ValueError("the update needs the parameters: give update() them as `params`")
        grads, shape = jax.tree.flatten(updates)
        leaves = jax.tree.leaves(params)
        count = state.count + 1
        changes, slots = [], []
        for x, grad, own, (group, static, numbers) in zip(leaves, grads, state.slots, rules_for(leaves)):
            names = optimizer.slots_at(group, x.shape)  # JAX sorts the keys of a dict
            new, *rest = optimizer.apply(static, numbers, count, x, *[own[name] for name in names], grad)
            changes.append(new.astype(x.dtype) - x)
            slots.append({name: y.astype(own[name].dtype) for name, y in zip(names, rest)})
        return jax.tree.unflatten(shape, changes), FromOptimizer(count, tuple(slots))

    return optax.GradientTransformation(init, update)

"""``Optimizer``: parameter groups, state, and a step that is one node of the graph.

A method says how one parameter changes (`update`); the base class records all parameters of all
groups as a single op whose hyper-parameters are runtime inputs.
"""

from __future__ import annotations

import copy
import functools
from collections import OrderedDict, defaultdict
from itertools import chain

import jax
import numpy as np

from rustorch.eager.foreign import PARTS, NotDense
from rustorch.eager.hooks import RemovableHandle
from rustorch.eager.modes import enable_grad, no_grad
from rustorch.eager.nodes import apply_node, select
from rustorch.eager.recorder import from_host, step_done
from rustorch.eager.state import local
from rustorch.eager.storage import flush
from rustorch.eager.tensor import Tensor
from rustorch.eager.views import node_of, write
from rustorch.errors import RustorchRuntimeError
from rustorch.lowering.table import Op
from rustorch.lowering.template import ARRAY, NUMBER, Group
from rustorch.optim.rows import record_row, runtime_numbers


class _Required:
    def __repr__(self):
        return "<required parameter>"


required = _Required()


class Optimizer:
    """Base class of all optimizers.

    Args:
        params: tensors, ``(name, tensor)`` pairs, or dicts with ``"params"`` and options of their own.
        defaults: options of groups that do not set them.

    Raises:
        TypeError: ``params`` is a tensor, or holds something else than tensors.
        ValueError: no parameters, a parameter in two groups, or one that is not a leaf.
    """

    # What a method is made of; see `Adam` for an example.
    slots: tuple[str, ...] = ()  # per-parameter state, zeros at first

    def __init__(self, params, defaults: dict):
        self.defaults = defaults
        self.state: dict = defaultdict(dict)
        self.param_groups: list[dict] = []
        self._pre_hooks: OrderedDict = OrderedDict()
        self._post_hooks: OrderedDict = OrderedDict()
        self._state_hooks: dict[str, OrderedDict] = {
            k: OrderedDict() for k in ("save_pre", "save_post", "load_pre", "load_post")
        }
        if isinstance(params, Tensor):
            raise TypeError(
                f"params argument given to the optimizer should be an iterable of Tensors or dicts, but got {params.type()}"
            )
        groups = list(params)
        if not groups:
            raise ValueError("optimizer got an empty parameter list")
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(dict(group))
        flush()  # initial values become inputs, so that the first step's program serves all steps

    # ------------------------------------------------------------ groups

    def add_param_group(self, param_group: dict) -> None:
        """Add parameters with options of their own."""
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        params = param_group["params"]
        if isinstance(params, Tensor):
            params = [params]
        elif isinstance(params, set):
            raise TypeError(
                "optimizer parameters need to be organized in ordered collections, but the ordering of tensors in "
                "sets will change between runs. Please use a list instead."
            )
        params = list(params)
        if params and isinstance(params[0], tuple):
            param_group["param_names"] = [name for name, _ in params]
            params = [p for _, p in params]
        for p in params:
            if not isinstance(p, Tensor):
                raise TypeError(f"optimizer can only optimize Tensors, but one of the params is {type(p).__name__}")
            if not self.defaults.get("differentiable") and not p.is_leaf:
                raise ValueError("can't optimize a non-leaf Tensor")
        param_group["params"] = params
        for name, default in self.defaults.items():
            if default is required and name not in param_group:
                raise ValueError(f"parameter group didn't specify a value of required optimization parameter {name}")
            param_group.setdefault(name, default)
        if len({id(p) for p in params}) != len(params):
            raise ValueError("some parameters appear in more than one parameter group")
        known = {id(p) for g in self.param_groups for p in g["params"]}
        if any(id(p) in known for p in params):
            raise ValueError("some parameters appear in more than one parameter group")
        self.param_groups.append(param_group)

    @property
    def lr(self):
        """The first group's learning rate."""
        return self.param_groups[0]["lr"]

    @lr.setter
    def lr(self, value):
        self.set_lr(value)

    def set_lr(self, lr) -> None:
        """Set every group's learning rate."""
        for group in self.param_groups:
            group["lr"] = lr

    learning_rate = lr
    set_learning_rate = set_lr

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget all gradients, or set them to zero."""
        for group in self.param_groups:
            for p in group["params"]:
                if p._grad is None:
                    continue
                if set_to_none:
                    p._grad = None
                else:
                    with no_grad():
                        p._grad = p._grad.detach()
                        p._grad.zero_()

    # ------------------------------------------------------------ the step

    def slots_of(self, group: dict) -> tuple[str, ...]:
        """Names of a group's per-parameter state."""
        return self.slots

    def static_of(self, group: dict) -> tuple:
        """Options that choose the formula; they are part of the program."""
        return ()

    def numbers_of(self, group: dict) -> tuple:
        """Hyper-parameters, as runtime inputs of the program."""
        raise NotImplementedError(f"{type(self).__name__} must define numbers_of and update")

    @staticmethod
    def update(static, numbers, step, param, grad, *slots):
        """JAX arrays of one parameter to ``(new parameter, *new slots)``."""
        raise NotImplementedError("an optimizer defines update, or overrides step")

    def step(self, closure=None):
        """Update all parameters that have a gradient; one node, whatever their number.

        Args:
            closure: re-evaluates the model and returns the loss; called with gradients on.

        Returns:
            The closure's loss, or ``None``.
        """
        for hook in list(self._pre_hooks.values()):
            hook(self, (closure,) if closure is not None else (), {})
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        with no_grad():
            nodes = self._record()
        for hook in list(self._post_hooks.values()):
            hook(self, (closure,) if closure is not None else (), {})
        if nodes:
            step_done(nodes)
        return loss

    def _record(self) -> list:
        batches = self.advance()
        out = []
        for parts in batches.values():
            try:
                out.extend(self._record_batch(parts))
            except NotDense:
                out.extend(self._record_rows(parts))
        if local.recorder is not None:
            local.recorder.stepped(self, batches, out)
        return out

    def advance(self) -> dict:
        """Count a step for every parameter that has a gradient: device to ``(group, step, parameters)``."""
        batches: dict = {}
        for group in self.param_groups:
            by_step: dict = {}
            for p in group["params"]:
                if p._grad is None:
                    continue
                state = self.state[p]
                if len(state) == 0:
                    self.init_state(group, p, state)
                state["step"] += 1
                by_step.setdefault((p.device, state["step"]), []).append(p)
            for (device, step), params in by_step.items():
                batches.setdefault(device, []).append((group, step, params))
        return batches

    def init_state(self, group: dict, p: Tensor, state: dict) -> None:
        """State of a parameter before its first step."""
        state["step"] = 0
        for name in self.slots_of(group):
            state[name] = from_host(np.zeros(p.shape, p.dtype.numpy), p.device)

    def _record_batch(self, parts) -> list:
        inputs: list = []
        numbers: list = []
        template: list = []
        written: list = []
        for group, step, params in parts:
            slots = self.slots_of(group)
            values = self.numbers_of(group)
            arrays = [params, [p._grad for p in params], *([self.state[p][s] for p in params] for s in slots)]
            marks = []
            for x in values:
                marks.append(ARRAY if isinstance(x, Tensor) else NUMBER)
            column = Group((ARRAY,) * len(params))
            inputs.extend(node_of(value) for value in values if isinstance(value, Tensor))
            numbers.extend((*runtime_numbers(values), step))
            inputs.extend(node_of(t) for column_ in arrays for t in column_)
            template.append(Group((self.static_of(group), Group(marks), NUMBER, Group((column,) * len(arrays)))))
            written.extend(t for p in params for t in (p, *(self.state[p][s] for s in slots)))
        node = apply_node(_step_op(type(self)), (Group(template),), inputs, tuple(numbers))
        results = [select(node, i) for i in range(len(written))]
        for t, new in zip(written, results):
            write(t, new)
        return results

    # What to say to a sparse gradient where there is no `update_rows`, and the method's formula where there is:
    # ``update_rows(static, numbers, step, table, rows, values, *slots)`` changes rows of a parameter, as `update`.
    sparse_hint = ""
    update_rows = None

    def _record_rows(self, parts) -> list:
        """``_record_batch`` where some gradients are sparse: those parameters are changed row by row."""
        if self.update_rows is None:
            for _, _, params in parts:
                for p in params:
                    self.state[p]["step"] -= 1
            name = next(c.__name__ for c in type(self).__mro__ if "sparse_hint" in vars(c) or c is type(self))
            raise RustorchRuntimeError(f"{name} does not support sparse gradients{self.sparse_hint}")
        out: list = []
        for group, step, params in parts:
            dense = [p for p in params if type(p._grad) not in PARTS]
            if dense:
                out.extend(self._record_batch([(group, step, dense)]))
            for p in params:
                if type(p._grad) in PARTS:
                    out.extend(record_row(self, group, step, p))
        return out

    # ------------------------------------------------------------ saving

    def state_dict(self) -> dict:
        """State and options with parameters as numbers, loadable by PyTorch's optimizer too."""
        for hook in self._state_hooks["save_pre"].values():
            hook(self)
        index = {}
        for group in self.param_groups:
            for p in group["params"]:
                index.setdefault(id(p), len(index))
        groups = [
            {**{k: v for k, v in g.items() if k != "params"}, "params": [index[id(p)] for p in g["params"]]}
            for g in self.param_groups
        ]
        state = {index[id(p)]: self.pack(s) for p, s in self.state.items() if id(p) in index}
        out = {"state": state, "param_groups": groups}
        for hook in self._state_hooks["save_post"].values():
            out = hook(self, out) or out
        return out

    def pack(self, entries: dict) -> dict:
        """A parameter's state as it is saved."""
        return {k: self.pack_state(k, v) for k, v in entries.items()}

    def pack_state(self, name: str, value):
        """A state entry as it is saved: step counts are float tensors, as in PyTorch."""
        return from_host(np.asarray(value, np.float32)) if name == "step" and not isinstance(value, Tensor) else value

    def load_state_dict(self, state_dict: dict) -> None:
        """Load what ``state_dict`` gave, cast to each parameter's dtype and device.

        Raises:
            ValueError: other numbers of groups or of parameters in a group.
        """
        for hook in self._state_hooks["load_pre"].values():
            state_dict = hook(self, state_dict) or state_dict
        groups, saved = self.param_groups, copy.deepcopy(state_dict["param_groups"])
        if len(groups) != len(saved):
            raise ValueError("loaded state dict has a different number of parameter groups")
        if any(len(g["params"]) != len(s["params"]) for g, s in zip(groups, saved)):
            raise ValueError(
                "loaded state dict contains a parameter group that doesn't match the size of optimizer's group"
            )
        pairs = dict(
            zip(chain.from_iterable(s["params"] for s in saved), chain.from_iterable(g["params"] for g in groups))
        )
        state: dict = defaultdict(dict)
        for key, entries in state_dict["state"].items():
            p = pairs.get(key)
            if p is None:
                state[key] = entries
                continue
            state[p] = {name: self._load_entry(p, name, value) for name, value in entries.items()}
        self.state = state
        self.param_groups = [{**s, "params": g["params"]} for g, s in zip(groups, saved)]
        for hook in self._state_hooks["load_post"].values():
            hook(self)

    def _load_entry(self, p: Tensor, name: str, value):
        if name == "step":
            return int(value.item() if hasattr(value, "item") else value)
        if isinstance(value, list):
            return [self._load_entry(p, name, x) for x in value]
        if hasattr(value, "detach") and hasattr(value, "shape"):
            t = value if isinstance(value, Tensor) else from_host(np.asarray(value))
            t = t.detach().clone()
            return t.to(p.device, p.dtype) if p.is_floating_point() else t.to(p.device)
        return copy.deepcopy(value)

    # ------------------------------------------------------------ hooks

    def _register(self, hooks, hook):
        handle = RemovableHandle(hooks)
        hooks[handle.id] = hook
        return handle

    def register_step_pre_hook(self, hook):
        """Call ``hook(optimizer, args, kwargs)`` before each step."""
        return self._register(self._pre_hooks, hook)

    def register_step_post_hook(self, hook):
        """Call ``hook(optimizer, args, kwargs)`` after each step."""
        return self._register(self._post_hooks, hook)

    def register_state_dict_pre_hook(self, hook, prepend=False):
        """Call ``hook(optimizer)`` before ``state_dict``."""
        return self._register(self._state_hooks["save_pre"], hook)

    def register_state_dict_post_hook(self, hook, prepend=False):
        """Call ``hook(optimizer, state_dict)`` on what ``state_dict`` gives."""
        return self._register(self._state_hooks["save_post"], hook)

    def register_load_state_dict_pre_hook(self, hook, prepend=False):
        """Call ``hook(optimizer, state_dict)`` before loading."""
        return self._register(self._state_hooks["load_pre"], hook)

    def register_load_state_dict_post_hook(self, hook, prepend=False):
        """Call ``hook(optimizer)`` after loading."""
        return self._register(self._state_hooks["load_post"], hook)

    def __repr__(self) -> str:
        lines = [type(self).__name__ + " ("]
        for i, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {i}")
            lines.extend(f"    {k}: {group[k]}" for k in sorted(group) if k != "params")
        return "\n".join(lines) + "\n)"

    def __getstate__(self):
        return {"defaults": self.defaults, "state": self.state, "param_groups": self.param_groups}

    def __setstate__(self, state):
        self.__dict__.update(state)
        self._pre_hooks, self._post_hooks = OrderedDict(), OrderedDict()
        self._state_hooks = {k: OrderedDict() for k in ("save_pre", "save_post", "load_pre", "load_post")}


@functools.cache
def _traced_once(update, static):
    """``update`` as JAX sees it: traced once for parameters of one shape, and written into the program for each."""
    return jax.jit(functools.partial(update, static), inline=True)


_step_ops: dict[type, Op] = {}


def _step_op(cls: type) -> Op:
    """The op that applies a method's ``update`` to every parameter of every group."""
    op = _step_ops.get(cls)
    if op is None:

        def step(groups):
            out = []
            for static, numbers, count, columns in groups:
                update = _traced_once(cls.update, static)
                for row in zip(*columns):
                    new = update(numbers, count, *row)
                    out.extend(x.astype(old.dtype) for x, old in zip(new, (row[0], *row[2:])))
            return tuple(out)

        op = _step_ops[cls] = Op(
            step, "op", name=cls.__name__.lower() + "_step", method=False, function=False,
            differentiable=False, always_lift=True,
        )  # fmt: skip
    return op

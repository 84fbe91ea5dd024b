"""``Optimizer``: parameter groups, state, and a step that is one node of the graph.

A method says how one parameter changes (`update`); the base class records all parameters of all
groups as a single op whose hyper-parameters are runtime inputs.
"""

from __future__ import annotations

import copy
import warnings
from collections import OrderedDict, defaultdict
from itertools import chain

import numpy as np

from rustorch.dtypes import float64, get_default_dtype
from rustorch.eager.foreign import NotDense
from rustorch.eager.hooks import RemovableHandle
from rustorch.eager.modes import enable_grad, no_grad
from rustorch.eager.nodes import apply_node
from rustorch.eager.recorder import from_host, step_done
from rustorch.eager.state import local
from rustorch.eager.storage import flush
from rustorch.eager.tensor import Tensor
from rustorch.eager.views import check_writable, node_of
from rustorch.lowering.template import ARRAY, NUMBER, Group
from rustorch.optim._counts import counted
from rustorch.optim._step import by_column, hyper_parameters, per_parameter, step_op, write_all
from rustorch.optim.rows import record_rows


class _Required:
    def __repr__(self):
        return "<required parameter>"


required = _Required()


def scalar_dtype():
    """NumPy's dtype of state that is one number per parameter: double if that is the default, as in PyTorch."""
    return np.float64 if get_default_dtype() is float64 else np.float32


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
    saves_step = True  # is the step count part of the saved state?
    _doubled = False  # is a parameter in its group twice, to be updated twice?
    found_inf: Tensor | None = None  # set by `amp.GradScaler` for one step: not zero skips it

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
        if not self.defaults.get("differentiable"):
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
        names = [p[0] for p in params if isinstance(p, tuple)]
        if names:
            if len(names) != len(params):
                raise ValueError("all optimizer params should be with/without names. Some param names are missing")
            param_group["param_names"] = names
            params = [p for _, p in params]
        for p in params:
            if not isinstance(p, Tensor):
                raise TypeError(f"optimizer can only optimize Tensors, but one of the params is {type(p).__name__}")
            if not self.defaults.get("differentiable") and not (p.is_leaf or p.retains_grad):
                raise ValueError("can't optimize a non-leaf Tensor")
        param_group["params"] = params
        for name, default in self.defaults.items():
            if default is required and name not in param_group:
                raise ValueError(f"parameter group didn't specify a value of required optimization parameter {name}")
            param_group.setdefault(name, default)
        if len({id(p) for p in params}) != len(params):
            self._doubled = True
            warnings.warn(
                "optimizer contains a parameter group with duplicate parameters; in future, this will cause an error; "
                "see github.com/pytorch/pytorch/issues/40967 for more information",
                stacklevel=3,
            )
        if any(("param_names" in g) != ("param_names" in param_group) for g in self.param_groups):
            raise ValueError(
                "all optimizer param groups should be with/without names. cannot add param group "
                f"{'with' if names else 'without'} names to the optimizer"
            )
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

    def slots_at(self, group: dict, shape) -> tuple[str, ...]:
        """Names of the state of a parameter of that shape."""
        return self.slots_of(group)

    def fresh(self, group: dict, name: str, shape, dtype: np.dtype) -> np.ndarray:
        """A state entry before the first step of a parameter of that shape and dtype."""
        return np.zeros(shape, dtype)

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

    # Does ``update`` compute each element from that element of its arguments alone, whatever their shape?
    elementwise = False

    @classmethod
    def apply(cls, static, numbers, step, *row):
        """JAX arrays of a row (see `rows`) to the new values of the tensors that it writes."""
        return per_parameter(cls, static, numbers, step, *row)

    def rows(self, group: dict, params) -> list[tuple]:
        """What the formula is applied to, one by one: ``(tensors that it writes, tensors that it reads)``."""
        state, out = self.state, []
        for p in params:
            own = state[p]
            out.append(([p, *[own[name] for name in self.slots_at(group, p.shape)]], (p._grad,)))
        return out

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
        differentiable = bool(self.defaults.get("differentiable"))
        with enable_grad() if differentiable else no_grad():
            nodes = self._record(differentiable)
        for hook in list(self._post_hooks.values()):
            hook(self, (closure,) if closure is not None else (), {})
        if nodes and not differentiable:  # what is differentiated goes on
            step_done(nodes)
        return loss

    def _record(self, differentiable: bool) -> list:
        batches = self.advance()
        out = []
        for device, parts in batches.items():
            skip = self.found_inf if self.found_inf is None else self.found_inf.to(device)
            for together in [[part] for part in parts] if self._doubled else [parts]:
                try:
                    out.extend(self.record_batch(together, skip, differentiable))
                except NotDense:
                    out.extend(record_rows(self, together, skip, differentiable))
        if local.recorder is not None:
            local.recorder.stepped(self, batches, out)
        return out

    def advance(self) -> dict:
        """Count a step for every parameter that has a gradient: device to ``(group, step, parameters)``.

        ``step`` is this step's number, or the tensor that counts the steps before it.
        """
        batches: dict = {}
        for group in self.param_groups:
            for (device, step), params in self.counted(group).items():
                batches.setdefault(device, []).append((group, step, params))
        return batches

    def counted(self, group: dict) -> dict:
        """A group's parameters that step now, by device and count: the number of this step, or its tensor."""
        return counted(self, group)

    def init_state(self, group: dict, p: Tensor, state: dict) -> None:
        """State of a parameter before its first step."""
        state["step"] = 0
        for name in self.slots_at(group, p.shape):
            state[name] = from_host(self.fresh(group, name, p.shape, p.dtype.numpy), p.device)

    def record_batch(self, parts, skip: Tensor | None, differentiable: bool) -> list:
        inputs: list = []
        numbers: list = []
        template: list = []
        written: list = []
        counts: list = []
        for group, step, params in parts:
            marks, nodes, plain = hyper_parameters(self.numbers_of(group))
            inputs.extend(nodes)
            numbers.extend(plain)
            if isinstance(step, Tensor):
                counts.append(step)
                inputs.append(node_of(step))
            else:
                numbers.append(step)
            count = Group((ARRAY,)) if isinstance(step, Tensor) else NUMBER
            rows, owned = [], []
            for own, read in self.rows(group, params):
                inputs.extend(map(node_of, own))
                inputs.extend(map(node_of, read))
                owned.append(own)
                rows.append(Group((ARRAY,) * (len(own) + len(read))))
            written.extend(by_column(owned))
            template.append(Group((self.static_of(group), marks, count, Group(rows))))
        if differentiable:
            for t in written:
                check_writable(t)
        written.extend(counts)
        arguments = (Group(template),)
        if skip is not None:
            arguments += (ARRAY,)
            inputs.append(node_of(skip))
        node = apply_node(step_op(type(self), differentiable), arguments, inputs, tuple(numbers))
        return write_all(written, node)

    # What to say to a sparse gradient where there is no `update_rows`, and the method's formula where there is:
    # ``update_rows(static, numbers, step, table, rows, values, *slots)`` changes rows of a parameter, as `update`.
    sparse_hint = ""
    update_rows = None

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
        packed = {index[id(p)]: self.pack(s) for p, s in self.state.items() if id(p) in index}
        state = {key: entries for key, entries in packed.items() if entries}
        out = {"state": state, "param_groups": groups}
        for hook in self._state_hooks["save_post"].values():
            out = hook(self, out) or out
        return out

    def pack(self, entries: dict) -> dict:
        """A parameter's state as it is saved."""
        return {k: self.pack_state(k, v) for k, v in entries.items() if k != "step" or self.saves_step}

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
            state[p] = {name: self._load_entry(p, name, x) for name, x in entries.items() if x is not None}
        self.state = state
        self.param_groups = [{**s, "params": g["params"]} for g, s in zip(groups, saved)]
        if not self.defaults.get("differentiable"):
            flush()  # as at first: the next step's program is that of all steps
        for hook in self._state_hooks["load_post"].values():
            hook(self)

    def _load_entry(self, p: Tensor, name: str, value):
        if name == "step":
            return int(value.item() if hasattr(value, "item") else value)
        if isinstance(value, list):
            return [self._load_entry(p, name, x) for x in value]
        if hasattr(value, "detach") and hasattr(value, "shape"):
            t = value.detach().clone() if isinstance(value, Tensor) else from_host(np.asarray(value.detach()))
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

"""The recorded graph in the user's hands: its steps and edges, hooks on saved tensors, hooks on several gradients."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import OrderedDict
from contextlib import contextmanager
from typing import NamedTuple
from weakref import ref

from rustorch.autograd.grad_fn import GradFn, grad_fn, position
from rustorch.autograd.saved import Hooks
from rustorch.devices import Device
from rustorch.eager.hooks import RemovableHandle
from rustorch.eager.recorder import wrap
from rustorch.eager.state import local, look_closely
from rustorch.eager.tensor import Tensor
from rustorch.eager.views import node_of
from rustorch.errors import RustorchRuntimeError

__all__ = [
    "saved_tensors_hooks", "save_on_cpu", "disable_saved_tensors_hooks", "register_multi_grad_hook",
    "allow_mutation_on_saved_tensors", "Node", "GradientEdge", "get_gradient_edge", "increment_version",
]  # fmt: skip


class Node(ABC):
    """What every ``grad_fn`` is.

    Example:
        >>> import rustorch
        >>> y = rustorch.ones(1, requires_grad=True) * 2
        >>> isinstance(y.grad_fn, rustorch.autograd.graph.Node)
        True
    """

    @abstractmethod
    def name(self) -> str:
        """PyTorch's name of the step."""

    @property
    @abstractmethod
    def next_functions(self) -> tuple:
        """The steps behind this one."""

    @abstractmethod
    def metadata(self) -> dict:
        """Notes on this step."""

    @abstractmethod
    def register_hook(self, fn):
        """Call ``fn(grad_inputs, grad_outputs)`` after the step."""

    @abstractmethod
    def register_prehook(self, fn):
        """Call ``fn(grad_outputs)`` before the step."""


Node.register(GradFn)


class GradientEdge(NamedTuple):
    """The place of a tensor's gradient in the graph; ``autograd.grad`` and ``backward`` take it like a tensor."""

    node: GradFn
    output_nr: int
    ownership_token: object = None

    def tensor(self) -> Tensor:
        """A tensor with this gradient."""
        node = self.node.node
        leaf = node.meta.leaf() if node.is_leaf else None
        return wrap(node) if leaf is None else leaf


def get_gradient_edge(tensor: Tensor) -> GradientEdge:
    """The place where the gradient of ``tensor`` is computed, without holding its data alive.

    Raises:
        RuntimeError: the tensor requires no gradient.

    Example:
        >>> import rustorch
        >>> x = rustorch.ones(1, requires_grad=True)
        >>> edge = rustorch.autograd.graph.get_gradient_edge(x * 2)
        >>> rustorch.autograd.grad(edge, x, rustorch.ones(1))
        (tensor([2.]),)
    """
    node = node_of(tensor)
    if not node.tape:
        raise RustorchRuntimeError(
            "It is not possible to get the gradient edge for a Tensor that does not require gradients"
        )
    return GradientEdge(grad_fn(node), position(node))


def increment_version(tensor) -> None:
    """Count a change of ``tensor`` (or of several) that autograd did not see."""
    for t in [tensor] if isinstance(tensor, Tensor) else tensor:
        t._storage.writes += 1


class saved_tensors_hooks:
    """A context in which what the backward pass needs is handed to ``pack_hook`` and comes back from ``unpack_hook``.

    The values handed over are those that the gradient of an operation really reads: its inputs, or its result
    where the gradient is a function of that. They are the same numbers of tensors as in PyTorch for most
    operations; where PyTorch keeps a result instead of an input (``exp``), rustorch may keep the input.

    Args:
        pack_hook: a tensor to anything; ``unpack_hook``: back to a tensor of the same shape.

    Raises:
        RuntimeError: hooks are disabled here, or ``pack_hook`` writes to its tensor. TypeError: no tensor came back.

    Example:
        >>> import rustorch
        >>> x = rustorch.tensor(3.0, requires_grad=True)
        >>> with rustorch.autograd.graph.saved_tensors_hooks(lambda t: t.item(), lambda v: rustorch.tensor(v + 1)):
        ...     y = x * x
        >>> rustorch.autograd.grad(y, x)
        (tensor(8.),)
    """

    def __init__(self, pack_hook, unpack_hook):
        self.pack_hook, self.unpack_hook = pack_hook, unpack_hook
        self.before: list = []

    def __enter__(self) -> None:
        if not (callable(self.pack_hook) and callable(self.unpack_hook)):
            raise TypeError(
                f"saved_tensors_hooks: two functions are needed. Received: {self.pack_hook}, {self.unpack_hook}"
            )
        if local.packing_refused is not None:
            raise RustorchRuntimeError(local.packing_refused)
        self.before.append(local.packing)
        local.packing = Hooks(self.pack_hook, self.unpack_hook)
        look_closely()

    def __exit__(self, *exc) -> None:
        local.packing = self.before.pop()
        look_closely()


class save_on_cpu(saved_tensors_hooks):
    """A context in which what the backward pass needs waits in host memory.

    Args:
        pin_memory: accepted; XLA manages transfer buffers. ``device_type``: accepted.

    Example:
        >>> import rustorch
        >>> x = rustorch.ones(2, requires_grad=True)
        >>> with rustorch.autograd.graph.save_on_cpu():
        ...     y = x.sin()
        >>> y.sum().backward()
    """

    def __init__(self, pin_memory: bool = False, device_type: str = "cuda"):
        host = Device("cpu")

        def pack(t):
            return t.device, t.detach() if t.device.type == "cpu" else t.detach().to(host)

        def unpack(packed):
            device, t = packed
            return t.to(device)

        super().__init__(pack, unpack)


@contextmanager
def disable_saved_tensors_hooks(error_message: str):
    """A context in which entering ``saved_tensors_hooks`` fails with ``error_message``; also a decorator.

    Raises:
        RuntimeError: with that message, if hooks are active already.
    """
    if local.packing is not None:
        raise RustorchRuntimeError(error_message)
    before, local.packing_refused = local.packing_refused, error_message
    try:
        yield
    finally:
        local.packing_refused = before


class _AllowMutationOnSavedContext:
    """What ``allow_mutation_on_saved_tensors`` gives."""

    def clear(self) -> None:
        """Nothing: no copies are made."""


@contextmanager
def allow_mutation_on_saved_tensors():
    """A context in which a tensor may be changed in place after an operation saved it.

    Recorded values never change here, so the gradient is always that of the values an operation saw, inside
    this context and outside.

    Raises:
        RuntimeError: nested contexts.

    Example:
        >>> import rustorch
        >>> with rustorch.autograd.graph.allow_mutation_on_saved_tensors():
        ...     x = rustorch.ones(2, requires_grad=True)
        ...     y = x.clone()
        ...     out = (y**2).sum()
        ...     _ = y.zero_()
        ...     out.backward()
        >>> x.grad
        tensor([2., 2.])
    """
    if local.mutating:
        raise RustorchRuntimeError("allow_mutation_on_saved_tensors contexts cannot be nested")
    local.mutating = True
    try:
        yield _AllowMutationOnSavedContext()
    finally:
        local.mutating = False


class _Handles(RemovableHandle):
    """Several handles as one."""

    def __init__(self, handles):
        super().__init__(OrderedDict())
        self.handles = tuple(handles)

    def remove(self) -> None:
        """Take all the hooks out again."""
        for handle in self.handles:
            handle.remove()


def register_multi_grad_hook(tensors, fn, *, mode: str = "all") -> _Handles:
    """Call ``fn`` once per backward pass when the gradients of ``tensors`` are known.

    Args:
        tensors: all require gradients.
        fn: with ``mode="all"`` it gets the list of gradients, ``None`` for tensors that are not part of this pass,
            after the last; with ``mode="any"`` the first gradient alone.

    Raises:
        ValueError: another mode.

    Example:
        >>> import rustorch
        >>> a, b = (rustorch.ones(1, requires_grad=True) for _ in range(2))
        >>> handle = rustorch.autograd.graph.register_multi_grad_hook([a, b], print)
        >>> (a * 2 + b * 3).backward()
        [tensor([2.]), tensor([3.])]
    """
    if mode not in ("all", "any"):
        raise ValueError(f"Expects mode to be one of ('all', 'any') but got {mode}")
    tensors = list(tensors)
    state: dict = {"task": None}

    def hook_of(i):
        def hook(grad):
            task = local.task
            if state["task"] is None or state["task"]() is not task:
                state.update(task=ref(task), grads=[None] * len(tensors), called=False)
                state["left"] = sum(node_of(t) in task.wanted for t in tensors)
            state["grads"][i] = grad
            state["left"] -= 1
            if mode == "any":
                if not state["called"]:
                    state["called"] = True
                    fn(grad)
            elif not state["left"]:
                fn(state["grads"])

        return hook

    return _Handles([t.register_hook(hook_of(i)) for i, t in enumerate(tensors)])

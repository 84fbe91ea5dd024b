"""``tensor.grad_fn``: the graph as autograd sees it."""

from __future__ import annotations

from collections import OrderedDict
from weakref import WeakKeyDictionary

from rustorch.eager.hooks import RemovableHandle
from rustorch.eager.methods import grad_name
from rustorch.eager.tensor import Tensor
from rustorch.eager.views import node_of
from rustorch.graph import Node
from rustorch.graph.node import ensure_meta


class GradFn:
    """A step of the backward pass: ``name()``, ``next_functions``, hooks."""

    __slots__ = ("node", "__weakref__")

    def __init__(self, node: Node):
        self.node = node

    def name(self) -> str:
        """PyTorch's name of the step, e.g. ``MulBackward0``."""
        return "struct torch::autograd::AccumulateGrad" if self.node.is_leaf else grad_name(self.node)

    @property
    def variable(self):
        """The leaf that accumulates here (``AccumulateGrad`` only)."""
        if not self.node.is_leaf:
            raise AttributeError(f"'{self.name()}' object has no attribute 'variable'")
        return self.node.meta.leaf()

    @property
    def next_functions(self):
        """``(step, 0)`` for every input, ``(None, 0)`` for those without gradient."""
        if self.node.is_leaf:
            return ()
        return tuple((grad_fn(a), _position(a)) if a.tape else (None, 0) for a in _inputs(self.node))

    @property
    def metadata(self) -> dict:
        """A place for the user's notes on this step."""
        return _metadata.setdefault(self.node, {})

    def register_hook(self, hook):
        """Not the tensor's hook: ``hook(grad_inputs, grad_outputs)`` after this step ran."""
        return _register(self.node, "hooks", lambda g: _as_single(hook((g,), (g,))))

    def register_prehook(self, hook):
        """``hook(grad_outputs)`` before this step runs."""
        return _register(self.node, "hooks", lambda g: _as_single(hook((g,))))

    def __repr__(self) -> str:
        name = "AccumulateGrad" if self.node.is_leaf else grad_name(self.node)
        return f"<{name} object at {hex(id(self.node))}>"

    def __eq__(self, other):
        return isinstance(other, GradFn) and self.node is other.node

    def __hash__(self):
        return hash(self.node)


_metadata: WeakKeyDictionary = WeakKeyDictionary()


def _as_single(result):
    return result[0] if isinstance(result, tuple) else result


def _register(node, slot, hook):
    meta = ensure_meta(node)
    if meta.hooks is None:
        meta.hooks = OrderedDict()
    handle = RemovableHandle(meta.hooks)
    meta.hooks[handle.id] = hook
    return handle


def _inputs(node: Node):
    while node.sig.op.kind == "select" and node.inputs:
        node = node.inputs[0]
    return node.inputs


def _position(node: Node) -> int:
    return node.sig.template[1] if node.sig.op.kind == "select" else 0


def grad_fn(node: Node) -> GradFn:
    """The step for a node."""
    return GradFn(node)


def _grad_fn(self):
    """The step of the backward pass that this tensor's gradient enters; ``None`` for leaves."""
    node = node_of(self)
    return None if self._leaf or not node.tape else GradFn(node)


Tensor.grad_fn = property(_grad_fn)

"""``tensor.grad_fn``: the graph as autograd sees it."""

from __future__ import annotations

from collections import OrderedDict
from weakref import WeakKeyDictionary

from rustorch.dtypes import FLOATING
from rustorch.eager.hooks import RemovableHandle
from rustorch.eager.methods import grad_name
from rustorch.eager.tensor import Tensor
from rustorch.eager.views import node_of
from rustorch.graph import Node
from rustorch.graph.node import ensure_meta
from rustorch.lowering.ops.structural import REPLACE, SELECT


class GradFn:
    """A step of the backward pass: ``name()``, ``next_functions``, hooks. Its class is named like the step."""

    __slots__ = ("node", "__weakref__")

    def __init__(self, node: Node):
        self.node = node

    def name(self) -> str:
        """PyTorch's name of the step, e.g. ``MulBackward0``."""
        return "torch::autograd::AccumulateGrad" if self.node.is_leaf else grad_name(self.node)

    @property
    def variable(self):
        """The leaf that accumulates here (``AccumulateGrad`` only)."""
        if not self.node.is_leaf:
            raise AttributeError(f"'{self.name()}' object has no attribute 'variable'")
        return self.node.meta.leaf()

    @property
    def next_functions(self):
        """``(step, which of its results)`` for every input, ``(None, 0)`` for those without gradient."""
        if self.node.is_leaf:
            return ()
        return tuple((grad_fn(a), position(a)) if a.tape else (None, 0) for a in sources(self.node))

    @property
    def metadata(self) -> dict:
        """A place for the user's notes on this step."""
        return _metadata.setdefault(owner(self.node), {})

    def _sequence_nr(self) -> int:
        """Grows with recording."""
        return self.node.seq

    def register_hook(self, fn):
        """Call ``fn(grad_inputs, grad_outputs)`` after this step ran; a tuple it gives replaces ``grad_inputs``.

        Example:
            >>> import rustorch
            >>> x = rustorch.ones(1, requires_grad=True)
            >>> y = x * 3
            >>> handle = y.grad_fn.register_hook(lambda grad_inputs, grad_outputs: print(grad_inputs, grad_outputs))
            >>> y.backward()
            (tensor([3.]),) (tensor([1.]),)
        """
        return _register(owner(self.node), "post_hooks", fn)

    def register_prehook(self, fn):
        """Call ``fn(grad_outputs)`` before this step runs; a tuple it gives replaces ``grad_outputs``."""
        return _register(owner(self.node), "pre_hooks", fn)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} object at {hex(id(owner(self.node)))}>"

    def __eq__(self, other):
        return isinstance(other, GradFn) and owner(self.node) is owner(other.node)

    def __hash__(self):
        return hash(owner(self.node))


_metadata: WeakKeyDictionary = WeakKeyDictionary()
_classes: dict[str, type] = {}


def owner(node: Node) -> Node:
    """The node that runs in the backward pass: for one of several results, the op that gave them all."""
    return node.inputs[0] if node.sig.op is SELECT and node.inputs else node


def sources(node: Node) -> tuple[Node, ...]:
    """The inputs through which a gradient could go."""
    node = owner(node)
    if node.sig.op is REPLACE:
        return node.inputs[1:]
    inputs = node.inputs
    if node.sig.op.kind == "custom":
        inputs = inputs[: len(node.sig.template[0])]  # the rest are the results
    return tuple(a for a in inputs if type(a.aval) is tuple or a.aval.dtype.kind >= FLOATING)


def position(node: Node) -> int:
    """Which result of its op the node is."""
    return node.sig.template[1] if node.sig.op is SELECT else 0


def _register(node, slot, hook):
    meta = ensure_meta(node)
    hooks = getattr(meta, slot)
    if hooks is None:
        hooks = OrderedDict()
        setattr(meta, slot, hooks)
    handle = RemovableHandle(hooks)
    hooks[handle.id] = hook
    return handle


def grad_fn(node: Node) -> GradFn:
    """The step for a node."""
    meta = owner(node).meta
    if meta is not None and meta.custom is not None:
        made = getattr(meta.custom[0], "_backward_cls", None)
        if made is not None:
            return made(node)
    name = "AccumulateGrad" if node.is_leaf else grad_name(node)
    made = _classes.get(name)
    if made is None:
        made = _classes[name] = type(name, (GradFn,), {"__slots__": ()})
    return made(node)


def _grad_fn(self):
    """The step of the backward pass that this tensor's gradient enters; ``None`` for leaves."""
    node = node_of(self)
    return None if self._leaf or not node.tape else grad_fn(node)


Tensor.grad_fn = property(_grad_fn)
Tensor.output_nr = property(lambda self: position(node_of(self)))

"""What the user hung on steps of the backward pass, called in PyTorch's order: hooks of the tensor, then
``retain_grad``, then the step's own before it and after it."""

from __future__ import annotations

from rustorch.autograd.grad_fn import sources
from rustorch.dtypes import FLOATING
from rustorch.eager.foreign import PARTS, RULES
from rustorch.eager.nodes import apply_node
from rustorch.eager.recorder import wrap
from rustorch.eager.tensor import Tensor
from rustorch.eager.views import node_of
from rustorch.errors import RustorchRuntimeError
from rustorch.graph import Node
from rustorch.lowering.table import TABLE
from rustorch.lowering.template import ARRAY


def through_tensor_hooks(node: Node, ct: Node) -> Node:
    """The gradient of a tensor after its hooks; kept in ``.grad`` if the tensor asked for that.

    Raises:
        TypeError: a hook gave no tensor. RuntimeError: one of another size or type.
    """
    meta = node.meta
    for hook in list((meta.hooks or {}).values()):
        new = hook(tensor_of(ct))
        if new is not None:
            ct = _checked(hook, new, ct)
    if meta.retain is not None:
        t = meta.retain()
        if t is not None:
            t._grad = tensor_of(ct) if t._grad is None else wrap(add(node_of(t._grad), ct))
    return ct


def add(a: Node, b: Node) -> Node:
    """The sum of two gradients; either may be a sparse tensor."""
    if type(a) is Node and type(b) is Node:
        return apply_node(TABLE["add"], (ARRAY, ARRAY), (a, b))
    if type(a) is Node:
        a, b = b, a
    total = RULES["add"](a if type(b) is not Node else wrap(b), b if type(b) is not Node else a)
    return total if type(total) in PARTS else node_of(total)


def tensor_of(gradient) -> Tensor:
    """A gradient as a tensor: a sparse one is one already."""
    return wrap(gradient) if type(gradient) is Node else gradient


def _checked(hook, new, old: Node | None) -> Node | None:
    if new is None:
        return None
    if not isinstance(new, Tensor):
        raise TypeError(f"expected Variable, but hook returned '{type(new).__name__}'")
    if type(new) in PARTS or type(old) in PARTS:
        return new if type(new) in PARTS else node_of(new)
    node = node_of(new)
    if old is not None:
        name = getattr(hook, "__name__", type(hook).__name__)
        if node.aval.dtype is not old.aval.dtype:
            raise RustorchRuntimeError(
                f"hook '{name}' has changed the type of value (was torch.{old.aval.dtype.alias}Tensor got "
                f"torch.{node.aval.dtype.alias}Tensor)"
            )
        if node.aval.shape != old.aval.shape:
            raise RustorchRuntimeError(f"hook '{name}' has changed the size of value")
    return node


def _replaced(hook, result, current: list) -> list:
    if result is None:
        return current
    if not isinstance(result, tuple):
        raise TypeError(f"expected tuple, but hook returned '{type(result).__name__}'")
    if len(result) != len(current):
        name = getattr(hook, "__name__", type(hook).__name__)
        raise RustorchRuntimeError(
            f"hook '{name}' has returned an incorrect number of values (got {len(result)}, but expected {len(current)})"
        )
    return [_checked(hook, new, old) for new, old in zip(result, current)]


def _tensors(nodes) -> tuple:
    return tuple(None if n is None else tensor_of(n) for n in nodes)


def _places(node: Node, ct) -> list[int]:
    """Which of several results can have a gradient; empty for a single result."""
    if type(ct) is not dict:
        return []
    return [i for i, a in enumerate(node.sig.aval) if a.dtype.kind >= FLOATING]


def before_step(node: Node, ct):
    """The gradients of a step's results after the hooks that run before it."""
    places = _places(node, ct)
    given = [ct.get(i) for i in places] if places else [ct]
    for hook in list(node.meta.pre_hooks.values()):
        given = _replaced(hook, hook(_tensors(given)), given)
    return {i: g for i, g in zip(places, given) if g is not None} or None if places else given[0]


def after_step(node: Node, ct, pairs):
    """The ``(input, gradient)`` pairs of a step after the hooks that run behind it."""
    places = _places(node, ct)
    outs = _tensors([ct.get(i) for i in places] if places else [ct])
    ends, rest = sources(node), list(pairs)
    current: list = []
    for a in ends:
        found = next((i for i, (source, _) in enumerate(rest) if source is a), None)
        current.append(None if found is None else rest.pop(found)[1])
    for hook in list(node.meta.post_hooks.values()):
        current = _replaced(hook, hook(_tensors(current), outs), current)
    return [(a, g) for a, g in zip(ends, current) if g is not None and a.tape]


def after_leaf(node: Node, ct: Node) -> None:
    """The hooks behind the accumulation into a leaf."""
    for hook in list(node.meta.post_hooks.values()):
        _replaced(hook, hook((), _tensors([ct])), [])

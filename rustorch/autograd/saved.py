"""Values that wait for the backward pass in the user's hands: pack at recording, unpack when they are read.

While hooks are active, the recorder hands every new node on the tape to ``Hooks.pack_node``; without hooks it
looks at one flag.
"""

from __future__ import annotations

from rustorch.eager.nodes import renamed, replace, select
from rustorch.eager.recorder import wrap
from rustorch.eager.state import local
from rustorch.eager.tensor import Tensor
from rustorch.eager.views import node_of
from rustorch.errors import RustorchRuntimeError
from rustorch.graph import NO_TAPE, Node
from rustorch.graph.node import ensure_meta
from rustorch.lowering.dependence import read_by_gradient
from rustorch.lowering.ops.structural import ALIAS


def used_values(node: Node) -> list[Node | None]:
    """The values that the node's gradient reads: inputs, then outputs if its rule takes them; None if unread."""
    op = node.sig.op
    if not op.saves or op.kind in ("select", "custom", "alias") or not node.inputs:
        return []
    multi = type(node.sig.aval) is tuple
    takes_output = op.vjp_rule is not None and op.vjp_uses_output
    values = list(node.inputs)
    if takes_output:
        values += [select(node, i) for i in range(len(node.sig.aval))] if multi else [node]
    needs = tuple([bool(a.tape) for a in node.inputs])
    read = read_by_gradient(node.sig, needs, takes_output)
    return [v if r else None for v, r in zip(values, read)]


class Hooks:
    """A pair ``pack(tensor)`` and ``unpack(packed)``."""

    def __init__(self, pack, unpack):
        self.pack, self.unpack = pack, unpack

    def pack_node(self, node: Node) -> None:
        """Pack what the gradient of ``node`` will read."""
        values = used_values(node)
        if any(v is not None for v in values):
            # The node's own output is packed under another name: it must not hold itself.
            packed = [None if v is None else self._packed(_reading(v, node)) for v in values]
            ensure_meta(node).saved = Packed(packed, self.unpack)

    def pack_tensor(self, t: Tensor):
        """A function that unpacks ``t``, which is packed now."""
        node = node_of(t)
        (packed,) = self._packed(t)
        history = node if node.tape else None
        return lambda: wrap(with_history(unpacked(self.unpack, packed), history))

    def _packed(self, t: Tensor) -> tuple:
        with _quiet():
            before = t._version
            packed = self.pack(t)
        if t._version != before:
            raise RustorchRuntimeError(
                "A saved tensor pack hook is modifying its input in place. Tensors provided as input to pack hook cannot "
                "be modified by in-place operations as this can lead to unexpected side-effects. Please open an issue if "
                "you need to perform in-place operations on the input to a pack hook."
            )
        return (packed,)


class _quiet:
    """Neither gradients nor hooks while a hook runs."""

    def __enter__(self):
        self.before = local.grad, local.packing
        local.grad, local.packing = False, None

    def __exit__(self, *exc):
        local.grad, local.packing = self.before


def _reading(value: Node, node: Node) -> Tensor:
    return wrap(renamed(ALIAS, (value,), NO_TAPE) if value is node or node in value.inputs else value)


class Packed:
    """What the hooks made of the values that one node saved."""

    recomputes = False

    def __init__(self, values, unpack):
        self.values, self._unpack = values, unpack

    def unpack(self, node: Node, inputs: list) -> list:
        """The values to compute the gradient of ``node`` from, with the history of the original ones."""
        out = list(inputs)
        for i, packed in enumerate(self.values):
            if packed is not None:
                out[i] = with_history(unpacked(self._unpack, packed[0], inputs[i]), inputs[i])
        return out


def unpacked(unpack, packed, like: Node | None = None) -> Node:
    """The node that ``unpack`` gives for a packed value.

    Raises:
        TypeError: it gave no tensor. RuntimeError: one of another shape.
    """
    before, local.packing = local.packing, None
    try:
        t = unpack(packed)
    finally:
        local.packing = before
    if not isinstance(t, Tensor):
        raise TypeError(
            f"Output of saved tensor unpack_hook expected to be a Tensor but got result of type {type(t).__name__}"
        )
    if like is None:
        return node_of(t)
    if t.shape != like.aval.shape:
        raise RustorchRuntimeError(
            f"Output of saved tensor unpack_hook has another shape than the tensor that was packed: {list(t.shape)}, "
            f"expected {list(like.aval.shape)}"
        )
    if t.dtype is not like.aval.dtype or t.device is not like.aval.device:
        t = t.to(like.aval.device, like.aval.dtype)
    return node_of(t)


def with_history(new: Node, old: Node | None) -> Node:
    """The value of ``new`` with the gradient path of ``old``."""
    if old is None or new is old:
        return new
    return replace(new, old) if old.tape else renamed(ALIAS, (new,), NO_TAPE)

"""Recording on nodes, below tensors: used by views, in-place writes and autograd."""

from __future__ import annotations

from rustorch.dtypes import FLOATING
from rustorch.eager.state import local
from rustorch.graph import NO_TAPE, ON_TAPE, Aval, Node, Sig, aval
from rustorch.lowering.infer import SIGS, infer, remember
from rustorch.lowering.ops.structural import ALIAS, FILL, REPLACE, SELECT
from rustorch.lowering.plan import KEPT
from rustorch.lowering.table import Op
from rustorch.lowering.template import ARRAY

LEAF = Op(lambda: None, "leaf", name="leaf", method=False, function=False)


def leaf(value, of: Aval) -> Node:
    """A node that is already computed."""
    key = (LEAF, of)
    sig = SIGS.get(key) or remember(key, Sig(LEAF, (), (), (), of, NO_TAPE))
    node = Node(sig, (), (), NO_TAPE)
    node.value = value
    return node


def apply_node(op, template, inputs, numbers=()) -> Node:
    """Record an op whose template and input nodes are known."""
    key = (op, template, tuple([n.aval for n in inputs]), tuple([type(x) for x in numbers]))
    sig = SIGS.get(key)
    if sig is None:
        sig = infer(key, op, template, key[2], numbers)
    return Node(sig, tuple(inputs), numbers, tape_of(sig, inputs))


def tape_of(sig: Sig, inputs) -> int:
    """Whether a new node is on the tape: grad mode is on and some input is on it."""
    if sig.tape and local.grad:
        for n in inputs:
            if n.tape:
                return ON_TAPE
    return NO_TAPE


def in_order_of(node: Node, strides) -> Node:
    """A node that was just recorded, as one that reports ``strides``: a write leaves those of what it goes into."""
    was = node.sig
    if node.value is not None or node.meta is not None or strides == was.aval.strides:
        return node
    key = (was, strides)
    sig = SIGS.get(key)
    if sig is None:
        of = aval(tuple(was.aval.shape), was.aval.dtype, was.aval.device, strides)
        sig = Sig(was.op, was.template, was.inputs, was.numbers, of, was.tape)
        sig.extra = was.extra
        sig = remember(key, sig)
    new = Node(sig, node.inputs, node.numbers, node.tape)
    for kept in KEPT:
        if node in kept and new not in kept:
            kept.add(new)
    return new


def select(node: Node, i: int) -> Node:
    """The ``i``-th result of a node with several."""
    key = (SELECT, node.sig, i)
    sig = SIGS.get(key)
    if sig is None:
        part = node.sig.aval[i]
        tape = ON_TAPE if node.sig.tape and part.dtype.kind >= FLOATING else NO_TAPE
        sig = Sig(SELECT, (ARRAY, i), (node.sig.aval,), (), part, tape)
        sig.extra = node.sig  # its name outlives the graph
        sig = remember(key, sig)
    return Node(sig, (node,), (), node.tape if sig.tape else NO_TAPE)


def renamed(op, inputs, tape: int) -> Node:
    """The first input's value under a node of its own."""
    key = (op, tuple([n.aval for n in inputs]))
    sig = SIGS.get(key)
    if sig is None:
        sig = remember(key, Sig(op, (ARRAY,) * len(inputs), key[1], (), inputs[0].aval, ON_TAPE))
    node = Node(sig, inputs, (), tape)
    node.value = inputs[0].value
    return node


def alias(node: Node) -> Node:
    """The same value off the tape."""
    return renamed(ALIAS, (node,), NO_TAPE)


def replace(value: Node, history: Node) -> Node:
    """``value``'s value with ``history``'s gradient path."""
    return renamed(REPLACE, (value, history), history.tape)


def filled(like: Aval, value: int) -> Node:
    """A constant in the shape and dtype of ``like``; it does not keep any node alive."""
    key = (FILL, like, value)
    sig = SIGS.get(key)
    if sig is None:
        out = like.dense()
        sig = remember(key, Sig(FILL, (out.shape, out.dtype, value), (), (), out, NO_TAPE))
    return Node(sig, (), (), NO_TAPE)

"""``Node``: one operation applied to nodes. The graph is the tape is the program."""

from __future__ import annotations

from itertools import count

# Node.tape: autograd may not / may / may no longer walk through this node.
NO_TAPE, ON_TAPE, FREED = 0, 1, 2

_next_sig = count().__next__
next_seq = count().__next__


class Sig:
    """What a node computes, without its inputs: op, static arguments, input and output avals.

    One object per distinct (op, arguments, input avals); its ``id`` is what program keys are
    made of. ``aval`` is a tuple for an op with several results.
    """

    __slots__ = ("op", "template", "inputs", "numbers", "aval", "id", "tape", "extra")

    def __init__(self, op, template, inputs, numbers, aval, tape):
        self.op = op
        self.template = template  # arguments, with markers where arrays and numbers go
        self.inputs = inputs  # avals of the array inputs
        self.numbers = numbers  # types of the lifted Python numbers
        self.aval = aval
        self.tape = tape  # ON_TAPE if a gradient can flow through, else NO_TAPE
        self.id = _next_sig()
        self.extra = None  # private to the op's kind (gradient nodes: the forward Sig)


class Meta:
    """The rare facts about a node: whose leaf it is, hooks on its gradient, where it was made."""

    __slots__ = ("leaf", "hooks", "retain", "pre_hooks", "post_hooks", "where", "name", "custom", "chain", "saved")

    def __init__(self):
        self.leaf = None  # weak reference to the leaf tensor that accumulates this gradient
        self.hooks = None
        self.retain = None
        self.pre_hooks = None  # before and after the step of the backward pass
        self.post_hooks = None
        self.where = None
        self.name = None
        self.custom = None  # (Function, ctx, arguments) of a hand-written gradient
        self.chain = None  # what this gradient is the derivative of (autograd.chain)
        self.saved = None  # where the values that the backward needs come from, if not from the inputs


class Node:
    """Immutable data: a ``Sig``, input nodes, number arguments and, once computed, the value.

    Creating a node computes nothing. ``seq`` grows with creation, so sorting by it is a
    topological sort. A computed node drops ``inputs`` unless autograd may still need them.
    """

    __slots__ = (
        "sig", "inputs", "numbers", "aval", "value", "tape", "seq", "meta",
        "overwritten", "exported", "__weakref__",
    )  # fmt: skip

    def __init__(self, sig, inputs, numbers, tape):
        self.sig = sig
        self.inputs = inputs
        self.numbers = numbers
        self.aval = sig.aval
        self.value = None
        self.tape = tape
        self.seq = next_seq()
        self.meta = None
        self.overwritten = None  # weakly, the node that its storage moved on to: its buffer may be donated
        self.exported = False  # somebody outside sees the buffer: it may not

    def __repr__(self) -> str:
        return f"<Node {self.sig.op.name} {self.aval}>"

    @property
    def is_leaf(self) -> bool:
        """True where autograd stops: a tensor that accumulates its gradient here."""
        return self.meta is not None and self.meta.leaf is not None


def ensure_meta(node: Node) -> Meta:
    """The node's ``Meta``, made on first use."""
    if node.meta is None:
        node.meta = Meta()
    return node.meta

"""Where a recorded call's tensors come from, and where those that it makes go, at any later call."""

from __future__ import annotations

from weakref import ref

from rustorch.eager.foreign import PARTS
from rustorch.eager.nodes import leaf
from rustorch.eager.storage import Storage
from rustorch.eager.tensor import Tensor
from rustorch.eager.views import root_of
from rustorch.graph import FREED, NO_TAPE, ON_TAPE, Node
from rustorch.jit.state import Record


class Arg:
    """The ``i``-th leaf of the arguments, or its gradient."""

    def __init__(self, i: int, grad: bool = False):
        self.i, self.grad = i, grad

    def find(self, given) -> Tensor:
        """The tensor at this call."""
        return given[self.i]._grad if self.grad else given[self.i]

    def put(self, given, t) -> None:
        """Give the argument another gradient."""
        given[self.i]._grad = t

    def __repr__(self):
        return f"argument {self.i}" + (".grad" if self.grad else "")


class Fixed:
    """One tensor that stays where it was found, which a guard makes sure of."""

    def __init__(self, t: Tensor, name: str):
        self.t, self.name = t, name

    def find(self, given) -> Tensor:
        """The tensor."""
        return self.t

    def __repr__(self):
        return self.name


class Place:
    """What an attribute, item or variable holds at this call."""

    def __init__(self, record: Record, i: int):
        self.record, self.i = record, i

    def find(self, given) -> Tensor:
        """The tensor that is there now."""
        return self.record.get(self.i)

    def put(self, given, t) -> None:
        """Put another one there."""
        self.record.put(self.i, t)

    def __repr__(self):
        return self.record.named(self.i)


class Part:
    """One of the tensors that a new sparse tensor, which is to be at ``place``, consists of."""

    def __init__(self, place, kind: type, rest, found: list, i: int):
        self.place, self.kind, self.rest, self.found, self.i = place, kind, rest, found, i

    def put(self, given, t) -> None:
        """Keep the part; the last one completes the sparse tensor."""
        self.found[self.i] = t
        if self.i == len(self.found) - 1:
            self.place.put(given, PARTS[self.kind][1](self.rest, self.found))
            self.found[:] = [None] * len(self.found)

    def __repr__(self):
        return f"a part of {self.place}"


def parts_into(place, t: Tensor) -> list:
    """``(place, tensor)`` of every part of a sparse tensor."""
    parts, rest = PARTS[type(t)][0](t)
    found: list = [None] * len(parts)
    return [(Part(place, type(t), rest, found, i), part) for i, part in enumerate(parts)]


class Root:
    """The tensor at the end of a source's chain of views: the one that owns the data."""

    def __init__(self, source):
        self.source = source

    def find(self, given) -> Tensor:
        """The base."""
        return root_of(self.source.find(given))

    def __repr__(self):
        return f"the base of {self.source}"


class Key:
    """A generator's key on a device."""

    def __init__(self, generator, device):
        self.generator, self.device = generator, device

    def find(self, given) -> Tensor:
        """The key as it is after the last seeding."""
        return self.generator.key_on(self.device)

    def __repr__(self):
        return "a generator's key"


class Constant:
    """An array that the call made from plain Python values, which guards hold fast."""

    def __init__(self, value):
        self.value = value

    def __repr__(self):
        return "a constant"


class Made:
    """A tensor that the call makes: output ``at`` of the program (``~i``: leaf ``i`` as it came in)."""

    index = 0  # among the tensors that the call makes
    base: int | None = None  # the one that it shares its data with

    def __init__(self, at, node: Node, is_leaf: bool):
        self.at, self.aval, self.tape, self.leaf = at, node.aval, node.tape, is_leaf
        self.history = node.tape == ON_TAPE and not node.is_leaf

    def tensor(self, node: Node) -> Tensor:
        """The tensor over a node."""
        t = fresh(node)
        if self.leaf:
            t._leaf, t._epoch = True, -1
        return t

    def from_value(self, value) -> Tensor:
        """The tensor over a computed array."""
        node = leaf(value, self.aval)
        if self.tape == FREED:
            node.tape = FREED
        return self.tensor(node)


def fresh(node: Node) -> Tensor:
    """A tensor over a node, not listed as pending."""
    t = object.__new__(Tensor)
    t._storage = Storage(node)
    t._node = node
    t._epoch = 0
    return t


def overwrite(root: Tensor, node: Node, writes: int) -> None:
    """Make a computed node the value of the data that ``root`` owns."""
    s = root._storage
    s.node.overwritten = ref(node)
    s.node = node
    s.epoch += 1
    s.writes += writes
    if root._leaf:
        root._node = None
    elif node.tape or root._node is None or root._node.tape == NO_TAPE:
        root._node = node
        root._epoch = s.epoch

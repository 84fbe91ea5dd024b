"""``Before``: what there is when a call is about to be recorded, by which its graph is understood afterwards."""

from __future__ import annotations

from rustorch.eager.foreign import PARTS
from rustorch.eager.generator import default_generator
from rustorch.eager.storage import Storage, flush
from rustorch.eager.tensor import Tensor
from rustorch.eager.views import node_of, root_of
from rustorch.graph import Node
from rustorch.graph.node import next_seq
from rustorch.jit.sources import Arg, Fixed, Place, Root
from rustorch.jit.state import Record, State
from rustorch.lowering.placement import canonical


class Before:
    """Tensors that the function can reach, their nodes and storages, and the Python state around them."""

    def __init__(self, state: State, given: list):
        for g in (default_generator, *state.generators):
            g.key_on(canonical(g.device))  # made after a seeding at the first draw, which is to be no part of the call
        flush()
        self.state, self.given = state, given
        self.known: dict[int, tuple[Tensor, object]] = {}
        self.nodes: dict[Node, tuple[int, bool]] = {}
        self.storages: dict[Storage, tuple[int, Node, int]] = {}
        self.arg_grads: dict[int, Tensor | None] = {}
        for i, t in enumerate(given):
            if isinstance(t, Tensor):
                self._add(t, Arg(i))
                self.arg_grads[i] = t._grad
                if t._grad is not None and type(t._grad) not in PARTS:
                    self._add(t._grad, Arg(i, grad=True))
        passed = set(self.storages)
        for t, record, i in state.tensors.values():
            self._add(t, (record, i))
        # An argument that is state as well would be taken for the one or the other.
        self.mixed = any(t._storage in passed for t, _, _ in state.tensors.values())
        self.facts = {key: (t._storage, t._leaf, t._backward_hooks) for key, (t, _) in self.known.items()}
        flush([n for n in self.nodes if n.value is None])
        self.seeds = default_generator._seed, default_generator.counter
        self.since = next_seq()

    def _add(self, t: Tensor, origin) -> None:
        if id(t) in self.known:
            return
        self.known[id(t)] = t, origin
        root = root_of(t)
        self.nodes.setdefault(node_of(t), (id(t), False))
        s = t._storage
        if s not in self.storages:
            node_of(root)
            self.storages[s] = id(t), s.node, s.writes
            self.nodes.setdefault(s.node, (id(t), True))

    def source(self, key: int, root: bool, changed: set):
        """How to find a known tensor (or its base) at a later call; ``changed`` are the places that the call rebinds."""
        t, origin = self.known[key]
        if not isinstance(origin, Arg):
            origin = self._held(t, *origin, changed)
        return Root(origin) if root and root_of(t) is not t else origin

    def _held(self, t: Tensor, record: Record | None, i: int, changed: set):
        if record is None:
            return Fixed(t, "a tensor in a tuple")
        if _moves(record, i, changed):
            for other in self.state.records:
                for j, value in enumerate(other.values):
                    if value is t and not _moves(other, j, changed):
                        return Fixed(t, other.named(j))
            return Place(record, i)
        return Fixed(t, record.named(i))

    def origin(self, node: Node) -> Node:
        """The node that an alias made before the call stands for."""
        while node not in self.nodes and node.sig.op.kind in ("alias", "replace") and node.inputs:
            node = node.inputs[0]
        return node


def _moves(record: Record, i: int, changed: set) -> bool:
    return record.kind == "grad" or (id(record), i) in changed

"""``Plan``: the pending graph below some nodes, in order, with the key that names its structure."""

from __future__ import annotations

import sys
from operator import attrgetter
from weakref import WeakSet

from rustorch.graph import ON_TAPE, Node

_by_seq = attrgetter("seq")

# Of each active level of forward-mode AD, the nodes that depend on its dual tensors. They keep their inputs
# when they are computed, so that tangents can be pushed through them later.
KEPT: list[WeakSet] = []


def is_kept(node: Node) -> bool:
    """May a tangent still be pushed through this node?"""
    return any(node in kept for kept in KEPT)


class Plan:
    """What one program will compute: pending ``nodes``, their ``leaves``, ``numbers``, ``outputs``.

    ``key`` is a tuple of ints that is equal for two plans exactly if the same program serves
    both: per node its Sig's id and where its inputs come from, then the outputs.
    """

    __slots__ = ("nodes", "leaves", "numbers", "outputs", "key", "live", "index")

    def __init__(self, roots):
        self.nodes = _pending_below(roots)
        self._wire()
        self._choose_outputs(roots)
        for kept in KEPT:
            self._keep(kept)

    @classmethod
    def of_recording(cls, roots, since: int) -> Plan:
        """What gives ``roots`` from nodes older than ``since``, also where it has been computed already."""
        self = cls.__new__(cls)
        self.nodes = _recorded_below(roots, since)
        self._wire()
        self.live = set()
        self._end([self.index[r] for r in roots])
        return self

    def _end(self, outputs) -> None:
        self.outputs = outputs
        self.key.append(-1 << 40)
        self.key.extend(outputs)
        self.key = tuple(self.key)

    def _wire(self) -> None:
        index: dict[Node, int] = {}
        leaves: list[Node] = []
        numbers: list = []
        key: list[int] = []
        for i, node in enumerate(self.nodes):
            key.append(node.sig.id)
            for a in node.inputs:
                j = index.get(a)
                if j is None:
                    j = index[a] = ~len(leaves)
                    leaves.append(a)
                key.append(j)
            if node.numbers:
                numbers.extend(node.numbers)
            index[node] = i
        self.index, self.leaves, self.numbers, self.key = index, leaves, numbers, key

    def _choose_outputs(self, roots) -> None:
        """Outputs are the roots and what a live tape would find dear to recompute."""
        index = self.index
        outputs = {index[r] for r in roots if r.value is None}
        live: set[Node] = set()  # nodes that a later backward may evaluate again
        stack = [r for r in roots if r.tape == ON_TAPE and r.value is None and not r.is_leaf]
        while stack:
            node = stack.pop()
            if node in live:
                continue
            live.add(node)
            saved = node.meta.saved if node.meta is not None else None
            if saved is not None and saved.recomputes:
                # Its values come from the checkpoint's inputs again; only those are worth keeping.
                outputs.update([index[b] for b in saved.outermost().boundary if b.value is None and b in index])
                stack.extend([a for a in node.inputs if a.value is None and a not in live and a.tape == ON_TAPE])
                continue
            if node.sig.op.dear:
                outputs.add(index[node])
                if node.tape != ON_TAPE:
                    continue
            saves = node.sig.op.saves
            for a in node.inputs:
                if a.value is None and a not in live and (saves or a.tape == ON_TAPE):
                    stack.append(a)
        self.live = live
        self._end(sorted(outputs))

    def _keep(self, kept: WeakSet) -> None:
        """Note which nodes depend on those that are kept already; they are live too."""
        for node in self.nodes:
            if any(a in kept for a in node.inputs):
                kept.add(node)
                self.live.add(node)

    def steps(self) -> list:
        """What ``emit.evaluate`` runs."""
        steps, at = [], 0
        for node in self.nodes:
            stop = at + len(node.numbers)
            steps.append((node.sig, tuple(self.index[a] for a in node.inputs), at, stop))
            at = stop
        return steps

    def work(self) -> int:
        """How many elements are computed."""
        avals = [a for node in self.nodes for a in (node.aval if type(node.aval) is tuple else (node.aval,))]
        return sum([a.numel for a in avals])

    def heirs(self, leaves) -> tuple[tuple[int, int], ...]:
        """Of these leaves those that an output takes the place of in their storage, with its place among the outputs."""
        place = {at: k for k, at in enumerate(self.outputs)}
        pairs = []
        for i in leaves:
            node = self.leaves[i]
            while node is not None and node.overwritten is not None:
                node = node.overwritten()
            k = place.get(self.index.get(node))
            if k is not None and node.aval == self.leaves[i].aval:
                pairs.append((i, k))
        return tuple(pairs)

    def donatable(self) -> list[int]:
        """Leaves whose buffers nobody can see once this plan has run.

        A leaf qualifies if its storage moved on and every reference to it comes from nodes of
        this plan that go away with it; reference counts tell.
        """
        candidates = [i for i, leaf in enumerate(self.leaves) if leaf.overwritten is not None and not leaf.exported]
        if not candidates:
            return []
        uses = self._uses()
        kept = self._kept(uses)
        # References besides `inputs`: self.index, self.leaves, `uses`, and getrefcount's argument.
        return [
            i
            for i in candidates
            if self.leaves[i] not in kept and sys.getrefcount(self.leaves[i]) <= uses[self.leaves[i]] + 4
        ]

    def _uses(self) -> dict[Node, int]:
        """How often each node is an input (in its own function: a loop variable is a reference too)."""
        uses: dict[Node, int] = {}
        for node in self.nodes:
            for a in node.inputs:
                uses[a] = uses.get(a, 0) + 1
        return uses

    def _kept(self, uses) -> set[Node]:
        """Everything that stays reachable: below a live tape, or below a node held from outside."""
        nodes = self.nodes
        final = {nodes[i] for i in self.outputs}
        getrefcount = sys.getrefcount
        stack = list(self.live)
        for i in range(len(nodes)):
            n = uses.get(nodes[i])
            # Known references: self.nodes, self.index, getrefcount's argument, and as key of `uses`.
            if getrefcount(nodes[i]) > (3 if n is None else n + 4) and nodes[i] not in final:
                stack.append(nodes[i])
        seen: set[Node] = set()
        while stack:
            node = stack.pop()
            if node in seen:
                continue
            seen.add(node)
            if node.value is None and (node not in final or node in self.live):
                stack.extend(node.inputs)
        return seen


def _pending_below(roots) -> list[Node]:
    pending: list[Node] = []
    seen: set[Node] = set()
    stack = list(roots)
    while stack:
        node = stack.pop()
        if node in seen:
            continue
        seen.add(node)
        inputs = node.inputs  # before `value`: a computed node may drop them at any time
        if node.value is not None:
            continue
        if node.sig.op.kind == "select" and inputs[0].value is not None:
            node.value = node.sig.op.pick(inputs[0].value, node.sig)
            continue
        pending.append(node)
        stack.extend(inputs)
    pending.sort(key=_by_seq)
    return pending


def _recorded_below(roots, since: int) -> list[Node]:
    found: list[Node] = []
    seen: set[Node] = set()
    stack = list(roots)
    while stack:
        node = stack.pop()
        if node in seen:
            continue
        seen.add(node)
        if node.seq > since and (node.value is None or node.inputs):
            found.append(node)
            stack.extend(node.inputs)
    found.sort(key=_by_seq)
    return found

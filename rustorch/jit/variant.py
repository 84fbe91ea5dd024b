"""``Variant``: one recorded way through a function, as a program with the guards under which it holds."""

from __future__ import annotations

import sys

import jax.numpy as jnp

from rustorch.autograd.transforms.tree import unflatten
from rustorch.eager.nodes import leaf
from rustorch.eager.recorder import step_done, value_of
from rustorch.eager.storage import flush
from rustorch.eager.tensor import Tensor
from rustorch.eager.views import node_of, write
from rustorch.graph import Node
from rustorch.jit.analysis import Analysis
from rustorch.jit.guards import Guards
from rustorch.jit.recording import Stale, Step
from rustorch.jit.sources import Constant, overwrite
from rustorch.lowering.compile import Kept


class Variant:
    """Repeats a recorded call.

    ``open`` variants, out of which a gradient path leads, append their nodes to the graph; the others start their
    program at once and keep no graph.
    """

    def __init__(self, found: Analysis, name: str):
        plan = found.plan
        self.name, self.runs = name, 0
        self.open, self.looks, self.actions, self.numbers = found.open, found.looks, found.actions, found.numbers
        self.sources, self.donated = found.sources, found.donated
        self.writes, self.rebinds, self.results, self.structure = (
            found.writes,
            found.rebinds,
            found.results,
            found.structure,
        )
        self.steps, self.outputs = plan.steps(), plan.outputs
        self.tapes, self.avals = [n.tape for n in plan.nodes], [n.aval for n in plan.leaves]
        self.program = None
        if not self.open and found.roots:
            self.program = Kept(plan, found.device, self.donated, f"traced function {name}")
        self.guards = Guards(found)

    def finish(self, found: Analysis) -> None:
        """Compute what the recorded call left, with the program that later calls will use."""
        values = [n.value for n in found.plan.leaves]
        if self.program is not None and not self.looks and all(v is not None for v in values):
            chosen = set(self.donated)
            given = [jnp.array(values[i], copy=True) for i in self.donated]
            out = self.program(given, [v for i, v in enumerate(values) if i not in chosen], self.numbers)
            for node, value in zip(found.roots, out):
                node.value = value
                while node.sig.op.kind in ("alias", "replace") and node.inputs[0].value is None:
                    node = node.inputs[0]
                    node.value = value
        flush()

    def replay(self, given):
        """Do again what was recorded, on what there is now.

        Raises:
            Stale: it would not be the same.
        """
        numbers, done = list(self.numbers), []
        try:
            for action, places in self.actions:
                found = action.run()
                done.append(action)
                for at, i in places:
                    numbers[at] = found[i]
            out = self._append(given, numbers) if self.open else self._run(given, numbers)
        except BaseException:
            for action in reversed(done):
                action.undo()
            raise
        self.runs += 1
        return out

    def _run(self, given, numbers):
        donated, kept, chosen = [], [], self.donated
        for i, source in enumerate(self.sources):
            if type(source) is Constant:
                value = source.value
            else:
                t = source.find(given)
                node = t._storage.node if t._parent is None else node_of(t)
                value = node.value
                if value is None:
                    value = value_of(t)
                if i in chosen:
                    # References: the node's or value's owner, the local name, and the argument of the question.
                    held = 4 if t._node is node else 3
                    if node.exported or sys.getrefcount(node) > held or sys.getrefcount(value) > 3:
                        value = jnp.array(value, copy=True)
                    donated.append(value)
                    continue
            kept.append(value)
        out = self.program(donated, kept, numbers) if self.program is not None else ()
        for look, at in self.looks:
            if not look.matches(out[at] if type(at) is int else _value_at(at, given)):
                raise Stale(f"{look.where} saw another value")
        return self._apply(given, out, lambda spec: spec.from_value(_at(spec.at, out, given)), self._overwrite)

    def _overwrite(self, root, spec, writes, out, given) -> None:
        overwrite(root, leaf(_at(spec.at, out, given), spec.aval), writes)

    def _apply(self, given, out, make, put):
        made: dict[int, Tensor] = {}

        def give(how, what):
            if how == "plain":
                return what
            if how == "known":
                return what.find(given)
            if how == "again":
                return made[what]
            t = make(what)
            if what.base is not None:
                t._storage = made[what.base]._storage
                t._epoch = t._storage.epoch
            made[what.index] = t
            return t

        roots = [source.find(given) for source, _, _ in self.writes]
        new = [give(*value) for _, value in self.rebinds]
        results = [give(*value) for value in self.results]
        for root, (_, spec, writes) in zip(roots, self.writes):
            put(root, spec, writes, out, given)
        for (place, _), value in zip(self.rebinds, new):
            place.put(given, value)
        return unflatten(self.structure, results)

    def _append(self, given, numbers):
        """Put the recorded nodes into the graph, on today's leaves."""
        leaves = [
            leaf(s.value, a) if type(s) is Constant else node_of(s.find(given))
            for s, a in zip(self.sources, self.avals)
        ]
        nodes: list[Node] = []
        for (sig, inputs, start, stop), tape in zip(self.steps, self.tapes):
            nodes.append(
                Node(sig, tuple([nodes[i] if i >= 0 else leaves[~i] for i in inputs]), tuple(numbers[start:stop]), tape)
            )
        out = [nodes[i] for i in self.outputs]
        if self.looks:
            flush([out[at] for _, at in self.looks if type(at) is int])
            for look, at in self.looks:
                if not look.matches(out[at].value if type(at) is int else _value_at(at, given)):
                    raise Stale(f"{look.where} saw another value")

        def node_at(spec):
            return out[spec.at] if type(spec.at) is int else _node_at(spec.at, spec.aval, given)

        result = self._apply(given, out, lambda spec: _listed(spec.tensor(node_at(spec))),
                             lambda root, spec, writes, *_: write(root, node_at(spec)))  # fmt: skip
        if any(isinstance(a, Step) for a, _ in self.actions):
            step_done(out)
        return result


def _at(at, out, given):
    return out[at] if type(at) is int else _value_at(at, given)


def _value_at(source, given):
    return source.value if type(source) is Constant else value_of(source.find(given))


def _node_at(source, aval, given) -> Node:
    return leaf(source.value, aval) if type(source) is Constant else node_of(source.find(given))


def _listed(t: Tensor) -> Tensor:
    t._storage.register()
    return t

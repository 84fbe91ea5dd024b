"""``Variant``: one recorded way through a function, with the guards under which it holds."""

from __future__ import annotations

from weakref import ref

from rustorch.autograd.transforms.tree import unflatten
from rustorch.eager.nodes import leaf
from rustorch.eager.recorder import step_done, value_of
from rustorch.eager.storage import flush
from rustorch.eager.tensor import Tensor
from rustorch.eager.views import node_of, set_requires_grad, write
from rustorch.graph import Node
from rustorch.jit.analysis import Analysis
from rustorch.jit.guards import Guards
from rustorch.jit.recording import Stale, Step
from rustorch.jit.sources import Constant, Made
from rustorch.lowering.compile import LOCK


class Variant:
    """Repeats a recorded call: its actions on Python numbers, its graph, its effects, its results."""

    what = "repeats a call"
    pure = False  # nothing but results: may be started before the guards are looked at
    donated: list[int] = []  # leaves whose buffers are reused

    def __init__(self, found: Analysis, name: str):
        self.name, self.runs, self.size = name, 0, len(found.plan.nodes)
        self.looks, self.actions = found.looks, found.actions
        self.sources, self.structure = found.sources, found.structure
        self.writes, self.rebinds, self.results = found.writes, found.rebinds, found.results
        self.flags = found.flags  # requires_grad that the call sets
        given = {id(t._storage) for t in found.before.given if isinstance(t, Tensor)}
        self._mine = {id(s): ref(s) for s in found.before.storages if id(s) not in given}
        self.steps, self.outputs, self.constants = found.plan.steps(), found.plan.outputs, found.plan.numbers
        self.output_avals = [n.aval for n in found.roots]
        self.input_avals = [node_of(t).aval.dense() for t in found.before.given if isinstance(t, Tensor)]
        self.guards = Guards(found)

    def replay(self, given):
        """Do again what was recorded, on what there is now.

        Raises:
            Stale: it would not be the same.
        """
        with LOCK:
            return self._replay(given)

    def _replay(self, given):
        done, changed = [], []
        try:
            for action, places in self.actions:
                found = action.run()
                done.append(action)
                for at, i in places:
                    changed.append((at, found[i]))
            out = self.run(given, changed)
        except BaseException:
            for action in reversed(done):
                action.undo()
            raise
        self.runs += 1
        return out

    def mixes(self, given) -> bool:
        """Does an argument share its data with state that the call changes, or changes the call an argument that is state?"""
        return bool(self.writes) and any(isinstance(t, Tensor) and self._is_mine(t._storage) for t in given)

    def _is_mine(self, storage) -> bool:
        mine = self._mine.get(id(storage))
        return mine is not None and mine() is storage  # an id may come again

    def set_flags(self, given) -> None:
        """Turn ``requires_grad`` on or off where the call does."""
        for source, flag in self.flags:
            set_requires_grad(source.find(given), flag)

    def run(self, given, changed):
        """The call's results; ``changed`` are runtime numbers with their positions."""
        raise NotImplementedError("a kind of variant defines run")

    def see(self, values, given) -> None:
        """Compare what Python looked at.

        Raises:
            Stale: a value differs, so Python would have gone another way.
        """
        for look, at in self.looks:
            if not look.matches(values(at) if type(at) is int else value_at(at, given)):
                raise Stale(f"{look.where} sees another value")

    def give(self, given, rebinds, make):
        """The tensors for ``rebinds``, and the results: ``make(spec)`` gives those that are new."""
        made: dict[int, Tensor] = {}

        def one(how, what):
            if how == "plain":
                return what
            if how == "known":
                return what.find(given)
            if how == "again":
                return made[what]
            t = made[what.index] = make(what)
            if what.base is not None:
                t._storage = made[what.base]._storage
                t._epoch = t._storage.epoch
            return t

        return [one(*value) for _, value in rebinds], [one(*value) for value in self.results]


class Spliced(Variant):
    """For a function out of which a gradient path leads: its nodes are put into the graph, without Python."""

    what = "nodes of the graph"

    def __init__(self, found: Analysis, name: str):
        super().__init__(found, name)
        plan = found.plan
        self.tapes, self.avals = [n.tape for n in plan.nodes], [n.aval for n in plan.leaves]

    def finish(self, found: Analysis) -> None:
        """Nothing: the recorded call is in the graph, and is computed when somebody looks."""
        if any(isinstance(action, Step) for action, _ in self.actions):
            step_done(found.roots)

    def run(self, given, changed):
        """Put the recorded nodes into the graph, on today's leaves."""
        numbers = list(self.constants)
        for at, x in changed:
            numbers[at] = x
        leaves = [_node_at(source, aval, given) for source, aval in zip(self.sources, self.avals)]
        nodes: list[Node] = []
        for (sig, inputs, start, stop), tape in zip(self.steps, self.tapes):
            inputs = tuple([nodes[i] if i >= 0 else leaves[~i] for i in inputs])
            nodes.append(Node(sig, inputs, tuple(numbers[start:stop]), tape))
        out = [nodes[i] for i in self.outputs]
        if self.looks:
            flush([out[at] for _, at in self.looks if type(at) is int])
            self.see(lambda at: out[at].value, given)

        def node_of_spec(spec: Made) -> Node:
            return out[spec.at] if type(spec.at) is int else _node_at(spec.at, spec.aval, given)

        def make(spec: Made) -> Tensor:
            t = spec.tensor(node_of_spec(spec))
            t._storage.register()
            return t

        roots = [source.find(given) for source, _, _ in self.writes]
        new, results = self.give(given, self.rebinds, make)
        for root, (_, spec, _) in zip(roots, self.writes):
            write(root, node_of_spec(spec))
        for (place, _), t in zip(self.rebinds, new):
            place.put(given, t)
        self.set_flags(given)
        if any(isinstance(action, Step) for action, _ in self.actions):
            step_done(out)
        return unflatten(self.structure, results)


def value_at(source, given):
    """The array of a source."""
    return source.value if type(source) is Constant else value_of(source.find(given))


def _node_at(source, aval, given) -> Node:
    return leaf(source.value, aval) if type(source) is Constant else node_of(source.find(given))

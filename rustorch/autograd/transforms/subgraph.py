"""A recorded function as the body of one operation: what loops and branches are made of."""

from __future__ import annotations

from rustorch.autograd.transforms.region import forget, recording, region, stand_in
from rustorch.autograd.transforms.tree import flatten, unflatten
from rustorch.eager.recorder import wrap
from rustorch.eager.tensor import Tensor
from rustorch.eager.views import node_of
from rustorch.errors import RustorchRuntimeError
from rustorch.graph import ON_TAPE, Aval, Node
from rustorch.graph.node import next_seq
from rustorch.lowering.emit import lower_sig


class Body:
    """What a recorded function computes, on JAX arrays; it holds no values."""

    def __init__(self, steps, ends):
        self.steps, self._ends = steps, ends

    def __call__(self, sources, captured, numbers) -> list:
        values: list = []
        places = {"source": sources, "captured": captured, "step": values}
        for sig, inputs, start, stop in self.steps:
            values.append(lower_sig(sig, [places[kind][i] for kind, i in inputs], numbers[start:stop]))
        return [places[kind][i] for kind, i in self._ends]


class Subgraph:
    """A function recorded on stand-ins.

    ``captured`` are nodes from outside that it uses and ``numbers`` its runtime numbers: both are arguments of
    ``body``. ``key`` is equal for two recordings that one body serves.
    """

    def __init__(self, func, avals, what: str):
        sources = [stand_in(a, ON_TAPE) for a in avals]
        start = next_seq()
        with recording():
            out = func(*[wrap(s) for s in sources])
            leaves, self.structure = flatten(out)
            for leaf in leaves:
                if not isinstance(leaf, Tensor):
                    raise RustorchRuntimeError(f"{what}: functions give tensors only. Received: {type(leaf).__name__}")
            outputs = [node_of(t) for t in leaves]
            nodes = region(outputs, set(sources), lambda n: n.seq > start and n.value is None)
            forget(
                sources,
                f"{what}: a tensor from outside may not be changed in place by a function that is only recorded. Return the "
                "new value instead.",
            )
        self.outputs = [n.aval for n in outputs]
        self.op = None  # that stands for it in a graph, once made
        self._wire(sources, nodes, outputs)

    def _wire(self, sources, nodes, outputs) -> None:
        place = {s: ("source", i) for i, s in enumerate(sources)}
        self.captured: list[Node] = []
        self.numbers: list = []
        steps, key = [], []

        def position(node):
            if node not in place:
                place[node] = ("captured", len(self.captured))
                self.captured.append(node)
            return place[node]

        for i, node in enumerate(nodes):
            inputs = tuple(position(a) for a in node.inputs)
            start = len(self.numbers)
            self.numbers.extend(node.numbers)
            steps.append((node.sig, inputs, start, len(self.numbers)))
            place[node] = ("step", i)
            key.append((node.sig.id, inputs))
        ends = tuple(position(n) for n in outputs)
        self.body, self.key = Body(steps, ends), (tuple(key), ends)

    def tree(self, leaves):
        """Results in the structure that the function gave."""
        return unflatten(self.structure, leaves)


def avals_of(tensors) -> list[Aval]:
    """Dense abstract values of tensors."""
    return [node_of(t).aval.dense() for t in tensors]

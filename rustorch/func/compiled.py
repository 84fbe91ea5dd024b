"""``compiled``: a pure function that is recorded once, and afterwards is one program."""

from __future__ import annotations

import functools
import gc
from weakref import ref

from rustorch.autograd.transforms.draws import place_of_key
from rustorch.autograd.transforms.subgraph import Subgraph
from rustorch.autograd.transforms.tree import flatten, unflatten
from rustorch.eager.nodes import leaf, select
from rustorch.eager.recorder import wrap
from rustorch.eager.state import local
from rustorch.eager.tensor import Tensor
from rustorch.eager.views import node_of
from rustorch.errors import check
from rustorch.func.control import subgraph_node
from rustorch.graph import Node
from rustorch.lowering.direct import Direct


def compiled(func):
    """``func`` without the cost of recording it: the first call records, later ones only start its program.

    The function is to be pure, as for ``jax.jit``: tensors it uses from outside are read anew at each call, but other
    Python values, and branches on them, stay as they were when it was recorded. It is recorded again for arguments
    of other shapes, dtypes, nesting or (where not tensors) values. It may contain all transforms, and be transformed
    and differentiated itself: where a gradient path or a pending value leads in, it is one node of the graph.

    Raises:
        RuntimeError: it looks at a value, changes a tensor from outside, or draws random numbers.

    Example:
        >>> import rustorch
        >>> @rustorch.func.compiled
        ... def curvature(x):
        ...     return rustorch.func.hessian(lambda x: (x**3).sum())(x).diagonal()
        >>> curvature(rustorch.ones(2))
        tensor([6., 6.])
    """
    variants: dict = {}

    @functools.wraps(func)
    def wrapper(*args, **kwargs):
        leaves, structure = flatten((args, kwargs))
        inputs, kinds = [], []
        for x in leaves:
            if isinstance(x, Tensor):
                inputs.append(node_of(x))
                kinds.append(inputs[-1].aval)
            else:
                kinds.append((type(x), x))
        key = (structure, local.grad, local.autocast, tuple(kinds))
        variant = variants.get(key)
        captured = None if variant is None else variant.captured()
        if captured is None:
            variant = variants[key] = _Variant(func, leaves, structure, inputs)
            captured = variant.captured()
        return variant(inputs, captured)

    return wrapper


class _Variant:
    """One recording of a function, for arguments of one kind."""

    def __init__(self, func, leaves, structure, inputs):
        def on_tensors(*stand_ins):
            given = iter(stand_ins)
            args, kwargs = unflatten(structure, [next(given) if isinstance(x, Tensor) else x for x in leaves])
            return func(*args, **kwargs)

        avals = [n.aval for n in inputs]
        self.graph = Subgraph(on_tensors, [a.dense() for a in avals], "compiled()")
        check(
            not any(place_of_key(sig) is not None for sig, *_ in self.graph.body.steps),
            "compiled(): the function draws random numbers, which would be the same in each call. Draw them outside and "
            "pass them as arguments.",
        )
        self.outside = _tensors_of(self.graph.captured)
        device = next((a.device for a in (*self.graph.outputs, *avals)), None)
        self.direct = Direct(self._body, device, len(self.graph.body.steps))

    def _body(self, arrays):
        n = len(arrays) - len(self.outside)
        return tuple(self.graph.body(arrays[:n], arrays[n:], self.graph.numbers))

    def captured(self) -> list[Node] | None:
        """The nodes used from outside, as they are now; None if their shapes or dtypes are not what was recorded."""
        found = []
        for r, old in zip(self.outside, self.graph.captured):
            t = None if r is None else r()
            node = old if t is None else node_of(t)
            if node is not old and node.aval != old.aval:
                return None
            found.append(node)
        return found

    def __call__(self, inputs, captured):
        graph = self.graph
        values = (
            None
            if local.tracing or local.recorder is not None or local.level is not None
            else _values((*inputs, *captured))
        )
        if values is not None:
            out = [leaf(v, a) for v, a in zip(self.direct(values), graph.outputs)]
        else:
            node = subgraph_node("compiled", graph, inputs, captured)
            out = [select(node, i) for i in range(len(node.aval))]
        return graph.tree([wrap(n) for n in out])


def _values(nodes) -> list | None:
    """The arrays of nodes, if all are computed and none has a gradient path."""
    values = []
    for n in nodes:
        if n.value is None or n.tape and local.grad:
            return None
        values.append(n.value)
    return values


def _tensors_of(nodes) -> list:
    """For each node a weak reference to a tensor that holds it; None if there is none."""
    wanted = {n: None for n in nodes}
    for t in gc.get_objects() if wanted else ():
        if isinstance(t, Tensor) and getattr(t, "_node", None) in wanted:
            wanted[t._node] = ref(t)
    return list(wanted.values())

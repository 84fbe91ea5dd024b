"""``compiled``: a pure function that is recorded once, and afterwards is one node."""

from __future__ import annotations

import functools
import gc
from weakref import ref

from rustorch.autograd.transforms.draws import place_of_key
from rustorch.autograd.transforms.subgraph import Subgraph
from rustorch.autograd.transforms.tree import flatten, unflatten
from rustorch.eager.nodes import select
from rustorch.eager.recorder import wrap
from rustorch.eager.state import local
from rustorch.eager.tensor import Tensor
from rustorch.eager.views import node_of
from rustorch.errors import check
from rustorch.func.control import subgraph_node
from rustorch.graph import Node, aval


def compiled(func):
    """``func`` without the cost of recording it: the first call records, later ones only run its program.

    The function is to be pure, as for ``jax.jit``: tensors it uses from outside are read anew at each call, but other
    Python values, and branches on them, stay as they were when it was recorded. It is recorded again for arguments
    of other shapes, dtypes, nesting or (where not tensors) values. It may contain all transforms, and be transformed
    and differentiated itself.

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
        tensors = [x for x in leaves if isinstance(x, Tensor)]
        key = (
            structure,
            local.grad,
            tuple([node_of(x).aval if isinstance(x, Tensor) else (type(x), x) for x in leaves]),
        )
        variant = variants.get(key)
        if variant is None or not variant.fits():
            variant = variants[key] = _Variant(func, leaves, structure, tensors)
        return variant(tensors)

    return wrapper


class _Variant:
    """One recording of a function, for arguments of one kind."""

    def __init__(self, func, leaves, structure, tensors):
        def on_tensors(*stand_ins):
            given = iter(stand_ins)
            args, kwargs = unflatten(structure, [next(given) if isinstance(x, Tensor) else x for x in leaves])
            return func(*args, **kwargs)

        avals = [node_of(t).aval for t in tensors]
        self.graph = Subgraph(on_tensors, [aval(tuple(a.shape), a.dtype, a.device) for a in avals], "compiled()")
        check(
            not any(place_of_key(sig) is not None for sig, *_ in self.graph.body.steps),
            "compiled(): the function draws random numbers, which would be the same in each call. Draw them outside and "
            "pass them as arguments.",
        )
        self.outside = _tensors_of(self.graph.captured)

    def fits(self) -> bool:
        """Are the tensors from outside still of the shapes and dtypes that were recorded?"""
        return all(n.aval == old.aval for n, old in zip(self._captured(), self.graph.captured))

    def _captured(self) -> list[Node]:
        found = [None if r is None else r() for r in self.outside]
        return [old if t is None else node_of(t) for t, old in zip(found, self.graph.captured)]

    def __call__(self, tensors):
        node = subgraph_node("compiled", self.graph, [node_of(t) for t in tensors], self._captured())
        return self.graph.tree([wrap(select(node, i)) for i in range(len(node.aval))])


def _tensors_of(nodes) -> list:
    """For each node a weak reference to a tensor that holds it; None if there is none."""
    wanted = {n: None for n in nodes}
    for t in gc.get_objects() if wanted else ():
        if isinstance(t, Tensor) and getattr(t, "_node", None) in wanted:
            wanted[t._node] = ref(t)
    return list(wanted.values())

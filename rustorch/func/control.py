"""Branches and loops inside one program, chosen by values: ``cond``, ``while_loop``, ``scan``.

A Python ``if`` on a tensor looks at its value, which ends a program; these do not. They differentiate and
nest like any other operation.
"""

from __future__ import annotations

from jax import lax

from rustorch.autograd.transforms.subgraph import Subgraph, avals_of
from rustorch.autograd.transforms.tree import flatten, unflatten
from rustorch.eager import ops as T
from rustorch.eager.nodes import apply_node, select
from rustorch.eager.recorder import wrap
from rustorch.eager.tensor import Tensor
from rustorch.eager.views import node_of
from rustorch.errors import RustorchRuntimeError, check
from rustorch.graph import Node
from rustorch.lowering.table import Op
from rustorch.lowering.template import ARRAY, NUMBER, Group

_ops: dict = {}
_LIMIT = 1024


def _tensors(tree, what: str):
    leaves, structure = flatten(tree)
    for leaf in leaves:
        check(isinstance(leaf, Tensor), f"{what}: expects tensors only. Received: {type(leaf).__name__}")
    return leaves, structure


def _op_of(name: str, key, body, subgraphs) -> Op:
    full = (name, key, tuple(s.key for s in subgraphs), tuple(len(s.captured) for s in subgraphs))
    op = _ops.get(full)
    if op is None:
        if len(_ops) >= _LIMIT:
            _ops.clear()

        def lower(arrays, captured, numbers):
            return tuple(body(arrays, list(zip(captured, numbers))))

        op = _ops[full] = Op(lower, "op", name=name, method=False, function=False, out=False, dear=True)
    return op


def _node(op: Op, inputs, subgraphs, captured) -> Node:
    """One node whose lowering is ``body(inputs, [(captured, numbers) per subgraph])``."""
    template = (
        Group((ARRAY,) * len(inputs)),
        Group(Group((ARRAY,) * len(s.captured)) for s in subgraphs),
        Group(Group((NUMBER,) * len(s.numbers)) for s in subgraphs),
    )
    return apply_node(op, template, [*inputs, *captured], tuple(x for s in subgraphs for x in s.numbers))


def _record(name: str, key, body, inputs, subgraphs) -> list[Tensor]:
    """The results of one node for a branch or loop as tensors."""
    captured = [n for s in subgraphs for n in s.captured]
    node = _node(_op_of(name, key, body, subgraphs), [node_of(t) for t in inputs], subgraphs, captured)
    return [wrap(select(node, i)) for i in range(len(node.aval))]


def subgraph_node(name: str, graph: Subgraph, inputs, captured) -> Node:
    """A recorded function applied to nodes, as one node with a tuple of results."""
    if graph.op is None:
        graph.op = _op_of(name, None, lambda arrays, extra: graph.body(arrays, *extra[0]), [graph])
    return _node(graph.op, inputs, [graph], captured)


def _agree(a, b, what: str) -> None:
    same = len(a) == len(b) and all(x.shape == y.shape and x.dtype is y.dtype for x, y in zip(a, b))
    if not same:
        raise RustorchRuntimeError(f"{what}. Received: {list(a)} and {list(b)}")


def cond(pred, true_fn, false_fn, operands=()):
    """``true_fn(*operands)`` if ``pred`` holds, else ``false_fn(*operands)``: only one is computed.

    Args:
        pred: a bool, or a tensor with one element.
        true_fn, false_fn: give tensors of the same structure, shapes and dtypes.

    Raises:
        RuntimeError: the branches' results differ in kind.

    Example:
        >>> import rustorch
        >>> x = rustorch.tensor(-2.0)
        >>> rustorch.func.cond(x > 0, lambda x: x, lambda x: -x, (x,))
        tensor(2.)
    """
    check(callable(true_fn) and callable(false_fn), "Expect both branches to be callable.")
    leaves, structure = flatten(operands)
    # Messages are made only where they are needed: to show a tensor is to look at it.
    if not (isinstance(operands, (tuple, list)) and all(isinstance(x, Tensor) for x in leaves)):
        raise RustorchRuntimeError(
            "Expect operands to be a tuple of possibly nested dict/list/tuple that only consists of tensor leaves, "
            f"but got {operands}."
        )
    if isinstance(pred, bool):
        return (true_fn if pred else false_fn)(*operands)
    if not (isinstance(pred, Tensor) and pred.numel() == 1):
        raise RustorchRuntimeError(f"Expected pred to be bool or single-element tensor, but got {pred}.")
    branches = [
        Subgraph(lambda *a, f=f: f(*unflatten(structure, a)), avals_of(leaves), "cond()") for f in (true_fn, false_fn)
    ]
    _agree(branches[0].outputs, branches[1].outputs, "cond(): both branches give the same shapes and dtypes")
    yes, no = (b.body for b in branches)

    def body(arrays, extra):
        choice, *rest = arrays
        (c1, n1), (c2, n2) = extra
        return lax.cond(choice.reshape(()) != 0, lambda a: yes(a, c1, n1), lambda a: no(a, c2, n2), rest)

    return branches[0].tree(_record("cond", len(leaves), body, [pred, *leaves], branches))


def while_loop(cond_fn, body_fn, carried_inputs, max_steps: int | None = None):
    """Apply ``body_fn`` to the carried values while ``cond_fn`` of them holds, inside one program.

    Args:
        cond_fn: the carried values to one bool; ``body_fn``: to new ones of the same shapes and dtypes.
        carried_inputs: a tuple of tensors.
        max_steps: a bound on the steps; with one the loop has reverse-mode gradients (every step is kept), without one
            only forward mode.

    Example:
        >>> import rustorch
        >>> rustorch.func.while_loop(lambda x: x < 100, lambda x: (x * 2,), (rustorch.tensor(3.0),))
        (tensor(192.),)
    """
    leaves, structure = _tensors(tuple(carried_inputs), "while_loop()")
    avals = avals_of(leaves)
    test = Subgraph(lambda *a: cond_fn(*unflatten(structure, a)), avals, "while_loop()")
    step = Subgraph(lambda *a: body_fn(*unflatten(structure, a)), avals, "while_loop()")
    _agree(step.outputs, avals, "while_loop(): body_fn keeps the shapes and dtypes of what is carried")
    check(len(test.outputs) == 1 and test.outputs[0].numel == 1, "while_loop(): cond_fn gives one bool")

    holds, advance = test.body, step.body

    def body(arrays, extra):
        (tc, tn), (sc, sn) = extra

        def goes_on(a):
            return holds(list(a), tc, tn)[0].reshape(()) != 0

        def once(a):
            return tuple(advance(list(a), sc, sn))

        if max_steps is None:
            return lax.while_loop(goes_on, once, tuple(arrays))
        return lax.scan(
            lambda a, _: (lax.cond(goes_on(a), once, lambda a: a, a), None), tuple(arrays), length=max_steps
        )[0]

    return tuple(unflatten(structure, _record("while_loop", max_steps, body, leaves, [test, step])))


def scan(combine_fn, init, xs, *, dim: int = 0, reverse: bool = False):
    """Carry a value over the slices of ``xs``: ``carry, y = combine_fn(carry, x)``, inside one program.

    Args:
        combine_fn: gives ``(carry, y)``; the carry keeps its structure, shapes and dtypes.
        init: the first carry; ``xs``: a tensor, or a tree of them, with the same size along ``dim``.
        reverse: start with the last slice.

    Returns:
        the last carry, and the ``y`` of all slices stacked along ``dim``.

    Example:
        >>> import rustorch
        >>> rustorch.func.scan(lambda c, x: (c + x, c * x), rustorch.tensor(0.0), rustorch.arange(4.0))
        (tensor(6.), tensor([0., 0., 2., 9.]))
    """
    carry, carry_structure = _tensors(init, "scan()")
    slices, slice_structure = _tensors(xs, "scan()")
    check(len(slices) > 0, "scan(): xs holds at least one tensor")
    lengths = {t.shape[dim] for t in slices}
    check(len(lengths) == 1, f"scan(): all xs have the same size along dim {dim}. Received: {sorted(lengths)}")
    rows = [t.movedim(dim, 0) if dim else t for t in slices]
    n = len(carry)

    def one(*a):
        out = combine_fn(unflatten(carry_structure, a[:n]), unflatten(slice_structure, a[n:]))
        check(isinstance(out, tuple) and len(out) == 2, "scan(): combine_fn gives a pair (carry, y)")
        return out

    step = Subgraph(one, [*avals_of(carry), *avals_of([r[0] for r in rows])], "scan()")
    _agree(step.outputs[:n], avals_of(carry), "scan(): combine_fn keeps the shapes and dtypes of the carry")

    advance = step.body

    def body(arrays, extra):
        ((captured, numbers),) = extra

        def once(a, x):
            out = advance([*a, *x], captured, numbers)
            return tuple(out[:n]), tuple(out[n:])

        last, ys = lax.scan(once, tuple(arrays[:n]), tuple(arrays[n:]), reverse=reverse)
        return (*last, *ys)

    found = _record("scan", (n, len(rows), reverse), body, [*carry, *rows], [step])
    ys = [T.movedim(y, 0, dim) if dim else y for y in found[n:]]
    return step.tree([*found[:n], *ys])

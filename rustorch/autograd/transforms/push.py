"""Push tangents, or a batch dimension, forward through what was recorded, node by node."""

from __future__ import annotations

import functools
import math

from rustorch.autograd.anomaly import noted, refuse_missing
from rustorch.autograd.transforms import custom
from rustorch.autograd.transforms.draws import Draws, place_of_key
from rustorch.autograd.transforms.region import is_select, region
from rustorch.dtypes import FLOATING
from rustorch.eager.nodes import apply_node, filled, select
from rustorch.eager.state import local
from rustorch.errors import RustorchRuntimeError
from rustorch.graph import NO_TAPE, ON_TAPE, Aval, Node, Sig, aval
from rustorch.lowering import transform
from rustorch.lowering.dependence import used
from rustorch.lowering.emit import lower_sig
from rustorch.lowering.infer import SIGS, remember
from rustorch.lowering.ops.structural import ALIAS, REPLACE
from rustorch.lowering.placement import x64
from rustorch.lowering.table import TABLE, Op
from rustorch.lowering.template import ARRAY, NUMBER

_ops: dict[tuple[str, Op], Op] = {}


def _no_body():
    """Transformed nodes are lowered from their forward signature, see ``lowering.transform``."""


def _op_of(kind: str, forward: Op) -> Op:
    """The op of a transformed node: as dear as its forward, and with a rule if that has one."""
    op = _ops.get((kind, forward))
    if op is None:
        op = _ops[kind, forward] = Op(
            _no_body, kind, name=f"{forward.name}_{kind}", method=False, function=False, dear=forward.dear,
            grad_name=forward.grad_name,
            saves=forward.saves, lacks=forward.lacks, always_lift=forward.always_lift, differentiable=forward.differentiable,
        )  # fmt: skip
        if kind == "vmap":
            op.vjp_rule, op.vjp_uses_output = forward.vjp_rule, forward.vjp_uses_output
    return op


def _sig(kind, forward: Sig, extra, inputs, out) -> Sig:
    key = (kind, forward, extra)
    sig = SIGS.get(key)
    if sig is None:
        op = _op_of(kind, forward.op)
        sig = Sig(op, (), tuple([n.aval for n in inputs]), forward.numbers, out, forward.tape)
        sig.extra = extra
        sig = remember(key, sig)
    return sig


def _each(a, fn):
    return tuple([fn(x) for x in a]) if type(a) is tuple else fn(a)


def _moved(outputs, given, step, own, still=None) -> list:
    """How ``outputs`` move when the nodes in ``given`` move as given; None for not at all.

    ``step(node, moves)`` says how a node's results move (a list, None for those that do not), ``own(node, moves)``
    the same of a ``Function`` of the user's; nodes for which ``still(node)`` holds do not move.
    """
    moves = {n: m for n, m in given.items() if n.aval.dtype.kind >= FLOATING}
    for node in region(outputs, given):
        op = node.sig.op
        if still is not None and still(node):
            continue
        if is_select(node):
            whole = moves.get(node.inputs[0])
            found = None if whole is None else whole[node.sig.template[1]]
        elif op is REPLACE:
            found = moves.get(node.inputs[1])
        elif op.kind == "custom":
            found = own(node, moves)
        elif op is ALIAS or not node.sig.tape or not any(a in moves for a in node.inputs):
            continue
        else:
            found = step(node, moves)
            found = found if type(node.sig.aval) is tuple else found[0]
        if found is not None:
            moves[node] = found
    return [moves.get(n) for n in outputs]


def tangents(outputs, given: dict[Node, Node], still=None) -> list[Node | None]:
    """The tangents of ``outputs`` when the nodes in ``given`` move by the given tangents; None for zero.

    Nodes for which ``still(node)`` holds do not move.
    """
    return _moved(outputs, given, _tangent, custom.tangents, still)


def _tangent(node: Node, moves) -> list[Node | None]:
    active = tuple([a in moves for a in node.inputs])
    if node.sig.op.lacks is not None:
        refuse_missing(node, active, forward=True)
    inputs = (*node.inputs, *[moves[a] for a, on in zip(node.inputs, active) if on])
    sig = _sig("jvp", node.sig, (node.sig, active), inputs, _each(node.sig.aval, Aval.dense))
    inputs = _read(sig, inputs)
    whole = Node(sig, inputs, node.numbers, _tape(inputs))
    if type(sig.aval) is not tuple:
        return [whole]
    return [select(whole, i) if a.dtype.kind >= FLOATING else None for i, a in enumerate(sig.aval)]


def _read(sig: Sig, inputs) -> tuple[Node, ...]:
    """The inputs, with constants for those that do not matter: a linear map's tangent is the same at all points."""
    return tuple([n if on else filled(n.aval, 0) for n, on in zip(inputs, used(sig))])


def _tape(inputs) -> int:
    return ON_TAPE if local.grad and any(n.tape for n in inputs) else NO_TAPE


def series(outputs, given: dict[Node, list], order: int) -> list[list[Node | None] | None]:
    """The derivatives 1 to ``order`` of ``outputs`` along a curve; those of the nodes in ``given`` are given.

    A derivative that is None is zero.
    """
    curves = {n: [_times(d, 1 / math.factorial(k)) for k, d in enumerate(each, 1)] for n, each in given.items()}
    found = _moved(outputs, curves, functools.partial(_curve, order), _no_series)
    return [c and [_times(x, float(math.factorial(k))) for k, x in enumerate(c, 1)] for c in found]


def _times(node: Node | None, factor: float) -> Node | None:
    if node is None or factor == 1:
        return node
    return apply_node(TABLE["mul"], (ARRAY, NUMBER), (node,), (factor,))


def _no_series(node: Node, moves):
    name = node.meta.custom[0].__name__
    text = f"taylor(): {name} is a Function with derivatives of its own, which give no series. Use nested gradients."
    raise noted(RustorchRuntimeError(text), node, name)


def _curve(order: int, node: Node, moves) -> list[list[Node | None] | None]:
    nothing = (None,) * order
    curves = [moves.get(a, nothing) for a in node.inputs]
    masks = tuple([tuple([c is not None for c in curve]) for curve in curves])
    if node.sig.op.lacks is not None:
        refuse_missing(node, [any(mask) for mask in masks], forward=True)
    inputs = (*node.inputs, *[c for curve in curves for c in curve if c is not None])
    results = _masks(node.sig, masks, order)
    avals = node.sig.aval if type(node.sig.aval) is tuple else (node.sig.aval,)
    out = tuple(a.dense() for a, mask in zip(avals, results) for present in mask if present)
    if not out:
        return [None] * len(avals)
    sig = _sig("series", node.sig, (node.sig, masks, order, results), inputs, out)
    inputs = _read(sig, inputs)
    whole = Node(sig, inputs, node.numbers, _tape(inputs))
    parts = iter([select(whole, i) for i in range(len(out))])
    return [[next(parts) if present else None for present in mask] if any(mask) else None for mask in results]


def _masks(forward: Sig, masks, order: int):
    """Which coefficients of a node's results are not zero (cached)."""
    key = ("masks", forward, masks, order)
    found = SIGS.get(key)
    if found is None:
        with x64():
            found = remember(key, transform.series_masks(lower_sig, forward, masks, order))
    return found


def batched(outputs, given: dict[Node, Node], size: int, draws: Draws) -> list[Node | None]:
    """``outputs`` over a batch when the nodes in ``given`` stand for one row of the given nodes; None if shared."""
    new: dict[Node, Node] = dict(given)
    start = min((n.seq for n in given), default=0)
    for node in region(outputs, given, lambda n: n.seq > start and place_of_key(n.sig) is not None):
        new_node = _over_batch(node, new, size, draws)
        if new_node is not None:
            new[node] = new_node
    return [new.get(n) for n in outputs]


def _over_batch(node: Node, new, size: int, draws: Draws) -> Node | None:
    if is_select(node):
        whole = new.get(node.inputs[0])
        if isinstance(whole, list):
            return whole[node.sig.template[1]]
        return None if whole is None else select(whole, node.sig.template[1])
    inputs = [new.get(a, a) for a in node.inputs]
    flags = [a in new for a in node.inputs]
    at = place_of_key(node.sig)
    if at is not None and not flags[at]:
        keys = draws.keys(node, inputs[at])
        if keys is not None:
            inputs[at], flags[at] = keys, True
    if not any(flags):
        return None
    if node.sig.op.kind == "custom":
        found = custom.own_rule(node, new, size, draws.randomness)
        if found is not None:
            return found
    flags = tuple(flags)
    sig = _sig("vmap", node.sig, (node.sig, flags, size), inputs, _each(node.sig.aval, lambda a: _rows(a, size)))
    made = Node(sig, tuple(inputs), node.numbers, node.tape)
    if node.meta is not None and node.meta.custom and node.tape:
        custom.over_batch(node, made, new, size, draws, batched)
    return made


def _rows(a: Aval, size: int) -> Aval:
    return aval((size, *a.shape), a.dtype, a.device)

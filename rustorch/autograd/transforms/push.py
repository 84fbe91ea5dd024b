"""Push tangents, or a batch dimension, forward through what was recorded, node by node."""

from __future__ import annotations

from rustorch.autograd.anomaly import noted, refuse_missing
from rustorch.autograd.transforms import custom
from rustorch.autograd.transforms.draws import Draws, place_of_key
from rustorch.autograd.transforms.region import is_select, region
from rustorch.dtypes import FLOATING
from rustorch.eager.nodes import select
from rustorch.eager.state import local
from rustorch.errors import RustorchRuntimeError
from rustorch.graph import NO_TAPE, ON_TAPE, Aval, Node, Sig, aval
from rustorch.lowering.infer import SIGS, remember
from rustorch.lowering.ops.structural import ALIAS, REPLACE
from rustorch.lowering.table import Op

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
            saves=forward.saves, always_lift=forward.always_lift, differentiable=forward.differentiable,
        )  # fmt: skip
        op.missing = forward.missing
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


def _dense(a: Aval) -> Aval:
    return aval(tuple(a.shape), a.dtype, a.device)


def tangents(outputs, given: dict[Node, Node], still=None) -> list[Node | None]:
    """The tangents of ``outputs`` when the nodes in ``given`` move by the given tangents; None for zero.

    Nodes for which ``still(node)`` holds do not move.
    """
    moves: dict[Node, Node] = dict(given)
    for node in region(outputs, given):
        op = node.sig.op
        if still is not None and still(node):
            continue
        if is_select(node):
            whole = moves.get(node.inputs[0])
            if whole is not None and node.aval.dtype.kind >= FLOATING:
                i = node.sig.template[1]
                part = whole[i] if isinstance(whole, list) else select(whole, i)
                if part is not None:
                    moves[node] = part
        elif op is REPLACE:
            if node.inputs[1] in moves:
                moves[node] = moves[node.inputs[1]]
        elif op.kind == "custom":
            moves[node] = custom.tangents(node, moves)
        elif op is not ALIAS and node.sig.tape:
            active = tuple([a in moves and a.aval.dtype.kind >= FLOATING for a in node.inputs])
            if any(active):
                moves[node] = _tangent(node, active, moves)
    return [moves.get(n) for n in outputs]


def _tangent(node: Node, active, moves) -> Node:
    if node.sig.op.missing:
        refuse_missing(node, active)
    inputs = (*node.inputs, *[moves[a] for a, on in zip(node.inputs, active) if on])
    sig = _sig("jvp", node.sig, (node.sig, active), inputs, _each(node.sig.aval, _dense))
    tape = ON_TAPE if local.grad and any(n.tape for n in inputs) else NO_TAPE
    return Node(sig, inputs, node.numbers, tape)


def series(outputs, given: dict[Node, list[Node]], order: int) -> list[list[Node] | None]:
    """The derivatives of ``outputs`` along a curve, when those of the nodes in ``given`` are the given lists."""
    moves: dict[Node, list[Node]] = dict(given)
    many: dict[Node, list[list[Node]]] = {}
    for node in region(outputs, given):
        op = node.sig.op
        if is_select(node):
            whole = many.get(node.inputs[0])
            if whole is not None and node.aval.dtype.kind >= FLOATING:
                moves[node] = whole[node.sig.template[1]]
        elif op is REPLACE:
            if node.inputs[1] in moves:
                moves[node] = moves[node.inputs[1]]
        elif op.kind == "custom":
            error = RustorchRuntimeError(
                f"taylor(): {node.meta.custom[0].__name__} is a Function with derivatives of its own, which give no series. "
                "Use nested gradients."
            )
            raise noted(error, node, node.meta.custom[0].__name__)
        elif op is not ALIAS and node.sig.tape:
            active = tuple([a in moves and a.aval.dtype.kind >= FLOATING for a in node.inputs])
            if any(active):
                found = _curve(node, active, moves, order)
                if type(node.sig.aval) is tuple:
                    many[node] = [found[i : i + order] for i in range(0, len(found), order)]
                else:
                    moves[node] = found
    return [moves.get(n) for n in outputs]


def _curve(node: Node, active, moves, order: int) -> list[Node]:
    if node.sig.op.missing:
        refuse_missing(node, active)
    inputs = (*node.inputs, *[d for a, on in zip(node.inputs, active) if on for d in moves[a]])
    avals = node.sig.aval if type(node.sig.aval) is tuple else (node.sig.aval,)
    out = tuple(_dense(a) for a in avals for _ in range(order))
    sig = _sig("series", node.sig, (node.sig, active, order), inputs, out)
    tape = ON_TAPE if local.grad and any(n.tape for n in inputs) else NO_TAPE
    whole = Node(sig, inputs, node.numbers, tape)
    return [select(whole, i) for i in range(len(out))]


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

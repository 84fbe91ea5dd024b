"""Nested gradients as Taylor mode: ``grad(grad(y, x), x)`` in one pass forward.

A gradient taken with ``create_graph=True`` with respect to one input that holds one number per sample
remembers, on its node, what it is the derivative of: a ``Chain``. When a later gradient with respect to the
same input arrives at that node, the walk does not go on through the gradient's own graph, which doubles with
each order; the next derivative comes from a Taylor series of the original outputs, whose cost grows as the
square of the order.

This is right only where sample ``i`` of every intermediate depends on sample ``i`` of the input alone, which
``lowering.dependence`` finds out; else the walk goes on as usual.
"""

from __future__ import annotations

import math

from rustorch.autograd.pieces import settled
from rustorch.autograd.transforms.push import series
from rustorch.autograd.transforms.region import is_select, region
from rustorch.eager.modes import set_grad_enabled
from rustorch.eager.nodes import filled
from rustorch.eager.recorder import wrap
from rustorch.eager.state import local
from rustorch.eager.views import node_of
from rustorch.graph import FREED, Node
from rustorch.graph.node import ensure_meta
from rustorch.lowering.dependence import MIXED, rows
from rustorch.lowering.ops.structural import ALIAS, REPLACE

_WHOLE = "whole"  # the state of everything if there is only one sample


class set_taylor_mode(set_grad_enabled):
    """Switch the recognition of nested gradients on or off, at once and, as a context, until its end.

    Example:
        >>> import rustorch
        >>> x = rustorch.tensor(0.5, requires_grad=True)
        >>> with rustorch.autograd.set_taylor_mode(False):
        ...     (g,) = rustorch.autograd.grad(x.exp(), x, create_graph=True)
        ...     rustorch.autograd.grad(g, x)
        (tensor(1.6487),)
    """

    flag = "taylor"


class Chain:
    """``order``-th derivative of ``sum(cotangents * outputs)`` with respect to ``x``."""

    __slots__ = ("outputs", "cotangents", "x", "order", "ends")

    def __init__(self, outputs, cotangents, x: Node, order: int, ends=None):
        self.outputs, self.cotangents, self.x, self.order = outputs, cotangents, x, order
        self.ends = ends  # (node with rows, its cotangent, its row dimension) each; found when first needed


def mark(gradient: Node, outputs, cotangents, x: Node) -> None:
    """Note on a first derivative what it is the derivative of, if its input has one number per sample."""
    a = x.aval
    if local.taylor and gradient.tape and a.dtype.is_floating_point and math.prod(a.shape) in (1, *a.shape):
        meta = ensure_meta(gradient)
        if meta.chain is None:
            meta.chain = Chain(outputs, cotangents, x, 1)


def onward(gradient: Node, targets, step) -> tuple[Node, Node] | None:
    """``(x, derivative)``: the derivative of a marked gradient with respect to its chain's input, by Taylor mode.

    None where that is not all there is to ``targets``, or samples mix. ``step`` propagates a cotangent through
    one node (the engine's).
    """
    chain = gradient.meta.chain
    if not local.taylor or local.check_nan or not _only_through(chain, targets):
        return None
    ends = chain.ends if chain.ends is not None else _ends(chain, step) or ()
    if local.grad:  # else the cotangents may lack the gradient path that a later pass wants
        chain.ends = ends
    if not ends:
        return None
    order = chain.order + 1
    v = filled(chain.x.aval, 1)
    curve = [v, *[None] * (order - 1)]
    found = series([end for end, _, _ in ends], {chain.x: curve}, order)
    total = None
    for (_, ct, d), each in zip(ends, found):
        if each is not None and each[-1] is not None:
            part = _contract(ct, each[-1], d, chain.x)
            total = part if total is None else total + part
    if total is None:
        return None
    node = node_of(total)
    if node.tape:
        ensure_meta(node).chain = Chain(chain.outputs, chain.cotangents, chain.x, order, ends if local.grad else None)
    return chain.x, node


def _contract(ct: Node, derivative: Node, d, x: Node):
    product = wrap(ct) * wrap(derivative)
    dims = [i for i in range(product.ndim) if d is _WHOLE or i != d]
    product = product.sum(dims) if dims else product
    return product.reshape(x.aval.shape)


def _only_through(chain: Chain, targets) -> bool:
    """Do all paths from the chain's outputs to the targets lead through its input?"""
    if len(targets) == 1 and chain.x in targets:
        return True
    seen, stack = {chain.x}, [*chain.outputs, *chain.cotangents]
    while stack:
        node = stack.pop()
        if node in seen or not node.tape:
            continue
        if node in targets:
            return False
        seen.add(node)
        stack.extend(node.inputs)
    return True


def _ends(chain: Chain, step):
    """The last nodes with rows on the way from the input to the outputs, with their cotangents.

    From the outputs down to them everything must be linear, so that the cotangents do not depend on the input.
    """
    x = chain.x
    states = {x: _WHOLE if math.prod(x.aval.shape) == 1 else max(range(x.aval.ndim), key=x.aval.shape.__getitem__)}
    nodes = region([*chain.outputs, *chain.cotangents], {x})
    for node in nodes:
        meta = node.meta
        if node.tape == FREED or meta is not None and _watched(meta):
            return None
        states[node] = _state(node, states) if node.tape else None
        if not node.tape and node.sig.tape and not is_select(node) and node.sig.op is not ALIAS:
            return None  # made under no_grad: a constant here, but not to the series
    if any(states.get(ct) is not None for ct in chain.cotangents):
        return None
    grads = {}
    for out, ct in zip(chain.outputs, chain.cotangents):
        if out in states:
            grads[out] = ct if out not in grads else node_of(wrap(grads[out]) + wrap(ct))
    ends, wanted = [], set(states)
    for node in (*reversed(nodes), x):
        ct = settled(grads.pop(node, None))
        if ct is None or states[node] is None:
            continue
        if not isinstance(states[node], tuple) and states[node] is not MIXED:
            ends.append((node, ct, states[node]))
        elif node.sig.op.saves and not is_select(node):
            return None
        else:
            step(node, ct, wanted, grads)
    return ends


def _watched(meta) -> bool:
    """Does the user see, or change, what the backward pass does at this node?"""
    return bool(meta.hooks or meta.pre_hooks or meta.post_hooks or meta.retain or meta.custom or meta.saved)


def _state(node: Node, states):
    op = node.sig.op
    if is_select(node):
        whole = states.get(node.inputs[0])
        return whole[node.sig.template[1]] if isinstance(whole, tuple) else whole
    if op is REPLACE:
        return states.get(node.inputs[1])
    if op is ALIAS:
        return None
    given = tuple([states.get(a) for a in node.inputs])
    if _WHOLE in given:
        return _WHOLE
    if MIXED in given or any(isinstance(s, tuple) for s in given):
        return MIXED
    return None if all(s is None for s in given) else rows(node.sig, given)

"""Gradients of pieces of a tensor, of which each would be one of zeros with the piece's inside it.

The gradient of ``x`` is the sum of what comes back from ``x[:2]`` and ``x[2:]``. As a sum it writes all of ``x`` for
each; with the 100 steps of an unrolled recurrent network, that is 100 times too much. If no place is in two pieces, it is
their gradients side by side. (The sum of three heads' parts of a Transformer's projection takes 2.5 times as long,
in bfloat16 eight times.)
"""

from __future__ import annotations

from rustorch.autograd.step_hooks import add
from rustorch.eager.nodes import apply_node, filled
from rustorch.graph import Node, aval
from rustorch.lowering.ops.view import basic_index
from rustorch.lowering.table import TABLE
from rustorch.lowering.template import ARRAY, Group


class Pieces:
    """What has come back to a node so far: the sum of whole gradients, and those of pieces along one dimension."""

    __slots__ = ("total", "held", "pull")

    def __init__(self, total, pull):
        self.total = total  # a gradient, or None
        self.held: list = []  # (node of a piece, its gradient)
        self.pull = pull  # from both to the gradient of the whole

    def nodes(self) -> list:
        """All gradients here."""
        return [g for g in (self.total, *[ct for _, ct in self.held]) if g is not None]

    def settle(self):
        """The gradient of the whole."""
        whole = _side_by_side(self.held)
        parts = [self.pull(node, ct) for node, ct in self.held] if whole is None else [whole]
        total = self.total
        for part in parts:
            total = part if total is None else add(total, part)
        return total


def is_piece(node: Node) -> bool:
    """Does a node read consecutive places along one dimension, or one of them?"""
    return node.sig.op is basic_index and _dim(node) is not None


def settled(gradient):
    """A gradient that may still be in pieces."""
    return gradient.settle() if type(gradient) is Pieces else gradient


def _dim(node: Node) -> int | None:
    """The dimension of which a node reads a part; None if that is more than one, or with gaps."""
    spec = node.sig.template[1]
    parts = [d for d, entry in enumerate(spec) if entry != ":"]
    if len(parts) == 1 and (spec[parts[0]] == "i" or spec[parts[0]][1:] == (1,)):
        return parts[0]
    return None


def _side_by_side(held):
    """The gradients of pieces as one, with zeros between them; None if they overlap or lie along several dimensions."""
    dims = {_dim(node) for node, _ in held}
    if len(held) < 2 or len(dims) > 1:
        return None
    (d,) = dims
    whole = held[0][0].inputs[0].aval
    parts, at = [], 0
    for node, ct in sorted(held, key=lambda piece: piece[0].numbers[0]):
        (start,) = node.numbers
        if start < at:
            return None
        if start > at:
            parts.append(_zeros(whole, d, start - at))
        if node.sig.template[1][d] == "i":
            ct = apply_node(TABLE["unsqueeze"], (ARRAY, d), (ct,))
        parts.append(ct)
        at = start + ct.aval.shape[d]
    if at < whole.shape[d]:
        parts.append(_zeros(whole, d, whole.shape[d] - at))
    return apply_node(TABLE["cat"], (Group((ARRAY,) * len(parts)), d), parts)


def _zeros(whole, d: int, n: int) -> Node:
    return filled(aval((*whole.shape[:d], n, *whole.shape[d + 1 :]), whole.dtype, whole.device), 0)

"""Recorded nodes whose gradients are computed from a second evaluation of them: what checkpoints are made of.

Nodes are pure, so recomputing is recording copies of them: the same numbers, the same draws. The copies start
from a barrier over the arguments and the cotangent that asked first, as in ``jax.checkpoint``; XLA could
merge them with the originals otherwise, or run them early.
"""

from __future__ import annotations

import functools
from contextlib import nullcontext
from operator import attrgetter

import jax
import jax.numpy as jnp

from rustorch.autograd.saved import with_history
from rustorch.eager.nodes import apply_node, select
from rustorch.eager.recorder import wrap
from rustorch.eager.state import local
from rustorch.eager.tensor import Tensor
from rustorch.eager.views import node_of
from rustorch.graph import NO_TAPE, Node
from rustorch.graph.node import ensure_meta
from rustorch.lowering.platform import on_cpu
from rustorch.lowering.table import Op
from rustorch.lowering.template import ARRAY, Group


def _barrier(values, after):
    """The values, not computed before ``after`` and not merged with anything."""
    if on_cpu():
        return tuple(_opaque(values, after))
    return jax.lax.optimization_barrier((*values, *after))[: len(values)]


def _opaque(values, after):
    """XLA for CPUs drops barriers before it merges equal operations, so there the values are picked by a bit that
    is always set but that it cannot know: one copy of each value."""
    bits = [jax.lax.bitcast_convert_type(a.reshape(-1)[0].real.astype(jnp.float32), jnp.int32) for a in after if a.size]
    always = functools.reduce(jnp.bitwise_or, bits, jnp.int32(0)) | 1 if bits else None
    return [v if always is None else jnp.where(always != 0, v, jnp.zeros_like(v)) for v in values]


BARRIER = Op(_barrier, "op", name="barrier", method=False, function=False, saves=False)


def behind(values: list[Node], after: list[Node]) -> list[Node]:
    """Copies of ``values`` that wait for ``after``."""
    if not values:
        return []
    before, local.grad = local.grad, False
    try:
        template = (Group((ARRAY,) * len(values)), Group((ARRAY,) * len(after)))
        whole = apply_node(BARRIER, template, (*values, *after))
    finally:
        local.grad = before
    return [select(whole, i) for i in range(len(values))]


class Region:
    """The nodes that were recorded for ``outputs`` after ``start``.

    Their gradients read copies of them, made once per backward pass. ``boundary`` are the nodes outside that
    they use, and those for which ``keep(node)`` holds; of these, ``arguments`` wait for the cotangent. A program that ends before the backward pass stores them.
    """

    recomputes = True

    def __init__(self, outputs: list[Node], start: int, arguments=(), keep=None, context=nullcontext):
        self.outer: Region | None = None
        self.context = context
        found = _recorded_since(start, outputs)
        kept = {n for n in found if keep is not None and keep(n)}
        self.steps = {n: n.inputs for n in found if n not in kept}
        self.boundary = list(dict.fromkeys(a for inputs in self.steps.values() for a in inputs if a not in self.steps))
        behind = [i for i, n in enumerate(self.boundary) if n in arguments]
        self.barred = behind or [i for i, n in enumerate(self.boundary) if type(n.aval) is not tuple]
        for node in found:
            if node.tape:
                self._take(node)

    def _take(self, node: Node) -> None:
        meta = ensure_meta(node)
        inner = meta.saved
        if inner is None:
            meta.saved = self
        elif inner is not self and isinstance(inner, Region):
            inner.outermost()._set_outer(self)
        if meta.custom is not None and hasattr(meta.custom[1], "_kept_elsewhere"):
            meta.custom[1]._kept_elsewhere(meta.saved.value_with_history)

    def _set_outer(self, outer: Region) -> None:
        if self is not outer:
            self.outer = outer

    def outermost(self) -> Region:
        """The checkpoint around all others."""
        region = self
        while region.outer is not None:
            region = region.outer
        return region

    def unpack(self, node: Node, inputs: list[Node]) -> list[Node]:
        """What the gradient of ``node`` is computed from."""
        return [self.value_with_history(n) for n in inputs]

    def value_with_history(self, node: Node) -> Node:
        """The copy of ``node``, with its gradient path; outside a backward pass the node itself."""
        return node if local.task is None else with_history(self.value(node), node)

    def value(self, node: Node) -> Node:
        """The copy of ``node`` for the backward pass that runs."""
        copies = local.task.copies.get(self)
        if copies is None:
            copies = local.task.copies[self] = self._behind_the_cotangent()
        if node not in self.steps:
            return copies.get(node, node)
        stack = [node]
        while stack:
            n = stack[-1]
            if n in copies:
                stack.pop()
                continue
            missing = [a for a in self.steps[n] if a not in copies and a in self.steps]
            if missing:
                stack.extend(missing)
            else:
                stack.pop()
                copies[n] = Node(n.sig, tuple([copies.get(a, a) for a in self.steps[n]]), n.numbers, NO_TAPE)
        return copies[node]

    def _behind_the_cotangent(self) -> dict[Node, Node]:
        with self.context():
            given = [n if self.outer is None else self.outer.value(n) for n in self.boundary]
            copies = dict(zip(self.boundary, given))
            for i, copy in zip(self.barred, behind([given[i] for i in self.barred], local.task.tie)):
                copies[self.boundary[i]] = copy
        return copies


def _recorded_since(start: int, outputs: list[Node]) -> list[Node]:
    """Nodes of this recording, in order, that can be recorded again."""
    seen: set[Node] = set()
    stack = list(outputs)
    while stack:
        node = stack.pop()
        again = node.inputs or (node.value is None and node.sig.op.kind != "stand-in")
        if node in seen or node.seq <= start or node.is_leaf or not again:
            continue
        seen.add(node)
        stack.extend(node.inputs)
    return sorted(seen, key=attrgetter("seq"))


def tensors_behind(tensors, grads):
    """``tensors`` (other values pass) as copies that wait for the gradients ``grads``."""
    where = [i for i, t in enumerate(tensors) if isinstance(t, Tensor)]
    copies = behind([node_of(tensors[i]) for i in where], [node_of(g) for g in grads if isinstance(g, Tensor)])
    out = list(tensors)
    for i, copy in zip(where, copies):
        out[i] = wrap(copy)
    return out

"""Record a function on stand-ins for its arguments, and walk what was recorded."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from operator import attrgetter

from rustorch.eager.nodes import filled
from rustorch.eager.state import local
from rustorch.errors import RustorchRuntimeError
from rustorch.graph import Aval, Node, Sig
from rustorch.graph.node import next_seq
from rustorch.lowering.infer import SIGS, remember
from rustorch.lowering.ops.structural import SELECT
from rustorch.lowering.table import Op
from rustorch.lowering.template import ARRAY

_by_seq = attrgetter("seq")


def _no_value():
    raise RustorchRuntimeError(
        "vmap: It looks like you're looking at a Tensor's values (.item(), bool(), print(), data-dependent control "
        "flow) inside a function that vmap maps; they differ from row to row. Please rewrite it with torch.where or "
        "other operations."
    )


STAND_IN = Op(_no_value, "stand-in", name="stand_in", method=False, function=False)


def _same(input):
    """The same value, on the tape."""
    return input


SAME = Op(_same, "op", name="same", method=False, function=False, saves=False)


def stand_in(aval: Aval, tape: int) -> Node:
    """A node without value: an argument of a function that is only being recorded."""
    key = (STAND_IN, aval)
    sig = SIGS.get(key) or remember(key, Sig(STAND_IN, (), (), (), aval, tape))
    return Node(sig, (), (), tape)


def same(node: Node, tape: int) -> Node:
    """The value of ``node`` under a node of its own, so that what depends on it can be told."""
    key = (SAME, node.aval)
    sig = SIGS.get(key) or remember(key, Sig(SAME, (ARRAY,), (node.aval,), (), node.aval, 1))
    return Node(sig, (node,), (), tape)


def region(outputs, sources, also=None) -> list[Node]:
    """The nodes between ``sources`` and ``outputs`` in order: those that depend on a source.

    ``also(node)`` may declare further nodes dependent.
    """
    seen: set[Node] = set()
    stack = list(outputs)
    while stack:
        node = stack.pop()
        if node in seen:
            continue
        seen.add(node)
        if node not in sources:
            stack.extend(node.inputs)
    depends = set(sources)
    found = []
    for node in sorted(seen, key=_by_seq):
        if node in depends:
            continue
        if any(a in depends for a in node.inputs) or (also is not None and also(node)):
            depends.add(node)
            found.append(node)
    return found


def zero_of(node: Node) -> Node:
    """A zero tangent for ``node``."""
    return filled(node.aval, 0)


def is_select(node: Node) -> bool:
    """Does the node pick one of several results?"""
    return node.sig.op is SELECT


@contextmanager
def recording():
    """Record without starting programs: what is recorded may depend on stand-ins."""
    outside, local.pending = local.pending, type(local.pending)()
    before, local.traced_from = local.traced_from, next_seq()
    local.tracing += 1
    inside: list = []
    try:
        yield
        inside = local.pending  # after an error nothing of it is started: some may hang on stand-ins
    finally:
        local.tracing -= 1
        local.traced_from = before
        local.pending = outside
        outside.extend(inside)


def forget(sources, message: str) -> None:
    """Drop what depends on stand-ins from the pending list.

    Raises:
        RuntimeError: a tensor from outside is left with such a value.
    """
    kept = type(local.pending)()
    alive = [s.node for r in local.pending if (s := r()) is not None and s.node.value is None]
    dependent = {*sources, *region(alive, sources)}
    # A storage is listed once when it is made and once for each write: one from outside, only for writes.
    listed = Counter(id(s) for r in local.pending if (s := r()) is not None)
    for r in local.pending:
        s = r()
        if s is None or s.node.value is not None:
            continue
        if s.node not in dependent:
            kept.append(r)
        elif listed[id(s)] <= s.writes:
            raise RustorchRuntimeError(message)
    local.pending[:] = kept

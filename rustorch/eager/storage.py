"""``Storage``: the mutable cell behind tensors that alias one another."""

from __future__ import annotations

from weakref import ref

from rustorch.eager.state import local
from rustorch.lowering import compile as compiler

# A thread that recorded this many tensors without a look starts a program on its own.
PENDING_LIMIT = 512


class Storage:
    """Holds the node of the current value. ``epoch`` tells aliases that they must look again."""

    __slots__ = ("node", "epoch", "writes", "__weakref__")

    def __init__(self, node):
        self.node = node
        self.epoch = 0
        self.writes = 0  # PyTorch's `_version`

    def register(self) -> None:
        """Note that there is something to compute."""
        pending = local.pending
        pending.append(ref(self))
        if len(pending) > PENDING_LIMIT:
            over_limit(self.node)


def over_limit(node) -> None:
    """Start a program, but at an op like the one of the last time, so that loops cut at one place
    and their stretches are one structure; wait for it at most twice as long again."""
    if local.tracing:
        return
    if local.cut_at is None or node.sig is local.cut_at or len(local.pending) > 3 * PENDING_LIMIT:
        local.cut_at = node.sig
        flush()


def flush(extra=()) -> None:
    """Compute every pending node of this thread's live storages, and ``extra``, as one program."""
    if local.tracing:
        compiler.run(list(extra))
        return
    local.deferred = None
    pending, local.pending = local.pending, []
    roots = list(extra)
    for r in pending:
        s = r()
        if s is not None and s.node.value is None:
            roots.append(s.node)
    if roots:
        compiler.run(roots)

"""``Storage``: the mutable cell behind tensors that alias one another."""

from __future__ import annotations

from weakref import WeakSet, ref

from rustorch.eager.state import local, look_closely
from rustorch.lowering import compile as compiler

# A thread that recorded this many tensors without a look starts a program on its own.
PENDING_LIMIT = 512


# Storages of tensors that were made under `inference_mode`.
INFERENCE: WeakSet = WeakSet()


class _Inference(list):
    """What is pending under `inference_mode`: notes every new storage, so that nothing has to ask elsewhere."""

    def append(self, r) -> None:
        """List a storage; one that is only written to is not new."""
        s = r()
        if not s.writes:
            INFERENCE.add(s)
        list.append(self, r)


def switch_inference(on: bool) -> None:
    """Make new tensors inference tensors, or not."""
    local.inference = on
    local.pending = (_Inference if on else list)(local.pending)
    look_closely(INFERENCE)


class Storage:
    """Holds the node of the current value. ``epoch`` tells aliases that they must look again."""

    __slots__ = ("node", "epoch", "writes", "keeper", "__weakref__")

    def __init__(self, node):
        self.node = node
        self.epoch = 0
        self.writes = 0  # PyTorch's `_version`

    def lend(self, keeper) -> None:
        """Leave the value to ``keeper``: whoever looks at this storage makes it ``give_back`` what it keeps."""
        self.keeper = keeper
        self.__class__ = Lent

    def reclaim(self) -> None:
        """Take the value back if it is lent: some tensor is about to be another in a way that shows in no value."""

    def register(self) -> None:
        """Note that there is something to compute."""
        pending = local.pending
        pending.append(ref(self))
        if len(pending) > PENDING_LIMIT:
            over_limit(self.node)


def _looked_at(slot):
    """A property that takes the value back first."""

    def get(s):
        s.reclaim()
        return slot.__get__(s)

    def put(s, value):
        s.reclaim()
        slot.__set__(s, value)

    return property(get, put)


class Lent(Storage):
    """A storage whose value is elsewhere until somebody looks; another class, so that others pay nothing for it."""

    __slots__ = ()
    node, epoch, writes = map(_looked_at, (Storage.node, Storage.epoch, Storage.writes))

    def reclaim(self) -> None:
        with compiler.LOCK:  # the keeper may be computing what it will give
            if type(self) is Lent:
                self.keeper.give_back()


def over_limit(node) -> None:
    """Start a program, but at an op like the one of the last time, so that loops cut at one place
    and their stretches are one structure; wait for it at most twice as long again."""
    if local.tracing or local.recorder is not None:
        return
    if local.cut_at is None or node.sig is local.cut_at or len(local.pending) > 3 * PENDING_LIMIT:
        local.cut_at = node.sig
        flush()


def flush(extra=(), looked: bool = False) -> None:
    """Compute every pending node of this thread's live storages, and ``extra``, as one program; ``looked``: somebody waits."""
    if local.tracing:
        compiler.run(list(extra), looked)
        return
    local.deferred = None
    pending, local.pending = local.pending, type(local.pending)()
    roots = list(extra)
    for r in pending:
        s = r()
        if s is not None and type(s) is not Lent and s.node.value is None:
            roots.append(s.node)
    if roots:
        compiler.run(roots, looked)

"""``Keeper``: state that a traced function keeps for itself between its calls, until somebody looks at it."""

from __future__ import annotations

from rustorch.eager.storage import Storage

PATIENCE = 3  # calls in a row before which somebody looked, after which ...
PAUSE = 16  # ... so many calls leave their state where everybody finds it


class Keeper:
    """The arrays behind storages that each call replaces; while nobody looks, calls need not visit them one by one.

    ``writes``: how often one call writes to each.
    """

    def __init__(self, storages: list[Storage], writes: list[int]):
        self.arrays = None  # in the order of the storages; None while they hold their values themselves
        self.storages, self._writes = storages, writes
        self._calls = self._in_vain = self._waiting = 0

    def take(self, arrays) -> None:
        """Keep what the storages would get now, after a call that found its nodes its own."""
        if self._waiting:
            self._waiting -= 1
            give(self.storages, arrays, self._writes)
            return
        for s in self.storages:
            s.node.value = None
            s.lend(self)
        self.arrays, self._calls = arrays, 1

    def again(self, arrays) -> None:
        """Keep what another call made of them."""
        if self.arrays is None:  # somebody looked while the call was running: a destructor, say
            give(self.storages, arrays, self._writes)
            return
        self.arrays = arrays
        self._calls += 1

    def give_back(self) -> None:
        """Let the storages hold their values themselves."""
        arrays, self.arrays = self.arrays, None
        self._in_vain = self._in_vain + 1 if self._calls == 1 else 0
        if self._in_vain == PATIENCE:
            self._in_vain, self._waiting = 0, PAUSE
        for s in self.storages:
            s.__class__ = Storage
            del s.keeper
        give(self.storages, arrays, self._writes, self._calls)


def give(storages, arrays, writes, calls: int = 1) -> None:
    """Put the results of ``calls`` calls into storages: their nodes stay, with other values."""
    for s, array, n in zip(storages, arrays, writes):
        s.node.value = array
        s.epoch += 1
        s.writes += n * calls

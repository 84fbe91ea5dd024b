"""``Keeper``: state that a traced function keeps for itself between its calls, until somebody looks at it."""

from __future__ import annotations

from operator import call
from weakref import ref

from rustorch.eager.storage import Storage
from rustorch.lowering.packing import Packing

PATIENCE = 3  # calls in a row before which somebody looked, after which ...
PAUSE = 16  # ... so many calls leave their state where everybody finds it


class Keeper:
    """What is behind storages that each call replaces; while nobody looks, calls need not visit them one by one.

    It lives as long as one of them, which may be longer than the function. Nothing is given back when that goes away: a
    finalizer may run while JAX notes down the Python stack, and if it calls JAX then, JAX counts references wrongly
    (jaxlib 0.10, Python 3.11).

    ``writes``: how often one call writes to each. ``packing``: the forms in which their arrays go from call to call.
    """

    def __init__(self, storages: list[Storage], writes: list[int], packing: Packing):
        self.forms = None  # None while the storages hold their values themselves
        self._storages, self._writes, self.packing = [*map(ref, storages)], writes, packing
        self._calls = self._in_vain = self._waiting = 0

    @property
    def storages(self) -> list[Storage]:
        """Those that are still there."""
        return [s for s in map(call, self._storages) if s is not None]

    def take(self, forms) -> None:
        """Keep what the storages would get now, after a call that found its nodes its own."""
        if self._waiting:
            self._waiting -= 1
            self.put(forms)
            return
        for s in self.storages:
            s.node.value = None
            s.lend(self)
        self.forms, self._calls = forms, 1

    def again(self, forms) -> None:
        """Keep what another call made of them."""
        if self.forms is None:  # somebody looked while the call was running: a destructor, say
            self.put(forms)
            return
        self.forms = forms
        self._calls += 1

    def give_back(self) -> None:
        """Let the storages hold their values themselves."""
        forms, self.forms = self.forms, None
        self._in_vain = self._in_vain + 1 if self._calls == 1 else 0
        if self._in_vain == PATIENCE:
            self._in_vain, self._waiting = 0, PAUSE
        for s in self.storages:
            s.__class__ = Storage
            del s.keeper
        self.put(forms, self._calls)

    def put(self, forms, calls: int = 1) -> None:
        """Put the results of ``calls`` calls into the storages: their nodes stay, with other values."""
        give(map(call, self._storages), self.packing.unpack(forms), self._writes, calls)


def give(storages, arrays, writes, calls: int = 1) -> None:
    """Make arrays the values of storages, of those that are still there: their nodes stay."""
    for s, array, n in zip(storages, arrays, writes):
        if s is not None:
            s.node.value = array
            s.epoch += 1
            s.writes += n * calls

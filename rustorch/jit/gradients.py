"""``Gradients``: tensors that a call leaves as ``.grad``; where nobody looked at them, the next call only fills them anew."""

from __future__ import annotations

from operator import attrgetter, is_
from sys import getrefcount

from rustorch.jit.guards import Guards
from rustorch.jit.keeper import Keeper
from rustorch.jit.sources import Place
from rustorch.jit.variant import Variant
from rustorch.lowering.packing import Packing

_grad, _leaf = attrgetter("_grad"), attrgetter("_leaf")
_value, _exported = attrgetter("value"), attrgetter("exported")


class Gradients:
    """The rebindings of a variant that are plain new gradients, in ``mine``; ``others`` are the rest."""

    def __init__(self, variant: Variant):
        mine, others = [], []
        again = {what for how, what in (*variant.results, *[v for _, v in variant.rebinds]) if how == "again"}
        for place, (how, spec) in variant.rebinds:
            grad = isinstance(place, Place) and place.record.kind == "grad" and how == "new"
            if grad and type(spec.at) is int and spec.base is None and spec.index not in again and not spec.leaf:
                mine.append((place, spec))
            else:
                others.append((place, (how, spec)))
        shared = {spec.base for how, spec in variant.results if how == "new"}
        if shared & {spec.index for _, (how, spec) in variant.rebinds if how == "new"}:
            mine, others = [], list(variant.rebinds)
        self.others = others
        self._mine = sorted(mine, key=lambda pair: pair[1].at)  # the same whatever the walk's order was
        self._holders = [place.record.holder for place, _ in self._mine]
        self.outputs = [spec.at for _, spec in self._mine]
        self.avals = [spec.aval for _, spec in self._mine]
        self.packing = Packing(self.avals, together=False)
        self._tensors: list = []
        self._keeper = None

    def are_free(self) -> bool:
        """Are they all there still, and does nobody else hold one?"""
        now = [*map(_grad, self._holders)]
        if not self._tensors or not all(map(is_, now, self._tensors)):
            return False
        # References: the owner, the list here, the argument; for a tensor `now` and the guards, for a node its tensor too.
        if max(map(getrefcount, now)) > 5 or max(map(getrefcount, self._storages)) > 3:
            return False
        if self._keeper.forms is not None:
            return True
        return (
            max(map(getrefcount, self._nodes)) <= 4
            and not any(map(_exported, self._nodes))
            and not any(map(_leaf, now))
        )

    def forms(self) -> list:
        """Their buffers, for this call's gradients."""
        if self._keeper.forms is not None:
            return self._keeper.forms
        return self.packing.pack([*map(_value, self._nodes)])

    def room(self) -> list:
        """Other buffers of the same kinds."""
        return self.packing.room()

    def refill(self, forms) -> None:
        """Give them this call's values."""
        if self._keeper.forms is not None:
            self._keeper.again(forms)
        else:
            self._keeper.take(forms)

    def replace(self, given, forms, guards: Guards) -> None:
        """Put new tensors there, with this call's values."""
        if not self._mine:
            return
        self._tensors = [spec.from_value(None) for _, spec in self._mine]
        self._storages = [t._storage for t in self._tensors]
        self._nodes = [s.node for s in self._storages]
        self._keeper = Keeper(self._storages, [0] * len(self._storages), self.packing)
        self._keeper.take(forms)
        for (place, _), t in zip(self._mine, self._tensors):
            place.put(given, t)
        guards.know(dict(zip(map(id, self._holders), self._tensors)))

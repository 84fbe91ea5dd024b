"""``Guards``: what has to be so for a recorded call to hold, checked at each call."""

from __future__ import annotations

from collections import OrderedDict
from itertools import chain
from operator import attrgetter, is_, itemgetter

from rustorch.eager.foreign import PARTS
from rustorch.eager.tensor import Tensor
from rustorch.eager.views import node_of
from rustorch.jit.analysis import Analysis
from rustorch.jit.sources import Arg, Fixed, Place
from rustorch.jit.state import MISSING, Record, parts_of, same_plain

_cell, _grad = attrgetter("cell_contents"), attrgetter("_grad")
_READERS = {"cell": [_cell], "grad": [_grad], "function": [attrgetter("__code__"), attrgetter("__defaults__")]}
_CONTAINERS = (dict, OrderedDict, list, set)
_facts = [attrgetter(name) for name in ("_storage", "_leaf", "_backward_hooks")]


class Guards:
    """Plain values and identities of what the call could read, and kinds of the tensors that it replaces.

    ``hold`` compares objects one by one without leaving C; only where one is another object, ``broken`` looks closer.
    What a ``keeper`` keeps nobody has looked at, let alone changed: tensors over it are not visited.
    """

    keeper = None

    def __init__(self, found: Analysis):
        self.records: list[tuple[Record, set]] = []
        self.places: list[tuple[Place, tuple]] = []
        for record in found.before.state.records:
            self._add(record, found.skips.get(id(record), set()))
        self.tensors = []
        for key, (t, origin) in found.before.known.items():
            if not isinstance(origin, Arg) and isinstance(found.before.source(key, False, found.changed), Fixed):
                self.tensors.append(t)
        self._prepare()

    def _add(self, record: Record, skip: set) -> None:
        for i in {*skip, 0} if record.kind == "grad" else skip:
            t = record.values[i]
            if isinstance(t, Tensor):
                self.places.append((Place(record, i), _kind(t)))
                skip.add(i)
        if skip:
            record.values = [None if i in skip else x for i, x in enumerate(record.values)]
        if len(skip) < len(record.values) or not record.values:
            self.records.append((record, skip))

    def _prepare(self) -> None:
        """Sort the records by how they are read fastest: all of a kind in one pass."""
        self._live, self._maps, self._items, self._slow = [], {}, [], []
        self._empty: list = []  # containers that had nothing in them, as most of a module's
        whole, items, at = [], [], 0
        self._moving: list = []  # places that the call changes itself: compared with what it left
        for record, skip in self.records:
            had = record.values[0] if record.kind == "set" else record.values
            if type(record.holder) in _CONTAINERS and not record.holder and not had:
                self._empty.append(record.holder)
            elif record.kind in ("dict", "list"):
                self._moving.extend((at + i, record.holder, record.keys[i] if record.keys else i) for i in skip)
                self._live.append(record.holder.values() if record.kind == "dict" else record.holder)
                whole.append(record.values)
                at += len(record.values)
            elif record.kind in _READERS and not skip:
                for read, value in zip(_READERS[record.kind], record.values):
                    holders, values = self._maps.setdefault(read, ([], []))
                    holders.append(record.holder)
                    values.append(value)
            elif record.kind == "names" and record.keys and not skip and not any(x is MISSING for x in record.values):
                self._items.append((itemgetter(*record.keys), record.holder))
                items.append(record.values)
            else:
                self._slow.append((record, [i for i in range(len(record.values)) if i not in skip]))
        self._lengths, self._whole = [*map(len, whole)], [*chain.from_iterable(whole)]
        self._contents = [*chain.from_iterable(items)]
        kept = set(map(id, self.keeper.storages)) if self.keeper is not None else ()
        self._parts: tuple[list, list] = [], []  # tensors that are visited, and those that are only if nothing is kept
        for t in self.tensors:
            self._parts[id(t._storage) in kept].append(t)
        self._facts = [[[*map(fact, part)] for fact in _facts] for part in self._parts]
        self._holders = [place.record.holder for place, _ in self.places if place.record.kind == "grad"]
        self._rest = [(place, kind) for place, kind in self.places if place.record.kind != "grad"]
        self._kinds = [kind for place, kind in self.places if place.record.kind == "grad"]
        self._last: list = [MISSING] * len(self._holders)
        self.settle()

    def settle(self) -> None:
        """The call is done: what it changes itself is compared with what it left."""
        for at, holder, key in self._moving:
            self._whole[at] = holder[key]

    def hold(self) -> bool:
        """Is every object the same one? If not, ``broken`` tells whether that matters."""
        try:
            if any(self._empty) or [*map(len, self._live)] != self._lengths:
                return False
            if not all(map(is_, chain.from_iterable(self._live), self._whole)):
                return False
            for read, (holders, then) in self._maps.items():
                if not all(map(is_, map(read, holders), then)):
                    return False
            now: list = []
            for read, holder in self._items:
                part = read(holder)
                if type(part) is tuple:
                    now.extend(part)
                else:
                    now.append(part)
            if not all(map(is_, now, self._contents)):
                return False
        except (ValueError, RuntimeError, KeyError, AttributeError):
            return False
        for record, used in self._slow:
            now, then = record.read(), record.values
            if len(now) != len(then):
                return False
            for i in used:
                if now[i] is not then[i] and not same_plain(now[i], then[i]):
                    return False
        keeps = self.keeper is not None and self.keeper.forms is not None
        for tensors, facts in zip(self._parts[: 2 - keeps], self._facts):
            for fact, then in zip(_facts, facts):
                if not all(map(is_, map(fact, tensors), then)):
                    return False
        return self._places_hold()

    def spare(self, keeper) -> None:
        """From now on do not visit what ``keeper`` keeps."""
        self.keeper = keeper
        self._prepare()

    def _places_hold(self) -> bool:
        now = [*map(_grad, self._holders)]
        if not all(map(is_, now, self._last)):
            for t, kind in zip(now, self._kinds):
                if not isinstance(t, Tensor) or _kind(t) != kind:
                    return False
        for place, kind in self._rest:
            t = place.find(())
            if not isinstance(t, Tensor) or _kind(t) != kind:
                return False
        return True

    def broken(self) -> str | None:
        """What does not hold, in words; None if all does."""
        if self.hold():
            return None
        for record, skip in self.records:
            why = record.stale(skip)
            if why is not None:
                return why
        for t, *facts in chain.from_iterable(zip(part, *facts) for part, facts in zip(self._parts, self._facts)):
            if not all(map(is_, [fact(t) for fact in _facts], facts)):
                return f"a tensor of shape {list(t.shape)} (its data, requires_grad or hooks)"
        for place, kind in self.places:
            t = place.find(())
            if not isinstance(t, Tensor) or _kind(t) != kind:
                return f"{place} (another kind of tensor, or none)"
        for record, skip in self.records:  # equal, though other objects: compare with these from now on
            record.values = [None if i in skip else x for i, x in enumerate(record.read())]
        self._prepare()
        return None

    def know(self, gradients: dict) -> None:
        """These gradients (by the id of their tensor) are of the right kind: the call itself left them."""
        self._last = [gradients.get(id(t), MISSING) for t in self._holders]


def _kind(t: Tensor) -> tuple:
    if type(t) in PARTS:
        *parts, rest = parts_of(t)
        return type(t), rest, *map(_kind, parts)
    node = node_of(t)
    return type(t), node.aval, t._leaf, bool(node.tape), t._parent is None


def kind_of_argument(t: Tensor) -> tuple:
    """What a recording takes for granted of a tensor that is passed."""
    grad = t._grad
    return _kind(t) if grad is None else (*_kind(t), _kind(grad))

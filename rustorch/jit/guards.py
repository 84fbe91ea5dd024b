"""``Guards``: what has to be so for a recorded call to hold, checked at each call."""

from __future__ import annotations

from operator import is_

from rustorch.eager.tensor import Tensor
from rustorch.eager.views import node_of
from rustorch.jit.analysis import Analysis
from rustorch.jit.sources import Arg, Fixed, Place


class Guards:
    """Plain values and identities of what the call could read, and kinds of the tensors that it replaces."""

    def __init__(self, found: Analysis):
        state = found.before.state
        self.records, self.places = [], []
        for record in state.records:
            skip = found.skips.get(id(record), set())
            for i in list(skip) + ([0] if record.kind == "grad" else []):
                t = record.values[i]
                if isinstance(t, Tensor):
                    self.places.append((Place(record, i), _kind(t)))
                    skip.add(i)
                record.values[i] = None if i in skip else t
            if len(skip) < len(record.values) or not record.values:
                self.records.append((record, skip))
        fixed = {}
        for key, (t, origin) in found.before.known.items():
            if not isinstance(origin, Arg) and isinstance(found.before.source(key, False, found.changed), Fixed):
                fixed[key] = t
        self.tensors = list(fixed.values())
        self.facts = [x for t in self.tensors for x in _facts(t)]

    def broken(self) -> str | None:
        """What does not hold, in words; None if all does."""
        for record, skip in self.records:
            now = record.read()
            if len(now) != len(record.values) or not all(map(is_, now, record.values)):
                why = record.stale(skip)
                if why is not None:
                    return why
        for t, facts in zip(self.tensors, zip(*[iter(self.facts)] * 3)):
            if not all(map(is_, _facts(t), facts)):
                return f"a tensor of shape {list(t.shape)} (its data, requires_grad or hooks)"
        for place, kind in self.places:
            t = place.find(())
            if not isinstance(t, Tensor) or _kind(t) != kind:
                return f"{place} (another kind of tensor, or none)"
        return None


def _facts(t: Tensor) -> tuple:
    return t._storage, t._leaf, t._backward_hooks


def _kind(t: Tensor) -> tuple:
    node = node_of(t)
    return type(t), node.aval, t._leaf, bool(node.tape), t._parent is None


def kind_of_argument(t: Tensor) -> tuple:
    """What a recording takes for granted of a tensor that is passed."""
    grad = t._grad
    return _kind(t) if grad is None else (*_kind(t), _kind(grad))

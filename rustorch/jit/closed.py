"""``Closed``: a recorded call that leaves no gradient path open, as one program that is started at once.

State that stays where it is (parameters, buffers, an optimizer's moments) is passed from storage to program and back
without Python in between: its nodes, which nobody else holds, get the new arrays.
"""

from __future__ import annotations

from itertools import repeat
from operator import attrgetter, is_, itemgetter
from sys import getrefcount

from rustorch.autograd.transforms.tree import unflatten
from rustorch.eager.nodes import leaf
from rustorch.eager.storage import flush
from rustorch.eager.tensor import Tensor
from rustorch.eager.views import node_of
from rustorch.graph import ON_TAPE
from rustorch.jit.analysis import Analysis
from rustorch.jit.gradients import Gradients
from rustorch.jit.keeper import Keeper, give
from rustorch.jit.sources import Constant, Fixed, Made, Place, Root, overwrite
from rustorch.jit.variant import Variant, value_at
from rustorch.lowering.compile import Kept
from rustorch.lowering.ops.structural import SELECT
from rustorch.lowering.packing import Packing, worth_it
from rustorch.lowering.placement import copied
from rustorch.lowering.plan import is_kept
from rustorch.lowering.short import reachable

_node, _value, _exported, _own = attrgetter("node"), attrgetter("value"), attrgetter("exported"), attrgetter("_node")


class Closed(Variant):
    """Starts one program per call; buffers that the call overwrites are reused for the results."""

    what = "one program"

    def __init__(self, found: Analysis, name: str):
        super().__init__(found, name)
        self.pairs, self.device, self.kinds = found.donated, found.device, _kinds(found.roots)
        self.donated = [i for i, _ in found.donated]
        self._gradients = Gradients(self)
        # Storages that are read, or read and written, at a fixed place: found without asking their tensors.
        roots = [_fixed_root(source) for source in self.sources]
        self._slots = [i for i, t in enumerate(roots) if t is not None]
        self._tensors = [t for t in roots if t is not None]
        self._storages = [t._storage for t in self._tensors]
        self._others = [(i, source) for i, source in enumerate(self.sources) if roots[i] is None]
        self._donated = frozenset(self.donated)
        where = {id(t._storage): k for k, t in enumerate(self._tensors)}
        self._straight, self._writes = [], []  # written by array, and by node
        for source, spec, writes in self.writes:
            k = where.get(id(source.find(())._storage)) if _fixed_root(source) is not None else None
            if k is not None and type(spec.at) is int and spec.aval == _aval_of(self._tensors[k]):
                self._straight.append((k, spec.at, writes))
            else:
                self._writes.append((source, spec, writes))
        made = [spec.at for spec in found.specs()]
        self._outside = [at for at in made if type(at) is not int]  # values that only change their place
        # In the order in which the program takes them, so that it may be started on what it gave.
        order = {i: at for at, i in enumerate(self.donated)}
        self._straight.sort(key=lambda write: order.get(self._slots[write[0]], 0))
        self._replaced = [self._storages[k] for k, _, _ in self._straight]
        self._written, self._counts = [at for _, at, _ in self._straight], [n for _, _, n in self._straight]
        self._packing, self._keeper = self._pack(found, made), None
        # Kept are results of a call whose state all stays where it is.
        if self._packing is not None and [self._slots[k] for k, _, _ in self._straight] == self.donated:
            self._keeper = Keeper(self._replaced, self._counts, self._packing)
        self.program = None
        if found.roots:
            packing = None if self._packing is None else (self._packing, self._gradients.packing)
            spare = self._gradients.outputs
            self.program = Kept(found.plan, found.device, found.donated, f"traced function {name}", spare, packing)
        self.pure = self.program is not None and not (
            self.writes or self.rebinds or self.flags or self.looks or self.actions or self.donated
            or any(isinstance(source, (Place, Root)) for _, source in self._others)
        )  # fmt: skip
        # Where each value is among the arrays that are gathered, and each result among those of the program.
        pool = {i: k for k, i in enumerate((*self._slots, *[i for i, _ in self._others]))}
        self._pick_donated = _picker([pool[i] for i in self.donated])
        self._pick_kept = _picker([pool[i] for i in range(len(self.sources)) if i not in self._donated])
        self._given = self.program.places() if self.program is not None else []
        together = self._packing is not None and self._keeper is None  # results are taken apart first
        self._place = list(range(len(self._given))) if together else self._given
        self._read = []
        if self._packing is not None:
            n, more = self._packing.n, self._gradients.packing.n
            self._pick_state, self._pick_gradients = itemgetter(slice(n)), itemgetter(slice(n, n + more))
        if self._keeper is None:
            self._pick_straight = _picker([self._place[at] for at in self._written])
            if self._packing is None:
                self._pick_gradients = _picker([self._place[at] for at in self._gradients.outputs])
        else:
            self.guards.spare(self._keeper)
            written = {k for k, _, _ in self._straight}
            self._read = [s for k, s in enumerate(self._storages) if k not in written]
            read = [i for k, i in enumerate(self._slots) if k not in written] + [i for i, _ in self._others]
            self._pick_read = _picker([at for _, at in sorted(zip(read, range(len(read))))])

    def _pack(self, found: Analysis, made: list) -> Packing | None:
        """The forms of state, if it is all that the call donates, each of it to its heir, and no two results are one array."""
        # An optimizer's state is a constant to the call that makes it; later calls are to share its program.
        born = {i for i in self.donated if isinstance(self.sources[i], Constant)}
        heirs = [(self._slots[k], at) for k, at, _ in self._straight]
        if not heirs or heirs != [pair for pair in found.donated if pair[0] not in born] or len(set(made)) < len(made):
            return None
        state = [found.plan.leaves[i].aval for i in self.donated]
        together = worth_it(state) and not self.looks  # what is looked at on the way has to be an array of its own
        self._gradients.packing = Packing(self._gradients.avals, together)
        return Packing(state, together, [self.kinds[at] for _, at in found.donated])

    def finish(self, found: Analysis) -> None:
        """Compute what the recorded call left, with the program that later calls will use."""
        values = [n.value for n in found.plan.leaves]
        if self.program is not None and not self.looks and all(v is not None for v in values):
            given = [copied(values[i]) for i in self.donated]
            if self._packing is not None:
                given = self._packing.pack(reachable(given, self.program.at))
            out = self.program(
                given + self._gradients.room(), [v for i, v in enumerate(values) if i not in self._donated]
            )
            for node, value in zip(found.roots, self._apart(out)):
                node.value = value
                while node.sig.op.kind in ("alias", "replace") and node.inputs[0].value is None:
                    node = node.inputs[0]
                    node.value = value
        flush()
        for node in found.plan.nodes:  # what is computed need not keep what it was computed from
            if node.value is not None and (node.tape != ON_TAPE or node.is_leaf) and not is_kept(node):
                node.inputs = ()

    def _apart(self, out) -> list:
        """The program's results as the plan has them."""
        results = [None if at is None else out[at] for at in self._given]
        if self._packing is not None:
            state = zip([at for _, at in self.pairs], self._packing.unpack(self._pick_state(out)))
            gradients = zip(self._gradients.outputs, self._gradients.packing.unpack(self._pick_gradients(out)))
            for at, value in (*state, *gradients):
                results[at] = value
        return results

    def begin(self, given):
        """Start a program without effects, before its guards are looked at: if they fail, nobody sees its results."""
        arrays = list(map(_value, map(_node, self._storages)))
        arrays.extend([value_at(source, given) for _, source in self._others])
        if any(map(is_, arrays, repeat(None))):
            return self.program([], [value_at(source, given) for source in self.sources])
        return self.program([], list(self._pick_kept(arrays)))

    def conclude(self, given, out):
        """The results of what ``begin`` started."""

        def make(spec: Made) -> Tensor:
            return spec.from_value(out[self._place[spec.at]] if type(spec.at) is int else value_at(spec.at, given))

        self.runs += 1
        return unflatten(self.structure, self.give(given, (), make)[1])

    def run(self, given, changed):
        """Start the program on what there is now, and hand its results over."""
        keeper, shared = self._keeper, False
        others = [value_at(source, given) for _, source in self._others]
        outside = {id(source): value_at(source, given) for source in self._outside}
        read = _gather(self._read)[1]
        lent = keeper is not None and keeper.forms is not None
        if lent:
            donated, kept = list(keeper.forms), list(self._pick_read(read + others))
        else:
            nodes, arrays = _gather(self._storages)
            arrays.extend(others)
            others = None
            shared = self._shared(nodes, arrays, given)
            donated, kept = list(self._pick_donated(arrays)), list(self._pick_kept(arrays))
            arrays = None
            if self._packing is not None:
                donated = self._packing.pack(reachable(donated, self.program.at))
        free = not self.looks and self._gradients.are_free()  # a look may fail: then the old ones stay
        donated += self._gradients.forms() if free else self._gradients.room()
        out = self.program(donated, kept, changed) if self.program is not None else ()
        gradients = self._pick_gradients(out)
        if keeper is None and self._packing is not None:
            out = self._apart(out)
        place = self._place
        if self.looks:
            self.see(lambda at: out[place[at]], given)
        roots = [source.find(given) for source, _, _ in self._writes]

        def value_of_spec(spec: Made):
            return out[place[spec.at]] if type(spec.at) is int else outside[id(spec.at)]

        rebinds = self._gradients.others
        new, results = self.give(given, rebinds, lambda spec: spec.from_value(value_of_spec(spec)))
        if lent:
            keeper.again(self._pick_state(out))
        elif keeper is not None and not shared:
            keeper.take(self._pick_state(out))
        elif keeper is not None:
            self._overwrite(nodes, keeper.packing.unpack(self._pick_state(out)))
        elif not shared:
            give(self._replaced, self._pick_straight(out), self._counts)
        else:
            self._overwrite(nodes, self._pick_straight(out))
        for root, (_, spec, writes) in zip(roots, self._writes):
            overwrite(root, leaf(value_of_spec(spec), spec.aval), writes)
        for (at, _), t in zip(rebinds, new):
            at.put(given, t)
        if self.flags:
            self.set_flags(given)
        if free:
            self._gradients.refill(gradients)
        else:
            self._gradients.replace(given, gradients, self.guards)
        return unflatten(self.structure, results)

    def _overwrite(self, nodes, arrays) -> None:
        for (k, _, writes), array in zip(self._straight, arrays):
            overwrite(self._tensors[k], leaf(array, nodes[k].aval), writes)

    def arrays(self, given, owned) -> list:
        """The arrays of all sources; those in ``owned`` may be given away."""
        values = [value_at(source, given) for source in self.sources]
        for i in owned:
            _copy_if_held(values, i, self.sources[i], given)
        return values

    def _shared(self, nodes, arrays, given) -> bool:
        """Does anybody else hold one of the nodes? Arrays that are to be reused are copied where somebody holds them."""
        # References to a node: its storage, the list, the argument of getrefcount, perhaps its tensor;
        # to an array: its node, the list, and the argument.
        held, used = [*map(getrefcount, nodes)], [*map(getrefcount, arrays)]
        mine = [*map(is_, map(_own, self._tensors), nodes)]
        free = held == [3 + own for own in mine] and not any(map(_exported, nodes))
        if not free or max(used, default=0) > 3:
            for k, (i, own) in enumerate(zip(self._slots, mine)):
                if i in self._donated and (held[k] > 3 + own or used[k] > 3 or nodes[k].exported):
                    arrays[k] = copied(arrays[k])
        for k, (i, source) in enumerate(self._others, len(nodes)):
            if i in self._donated:
                _copy_if_held(arrays, k, source, given)
        return not free


def _kinds(nodes) -> list[int]:
    """Numbers for nodes, the same for those that one operation made of a kind.

    An optimizer's step gives parameters first, then their state, each kind in the same order: shapes that come again and again.
    """
    found: dict = {}
    periods: dict = {}
    kinds = []
    for k, node in enumerate(nodes):
        key = k
        if node.sig.op is SELECT:
            made, at = node.inputs[0], node.sig.template[1]
            if made not in periods:
                periods[made] = _period([a.shape for a in made.aval])
            key = made, at // periods[made]
        kinds.append(found.setdefault(key, len(found)))
    return kinds


def _period(items) -> int:
    """After how many items they come again; 1 if they do not, or the last time not to the end."""
    n = len(items)
    return next((p for p in range(1, n // 2 + 1) if n % p == 0 and items == items[:p] * (n // p)), 1)


def _gather(storages):
    """Their nodes and arrays, computed where they are not yet."""
    nodes = list(map(_node, storages))
    arrays = list(map(_value, nodes))
    if any(map(is_, arrays, repeat(None))):
        flush(nodes)
        nodes = list(map(_node, storages))
        arrays = list(map(_value, nodes))
    return nodes, arrays


def _picker(places):
    """A function that gives the items at ``places`` of a list, in C."""
    if not places:
        return lambda items: ()
    if len(places) == 1:
        return lambda items: (items[places[0]],)
    return itemgetter(*places)


def _copy_if_held(values, i: int, source, given) -> None:
    """Make ``values[i]``, the array of ``source``, one that may be given away."""
    if type(source) is Constant:  # every call begins with it
        values[i] = copied(values[i])
        return
    t = source.find(given)
    node = t._storage.node
    # References: the owner, the local name or list, the argument of getrefcount, perhaps the tensor.
    if node.exported or getrefcount(node) > (4 if t._node is node else 3) or getrefcount(values[i]) > 3:
        values[i] = copied(values[i])


def _fixed_root(source) -> Tensor | None:
    """The tensor of a source that is always the same one and owns its data."""
    if isinstance(source, Root):
        source = Fixed(source.find(()), "") if isinstance(source.source, Fixed) else source
    return source.t if isinstance(source, Fixed) and source.t._parent is None else None


def _aval_of(t: Tensor):
    return node_of(t).aval

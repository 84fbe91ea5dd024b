"""``Analysis``: what a recorded call did, found out from what was before it, its graph, and what it left."""

from __future__ import annotations

import gc
from operator import attrgetter

from rustorch.autograd.transforms.draws import place_of_counter, place_of_key
from rustorch.autograd.transforms.tree import flatten
from rustorch.eager.foreign import PARTS
from rustorch.eager.generator import default_generator
from rustorch.eager.state import local
from rustorch.eager.tensor import Tensor
from rustorch.eager.views import node_of
from rustorch.graph import ON_TAPE, Node
from rustorch.jit.before import Before
from rustorch.jit.recording import Draw, Recording, Step
from rustorch.jit.sources import Arg, Constant, Key, Made, Place, parts_into
from rustorch.jit.state import PLAIN, Record, same_plain, show
from rustorch.lowering.plan import Plan


class Analysis:
    """Effects, results and program of one recorded call.

    ``writes`` are storages overwritten in place, ``rebinds`` places that hold another tensor now, ``results`` what was
    returned; ``plan`` computes ``roots`` from ``sources``. ``problem`` says why the call cannot be repeated, if so;
    ``settling`` that the next recording may do better.
    """

    def __init__(self, before: Before, recording: Recording, out):
        self.before, self.recording = before, recording
        self._ends: dict[Node, None] = {}
        self.changed: set = set()
        self.problem: str | None = None
        self.settling = True
        recording.settle()
        self._see_changes()
        self._see_writes()
        self._see_results(out)
        self.looks = [(look, self._place_of(before.origin(look.node))) for look in recording.looks]
        self._plan()
        self._wire_numbers()
        self._choose_mode()

    def _fail(self, reason: str, settling: bool = True) -> None:
        if self.problem is None or self.settling and not settling:
            self.problem, self.settling = reason, settling

    # ------------------------------------------------------------ what the call changed

    def _see_changes(self) -> None:
        """Attributes, items and variables that hold something else now."""
        before, recording = self.before, self.recording
        self.driven = {id(a.optimizer): a.optimizer for a in recording.actions if isinstance(a, Step)}
        names = before.state.names
        reads_options = any(n in names for n in ("param_groups", "lr", "learning_rate", "get_last_lr"))
        self.groups = {id(g) for o in self.driven.values() for g in o.param_groups}
        self.states = set() if "state" in names else {id(s) for o in self.driven.values() for s in o.state.values()}
        self.skips: dict[int, set] = {}
        self.rebinds: list = []
        if recording.blocked:
            self._fail(recording.blocked, settling=False)
        if before.state.opaque:
            self._fail(before.state.opaque, settling=False)
        self._see_draws()
        if before.mixed:
            self._fail("an argument shares its data with a tensor that the function reaches by itself")
        for record in before.state.records:
            own = id(record.holder) in self.groups and not reads_options or id(record.holder) in self.states
            now = record.read()
            same_keys = record.kind != "dict" or [*map(id, record.holder)] == [*map(id, record.keys)]
            if len(now) != len(record.values) or not same_keys:
                self._fail(
                    f"the function changes {record.name or 'a global'}, a {type(record.holder).__name__}, in size",
                )
                continue
            skip = self.skips.setdefault(id(record), set())
            for i, (new, old) in enumerate(zip(now, record.values)):
                if own and type(old) in (int, float, tuple):
                    skip.add(i)
                elif new is not old and not same_plain(new, old):
                    self._see_change(record, i, new, old)
        for i, old in before.arg_grads.items():
            new = before.given[i]._grad
            if new is not old:
                self.rebinds.append((Arg(i, grad=True), new))
        self.flags = []
        for key, (t, _) in before.known.items():
            storage, is_leaf, hooks = before.facts[key]
            if t._storage is not storage:
                self._fail(f"the function swaps the data under a tensor of shape {list(t.shape)}")
            if t._backward_hooks is not hooks:
                self._fail("the function registers hooks on a tensor from outside")
            if t._leaf != is_leaf:
                self.flags.append((before.source(key, False, self.changed), t._leaf))

    def _see_draws(self) -> None:
        """Draws can be repeated if a generator is only drawn from."""
        taken: dict = {}
        for action in self.recording.actions:
            if isinstance(action, Draw):
                taken.setdefault(id(action.generator), []).append(action)
        for draws in taken.values():
            g, first = draws[0].generator, draws[0].counter
            in_a_row = [a.counter for a in draws] == list(range(first, first + len(draws)))
            if not in_a_row or g.counter != first + len(draws) or g.key_on(draws[-1].device) is not draws[-1].key:
                self._fail("the function seeds a random generator")
            if any(node_of(a.key).seq > self.before.since for a in draws):
                self._fail("the function draws from a generator for the first time, or seeds it")
        seed, counter = self.before.seeds
        own = len(taken.get(id(default_generator), ()))
        if (default_generator._seed, default_generator.counter - own) != (seed, counter):
            self._fail("the function seeds the random generator")

    def _see_change(self, record: Record, i: int, new, old) -> None:
        named = record.named(i)
        if record.kind == "grad" and new is None or isinstance(new, Tensor):
            if record.kind in ("set", "array"):
                self._fail(f"the function changes {named}")
                return
            if (
                type(new) in PARTS
                and record.kind != "grad"
                or isinstance(new, Tensor)
                and type(new) not in (Tensor, *PARTS)
                and id(new) not in self.before.known
            ):
                self._fail(f"the function makes a new {type(new).__name__}, {named}")
            self.changed.add((id(record), i))
            if isinstance(old, Tensor):
                self.skips[id(record)].add(i)
            self.rebinds.append((Place(record, i), new))
        else:
            self._fail(f"the function changes {named} from {show(old)} to {show(new)}")

    def _see_writes(self) -> None:
        """Data that was overwritten in place."""
        self.writes = []
        for s, (key, node, writes) in self.before.storages.items():
            if s.node is not node and not _reads_as(s.node, node):
                source = self.before.source(key, True, self.changed)
                self.writes.append((source, Made(self._place_of(s.node), s.node, False), s.writes - writes))

    def _see_results(self, out) -> None:
        """What is returned and rebound: known tensors, new ones, and plain values."""
        made: dict = {}
        rebinds, self.rebinds = self.rebinds, []
        for place, new in rebinds:
            pairs = parts_into(place, new) if type(new) in PARTS else [(place, new)]
            self.rebinds.extend((at, self._value(x, made)) for at, x in pairs)
        leaves, self.structure = flatten(out)
        self.results = [self._value(x, made) for x in leaves]
        for node in self._hidden(made):
            self._place_of(node)
            self._fail(
                f"the function keeps a tensor of shape {list(node.aval.shape)} where it could not be found again"
            )

    def _value(self, x, made: dict):
        """How to give ``x`` again: ``(how, what)``."""
        if type(x) in PARTS:
            if not self.before.state.reaches(x):
                self._fail("the function keeps a new sparse tensor")
            return "plain", x
        if isinstance(x, Tensor):
            if id(x) in self.before.known:
                return "known", self.before.source(id(x), False, self.changed)
            if id(x) in made:
                return "again", made[id(x)]
            s = x._storage
            if s in self.before.storages:
                self._fail("the function returns or keeps a new view of a tensor from outside")
            if type(x) is not Tensor:
                self._fail(f"the function returns or keeps a new {type(x).__name__}")
            base = made.get(s)
            if base is not None and (x._parent is not None or made[base, "view"]):
                self._fail("the function returns or keeps two views of one new tensor")
            made[id(x)] = len(made)
            node = node_of(x)
            spec = Made(self._place_of(node), node, x._leaf)
            spec.index, spec.base = made[id(x)], base
            made.setdefault(s, spec.index)
            made[made[s], "view"] = x._parent is not None
            return "new", spec
        if isinstance(x, PLAIN) or x is None or self.before.state.reaches(x) or any(x is g for g in self.before.given):
            return "plain", x
        self._fail(f"the function returns a {type(x).__name__}")
        return "plain", x

    def _place_of(self, node: Node):
        """A recorded node as it is: an output of the program. A source for one from outside."""
        if not self._recorded(node):
            return self._leaf_source(node)
        self._ends[node] = None
        return node

    def _recorded(self, node: Node) -> bool:
        return node.seq > self.before.since and (node.value is None or bool(node.inputs))

    def _hidden(self, made: dict) -> list[Node]:
        """Pending nodes that something holds, but no effect accounts for."""
        # What the call left is young: no collection ran in it. A full one is slow, and this call may be recorded again anyway.
        for generation in (None, 1) if self.problem else (None, 1, 2):
            if generation is not None:
                gc.collect(generation)
            alive = [s for r in local.pending if (s := r()) is not None and s not in made and s.node.value is None]
            found = [s.node for s in alive if s.node not in self._ends and s.node.seq > self.before.since]
            if not found:
                break
        return found

    # ------------------------------------------------------------ the program

    def _leaf_source(self, node: Node):
        before = self.before
        known = before.origin(node)
        if known in before.nodes:
            key, root = before.nodes[known]
            return before.source(key, root, self.changed)
        for action in self.recording.actions:
            if isinstance(action, Draw) and node_of(action.key) is node:
                return Key(action.generator, action.device)
        if node.seq > before.since and node.value is not None:
            return Constant(node.value)
        self._fail("the function uses a tensor, or a gradient path, from outside that could not be found again")
        return Constant(node.value)

    def specs(self) -> list[Made]:
        """Everything that the program makes and somebody sees."""
        values = [*self.results, *[value for _, value in self.rebinds]]
        return [spec for _, spec, _ in self.writes] + [spec for how, spec in values if how == "new"]

    def _plan(self) -> None:
        self.roots = sorted(self._ends, key=attrgetter("seq"))
        at = {node: i for i, node in enumerate(self.roots)}
        for spec in self.specs():
            spec.at = at.get(spec.at, spec.at)
        self.looks = [(look, at.get(place, place)) for look, place in self.looks]
        self.plan = plan = Plan.of_recording(self.roots, self.before.since)
        self.sources = [self._leaf_source(n) for n in plan.leaves]
        devices = {a.device for n in plan.nodes for a in (n.aval if type(n.aval) is tuple else (n.aval,))}
        if len(devices) > 1:
            self._fail("the function computes on several devices")
        self.device = next(iter(devices), None)
        overwritten = [] if self.looks else [i for i, n in enumerate(plan.leaves) if n.overwritten is not None]
        self.donated = plan.heirs(overwritten)

    def _wire_numbers(self) -> None:
        """Which runtime numbers each action gives: ``(action, [(position among the numbers, which one)])``."""
        start: dict[Node, int] = {}
        at = 0
        for node in self.plan.nodes:
            start[node] = at
            at += len(node.numbers)
        draws, self.actions = {}, []
        for action in self.recording.actions:
            places: list = []
            self.actions.append((action, places))
            if isinstance(action, Draw):
                draws[node_of(action.key), action.counter] = places
            elif isinstance(action, Step):
                offset = 0
                for node in action.nodes:
                    if node in start:
                        places.extend((start[node] + i, offset + i) for i in range(len(node.numbers)))
                    offset += len(node.numbers)
        for node in self.plan.nodes:
            key = place_of_key(node.sig)
            if key is None:
                continue
            counter = place_of_counter(node.sig)
            places = draws.get((node.inputs[key], node.numbers[counter]))
            if places is not None:
                places.append((start[node] + counter, 0))

    def _choose_mode(self) -> None:
        """Run the program at once, unless a gradient path leads out of it: then append its nodes to the graph."""
        self.open = any(spec.history for spec in self.specs())
        if self.open and any(n.tape == ON_TAPE and _is_special(n) for n in self.plan.nodes):
            self._fail("a gradient path with hooks, checkpoints or a Function of its own leads out of the function")


def _reads_as(node: Node, old: Node) -> bool:
    """Is a storage's node only another name of what it was?"""
    while node is not old and node.sig.op.kind in ("alias", "replace") and node.inputs:
        node = node.inputs[0]
    return node is old


def _is_special(node: Node) -> bool:
    meta = node.meta
    return (
        meta is not None
        and not node.is_leaf
        and bool(meta.custom or meta.hooks or meta.pre_hooks or meta.post_hooks or meta.saved or meta.retain)
    )

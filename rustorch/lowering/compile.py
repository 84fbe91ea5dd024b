"""The compile cache: a plan's structure names its program; numbers are inputs, not constants."""

from __future__ import annotations

import threading
import time
from array import array
from collections import OrderedDict
from contextlib import contextmanager
from itertools import count

import jax
import numpy as np

from rustorch.graph import ON_TAPE
from rustorch.lowering import inline, observe, short
from rustorch.lowering.emit import evaluate
from rustorch.lowering.failure import refuse
from rustorch.lowering.naming import name_of
from rustorch.lowering.placement import jax_device, x64
from rustorch.lowering.plan import Plan, is_kept
from rustorch.lowering.platform import platform
from rustorch.lowering.promote import weak
from rustorch.lowering.settings import compiler_options, matmul_precision, settings_key
from rustorch.lowering.short import reachable
from rustorch.lowering.tiers import start

MAX_FAMILIES = 1024  # structures kept; the least recently used goes first
LOCK = threading.RLock()
_cache: OrderedDict = OrderedDict()
_state = threading.local()
_numbering = count().__next__
PLATFORMS = {"cpu": "cpu", "cuda": "gpu", "tpu": "tpu"}


class Program:
    """One program of a family, for these constants and this choice of donated leaves: compiled when it first runs."""

    __slots__ = ("number", "size", "n_outputs", "runs", "seconds", "run", "here", "jitted", "order", "device")

    def __init__(self, f, device, size, order=(), donate=(), keep_unused=False, about=None, at=None):
        options = compiler_options(PLATFORMS[device.type])
        self.jitted = jitted(f, PLATFORMS[device.type], options, donate, keep_unused)
        self.device = at or jax_device(device)
        self.run = lambda *args: start(self, args, self.device, options, about)
        self.here = None  # what starts it in the calling thread
        self.order = order  # of its outputs, as positions among the plan's, where it is another
        self.number = _numbering()
        self.size = size
        self.n_outputs = self.runs = 0
        self.seconds = 0.0

    def start(self, lists, numbers, why: str, looked: bool = False):
        """Run it on lists of arrays and on arrays of numbers, whichever client has them.

        ``why`` it is compiled, if it never ran; ``looked``: the caller waits for its results.

        Raises:
            OutOfMemoryError, AcceleratorError: as `failure.refuse`.
        """
        at, is_new = self.device, not self.runs
        run = inline.for_a_look(self, at) if looked else self.run
        began = time.perf_counter() if is_new else 0.0
        with x64():
            try:
                out = run(*[reachable(arrays, at) for arrays in lists], *reachable(numbers, at))
            except jax.errors.JaxRuntimeError as error:
                refuse(error, at)
                raise
        if is_new:
            self.seconds, self.n_outputs = time.perf_counter() - began, len(jax.tree.leaves(out))
            observe.compiled(self, why)
        self.runs += 1
        observe.count("dispatched")
        observe.count("recorded", self.size)
        return out


class Family:
    """All programs of one graph structure.

    Numbers start as constants (XLA folds them) unless their op says that they always vary.
    The first time a constant differs, the numbers that changed become runtime inputs; the
    second time, all do. So a number compiles anew at most twice, whatever its values.
    """

    __slots__ = ("lifted", "baked", "programs", "strikes", "device")

    def __init__(self, plan: Plan, device):
        self.device = short.device_of(plan, device)  # for a thread that is alone
        self.lifted = _always_lifted(plan)
        self.baked = _bits(plan.numbers, self.lifted)
        self.programs: dict = {}
        self.strikes = 0

    def admit(self, plan: Plan) -> str | None:
        """Make the plan's numbers fit; the reason if that needs another program."""
        bits = _bits(plan.numbers, self.lifted)
        if bits == self.baked:
            return None
        changed = [i for i in range(len(plan.numbers)) if not self.lifted[i] and bits[i] != self.baked[i]]
        self.strikes += 1
        if self.strikes > 1:
            changed = range(len(plan.numbers))
        self.lifted = [lift or i in changed for i, lift in enumerate(self.lifted)]
        old = [self.baked[i] for i in changed if self.baked[i] is not None][:3]
        self.baked = _bits(plan.numbers, self.lifted)
        self.programs = {}
        return f"number(s) {', '.join(map(_show_bits, old))} changed and became runtime inputs"


def _always_lifted(plan: Plan) -> list[bool]:
    out: list[bool] = []
    for node in plan.nodes:
        if node.numbers:
            out.extend([node.sig.op.always_lift] * len(node.numbers))
    return out


def _bits(numbers, lifted) -> list:
    """Exact identities of the constant numbers (-0.0 is not 0.0, nan is nan)."""
    return [None if lift else (x if type(x) is int else repr(x)) for x, lift in zip(numbers, lifted)]


def _show_bits(bits) -> str:
    return str(bits)


def _pack(numbers, lifted):
    """Runtime numbers in two arrays, whatever their count: each argument of a call costs time."""
    floats, ints = array("d"), array("q")
    for x, lift in zip(numbers, lifted):
        if lift:
            if type(x) is float:
                floats.append(x)
            elif type(x) is complex:
                floats.extend((x.real, x.imag))
            else:
                ints.append(x)
    return np.frombuffer(floats, np.float64), np.frombuffer(ints, np.int64)


def _unpack(layout, floats, ints) -> list:
    """The numbers inside the program: constants as they are, runtime ones weakly typed."""
    out, f, i = [], 0, 0
    for kind, constant in layout:
        if kind is None:
            out.append(constant)
        elif kind is float:
            out.append(weak(floats[f]))
            f += 1
        elif kind is complex:
            out.append(weak(jax.lax.complex(floats[f], floats[f + 1])))
            f += 2
        else:
            out.append(weak(ints[i] != 0 if kind is bool else ints[i]))
            i += 1
    return out


def _build(
    plan: Plan, family: Family, donated: tuple[tuple[int, int], ...], device, spare=(), packing=None, at=None, named=True
) -> Program:  # fmt: skip
    """A program that writes its outputs into donated leaves: pairs of a leaf and the output that replaces it.

    JAX gives a donated buffer to the first output of its shape, and where that is another value than the one that
    replaces it, XLA copies. So the outputs that replace something come first. Outputs in ``spare`` come next: the
    program is given a buffer for each, the last argument of `given`. ``packing``: the forms of the former and the
    latter, in which they are given and returned. ``at``: the JAX device, if it is not the usual one (`lowering.short`).
    A program that is ``named`` keeps the plan until it has been compiled.
    """
    steps = plan.steps()
    given_to = [out for _, out in donated] + list(spare)
    order = list(dict.fromkeys((*given_to, *range(len(plan.outputs)))))
    outputs = [plan.outputs[k] for k in order]
    donated = dict(donated)
    layout = [(type(x), None) if lift else (None, x) for x, lift in zip(plan.numbers, family.lifted)]
    rest = [i for i in range(len(plan.leaves)) if i not in donated]
    total, owned, replaced = len(plan.leaves), len(donated), len(given_to)

    def program(given, kept, floats, ints):
        leaves = [None] * total
        if packing is not None:
            state, room = packing
            forms, buffers = given[: state.n], given[state.n :]
            given = state.split(forms)
        for i, a in zip(donated, given):
            leaves[i] = a
        for i, a in zip(rest, kept):
            leaves[i] = a
        out = evaluate(steps, leaves, _unpack(layout, floats, ints), outputs)
        if packing is None:
            return out
        return [*state.join(forms, out[:owned]), *room.join(buffers, out[owned:replaced]), *out[replaced:]]

    order = order if given_to else ()
    given = (0,) if given_to else ()

    def about():
        return plan.work(), name_of(plan, layout, tuple(donated.items()), spare, packing)

    return Program(program, device, len(steps), order, given, bool(spare), about if named else None, at)


def jitted(f, where: str, options, donate=(), keep_unused=False):
    """``f`` of arrays, lowered with the settings of a platform and compiled with XLA's ``options``."""

    def program(*args):
        with platform(where), matmul_precision(where):
            return f(*args)

    return jax.jit(program, donate_argnums=donate, keep_unused=keep_unused, compiler_options=options)


def run(roots, looked: bool = False) -> None:
    """Compute ``roots``: one program per device, compiled if its structure is new; ``looked``: the caller waits for it."""
    by_device: dict = {}
    for r in roots:
        if r.value is None:
            a = r.aval[0] if type(r.aval) is tuple else r.aval
            by_device.setdefault(a.device, []).append(r)
    for device, group in by_device.items():
        _run_on(device, group, looked)


def _run_on(device, roots, looked) -> None:
    with LOCK:
        plan = Plan(roots)
        if not plan.nodes:
            return
        if getattr(_state, "interpret", False):
            return _interpret(plan, device)
        key, family, reason = _family(plan, device)
        donated = plan.heirs(plan.donatable())
        at = short.device_now(family.device)
        program = family.programs.get((donated, at))
        if program is None:
            program = family.programs[donated, at] = _build(plan, family, donated, device, at=at)
        lists, numbers = _arguments(plan, family, donated)
        try:
            results = program.start(lists, numbers, reason or "other buffers could be donated", looked)
        except BaseException:
            if not program.runs:
                _cache.pop(key, None)
            raise
        _store(plan, _in_order(program, results))


def _interpret(plan: Plan, device) -> None:
    """Run a plan's operations one by one."""
    at = jax_device(device)
    with x64(), platform(PLATFORMS[device.type]):
        try:
            results = evaluate(plan.steps(), reachable([a.value for a in plan.leaves], at), plan.numbers, plan.outputs)
        except jax.errors.JaxRuntimeError as error:
            refuse(error, at)
            raise
    _store(plan, results)


def _family(plan: Plan, device):
    """The key and the programs of a plan's structure, and why there may be none that fits."""
    key = (device, plan.key, settings_key(PLATFORMS[device.type]))
    family = _cache.get(key)
    if family is not None:
        _cache.move_to_end(key)
        return key, family, family.admit(plan)
    family = _cache[key] = Family(plan, device)
    if len(_cache) > MAX_FAMILIES:
        _cache.popitem(last=False)
    return key, family, "new structure"


class Kept:
    """A plan's program that is started again and again, on other arrays and numbers.

    ``given`` are the buffers of leaves that are overwritten, then one for each output in ``spare``; with ``packing``,
    in the forms of the one and the other. A short one has a thread of its own (`lowering.short`).
    """

    def __init__(self, plan: Plan, device, donated: tuple[tuple[int, int], ...], why: str, spare=(), packing=None):
        with LOCK:
            _, family, _ = _family(plan, device)

            def program(at, named):
                key = (donated, at, tuple(spare), packing and tuple(p.key for p in packing))
                if key not in family.programs:
                    family.programs[key] = _build(plan, family, donated, device, spare, packing, at, named)
                return family.programs[key]

            at, usual = family.device, jax_device(device)
            self.programs = {at: program(at, True)}
            if at is not usual:
                self.programs[usual] = program(usual, False)
            lifted = list(family.lifted)
        self.at = at
        self._packing, self._replaced = packing, len(donated) + len(spare)
        self.why, self._n_outputs = why, len(plan.outputs)
        self.floats_then, self.ints_then = _pack(plan.numbers, lifted)
        self.floats, self.ints = self._put(self.floats_then), self._put(self.ints_then)
        self.last: list = []
        self.slots = _slots(plan.numbers, lifted)

    def __call__(self, given, kept, changed=()) -> list:
        """The program's outputs; ``changed`` are runtime numbers that differ from the plan's, with their positions."""
        ints = self.ints
        if changed:
            new = [x for at, x in changed if self.slots[at][0]]
            if new != self.last:  # rates seldom change: their array stays on the device
                self.floats, self.last = self._put(self._filled(self.floats_then, changed, True)), new
            if len(new) < len(changed):  # counts of steps always do
                ints = self._filled(self.ints_then, changed, False)
        return self.programs[short.device_now(self.at)].start((given, kept), (self.floats, ints), self.why)

    def _put(self, numbers):
        with x64():
            return jax.device_put(numbers, self.at)

    def places(self) -> list[int | None]:
        """Where each of the plan's outputs is among those of the program; None for those that it gives with others."""
        order = self.programs[self.at].order
        if not order:
            return list(range(self._n_outputs))
        places = [*range(len(order))]
        if self._packing is not None:
            state, room = self._packing
            places = [*state.places(0), *room.places(state.n)]
            places += range(state.n + room.n, state.n + room.n + len(order) - self._replaced)
        return [places[order.index(k)] for k in range(len(order))]

    def _filled(self, array, changed, floats: bool):
        array = array.copy()
        for at, x in changed:
            is_float, i = self.slots[at]
            if is_float is floats:
                array[i] = x
        return array


def _slots(numbers, lifted) -> dict[int, tuple[bool, int]]:
    """Where ``_pack`` puts each real runtime number."""
    slots, f, i = {}, 0, 0
    for at, (x, lift) in enumerate(zip(numbers, lifted)):
        if not lift:
            continue
        if type(x) is float:
            slots[at], f = (True, f), f + 1
        elif type(x) is complex:
            f += 2
        else:
            slots[at], i = (False, i), i + 1
    return slots


def lowered(root):
    """The program that computes one pending node, as JAX lowers it."""
    with LOCK:
        plan = Plan([root])
        family = Family(plan, root.aval.device)
        program = _build(plan, family, (), root.aval.device)
        floats, ints = _pack(plan.numbers, family.lifted)
        with x64():
            return program.jitted.lower([], [a.value for a in plan.leaves], floats, ints)


def lowered_text(root) -> str:
    """StableHLO of the program that computes one pending node."""
    return lowered(root).as_text()


def _arguments(plan: Plan, family: Family, donated):
    """What the plan's program is started on: the arrays that it is given and the others, and the numbers."""
    chosen = {i for i, _ in donated}
    given = [plan.leaves[i].value for i, _ in donated]
    kept = [a.value for i, a in enumerate(plan.leaves) if i not in chosen]
    return (given, kept), _pack(plan.numbers, family.lifted)


def _in_order(program: Program, results) -> list:
    """A program's outputs in the order of its plan's."""
    if not program.order:
        return results
    out = [None] * len(results)
    for k, value in zip(program.order, results):
        out[k] = value
    return out


def _store(plan: Plan, results) -> None:
    """Put results into their nodes and cut what nobody will walk again."""
    nodes = plan.nodes
    for i, value in zip(plan.outputs, results):
        node = nodes[i]
        node.value = value
        if (node.tape != ON_TAPE or node.is_leaf) and not is_kept(node):
            node.inputs = ()


@contextmanager
def interpret():
    """Run graphs one operation at a time, uncompiled: to debug, or for very many tiny graphs."""
    before = getattr(_state, "interpret", False)
    _state.interpret = True
    try:
        yield
    finally:
        _state.interpret = before

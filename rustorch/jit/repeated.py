"""Many steps in one program: a traced step over stacked batches, through ``lax.scan``."""

from __future__ import annotations

import functools
import queue
import threading
from weakref import WeakKeyDictionary

import jax.numpy as jnp
import numpy as np
from jax import lax

from rustorch.autograd.transforms.tree import flatten, unflatten
from rustorch.eager import ops as T
from rustorch.eager.nodes import leaf
from rustorch.eager.recorder import from_host, value_of
from rustorch.eager.tensor import Tensor
from rustorch.eager.views import node_of
from rustorch.errors import RustorchRuntimeError
from rustorch.graph import aval
from rustorch.jit.closed import Closed
from rustorch.jit.recording import Stale
from rustorch.jit.sources import Arg, Place, fresh, overwrite
from rustorch.jit.traced import Traced
from rustorch.lowering.compile import Program
from rustorch.lowering.emit import evaluate
from rustorch.lowering.packing import Packing, worth_it
from rustorch.lowering.promote import weak


class Repeated:
    """A step for a block of batches: each tensor argument has one batch per step along its first dimension.

    Results come stacked the same way. The first block is taken step by step, which records the step; later ones are one program each
    as long as the guards hold. Blocks may be shorter (the last of an epoch).
    """

    def __init__(self, function, steps: int, strict: bool = False, fullgraph: bool = False):
        functools.update_wrapper(self, function, updated=())
        self.step, self.steps = Traced(function, strict=strict, fullgraph=fullgraph), steps
        self._loops: WeakKeyDictionary = WeakKeyDictionary()

    def __call__(self, *args, **kwargs):
        given, structure = flatten((args, kwargs))
        count = self._count(given)
        variant = self._variant(given, structure)
        if variant is not None:
            try:
                return self._loop(variant).run(given, count)
            except Stale:
                pass
        return self._one_by_one(given, structure, count)

    def _count(self, given) -> int:
        counts = {t.shape[0] if t.ndim else -1 for t in given if isinstance(t, Tensor)}
        if len(counts) > 1 or -1 in counts or counts and not 0 < max(counts) <= self.steps:
            shapes = [list(t.shape) for t in given if isinstance(t, Tensor)]
            raise RustorchRuntimeError(
                f"a step traced with steps={self.steps} takes up to {self.steps} batches, stacked along the first dimension of "
                f"every tensor. Received: tensors of shapes {shapes}"
            )
        return counts.pop() if counts else self.steps

    def _variant(self, given, structure):
        """A recording of one step that holds and can be looped."""
        # Only their kinds matter here: no value is sliced out.
        rows = [fresh(leaf(None, node_of(t).aval.row())) if isinstance(t, Tensor) else t for t in given]
        variants = self.step.variants.get(self.step.key(rows, structure), ())
        for variant in variants:
            if isinstance(variant, Closed) and _can_loop(variant) and variant.guards.broken() is None:
                return variant
        return None

    def _loop(self, variant) -> Loop:
        loop = self._loops.get(variant)
        if loop is None:
            loop = self._loops[variant] = Loop(variant)
        return loop

    def _one_by_one(self, given, structure, count):
        outs = []
        for k in range(count):
            args, kwargs = unflatten(structure, [_row(t, k) if isinstance(t, Tensor) else t for t in given])
            leaves, tree = flatten(self.step(*args, **kwargs))
            outs.append(leaves)
        columns = zip(*outs)
        return unflatten(
            tree, [T.stack([t.detach() for t in c]) if isinstance(c[0], Tensor) else c[-1] for c in columns]
        )

    def explain(self) -> str:
        """What ``Traced.explain`` says of one step."""
        return self.step.explain()


class Loop:
    """A recorded step in a loop: state is carried, batches and runtime numbers are scanned over."""

    def __init__(self, variant: Closed):
        self.variant = v = variant
        self.pairs = list(v.pairs)
        carried = {k for k, _ in self.pairs}
        for k, source in enumerate(v.sources):  # attributes that each step binds anew
            if isinstance(source, Place) and k not in carried:
                for place, (how, spec) in v.rebinds:
                    if (
                        how == "new"
                        and isinstance(place, Place)
                        and place.record is source.record
                        and place.i == source.i
                    ):
                        self.pairs.append((k, spec.at))
        carried = {k for k, _ in self.pairs}
        self.batch = [k for k, source in enumerate(v.sources) if isinstance(source, Arg)]
        self.fixed = [k for k in range(len(v.sources)) if k not in carried and k not in self.batch]
        heirs = {at for _, at in self.pairs}
        ends = {spec.at for _, spec, _ in v.writes} | {spec.at for _, (how, spec) in v.rebinds if how == "new"}
        self.ends = sorted(ends - heirs)  # seen after the last step only
        self.each = sorted({spec.at for how, spec in v.results if how == "new"})
        self.programs: dict[int, Program] = {}  # by the number of steps
        avals = [v.output_avals[at] for _, at in self.pairs]
        self._packing = Packing(avals, worth_it(avals), [v.kinds[at] for _, at in self.pairs])

    def _body(self, state, fixed, batches, floats, ints):
        v, packing = self.variant, self._packing

        def step(carry, x):
            forms, _ = carry
            rows, f, i = x
            leaves = [None] * len(v.sources)
            for (k, _), a in zip(self.pairs, packing.split(forms)):
                leaves[k] = a
            for k, a in zip(self.batch, rows):
                leaves[k] = a
            for k, a in zip(self.fixed, fixed):
                leaves[k] = a
            numbers, used = list(v.constants), [0, 0]
            for at, is_float in self.kinds:
                numbers[at] = weak((f if is_float else i)[used[is_float]])
                used[is_float] += 1
            out = evaluate(v.steps, leaves, numbers, v.outputs)
            forms = packing.join(forms, [out[at] for _, at in self.pairs])
            return (forms, [out[at] for at in self.ends]), [out[at] for at in self.each]

        last = [jnp.zeros(tuple(a.shape), a.dtype.numpy) for a in (v.output_avals[at] for at in self.ends)]
        (forms, last), each = lax.scan(step, (packing.pack(state, inside=True), last), (batches, floats, ints))
        return (packing.split(forms), last), each

    def run(self, given, count: int):
        """All steps of a block.

        Raises:
            Stale: they would not all be the same.
        """
        v = self.variant
        done, rows = [], []
        try:
            for _ in range(count):
                changed: list = []
                for action, places in v.actions:
                    found = action.run()
                    done.append(action)
                    changed.extend((at, found[i]) for at, i in places)
                rows.append(changed)
            state, last, each = self._start(given, rows, count)
        except BaseException:
            for action in reversed(done):
                action.undo()
            raise
        self._hand_over(given, dict(zip([at for _, at in self.pairs], state)) | dict(zip(self.ends, last)), count)
        v.runs += count
        v.guards.settle()
        stacked = dict(zip(self.each, each))
        made: dict = {}

        def result(how, what):
            if how == "new":
                value = stacked[what.at]
                a = what.aval
                made[what.index] = fresh(leaf(value, aval((count, *a.shape), a.dtype, a.device)))
                return made[what.index]
            return made[what] if how == "again" else what

        return unflatten(v.structure, [result(*r) for r in v.results])

    def _start(self, given, rows, count):
        v = self.variant
        self.kinds = [(at, type(x) is float) for at, x in rows[0]]
        floats = np.array([[x for _, x in row if type(x) is float] for row in rows], np.float64).reshape(count, -1)
        ints = np.array([[x for _, x in row if type(x) is not float] for row in rows], np.int64).reshape(count, -1)
        values = v.arrays(given, owned={k for k, _ in self.pairs})
        state = [values[k] for k, _ in self.pairs]
        batches = [value_of(given[v.sources[k].i]) for k in self.batch]
        program = self.programs.get(count)
        if program is None:
            program = self.programs[count] = Program(self._body, v.device, v.size, donate=(0,))
        lists = state, [values[k] for k in self.fixed], batches
        (state, last), each = program.start(lists, (floats, ints), f"{count} steps of {v.name}")
        return state, last, each

    def _hand_over(self, given, values: dict, count: int) -> None:
        v = self.variant
        for source, spec, writes in v.writes:
            overwrite(source.find(given), leaf(values[spec.at], spec.aval), writes * count)
        for place, (how, spec) in v.rebinds:
            place.put(given, spec.from_value(values[spec.at]) if how == "new" else spec)


def _can_loop(v: Closed) -> bool:
    """Is all that the step does an effect on its own state, a new result, or a number?"""
    made = [spec for _, spec, _ in v.writes] + [
        s for how, s in (*v.results, *[x for _, x in v.rebinds]) if how == "new"
    ]
    kinds = {how for how, _ in v.results} - {"new", "again", "plain"} | {
        how for how, _ in [x for _, x in v.rebinds]
    } - {"new", "plain"}
    touches_arguments = any(isinstance(s, Arg) for s, _, _ in v.writes) or any(isinstance(p, Arg) for p, _ in v.rebinds)
    return (
        v.program is not None and not v.looks and not v.flags and not kinds and not touches_arguments
        and all(type(spec.at) is int and spec.base is None for spec in made)
    )  # fmt: skip


def _row(t: Tensor, k: int) -> Tensor:
    """One batch of a block."""
    return fresh(leaf(value_of(t)[k], node_of(t).aval.row()))


def blocks(loader, steps: int, prefetch: int = 2):
    """Batches of a loader in stacks of ``steps``, made in a thread while the last block is computed.

    A batch is a tensor or array, or a tuple, list or dict of them. A batch of another shape (the last of an epoch)
    starts a block of its own, as does the end.

    Example:
        >>> import rustorch as torch
        >>> [tuple(x.shape) for x in torch.jit.blocks([torch.ones(2)] * 5, 2)]
        [(2, 2), (2, 2), (1, 2)]
    """
    made: queue.Queue = queue.Queue(maxsize=prefetch)
    stop = threading.Event()

    def offer(item) -> bool:
        while not stop.is_set():
            try:
                made.put(item, timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def work():
        try:
            rows, shape = [], None
            for batch in loader:
                leaves, structure = flatten(batch)
                leaves = [np.asarray(x.detach().numpy() if isinstance(x, Tensor) else x) for x in leaves]
                now = structure, [(x.shape, x.dtype) for x in leaves]
                if rows and (len(rows) == steps or now != shape):
                    if not offer(_stacked(rows, shape[0])):
                        return
                    rows = []
                rows.append(leaves)
                shape = now
            if rows and not offer(_stacked(rows, shape[0])):
                return
            offer(StopIteration)
        except BaseException as error:
            offer(error)

    threading.Thread(target=work, daemon=True, name="rustorch.jit.blocks").start()
    try:
        while (item := made.get()) is not StopIteration:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stop.set()


def _stacked(rows, structure):
    return unflatten(structure, [from_host(np.stack(column)) for column in zip(*rows)])

"""``Traced``: a function whose calls are recorded once for each way it can go, and then only repeated."""

from __future__ import annotations

import functools
import types
import warnings
from collections import OrderedDict
from itertools import repeat
from operator import is_

from rustorch import devices, dtypes
from rustorch.autograd.transforms.tree import flatten, unflatten
from rustorch.eager.modes import no_grad
from rustorch.eager.state import local
from rustorch.eager.storage import flush
from rustorch.eager.tensor import Tensor
from rustorch.errors import RustorchRuntimeError
from rustorch.jit.analysis import Analysis
from rustorch.jit.before import Before
from rustorch.jit.closed import Closed
from rustorch.jit.guards import kind_of_argument
from rustorch.jit.recording import Recording, Stale
from rustorch.jit.state import PLAIN, State
from rustorch.jit.variant import Spliced
from rustorch.jit.watch import USER, Watch, is_quiet, kind_of
from rustorch.lowering.apart import uncollected

MAX_VARIANTS = 16  # recordings kept of one function; the one unused longest goes first
PATIENCE = 3  # recordings in a row that could not be repeated before the function runs as it is


@functools.cache
def _of_tensors(n: int):
    """The structure of ``n`` plain tensors as arguments."""
    return flatten(((None,) * n, {}))[1]


class Traced:
    """A function that does what it did, without being recorded at each call.

    Each call looks for a recording whose guards hold, and starts its program; if there is none, the function is
    called as it is while it is listened to. What can not be repeated, or differs at each call, makes it run as an
    ordinary function from then on, with a warning that names the line; with ``fullgraph`` that is an error. With
    ``strict`` it is one that a guard fails at all.
    """

    def __init__(self, function, *, strict: bool = False, fullgraph: bool = False, name: str | None = None):
        functools.update_wrapper(self, function, updated=())
        self._function, self._strict, self._fullgraph = function, strict, fullgraph
        self._name = name or getattr(function, "__qualname__", type(function).__name__)
        self._codes: dict = {}
        self._dynamic = False
        self.variants: OrderedDict = OrderedDict()
        self._log: list[str] = []
        self._failed = 0
        self._recorded = 0
        self._given_up: str | None = None

    def __call__(self, *args, **kwargs):
        if self._given_up or local.recorder is not None or local.tracing or local.level is not None or local.watched:
            return self._function(*args, **kwargs)
        if not kwargs and all(map(is_, map(type, args), repeat(Tensor))):
            given, structure = args, _of_tensors(len(args))
        else:
            given, structure = flatten((args, kwargs))
        key = self.key(given, structure)
        found = self.variants.get(key)
        why = "the kind of the arguments, or a mode," if self.variants else "first call"
        for variant in found or ():
            if variant.pure:
                out = variant.begin(given)
                why = variant.guards.broken()
                if why is None:
                    self._failed = self._recorded = 0
                    return variant.conclude(given, out)
                continue
            why = variant.guards.broken()
            if variant.mixes(given):
                why = "an argument, which shares its data with state,"
            if why is None:
                try:
                    out = variant.replay(given)
                except Stale as stale:
                    why = str(stale)
                    continue
                variant.guards.settle()
                self._failed = self._recorded = 0
                return out
        if self._strict and self.variants:
            raise RustorchRuntimeError(
                f"{self._name} would have to be traced again: {why} changed. Received: strict=True"
            )
        return self._record(args, kwargs, given, structure, key, why)

    @staticmethod
    def key(given, structure) -> tuple:
        """The kind of a call: modes, and what is passed."""
        key = (*_modes(), structure, *map(_kind, given))
        return (*key, _sharing(given)) if len(given) > 1 else key

    def __get__(self, instance, owner=None):
        """As a method: the instance is an argument, so each has recordings of its own."""
        return self if instance is None else types.MethodType(self, instance)

    def _record(self, args, kwargs, given, structure, key, why):
        if not self._codes:
            self._codes = _codes_of(self._function)
        roots = [
            (self._name, self._function),
            *[(f"argument {i}", x) for i, x in enumerate(given) if not isinstance(x, Tensor)],
        ]
        before = Before(State(roots, self._codes, self._dynamic), given)
        watch = Watch()
        # A collection would call back into code that has nothing to do with the function.
        with Recording(watch) as recording, uncollected(), watch:
            out = self._function(*args, **kwargs)
        new = {c: g for c, g in watch.codes.items() if c not in self._codes}
        learnt = bool(new) or watch.dynamic > self._dynamic
        self._codes.update(new)
        if (
            new
            and not watch.dynamic
            and all(map(is_quiet, new))
            and before.state.adopt(State(roots, self._codes, False))
        ):
            learnt = False
        self._dynamic |= watch.dynamic
        recording.block(watch.impure)
        found = Analysis(before, recording, out)
        problem, settling = found.problem, found.settling
        if problem is None and learnt:
            problem, settling = "the first call only showed which code runs", True
        variant = None
        if found.problem is None or found.settling:
            variant = (Spliced if found.open else Closed)(found, self._name)
        if variant is None:
            flush()
        else:
            variant.finish(found)
        self._recorded += 1
        self._log.append(f"recorded: {why}" + (f"; not kept: {problem}" if problem else ""))
        if problem is None:
            variant.arguments = structure
            variant.is_tensor = [isinstance(x, Tensor) for x in given]
            variant.given = [None if isinstance(x, Tensor) else x for x in given]  # also: the key has their ids
            self._keep(key, variant)
            if self._recorded > MAX_VARIANTS:
                self._give_up(
                    f"{self._recorded} calls in a row each needed a recording of their own, the last because of: {why}"
                )
        else:
            self._failed += not (settling and learnt)
            if not settling or self._failed >= PATIENCE:
                self._give_up(problem)
        return out

    def _keep(self, key, variant) -> None:
        self.variants.setdefault(key, []).insert(0, variant)
        self.variants.move_to_end(key)
        while sum(map(len, self.variants.values())) > MAX_VARIANTS:
            oldest = next(iter(self.variants))
            self.variants[oldest].pop()
            if not self.variants[oldest]:
                del self.variants[oldest]

    def _give_up(self, reason: str) -> None:
        message = f"{self._name} runs as an ordinary function, not as a traced one: {reason}."
        if self._strict or self._fullgraph:
            raise RustorchRuntimeError(f"{self._name} cannot be traced: {reason}.")
        self._given_up = reason
        self.variants.clear()
        warnings.warn(message, stacklevel=4)

    def latest(self):
        """The last recording; None if there is none."""
        return next((variants[0] for variants in reversed(self.variants.values())), None)

    def call_on(self, given, structure):
        """Call with the leaves of the arguments."""
        args, kwargs = unflatten(structure, given)
        return self(*args, **kwargs)

    def plain(self, given, structure) -> list:
        """The tensors that the function itself returns."""
        args, kwargs = unflatten(structure, given)
        with no_grad():
            return [t for t in flatten(self._function(*args, **kwargs))[0] if isinstance(t, Tensor)]

    def explain(self) -> str:
        """Readable text: the recordings, their guards, how often each ran, and why each was made."""
        lines = [f"{self._name}: {sum(map(len, self.variants.values()))} recordings"]
        if self._given_up:
            lines.append(f"  runs as an ordinary function: {self._given_up}")
        for variants in self.variants.values():
            for v in variants:
                lines.append(
                    f"  {v.size} nodes, {v.what}, {v.runs} runs; {len(v.sources)} tensors in, {len(v.writes)} overwritten, "
                    f"{len(v.rebinds)} rebound, {len(v.donated)} buffers reused; guards: {len(v.guards.records)} holders, "
                    f"{len(v.guards.tensors)} tensors, {len(v.guards.places)} places"
                )
                lines.extend(
                    f"    holds while {look.where} sees {look.truth if look.truth is not None else look.seen}"
                    for look, _ in v.looks
                )
        lines.append("history:")
        lines.extend(f"  {line}" for line in self._log[-20:])
        return "\n".join(lines)


def _modes() -> tuple:
    return (
        local.grad,
        local.inference,
        local.taylor,
        local.autocast,
        dtypes._default,
        devices._global_default,
        devices._local.__dict__.get("stack"),
    )


def _kind(x):
    if isinstance(x, Tensor):
        return kind_of_argument(x)
    if isinstance(x, float):
        return type(x), repr(x)
    if isinstance(x, PLAIN) and not isinstance(x, slice):
        return type(x), x
    return type(x), id(x)


def _sharing(given) -> tuple:
    """Which arguments share their data."""
    seen: dict = {}
    return tuple(seen.setdefault(id(x._storage) if isinstance(x, Tensor) else ~i, i) for i, x in enumerate(given))


def _codes_of(function) -> dict:
    """The function's own code, if it is the user's."""
    while isinstance(function, (functools.partial, types.MethodType)):
        function = function.func if isinstance(function, functools.partial) else function.__func__
    code = getattr(function, "__code__", None)
    return {code: function.__globals__} if code is not None and kind_of(code) is USER else {}

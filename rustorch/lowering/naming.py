"""The name of a program before it is lowered: a hash of all that decides about it, the same in every process.

A program's StableHLO is found by tracing it, which takes as long as loading what was compiled from it. Its plan says
as much in less: the operations, by where their bodies stand in this package's source (which is hashed too), their
arguments, and how they are wired. What cannot be named so, a function of the user's or an object, leaves a program
without a name, and it is traced.
"""

from __future__ import annotations

import functools
import hashlib
import sys
import types
from importlib.metadata import version
from pathlib import Path

import jax

from rustorch import dtypes
from rustorch.devices import Device
from rustorch.dtypes import DType
from rustorch.graph import Aval, Sig
from rustorch.lowering.settings import settings
from rustorch.lowering.table import Op
from rustorch.lowering.template import Marker

MIN_NODES = 40  # less is traced at once
_PLAIN = frozenset((type(None), type(...), bool, int, float, complex, str, bytes))
_OURS = "rustorch."


class Nameless(Exception):
    """Something in a program means nothing outside its process."""


def name_of(plan, layout, donated, spare, packing) -> str | None:
    """The name of the program that computes ``plan``, with these numbers and donations; None if it has none."""
    source = _source() if len(plan.nodes) >= MIN_NODES else None
    if source is None:
        return None
    names = _Names()
    try:
        wiring = [(names.of(sig), inputs) for sig, inputs, _, _ in plan.steps()]
        numbers = [(names.of(kind), repr(constant)) for kind, constant in layout]
    except Nameless:
        return None
    forms = packing and tuple(p.key for p in packing)
    choices = dtypes.get_default_dtype().name, repr(settings), sorted(jax.config.values.items())
    whole = (source, choices, wiring, list(plan.outputs), len(plan.leaves), numbers, donated, list(spare), forms)
    return hashlib.sha256(repr(whole).encode()).hexdigest()


@functools.cache
def _source() -> str | None:
    """A hash of this package's source and of the versions of what it calls."""
    root = Path(__file__).parents[1]
    files = sorted(root.rglob("*.py"))
    if not files:
        return None
    digest = hashlib.sha256(repr([version(name) for name in ("jax", "jaxlib", "numpy", "optax")]).encode())
    digest.update(sys.version.encode())
    for path in files:
        digest.update(f"\n{path.relative_to(root)}\n".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


class _Names:
    """What is met in a plan as strings that are equal in two processes exactly if they mean the same."""

    def __init__(self):
        self._known: dict = {}

    def of(self, x) -> str:
        """The name of ``x``.

        Raises:
            Nameless: it has none.
        """
        kind = type(x)
        if kind in _PLAIN:
            return x.hex() if kind is float else repr(x)
        if isinstance(x, (tuple, list)):
            return f"{kind.__name__}({','.join(map(self.of, x))})"
        known = self._known.get(id(x))
        if known is None:
            whole = f"{kind.__name__} {','.join(map(self.of, _parts(x)))}"
            name = hashlib.sha256(whole.encode()).hexdigest() if len(whole) > 64 else whole
            known = self._known[id(x)] = (name, x)  # kept: its id is not to be another's
        return known[0]


def _parts(x) -> tuple:
    """What ``x`` is made of."""
    for kind, parts in _PARTS.items():
        if isinstance(x, kind):
            return parts(x)
    raise Nameless(type(x))


def _of_class(x: type) -> tuple:
    module = x.__module__
    if not (module.startswith(_OURS) or module == "builtins") or "<locals>" in x.__qualname__:
        raise Nameless(x)
    return module, x.__qualname__


def _of_function(x: types.FunctionType) -> tuple:
    """Where it stands in the source, and what it captured."""
    if not x.__module__.startswith(_OURS):
        raise Nameless(x)
    captured = [cell.cell_contents for cell in x.__closure__ or ()]
    defaults = x.__defaults__, tuple((x.__kwdefaults__ or {}).items())
    return x.__module__, x.__code__.co_firstlineno, x.__qualname__, captured, defaults


_PARTS = {
    Sig: lambda x: (x.op, x.template, x.inputs, x.numbers, x.aval, x.tape, x.extra),
    Aval: lambda x: (tuple(x.shape), x.dtype, x.device, x.strides),
    Op: lambda x: (
        *(x.kind, x.qualified, x.body, x.lower, x.params, x.keyword_only),
        *(x.vjp_rule, x.vjp_uses_output, x.vjp_takes_missing),
    ),
    Marker: lambda x: (x.name,),
    DType: lambda x: (x.name,),
    Device: lambda x: (str(x),),
    type: _of_class,
    types.FunctionType: _of_function,
    slice: lambda x: (x.start, x.stop, x.step),
    functools.partial: lambda x: (x.func, x.args, tuple(x.keywords.items())),
}

"""Sizes that vary: which numbers of a recording are sizes is seen from recordings at other sizes.

A recording holds plain numbers, also where Python computed them from a shape. The same function recorded at three
sizes gives the same operations; numbers that move are linear in the size, and become expressions of its name.
"""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
from jax import export as jax_export

from rustorch import dtypes
from rustorch.eager.modes import no_grad
from rustorch.eager.recorder import from_host
from rustorch.errors import RustorchRuntimeError
from rustorch.jit.traced import Traced
from rustorch.lowering.template import Group

_BASE, _STEP = 5, 2  # sizes to record at: the base, and two more for each name


def names_of(dynamic_shapes, avals) -> list[dict]:
    """For each input a dict of dimension to name."""
    if isinstance(dynamic_shapes, dict):
        dynamic_shapes = [dynamic_shapes.get(i) for i in range(len(avals))]
    out = [dict(d or {}) for d in dynamic_shapes]
    out += [{}] * (len(avals) - len(out))
    for named, a in zip(out, avals, strict=True):
        if any(
            not isinstance(d, int) or not 0 <= d < len(a.shape) or not isinstance(n, str) or not n.isidentifier()
            for d, n in named.items()
        ):
            raise ValueError(f"dynamic_shapes: expects a dict of dimension to name for each tensor. Received: {named}")
    return out


class Sizes:
    """The recording of a function whose inputs have named dimensions; ``steps`` have expressions for their sizes."""

    def __init__(self, traced: Traced, variant, named: list[dict]):
        self.traced, self.variant, self.named = traced, variant, named
        self.names = list(dict.fromkeys(n for d in named for n in d.values()))
        scope = jax_export.SymbolicScope()
        self.symbols = dict(zip(self.names, jax_export.symbolic_shape(", ".join(self.names) + ",", scope=scope)))
        base = {n: _BASE + 4 * i for i, n in enumerate(self.names)}
        self.recorded = self._at(base)
        others = {n: [self._at({**base, n: base[n] + k * _STEP}) for k in (1, 2)] for n in self.names}
        self.base, self.steps, self.constants = base, [], list(self.recorded.constants)
        everything = [self.recorded, *[v for pair in others.values() for v in pair]]
        if any(len(v.steps) != len(self.recorded.steps) or v.outputs != self.recorded.outputs for v in everything):
            raise self._refuse("the function records other operations at other sizes")
        for k, (sig, inputs, start, stop) in enumerate(self.recorded.steps):
            moved = {n: [v.steps[k][0].template for v in pair] for n, pair in others.items()}
            template = self._mixed(sig.template, moved)
            changed = SimpleNamespace(
                op=sig.op, template=template, extra=sig.extra, inputs=sig.inputs, numbers=sig.numbers, aval=sig.aval
            )
            self.steps.append((changed, inputs, start, stop))
        for i, x in enumerate(self.constants):
            self.constants[i] = self._mixed(x, {n: [v.constants[i] for v in pair] for n, pair in others.items()})

    def _refuse(self, what: str) -> RustorchRuntimeError:
        return RustorchRuntimeError(f"jit.save: {what}. Received: dynamic_shapes={self.named}")

    def _at(self, sizes: dict):
        """A recording at these sizes."""
        traced = Traced(self.traced._function, fullgraph=True)
        given = iter(self.examples(sizes))
        leaves = [next(given) if i in self.traced_tensors() else x for i, x in enumerate(self.variant.given)]
        for _ in range(3):
            with no_grad():
                traced.call_on(leaves, self.variant.arguments)
            if traced.latest() is not None:
                return traced.latest()
        raise self._refuse("the function cannot be recorded at another size")

    def traced_tensors(self) -> set[int]:
        """Which leaves of the arguments are tensors."""
        return {i for i, is_tensor in enumerate(self.variant.is_tensor) if is_tensor}

    def examples(self, sizes: dict) -> list:
        """Inputs of the recorded kinds with these sizes."""
        made, out = np.random.default_rng(0), []
        for a, named in zip(self.variant.input_avals, self.named):
            shape = tuple(sizes[named[d]] if d in named else n for d, n in enumerate(a.shape))
            is_float = a.dtype.kind >= dtypes.FLOATING
            array = made.standard_normal(shape) if is_float else np.zeros(shape)
            out.append(from_host(array.astype(a.dtype.numpy)))
        return out

    def shapes(self) -> list[tuple]:
        """Shapes of the inputs, with names for the sizes that vary."""
        return [
            tuple(self.symbols[named[d]] if d in named else n for d, n in enumerate(a.shape))
            for a, named in zip(self.variant.input_avals, self.named)
        ]

    def _mixed(self, x, moved: dict):
        """``x`` with numbers that vary as expressions; ``moved`` are its values at other sizes, by name."""
        if isinstance(x, tuple):
            parts = [
                self._mixed(item, {n: [v[i] for v in pair] for n, pair in moved.items()}) for i, item in enumerate(x)
            ]
            return Group(parts) if isinstance(x, Group) else tuple(parts)
        out = x
        for n, (one, two) in moved.items():
            if one == x and two == x or one is x:
                continue
            if type(x) is not int or two - one != one - x or (one - x) % _STEP:
                raise self._refuse(
                    f"a number in the recording depends on the size {n}, but not linearly ({x}, {one}, {two})"
                )
            slope = (one - x) // _STEP
            out = out + slope * (self.symbols[n] - self.base[n])
        return out

"""``Packing``: small arrays that go from call to call lie side by side in one, since each argument of a program costs time.

On a CPU an argument and its result take about 3 µs of the thread that starts a program, however small they are: a call
that changes 150 tensors of eight numbers takes 0.3 ms with an array each, and 0.05 ms with one for all. What packing
costs is compilation, 20 ms for each array, so that it is not for large models, whose arguments cost next to nothing.
"""

from __future__ import annotations

from functools import cache
from itertools import accumulate, groupby

import jax
import numpy as np
from jax import lax, numpy as jnp

from rustorch.lowering.placement import room, x64
from rustorch.lowering.settings import QUICK

MAX_BYTES = 1 << 14  # of an array that shares another; copying more than this costs more than an argument
MAX_TOTAL = 1 << 21  # of all arrays: a program on more takes so long that its arguments do not matter


class Packing:
    """Which arrays travel alone, and which ``together``: their ``n`` forms are first those alone, then one per dtype.

    ``kinds``: a number for each array, in whose order they lie. Those of one kind are made side by side by one operation, and
    written at once.
    """

    def __init__(self, avals, together: bool = True, kinds=None):
        groups: dict = {}
        self._kinds = kinds or range(len(avals))
        for i in sorted(range(len(avals)), key=self._kinds.__getitem__) if together else ():
            a = avals[i]
            if a.device.type == "cpu" and 0 < _bytes(a) <= MAX_BYTES:
                groups.setdefault(a.dtype, []).append(i)
        self.groups = [tuple(g) for g in groups.values() if len(g) > 1]
        together = {i for g in self.groups for i in g}
        self.alone = [i for i in range(len(avals)) if i not in together]
        self.n = len(self.alone) + len(self.groups)
        self._count = len(avals)
        self._shapes = [[tuple(avals[i].shape) for i in g] for g in self.groups]
        self._ends = [[*accumulate(avals[i].numel for i in g)] for g in self.groups]
        self._avals = avals

    @property
    def key(self):
        """What tells programs apart that take their arrays in different forms."""
        return tuple(self.groups)

    def pack(self, arrays, inside: bool = False) -> list:
        """Arrays as forms; ``inside`` a program or not."""
        if not self.groups:
            return list(arrays)
        join = _join if inside else _joined
        with x64():
            packed = [join([arrays[i] for i in g]) for g in self.groups]
        return [*[arrays[i] for i in self.alone], *packed]

    def unpack(self, forms) -> list:
        """Forms as arrays."""
        if not self.groups:
            return list(forms)
        with x64():
            parts = [_splitter(tuple(shapes))(x) for shapes, x in zip(self._shapes, forms[len(self.alone) :])]
        return self._spread(forms, parts)

    def split(self, forms) -> list:
        """``unpack`` inside a program."""
        return self._spread(forms, [_split(x, s) for s, x in zip(self._shapes, forms[len(self.alone) :])])

    def join(self, forms, arrays) -> list:
        """Forms of ``arrays``, which a program writes into those that it was given."""
        packed = []
        for buffer, group in zip(forms[len(self.alone) :], self.groups):
            start = 0
            for _, run in groupby(group, self._kinds.__getitem__):
                # XLA sees that neighbours, put together, are the array that they were taken from.
                part = _join([arrays[i] for i in run])
                buffer = lax.dynamic_update_slice(buffer, part, (start,))
                start += part.size
            packed.append(buffer)
        return [*[arrays[i] for i in self.alone], *packed]

    def places(self, start: int) -> list[int | None]:
        """Where each array is among forms that begin at ``start``; None where it is with others."""
        return [start + self.alone.index(i) if i in self.alone else None for i in range(self._count)]

    def room(self) -> list:
        """Forms whose content is undefined."""
        kinds = [(self._avals[i].shape, self._avals[i]) for i in self.alone]
        kinds += [((ends[-1],), self._avals[g[0]]) for g, ends in zip(self.groups, self._ends)]
        return [room(shape, a.dtype, a.device) for shape, a in kinds]

    def _spread(self, forms, parts) -> list:
        out = [None] * self._count
        for i, x in zip(self.alone, forms):
            out[i] = x
        for group, arrays in zip(self.groups, parts):
            for i, x in zip(group, arrays):
                out[i] = x
        return out


def worth_it(avals) -> bool:
    """Is a program on these so short that its arguments matter?"""
    return sum(map(_bytes, avals)) <= MAX_TOTAL


def _bytes(a) -> int:
    return a.numel * a.dtype.itemsize


def _split(packed, shapes) -> list:
    ends = [*accumulate(int(np.prod(s)) for s in shapes)]
    return [lax.slice(packed, (i,), (j,)).reshape(s) for i, j, s in zip((0, *ends), ends, shapes)]


def _join(arrays):
    return jnp.concatenate([a.ravel() for a in arrays])


_joined = jax.jit(_join, compiler_options=QUICK)


@cache
def _splitter(shapes):
    return jax.jit(lambda packed: _split(packed, shapes), compiler_options=QUICK)

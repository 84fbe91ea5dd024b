"""PyTorch's strides: XLA stores arrays densely, but which ``reshape`` aliases depends on them."""

from __future__ import annotations

import numpy as np

from rustorch.graph import Aval
from rustorch.graph.aval import contiguous_strides
from rustorch.lowering.template import ARRAY


def strides_of(a: Aval) -> tuple[int, ...]:
    """The aval's strides, spelled out."""
    return a.strides if a.strides is not None else contiguous_strides(a.shape)


def dummy(a: Aval) -> np.ndarray:
    """A NumPy array with the aval's shape and strides over one byte of memory; never read it."""
    return np.lib.stride_tricks.as_strided(np.empty(1, np.int8), a.shape, strides_of(a), writeable=False)


def respaced(input, shape, strides):
    """A NumPy view of ``input`` with this shape and these strides, in elements."""
    return np.lib.stride_tricks.as_strided(input, shape, strides, writeable=False)


def elementwise_strides(shape, inputs):
    """Strides of an element-wise result: PyTorch keeps the memory order of its inputs."""
    ndim = len(shape)
    operands = []
    for a in inputs:
        pad = ndim - a.ndim
        stretched = [0 if n == 1 and shape[i + pad] != 1 else s for i, (n, s) in enumerate(zip(a.shape, strides_of(a)))]
        operands.append([0] * pad + stretched)
    return ordered_strides(shape, operands)


def ordered_strides(shape, operands):
    """Dense strides whose dimensions are ordered by the first operand that tells two of them apart.

    ``operands`` are strides per dimension of ``shape``, 0 where an operand does not vary.
    """
    ndim = len(shape)

    def slower(i, j) -> int:  # >0: dimension i is outside j
        for s in operands:
            if s[i] == 0 or s[j] == 0:
                continue
            if s[i] != s[j]:
                return 1 if s[i] > s[j] else -1
            if shape[i] != shape[j]:
                return 1 if shape[i] > shape[j] else -1
        return 0

    order = list(range(ndim - 1, -1, -1))  # innermost first, an insertion sort with ambiguities
    for i in range(1, ndim):
        at = i
        for j in range(i - 1, -1, -1):
            verdict = slower(order[j], order[at])
            if verdict > 0:
                order[j], order[at] = order[at], order[j]
                at = j
            elif verdict < 0:
                break
    strides, step = [0] * ndim, 1
    for d in order:
        strides[d] = step
        step *= max(shape[d], 1)
    return tuple(strides)


def indexed_strides(shape, inputs, template):
    """Strides of ``input[indices]``: those of the input where it is kept, of the indices elsewhere."""
    source, *indices = inputs
    indexed = [d for d, entry in enumerate(template[1]) if entry is ARRAY]
    kept = strides_of(source)
    wide = max((i.ndim for i in indices), default=0)
    together = indexed == list(range(indexed[0], indexed[0] + len(indexed)))
    before = indexed[0] if together else 0
    others = [s for d, s in enumerate(kept) if d not in indexed]
    operands = [others[:before] + [0] * wide + others[before:]]
    for i in indices:
        pad = wide - i.ndim
        operands.append(
            [0] * (before + pad)
            + [0 if n == 1 else s for n, s in zip(i.shape, strides_of(i))]
            + [0] * (len(others) - before)
        )
    return ordered_strides(shape, operands)

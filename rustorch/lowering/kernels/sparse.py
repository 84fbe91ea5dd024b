"""Products of a sparse and a dense matrix whose places are known before the program is made.

XLA on CPU runs a scatter-add one update after the other, and a reduction over gathered rows is not vectorised
(measured, ``benchmarks/sparse.py``). So rows are sorted into bins by length and padded to the longest of their
bin: element ``k`` of all rows of a bin is one gather, and a loop over ``k`` adds them up in one fusion.
"""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

LONGEST = 32  # longer rows are cut into pieces, whose sums are added up
WIDER = 1.5  # how much longer than the shortest the longest row of a bin may be


def row_bins(rows: np.ndarray, columns: np.ndarray, n: int):
    """The plan of a product: ``(bins, back, split)`` from the rows and columns of the elements.

    A bin is ``(positions, columns)``, each (rows of the bin, longest row) int32; a position past the last element
    stands for nothing. ``back``: which row of the stacked bins is row i, or with ``split`` which row each one adds to.
    """
    order = np.argsort(rows, kind="stable")
    counts = np.bincount(rows, minlength=n)
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]]) if n else np.zeros(0, np.int64)
    split = bool(n) and int(counts.max()) > LONGEST
    owner = np.arange(n)
    if split:
        pieces = np.maximum(-(-counts // LONGEST), 1)
        owner = np.repeat(owner, pieces)
        nth = np.arange(len(owner)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
        starts = starts[owner] + nth * LONGEST
        counts = np.minimum(counts[owner] - nth * LONGEST, LONGEST)
    sequence = np.argsort(counts, kind="stable")
    lengths = counts[sequence]
    bins, at = [], int(np.searchsorted(lengths, 1))
    empty = at
    while at < len(lengths):
        end = int(np.searchsorted(lengths, int(lengths[at] * WIDER), side="right"))
        of = sequence[at:end]
        k = np.arange(lengths[end - 1])
        inside = k < counts[of][:, None]
        place = np.where(inside, starts[of][:, None] + k, 0)
        elements = order[place] if len(order) else place
        bins.append(
            (
                np.where(inside, elements, len(rows)).astype(np.int32),
                np.where(inside, columns[elements], 0).astype(np.int32),
            )
        )
        at = end
    stacked = owner[sequence[empty:]]
    if split:
        return tuple(bins), stacked.astype(np.int32), True
    back = np.full(n, len(stacked))  # empty rows read the row of zeros behind the bins
    back[stacked] = np.arange(len(stacked))
    return tuple(bins), back.astype(np.int32), False


def product(values, dense, bins, back, n: int, split: bool):
    """Values (nnz) at planned places, times ``dense`` (columns, width): (n, width)."""
    padded = jnp.append(values, jnp.zeros(1, values.dtype))
    zero = jnp.zeros((1, dense.shape[1]), dense.dtype)
    sums = []
    for positions, columns in bins:
        of = padded.at[positions].get(mode="clip")  # all at once: a third of the time to compile
        total = 0
        for k in range(positions.shape[1]):
            total = total + of[:, k, None] * dense.at[columns[:, k]].get(mode="clip")
        sums.append(total)
    if split:
        stacked = jnp.concatenate(sums)
        return jnp.zeros((n, dense.shape[1]), dense.dtype).at[back].add(stacked)
    return jnp.concatenate([*sums, zero])[back]


def row_dots(a, b):
    """The dot products of the rows of two matrices (n, width): (n), by halving, which fuses and vectorises."""
    p = a * b
    rest = 0
    while p.shape[1] > 1:
        if p.shape[1] % 2:
            rest = rest + p[:, -1]
            p = p[:, :-1]
        half = p.shape[1] // 2
        p = p[:, :half] + p[:, half:]
    return p[:, 0] + rest if p.shape[1] else jnp.zeros(p.shape[0], p.dtype)

"""Arguments given once for all spatial dimensions, or once per dimension."""

import collections.abc
from itertools import repeat


def _ntuple(n, name):
    def parse(value):
        if isinstance(value, collections.abc.Iterable):
            return tuple(value)
        return tuple(repeat(value, n))

    parse.__name__ = name
    return parse


_single = _ntuple(1, "_single")
_pair = _ntuple(2, "_pair")
_triple = _ntuple(3, "_triple")
_quadruple = _ntuple(4, "_quadruple")


def _reverse_repeat_tuple(values, n):
    """Reverse and repeat each: the order in which ``pad`` wants its amounts, last dim first."""
    return tuple(value for value in reversed(values) for _ in range(n))

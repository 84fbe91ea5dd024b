"""``Size``: the tuple that ``tensor.shape`` is."""

from __future__ import annotations

import math


class Size(tuple):
    """The shape of a tensor: a tuple of ints that prints as PyTorch's does.

    Example:
        >>> Size([2, 3]).numel()
        6
    """

    __slots__ = ()

    def numel(self) -> int:
        """Number of elements of a tensor of this shape."""
        return math.prod(self)

    def __repr__(self) -> str:
        return f"torch.Size([{', '.join(map(str, self))}])"

    __str__ = __repr__

    def __getitem__(self, index):
        item = tuple.__getitem__(self, index)
        return Size(item) if isinstance(index, slice) else item

    def __add__(self, other):
        return Size(tuple.__add__(self, tuple(other)))

    def __radd__(self, other):
        return Size(tuple(other) + tuple(self))

    def __mul__(self, count):
        return Size(tuple.__mul__(self, count))

    __rmul__ = __mul__

    def __eq__(self, other):
        # The documents compare shapes with lists as well: ``t.shape == [2, 3]``.
        return tuple.__eq__(self, tuple(other) if type(other) is list else other)

    def __ne__(self, other):
        return not self == other

    __hash__ = tuple.__hash__

    def __reduce__(self):
        return Size, (tuple(self),)

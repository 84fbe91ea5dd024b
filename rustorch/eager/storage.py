"""``Storage``: the mutable cell behind tensors that alias one another."""

from __future__ import annotations


class Storage:
    """Holds the node of the current value. ``epoch`` tells aliases that they must look again."""

    __slots__ = ("node", "epoch", "writes", "__weakref__")

    def __init__(self, node):
        self.node = node
        self.epoch = 0
        self.writes = 0  # PyTorch's `_version`

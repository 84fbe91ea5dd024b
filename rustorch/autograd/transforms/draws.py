"""Random operations under ``vmap``: one key for each row, or the same draw for all."""

from __future__ import annotations

from rustorch.eager.nodes import apply_node
from rustorch.errors import RustorchRuntimeError
from rustorch.graph import Node
from rustorch.lowering.kernels.random import random_bits
from rustorch.lowering.table import Number, Op
from rustorch.lowering.template import ARRAY, NUMBER
from rustorch.lowering.transform import forward_of

_LANE = 97  # no op draws in this one


def _row_keys(key, counter: Number, size: int):
    """A generator key for each of ``size`` rows, made from the key and the counter of one draw."""
    return random_bits(key, counter, (size, 2), _LANE)


ROW_KEYS = Op(_row_keys, "op", name="row_keys", method=False, function=False, differentiable=False, always_lift=True)


def place_of_key(sig) -> int | None:
    """Which array input is a generator's key; None for what draws nothing."""
    forward = forward_of(sig)
    if "counter" not in forward.op.params:
        return None
    at = forward.op.params.index("key")
    if at >= len(forward.template) or forward.template[at] is not ARRAY:
        return None
    return sum(entry is ARRAY for entry in forward.template[:at])


def place_of_counter(sig) -> int:
    """Which runtime number is the counter, for what draws with a generator's key."""
    forward = forward_of(sig)
    return sum(entry is NUMBER for entry in forward.template[: forward.op.params.index("counter")])


class Draws:
    """The keys of one batch: the same draw, also in its gradient, has the same keys."""

    def __init__(self, randomness: str, size: int):
        self.randomness, self.size = randomness, size
        self._keys: dict = {}

    def keys(self, node: Node, key: Node) -> Node | None:
        """The row keys for a node that draws with ``key``; None if all rows share the draw.

        Raises:
            RuntimeError: randomness was not allowed.
        """
        if self.randomness == "error":
            raise RustorchRuntimeError(
                "vmap: called random operation while in randomness error mode. Please either use the 'same' or "
                "'different' randomness flags on vmap or perform the randomness operation out of vmap"
            )
        if self.randomness == "same":
            return None
        counter = node.numbers[place_of_counter(node.sig)]
        found = self._keys.get((key, counter))
        if found is None:
            template = (ARRAY, NUMBER, self.size)
            found = self._keys[key, counter] = apply_node(ROW_KEYS, template, (key,), (counter,))
        return found

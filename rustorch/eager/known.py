"""Check values that the host already has, so that a wrong index fails at its line, as in PyTorch.

Values that are still pending are not waited for: the program then clamps or drops such positions.
"""

from __future__ import annotations

import numpy as np

from rustorch.eager.tensor import Tensor
from rustorch.eager.views import node_of


def known_values(t: Tensor):
    """The tensor's values as a NumPy array if that costs no wait and no transfer, else None."""
    node = node_of(t)
    value = node.value
    if value is None or node.aval.device.type != "cpu" or not value.is_ready():
        return None
    return np.asarray(value)


def _seen(a, must: bool):
    if isinstance(a, Tensor):
        return known_values(a) if must else node_of(a).aval
    if isinstance(a, (tuple, list)):
        return [_seen(x, must) for x in a]
    return a


def check_known(op, args) -> None:
    """Run ``op``'s rule on the arguments: NumPy arrays for the tensors that it names, avals for others."""
    given = []
    for a, name in zip(args, op.params):
        must = name in op.known_names
        seen = _seen(a, must)
        if must and (seen is None or isinstance(seen, list) and any(x is None for x in seen)):
            return
        given.append(seen)
    op.known_rule(*given)

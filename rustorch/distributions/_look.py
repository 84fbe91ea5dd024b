"""Whether values satisfy a constraint, at the least cost.

A value that the host has already is checked by NumPy: nothing is recorded or compiled. A pending value is looked
at, which starts what is pending, as every look does. While a function is recorded (``jit``, ``vmap``, ``func``) its
values do not exist, or must not be branched on: those are taken to be fine.
"""

import copy

import numpy as np

from rustorch.autograd import no_grad
from rustorch.distributions.constraints import Constraint
from rustorch.eager.recorder import value_of
from rustorch.eager.state import local
from rustorch.eager.tensor import Tensor
from rustorch.eager.views import node_of


class _Unseen(Exception):
    """A value that cannot be looked at now."""


_SPREAD = ("expand", "broadcast_to")  # the same numbers in another shape


def _array(t: Tensor, spread: bool = False):
    """The values as a NumPy array; with ``spread`` those before they were broadcast will do."""
    node = node_of(t)
    while spread and node.value is None and node.sig.op.name in _SPREAD:
        node = node.inputs[0]
    if node.value is None:
        if local.tracing or local.recorder is not None:
            raise _Unseen
        value_of(t)
        node = node_of(t)
    return np.asarray(node.value)


def _on_host(constraint: Constraint) -> Constraint:
    """The constraint with NumPy arrays for its tensors."""
    changed = {}
    for name, x in vars(constraint).items():
        if isinstance(x, Tensor):
            changed[name] = _array(x, True)
        elif isinstance(x, Constraint):
            changed[name] = _on_host(x)
    if not changed:
        return constraint
    constraint = copy.copy(constraint)
    vars(constraint).update(changed)
    return constraint


def holds(constraint: Constraint, value) -> bool:
    """Does every event in ``value`` satisfy the constraint, as far as values may be looked at?"""
    try:
        if not isinstance(value, Tensor) or not constraint.on_host or node_of(value).aval.device.type != "cpu":
            if isinstance(value, Tensor) and (local.tracing or local.recorder is not None):
                return True
            with no_grad():
                return bool(constraint.check(value).all())
        with np.errstate(all="ignore"):
            return bool(_on_host(constraint).check(_array(value, constraint.event_dim == 0)).all())
    except _Unseen:
        return True

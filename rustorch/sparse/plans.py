"""Plans of products: what is worked out once from the places of a matrix that is multiplied again and again."""

from __future__ import annotations

from typing import NamedTuple
from weakref import WeakKeyDictionary

import numpy as np

from rustorch.eager.dynamic import host
from rustorch.eager.recorder import from_host
from rustorch.eager.state import local
from rustorch.eager.tensor import Tensor
from rustorch.eager.views import node_of
from rustorch.graph import Node
from rustorch.lowering.kernels.sparse import row_bins


class Plan(NamedTuple):
    """Bins of a matrix and of its transpose, as tensors; ``splits``: were long rows cut?"""

    forward: tuple | None
    backward: tuple | None
    splits: tuple[bool, bool]


NONE = Plan(None, None, (False, False))

# By the node of the indices and the shape: NONE after the first product, then (the bins on the host, the plan).
_plans: WeakKeyDictionary[Node, dict] = WeakKeyDictionary()


def plan_for(where: Tensor, shape) -> Plan:
    """The plan for indices (2, nnz) of a matrix of ``shape``.

    A plan is part of the program's structure, so places that are used once (a sampled graph) must not have one:
    it is made at the second product, or at once while a traced function is recorded.
    """
    if local.tracing and node_of(where).value is None:
        return NONE
    found = _plans.setdefault(node_of(where), {})
    recording = local.recorder is not None
    if shape not in found and not recording:
        found[shape] = NONE
        return NONE
    if found.get(shape, NONE) is NONE:
        rows, columns = host(where)
        sides = [row_bins(rows, columns, shape[0]), row_bins(columns, rows, shape[1])]
        found[shape] = sides, None if recording else _on_device(sides, where)
    sides, plan = found[shape]
    if recording:
        host(where)  # a look: what is recorded holds for these places, so that the bins are constants of it
        return _on_device(sides, where)
    if plan is None:
        plan = _on_device(sides, where)
        found[shape] = sides, plan
    return plan


def _on_device(sides, like: Tensor) -> Plan:
    arrays = [_tensors((bins, back), like) for bins, back, _ in sides]
    return Plan(*arrays, tuple(split for *_, split in sides))


def _tensors(x, like: Tensor):
    if isinstance(x, np.ndarray):
        return from_host(x, like.device)
    return tuple([_tensors(y, like) for y in x])

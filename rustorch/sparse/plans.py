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

    forward: tuple
    backward: tuple
    splits: tuple[bool, bool]


NONE = Plan(None, None, (False, False))

# By the node of the indices: how many products there were, or the plan.
_plans: WeakKeyDictionary[Node, dict] = WeakKeyDictionary()


def plan_for(where: Tensor, shape) -> Plan:
    """The plan for indices (2, nnz) of a matrix of ``shape``.

    A plan is part of the program's structure, so places that are used once (a sampled graph) must not have one:
    it is made at the second product.
    """
    if local.tracing and node_of(where).value is None:
        return NONE
    found = _plans.setdefault(node_of(where), {})
    if local.recorder is not None:
        host(where)  # a look: what is recorded holds for these places
    plan = found.get(shape)
    if plan is None:
        found[shape] = NONE
        return NONE
    if plan is NONE:
        rows, columns = host(where)
        sides = [row_bins(rows, columns, shape[0]), row_bins(columns, rows, shape[1])]
        arrays = [_tensors((bins, back), where) for bins, back, _ in sides]
        plan = found[shape] = Plan(*arrays, tuple(split for *_, split in sides))
    return plan


def _tensors(x, like: Tensor):
    if isinstance(x, np.ndarray):
        return from_host(x, like.device)
    return tuple([_tensors(y, like) for y in x])

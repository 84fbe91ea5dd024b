"""Membership of values in a set of values."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jax import lax

from rustorch.lowering.ops.sort import positions
from rustorch.lowering.promote import cast, result_dtype
from rustorch.lowering.table import op

_FEW = 64  # up to here every element is compared with every other


@op(function=False, method=False, differentiable=False)
def isin(elements, test_elements, invert=False):
    """Whether each of ``elements`` occurs among ``test_elements`` (or, inverted, does not)."""
    dtype = result_dtype(elements, test_elements)
    x, known = cast(elements, dtype), cast(test_elements, dtype).reshape(-1)
    if known.shape[0] <= _FEW or jnp.iscomplexobj(known):
        found = (x[..., None] == known).any(-1)
    else:
        row = lax.sort(known, is_stable=False)
        at = jnp.minimum(positions(row, x, False), np.int32(known.shape[0] - 1))
        found = jnp.take(row, at, 0, mode="clip") == x
    return ~found if invert else found

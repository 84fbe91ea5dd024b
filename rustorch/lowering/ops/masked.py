"""Writing where a leading mask is true."""

from __future__ import annotations

import jax.numpy as jnp

from rustorch.lowering.promote import cast, dtype_of
from rustorch.lowering.table import Number, op


@op(function=False, method=False, out=False, grad_name="IndexPutBackward0")
def masked_write(input, mask, value: Number):
    """``input`` with ``value`` (one element) where ``mask``, over leading dimensions, is true."""
    mask = mask.reshape(mask.shape + (1,) * (input.ndim - mask.ndim))
    return jnp.where(mask, cast(value, dtype_of(input)).reshape(()), input)

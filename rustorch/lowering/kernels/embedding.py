"""Rows of a table, and the table's gradient.

Measured on the CPU (float32, width 128): adding 768 rows into 96 takes 0.04 ms as a
scatter-add and 0.37 ms as a one-hot product; 4096 rows into 5000, 1 ms against 66 ms. So the
scatter is always used: XLA:CPU's is a plain loop over the indices, with a vectorised row.
"""

import jax.numpy as jnp
from jax import lax


def embedding(weight, index):
    """``weight (rows, ...)``, integer ``index (...)`` -> ``index.shape + weight.shape[1:]``."""
    return jnp.take(weight, index.astype(jnp.int32), axis=0, mode="clip")


def embedding_vjp(ct, weight, index, *, padding_idx=None, needs=(True,)):
    """``dweight[index[i]] += ct[i]``; a row named by ``padding_idx`` gets no gradient."""
    flat = index.reshape(-1, 1).astype(jnp.int32)
    if padding_idx is not None:
        flat = jnp.where(flat == padding_idx, weight.shape[0], flat)
    numbers = lax.ScatterDimensionNumbers(tuple(range(1, weight.ndim)), (0,), (0,))
    updates = ct.reshape(-1, *weight.shape[1:])
    zeros = jnp.zeros(weight.shape, ct.dtype)
    return (lax.scatter_add(zeros, flat, updates, numbers, mode=lax.GatherScatterMode.FILL_OR_DROP),)

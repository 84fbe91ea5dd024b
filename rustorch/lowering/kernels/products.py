"""Products of arrays: which form XLA's CPU backend has fast code for.

It turns 16-bit factors to float32 before it multiplies, unless the result is asked for in float32. Then a processor that
has instructions for bfloat16 multiplies them as they lie: 512x512x512 takes 0.45 ms, not 0.95 (float32 0.8).
That code wants the left factor's rows whole, so that of a weight's gradient ``g.T @ x`` is transposed before:
0.58 ms, not 1.05. XLA would put a plain transposition back into the product, but not one of halves.
"""

import jax.numpy as jnp
from jax import lax

from ..platform import on_cpu
from ..processor import multiplies_bfloat16
from .sums import wide


def unrounded(dtype):
    """The dtype of a product to which something is added: accelerators do that in the product's kernel, and round then."""
    return wide(dtype) if on_cpu() else jnp.dtype(dtype)


def contract(a, b, i, j, batch=(), kind=None):
    """Sum of products along dimension ``i`` of ``a`` and ``j`` of ``b``, as numbers of ``kind``; ``None`` is their own.

    ``batch`` are leading dimensions that both share. The others of ``a`` come next in the result, then those of ``b``.
    """
    kind = a.dtype if kind is None else kind
    summed = kind
    if a.dtype == jnp.bfloat16 and on_cpu() and multiplies_bfloat16():
        summed = wide(a.dtype)
        if i < a.ndim - 1 and a.shape[i] % 2 == 0:
            a, i = _whole_rows(a, i), a.ndim - 1
    return lax.dot_general(a, b, (((i,), (j,)), (batch, batch)), preferred_element_type=summed).astype(kind)


def _whole_rows(x, i):
    """Dimension ``i``, of even size, at the end."""
    halves = x.reshape(*x.shape[:i], 2, x.shape[i] // 2, *x.shape[i + 1 :])
    last = jnp.moveaxis(halves, (i, i + 1), (-2, -1))
    return last.reshape(*last.shape[:-2], x.shape[i])

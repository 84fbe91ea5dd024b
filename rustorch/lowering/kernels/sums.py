"""Sums over rows and columns as matrix products, and where a broadcast is undone.

XLA:CPU emits a reduction as a scalar loop with one chain of additions; a product with a vector
of ones goes to its GEMV instead, vectorised. Measured on 768x128 float32: row sums 0.08 ms as
``sum``, 0.03 ms as a product; column sums 0.14 ms against 0.03 ms. Many rows are summed in blocks
(4096x512: 0.39 ms, 0.62 as a product or in one reduction), a few by a reduction, where (as in the samples of a
batched function) the transposition that the product needs takes longer than the sum.
"""

import jax.numpy as jnp
from jax import lax

from ..platform import on_cpu

_FEW, _MANY, _MORE, _BLOCKS = 32, 2048, 4096, 64
_SMALL = 1 << 14


def wide(dtype) -> jnp.dtype:
    """The dtype to accumulate in: float32 for the 16-bit floats, else the dtype itself."""
    return jnp.dtype(jnp.float32) if dtype in (jnp.bfloat16, jnp.float16) else jnp.dtype(dtype)


def row_sum(x):
    """Sum over the last axis: ``(..., n) -> (...)``, accumulated in ``wide(x.dtype)``."""
    return row_dot(x, None)


def row_dot(x, v):
    """Sum of ``x (..., n)`` times ``v (n,)`` over the last axis; the products are not stored. ``None`` is ones."""
    x = x.astype(wide(x.dtype))
    if not on_cpu() or not jnp.issubdtype(x.dtype, jnp.floating):
        return (x if v is None else x * v).sum(-1)
    v = jnp.ones(x.shape[-1], x.dtype) if v is None else v.astype(x.dtype)
    return lax.dot_general(x, v, (((x.ndim - 1,), (0,)), ((), ())))


def column_sum(x):
    """Sum over all axes but the last: ``(..., n) -> (n,)``, accumulated in ``wide(x.dtype)``."""
    x = x.reshape(-1, x.shape[-1]).astype(wide(x.dtype))
    rows = x.shape[0]
    if not on_cpu() or not jnp.issubdtype(x.dtype, jnp.floating) or rows <= _FEW:
        return x.sum(0)
    if rows >= _MANY and rows % _BLOCKS == 0:
        return x.reshape(_BLOCKS, -1, x.shape[-1]).sum(1).sum(0)
    if rows > _MORE:
        return x.sum(0)
    return lax.dot_general(jnp.ones(rows, x.dtype), x, (((0,), (0,)), ((), ())))


def once(x, smallest: int = _SMALL):
    """``x`` itself, but computed once and stored, on the CPU. Never changes a value.

    XLA:CPU fuses whatever looks cheap into every reader and computes it again in each one: a
    dropout mask or a nine-tap convolution was recomputed in up to eleven places, in a layout
    that did not vectorise. ``optimization_barrier`` is gone before fusion happens, and a
    division by one is folded; what fusion cannot cross is a conditional. So the value passes
    through one whose predicate is always true, in a way XLA does not see. With it the whole
    CNN step went from 64 to 42 ms. Arrays of less than ``smallest`` elements are left alone.
    """
    if not on_cpu() or x.size < smallest or not x.size:
        return x
    first = x[(0,) * x.ndim].astype(jnp.float32)
    true = (lax.bitcast_convert_type(first, jnp.int32) | 1) != 0
    # Both branches read x: branches without operands get empty tuples, and two of those XLA does not take for the same.
    return lax.cond(true, lambda a: a, lambda a: a + a, x)


def sum_to(x, shape):
    """Sum ``x`` down to ``shape``, undoing a broadcast from ``shape`` to ``x.shape``."""
    x = x.sum(tuple(range(x.ndim - len(shape))))
    return x.sum(tuple(i for i, n in enumerate(shape) if n != x.shape[i]), keepdims=True)

"""``y = x @ weight.T + bias``, the weight stored (out, in) as torch stores it.

Every product is written as a ``dot_general`` on the arrays as they lie, so that XLA passes the
transposition to its GEMM instead of copying. Of the two ways to write the weight's gradient,
``g.T @ x`` lands in (out, in) at once and was the faster (768x128x512: 0.75 ms, ``x.T @ g``
1.1 ms); splitting the long axis into a batched product was three times slower and worse.
"""

import math

from jax import lax

from ..platform import on_cpu
from .sums import column_sum, wide


def _dot(a, b, i, j, kind=None):
    return lax.dot_general(a, b, (((i,), (j,)), ((), ())), preferred_element_type=kind)


def _rows(x):
    """All dimensions but the last as one; sizes may be 0."""
    return x.reshape(math.prod(x.shape[:-1]), x.shape[-1])


def linear(x, weight, bias=None):
    """``x (..., in)``, ``weight (out, in)``, ``bias (out,)`` -> ``(..., out)``."""
    if bias is None:
        y = _dot(_rows(x), weight, 1, 1)
    else:  # accelerators add the bias in the product's kernel; here a 16-bit product is not rounded before
        y = _dot(_rows(x), weight, 1, 1, wide(x.dtype) if on_cpu() else None)
        y = (y + bias).astype(x.dtype)
    return y.reshape(*x.shape[:-1], weight.shape[0])


def linear_vjp(ct, x, weight, bias=None, *, needs=(True, True, True)):
    """Gradients of ``linear``: ``dx = g @ W``, ``dW = g.T @ x``, ``db`` = column sums of ``g``."""
    g, rows = _rows(ct), _rows(x)
    dx = _dot(g, weight, 1, 0).reshape(x.shape) if needs[0] else None
    dw = _dot(g, rows, 0, 0) if needs[1] else None
    db = column_sum(g).astype(bias.dtype) if needs[2] and bias is not None else None
    return dx, dw, db

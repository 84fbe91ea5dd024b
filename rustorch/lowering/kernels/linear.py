"""``y = x @ weight.T + bias``, the weight stored (out, in) as torch stores it.

Every product is written as a ``dot_general`` on the arrays as they lie, so that XLA passes the
transposition to its GEMM instead of copying. Of the two ways to write the weight's gradient,
``g.T @ x`` lands in (out, in) at once and was the faster (768x128x512: 0.75 ms, ``x.T @ g``
1.1 ms); splitting the long axis into a batched product was three times slower and worse.
"""

import math

from .products import contract, unrounded
from .sums import column_sum


def _rows(x):
    """All dimensions but the last as one; sizes may be 0."""
    return x.reshape(math.prod(x.shape[:-1]), x.shape[-1])


def linear(x, weight, bias=None):
    """``x (..., in)``, ``weight (out, in)``, ``bias (out,)`` -> ``(..., out)``."""
    if bias is None:
        y = contract(_rows(x), weight, 1, 1)
    else:
        y = (contract(_rows(x), weight, 1, 1, kind=unrounded(x.dtype)) + bias).astype(x.dtype)
    return y.reshape(*x.shape[:-1], weight.shape[0])


def linear_vjp(ct, x, weight, bias=None, *, needs=(True, True, True)):
    """Gradients of ``linear``: ``dx = g @ W``, ``dW = g.T @ x``, ``db`` = column sums of ``g``."""
    g, rows = _rows(ct), _rows(x)
    dx = contract(g, weight, 1, 0).reshape(x.shape) if needs[0] else None
    dw = contract(g, rows, 0, 0) if needs[1] else None
    db = column_sum(g).astype(bias.dtype) if needs[2] and bias is not None else None
    return dx, dw, db

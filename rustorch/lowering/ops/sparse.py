"""Products with a sparse matrix, on its parts."""

from __future__ import annotations

import jax.numpy as jnp

from rustorch.lowering.kernels.sparse import product, row_dots
from rustorch.lowering.table import op


@op(method=False, function=False, out=False, dear=True, grad_name="SparseAddmmBackward0")
def sparse_product(values, dense, rows, columns, forward, backward, shape, splits):
    """values (nnz) at ``rows`` and ``columns`` (nnz), times ``dense`` (shape[1], width) → (shape[0], width).

    ``forward`` and ``backward`` are plans ``(bins, back)`` of the matrix and of its transpose, or ``None``.
    """
    return _product(values, dense, rows, columns, forward, shape[0], splits[0])


def _product(values, dense, rows, columns, plan, n, split):
    if plan is not None and plan[0]:
        return product(values, dense, *plan, n, split)
    return jnp.zeros((n, dense.shape[1]), dense.dtype).at[rows].add(values[:, None] * dense[columns])


@sparse_product.vjp
def _(needs, ct, values, dense, rows, columns, forward, backward, shape, splits):
    slope = None
    if needs[0]:
        slope = row_dots(ct[rows], jnp.conj(dense)[columns])
    change = None
    if needs[1]:
        change = _product(jnp.conj(values), ct, columns, rows, backward, shape[1], splits[1])
    return (slope, change, *[None] * (len(needs) - 2))


@op(method=False, function=False, out=False, dear=True, grad_name="SparseSampledAddmmBackward0")
def sparse_dots(a, b, rows, columns):
    """``(a @ b.T)[rows, columns]``: a (n, width), b (m, width) → (nnz)."""
    return row_dots(a[rows], b[columns])

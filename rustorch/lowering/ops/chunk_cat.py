"""Tensors cut into parts that lie side by side: how sharded parameters are packed."""

from __future__ import annotations

import jax.numpy as jnp

from rustorch.errors import check, wrap_dim
from rustorch.lowering.table import op


@op(method=False, lacks=(None, "derivative for aten::_chunk_cat is not implemented"))
def _chunk_cat(tensors, dim: int, num_chunks: int):
    """Each tensor cut into ``num_chunks`` along ``dim``, padded with zeros; the i-th parts flattened side by side.

    Raises:
        RuntimeError: no tensors, an empty one, or leading dimensions that differ.
    """
    check(len(tensors) > 0, "_chunk_cat expects a non-empty input tensor list")
    check(num_chunks >= 1, "_chunk_cat expects positive num_chunks")
    d, rows = wrap_dim(dim, tensors[0].ndim), []
    for t in tensors:
        check(t.size > 0, "_chunk_cat expects non-empty tensor")
        check(t.shape[:d] == tensors[0].shape[:d], "_chunk_cat expects same sizes of 0,...,dim-1 dimensions")
        gap = [(0, -t.shape[d] % num_chunks if i == d else 0) for i in range(t.ndim)]
        rows.append(jnp.pad(t, gap).reshape(*t.shape[:d], num_chunks, -1))
    return jnp.concatenate(rows, d + 1)

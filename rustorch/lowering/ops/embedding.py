"""Rows of a table by index, alone or reduced over bags."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from rustorch.dtypes import int32, int64
from rustorch.errors import check
from rustorch.lowering import kernels
from rustorch.lowering.kernels.graft import graft
from rustorch.lowering.kernels.sums import wide
from rustorch.lowering.ops import _known as known
from rustorch.lowering.ops._nn import layer
from rustorch.lowering.promote import dtype_of
from rustorch.lowering.table import Number, op


def _check_index(x, name="embedding"):
    d = dtype_of(x)
    check(
        d in (int32, int64),
        "Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; but got "
        f"torch.{d.alias}Tensor instead (while checking arguments for {name})",
    )


def _padding(padding_idx, rows):
    if padding_idx is None:
        return None
    check(-rows <= padding_idx < rows, "Padding_idx must be within num_embeddings", AssertionError)
    return padding_idx % rows


def _counted(ct, index, rows):
    """Rows, or their gradient, each divided by how often the row occurs."""
    flat = index.reshape(-1)
    counts = jnp.zeros(rows, ct.dtype).at[flat].add(1)
    return ct / counts[flat].reshape(index.shape + (1,) * (ct.ndim - index.ndim))


@layer(dear=True)
def embedding(
    input, weight, padding_idx: int | None = None, max_norm=None, norm_type: Number = 2.0,
    scale_grad_by_freq: bool = False, sparse: bool = False,
):  # fmt: skip
    """weight[input]: integer ``input`` (any shape), ``weight`` (rows, width) → (*input.shape, width).

    The row ``padding_idx`` gets no gradient. ``max_norm`` rescales rows of the table in place and
    is the front end's; the gradient is dense also with ``sparse``.
    """
    _check_index(input)
    check(weight.ndim == 2, "'weight' must be 2-D")
    _padding(padding_idx, weight.shape[0])
    return kernels.embedding(weight, input)


@embedding.known("input")
def _(input, weight, *_):
    known.check_rows(input, weight.shape[0])


@embedding.vjp
def _(needs, ct, input, weight, padding_idx=None, max_norm=None, norm_type=2.0, scale_grad_by_freq=False, sparse=False):
    if scale_grad_by_freq:
        ct = _counted(ct, input, weight.shape[0])
    padding = _padding(padding_idx, weight.shape[0])
    return None, kernels.embedding_vjp(ct, weight, input, padding_idx=padding)[0]


@op(name="embedding", dear=True, method=False, out=False)
def torch_embedding(weight, indices, padding_idx: int = -1, scale_grad_by_freq: bool = False, sparse: bool = False):
    """weight[indices], with the arguments in ``torch.embedding``'s order; -1 is no padding."""
    _check_index(indices)
    check(weight.ndim == 2, "'weight' must be 2-D")
    return kernels.embedding(weight, indices)


@torch_embedding.vjp
def _(needs, ct, weight, indices, padding_idx=-1, scale_grad_by_freq=False, sparse=False):
    if scale_grad_by_freq:
        ct = _counted(ct, indices, weight.shape[0])
    padding = None if padding_idx < 0 else padding_idx
    return kernels.embedding_vjp(ct, weight, indices, padding_idx=padding)[0], None


@layer(dear=True)
def embedding_bag(
    input, weight, offsets=None, max_norm=None, norm_type: Number = 2.0, scale_grad_by_freq: bool = False,
    mode: str = "mean", sparse: bool = False, per_sample_weights=None, include_last_offset: bool = False,
    padding_idx: int | None = None,
):  # fmt: skip
    """Sum, mean or max of table rows over bags: → (bags, width).

    ``input`` (bags, n), or flat with ``offsets`` (bags), where each bag starts. Entries equal to
    ``padding_idx`` do not count; ``per_sample_weights`` (like ``input``) needs mode "sum".
    """
    _check_index(input, "embedding_bag")
    check(mode in ("sum", "mean", "max"), f"mode has to be one of sum, mean or max. Received: {mode!r}", ValueError)
    check(
        per_sample_weights is None or mode == "sum",
        f"embedding_bag: per_sample_weights was not None. per_sample_weights is only supported for mode='sum' (got mode='{mode}'). "
        "Please open a feature request on GitHub.",
        NotImplementedError,
    )
    if input.ndim == 2:
        check(
            offsets is None,
            "if input is 2D, then offsets has to be None, as input is treated is a mini-batch of fixed length sequences.",
            ValueError,
        )
        bags = input.shape[0]
        bag = jnp.repeat(jnp.arange(bags), input.shape[1])
    else:
        check(input.ndim == 1, f"input has to be 1D or 2D Tensor, but got Tensor of dimension {input.ndim}", ValueError)
        check(offsets is not None, "offsets has to be a 1D Tensor but got None", ValueError)
        bags = offsets.shape[0] - int(include_last_offset)
        bag = jnp.searchsorted(offsets[:bags], jnp.arange(input.shape[0]), side="right") - 1
    flat = input.reshape(-1)
    padding = _padding(padding_idx, weight.shape[0])
    inside = wide(weight.dtype)
    counts = jnp.ones(flat.shape, inside) if padding is None else (flat != padding).astype(inside)
    # Through the op, so that the table's gradient is the kernel's.
    rows = embedding.lower(flat, weight)
    if scale_grad_by_freq:
        rows = graft(rows, _counted(rows, flat, weight.shape[0]))
    if mode == "max":
        low = jnp.where(counts[:, None] > 0, rows, -jnp.inf)
        best = jnp.full((bags, weight.shape[1]), -jnp.inf, weight.dtype).at[bag].max(low)
        return jnp.where(best == -jnp.inf, 0, best)
    if per_sample_weights is not None:
        counts = counts * per_sample_weights.reshape(-1)
    total = jnp.zeros((bags, weight.shape[1]), inside).at[bag].add(rows * counts[:, None])
    if mode == "mean":
        total /= jnp.maximum(jnp.zeros(bags, inside).at[bag].add(counts), 1)[:, None]
    return total.astype(weight.dtype)


@embedding_bag.known("input")
def _(input, weight, *_):
    bad = known.outside(input, weight.shape[0])
    check(
        bad is None,
        f"Index {np.flatnonzero(input == bad)[0] if bad is not None else 0} of input takes value {bad} "
        f"which is not in the valid range [0, {weight.shape[0]})",
    )

"""Reductions over the elements where ``mask`` is true; ``None`` means all.

``dim`` is an int, a tuple, or ``None`` for all dimensions; ``mask`` broadcasts to the input. A result without any
element is the operation's identity (NaN for means).
"""

from __future__ import annotations

from rustorch import dtypes
from rustorch.dtypes import FLOATING
from rustorch.eager import ops
from rustorch.errors import ArgumentValueError
from rustorch.masked.filling import canonical, filled, full_mask


def _summed(dtype, input):
    """The dtype of a sum: 64-bit for the integers."""
    return dtype or (dtypes.int64 if input.dtype.kind < FLOATING else input.dtype)


def sum(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """The sum.

    >>> import rustorch as torch
    >>> torch.masked.sum(torch.tensor([[1, 2], [3, 4]]), 1, mask=torch.tensor([True, False]))
    tensor([1, 3])
    """
    dtype = _summed(dtype, input)
    return ops.sum(filled("sum", input, mask), canonical(dim, input.ndim), bool(keepdim), dtype=dtype)


def prod(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """The product."""
    dtype = _summed(dtype, input)
    out, dims = filled("prod", input, mask), canonical(dim, input.ndim)
    for d in reversed(dims):
        out = ops.prod(out, d, bool(keepdim), dtype=dtype)
    return out if dims else ops.prod(out, dtype=dtype)


def _extreme(name, input, dim, keepdim, dtype, mask):
    kept = filled(name, input, mask)
    return getattr(ops, name)(kept, canonical(dim, kept.ndim), bool(keepdim)).to(dtype or input.dtype)


def amax(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """The largest element."""
    return _extreme("amax", input, dim, keepdim, dtype, mask)


def amin(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """The smallest element."""
    return _extreme("amin", input, dim, keepdim, dtype, mask)


def argmax(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """Where the largest element is, in the dtype of the input if none is given (as in PyTorch)."""
    return ops.argmax(filled("argmax", input, mask), dim, bool(keepdim)).to(dtype or input.dtype)


def argmin(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """Where the smallest element is, as ``argmax``."""
    return ops.argmin(filled("argmin", input, mask), dim, bool(keepdim)).to(dtype or input.dtype)


def _count(input, dim, keepdim, mask):
    """How many elements count."""
    there = input.new_ones(tuple(input.shape), dtype=dtypes.bool_) if mask is None else full_mask(input, mask)
    return ops.sum(there, canonical(dim, input.ndim), bool(keepdim), dtype=dtypes.int64)


def mean(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """The average.

    Raises:
        ValueError: integers without a floating ``dtype``.
    """
    kind = dtype or input.dtype
    if kind.kind < FLOATING:
        raise ArgumentValueError(
            f"mean(): Could not infer output dtype. {'Input' if dtype is None else 'Optional'} dtype must be either "
            f"a floating point or complex dtype. Got: {kind}"
        )
    return sum(input, dim, keepdim=keepdim, dtype=kind, mask=mask) / _count(input, dim, keepdim, mask)


def median(input, dim=-1, *, keepdim=False, dtype=None, mask=None):
    """The lower median along one dimension.

    Raises:
        ValueError: integers, and all of a row are masked out.
    """
    d = canonical(dim, input.ndim)[0]
    kind = dtype or input.dtype
    if input.dtype.kind == FLOATING:
        return ops.nanmedian(filled("median", input, mask), d, keepdim).values
    out = ops.nanmedian(filled("median", input.to(dtypes.float32), mask), d, keepdim).values
    if ops.isnan(out).any():
        raise ArgumentValueError("masked median expects no fully masked out rows if dtype is not floating point")
    return out.to(kind)


def logsumexp(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """The logarithm of the sum of exponentials."""
    kept = filled("logsumexp", input, mask)
    return ops.logsumexp(kept, canonical(dim, input.ndim), keepdim=keepdim).to(dtype or input.dtype)


def logaddexp(input, other, *, dtype=None, input_mask=None, other_mask=None):
    """``log(exp(input) + exp(other))``, each with a mask of its own."""
    out = ops.logaddexp(filled("logaddexp", input, input_mask), filled("logaddexp", other, other_mask))
    return out.to(dtype or input.dtype)


def norm(input, ord=2.0, dim=None, *, keepdim=False, dtype=None, mask=None):
    """The p-norm, ``ord`` = p."""
    kept = filled("norm", input, mask, ord)
    return ops.linalg.vector_norm(kept, ord, canonical(dim, input.ndim), bool(keepdim), dtype=dtype or input.dtype)


def _spread(input, dim, unbiased, correction, keepdim, dtype, mask, root):
    assert unbiased is None or correction is None, "Only one of unbiased and correction may be given"
    away = float(correction) if correction is not None else 0.0 if unbiased is False else 1.0
    kind = dtype or (input.dtype if input.dtype.kind >= FLOATING else dtypes.float32)
    wide = kind if kind.kind >= FLOATING else dtypes.float32
    count = _count(input, dim, True, mask)
    off = input - sum(input, dim, keepdim=True, dtype=kind, mask=mask) / count
    total = sum(off * off.conj(), dim, keepdim=keepdim, dtype=wide, mask=mask)
    if not keepdim:
        count = count.reshape(tuple(total.shape))
    if away:
        count = ops.clamp(count.to(wide.to_real() if wide.is_complex else wide) - away, min=0)
    out = (total / count).to(kind)
    return ops.sqrt(out) if root else out


def var(input, dim=None, unbiased=None, *, correction=None, keepdim=False, dtype=None, mask=None):
    """The variance; the count is less by ``correction`` (1, or 0 if not ``unbiased``)."""
    return _spread(input, dim, unbiased, correction, keepdim, dtype, mask, False)


def std(input, dim=None, unbiased=None, *, correction=None, keepdim=False, dtype=None, mask=None):
    """The standard deviation, as ``var``."""
    return _spread(input, dim, unbiased, correction, keepdim, dtype, mask, True)

"""Normalisations and running totals along one dimension; masked-out places hold nothing of meaning."""

from __future__ import annotations

from rustorch.eager import ops
from rustorch.masked.filling import canonical, filled
from rustorch.masked.reductions import norm


def _running(name, input, dim, dtype, mask):
    dtype, d = dtype or input.dtype, canonical(dim, input.ndim)[0]
    return getattr(ops, name)(filled(name, input, mask), d, dtype=dtype).to(dtype)


def cumsum(input, dim, *, dtype=None, mask=None):
    """The running sum."""
    return _running("cumsum", input, dim, dtype, mask)


def cumprod(input, dim, *, dtype=None, mask=None):
    """The running product."""
    return _running("cumprod", input, dim, dtype, mask)


def softmax(input, dim, *, dtype=None, mask=None):
    """Exponentials that add up to 1.

    >>> import rustorch as torch
    >>> torch.masked.softmax(torch.zeros(3), 0, mask=torch.tensor([True, True, False]))
    tensor([0.5000, 0.5000, 0.0000])
    """
    return ops.softmax(filled("amax", input, mask), canonical(dim, input.ndim)[0], dtype=dtype or input.dtype)


def log_softmax(input, dim, *, dtype=None, mask=None):
    """The logarithm of ``softmax``."""
    return ops.log_softmax(filled("amax", input, mask), canonical(dim, input.ndim)[0], dtype=dtype or input.dtype)


def softmin(input, dim, *, dtype=None, mask=None):
    """``softmax`` of the negated input."""
    return ops.softmax(-filled("amin", input, mask), canonical(dim, input.ndim)[0], dtype=dtype or input.dtype)


def normalize(input, ord, dim, *, eps=1e-12, dtype=None, mask=None):
    """``input`` over its p-norm along ``dim``, or over ``eps`` where that is smaller."""
    dtype = dtype or input.dtype
    size = norm(input, ord, dim, keepdim=True, dtype=dtype, mask=mask)
    return filled("sum", input, mask) / ops.maximum(size, size.new_full((), eps))

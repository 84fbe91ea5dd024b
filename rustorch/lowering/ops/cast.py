"""Dtype conversion."""

from __future__ import annotations

from rustorch.lowering.promote import cast
from rustorch.lowering.table import op, pointwise


@pointwise(
    promote=None, function=False, method=False, inplace=False, out=False, saves=False, grad_name="ToCopyBackward0"
)
def to_dtype(input, dtype):
    """``input`` in another dtype, rounded or truncated as PyTorch's ``to`` does."""
    return cast(input, dtype)


@to_dtype.vjp
def _(needs, ct, input, dtype):
    return (ct,)  # cast back; also where a float8 has stopped at its largest number


@op(function=False, method=False, out=False, saves=False, grad_name="CloneBackward0")
def dense(input):
    """A contiguous copy (only the strides we report change)."""
    return input

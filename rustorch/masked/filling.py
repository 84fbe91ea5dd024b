"""What stands in for a masked-out element: the value that does not change the operation's result."""

from __future__ import annotations

from rustorch import dtypes
from rustorch.dtypes import COMPLEX, FLOATING, INTEGER
from rustorch.eager import ops
from rustorch.errors import ArgumentValueError, IndexOutOfRangeError, RustorchRuntimeError
from rustorch.limits import iinfo


def canonical(dim, ndim: int) -> tuple[int, ...]:
    """Dimensions as a sorted tuple of non-negative ints; ``None`` and ``()`` mean all.

    Raises:
        RuntimeError: one is named twice.
        IndexError: one does not exist.
    """
    if dim is None or dim == ():
        return tuple(range(ndim))
    size, found = max(ndim, 1), []
    for d in sorted((dim,) if isinstance(dim, int) else dim):
        if d in found:
            raise RustorchRuntimeError(f"dim={d} appears multiple times in the list of dims")
        if not -size <= d < size:
            raise IndexOutOfRangeError(
                f"Dimension out of range (expected to be in range of [{-size}, {size - 1}], but got {d})"
            )
        found.append(d % size)
    return tuple(sorted(found))


def full_mask(input, mask):
    """``mask`` as a bool tensor of ``input``'s shape.

    Raises:
        IndexError: it has more dimensions than ``input``.
    """
    if tuple(mask.shape) != tuple(input.shape):
        if mask.ndim > input.ndim:
            raise IndexOutOfRangeError(
                "_input_mask expected broadcastable mask (got mask dimensionality higher than of the input)"
            )
        mask = ops.broadcast_to(mask, tuple(input.shape))
    return mask.to(dtypes.bool_)


_LEAST, _MOST = ("amax", "argmax", "logaddexp", "logsumexp"), ("amin", "argmin")


def identity(name: str, dtype, ord=None):
    """The number that an operation ignores, in ``dtype``.

    Raises:
        NotImplementedError: there is none for this dtype.
    """
    if name in ("sum", "cumsum"):
        return 0
    if name in ("prod", "cumprod"):
        return 1
    if name == "median":
        return float("nan")
    if name == "norm":
        return float("inf") if ord == float("-inf") else 0
    if name in _LEAST + _MOST:
        sign = -1 if name in _LEAST else 1
        if dtype.kind == FLOATING or dtype.kind == COMPLEX and name == "logsumexp":
            return sign * float("inf")
        if dtype.kind == INTEGER and (dtype.is_signed or dtype is dtypes.uint8):
            return iinfo(dtype).min if sign < 0 else iinfo(dtype).max
    raise NotImplementedError(f"identity of {name} on {dtype} input")


def filled(name: str, input, mask, ord=None):
    """``input`` with masked-out elements replaced by what ``name`` ignores."""
    if mask is None:
        return input
    mask = full_mask(input, mask)
    stand_in = input.new_full((), identity(name, input.dtype, ord))
    return ops.where(mask, input, stand_in)


_REDUCTIONS = "sum prod amax amin argmax argmin mean median norm var std logsumexp".split()
_RUNNING = "softmax log_softmax softmin normalize cumsum cumprod".split()


def output_mask(op, input, *args, **kwargs):
    """The mask of a masked operation's result: true where any element took part.

    Raises:
        ValueError: ``op`` is no masked operation.
    """
    name = getattr(op, "__name__", "")
    if name in _RUNNING:
        return full_mask(input, kwargs["mask"])
    if name not in _REDUCTIONS:
        raise ArgumentValueError(
            f"_output_mask expected masked operation (got callable {getattr(op, '__module__', '')}.{name})"
        )
    args = args[1:] if name == "norm" else args
    out = full_mask(input, kwargs["mask"])
    dims, keep = canonical(args[0] if args else kwargs.get("dim"), input.ndim), bool(kwargs.get("keepdim", False))
    for d in reversed(dims):
        out = ops.any(out, d, keepdim=keep)
    return out

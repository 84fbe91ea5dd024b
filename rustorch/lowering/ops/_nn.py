"""What the ``nn.functional`` ops share: argument checks, gradients by position, reductions."""

from __future__ import annotations

import jax.numpy as jnp
from jax import lax

from rustorch.dtypes import FLOATING
from rustorch.errors import ArgumentTypeError, ArgumentValueError, RustorchRuntimeError, ShapeMismatchError, check
from rustorch.lowering.kernels.sums import wide
from rustorch.lowering.ops._common import length, magnitude, widened
from rustorch.lowering.promote import broadcast_shape, cast, dtype_of, is_number, result_dtype
from rustorch.lowering.table import op, pointwise, random

NAMESPACE = "nn.functional"


def activation(**options):
    """Declare an element-wise op of ``nn.functional``; the body keeps its input's dtype."""
    return pointwise(namespace=NAMESPACE, promote=None, **options)


def layer(**options):
    """Declare any other op of ``nn.functional``."""
    return op(**{"namespace": NAMESPACE, "out": False, **options})


def piece(**options):
    """Declare a building block that ``nn/functional.py`` calls and users do not see."""
    return layer(function=False, method=False, **options)


def noise(**options):
    """Declare a random building block (``key`` and ``counter`` first, which differ in every call)."""
    return random(namespace=NAMESPACE, function=False, method=False, out=False, always_lift=True, **options)


def need_float(x, kernel: str) -> None:
    """Raise PyTorch's error for a kernel that integers do not have."""
    if dtype_of(x).kind < FLOATING:
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{dtype_of(x).alias}'")


def like(value, x):
    """A number in the dtype of ``x``."""
    return lax.convert_element_type(value, x.dtype)


def static(value) -> bool:
    """Is this a Python number, so that its value may decide what is traced?"""
    return isinstance(value, (bool, int, float))


def axes_of(value, rank: int, name: str) -> tuple[int, ...]:
    """One int per spatial axis from an int or a sequence of 1 or ``rank`` ints.

    Raises:
        RuntimeError: another number of ints.
    """
    if isinstance(value, int):
        return (value,) * rank
    if not isinstance(value, (tuple, list)):
        raise ArgumentTypeError(f"{name} must be an int or a tuple of {rank} ints. Received: {value!r}")
    value = tuple(value)
    if len(value) == 1:
        return value * rank
    check(
        len(value) == rank,
        f"expected {name} to be a single integer value or a list of {rank} values to match the "
        f"convolution dimensions, but got {name}={list(value)}",
    )
    return value


def spread(needs, *tensors):
    """``needs`` (one flag per tensor given) as one flag per tensor parameter."""
    flags = iter(needs)
    return tuple(next(flags) if t is not None else False for t in tensors)


def present(grads, *tensors):
    """The gradients of those tensor parameters that were given, in order."""
    return tuple(g for g, t in zip(grads, tensors) if t is not None)


def together(*tensors):
    """Tensors in their common dtype, after checking that they broadcast; ``None`` stays."""
    given = [t for t in tensors if t is not None]
    dtype = result_dtype(*given)
    broadcast_shape(*[t.shape for t in given])
    return tuple(None if t is None else cast(t, dtype) for t in tensors)


def reduction_name(size_average, reduce, reduction: str) -> str:
    """The reduction, from PyTorch's old pair of flags if either is given.

    Raises:
        ValueError: not "none", "mean" or "sum".
    """
    if size_average is not None or reduce is not None:
        size_average = True if size_average is None else size_average
        reduce = True if reduce is None else reduce
        return ("mean" if size_average else "sum") if reduce else "none"
    check(reduction in ("none", "mean", "sum"), f"{reduction} is not a valid value for reduction", ArgumentValueError)
    return reduction


def reduced(loss, reduction: str):
    """All losses, their sum, or their mean."""
    if reduction == "none":
        return loss
    total = loss.astype(wide(loss.dtype)).sum()
    return (
        total / loss.size if reduction == "mean" and loss.size else total * (float("nan") if reduction == "mean" else 1)
    ).astype(loss.dtype)


def exponent(p):
    """The order of a norm as a static number where it is one; a text such as "inf" is one too."""
    if isinstance(p, str):
        return float(p)
    return p


def p_norm(x, p, axis: int, keepdims: bool = False):
    """``(sum |x|^p)^(1/p)`` along an axis; zero rows have gradient zero.

    A runtime ``p`` chooses between the forms for 1, 2, inf and the rest while the program runs.
    """
    p = exponent(p)
    if jnp.iscomplexobj(x):
        x = length(x.real * x.real + x.imag * x.imag)
    forms = (
        lambda x, p: magnitude(x).sum(axis, keepdims=keepdims),
        lambda x, p: _euclidean(x, axis, keepdims),
        lambda x, p: magnitude(x).max(axis, keepdims=keepdims),
        lambda x, p: (x != 0).astype(x.dtype).sum(axis, keepdims=keepdims),
        lambda x, p: _general(x, p, axis, keepdims),
    )
    special = (1, 2, float("inf"), 0)
    if static(p):
        return forms[special.index(p) if p in special else 4](x, like(p, x))
    p = like(p, x)
    which = sum((jnp.where(p == value, i - 4, 0) for i, value in enumerate(special)), 4)
    return lax.switch(which, forms, x, p)


def _euclidean(x, axis, keepdims):
    return length((x * x).sum(axis, keepdims=keepdims))


def _general(x, p, axis, keepdims):
    size = jnp.abs(x)
    powers = jnp.where(size == 0, 0, jnp.where(size == 0, 1, size) ** p)
    total = powers.sum(axis, keepdims=keepdims)
    zero = total == 0
    return jnp.where(zero, 0, jnp.where(zero, 1, total) ** (1 / p))


__all__ = [
    "ArgumentValueError", "NAMESPACE", "RustorchRuntimeError", "ShapeMismatchError", "activation",
    "axes_of", "cast", "check", "dtype_of", "exponent", "is_number", "layer", "like", "need_float",
    "noise", "p_norm", "piece", "present", "reduced", "reduction_name", "result_dtype",
    "spread", "static", "together", "wide", "widened",
]  # fmt: skip

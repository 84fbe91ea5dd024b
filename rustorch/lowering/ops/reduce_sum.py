"""Sums and what is made of them: means, products, variances, norms, counts."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jax import lax

from rustorch import dtypes
from rustorch.dtypes import BOOL, FLOATING
from rustorch.errors import RustorchRuntimeError, ShapeMismatchError
from rustorch.lowering.kernels.sums import column_sum, row_sum, sum_to
from rustorch.lowering.ops._common import (
    as_float,
    cast,
    dims_of,
    dtype_of,
    expand_over,
    is_complex,
    is_float,
    is_inexact,
    length,
    lift,
    magnitude,
    need_floating,
    widened,
)  # fmt: skip
from rustorch.lowering.table import Dims, Number, op as operation, reduction
from rustorch.size import Size


def total(x, dims, keepdim: bool = False):
    """Sum over ``dims``, accumulated in float32 at least, in ``x``'s dtype."""
    wide = widened(x)
    if not dims:
        return x
    ndim = x.ndim
    if is_float(x) and x.size and len(dims) < ndim:
        kept = [i for i in range(ndim) if i not in dims]
        shape = tuple(x.shape[i] for i in kept)
        out = None
        if kept == list(range(len(kept))):
            out = row_sum(wide.reshape(shape + (-1,)))
        elif kept == list(range(ndim - len(kept), ndim)):
            out = column_sum(wide.reshape(-1, int(np.prod(shape)))).reshape(shape)
        if out is not None:
            return lift(out, dims, ndim, not keepdim).astype(x.dtype)
    return jnp.sum(wide, dims, keepdims=keepdim).astype(x.dtype)


def _sum_input(input, dtype):
    if dtype is not None:
        return cast(input, dtype)
    return input.astype(jnp.int64) if dtype_of(input).kind < FLOATING else input


def _dim_name(name):
    return lambda t: f"{name}Backward1" if len(t) > 1 and t[1] is not None else f"{name}Backward0"


@reduction(name="sum", saves=False, grad_name=_dim_name("Sum"))
def sum_(input, dim=None, keepdim: bool = False, *, dtype=None):
    """The sum over ``dim`` (all dimensions if not given); integers add up as int64."""
    return total(_sum_input(input, dtype), dims_of(dim, input.ndim), keepdim)


@sum_.vjp
def _(needs, ct, input, dim=None, keepdim=False, *, dtype=None):
    return (expand_over(ct, input.shape, dims_of(dim, input.ndim), keepdim),)


def _count(shape, dims) -> int:
    return int(np.prod([shape[i] for i in dims])) if dims else 1


@reduction(saves=False, grad_name=_dim_name("Mean"))
def mean(input, dim=None, keepdim: bool = False, *, dtype=None):
    """The average over ``dim`` (all dimensions if not given)."""
    need_floating(input, "mean", dtype)
    x = input if dtype is None else cast(input, dtype)
    dims = dims_of(dim, x.ndim)
    n = _count(x.shape, dims)
    if n == 0:
        return total(x, dims, keepdim) * jnp.asarray(np.nan, x.dtype)
    return (total(widened(x), dims, keepdim) / n).astype(x.dtype)


@mean.vjp
def _(needs, ct, input, dim=None, keepdim=False, *, dtype=None):
    dims = dims_of(dim, input.ndim)
    return (expand_over(ct / max(_count(input.shape, dims), 1), input.shape, dims, keepdim),)


@reduction(grad_name=_dim_name("Prod"))
def prod(input, dim: int = None, keepdim: bool = False, *, dtype=None):
    """The product over ``dim`` (all elements if not given); integers multiply as int64."""
    x = _sum_input(input, dtype)
    return jnp.prod(widened(x), dims_of(dim, x.ndim), keepdims=keepdim).astype(x.dtype)


@reduction(saves=True)
def nansum(input, dim=None, keepdim: bool = False, *, dtype=None):
    """The sum with NaN counted as zero."""
    if is_complex(input):
        raise RustorchRuntimeError("nansum does not support complex inputs")
    x = _sum_input(input, dtype)
    return total(jnp.where(x != x, 0, x), dims_of(dim, x.ndim), keepdim)


@reduction(grad_name="DivBackward0")
def nanmean(input, dim=None, keepdim: bool = False, *, dtype=None):
    """The average of what is not NaN."""
    if not is_inexact(input):
        raise RustorchRuntimeError(
            f"nanmean(): expected input to have floating point or complex dtype but got {dtype_of(input).alias}"
        )
    x = input if dtype is None else cast(input, dtype)
    dims = dims_of(dim, x.ndim)
    there = x == x
    return total(jnp.where(there, x, 0), dims, keepdim) / jnp.sum(there, dims, keepdims=keepdim).astype(x.dtype)


def _spread(x, dims, correction, keepdim):
    """Variance and mean, in two passes."""
    if is_complex(x):
        parts = [_spread(p, dims, correction, keepdim) for p in (x.real, x.imag)]
        return parts[0][0] + parts[1][0], lax.complex(parts[0][1], parts[1][1])
    n = _count(x.shape, dims)
    middle = total(x, dims, True) / n if n else jnp.sum(x, dims, keepdims=True) * jnp.nan
    square = total(jnp.square(x - middle), dims, keepdim)
    dof = jnp.maximum(jnp.asarray(n - correction, x.dtype), 0)
    return square / dof, middle if keepdim else middle.reshape(square.shape)


def _spread_slope(x, dims, correction):
    """``d var / d x``: ``2 (x - mean) / (n - correction)``."""
    n = _count(x.shape, dims)
    dof = jnp.asarray(n - correction, x.real.dtype)
    return (x - total(x, dims, True) / max(n, 1)) * (2 / dof)


def _root(square):
    """The square root, through which no derivative flows at zero."""
    zero = square == 0
    return jnp.where(zero, 0, jnp.sqrt(jnp.where(zero, 1, square)))


def _statistics(input, name):
    if not is_inexact(input):
        raise RustorchRuntimeError(f"{name} only support floating point and complex dtypes")
    return widened(input)


def _real_of(input):
    return dtype_of(input).to_real().numpy


@reduction(function=False, method=False, grad_name="VarBackward0")
def var_dims(input, dim=None, correction: Number = 1, keepdim: bool = False):
    """The variance: the mean square distance from the mean, over ``n - correction``."""
    x = _statistics(input, "std and var")
    return _spread(x, dims_of(dim, x.ndim), correction, keepdim)[0].astype(_real_of(input))


@var_dims.vjp
def _(needs, ct, input, dim=None, correction=1, keepdim=False):
    dims = dims_of(dim, input.ndim)
    wide = widened(input)
    return (expand_over(ct, input.shape, dims, keepdim) * _spread_slope(wide, dims, correction),)


@reduction(function=False, method=False, grad_name="StdBackward0")
def std_dims(input, dim=None, correction: Number = 1, keepdim: bool = False):
    """The standard deviation: the square root of the variance."""
    x = _statistics(input, "std and var")
    return _root(_spread(x, dims_of(dim, x.ndim), correction, keepdim)[0]).astype(_real_of(input))


@std_dims.vjp
def _(needs, ct, input, dim=None, correction=1, keepdim=False):
    dims = dims_of(dim, input.ndim)
    wide = widened(input)
    square = _spread(wide, dims, correction, keepdim)[0]
    zero = square == 0
    scale = jnp.where(zero, 0, ct / (2 * jnp.sqrt(jnp.where(zero, 1, square))))
    slope = _spread_slope(wide, dims, correction)
    return (
        expand_over(scale, input.shape, dims, keepdim)
        * jnp.where(expand_over(zero, input.shape, dims, keepdim), 0, slope),
    )


@reduction(function=False, method=False, fields=("var", "mean"), grad_name="VarMeanBackward0")
def var_mean_dims(input, dim=None, correction: Number = 1, keepdim: bool = False):
    """The variance and the mean."""
    x = _statistics(input, "var_mean")
    square, middle = _spread(x, dims_of(dim, x.ndim), correction, keepdim)
    return square.astype(_real_of(input)), middle.astype(input.dtype)


@reduction(function=False, method=False, fields=("std", "mean"), grad_name="StdMeanBackward0")
def std_mean_dims(input, dim=None, correction: Number = 1, keepdim: bool = False):
    """The standard deviation and the mean."""
    x = _statistics(input, "std_mean")
    square, middle = _spread(x, dims_of(dim, x.ndim), correction, keepdim)
    return _root(square).astype(_real_of(input)), middle.astype(input.dtype)


def p_norm(x, ord, dims, keepdim: bool):
    """``(sum |x|^ord)^(1/ord)`` with PyTorch's subgradients: 0 where the norm or an element is 0.

    ``ord`` is an int or ``"inf"``/``"-inf"`` while tracing, else any (traced) number.
    """
    if isinstance(ord, str):
        pick = jnp.max if ord == "inf" else jnp.min
        return pick(magnitude(x), dims, keepdims=keepdim) if dims else magnitude(x)
    if isinstance(ord, int) and ord == 0:
        return jnp.sum(x != 0, dims, keepdims=keepdim).astype(jnp.abs(x).dtype)
    if isinstance(ord, int) and ord == 1:
        return total(magnitude(x), dims, keepdim)
    if isinstance(ord, int) and ord == 2:
        square = jnp.square(x.real) + jnp.square(x.imag) if is_complex(x) else jnp.square(x)
        return length(total(square, dims, keepdim))
    size = jnp.abs(x)
    zero = size == 0
    power = jnp.asarray(ord, size.dtype)
    terms = jnp.where(
        zero, jnp.where(power < 0, jnp.inf, 0).astype(size.dtype), jnp.power(jnp.where(zero, 1, size), power)
    )
    return _safe_root(total(terms, dims, keepdim), lambda s: jnp.power(s, 1 / power))


def _safe_root(s, root):
    # No derivative flows through a zero sum (the subgradient of a norm) or an infinite one.
    plain = (s > 0) | (s != s)
    edge = lax.stop_gradient(root(s))
    return jnp.where(plain, root(jnp.where(plain, s, 1)), edge)


@operation(function=False, method=False, out=False, grad_name="LinalgVectorNormBackward0")
def p_norm_dims(input, ord=2, dim=None, keepdim: bool = False, dtype=None):
    """The ``ord``-norm of the vectors along ``dim``."""
    x = input if dtype is None else cast(input, dtype)
    if not is_inexact(x):
        raise RustorchRuntimeError(
            f"linalg.vector_norm: Expected a floating point or complex tensor as input. Got {dtype_of(x).alias}"
        )
    dims = dims_of(dim, x.ndim)
    if not x.size and (isinstance(ord, str) or isinstance(ord, int) and ord < 0) and _count(x.shape, dims) == 0:
        raise RustorchRuntimeError(
            f"linalg.vector_norm cannot compute the {ord} norm on an empty tensor because the operation does not have an identity"
        )
    return p_norm(widened(x), ord, dims, keepdim).astype(dtype_of(x).to_real().numpy)


@reduction(name="count_nonzero", differentiable=False, out=False)
def count_nonzero(input, dim=None):
    """How many elements are not zero."""
    return jnp.sum(input != 0, dims_of(dim, input.ndim), dtype=jnp.int64)


@reduction(also=("special",))
def logsumexp(input, dim, keepdim: bool = False):
    """``log(sum(exp(input)))`` over ``dim`` without overflow."""
    x = widened(as_float(input))
    dims = dims_of(dim, x.ndim)
    if x.size == 0 and _count(x.shape, dims) == 0:
        return jnp.log(jnp.sum(x, dims, keepdims=keepdim)).astype(as_float(input).dtype)
    top = lax.stop_gradient(jnp.max(x.real, dims, keepdims=True))
    top = jnp.where(jnp.isfinite(top), top, 0)
    out = jnp.log(total(jnp.exp(x - top), dims, True)) + top  # all -inf: the gradient is NaN, as PyTorch's
    return (out if keepdim else out.reshape(tuple(n for i, n in enumerate(x.shape) if i not in dims))).astype(
        as_float(input).dtype
    )


def _truth(input, dims, keepdim, reduce):
    out = reduce(input != 0 if dtype_of(input).kind != BOOL else input, dims, keepdims=keepdim)
    return out.astype(jnp.uint8) if dtype_of(input) is dtypes.uint8 else out


@reduction(function=False, out=False, saves=False, grad_name=lambda t: "SumBackward1")
def sum_to_size(input, size: Dims):
    """The sum over the dimensions in which a tensor of ``size`` would be broadcast to this one."""
    size = tuple(size)
    tail = input.shape[input.ndim - len(size) :] if len(size) <= input.ndim else None
    if tail is None or any(n not in (1, m) for n, m in zip(size, tail)):
        raise ShapeMismatchError(
            f"size {{{list(size)}}} is not expandable to size {{{list(input.shape)}}}.", Size(input.shape), Size(size)
        )
    if not size or size != input.shape:
        input = input.astype(jnp.int64) if dtype_of(input).kind < FLOATING else input
        return sum_to(input, size)
    return input


@reduction(differentiable=False, name="all")
def all_(input, dim=None, keepdim: bool = False):
    """True if every element is non-zero."""
    return _truth(input, dims_of(dim, input.ndim), keepdim, jnp.all)


@reduction(differentiable=False, name="any")
def any_(input, dim=None, keepdim: bool = False):
    """True if some element is non-zero."""
    return _truth(input, dims_of(dim, input.ndim), keepdim, jnp.any)

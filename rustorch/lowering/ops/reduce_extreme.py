"""Largest and smallest elements and where they are."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import lax

from rustorch.errors import RustorchRuntimeError, wrap_dim
from rustorch.lowering.ops._common import dims_of, expand_over, is_complex, is_float, unsupported
from rustorch.lowering.table import reduction


def _check(x, name, dims=None):
    if is_complex(x):
        raise unsupported(name, x)
    if x.size == 0:
        if dims is None:
            raise RustorchRuntimeError(
                f"{name}(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim with the 'dim' argument."
            )
        for d in dims:
            if x.shape[d] == 0:
                raise IndexError(f"{name}(): Expected reduction dim {d} to have non-zero size.")


def extreme(x, dims, keepdim: bool, largest: bool):
    """The largest or smallest element over ``dims``; NaN wins. Ties share the gradient."""
    if not dims:
        return x
    if x.dtype == jnp.bool_:
        return (jnp.any if largest else jnp.all)(x, dims, keepdims=keepdim)
    return (jnp.max if largest else jnp.min)(x, dims, keepdims=keepdim)


def first_place(x, dim: int, largest: bool):
    """The first index of the extreme along ``dim``, which is kept with size one; NaN wins.

    Two plain reductions, which XLA vectorises; its own argmax is one scalar loop.
    """
    x = lax.stop_gradient(x)
    best = extreme(x, (dim,), True, largest)
    hit = x == best
    if is_float(x):
        hit = hit | (x != x)
    n = x.shape[dim]
    places = lax.broadcasted_iota(jnp.int32, x.shape, dim)
    return jnp.min(jnp.where(hit, places, n), dim, keepdims=True)


def _along(x, dim, keepdim, largest, name):
    dim = wrap_dim(dim, x.ndim)
    if not x.ndim:
        return x, jnp.zeros((), jnp.int64)
    _check(x, name, (dim,))
    place = first_place(x, dim, largest)
    value = jnp.take_along_axis(x, place, dim)
    if not keepdim:
        value, place = value.squeeze(dim), place.squeeze(dim)
    return value, place.astype(jnp.int64)


def _chosen(ct, place, input, dim, keepdim):
    """The cotangent of a chosen element, put at its place: a comparison, cheaper than a scatter."""
    if not input.ndim:
        return ct
    dim = wrap_dim(dim, input.ndim)
    if not keepdim:
        ct, place = jnp.expand_dims(ct, dim), jnp.expand_dims(place, dim)
    here = lax.broadcasted_iota(jnp.int32, input.shape, dim) == place.astype(jnp.int32)
    return jnp.where(here, ct, jnp.zeros((), ct.dtype))


def choosing(op):
    """Give an op with results ``(values, indices)`` along ``dim`` the gradient of its choice."""

    @op.vjp(uses_output=True)
    def rule(needs, ct, out, input, dim=-1, keepdim=False):
        return (_chosen(ct[0], out[1], input, dim, keepdim),)

    return op


@choosing
@reduction(name="max_dim", function=False, method=False, fields=("values", "indices"), grad_name="MaxBackward0")
def max_dim(input, dim: int, keepdim: bool = False):
    """The largest elements along ``dim`` and their indices."""
    return _along(input, dim, keepdim, True, "max")


@choosing
@reduction(name="min_dim", function=False, method=False, fields=("values", "indices"), grad_name="MinBackward0")
def min_dim(input, dim: int, keepdim: bool = False):
    """The smallest elements along ``dim`` and their indices."""
    return _along(input, dim, keepdim, False, "min")


@reduction(function=False, method=False, grad_name="MaxBackward1")
def max_all(input):
    """The largest element."""
    _check(input, "max")
    return extreme(input, tuple(range(input.ndim)), False, True)


@reduction(function=False, method=False, grad_name="MinBackward1")
def min_all(input):
    """The smallest element."""
    _check(input, "min")
    return extreme(input, tuple(range(input.ndim)), False, False)


def _shared(ct, out, input, dims, keepdim, nan_is_equal=True):
    """The cotangent shared evenly by all elements that equal the result."""
    out, ct = expand_over(out, input.shape, dims, keepdim), expand_over(ct, input.shape, dims, keepdim)
    mask = input == out
    if nan_is_equal:
        mask = mask | ((input != input) & (out != out))
    count = jnp.sum(mask, dims, keepdims=True) if dims else 1
    return jnp.where(mask, ct, 0) / jnp.asarray(count, ct.dtype)


@jax.custom_jvp
def evenly(x, out):
    """``out``, an element of ``x``; all that equal it have the same share of it."""
    return out


@evenly.defjvp
def _(primals, tangents):
    x, out = primals
    mask = (x == out) | ((x != x) & (out != out))
    return out, jnp.where(mask, tangents[0], 0).sum() / mask.sum().astype(x.dtype)


for _op in (max_all, min_all):

    @_op.vjp(uses_output=True)
    def _(needs, ct, out, input):
        return (_shared(ct, out, input, tuple(range(input.ndim)), False),)


@reduction
def amax(input, dim=(), keepdim: bool = False):
    """The largest element over ``dim``; ties share the gradient."""
    dims = dims_of(dim, input.ndim)
    _check(input, "amax", None if dim in ((), None) else dims)
    return extreme(input, dims, keepdim, True)


@reduction
def amin(input, dim=(), keepdim: bool = False):
    """The smallest element over ``dim``; ties share the gradient."""
    dims = dims_of(dim, input.ndim)
    _check(input, "amin", None if dim in ((), None) else dims)
    return extreme(input, dims, keepdim, False)


for _op in (amax, amin):

    @_op.vjp(uses_output=True)
    def _(needs, ct, out, input, dim=(), keepdim=False):
        return (_shared(ct, out, input, dims_of(dim, input.ndim), keepdim, False),)  # NaN where the result is


@reduction(fields=("min", "max"), out="exact")
def aminmax(input, *, dim: int = None, keepdim: bool = False):
    """The smallest and the largest element."""
    dims = dims_of(dim, input.ndim)
    _check(input, "aminmax", None if dim is None else dims)
    return extreme(input, dims, keepdim, False), extreme(input, dims, keepdim, True)


def _place(input, dim, keepdim, largest, name):
    if is_complex(input) or input.dtype == jnp.bool_:
        raise unsupported(name, input)
    if dim is None:
        if input.size == 0:
            raise IndexError(f"{name}(): Expected reduction dim to be specified for input.numel() == 0.")
        place = first_place(input.reshape(-1), 0, largest).reshape(())
        return (place.reshape((1,) * input.ndim) if keepdim else place).astype(jnp.int64)
    dim = wrap_dim(dim, input.ndim)
    if not input.ndim:
        return jnp.zeros((), jnp.int64)
    _check(input, name, (dim,))
    place = first_place(input, dim, largest)
    return (place if keepdim else place.squeeze(dim)).astype(jnp.int64)


@reduction(differentiable=False)
def argmax(input, dim: int = None, keepdim: bool = False):
    """The index of the largest element, along ``dim`` or of the flattened tensor; the first of ties."""
    return _place(input, dim, keepdim, True, "argmax")


@reduction(differentiable=False)
def argmin(input, dim: int = None, keepdim: bool = False):
    """The index of the smallest element, along ``dim`` or of the flattened tensor; the first of ties."""
    return _place(input, dim, keepdim, False, "argmin")

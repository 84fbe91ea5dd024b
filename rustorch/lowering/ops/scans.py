"""Running sums, products and extremes along a dimension, differences and the trapezoid rule."""

from __future__ import annotations

import jax.numpy as jnp
from jax import lax

from rustorch import dtypes
from rustorch.dtypes import FLOATING
from rustorch.errors import RustorchRuntimeError, ShapeMismatchError, wrap_dim
from rustorch.lowering.ops._common import (
    as_float,
    cast,
    dtype_of,
    is_complex,
    is_float,
    promoted,
    result_dtype,
    unsupported,
    widened,
)
from rustorch.lowering.ops.pointwise_explog import log_of_sum
from rustorch.lowering.platform import on_cpu
from rustorch.lowering.table import Number, op


def _accumulator(x):
    """The type to carry a running total in: double for floats, as PyTorch does on the CPU."""
    return jnp.float64 if is_float(x) else x.dtype


def running_sum(x, dim: int):
    """``lax.cumsum`` in a form that suits the machine.

    On the CPU one slice is added after another: a loop over whole slices vectorises, and even
    one number at a time beats the logarithmic schemes (float32 on two cores: 1e6 numbers 4 ms,
    XLA's own 13 ms, ``associative_scan`` 6.5 ms; 768x128 along either dimension 0.1 to 0.3 ms
    against 0.6 to 1.2 ms). Long rows of float32 are halved again by products with triangles. Accelerators get XLA's own.
    """
    if not on_cpu() or x.shape[dim] < 16 or x.size == 0:
        return lax.cumsum(widened(x), dim).astype(x.dtype)
    if dim == x.ndim - 1 and x.dtype == jnp.float32 and x.shape[dim] >= 16 * _BLOCK and x.size >= 1 << 15:
        return _in_blocks(x)
    return _one_by_one(x, dim)


_BLOCK = 16


def _in_blocks(x):
    """Sums within blocks of a row as a product; what comes before each block is added in double."""
    n, last = x.shape[-1], x.ndim - 1
    blocks = jnp.pad(x, [(0, 0)] * last + [(0, -n % _BLOCK)]).reshape(*x.shape[:-1], -1, _BLOCK)
    within = blocks @ jnp.triu(jnp.ones((_BLOCK, _BLOCK), x.dtype))
    totals = within[..., -1]

    def added(x, within, totals):
        before = _one_by_one(totals.astype(jnp.float64), last) - totals
        return (within + before[..., None].astype(x.dtype)).reshape(*x.shape[:-1], -1)[..., :n]

    # A product spreads what is not finite to places before it.
    return lax.cond(jnp.isfinite(totals).all(), added, lambda x, *_: _one_by_one(x, last), x, within, totals)


def _one_by_one(x, dim: int):
    """One slice after another."""

    def step(carry, row):
        carry = carry + row.astype(carry.dtype)
        return carry, carry.astype(x.dtype)

    start = jnp.zeros(x.shape[:dim] + x.shape[dim + 1 :], _accumulator(x))
    _, out = lax.scan(step, start, jnp.moveaxis(x, dim, 0))
    return jnp.moveaxis(out, 0, dim)


def _running_input(input, dtype):
    if dtype is not None:
        return cast(input, dtype)
    return input.astype(jnp.int64) if dtype_of(input).kind < FLOATING else input


@op(dear=True, saves=False, inplace=True)
def cumsum(input, dim: int, *, dtype=None):
    """The running sum along ``dim``."""
    x = _running_input(input, dtype)
    dim = wrap_dim(dim, x.ndim)
    return running_sum(x, dim) if x.ndim else x


@cumsum.vjp
def _(needs, ct, input, dim, *, dtype=None):
    if not input.ndim:
        return (ct,)
    dim = wrap_dim(dim, input.ndim)
    return (jnp.flip(running_sum(jnp.flip(ct, dim), dim), dim),)


@op(dear=True, inplace=True)
def cumprod(input, dim: int, *, dtype=None):
    """The running product along ``dim``."""
    x = _running_input(input, dtype)
    dim = wrap_dim(dim, x.ndim)
    return lax.cumprod(widened(x), dim).astype(x.dtype) if x.ndim else x


@op(dear=True)
def logcumsumexp(input, dim: int):
    """The logarithm of the running sum of exponentials along ``dim``."""
    x = as_float(input)
    dim = wrap_dim(dim, x.ndim)
    if not x.ndim or not x.size:
        return x
    if is_complex(x):  # XLA's would leave the branch of the logarithm that the sums run on
        rows = jnp.moveaxis(x, dim, 0)
        _, out = lax.scan(lambda sum_, row: (log_of_sum(row, sum_),) * 2, jnp.full_like(rows[0], -jnp.inf), rows)
        return jnp.moveaxis(out, 0, dim)
    return lax.cumlogsumexp(widened(x), dim).astype(x.dtype)


def _in_turn(combine, parts, dim):
    """Running combination along ``dim``, one slice after another."""
    parts = tuple(jnp.moveaxis(p, dim, 0) for p in parts)

    def step(carry, rows):
        carry = combine(carry, rows)
        return carry, carry

    _, out = lax.scan(step, tuple(p[0] for p in parts), parts)
    return tuple(jnp.moveaxis(p, 0, dim) for p in out)


def _running_extreme(input, dim, largest, name):
    if is_complex(input):
        raise unsupported(name, input)
    dim = wrap_dim(dim, input.ndim)
    if not input.ndim:
        return input, jnp.zeros((), jnp.int64)
    x = lax.stop_gradient(input)
    flip = x if x.dtype != jnp.bool_ else x.astype(jnp.int8)

    def better(a, b):
        (av, ai), (bv, bi) = a, b
        take = (bv >= av) if largest else (bv <= av)
        if is_float(bv):
            take = (take | (bv != bv)) & ~((av != av) & (bv == bv))
        return jnp.where(take, bv, av), jnp.where(take, bi, ai)

    pairs = (flip, lax.broadcasted_iota(jnp.int32, x.shape, dim))
    if on_cpu() and x.size:
        _, place = _in_turn(better, pairs, dim)
    else:
        _, place = lax.associative_scan(better, pairs, axis=dim)
    return jnp.take_along_axis(input, place, dim), place.astype(jnp.int64)


def _extreme_rule(needs, ct, out, input, dim):
    if not input.ndim:
        return (ct[0],)
    dim = wrap_dim(dim, input.ndim)
    # Move the dimension in front: one scatter-add of whole columns' entries.
    ct0, place = jnp.moveaxis(ct[0], dim, 0), jnp.moveaxis(out[1], dim, 0)
    rest = tuple(jnp.indices(place.shape, sparse=True)[1:])
    grad = jnp.zeros_like(ct0).at[(place, *rest)].add(ct0)
    return (jnp.moveaxis(grad, 0, dim),)


@op(dear=True, fields=("values", "indices"))
def cummax(input, dim: int):
    """The running maximum along ``dim`` and where it was found; the latest of ties."""
    return _running_extreme(input, dim, True, "cummax")


@op(dear=True, fields=("values", "indices"))
def cummin(input, dim: int):
    """The running minimum along ``dim`` and where it was found; the latest of ties."""
    return _running_extreme(input, dim, False, "cummin")


cummax.vjp(_extreme_rule, uses_output=True)
cummin.vjp(_extreme_rule, uses_output=True)


@op(saves=False, grad_name="SubBackward0")
def diff(input, n: int = 1, dim: int = -1, prepend=None, append=None):
    """The ``n``-th difference of neighbours along ``dim``, after ``prepend`` and before ``append``."""
    if not input.ndim:
        raise RustorchRuntimeError("diff expects input to be at least one-dimensional")
    if n < 0:
        raise RustorchRuntimeError(f"order must be non-negative but got {n}")
    dim = wrap_dim(dim, input.ndim)
    if n == 0:
        return input
    parts = [p for p in (prepend, input, append) if p is not None]
    dtype = result_dtype(*parts)
    x = jnp.concatenate([cast(p, dtype) for p in parts], dim) if len(parts) > 1 else input
    for _ in range(min(n, x.shape[dim])):
        high, low = lax.slice_in_dim(x, 1, None, axis=dim), lax.slice_in_dim(x, 0, -1, axis=dim)
        x = high ^ low if x.dtype == jnp.bool_ else high - low
    return x


def _strips(y, x, dx, dim):
    """The areas between neighbours along ``dim``."""
    dim = wrap_dim(dim, y.ndim)
    low, high = lax.slice_in_dim(y, 0, -1, axis=dim), lax.slice_in_dim(y, 1, None, axis=dim)
    if x is None:
        if isinstance(dx, (bool, int)) or dtype_of(jnp.asarray(dx)).kind < FLOATING:
            dx = jnp.asarray(dx, dtypes.get_default_dtype().numpy)
        y2 = as_float(low + high)
        return y2 * cast(dx, dtype_of(y2)) / 2, dim
    if x.ndim == 1 and y.ndim > 1:
        if x.shape[0] != y.shape[dim]:
            raise ShapeMismatchError("trapezoid: There must be one `x` value for each sample point", x.shape, y.shape)
        x = x.reshape(tuple(-1 if i == dim else 1 for i in range(y.ndim)))
    at = dim - y.ndim
    width = lax.slice_in_dim(x, 1, None, axis=at % x.ndim) - lax.slice_in_dim(x, 0, -1, axis=at % x.ndim)
    a, b = promoted("same", low + high, width)
    return as_float(a * b) / 2, dim  # small integers wrap before they become floats, as in PyTorch


@op(
    out=False,
    inplace=False,
    method=False,
    aliases=("trapz",),
    grad_name=lambda t: "MulBackward0" if len(t) < 2 or t[1] is None else "DivBackward0",
)
def trapezoid(y, x=None, *, dx: Number = 1, dim: int = -1):
    """The integral of ``y`` along ``dim`` by the trapezoid rule, at points ``x`` or ``dx`` apart."""
    strips, dim = _strips(y, x, dx, dim)
    return jnp.sum(strips, dim)


@op(
    out=False,
    method=False,
    dear=True,
    grad_name=lambda t: "MulBackward0" if len(t) < 2 or t[1] is None else "DivBackward0",
)
def cumulative_trapezoid(y, x=None, *, dx: Number = 1, dim: int = -1):
    """The running integral of ``y`` along ``dim`` by the trapezoid rule."""
    strips, dim = _strips(y, x, dx, dim)
    return running_sum(strips, dim)


def _slope(f, spacing, dim, edge_order):
    """Central differences inside, one-sided ones at the ends."""
    n = f.shape[dim]
    if n < edge_order + 1:
        raise RustorchRuntimeError("torch.gradient expected each dimension size to be at least edge_order+1")

    def at(start, stop=None, of=f):
        axis = dim if of.ndim > 1 or f.ndim == 1 else 0
        return lax.slice_in_dim(of, start, stop if stop is not None else of.shape[axis], axis=axis)

    if getattr(spacing, "ndim", 0) == 0:
        h = spacing
        inner = (at(2) - at(0, n - 2)) / (2 * h)
        if edge_order == 1:
            first, last = (at(1, 2) - at(0, 1)) / h, (at(n - 1) - at(n - 2, n - 1)) / h
        else:
            first = (-1.5 * at(0, 1) + 2 * at(1, 2) - 0.5 * at(2, 3)) / h
            last = (1.5 * at(n - 1) - 2 * at(n - 2, n - 1) + 0.5 * at(n - 3, n - 2)) / h
        return jnp.concatenate([first, inner, last], dim)
    gaps = jnp.diff(spacing).astype(f.dtype).reshape(tuple(-1 if i == dim else 1 for i in range(f.ndim)))
    left, right = lax.slice_in_dim(gaps, 0, n - 2, axis=dim), lax.slice_in_dim(gaps, 1, n - 1, axis=dim)
    a, b, c = -right / (left * (left + right)), (right - left) / (left * right), left / (right * (left + right))
    inner = a * at(0, n - 2) + b * at(1, n - 1) + c * at(2)
    if edge_order == 1:
        first = (at(1, 2) - at(0, 1)) / lax.slice_in_dim(gaps, 0, 1, axis=dim)
        last = (at(n - 1) - at(n - 2, n - 1)) / lax.slice_in_dim(gaps, n - 2, n - 1, axis=dim)
    else:
        p, q = lax.slice_in_dim(gaps, 0, 1, axis=dim), lax.slice_in_dim(gaps, 1, 2, axis=dim)
        first = -(2 * p + q) / (p * (p + q)) * at(0, 1) + (p + q) / (p * q) * at(1, 2) - p / (q * (p + q)) * at(2, 3)
        p, q = lax.slice_in_dim(gaps, n - 3, n - 2, axis=dim), lax.slice_in_dim(gaps, n - 2, n - 1, axis=dim)
        last = (
            q / (p * (p + q)) * at(n - 3, n - 2)
            - (p + q) / (p * q) * at(n - 2, n - 1)
            + (2 * q + p) / (q * (p + q)) * at(n - 1)
        )
    return jnp.concatenate([first, inner, last], dim)


@op(function=False, method=False, out=False, grad_name="CatBackward0")
def gradient_dims(input, spacing: Number, dims: tuple, edge_order: int):
    """Numerical derivatives of samples along each of ``dims``."""
    if edge_order not in (1, 2):
        raise RustorchRuntimeError("torch.gradient only supports edge_order=1 and edge_order=2.")
    x = as_float(input)
    return tuple(
        _slope(x, cast(s, dtype_of(x)) if not getattr(s, "ndim", 0) else s, wrap_dim(d, x.ndim), edge_order)
        for s, d in zip(spacing, dims)
    )

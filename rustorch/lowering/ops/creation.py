"""New tensors from shapes and numbers: constants, ranges, identity, window functions."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jax import lax

from rustorch.dtypes import INTEGER, DType
from rustorch.lowering.ops._common import cast
from rustorch.lowering.table import Number, creation

_INNER = {"function": False, "method": False}


@creation(name="full", **_INNER)
def full_(size: tuple, fill_value: Number, dtype: DType):
    """A tensor of ``size`` with every element ``fill_value``."""
    return jnp.broadcast_to(cast(fill_value, dtype), size)


@creation(name="constant", **_INNER)
def constant_(size: tuple, value: int, dtype: DType):
    """A tensor of ``size`` of zeros or ones, which the program knows."""
    return jnp.full(size, value, dtype.numpy)


@creation(name="arange", **_INNER)
def arange_(count: int, start: Number, step: Number, dtype: DType):
    """``start + step * i`` for ``i`` below ``count``."""
    # In double (or int64) and cast at the end, as PyTorch does.
    wide = jnp.result_type(jnp.asarray(start), jnp.asarray(step))
    i = lax.iota(jnp.int64, count)
    if not jnp.issubdtype(wide, jnp.integer):
        i = i.astype(jnp.float64)
    start, step = (jnp.asarray(x).astype(i.dtype) for x in (start, step))
    return cast(start + step * i, dtype)


def _spaced(start, end, steps, dtype):
    """Evenly spaced numbers, counted from the nearer end so that both ends are exact."""
    kind = jnp.dtype(dtype.numpy)
    if jnp.issubdtype(kind, jnp.integer) or kind in (jnp.float16, jnp.bfloat16):
        kind = jnp.dtype(jnp.float32 if kind in (jnp.float16, jnp.bfloat16) else jnp.float64)
    start, end = (
        cast(jnp.asarray(x), dtype).astype(kind) if dtype.kind == INTEGER else jnp.asarray(x).astype(kind)
        for x in (start, end)
    )
    if steps == 1:
        return start.reshape(1)
    step = (end - start) / (steps - 1)
    i = lax.iota(jnp.int64, steps)
    low, high = start + step * i.astype(kind), end - step * (steps - 1 - i).astype(kind)
    return jnp.where(i < steps // 2, low, high)


@creation(name="linspace", **_INNER)
def linspace_(start: Number, end: Number, steps: int, dtype: DType):
    """``steps`` numbers from ``start`` to ``end``, evenly spaced."""
    return cast(_spaced(start, end, steps, dtype), dtype)


@creation(name="logspace", **_INNER)
def logspace_(start: Number, end: Number, steps: int, base: Number, dtype: DType):
    """``base`` to the powers of ``linspace(start, end, steps)``."""
    powers = _spaced(start, end, steps, dtype)
    out = jnp.power(jnp.asarray(base).astype(powers.dtype), powers)
    if dtype.kind == INTEGER:  # 10 ** 3 must not come out below 1000
        out = jnp.where(jnp.abs(out - jnp.round(out)) < 1e-12 * out, jnp.round(out), out)
    return cast(out, dtype)


@creation(name="eye", **_INNER)
def eye_(n: int, m: int, dtype: DType):
    """Ones on the diagonal of an ``n`` by ``m`` matrix of zeros."""
    return jnp.eye(n, m, dtype=dtype.numpy)


@creation(name="table", **_INNER)
def table_(values: tuple, shape: tuple, dtype: DType):
    """A small table of known numbers."""
    return jnp.asarray(np.array(values).reshape(shape), dtype.numpy)


def _angles(n, periodic):
    span = n if periodic else n - 1
    return lax.iota(jnp.float64, n) * (2 * np.pi / max(span, 1)), span


@creation(name="cosine_window", **_INNER)
def cosine_window_(n: int, coefficients: Number, periodic: bool, dtype: DType):
    """``sum_k (-1)^k c_k cos(k t)``: Hann, Hamming, Blackman and general cosine windows."""
    t, _ = _angles(n, periodic)
    out = sum((-1) ** k * c * jnp.cos(k * t) for k, c in enumerate(coefficients))
    return (out if n > 1 else jnp.ones(n)).astype(dtype.numpy)


@creation(name="bartlett_window", **_INNER)
def bartlett_window_(n: int, periodic: bool, dtype: DType):
    """A triangle from 0 to 1 and back."""
    t, _ = _angles(n, periodic)
    return (1 - jnp.abs(t / np.pi - 1) if n > 1 else jnp.ones(n)).astype(dtype.numpy)


@creation(name="kaiser_window", **_INNER)
def kaiser_window_(n: int, beta: Number, periodic: bool, dtype: DType):
    """``i0(beta sqrt(1 - r^2)) / i0(beta)`` for ``r`` from -1 to 1."""
    t, _ = _angles(n, periodic)
    beta = jnp.asarray(beta, jnp.float64)
    r = t / np.pi - 1
    x = beta * jnp.sqrt(jnp.maximum(1 - r * r, 0))
    out = jnp.exp(jnp.abs(x) - jnp.abs(beta)) * lax.bessel_i0e(x) / lax.bessel_i0e(beta)
    return (out if n > 1 else jnp.ones(n)).astype(dtype.numpy)


@creation(name="gaussian_window", **_INNER)
def gaussian_window_(n: int, std: Number, periodic: bool, dtype: DType):
    """``exp(-(x / std)^2 / 2)`` around the middle."""
    span = n if periodic else n - 1
    x = lax.iota(jnp.float64, n) - span / 2
    out = jnp.exp(-jnp.square(x / jnp.asarray(std, jnp.float64)) / 2)
    return (out if n > 1 else jnp.ones(n)).astype(dtype.numpy)


@creation(name="exponential_window", **_INNER)
def exponential_window_(n: int, center: Number, tau: Number, dtype: DType):
    """``exp(-|x - center| / tau)``."""
    x = lax.iota(jnp.float64, n) - jnp.asarray(center, jnp.float64)
    out = jnp.exp(-jnp.abs(x) / jnp.asarray(tau, jnp.float64))
    return (out if n > 1 else jnp.ones(n)).astype(dtype.numpy)


@creation(name="cosine_arch_window", **_INNER)
def cosine_arch_window_(n: int, periodic: bool, dtype: DType):
    """``sin(pi (i + 1/2) / n)``."""
    span = (n + 1 if periodic else n) or 1
    out = jnp.sin((lax.iota(jnp.float64, n) + 0.5) * (np.pi / span))
    return (out if n > 1 else jnp.ones(n)).astype(dtype.numpy)


@creation(name="triangle_indices", **_INNER)
def triangle_indices_(row: int, col: int, offset: int, upper: bool, dtype: DType):
    """Row and column numbers of a triangle of a ``row`` by ``col`` matrix."""
    found = np.triu_indices(row, offset, col) if upper else np.tril_indices(row, offset, col)
    return jnp.asarray(np.stack(found), dtype.numpy)

"""Draws from distributions. Every op is a pure function of a generator's key and counter.

Numbers are always runtime inputs, so a new counter or bound never compiles anew.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from rustorch.dtypes import DType
from rustorch.errors import RustorchRuntimeError, check
from rustorch.lowering import kernels
from rustorch.lowering.ops._common import dtype_of, is_float, unsupported, widened
from rustorch.lowering.promote import cast
from rustorch.lowering.table import Number, random

_INNER = {"function": False, "method": False, "out": False, "always_lift": True}


def _wide(dtype: DType):
    """The floating type to draw in before casting to ``dtype``."""
    return jnp.float64 if dtype.numpy == np.float64 else jnp.float32


def _open(key, counter, size, kind):
    """Uniform on (0, 1): the smallest draw is half a step instead of 0."""
    u = kernels.uniform(key, counter, size, kind)
    return jnp.where(u == 0, jnp.asarray(2.0**-54 if kind == jnp.float64 else 2.0**-25, kind), u)


def _number(x, kind):
    return jnp.asarray(x).astype(kind)


@random(name="uniform", **_INNER)
def uniform_(key, counter: Number, size: tuple, low: Number, high: Number, dtype: DType):
    """Uniform on ``[low, high)``."""
    if dtype.is_complex:
        parts = [uniform_.body(key, 2 * counter + i, size, low, high, dtype.to_real()) for i in (0, 1)]
        return lax.complex(*parts)
    u = kernels.uniform(key, counter, size, dtype.numpy)
    low, high = _number(low, u.dtype), _number(high, u.dtype)
    out = low + u * (high - low)
    return jnp.where(out >= high, low, out)  # rounding may reach the open end


@random(name="normal", **_INNER)
def normal_(key, counter: Number, size: tuple, mean: Number, std: Number, dtype: DType):
    """Normal with ``mean`` and ``std``; complex ones share the variance between both parts."""
    if dtype.is_complex:
        real = dtype.to_real().numpy
        z = kernels.normal(key, counter, (2, *size), real) * np.sqrt(0.5).astype(real)
        return lax.complex(z[0], z[1]) * cast(std, dtype) + cast(mean, dtype)
    kind = _wide(dtype)
    z = kernels.normal(key, counter, size, kind)
    return (_number(mean, kind) + _number(std, kind) * z).astype(dtype.numpy)


def _below(key, counter, size, span):
    """Integers in ``[0, span)`` as uint64; ``span`` 0 means all 64 bits."""
    low = kernels.random_bits(key, counter, size).astype(jnp.uint64)
    high = kernels.random_bits(key, counter, size, 1).astype(jnp.uint64)
    wide = (high << jnp.uint64(32)) | low
    # The product's top word scales without division; past 32 bits the bias of a remainder is small.
    small = (low * (span & jnp.uint64(0xFFFFFFFF))) >> jnp.uint64(32)
    safe = jnp.where(span == 0, jnp.uint64(1), span)
    large = jnp.where(span == 0, wide, wide % safe)
    return jnp.where((span > 0) & (span <= jnp.uint64(0xFFFFFFFF)), small, large)


@random(name="randint", **_INNER)
def randint_(key, counter: Number, size: tuple, low: Number, high: Number, dtype: DType):
    """Integers in ``[low, high)``."""
    low, high = _number(low, jnp.int64), _number(high, jnp.int64)
    drawn = _below(key, counter, size, (high - low).astype(jnp.uint64)).astype(jnp.int64)
    return cast(drawn + low, dtype)


@random(name="randint_small", **_INNER)
def randint_small_(key, counter: Number, size: tuple, low: Number, span: Number, dtype: DType):
    """Integers in ``[low, low + span)`` for a span below ``2**32``: half the bits, half the time."""
    bits = kernels.random_bits(key, counter, size).astype(jnp.uint64)
    drawn = (bits * _number(span, jnp.uint64)) >> jnp.uint64(32)
    return cast(drawn.astype(jnp.int64) + _number(low, jnp.int64), dtype)


@random(name="bernoulli", **_INNER)
def bernoulli_(key, counter: Number, p: Number, size: tuple, dtype: DType):
    """1 with probability ``p``, else 0."""
    u = kernels.uniform(key, counter, size, _wide(dtype))
    return cast(u < jnp.asarray(p).astype(u.dtype), dtype)


@bernoulli_.known("p")
def _(key, counter, p, *_):
    inside = not hasattr(p, "min") or p.size == 0 or p.min() >= 0 and p.max() <= 1
    check(inside, "Expected p_in >= 0 && p_in <= 1 to be true, but got false.")


@random(name="exponential", **_INNER)
def exponential_(key, counter: Number, size: tuple, rate: Number, dtype: DType):
    """Exponential with density ``rate * exp(-rate x)``."""
    kind = _wide(dtype)
    return (-jnp.log1p(-_open(key, counter, size, kind)) / _number(rate, kind)).astype(dtype.numpy)


@random(name="cauchy", **_INNER)
def cauchy_(key, counter: Number, size: tuple, median: Number, sigma: Number, dtype: DType):
    """Cauchy around ``median`` with half width ``sigma``."""
    kind = _wide(dtype)
    angle = np.pi * (_open(key, counter, size, kind) - 0.5)
    return (_number(median, kind) + _number(sigma, kind) * jnp.tan(angle)).astype(dtype.numpy)


@random(name="log_normal", **_INNER)
def log_normal_(key, counter: Number, size: tuple, mean: Number, std: Number, dtype: DType):
    """The exponential of a normal."""
    kind = _wide(dtype)
    z = kernels.normal(key, counter, size, kind)
    return jnp.exp(_number(mean, kind) + _number(std, kind) * z).astype(dtype.numpy)


@random(name="geometric", **_INNER)
def geometric_(key, counter: Number, size: tuple, p: Number, dtype: DType):
    """The number of trials up to the first success of probability ``p``."""
    u = _open(key, counter, size, jnp.float64)
    return cast(jnp.ceil(jnp.log(u) / jnp.log1p(-_number(p, jnp.float64))), dtype)


@random(name="randperm", **_INNER)
def randperm_(key, counter: Number, n: int, dtype: DType):
    """The numbers below ``n`` in random order."""
    order = kernels.random_bits(key, counter, (n,))
    tie = kernels.random_bits(key, counter, (n,), 1)
    return lax.sort((order, tie, lax.iota(jnp.int32, n)), num_keys=2)[2].astype(dtype.numpy)


@random(name="multinomial", **_INNER)
def multinomial_(key, counter: Number, input, num_samples: int, replacement: bool):
    """Indices drawn with the (unnormalised) probabilities in each row of ``input``."""
    if not is_float(input):
        raise RustorchRuntimeError(
            f"multinomial only supports floating-point dtypes for input, got: {dtype_of(input).alias}"
        )
    if not 1 <= input.ndim <= 2:
        raise RustorchRuntimeError("prob_dist must be 1 or 2 dim")
    if num_samples <= 0:
        raise RustorchRuntimeError("cannot sample n_sample <= 0 samples")
    n = input.shape[-1]
    if not replacement and num_samples > n:
        raise RustorchRuntimeError("cannot sample n_sample > prob_dist.size(-1) samples without replacement")
    p = widened(input)
    lead = input.shape[:-1]
    if replacement or num_samples == 1:
        edges = jnp.cumsum(p.astype(jnp.float64), -1)
        u = kernels.uniform(key, counter, (*lead, num_samples), jnp.float64) * edges[..., -1:]
        if n <= 1024:
            found = jnp.sum(edges[..., None, :] <= u[..., :, None], -1)
        else:
            rows = jax.vmap(lambda e, v: jnp.searchsorted(e, v, side="right"))
            found = rows(edges.reshape(-1, n), u.reshape(-1, num_samples)).reshape(u.shape)
        # Never an index of probability 0, also where rounding puts u on the last edge.
        last = n - 1 - jnp.argmax(jnp.flip(p > 0, -1), -1)
        return jnp.minimum(found, last[..., None]).astype(jnp.int64)
    race = _exponential_race(key, counter, p)
    return lax.top_k(-race, num_samples)[1].astype(jnp.int64)


@multinomial_.known("input")
def _(key, counter, input, *_):
    fine = np.isfinite(input).all() and (input >= 0).all()
    check(fine, "probability tensor contains either `inf`, `nan` or element < 0")
    check((input.sum(-1) > 0).all(), "invalid multinomial distribution (sum of probabilities <= 0)")


def _exponential_race(key, counter, p):
    """Arrival times of exponential clocks with rates ``p``: the first k are a draw without replacement."""
    times = -jnp.log1p(-_open(key, counter, p.shape, jnp.dtype(p.dtype)))
    return jnp.where(p > 0, times / jnp.where(p > 0, p, 1), jnp.inf)


def _threefry(key, counter):
    """A key for JAX's own samplers."""
    return jax.random.wrap_key_data(kernels.random_bits(key, counter, (2,)), impl="threefry2x32")


@random(name="poisson", **_INNER)
def poisson_(key, counter: Number, input):
    """Poisson counts with the rates in ``input``."""
    if not is_float(input):
        raise unsupported("poisson", input)
    return jax.random.poisson(_threefry(key, counter), widened(input), dtype=jnp.int64).astype(input.dtype)


@random(name="binomial", **_INNER)
def binomial_(key, counter: Number, count, prob):
    """The number of successes in ``count`` trials of probability ``prob``."""
    kind = widened(count).dtype
    shape = jnp.broadcast_shapes(count.shape, prob.shape)
    drawn = jax.random.binomial(_threefry(key, counter), widened(count), widened(prob), shape=shape, dtype=kind)
    return drawn.astype(count.dtype)


@random(name="standard_gamma", **{**_INNER, "differentiable": True, "grad_name": "StandardGammaBackward0"})
def standard_gamma_(key, counter: Number, input):
    """Gamma with shape parameter ``input`` and rate 1; differentiable in ``input``."""
    return jax.random.gamma(_threefry(key, counter), widened(input)).astype(input.dtype)


@random(name="sample_dirichlet", **{**_INNER, "differentiable": True, "grad_name": "SampleDirichletBackward0"})
def sample_dirichlet_(key, counter: Number, input):
    """Dirichlet with the concentrations in the last dimension of ``input``; differentiable in them.

    Gamma draws are normalised as logarithms, so that small concentrations do not divide 0 by 0.
    """
    log_parts = jax.random.loggamma(_threefry(key, counter), widened(input))
    tiny = jnp.finfo(log_parts.dtype).tiny
    parts = jnp.maximum(jax.nn.softmax(log_parts, -1), tiny)
    return parts.astype(input.dtype)


@random(name="standard_von_mises", **_INNER)
def standard_von_mises_(key, counter: Number, concentration):
    """Angles in (-pi, pi) with density proportional to ``exp(concentration * cos(x))``.

    Best and Fisher's rejection from a wrapped Cauchy, in double precision, all elements until the last is accepted.
    """
    kappa = concentration.astype(jnp.float64)
    root = 1 + jnp.sqrt(1 + 4 * kappa**2)
    rho = (root - jnp.sqrt(2 * root)) / (2 * kappa)
    # For tiny concentrations the quotients cancel: their series.
    radius = jnp.where(kappa < 1e-5, 1 / kappa + kappa, (1 + rho**2) / (2 * rho))

    def again(state):
        return ~state[2].all()

    def attempt(state):
        i, found, done = state
        u = jax.random.uniform(jax.random.fold_in(base, i), (3, *kappa.shape), jnp.float64)
        z = jnp.cos(np.pi * u[0])
        f = (1 + radius * z) / (radius + z)
        c = kappa * (radius - f)
        accepted = (c * (2 - c) > u[1]) | (jnp.log(c / u[1]) + 1 >= c)
        angle = jnp.sign(u[2] - 0.5) * jnp.arccos(jnp.clip(f, -1, 1))
        return i + 1, jnp.where(accepted & ~done, angle, found), done | accepted

    base = _threefry(key, counter)
    # NaN concentrations never accept: they are done from the start, and stay NaN.
    start = jnp.where(kappa == kappa, 0.0, jnp.nan)
    return lax.while_loop(again, attempt, (0, start, kappa != kappa))[1].astype(concentration.dtype)

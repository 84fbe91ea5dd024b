"""A counter-based random generator that costs the CPU little more than writing its output.

Output ``i`` of draw ``counter`` under ``key`` is a pure function of the three:

    (s0, s1) = schedule(key, counter)                  scalars, once a draw
    bits[i]  = mix(mix(i ^ s0) + s1) ^ i               32-bit lanes, elementwise over an iota

``mix`` is a multiply-xorshift bijection with full avalanche; the keyed pair of them is a small
block cipher, and the last ``^ i`` (Davies and Meyer's feed-forward) makes the permutation a
function, so that equal values occur as often as they should. XLA vectorises this and fuses it
into the consumer: 400 000 words take 0.3 to 0.5 ms, against 3.5 ms for threefry and 8 ms for
``rbg`` (0.2 ms for the bare iota). It is for simulation, not for secrets.

At most 2**32 elements a draw.
"""

import math

import jax.numpy as jnp
from jax import lax

from .sums import once

_U = jnp.uint32


def _mix(h):
    h = (h ^ (h >> _U(16))) * _U(0x7FEB352D)
    h = (h ^ (h >> _U(15))) * _U(0x846CA68B)
    return h ^ (h >> _U(16))


def _schedule(key, counter, lane):
    """Two round keys, each a chain of mixes over every word of the key and the counter."""
    counter = jnp.asarray(counter)
    if counter.dtype.itemsize < 8:
        counter = counter.astype(_U)
    wide = counter.astype(jnp.uint64)
    words = (key[0], key[1], wide.astype(_U), (wide >> jnp.uint64(32)).astype(_U), _U(lane))
    out = []
    for seed in (0x9E3779B9, 0x3C6EF372):
        h = _U(seed)
        for word in words:
            h = _mix(h ^ word) * _U(0x85EBCA6B) + _U(seed)
        out.append(_mix(h))
    return out


def random_bits(key, counter, shape, lane=0):
    """``uint32`` words of ``shape`` for ``key`` (uint32[2]) and an integer ``counter``.

    ``lane`` (a Python integer) separates several draws made under one counter.
    """
    first, second = _schedule(key.astype(_U), counter, lane)
    i = lax.iota(_U, math.prod(shape)).reshape(shape)
    return _mix(_mix(i ^ first) + second) ^ i


def uniform(key, counter, shape, dtype=jnp.float32, lane=0):
    """Uniform on [0, 1): 24 random bits in float32 (8 in bfloat16, 11 in float16), 53 in float64."""
    dtype = jnp.dtype(dtype)
    bits = random_bits(key, counter, shape, lane)
    if dtype == jnp.float64:
        low = random_bits(key, counter, shape, lane + 1)
        whole = (bits.astype(jnp.uint64) << jnp.uint64(21)) ^ (low >> _U(11)).astype(jnp.uint64)
        return whole.astype(jnp.int64).astype(dtype) * jnp.asarray(2.0**-53, dtype)
    digits = {jnp.dtype(jnp.bfloat16): 8, jnp.dtype(jnp.float16): 11}.get(dtype, 24)
    whole = (bits >> _U(32 - digits)).astype(jnp.int32).astype(jnp.float32)
    return (whole * jnp.float32(2.0**-digits)).astype(dtype)


def normal(key, counter, shape, dtype=jnp.float32):
    """Standard normal: ``sqrt(2) erfinv(x)`` of ``x`` uniform on (-1, 1), where XLA's ``erf_inv`` is a polynomial.

    On the CPU a million numbers take 9 ms of one core; Box and Muller's sines and cosines take 150 ms.
    """
    dtype = jnp.dtype(dtype)
    if dtype == jnp.float64:
        x, last = 2 * uniform(key, counter, shape, dtype) - 1, 1 - 2.0**-53
    else:
        signed = lax.bitcast_convert_type(random_bits(key, counter, shape), jnp.int32)
        x, last = signed.astype(jnp.float32) * jnp.float32(2.0**-31), 1 - 2.0**-24
    x = jnp.clip(x, -jnp.asarray(last, x.dtype), jnp.asarray(last, x.dtype))  # the ends would be infinite
    return (jnp.asarray(math.sqrt(2), x.dtype) * lax.erf_inv(x)).astype(dtype)


def bernoulli(key, counter, shape, p):
    """Boolean mask, True with probability ``p`` (a number or an array that broadcasts)."""
    return uniform(key, counter, shape) < jnp.asarray(p, jnp.float32)


def dropout(x, key, counter, p):
    """``x / (1 - p)`` where kept, else 0; ``p`` may be traced. Its gradient is itself on ``ct``."""
    keep = 1 - jnp.asarray(p, jnp.float32)
    scale = jnp.where(keep > 0, 1 / jnp.where(keep > 0, keep, 1), 0).astype(x.dtype)
    return once(jnp.where(bernoulli(key, counter, x.shape, keep), x * scale, jnp.zeros((), x.dtype)))


def dropout_vjp(ct, x, key, counter, p, *, needs=(True,)):
    """The same mask and scale on the cotangent; the mask is drawn again, never stored."""
    return (dropout(ct, key, counter, p),)

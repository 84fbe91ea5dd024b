"""The same generator in NumPy, for filling new parameters.

A model's parameters have many shapes, and each would be a random program to compile (a 4-layer
GPT's took 8 s of CPU); NumPy fills them in milliseconds. Bits and uniform numbers are those of
`kernels.random` to the last bit, normal ones to rounding.
"""

import math

import numpy as np

_U = np.uint32


def _mix(h):
    h = (h ^ (h >> _U(16))) * _U(0x7FEB352D)
    h = (h ^ (h >> _U(15))) * _U(0x846CA68B)
    return h ^ (h >> _U(16))


def _schedule(key, counter: int, lane: int):
    words = [np.array([w & 0xFFFFFFFF], _U) for w in (int(key[0]), int(key[1]), counter, counter >> 32, lane)]
    out = []
    for seed in (0x9E3779B9, 0x3C6EF372):
        h = np.array([seed], _U)
        for word in words:
            h = _mix(h ^ word) * _U(0x85EBCA6B) + _U(seed)
        out.append(_mix(h))
    return out


def random_bits(key, counter: int, n: int, lane: int = 0):
    """``n`` uint32 words of draw ``counter`` under ``key`` (two words)."""
    first, second = _schedule(key, counter, lane)
    i = np.arange(n, dtype=_U)
    return _mix(_mix(i ^ first) + second) ^ i


def uniform(key, counter: int, n: int, dtype, lane: int = 0):
    """Uniform on [0, 1) in float32 or float64."""
    bits = random_bits(key, counter, n, lane)
    if np.dtype(dtype) == np.float64:
        low = random_bits(key, counter, n, lane + 1)
        whole = (bits.astype(np.uint64) << np.uint64(21)) ^ (low >> _U(11)).astype(np.uint64)
        return whole.astype(np.float64) * 2.0**-53
    return (bits >> _U(8)).astype(np.float32) * np.float32(2.0**-24)


def normal(key, counter: int, n: int, dtype):
    """Standard normal by Box and Muller."""
    half = (n + 1) // 2
    radius = np.sqrt(-2 * np.log1p(-uniform(key, counter, half, dtype, 0)))
    angle = np.dtype(dtype).type(2 * math.pi) * uniform(key, counter, half, dtype, 2)
    return np.concatenate([radius * np.cos(angle), radius * np.sin(angle)])[:n]

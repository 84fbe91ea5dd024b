"""Short training steps have a thread of XLA's to themselves.

XLA:CPU shares every larger operation between its threads. One that has slept is woken 20 µs later, and several are
woken and wait in each step: that of an MLP 784-128-10 takes 0.8 of its time on one thread, that of a GPT 1.5 times as
long. How many threads there are, XLA decides for each of its clients. So there are two: the usual one, and one with a
single thread, for programs with gradients that take less time than two threads would save. (A product alone, or a few
in a row, are faster on two: there is nothing between them for which a thread would go to sleep.)

Their results stay with that client, a second JAX device over the same memory, until a program of the other takes them,
as what NumPy sees of them. Where several of Python's threads start programs, those would wait for one another: then
the usual client does all.
"""

from __future__ import annotations

from functools import cache

import jax
import numpy as np

from rustorch.devices import Device
from rustorch.lowering import threads
from rustorch.lowering.inline import is_alone
from rustorch.lowering.placement import jax_device, x64

MULTIPLICATIONS = range(3 << 20, 1 << 24)  # in all products of matrices; with fewer, no other thread is woken anyway
MOST_ELEMENTS = 1 << 21  # of everything computed
MATRIX_PRODUCTS = frozenset("linear mm bmm mv addmm addmv addbmm baddbmm matmul".split())
KINDS = frozenset("op pointwise reduction view select alias fill creation random".split())
_devices: list = []  # the usual CPU device and that of one thread, once there are both


def device_of(plan, device: Device):
    """The JAX device for a program that a thread starts which is alone."""
    usual = jax_device(device)
    if device.type != "cpu" or not is_short(plan):
        return usual
    return one_thread() or usual


def device_now(device):
    """The JAX device for such a program now."""
    return device if device not in _devices[1:] or is_alone() else _devices[0]


@cache
def one_thread():
    """The device of XLA's client with one thread; None where the usual one has no more, or JAX cannot make it."""
    usual = jax_device(Device("cpu"))
    if threads.count() == 1:
        return None
    try:
        from jax._src.lib import xla_client  # not public: it may be gone one day

        with threads.starting(1):
            made = xla_client.make_cpu_client().devices()[0]
    except Exception:
        return None
    _devices.extend((usual, made))
    return made


def threads_of(device) -> int:
    """How many threads share a program on a JAX device."""
    return 1 if device in _devices[1:] else threads.count()


def reachable(arrays, device) -> list:
    """Arrays for a program on ``device``; it waits for those that the other client is still computing."""
    if device not in _devices:
        return arrays
    return [a if isinstance(a, np.ndarray) or device in a.sharding.device_set else np.asarray(a) for a in arrays]


def at_home(array):
    """An array, perhaps of NumPy or traced, on a device that JAX's users know, in the same memory."""
    if not _devices or isinstance(array, (np.ndarray, jax.core.Tracer)) or _devices[1] not in array.sharding.device_set:
        return array
    with x64():
        return jax.device_put(array, _devices[0])


def is_short(plan) -> bool:
    """Is it a step that one thread does before several are awake? Not if it may be slow in a way that sizes do not tell."""
    multiplications = gradients = 0
    for node in plan.nodes:
        sig = node.sig
        while sig.op.kind == "vjp":  # a gradient, of any order, costs what its operation does, for each that it gives
            sig = sig.extra[0]
        op = sig.op
        if op.kind not in KINDS or op.dear and op.kind != "random" and op.name not in MATRIX_PRODUCTS:
            return False
        if op.name in MATRIX_PRODUCTS:
            n, m, p = sorted([a.numel for a in (*sig.inputs, *_all(sig.aval))])[-3:]
            # The sides of n x m times m x p are n m, m p and n p.
            multiplications += round((n * m * p) ** 0.5) * max(1, sum([len(a.shape) > 1 for a in _all(node.aval)]))
            gradients += sig is not node.sig
    return gradients > 0 and multiplications in MULTIPLICATIONS and plan.work() <= MOST_ELEMENTS


def _all(aval) -> tuple:
    return aval if type(aval) is tuple else (aval,)

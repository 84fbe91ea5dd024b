"""Where arrays live: rustorch devices as JAX devices, and the 64-bit scope."""

from __future__ import annotations

import functools

import jax
import numpy as np

from rustorch.devices import Device
from rustorch.errors import DeviceError
from rustorch.lowering.heap import keep_freed_memory
from rustorch.lowering.threads import starting

_PLATFORM = {"cpu": "cpu", "cuda": "gpu", "tpu": "tpu"}


def x64():
    """Scope in which int64 and float64 are real; the global JAX setting stays as it is."""
    return jax.enable_x64(True)


@functools.cache
def devices_of(type: str) -> tuple:
    """The JAX devices of a rustorch device type; empty if the machine has none."""
    keep_freed_memory()  # before JAX starts the threads that would take arenas of their own
    try:
        with starting():
            return tuple(jax.devices(_PLATFORM[type]))
    except RuntimeError:
        return ()


@functools.cache
def jax_device(device: Device):
    """The JAX device behind ``device``.

    Raises:
        RuntimeError: the machine has no such device, with PyTorch's message for CUDA.
    """
    found = devices_of(device.type) if device.type != "meta" else ()
    index = device.index or 0
    if device.type == "cpu":
        return found[0]
    if not found:
        if device.type == "cuda":
            raise DeviceError(
                "Found no NVIDIA driver on your system, or no GPU build of jaxlib. Please check that you have an NVIDIA GPU and installed jax[cuda]. Torch not compiled with CUDA enabled"
            )
        raise DeviceError(f"No {device.type} device is visible to JAX. Received: {device}")
    if index >= len(found):
        raise DeviceError(f"invalid device ordinal: {device}; this machine has {len(found)} {device.type} device(s)")
    return found[index]


def canonical(device: Device) -> Device:
    """``cuda`` as ``cuda:0``; checks that the device exists."""
    jax_device(device)
    if device.type == "cpu":
        return Device("cpu")
    return device if device.index is not None else Device(device.type, 0)


def device_of(array) -> Device:
    """The rustorch device that holds a JAX array."""
    where = next(iter(array.devices()))
    if where.platform == "cpu":
        return Device("cpu")
    kind = "tpu" if where.platform == "tpu" else "cuda"
    return Device(kind, devices_of(kind).index(where))


def put(data, device: Device):
    """A JAX array with a private copy of host ``data`` (or of another device's array)."""
    with x64():
        if isinstance(data, np.ndarray) and device.type == "cpu":
            # JAX may alias an aligned NumPy buffer; the caller may write to its array later.
            data = data.copy() if data.flags.writeable or data.base is not None else data
        return jax.device_put(data, jax_device(device))


def copied(array):
    """The same values in a buffer of their own, without a program compiled for it."""
    with x64():
        return jax.device_put(array, next(iter(array.devices())), may_alias=False)


def room(shape, dtype, device: Device):
    """A buffer; what is in it is undefined."""
    with x64():
        return jax.device_put(np.empty(tuple(shape), dtype.numpy), jax_device(device), may_alias=False)

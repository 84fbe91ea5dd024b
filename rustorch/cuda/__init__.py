"""``torch.cuda`` on JAX's GPU devices."""

from __future__ import annotations

from rustorch.cuda import amp as amp
from rustorch.devices import Device
from rustorch.eager.legacy import types_of
from rustorch.eager.storages import STORAGES
from rustorch.lowering.placement import devices_of, jax_device

_current = 0
globals().update(types_of("cuda"))
globals().update(STORAGES["cuda"])


def is_available() -> bool:
    """Is there a GPU that JAX can use?"""
    return bool(devices_of("cuda"))


def device_count() -> int:
    """Number of GPUs."""
    return len(devices_of("cuda"))


def current_device() -> int:
    """Index of the current GPU."""
    jax_device(Device("cuda", _current))
    return _current


def set_device(device) -> None:
    """Make a GPU the current one."""
    global _current
    index = device if isinstance(device, int) else Device(device).index or 0
    jax_device(Device("cuda", index))
    _current = index


def get_device_name(device=None) -> str:
    """The GPU's name."""
    return jax_device(Device("cuda", _current if device is None else Device(device).index or 0)).device_kind


def synchronize(device=None) -> None:
    """Wait until the GPU has finished what was started."""
    for d in devices_of("cuda"):
        d.synchronize_all_activity()


def empty_cache() -> None:
    """XLA keeps its pool; nothing to do."""


def manual_seed(seed: int) -> None:
    """Seed the GPU generators; they follow ``rustorch.manual_seed``."""


manual_seed_all = manual_seed

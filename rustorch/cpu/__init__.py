"""``torch.cpu``: what the accelerators' modules have, for code that takes any of them."""

from __future__ import annotations

from rustorch.cpu import amp as amp


def is_available() -> bool:
    """Always."""
    return True


def is_initialized() -> bool:
    """Always."""
    return True


def device_count() -> int:
    """One."""
    return 1


def current_device() -> str:
    """``"cpu"``."""
    return "cpu"


def set_device(device) -> None:
    """There is one; nothing to do."""


def synchronize(device=None) -> None:
    """Nothing runs behind a CPU tensor's back: looking at it waits for it."""

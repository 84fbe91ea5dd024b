"""What went wrong while a program ran, as PyTorch's exceptions."""

from __future__ import annotations

from rustorch.errors import AcceleratorError, OutOfMemoryError


def refuse(error: Exception, device) -> None:
    """Raise what PyTorch raises where JAX raised ``error`` on one of its devices; nothing if PyTorch has no other exception for it.

    Raises:
        OutOfMemoryError: the device has no room.
        AcceleratorError: anything else on a GPU or TPU.
    """
    text = str(error)
    if text.startswith("RESOURCE_EXHAUSTED"):
        raise OutOfMemoryError(text.partition(": ")[2] or text) from error
    if device.platform != "cpu":
        raise AcceleratorError(text) from error

"""``device``: a name for where a tensor lives; ``cpu``, ``cuda`` and ``tpu`` map to JAX devices.

Example:
    >>> device("cuda:1").index
    1
"""

from __future__ import annotations

import threading

TYPES = ("cpu", "cuda", "tpu", "meta")


class Device:
    """A device type and index, interned: equal devices are the same object.

    ``Device("cuda:0")``, ``Device("cuda", 0)`` and ``Device(0)`` name the first GPU.

    Raises:
        RuntimeError: an unknown device type, with PyTorch's message.
    """

    __slots__ = ("type", "index")
    _interned: dict = {}

    def __new__(cls, type="cpu", index=None):
        if isinstance(type, Device):
            return type
        if isinstance(type, int) and not isinstance(type, bool):
            type, index = "cuda", type
        name, _, number = str(type).partition(":")
        if number:
            if index is not None:
                raise RuntimeError(
                    f"type (string) must not include an index because index was passed explicitly: {type}"
                )
            if not number.isdigit():
                raise RuntimeError(f"Invalid device string: '{type}'")
            index = int(number)
        if name not in TYPES:
            raise RuntimeError(f"Expected one of {', '.join(TYPES)} device type at start of device string: {name}")
        self = cls._interned.get((name, index))
        if self is None:
            self = object.__new__(cls)
            self.type, self.index = name, index
            cls._interned[name, index] = self
        return self

    @staticmethod
    def default() -> Device:
        """The device on which new tensors are made."""
        return current_default()

    def is_cpu(self) -> bool:
        """True on the host processor."""
        return self.type == "cpu"

    def is_on_gpu(self) -> bool:
        """True on a GPU."""
        return self.type == "cuda"

    def to_cpu(self) -> Device:
        """The host processor."""
        return Device("cpu")

    def with_device(self, device) -> Device:
        """The device that ``device`` names."""
        return Device(device)

    def __repr__(self) -> str:
        index = "" if self.index is None else f", index={self.index}"
        return f"device(type='{self.type}'{index})"

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __reduce__(self):
        return Device, (self.type, self.index)

    def __copy__(self):
        return self

    def __deepcopy__(self, memo):
        return self

    def __enter__(self):
        _stack().append(self)
        return self

    def __exit__(self, *exc):
        _stack().pop()


device = Device
CPU = Device("cpu")
_local = threading.local()
_global_default = CPU


def _stack() -> list:
    try:
        return _local.stack
    except AttributeError:
        _local.stack = []
        return _local.stack


def current_default() -> Device:
    """The innermost ``with device(...)``, else the one of ``set_default_device``."""
    stack = getattr(_local, "stack", None)
    return stack[-1] if stack else _global_default


def set_default_device(device) -> None:
    """Make new tensors on ``device`` from now on; ``None`` means the CPU."""
    global _global_default
    _global_default = CPU if device is None else Device(device)


get_default_device = current_default

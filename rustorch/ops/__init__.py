"""``torch.ops.aten``: the operations by PyTorch's internal names, with their overloads.

>>> import rustorch as torch
>>> torch.ops.aten.slice.Tensor(torch.arange(5), 0, 1, 3)
tensor([1, 2])
"""

from __future__ import annotations

from rustorch.eager import ops
from rustorch.eager.tensor import Tensor

# Where PyTorch's internal name has the namespace before it: `special_i0` for `special.i0`.
_PREFIXES = ("special", "linalg", "fft")


class Overloads:
    """One operation; ``default``, ``Tensor``, ``out`` and other overloads are the operation itself.

    Args:
        name: without overload.
        function: what is called.
    """

    def __init__(self, name: str, function):
        self.__name__, self._function, self.__doc__ = name, function, function.__doc__

    def __call__(self, *args, **kwargs):
        return self._function(*args, **kwargs)

    def __getattr__(self, overload: str) -> Overloads:
        if overload.startswith("__"):
            raise AttributeError(overload)
        return self

    def __repr__(self) -> str:
        return f"<OpOverloadPacket(op='aten.{self.__name__}')>"


def _found(name: str):
    spaces = ops.NAMESPACES
    for space in ("aten", "torch", "nn.functional"):
        if name in spaces.get(space, {}):
            return spaces[space][name]
    for prefix in _PREFIXES:
        short = name.removeprefix(prefix + "_")
        if short != name and short in spaces.get(prefix, {}):
            return spaces[prefix][short]
    return getattr(Tensor, name, None)


class _Namespace:
    """Attributes are looked up on first use."""

    def __init__(self, name: str):
        self._name = name

    def __getattr__(self, name: str) -> Overloads:
        function = None if name.startswith("__") else _found(name)
        if function is None:
            raise AttributeError(f"'_OpNamespace' '{self._name}' object has no attribute '{name}'")
        found = Overloads(name, function)
        setattr(self, name, found)
        return found

    def __repr__(self) -> str:
        return f"<module 'torch.ops.{self._name}'>"


aten = _Namespace("aten")

"""``Aval``: what is known of a value before it is computed."""

from __future__ import annotations

from rustorch.devices import CPU, Device
from rustorch.dtypes import DType
from rustorch.size import Size


class Aval:
    """Abstract value: shape, dtype, device and, where PyTorch's would not be contiguous, strides.

    Interned, so identity is equality and hashing is free. XLA stores every array densely;
    ``strides`` only answers what PyTorch would answer (``stride()``, which ``reshape`` aliases).
    """

    __slots__ = ("shape", "dtype", "device", "strides", "ndim", "numel")

    def dense(self) -> Aval:
        """The same without strides of its own, as what is computed has none."""
        return aval(tuple(self.shape), self.dtype, self.device)

    def row(self) -> Aval:
        """One slice along the first dimension."""
        return aval(tuple(self.shape[1:]), self.dtype, self.device)

    def __repr__(self) -> str:
        return f"{self.dtype.name}[{','.join(map(str, self.shape))}]"


_interned: dict = {}


def contiguous_strides(shape) -> tuple[int, ...]:
    """Strides of a densely packed row-major array of ``shape``, counted in elements."""
    strides, step = [], 1
    for size in reversed(shape):
        strides.append(step)
        step *= max(size, 1)
    return tuple(reversed(strides))


def _is_contiguous(shape, strides) -> bool:
    if 0 in shape:
        return True
    dense = contiguous_strides(shape)
    return all(size == 1 or s == d for size, s, d in zip(shape, strides, dense))


def aval(shape, dtype: DType, device: Device = CPU, strides=None) -> Aval:
    """The one ``Aval`` with these properties."""
    key = (shape, dtype, device, strides)
    found = _interned.get(key)
    if found is None:
        if strides is not None and _is_contiguous(shape, strides):
            found = aval(shape, dtype, device)
        else:
            found = Aval()
            found.shape = Size(shape)
            found.dtype, found.device, found.strides = dtype, device, strides
            found.ndim = len(shape)
            found.numel = found.shape.numel()
        if len(_interned) > 100_000:  # a program with endless new shapes must not grow without bound
            _interned.clear()
        found = _interned.setdefault(key, found)
    return found

"""Mistakes in values. An op's ``known`` rule sees those that the host has when the op is recorded."""

from __future__ import annotations

from rustorch.errors import IndexOutOfRangeError, RustorchRuntimeError, wrap_dim


def outside(index, size: int, negative: bool = False):
    """The first of the NumPy integers ``index`` outside [0, size) (or [-size, size)); None if all are inside."""
    low = -size if negative else 0
    if index.size == 0 or _highest(index) < size or low <= int(index.min()) and int(index.max()) < size:
        return None
    return int(index[(index < low) | (index >= size)].flat[0])


def _highest(index) -> int:
    """The maximum, where negative numbers are the largest: one pass tells that all are inside."""
    return int((index.view(f"u{index.itemsize}") if index.dtype.kind == "i" else index).max())


def check_index(index, input, dim: int, error=RustorchRuntimeError, negative: bool = False, name: str = "") -> None:
    """Raise unless ``index`` holds positions along ``dim`` of ``input``."""
    dim = wrap_dim(dim, len(input.shape))
    size = input.shape[dim] if input.shape else 1
    bad = outside(index, size, negative)
    if bad is not None:
        raise error(f"{name}index {bad} is out of bounds for dimension {dim} with size {size}")


def check_rows(index, size: int) -> None:
    """Raise unless ``index`` holds row numbers below ``size``."""
    if outside(index, size) is not None:
        raise IndexOutOfRangeError("index out of range in self")


def check_flat(index, size: int) -> None:
    """Raise unless ``index`` holds positions, also from the end, in ``size`` elements."""
    bad = outside(index, size, negative=True)
    if bad is not None:
        raise IndexOutOfRangeError(f"out of range: tried to access index {bad} on a tensor of {size} elements.")


def check_classes(target, classes: int, ignored: int) -> None:
    """Raise unless ``target`` holds class numbers or ``ignored``."""
    bad = outside(target, classes)
    if bad is not None:
        bad = outside(target[target != ignored], classes)
    if bad is not None:
        raise IndexOutOfRangeError(f"Target {bad} is out of bounds.")

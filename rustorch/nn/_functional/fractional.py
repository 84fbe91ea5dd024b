"""Fractional max pooling: the argument rules; the windows' places are drawn here."""

from __future__ import annotations

from rustorch.eager.random import rand
from rustorch.errors import ArgumentValueError, RustorchRuntimeError
from rustorch.nn._functional.pieces import piece

_fractional_max_pool = piece("fractional_max_pool")


def _per_axis(value, rank: int, name: str, what: str):
    if isinstance(value, int):
        return (value,) * rank
    value = tuple(int(v) for v in value)
    if len(value) == 1:
        return value * rank
    if len(value) != rank:
        raise RustorchRuntimeError(f"{name}: {what} must either be a single Int or tuple of Ints")
    return value


def _pooled(rank, input, kernel_size, output_size, output_ratio, samples):
    name = f"fractional_max_pool{rank}d"
    if output_size is None and output_ratio is None:
        raise ArgumentValueError(f"{name} requires specifying either an output_size or an output_ratio")
    if output_size is None:
        if len(output_ratio) > rank:
            raise ArgumentValueError(f"{name} requires output_ratio to either be a single Int or tuple of Ints.")
        ratio = tuple(output_ratio) * (rank if len(output_ratio) == 1 else 1)
        output_size = [int(input.size(d - rank) * r) for d, r in enumerate(ratio)]
    batch = 1 if input.dim() == rank + 1 else input.size(0)
    if samples is None:
        samples = rand(batch, input.size(-rank - 1), rank, dtype=input.dtype, device=input.device)
    kernel_size = _per_axis(kernel_size, rank, name, "kernel_size")
    output_size = _per_axis(output_size, rank, name, "output_size")
    return _fractional_max_pool(input, samples[:batch].detach(), kernel_size, output_size)


def fractional_max_pool2d_with_indices(
    input, kernel_size, output_size=None, output_ratio=None, return_indices=False, _random_samples=None
):
    """``fractional_max_pool2d`` and, for each maximum, its position in the flattened H·W."""
    return _pooled(2, input, kernel_size, output_size, output_ratio, _random_samples)


def fractional_max_pool2d(
    input, kernel_size, output_size=None, output_ratio=None, return_indices=False, _random_samples=None
):
    """The largest value of windows at random places: ([N,] C, H, W) to ``output_size``, or to ``output_ratio`` of it.

    Args:
        kernel_size: the windows' size.
        _random_samples: (N, C, 2) in [0, 1): where they lie, drawn if not given.

    Raises:
        ValueError: neither size nor ratio.
        RuntimeError: windows that do not fit.
    """
    found = _pooled(2, input, kernel_size, output_size, output_ratio, _random_samples)
    return found if return_indices else found[0]


def fractional_max_pool3d_with_indices(
    input, kernel_size, output_size=None, output_ratio=None, return_indices=False, _random_samples=None
):
    """``fractional_max_pool3d`` and, for each maximum, its position in the flattened D·H·W."""
    return _pooled(3, input, kernel_size, output_size, output_ratio, _random_samples)


def fractional_max_pool3d(
    input, kernel_size, output_size=None, output_ratio=None, return_indices=False, _random_samples=None
):
    """The largest value of windows at random places: ([N,] C, D, H, W), as ``fractional_max_pool2d``."""
    found = _pooled(3, input, kernel_size, output_size, output_ratio, _random_samples)
    return found if return_indices else found[0]

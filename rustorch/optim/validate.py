"""Checks of hyper-parameters, with PyTorch's messages."""

from __future__ import annotations

from rustorch.eager.tensor import Tensor


def at_least(low, **options) -> None:
    """Raise ``ValueError`` for options below ``low``; each given as ``(value, how to call it)``."""
    for value, label in options.values():
        if not isinstance(value, Tensor) and value < low:
            raise ValueError(f"Invalid {label}{'' if label in ('learning rate',) else ' value'}: {value}")


def check_betas(betas) -> None:
    """Raise ``ValueError`` for moment factors outside [0, 1)."""
    for i, beta in enumerate(betas):
        if not isinstance(beta, Tensor) and not 0.0 <= beta < 1.0:
            raise ValueError(f"Invalid beta parameter at index {i}: {beta}")

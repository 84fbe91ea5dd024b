"""Checks of hyper-parameters, with PyTorch's messages."""

from __future__ import annotations

from rustorch.eager.tensor import Tensor
from rustorch.eager.views import node_of
from rustorch.errors import RustorchRuntimeError


def at_least(low, message: str = "Invalid {}: {}", **options) -> None:
    """Raise ``ValueError`` for options below ``low``; each given as ``(value, how to call it)``.

    ``message`` is filled with name and value. A tensor has one element; its value is checked if it is known.
    """
    for name, (value, label) in options.items():
        if isinstance(value, Tensor):
            if name == "lr" and value.numel() != 1:
                raise ValueError("Tensor lr must be 1-element")
            if node_of(value).value is None:
                continue
        if not value >= low:
            raise ValueError(message.format(label, value))


def check_options(options: dict) -> None:
    """Raise ``ValueError`` for a negative ``lr``, ``eps``, ``weight_decay`` or ``momentum``, or ``betas`` outside [0, 1)."""
    names = {"lr": "learning rate", "eps": "epsilon value", "momentum": "momentum value"}
    at_least(0, **{name: (options[name], label) for name, label in names.items() if name in options})
    check_betas(options.get("betas", ()))
    at_least(0, weight_decay=(options.get("weight_decay", 0), "weight_decay value"))


def check_betas(betas) -> None:
    """Raise ``ValueError`` for moment factors outside [0, 1)."""
    for i, beta in enumerate(betas):
        if not isinstance(beta, Tensor) and not 0.0 <= beta < 1.0:
            raise ValueError(f"Invalid beta parameter at index {i}: {beta}")


def check_tensor_options(lr, betas, foreach, capturable) -> None:
    """Raise ``ValueError`` for tensors where Adam does not take them."""
    if isinstance(lr, Tensor) and foreach and not capturable:
        raise ValueError("lr as a Tensor is not supported for capturable=False and foreach=True")
    if isinstance(betas[0], Tensor) != isinstance(betas[1], Tensor):
        raise ValueError("betas must be either both floats or both Tensors")
    for i, beta in enumerate(betas):
        if isinstance(beta, Tensor):
            if foreach and not capturable:
                raise ValueError(f"betas[{i}] as a Tensor is not supported for capturable=False and foreach=True")
            if beta.numel() != 1:
                raise ValueError(f"Tensor betas[{i}] must be 1-element")


def check_fused(fused, foreach, differentiable) -> None:
    """Raise ``RuntimeError`` for implementations that exclude each other."""
    if fused and differentiable:
        raise RustorchRuntimeError("`fused` does not support `differentiable`")
    if fused and foreach:
        raise RustorchRuntimeError("`fused` and `foreach` cannot be `True` together.")


def is_set(option) -> bool:
    """Is the option a tensor, or another number than zero?"""
    return isinstance(option, Tensor) or option != 0

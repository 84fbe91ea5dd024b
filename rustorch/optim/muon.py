"""Muon."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from rustorch.errors import RustorchRuntimeError
from rustorch.lowering.platform import on_cpu
from rustorch.optim.optimizer import Optimizer
from rustorch.optim.validate import at_least


class Muon(Optimizer):
    r"""Momentum whose matrix is made orthogonal before the step: all its directions move alike.

    ``b = momentum * b + (1 - momentum) * grad``; ``u = b`` or, with ``nesterov``, ``grad + momentum * (b - grad)``;
    ``o`` is ``u`` after ``ns_steps`` Newton-Schulz iterations ``x = a x + (b g + c g²) x`` with ``g = x xᵀ``, in
    bfloat16; ``p = p * (1 - lr * weight_decay) - lr * ratio * o``.

    Args:
        params: matrices (biases, embeddings and the like are for another optimizer), or groups.
        lr: learning rate; weight_decay: on the parameter; momentum: factor of the running gradient; nesterov: look
        ahead; ns_coefficients: ``(a, b, c)``; eps: least norm; ns_steps: iterations; adjust_lr_fn: "original"
        (``ratio = sqrt(max(1, rows / columns))``, also for ``None``) or "match_rms_adamw"
        (``0.2 * sqrt(max(rows, columns))``).

    Raises:
        ValueError: an option out of its range, or a parameter that is no matrix.
        RuntimeError: a complex parameter, at the first step.

    Source: Jordan et al., "Muon: An Optimizer for Hidden Layers in Neural Networks", 2024; the second ratio: Liu et
    al., "Muon is Scalable for LLM Training", 2025.

    Example:
        >>> import rustorch
        >>> w = rustorch.ones(2, 2, requires_grad=True)
        >>> opt = rustorch.optim.Muon([w], lr=0.1, weight_decay=0)
        >>> (w * w).sum().backward()
        >>> opt.step()
        >>> (w < 1).all()
        tensor(True)
    """

    slots = ("momentum_buffer",)
    saves_step = False

    def __init__(self, params, lr=1e-3, weight_decay=0.1, momentum=0.95, nesterov=True,
                 ns_coefficients=(3.4445, -4.7750, 2.0315), eps=1e-7, ns_steps=5, adjust_lr_fn=None):  # fmt: skip
        at_least(
            0, "{} should be >= 0 but is: {}", lr=(lr, "Learning rate"), momentum=(momentum, "momentum"),
            weight_decay=(weight_decay, "weight decay"),
        )  # fmt: skip
        if adjust_lr_fn not in (None, "original", "match_rms_adamw"):
            raise ValueError(f"Adjust learning rate function {adjust_lr_fn} is not supported")
        super().__init__(params, dict(
            lr=lr, weight_decay=weight_decay, momentum=momentum, nesterov=nesterov, ns_coefficients=ns_coefficients,
            eps=eps, ns_steps=ns_steps, adjust_lr_fn=adjust_lr_fn,
        ))  # fmt: skip
        for group in self.param_groups:
            for p in group["params"]:
                if p.ndim != 2:
                    raise ValueError(
                        f"Muon only supports 2D parameters whereas we found a parameter with size: {p.size()}"
                    )

    def init_state(self, group, p, state):
        if p.is_complex():
            raise RustorchRuntimeError("Muon does not support complex parameters")
        super().init_state(group, p, state)

    def static_of(self, group):
        if group["ns_steps"] >= 100:
            raise ValueError("Number of steps must be less than 100 for computational efficiency")
        if len(group["ns_coefficients"]) != 3:
            raise ValueError("Coefficients must be a tuple of exactly 3 values")
        return bool(group["nesterov"]), int(group["ns_steps"]), group["adjust_lr_fn"]

    def numbers_of(self, group):
        return group["lr"], group["weight_decay"], group["momentum"], group["eps"], *group["ns_coefficients"]

    @staticmethod
    def update(static, numbers, step, param, grad, buffer):
        nesterov, rounds, ratio = static
        lr, weight_decay, momentum, eps, *coefficients = numbers
        buffer = buffer + (1.0 - momentum) * (grad - buffer)
        change = grad + momentum * (buffer - grad) if nesterov else buffer
        change = _orthogonal(change, coefficients, rounds, eps)
        rows, columns = param.shape
        scale = 0.2 * math.sqrt(max(rows, columns)) if ratio == "match_rms_adamw" else math.sqrt(max(1, rows / columns))
        return param * (1.0 - lr * weight_decay) - lr * scale * change.astype(param.dtype), buffer


def _orthogonal(x, coefficients, rounds, eps):
    """Newton-Schulz in bfloat16: products are summed up in float32, each result is rounded once."""
    a, b, c = coefficients
    tall = x.shape[0] > x.shape[1]
    x = _rounded(x.T if tall else x)
    norm = _rounded(jnp.sqrt((x.astype(jnp.float32) ** 2).sum()))
    x = _rounded(x.astype(jnp.float32) / jnp.maximum(norm.astype(jnp.float32), eps))
    for _ in range(rounds):
        gram = _rounded(_product(x, x.T))
        change = _rounded(_multiply_add(b, gram, c * _product(gram, gram)))
        x = _rounded(_multiply_add(a, x, _product(change, x)))
    return (x.T if tall else x).astype(jnp.float32)


def _product(a, b):
    return jnp.matmul(a, b, preferred_element_type=jnp.float32)


def _multiply_add(factor, x, rest):
    """``factor * x + rest`` in float32, rounded once: PyTorch's products end with this, and a bfloat16 may hang on it."""
    if not on_cpu():
        return factor * x.astype(jnp.float32) + rest
    factor = jnp.asarray(factor, jnp.float32).astype(jnp.float64)
    return (factor * x.astype(jnp.float64) + rest.astype(jnp.float64)).astype(jnp.float32)


def _rounded(x):
    # XLA may leave out the rounding of a cast there and back, but not this one.
    return jax.lax.reduce_precision(x, 8, 7).astype(jnp.bfloat16)

"""Stochastic gradient descent."""

from __future__ import annotations

import jax.numpy as jnp

from rustorch.errors import RustorchRuntimeError
from rustorch.optim.optimizer import Optimizer
from rustorch.optim.validate import at_least


class SGD(Optimizer):
    r"""Gradient descent with momentum.

    ``g = grad + weight_decay * p``; ``b = momentum * b + (1 - dampening) * g`` (``b = g`` at the
    first step); ``p -= lr * b``, or ``p -= lr * (g + momentum * b)`` with ``nesterov``.

    Args:
        params: parameters or groups.
        lr: learning rate; momentum: factor of the running direction; dampening: its loss;
        weight_decay: L2 penalty; nesterov: look ahead; maximize: ascend.

    Raises:
        ValueError: a negative option, or ``nesterov`` without momentum or with dampening.

    Source: Sutskever et al., "On the importance of initialization and momentum", 2013.

    Example:
        >>> import rustorch
        >>> w = rustorch.tensor([1.0], requires_grad=True)
        >>> opt = rustorch.optim.SGD([w], lr=0.1)
        >>> (w * w).sum().backward()
        >>> opt.step()
        >>> w
        tensor([0.8000], requires_grad=True)
    """

    def __init__(self, params, lr=1e-3, momentum=0, dampening=0, weight_decay=0, nesterov=False, *, maximize=False,
                 foreach=None, differentiable=False, fused=None):  # fmt: skip
        at_least(
            0, lr=(lr, "learning rate"), momentum=(momentum, "momentum"), weight_decay=(weight_decay, "weight_decay")
        )
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        super().__init__(params, dict(
            lr=lr, momentum=momentum, dampening=dampening, weight_decay=weight_decay, nesterov=nesterov,
            maximize=maximize, foreach=foreach, differentiable=differentiable, fused=fused,
        ))  # fmt: skip

    def slots_of(self, group):
        return ("momentum_buffer",) if group["momentum"] else ()

    def static_of(self, group):
        return bool(group["nesterov"]), bool(group["maximize"]), bool(group["weight_decay"]), bool(group["dampening"])

    def numbers_of(self, group):
        return group["lr"], float(group["momentum"]), float(group["dampening"]), float(group["weight_decay"])

    def pack_state(self, name, value):
        return value if name != "step" else None

    def state_dict(self):
        out = super().state_dict()
        for entry in out["state"].values():
            entry.pop("step", None)  # PyTorch's SGD saves no step count
            if not entry:
                entry["momentum_buffer"] = None
        if not any(v.get("momentum_buffer") is not None for v in out["state"].values()):
            out["state"] = {}
        return out

    def load_state_dict(self, state_dict):
        super().load_state_dict(state_dict)
        for p, entry in list(self.state.items()):
            if entry.get("momentum_buffer") is None:
                self.state.pop(p)
            else:
                entry.setdefault("step", 1)  # a loaded buffer is past its first step

    @staticmethod
    def update(static, numbers, step, param, grad, *slots):
        nesterov, maximize, decays, dampens = static
        lr, momentum, dampening, weight_decay = numbers
        grad = -grad if maximize else grad
        if decays:
            grad = grad + weight_decay * param
        if not slots:
            return (param - lr * grad,)
        # Zeros before the first step, so only dampening has to know which step it is.
        fresh = grad * jnp.asarray(jnp.where(step == 1, 1.0, 1.0 - dampening), grad.dtype) if dampens else grad
        buffer = momentum * slots[0] + fresh
        return param - lr * (grad + momentum * buffer if nesterov else buffer), buffer

    @classmethod
    def update_rows(cls, static, numbers, step, table, rows, values, *slots):
        """A sparse gradient; the momentum buffer, which PyTorch keeps sparse, is dense."""
        _, maximize, decays, _ = static
        if decays:
            raise RustorchRuntimeError("add(sparse, dense) is not supported. Use add(dense, sparse) instead.")
        if not slots:
            lr = jnp.asarray(numbers[0], values.dtype)
            return (table.at[rows].add(lr * values if maximize else -lr * values),)
        return cls.update(static, numbers, step, table, jnp.zeros_like(table).at[rows].add(values), *slots)

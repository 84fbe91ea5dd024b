"""Adadelta."""

from __future__ import annotations

import jax.numpy as jnp
import optax

from rustorch.optim._step import decay_of, decayed
from rustorch.optim.optimizer import Optimizer
from rustorch.optim.validate import at_least, check_options


class Adadelta(Optimizer):
    r"""Steps in the parameter's own unit: running squares of the steps over those of the gradients.

    ``g = grad + weight_decay * p``; ``v = rho v + (1 - rho) g²``; ``d = g * sqrt(u + eps) / sqrt(v + eps)``;
    ``u = rho u + (1 - rho) d²``; ``p -= lr * d``.

    Args:
        params: parameters or groups.
        lr: factor of the step; rho: factor of the running squares; eps: added to them; weight_decay: L2 penalty;
        maximize: ascend; differentiable: the step is on the tape; foreach, capturable: accepted, a step is one
        node anyway.

    Raises:
        ValueError: a negative option, or ``rho`` outside [0, 1].

    Source: Zeiler, "ADADELTA: An Adaptive Learning Rate Method", 2012; running squares by optax.

    Example:
        >>> import rustorch
        >>> w = rustorch.tensor([1.0], requires_grad=True)
        >>> opt = rustorch.optim.Adadelta([w])
        >>> (w * w).sum().backward()
        >>> opt.step()
        >>> w
        tensor([0.9968], requires_grad=True)
    """

    slots = ("square_avg", "acc_delta")
    elementwise = True

    def __init__(self, params, lr=1.0, rho=0.9, eps=1e-6, weight_decay=0, foreach=None, *, capturable=False,
                 maximize=False, differentiable=False):  # fmt: skip
        options = dict(
            lr=lr, rho=rho, eps=eps, weight_decay=weight_decay, maximize=maximize, capturable=capturable,
            foreach=foreach, differentiable=differentiable,
        )  # fmt: skip
        at_least(0, lr=(lr, "learning rate"))
        if not 0.0 <= rho <= 1.0:
            raise ValueError(f"Invalid rho value: {rho}")
        check_options(options)
        super().__init__(params, options)

    def static_of(self, group):
        return decay_of(group)

    def numbers_of(self, group):
        return group["lr"], group["rho"], group["eps"], group["weight_decay"]

    @staticmethod
    def update(static, numbers, step, param, grad, square_avg, acc_delta):
        lr, rho, eps, weight_decay = numbers
        param, grad = decayed(*static, lr, weight_decay, param, grad)
        square_avg = optax.tree.update_moment_per_elem_norm(grad, square_avg, rho, 2)
        delta = jnp.sqrt(acc_delta + eps) / jnp.sqrt(square_avg + eps) * grad
        acc_delta = optax.tree.update_moment_per_elem_norm(delta, acc_delta, rho, 2)
        return param - lr * delta, square_avg, acc_delta

"""Averaged stochastic gradient descent."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from rustorch.optim._step import decay_of, decayed, number
from rustorch.optim.optimizer import Optimizer, scalar_dtype
from rustorch.optim.validate import check_options


class ASGD(Optimizer):
    r"""Gradient descent with a falling rate, and the mean of the parameters from step ``t0`` on.

    ``g = grad + weight_decay * p``; ``p = p * (1 - lambd * eta) - eta * g``; ``ax += mu * (p - ax)``; then
    ``eta = lr / (1 + lambd * lr * t)^alpha`` and ``mu = 1 / max(1, t - t0)`` for the next step.

    Args:
        params: parameters or groups.
        lr: learning rate; lambd: decay; alpha: power of the falling rate; t0: step at which averaging starts;
        weight_decay: L2 penalty;
        maximize: ascend; differentiable: the step is on the tape; foreach, capturable: accepted, a step is one
        node anyway.

    The mean is ``state[p]["ax"]``.

    Raises:
        ValueError: a negative ``lr`` or ``weight_decay``.

    Source: Polyak and Juditsky, "Acceleration of Stochastic Approximation by Averaging", 1992; rates by Bottou, 2010.

    Example:
        >>> import rustorch
        >>> w = rustorch.tensor([1.0], requires_grad=True)
        >>> opt = rustorch.optim.ASGD([w], lr=0.1)
        >>> (w * w).sum().backward()
        >>> opt.step()
        >>> w
        tensor([0.8000], requires_grad=True)
    """

    slots = ("eta", "mu", "ax")

    def __init__(self, params, lr=1e-2, lambd=1e-4, alpha=0.75, t0=1e6, weight_decay=0, foreach=None, maximize=False,
                 differentiable=False, capturable=False):  # fmt: skip
        options = dict(
            lr=lr, lambd=lambd, alpha=alpha, t0=t0, weight_decay=weight_decay, foreach=foreach, maximize=maximize,
            differentiable=differentiable, capturable=capturable,
        )  # fmt: skip
        check_options(options)
        super().__init__(params, options)

    def fresh(self, group, name, shape, dtype):
        if name == "ax":
            return np.zeros(shape, dtype)
        return np.asarray(float(group["lr"]) if name == "eta" else 1.0, scalar_dtype())

    def static_of(self, group):
        return decay_of(group)

    def numbers_of(self, group):
        return group["lr"], group["lambd"], group["alpha"], group["t0"], group["weight_decay"]

    @staticmethod
    def update(static, numbers, step, param, grad, eta, mu, ax):
        lr, lambd, alpha, t0, weight_decay = numbers
        param, grad = decayed(*static, lr, weight_decay, param, grad)
        rate = number(eta)
        param = param * (1.0 - lambd * rate) - rate * grad
        ax = jnp.where(mu == 1.0, param, ax + (param - ax) * number(mu))
        eta = jnp.asarray(lr / (1.0 + lambd * lr * step) ** alpha, eta.dtype)
        return param, eta, jnp.asarray(1.0 / jnp.maximum(1.0, step - t0), mu.dtype), ax

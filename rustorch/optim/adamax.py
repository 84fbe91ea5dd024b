"""Adamax."""

from __future__ import annotations

import jax.numpy as jnp
import optax

from rustorch.optim._step import decay_of, decayed
from rustorch.optim.optimizer import Optimizer
from rustorch.optim.validate import check_options


class Adamax(Optimizer):
    r"""Adam with a fading maximum in place of the second moment.

    ``g = grad + weight_decay * p``; ``m = b1 m + (1 - b1) g``; ``u = max(b2 u, |g| + eps)``;
    ``p -= lr / (1 - b1^t) * m / u``.

    Args:
        params: parameters or groups.
        lr: learning rate; betas: factors of moment and maximum; eps: added to the gradient's size;
        weight_decay: L2 penalty;
        maximize: ascend; differentiable: the step is on the tape; foreach, capturable: accepted, a step is one
        node anyway.

    Raises:
        ValueError: a negative option or a beta outside [0, 1).

    Source: Kingma and Ba, "Adam: A Method for Stochastic Optimization", 2014, section 7.1; moments by optax.

    Example:
        >>> import rustorch
        >>> w = rustorch.tensor([1.0], requires_grad=True)
        >>> opt = rustorch.optim.Adamax([w], lr=0.1)
        >>> (w * w).sum().backward()
        >>> opt.step()
        >>> w
        tensor([0.9000], requires_grad=True)
    """

    slots = ("exp_avg", "exp_inf")
    elementwise = True

    def __init__(self, params, lr=2e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0, foreach=None, *, maximize=False,
                 differentiable=False, capturable=False):  # fmt: skip
        options = dict(
            lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, foreach=foreach, maximize=maximize,
            differentiable=differentiable, capturable=capturable,
        )  # fmt: skip
        check_options(options)
        super().__init__(params, options)

    def static_of(self, group):
        return decay_of(group)

    def numbers_of(self, group):
        return group["lr"], *group["betas"], group["eps"], group["weight_decay"]

    @staticmethod
    def update(static, numbers, step, param, grad, exp_avg, exp_inf):
        lr, b1, b2, eps, weight_decay = numbers
        param, grad = decayed(*static, lr, weight_decay, param, grad)
        exp_avg = optax.tree.update_moment(grad, exp_avg, b1, 1)
        exp_inf = optax.tree.update_infinity_moment(grad, exp_inf, b2, eps)
        rate = jnp.asarray(lr / (1.0 - b1**step), param.dtype)
        return param - rate * exp_avg / exp_inf, exp_avg, exp_inf

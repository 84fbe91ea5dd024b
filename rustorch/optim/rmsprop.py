"""RMSprop."""

from __future__ import annotations

import jax.numpy as jnp
import optax

from rustorch.optim._step import decay_of, decayed
from rustorch.optim.optimizer import Optimizer
from rustorch.optim.validate import at_least, check_options


class RMSprop(Optimizer):
    r"""Steps scaled by the running size of the gradient.

    ``g = grad + weight_decay * p``; ``v = alpha v + (1 - alpha) g²``; ``s = sqrt(v) + eps``, or, ``centered``,
    ``s = sqrt(v - a²) + eps`` with ``a = alpha a + (1 - alpha) g``; ``b = momentum * b + g / s``; ``p -= lr * b``.

    Args:
        params: parameters or groups.
        lr: learning rate; alpha: factor of the running size; eps: added to the denominator; weight_decay: L2 penalty;
        momentum: factor of the running direction; centered: measure the size around the mean;
        maximize: ascend; differentiable: the step is on the tape; foreach, capturable: accepted, a step is one
        node anyway.

    Raises:
        ValueError: a negative option.

    Source: Tieleman and Hinton, "Lecture 6.5: rmsprop", 2012; centered: Graves, "Generating Sequences With Recurrent
    Neural Networks", 2013; moments by optax.

    Example:
        >>> import rustorch
        >>> w = rustorch.tensor([1.0], requires_grad=True)
        >>> opt = rustorch.optim.RMSprop([w], lr=0.01)
        >>> (w * w).sum().backward()
        >>> opt.step()
        >>> w
        tensor([0.9000], requires_grad=True)
    """

    elementwise = True

    def __init__(self, params, lr=1e-2, alpha=0.99, eps=1e-8, weight_decay=0, momentum=0, centered=False,
                 capturable=False, foreach=None, maximize=False, differentiable=False):  # fmt: skip
        options = dict(
            lr=lr, momentum=momentum, alpha=alpha, eps=eps, centered=centered, weight_decay=weight_decay,
            capturable=capturable, foreach=foreach, maximize=maximize, differentiable=differentiable,
        )  # fmt: skip
        check_options(options)
        at_least(0, alpha=(alpha, "alpha value"))
        super().__init__(params, options)

    def slots_of(self, group):
        also = ("momentum_buffer",) if group["momentum"] > 0 else ()
        return "square_avg", *also, *(("grad_avg",) if group["centered"] else ())

    def static_of(self, group):
        return *decay_of(group), group["momentum"] > 0, bool(group["centered"])

    def numbers_of(self, group):
        return group["lr"], group["alpha"], group["eps"], group["weight_decay"], group["momentum"]

    @staticmethod
    def update(static, numbers, step, param, grad, square_avg, *slots):
        *decay, runs, centered = static
        lr, alpha, eps, weight_decay, momentum = numbers
        param, grad = decayed(*decay, lr, weight_decay, param, grad)
        square_avg = optax.tree.update_moment_per_elem_norm(grad, square_avg, alpha, 2)
        size, mean = square_avg, ()
        if centered:
            mean = (optax.tree.update_moment(grad, slots[-1], alpha, 1),)
            size = square_avg - mean[0] * mean[0]
        change, buffer = grad / (jnp.sqrt(size) + eps), ()
        if runs:
            change = momentum * slots[0] + change
            buffer = (change,)
        return param - lr * change, square_avg, *buffer, *mean

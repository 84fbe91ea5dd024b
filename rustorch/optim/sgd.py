"""Stochastic gradient descent."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from rustorch.errors import RustorchRuntimeError
from rustorch.optim._step import decay_of, decayed
from rustorch.optim.optimizer import Optimizer
from rustorch.optim.validate import check_fused, check_options


class SGD(Optimizer):
    r"""Gradient descent with momentum.

    ``g = grad + weight_decay * p``; ``b = momentum * b + (1 - dampening) * g`` (``b = g`` at the
    first step); ``p -= lr * b``, or ``p -= lr * (g + momentum * b)`` with ``nesterov``.

    Args:
        params: parameters or groups.
        lr: learning rate; momentum: factor of the running direction; dampening: its loss;
        weight_decay: L2 penalty; nesterov: look ahead; maximize: ascend;
        differentiable: the step is on the tape (as in PyTorch, a buffer's first value is no function of the
        gradient); foreach, fused: accepted, a step is one node anyway. ``lr`` and ``weight_decay`` may be tensors.

    Raises:
        ValueError: a negative option, or ``nesterov`` without momentum or with dampening.
        RuntimeError: ``fused`` with ``foreach`` or ``differentiable``.

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

    saves_step = False
    elementwise = True

    def __init__(self, params, lr=1e-3, momentum=0, dampening=0, weight_decay=0, nesterov=False, *, maximize=False,
                 foreach=None, differentiable=False, fused=None):  # fmt: skip
        options = dict(
            lr=lr, momentum=momentum, dampening=dampening, weight_decay=weight_decay, nesterov=nesterov,
            maximize=maximize, foreach=foreach, differentiable=differentiable, fused=fused,
        )  # fmt: skip
        check_options(options)
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        super().__init__(params, options)
        check_fused(fused, foreach, differentiable)

    def slots_of(self, group):
        return ("momentum_buffer",) if group["momentum"] else ()

    def static_of(self, group):
        return *decay_of(group), *(bool(group[name]) for name in ("nesterov", "dampening", "differentiable"))

    def numbers_of(self, group):
        return group["lr"], group["momentum"], group["dampening"], group["weight_decay"]

    @staticmethod
    def update(static, numbers, step, param, grad, *slots):
        *decay, nesterov, dampens, differentiable = static
        lr, momentum, dampening, weight_decay = numbers
        param, grad = decayed(*decay, lr, weight_decay, param, grad)
        if not slots:
            return (param - lr * grad,)
        # Zeros before the first step, so only dampening has to know which step it is.
        fresh = jnp.where(step == 1, jax.lax.stop_gradient(grad), grad) if differentiable else grad  # as in PyTorch
        fresh = fresh * jnp.asarray(jnp.where(step == 1, 1.0, 1.0 - dampening), grad.dtype) if dampens else fresh
        buffer = momentum * slots[0] + fresh
        return param - lr * (grad + momentum * buffer if nesterov else buffer), buffer

    @classmethod
    def update_rows(cls, static, numbers, step, table, rows, values, *slots):
        """A sparse gradient; the momentum buffer, which PyTorch keeps sparse, is dense."""
        maximize, decay, *_ = static
        if decay:
            raise RustorchRuntimeError("add(sparse, dense) is not supported. Use add(dense, sparse) instead.")
        if not slots:
            lr = jnp.asarray(numbers[0], values.dtype)
            return (table.at[rows].add(lr * values if maximize else -lr * values),)
        return cls.update(static, numbers, step, table, jnp.zeros_like(table).at[rows].add(values), *slots)

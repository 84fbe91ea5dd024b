"""RAdam."""

from __future__ import annotations

import jax.numpy as jnp
import optax

from rustorch.optim._step import decay_of, decayed
from rustorch.optim.optimizer import Optimizer
from rustorch.optim.validate import check_options


class RAdam(Optimizer):
    r"""Adam that trusts the second moment only once it has seen enough gradients.

    With ``R = 2 / (1 - b2) - 1`` and ``r = R - 2 t b2^t / (1 - b2^t)``: ``m = b1 m + (1 - b1) g``;
    ``v = b2 v + (1 - b2) g²``; ``p -= lr * m / (1 - b1^t) * q``, where ``q = 1`` while ``r <= 5``, and then
    ``q = sqrt((r - 4)(r - 2) R / ((R - 4)(R - 2) r)) * sqrt(1 - b2^t) / (sqrt(v) + eps)``.

    Args:
        params: parameters or groups.
        lr: learning rate; betas: moment factors; eps: added to the denominator; weight_decay: L2 penalty;
        decoupled_weight_decay: decay the parameter, as AdamW;
        maximize: ascend; differentiable: the step is on the tape; foreach, capturable: accepted, a step is one
        node anyway.

    Raises:
        ValueError: a negative option or a beta outside [0, 1).

    Source: Liu et al., "On the Variance of the Adaptive Learning Rate and Beyond", 2019; moments by optax.

    Example:
        >>> import rustorch
        >>> w = rustorch.tensor([1.0], requires_grad=True)
        >>> opt = rustorch.optim.RAdam([w], lr=0.1)
        >>> (w * w).sum().backward()
        >>> opt.step()
        >>> w
        tensor([0.8000], requires_grad=True)
    """

    slots = ("exp_avg", "exp_avg_sq")
    elementwise = True

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0, decoupled_weight_decay=False, *,
                 foreach=None, maximize=False, capturable=False, differentiable=False):  # fmt: skip
        options = dict(
            lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, maximize=maximize, foreach=foreach,
            capturable=capturable, decoupled_weight_decay=decoupled_weight_decay, differentiable=differentiable,
        )  # fmt: skip
        check_options(options)
        super().__init__(params, options)

    def static_of(self, group):
        return decay_of(group)

    def numbers_of(self, group):
        return group["lr"], *group["betas"], group["eps"], group["weight_decay"]

    @staticmethod
    def update(static, numbers, step, param, grad, m, v):
        lr, b1, b2, eps, weight_decay = numbers
        param, grad = decayed(*static, lr, weight_decay, param, grad)
        m = optax.tree.update_moment(grad, m, b1, 1)
        v = optax.tree.update_moment_per_elem_norm(grad, v, b2, 2)
        correction = 1.0 - b2**step
        most = 2.0 / (1.0 - b2) - 1.0
        length = most - 2.0 * step * b2**step / correction
        trusted = length > 5.0
        safe = jnp.where(trusted, length, 5.0)  # no root of a negative number where it is not asked for
        rectified = (safe - 4.0) * (safe - 2.0) * most / ((most - 4.0) * (most - 2.0) * safe)
        factor = jnp.asarray(jnp.sqrt(jnp.where(trusted, rectified, 1.0) * correction), param.dtype)
        rate = jnp.asarray(lr / (1.0 - b1**step), param.dtype)
        # The branch that is not taken has no gradient, not even of a root at zero.
        seen = jnp.sqrt(jnp.where(trusted, v, 1.0)) + eps
        return param - rate * m * jnp.where(trusted, factor / seen, 1.0), m, v

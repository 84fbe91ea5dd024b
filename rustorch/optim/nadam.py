"""NAdam."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import optax

from rustorch.optim._step import decay_of, decayed, number
from rustorch.optim.optimizer import Optimizer, scalar_dtype
from rustorch.optim.validate import at_least, check_options


class NAdam(Optimizer):
    r"""Adam with Nesterov's momentum.

    With ``mu_t = b1 (1 - 0.96^(t * momentum_decay) / 2)`` and ``P_t`` the product of all so far:
    ``m = b1 m + (1 - b1) g``; ``v = b2 v + (1 - b2) g²``;
    ``p -= lr * ((1 - mu_t) / (1 - P_t) * g + mu_{t+1} / (1 - P_{t+1}) * m) / (sqrt(v / (1 - b2^t)) + eps)``.

    Args:
        params: parameters or groups.
        lr: learning rate; betas: moment factors; eps: added to the denominator; weight_decay: L2 penalty;
        momentum_decay: how the momentum grows; decoupled_weight_decay: decay the parameter, as AdamW;
        maximize: ascend; differentiable: the step is on the tape; foreach, capturable: accepted, a step is one
        node anyway.

    Raises:
        ValueError: a negative option or a beta outside [0, 1).

    Source: Dozat, "Incorporating Nesterov Momentum into Adam", 2016; moments by optax.

    Example:
        >>> import rustorch
        >>> w = rustorch.tensor([1.0], requires_grad=True)
        >>> opt = rustorch.optim.NAdam([w], lr=0.1)
        >>> (w * w).sum().backward()
        >>> opt.step()
        >>> w
        tensor([0.8944], requires_grad=True)
    """

    slots = ("mu_product", "exp_avg", "exp_avg_sq")

    def __init__(self, params, lr=2e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0, momentum_decay=4e-3,
                 decoupled_weight_decay=False, *, foreach=None, maximize=False, capturable=False,
                 differentiable=False):  # fmt: skip
        options = dict(
            lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, momentum_decay=momentum_decay,
            decoupled_weight_decay=decoupled_weight_decay, maximize=maximize, foreach=foreach, capturable=capturable,
            differentiable=differentiable,
        )  # fmt: skip
        check_options(options)
        at_least(0, momentum_decay=(momentum_decay, "momentum_decay value"))
        super().__init__(params, options)

    def fresh(self, group, name, shape, dtype):
        return np.ones((), scalar_dtype()) if name == "mu_product" else np.zeros(shape, dtype)

    def static_of(self, group):
        return decay_of(group)

    def numbers_of(self, group):
        return group["lr"], *group["betas"], group["eps"], group["weight_decay"], group["momentum_decay"]

    @staticmethod
    def update(static, numbers, step, param, grad, mu_product, m, v):
        lr, b1, b2, eps, weight_decay, momentum_decay = numbers
        param, grad = decayed(*static, lr, weight_decay, param, grad)
        mu = b1 * (1.0 - 0.5 * 0.96 ** (step * momentum_decay))
        mu_next = b1 * (1.0 - 0.5 * 0.96 ** ((step + 1) * momentum_decay))
        mu_product = mu_product * mu
        product = number(mu_product)
        m = optax.tree.update_moment(grad, m, b1, 1)
        v = optax.tree.update_moment_per_elem_norm(grad, v, b2, 2)
        dtype = param.dtype
        of_grad = jnp.asarray(lr * (1.0 - mu) / (1.0 - product), dtype)
        of_moment = jnp.asarray(lr * mu_next / (1.0 - product * mu_next), dtype)
        scale = jnp.asarray(1.0 - b2**step, dtype)
        return param - (of_grad * grad + of_moment * m) / (jnp.sqrt(v / scale) + eps), mu_product, m, v

"""Adam."""

from __future__ import annotations

import jax.numpy as jnp
import optax

from rustorch.optim._step import decay_of, decayed
from rustorch.optim.optimizer import Optimizer
from rustorch.optim.validate import check_fused, check_options, check_tensor_options


class Adam(Optimizer):
    r"""Adam: steps scaled by running moments of the gradient.

    ``m = b1 m + (1 - b1) g``; ``v = b2 v + (1 - b2) g²``;
    ``p -= lr * (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps)``.

    Args:
        params: parameters or groups.
        lr: learning rate; betas: moment factors; eps: added to the denominator;
        weight_decay: L2 penalty added to the gradient; amsgrad: keep the largest ``v``;
        maximize: ascend; decoupled_weight_decay: as AdamW;
        differentiable: the step is on the tape; foreach, fused, capturable: accepted, a step is one node anyway.
        ``lr``, ``betas`` and ``weight_decay`` may be tensors with one element.

    Raises:
        ValueError: a negative option or a beta outside [0, 1).
        RuntimeError: ``fused`` with ``foreach`` or ``differentiable``.

    Source: Kingma and Ba, "Adam: A Method for Stochastic Optimization", 2014; moments by optax.

    Example:
        >>> import rustorch
        >>> w = rustorch.tensor([1.0], requires_grad=True)
        >>> opt = rustorch.optim.Adam([w], lr=0.1)
        >>> (w * w).sum().backward()
        >>> opt.step()
        >>> w
        tensor([0.9000], requires_grad=True)
    """

    decoupled = False
    elementwise = True
    sparse_hint = ", please consider SparseAdam instead"

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0, amsgrad=False, *, foreach=None,
                 maximize=False, capturable=False, differentiable=False, fused=None, decoupled_weight_decay=False):  # fmt: skip
        check_tensor_options(lr, betas, foreach, capturable)
        options = dict(
            lr=lr, betas=tuple(betas), eps=eps, weight_decay=weight_decay, amsgrad=amsgrad, maximize=maximize,
            foreach=foreach, capturable=capturable, differentiable=differentiable, fused=fused,
            decoupled_weight_decay=decoupled_weight_decay or self.decoupled,
        )  # fmt: skip
        check_options(options)
        super().__init__(params, options)
        check_fused(fused, foreach, differentiable)

    def slots_of(self, group):
        return ("exp_avg", "exp_avg_sq", "max_exp_avg_sq") if group["amsgrad"] else ("exp_avg", "exp_avg_sq")

    def static_of(self, group):
        return decay_of(group)

    def numbers_of(self, group):
        b1, b2 = group["betas"]
        return group["lr"], b1, b2, group["eps"], group["weight_decay"]

    @staticmethod
    def update(static, numbers, step, param, grad, *slots):
        lr, b1, b2, eps, weight_decay = numbers
        param, grad = decayed(*static, lr, weight_decay, param, grad)
        m = optax.tree.update_moment(grad, slots[0], b1, 1)
        v = optax.tree.update_moment_per_elem_norm(grad, slots[1], b2, 2)
        top = jnp.maximum(slots[2], v) if len(slots) == 3 else v
        # The corrections multiply scalars first: one division per element, not three.
        dtype = param.dtype
        rate = jnp.asarray(lr / (1.0 - b1**step), dtype)
        scale = jnp.asarray(jnp.sqrt(1.0 - b2**step), dtype)
        param = param - rate * m / (jnp.sqrt(top) / scale + eps)
        return (param, m, v, top)[: len(slots) + 1]

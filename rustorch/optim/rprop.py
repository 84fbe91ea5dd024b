"""Rprop."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from rustorch.optim.optimizer import Optimizer
from rustorch.optim.validate import at_least


class Rprop(Optimizer):
    r"""Steps by the gradient's sign alone; their size grows while it stays and shrinks when it turns.

    ``f`` is ``etas[1]`` where gradient and last gradient agree in sign, ``etas[0]`` where they do not, else 1;
    ``s = clamp(f * s, *step_sizes)``; ``g = 0`` where they do not agree; ``p -= sign(g) * s``.

    Args:
        params: parameters or groups, trained on all data at once.
        lr: size of the first step; etas: factors of size, down and up; step_sizes: least and largest size;
        maximize: ascend; differentiable: the step is on the tape; foreach, capturable: accepted, a step is one
        node anyway.

    Raises:
        ValueError: a negative ``lr``, or ``etas`` on the wrong side of 1.

    Source: Riedmiller and Braun, "A Direct Adaptive Method for Faster Backpropagation Learning: the RPROP Algorithm",
    1993.

    Example:
        >>> import rustorch
        >>> w = rustorch.tensor([1.0], requires_grad=True)
        >>> opt = rustorch.optim.Rprop([w], lr=0.1)
        >>> (w * w).sum().backward()
        >>> opt.step()
        >>> w
        tensor([0.9000], requires_grad=True)
    """

    slots = ("prev", "step_size")
    elementwise = True

    def __init__(self, params, lr=1e-2, etas=(0.5, 1.2), step_sizes=(1e-6, 50), *, capturable=False, foreach=None,
                 maximize=False, differentiable=False):  # fmt: skip
        at_least(0, lr=(lr, "learning rate"))
        if not 0.0 < etas[0] < 1.0 < etas[1]:
            raise ValueError(f"Invalid eta values: {etas[0]}, {etas[1]}")
        super().__init__(params, dict(
            lr=lr, etas=etas, step_sizes=step_sizes, foreach=foreach, maximize=maximize, differentiable=differentiable,
            capturable=capturable,
        ))  # fmt: skip

    def fresh(self, group, name, shape, dtype):
        if name == "prev":
            return np.zeros(shape, dtype)
        first = float(group["lr"])
        return np.full(shape, complex(first, first) if dtype.kind == "c" else first, dtype)

    def static_of(self, group):
        return bool(group["maximize"])

    def numbers_of(self, group):
        return *group["etas"], *group["step_sizes"]

    @staticmethod
    def update(maximize, numbers, step, param, grad, prev, size):
        down, up, least, largest = numbers
        grad = -grad if maximize else grad
        agree = grad * prev
        size = size * jnp.where(agree > 0, up, jnp.where(agree < 0, down, 1.0))
        size = jnp.where(size < least, least, jnp.where(size > largest, largest, size))
        grad = jnp.where(agree < 0, 0.0, grad)
        return param - jnp.sign(grad) * size, grad, size

"""Adagrad."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from rustorch.errors import check
from rustorch.optim._step import decay_of, decayed
from rustorch.optim.optimizer import Optimizer
from rustorch.optim.validate import at_least, check_fused, check_options


class Adagrad(Optimizer):
    r"""Steps scaled by the sum of all squared gradients so far.

    ``g = grad + weight_decay * p``; ``s += g²``; ``p -= lr / (1 + (t - 1) * lr_decay) * g / (sqrt(s) + eps)``.

    Args:
        params: parameters or groups.
        lr: learning rate; lr_decay: how it falls; weight_decay: L2 penalty; initial_accumulator_value: ``s`` at first;
        eps: added to the denominator; maximize: ascend; differentiable: the step is on the tape; foreach, fused:
        accepted, a step is one node anyway.

    A sparse gradient (``Embedding(sparse=True)``) changes only the rows that it stores.

    Raises:
        ValueError: a negative option.
        RuntimeError: ``fused`` with ``foreach`` or ``differentiable``; (``step``) ``weight_decay`` with a sparse gradient.

    Source: Duchi et al., "Adaptive Subgradient Methods for Online Learning and Stochastic Optimization", 2011.

    Example:
        >>> import rustorch
        >>> w = rustorch.tensor([1.0], requires_grad=True)
        >>> opt = rustorch.optim.Adagrad([w], lr=0.1)
        >>> (w * w).sum().backward()
        >>> opt.step()
        >>> w
        tensor([0.9000], requires_grad=True)
    """

    slots = ("sum",)
    elementwise = True

    def __init__(self, params, lr=1e-2, lr_decay=0, weight_decay=0, initial_accumulator_value=0, eps=1e-10, foreach=None,
                 *, maximize=False, differentiable=False, fused=None):  # fmt: skip
        options = dict(
            lr=lr, lr_decay=lr_decay, eps=eps, weight_decay=weight_decay,
            initial_accumulator_value=initial_accumulator_value, foreach=foreach, maximize=maximize,
            differentiable=differentiable, fused=fused,
        )  # fmt: skip
        check_options(options)
        at_least(
            0, lr_decay=(lr_decay, "lr_decay value"),
            initial=(initial_accumulator_value, "initial_accumulator_value value"),
        )  # fmt: skip
        super().__init__(params, options)
        check_fused(fused, foreach, differentiable)
        for group in self.param_groups:
            for p in group["params"]:
                self.init_state(group, p, self.state[p])

    def fresh(self, group, name, shape, dtype):
        first = self.defaults["initial_accumulator_value"]
        return np.full(shape, complex(first, first) if dtype.kind == "c" else first, dtype)

    def static_of(self, group):
        return decay_of(group)

    def numbers_of(self, group):
        return group["lr"], group["lr_decay"], group["eps"], group["weight_decay"]

    @staticmethod
    def update(static, numbers, step, param, grad, total):
        lr, lr_decay, eps, weight_decay = numbers
        param, grad = decayed(*static, lr, weight_decay, param, grad)
        rate = jnp.asarray(lr / (1.0 + (step - 1) * lr_decay), param.dtype)
        total = total + grad * grad
        return param - rate * grad / (jnp.sqrt(total) + eps), total

    @staticmethod
    def update_rows(static, numbers, step, table, rows, values, total):
        maximize, decay = static
        check(decay is None, "weight_decay option is not compatible with sparse gradients")
        lr, lr_decay, eps, _ = (jnp.asarray(x, values.dtype) for x in numbers)
        # Rows that repeat are added up in the place of the first; the places left over point behind the table.
        rows, ids = jnp.unique(rows, return_inverse=True, size=rows.shape[0], fill_value=table.shape[0])
        grad = jnp.zeros_like(values).at[ids.reshape(-1)].add(-values if maximize else values)
        total = total.at[rows].add(grad * grad, mode="drop")
        scale = jnp.sqrt(total.at[rows].get(mode="fill", fill_value=1)) + eps
        rate = lr / (1.0 + (step - 1) * lr_decay)
        return table.at[rows].add((-rate * grad / scale).astype(table.dtype), mode="drop"), total

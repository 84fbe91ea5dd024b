"""Adafactor."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import optax

from rustorch.errors import RustorchRuntimeError
from rustorch.optim.optimizer import Optimizer
from rustorch.optim.validate import at_least, is_set


class Adafactor(Optimizer):
    r"""Squared gradients remembered as row means and column means, and steps relative to the parameter.

    With ``b = 1 - t^beta2_decay``, ``r`` and ``c`` the running means of ``g²`` over the last and the last but one
    dimension: ``v = r c / mean(r)`` (for vectors ``v`` is the running ``g²`` itself); ``u = g / sqrt(max(v, eps1²))``;
    ``p -= min(lr, 1/sqrt(t)) * max(eps2, rms(p)) * u / max(1, rms(u) / d)``, after ``p *= 1 - lr * weight_decay``.

    Args:
        params: parameters or groups.
        lr: largest relative step; beta2_decay: how fast ``b`` goes to 1; eps: ``(eps1, eps2)``, the first the
        dtype's precision if ``None``; d: steps are clipped beyond; weight_decay: on the parameter; maximize: ascend;
        foreach: accepted, a step is one node anyway.

    Raises:
        ValueError: an option out of its range.
        RuntimeError: a complex parameter, at the first step.

    Source: Shazeer and Stern, "Adafactor: Adaptive Learning Rates with Sublinear Memory Cost", 2018.

    Example:
        >>> import rustorch
        >>> w = rustorch.ones(3, 2, requires_grad=True)
        >>> opt = rustorch.optim.Adafactor([w], lr=0.1)
        >>> (w * w).sum().backward()
        >>> opt.step()
        >>> w[0], opt.state[w]["row_var"].shape
        (tensor([0.9000, 0.9000], grad_fn=<SelectBackward0>), torch.Size([3, 1]))
    """

    slots = ("row_var", "col_var", "variance")

    def __init__(self, params, lr=1e-2, beta2_decay=-0.8, eps=(None, 1e-3), d=1.0, weight_decay=0.0, *, foreach=None,
                 maximize=False):  # fmt: skip
        below = "{} should be >= 0 but is: {}"
        at_least(0, below, lr=(lr, "Learning rate"))
        if not beta2_decay <= 0:
            raise ValueError(f"beta2_decay should be <= 0 but is: {beta2_decay}")
        at_least(0, below, eps1=(0 if eps[0] is None else eps[0], "epsilon1"), eps2=(eps[1], "epsilon2"))
        at_least(1, "{} should be >= 1 but is: {}", d=(d, "Clipping threshold d"))
        at_least(0, below, weight_decay=(weight_decay, "weight_decay"))
        super().__init__(params, dict(
            lr=lr, beta2_decay=beta2_decay, eps=eps, d=d, weight_decay=weight_decay, foreach=foreach, maximize=maximize,
        ))  # fmt: skip

    def slots_at(self, group, shape):
        return ("row_var", "col_var") if len(shape) > 1 else ("variance",)

    def fresh(self, group, name, shape, dtype):
        reduced = {"row_var": (*shape[:-1], 1), "col_var": (*shape[:-2], 1, *shape[-1:]), "variance": shape}
        return np.zeros(reduced[name], dtype)

    def init_state(self, group, p, state):
        if p.is_complex():
            raise RustorchRuntimeError("Adafactor does not support complex parameters")
        super().init_state(group, p, state)

    def static_of(self, group):
        return bool(group["maximize"]), is_set(group["weight_decay"]), group["eps"][0] is None

    def numbers_of(self, group):
        eps1, eps2 = group["eps"]
        return group["lr"], group["beta2_decay"], 0.0 if eps1 is None else eps1, eps2, group["d"], group["weight_decay"]

    @staticmethod
    def update(static, numbers, step, param, grad, *slots):
        maximize, decays, by_dtype = static
        lr, beta2_decay, eps1, eps2, d, weight_decay = numbers
        eps1 = float(jnp.finfo(param.dtype).eps) if by_dtype else eps1
        grad = -grad if maximize else grad
        decay = 1.0 - (1.0 * step) ** beta2_decay
        rate = jnp.maximum(_rms(param), eps2) * jnp.minimum(lr, (1.0 * step) ** -0.5)
        if decays:
            param = param * (1.0 - lr * weight_decay)
        squares = grad * grad
        if len(slots) == 2:
            row = optax.tree.update_moment(squares.mean(-1, keepdims=True), slots[0], decay, 1)
            column = optax.tree.update_moment(squares.mean(-2, keepdims=True), slots[1], decay, 1)
            slots = row, column
            variance = row * column / jnp.maximum(row.mean(-2, keepdims=True), eps1)
        else:
            slots = (optax.tree.update_moment(squares, slots[0], decay, 1),)
            variance = slots[0]
        change = grad / jnp.sqrt(jnp.maximum(variance, eps1 * eps1))
        scale = jnp.asarray(rate / jnp.maximum(1.0, _rms(change) / d), param.dtype)
        return param - scale * change, *slots


def _rms(x):
    return jnp.sqrt((x * x).mean())

"""L-BFGS on the device: moving along a direction, and the next direction from remembered pairs.

The pairs lie in ring buffers of fixed size, their number is a runtime input, and the two-loop recursion
is a loop inside the program: one program serves a history of any length.
"""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jax import lax

from rustorch.eager.nodes import apply_node, select
from rustorch.eager.recorder import from_host, value_of, wrap
from rustorch.eager.tensor import Tensor
from rustorch.eager.views import node_of, write
from rustorch.lowering.table import Op
from rustorch.lowering.template import ARRAY, NUMBER, Group

CURVATURE = 1e-10  # pairs with less are not remembered


def _move(params, direction, t):
    """Each parameter plus ``t`` times its part of ``direction``; exactly itself for ``t = 0``."""
    out, at = [], 0
    for p in params:
        width = p.size * (2 if jnp.iscomplexobj(p) else 1)
        part = direction[at : at + width]
        at += width
        if jnp.iscomplexobj(p):
            part = lax.complex(part[0::2], part[1::2])
        out.append(jnp.where(t == 0, p, p + (t * part).reshape(p.shape).astype(p.dtype)))
    return tuple(out)


def _gather(grads):
    """All real components of the gradients as one row."""
    rows = [jnp.stack([g.real, g.imag], -1) if jnp.iscomplexobj(g) else g for g in grads]
    return jnp.concatenate([r.reshape(-1) for r in rows])


def _turn(q, steps, changes, scales, scale, newest, n):
    """Nocedal & Wright, algorithm 7.4: the inverse Hessian of ``n`` pairs times ``q``."""
    size = scales.shape[0]

    def down(i, carry):
        q, weights = carry
        j = (newest - i) % size
        weight = scales[j] * jnp.vdot(steps[j], q)
        return q - weight * changes[j], weights.at[j].set(weight)

    q, weights = lax.fori_loop(0, n, down, (q, jnp.zeros_like(scales)))

    def up(i, r):
        j = (newest - (n - 1 - i)) % size
        return r + steps[j] * (weights[j] - scales[j] * jnp.vdot(changes[j], r))

    return lax.fori_loop(0, n, up, q * scale)


def _look(grads, loss, direction, before, steps, changes, scales, scale, t, head, count):
    """The gradient at a new point, what the host wants to know, and the direction from there.

    The newest pair goes to row ``head``, which is not part of the ring until the host accepts the point.
    """
    size = scales.shape[0]
    grad = _gather(grads)
    step, change = t * direction, grad - before
    curvature = jnp.vdot(change, step)
    good = curvature > CURVATURE
    steps, changes = steps.at[head].set(step), changes.at[head].set(change)
    scales = scales.at[head].set(1.0 / curvature)
    scale = jnp.where(good, curvature / jnp.vdot(change, change), scale)
    newest = jnp.where(good, head, head - 1)
    n = jnp.where(good, jnp.minimum(count + 1, size - 1), count)
    following = _turn(-grad, steps, changes, scales, scale, newest, n)
    told = (
        jnp.reshape(loss, ()), jnp.vdot(grad, direction), jnp.max(jnp.abs(grad)), jnp.sum(jnp.abs(grad)),
        good, jnp.vdot(grad, following), jnp.max(jnp.abs(following)),
    )  # fmt: skip
    told = jnp.stack([jnp.real(x).astype(np.float64) for x in told])
    return told, grad, following, scale, steps, changes, scales


_MOVE, _LOOK = (
    Op(body, "op", name=f"lbfgs{body.__name__}", method=False, function=False, differentiable=False, always_lift=True)
    for body in (_move, _look)
)


def move(params, nodes, direction: Tensor, t: float) -> None:
    """Write ``nodes + t * direction`` into the parameters."""
    template = (Group((ARRAY,) * len(params)), ARRAY, NUMBER)
    node = apply_node(_MOVE, template, [*nodes, node_of(direction)], (float(t),))
    for i, p in enumerate(params):
        write(p, select(node, i))


class Look:
    """What one evaluation told: numbers on the host, and the gradient and next direction on the device."""

    __slots__ = ("loss", "slope", "steepest", "total", "good", "next_slope", "next_reach", "grad", "direction", "scale")


class Memory:
    """The last ``size`` steps and changes of the gradient, and where they led.

    Attributes:
        direction, t, grad: the last direction, the step along it, and the gradient where it began.
        steps, changes: ``(size + 1, n)`` ring buffers; scales: one over the pairs' products.
        scale: the first guess of the inverse Hessian, times the identity.
        head: the row for the next pair; count: how many pairs are remembered.
    """

    def __init__(self, n: int, size: int, dtype, device):
        def zeros(*shape):
            return from_host(np.zeros(shape, dtype), device)

        self.direction, self.grad, self.t = zeros(n), zeros(n), 0.0
        self.steps, self.changes, self.scales = zeros(size + 1, n), zeros(size + 1, n), zeros(size + 1)
        self.scale = from_host(np.ones((), dtype), device)
        self.head = self.count = 0

    @property
    def size(self) -> int:
        """How many pairs fit."""
        return self.scales.shape[0] - 1

    def look(self, grads, loss, t: float) -> Look:
        """Evaluate at a point ``t`` along the direction: everything pending runs, and one array is read."""
        numbers: tuple = (float(t), self.head, self.count)
        loss_tensors = (loss,) if isinstance(loss, Tensor) else ()
        inputs = [*grads, *loss_tensors, self.direction, self.grad, self.steps, self.changes, self.scales, self.scale]
        template = (
            Group((ARRAY,) * len(grads)), ARRAY if loss_tensors else NUMBER, *(ARRAY,) * 6, *(NUMBER,) * 3,
        )  # fmt: skip
        if not loss_tensors:
            numbers = (float(loss), *numbers)
        node = apply_node(_LOOK, template, [node_of(x) for x in inputs], numbers)
        out = Look()
        told, out.grad, out.direction, out.scale = (wrap(select(node, i)) for i in range(4))
        for i, x in enumerate((self.steps, self.changes, self.scales)):
            write(x, select(node, 4 + i))
        del node
        numbers = np.asarray(value_of(told)).tolist()
        out.loss, out.slope, out.steepest, out.total, good, out.next_slope, out.next_reach = numbers
        out.good = bool(good)
        return out

    def accept(self, found: Look) -> None:
        """Take a point's pair into the ring and its direction as the next."""
        if found.good:
            self.head = (self.head + 1) % (self.size + 1)
            self.count = min(self.count + 1, self.size)
            self.scale = found.scale
        self.direction, self.grad = found.direction, found.grad

    # ------------------------------------------------------------ saving, under PyTorch's names

    def saved(self) -> dict:
        """Everything as tensors, numbers and lists of them, the oldest pair first."""
        rows = [(self.head - self.count + i) % (self.size + 1) for i in range(self.count)]
        lists = {name: [getattr(self, ring)[j].clone() for j in rows] for name, ring in _RINGS.items()}
        return {"d": self.direction, "t": self.t, "prev_flat_grad": self.grad, "H_diag": self.scale, **lists}

    def load(self, state: dict) -> None:
        """Take what ``saved`` gave out of ``state``; the newest pairs that fit."""
        if state.get("d") is not None:
            self.direction, self.grad, self.t = state.pop("d"), state.pop("prev_flat_grad"), float(state.pop("t"))
            scale = state.pop("H_diag")
            self.scale.copy_(scale)
        self.count = self.head = min(len(state.get("ro") or ()), self.size)
        for name, ring in _RINGS.items():
            rows = state.pop(name, None) or []
            for i, row in enumerate(rows[len(rows) - self.count :]):
                getattr(self, ring)[i] = row


_RINGS = {"old_dirs": "changes", "old_stps": "steps", "ro": "scales"}

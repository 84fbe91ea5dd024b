"""Adam for sparse gradients."""

from __future__ import annotations

import jax.numpy as jnp

from rustorch.eager.foreign import PARTS
from rustorch.errors import RustorchRuntimeError
from rustorch.optim.optimizer import Optimizer
from rustorch.optim.validate import check_betas


class SparseAdam(Optimizer):
    r"""Adam that touches, at each step, only the rows that the sparse gradient stores.

    The moments of a row that is not used stay as they are, where Adam's would shrink.

    Args:
        params: dense parameters or groups, with sparse gradients (``Embedding(sparse=True)``).
        lr: learning rate; betas: moment factors; eps: added to the denominator; maximize: ascend.

    Raises:
        ValueError: a negative option, a beta outside [0, 1), or a sparse parameter.
        RuntimeError: (``step``) a dense gradient.

    Source: Kingma and Ba, "Adam: A Method for Stochastic Optimization", 2014, applied to rows as in PyTorch.

    Example:
        >>> import rustorch
        >>> table = rustorch.nn.Embedding(4, 2, sparse=True)
        >>> opt = rustorch.optim.SparseAdam(table.parameters(), lr=0.1)
        >>> table(rustorch.tensor([1, 3])).sum().backward()
        >>> opt.step()
        >>> opt.state[table.weight]["exp_avg"][:, 0]
        tensor([0.0000, 0.1000, 0.0000, 0.1000])
    """

    slots = ("exp_avg", "exp_avg_sq")

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, maximize=False):
        if not lr > 0.0:
            raise ValueError(f"Invalid learning rate: {lr}")
        if not eps > 0.0:
            raise ValueError(f"Invalid epsilon value: {eps}")
        check_betas(betas)
        super().__init__(params, dict(lr=lr, betas=betas, eps=eps, maximize=maximize))

    def add_param_group(self, param_group):
        params = param_group["params"] if isinstance(param_group, dict) else ()
        params = [params] if hasattr(params, "layout") else list(params)
        sparse = [
            [len(self.param_groups), i]
            for i, p in enumerate(params)
            if type(p[1] if isinstance(p, tuple) else p) in PARTS
        ]
        if sparse:
            raise ValueError(f"Sparse params at indices {sparse}: SparseAdam requires dense parameter tensors")
        super().add_param_group({**param_group, "params": params} if isinstance(param_group, dict) else param_group)

    def static_of(self, group):
        return (bool(group["maximize"]),)

    def numbers_of(self, group):
        return group["lr"], *group["betas"], float(group["eps"])

    def pack_state(self, name, value):
        return value  # PyTorch's step is an int here

    def advance(self):
        for group in self.param_groups:
            for p in group["params"]:
                if p._grad is not None and type(p._grad) not in PARTS:
                    raise RustorchRuntimeError(
                        "SparseAdam does not support dense gradients, please consider Adam instead"
                    )
        return super().advance()

    @staticmethod
    def update_rows(static, numbers, step, table, rows, values, *slots):
        (maximize,) = static
        lr, b1, b2, eps = (jnp.asarray(x, values.dtype) for x in numbers)
        # Rows that repeat are added up in the place of the first; the places left over point behind the table.
        rows, ids = jnp.unique(rows, return_inverse=True, size=rows.shape[0], fill_value=table.shape[0])
        grad = jnp.zeros_like(values).at[ids.reshape(-1)].add(-values if maximize else values)
        m, v = (s.at[rows].get(mode="fill", fill_value=0) for s in slots)
        m, v = m + (grad - m) * (1 - b1), v + (grad * grad - v) * (1 - b2)
        rate = jnp.asarray(lr * jnp.sqrt(1.0 - b2**step) / (1.0 - b1**step), values.dtype)
        change = -rate * m / (jnp.sqrt(v) + eps)
        return (
            table.at[rows].add(change, mode="drop"),
            slots[0].at[rows].set(m, mode="drop"),
            slots[1].at[rows].set(v, mode="drop"),
        )

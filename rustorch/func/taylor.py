"""``taylor``: all derivatives along a line in one pass."""

from __future__ import annotations

from rustorch.autograd.transforms.push import series
from rustorch.autograd.transforms.region import zero_of
from rustorch.autograd.transforms.reverse import Tracked
from rustorch.autograd.transforms.tree import flatten, unflatten
from rustorch.eager import ops as T
from rustorch.eager.modes import enable_grad
from rustorch.eager.views import node_of
from rustorch.errors import check


def taylor(func, x, order: int, direction=None):
    """``[f(x), d/dt f(x + t v), …, dⁿ/dtⁿ f(x + t v)]`` at t = 0, by Taylor mode: cost grows as n², not 2ⁿ.

    Args:
        func: a tensor to a tensor, or a tree of them.
        x: where; for a function applied to each element, every element gets its own derivatives.
        order: n ≥ 0.
        direction: v, shaped as ``x``; ones if left out.

    Returns:
        ``order + 1`` results of ``func``'s structure; all can be differentiated further.

    Source:
        Bettencourt, Johnson, Duvenaud (2019), "Taylor-mode automatic differentiation for higher-order
        derivatives in JAX".

    Example:
        >>> import rustorch
        >>> rustorch.func.taylor(lambda x: x**3, rustorch.tensor(2.0), 3)
        [tensor(8.), tensor(12.), tensor(12.), tensor(6.)]
    """
    check(order >= 0, f"taylor(): the order is not negative. Received: {order}", ValueError)
    with enable_grad(), Tracked((x,), "taylor") as tracked:
        (copy,) = tracked.tree()
        leaves, structure = flatten(func(copy))
        outputs = [node_of(t) for t in leaves]
        v = node_of(T.ones_like(x) if direction is None else direction)
        curve = [v, *[None] * (order - 1)]
        found = series(outputs, {tracked.nodes[0]: curve}, order) if order else [[] for _ in outputs]
        found = [[zero_of(o) if d is None else d for d in f or [None] * order] for o, f in zip(outputs, found)]
        settled = [tracked.settled([o, *each]) for o, each in zip(outputs, found)]
    return [unflatten(structure, list(each)) for each in zip(*settled)]

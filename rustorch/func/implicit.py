"""Roots and fixed points as differentiable functions of what defines them, whatever found them."""

from __future__ import annotations

import math

from rustorch.autograd.transforms.jacobian import jacrev
from rustorch.eager.modes import no_grad
from rustorch.errors import check
from rustorch.func.control import while_loop
from rustorch.linalg import solve


def implicit_root(residual, guess, *params, solver=None, order: int = 2, tolerance: float = 1e-10, max_steps: int = 50):
    """The ``x`` with ``residual(x, *params) = 0``, differentiable with respect to ``params``.

    The solver is not differentiated. By the implicit function theorem dx/dp = -(∂r/∂x)⁻¹ ∂r/∂p; one Newton step
    from the root has exactly this derivative, and k of them all derivatives up to order 2ᵏ - 1.

    Args:
        residual: ``x`` and ``params`` to a tensor with as many elements as ``x``.
        guess: a tensor to start from.
        solver: ``solver(guess, *params)`` gives the root; Newton's method if left out.
        order: the highest derivative that will be taken.
        tolerance, max_steps: Newton's: stop when the largest element of a step is below, or after so many.

    Raises:
        RuntimeError: the residual has another number of elements than ``x``.

    Source:
        Krantz, Parks, "The Implicit Function Theorem"; Blondel et al. (2022), "Efficient and modular implicit
        differentiation".

    Example:
        >>> import rustorch
        >>> a = rustorch.tensor(9.0, requires_grad=True)
        >>> x = rustorch.func.implicit_root(lambda x, a: x * x - a, rustorch.tensor(1.0), a)
        >>> rustorch.autograd.grad(x, a)
        (tensor(0.1667),)
    """

    def step(x):
        r = residual(x, *params)
        n = x.numel()
        check(r.numel() == n, f"implicit_root(): the residual has as many elements as x. Received: {r.numel()} for {n}")
        slope = jacrev(lambda z: residual(z, *params))(x).reshape(n, n)
        return solve(slope, r.reshape(n)).reshape(x.shape)

    with no_grad():
        x = _newton(step, guess, tolerance, max_steps) if solver is None else solver(guess, *params)
    x = x.detach()
    for _ in range(max(1, math.ceil(math.log2(order + 1)))):
        x = x - step(x)
    return x


def _newton(step, guess, tolerance, max_steps):
    def moves(x, last, count):
        return ((last.abs().max() > tolerance) & (count < max_steps)).reshape(())

    def advance(x, last, count):
        change = step(x)
        return x - change, change, count + 1

    first = guess.detach()
    count = first.new_zeros(())
    change = step(first).detach()
    return while_loop(moves, advance, (first - change, change, count))[0]


def fixed_point(func, guess, *params, solver=None, order: int = 2, tolerance: float = 1e-10, max_steps: int = 1000):
    """The ``x`` with ``func(x, *params) = x``, differentiable with respect to ``params``; see ``implicit_root``.

    Without a ``solver``, ``func`` is applied until nothing moves by more than ``tolerance``.

    Example:
        >>> import rustorch
        >>> rustorch.func.fixed_point(lambda x: x.cos(), rustorch.tensor(1.0, dtype=rustorch.float64))
        tensor(0.7391, dtype=torch.float64)
    """

    def iterate(x, *params):
        def moves(x, new, count):
            return (((new - x).abs().max() > tolerance) & (count < max_steps)).reshape(())

        def advance(x, new, count):
            return new, func(new, *params), count + 1

        x = x.detach()
        return while_loop(moves, advance, (x, func(x, *params).detach(), x.new_zeros(())))[1]

    return implicit_root(
        lambda x, *p: func(x, *p) - x, guess, *params, solver=solver or iterate, order=order, tolerance=tolerance
    )

"""L-BFGS."""

from __future__ import annotations

import numpy as np

from rustorch.dtypes import promote_types
from rustorch.eager.modes import enable_grad, no_grad
from rustorch.eager.recorder import from_host, step_done
from rustorch.eager.state import local
from rustorch.eager.tensor import Tensor
from rustorch.eager.views import node_of
from rustorch.errors import check
from rustorch.optim._lbfgs.memory import Memory, move
from rustorch.optim._lbfgs.wolfe import MOST, Point, strong_wolfe
from rustorch.optim.optimizer import Optimizer
from rustorch.optim.validate import at_least


class LBFGS(Optimizer):
    r"""Limited-memory BFGS: Newton's method with a Hessian guessed from the last gradients.

    Each call of the closure is one program (its forward and backward, and the next direction) and one look.

    Args:
        params: parameters, one group only. Memory for ``2 * history_size + 2`` copies of them is taken at the first
            step.
        lr: step length, and the first try of a line search.
        max_iter: iterations per ``step``; max_eval: closure calls per ``step`` (default ``max_iter * 5 // 4``).
        tolerance_grad: stop when no gradient is larger; tolerance_change: stop when the loss or the parameters change
            less.
        history_size: how many gradients are remembered.
        line_search_fn: ``None`` or ``"strong_wolfe"``.

    Raises:
        ValueError: a negative learning rate, or several groups.
        RuntimeError: another line search, at the first step.

    Source: Nocedal & Wright, "Numerical Optimization", 2nd edition, algorithms 7.4, 7.5, 3.5 and 3.6.

    Example:
        >>> import rustorch
        >>> w = rustorch.tensor([1.0, 2.0], requires_grad=True)
        >>> opt = rustorch.optim.LBFGS([w], line_search_fn="strong_wolfe")
        >>> def closure():
        ...     opt.zero_grad()
        ...     loss = ((w - rustorch.tensor([3.0, 5.0])) ** 4).sum()
        ...     loss.backward()
        ...     return loss
        >>> opt.step(closure)
        tensor(97., grad_fn=<SumBackward0>)
        >>> closure() < 1e-6
        tensor(True)
    """

    def __init__(self, params, lr=1, max_iter=20, max_eval=None, tolerance_grad=1e-7, tolerance_change=1e-9,
                 history_size=100, line_search_fn=None):  # fmt: skip
        if isinstance(lr, Tensor) and lr.numel() != 1:
            raise ValueError("Tensor lr must be 1-element")
        at_least(0, lr=(lr, "learning rate"))
        super().__init__(params, dict(
            lr=lr, max_iter=max_iter, max_eval=max_iter * 5 // 4 if max_eval is None else max_eval,
            tolerance_grad=tolerance_grad, tolerance_change=tolerance_change, history_size=history_size,
            line_search_fn=line_search_fn,
        ))  # fmt: skip
        if len(self.param_groups) != 1:
            raise ValueError("LBFGS doesn't support per-parameter options (parameter groups)")

    @property
    def _params(self) -> list[Tensor]:
        return self.param_groups[0]["params"]

    # ------------------------------------------------------------ the step

    def step(self, closure):
        """Iterate from where the parameters are.

        Args:
            closure: clears the gradients, evaluates the model, calls ``backward`` and returns the loss.

        Returns:
            The loss before the first iteration.
        """
        for hook in list(self._pre_hooks.values()):
            hook(self, (closure,), {})
        with no_grad():
            loss = self._iterate(closure)
        for hook in list(self._post_hooks.values()):
            hook(self, (closure,), {})
        local.looked = False  # the looks were this step's own
        step_done([])
        return loss

    def _iterate(self, closure):
        group, params = self.param_groups[0], self._params
        state = self.state[params[0]]
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)
        memory = self._memory(state)
        searches = group["line_search_fn"] is not None
        lr, tolerance = float(group["lr"]), group["tolerance_change"]

        # Moving by nothing makes the first evaluation the same program as all others; a line search holds the
        # parameters that it starts from, so hold them here too: what is held decides which buffers are donated.
        start = [node_of(p) for p in params] if searches else None
        returned, found = self._evaluate(closure, memory, start, 0.0, memory.t)
        state["func_evals"] += 1
        calls, loss = 1, found.loss
        if found.steepest <= group["tolerance_grad"]:
            return returned
        for i in range(group["max_iter"]):
            last = i == group["max_iter"] - 1
            state["n_iter"] += 1
            slope, reach = found.next_slope, found.next_reach
            memory.accept(found)
            memory.t = lr
            if state["n_iter"] == 1:
                memory.t *= min(1.0, 1.0 / found.total) if found.total else 1.0
            before = state["prev_loss"] = loss
            if slope > -tolerance:
                break
            called = 0
            if searches:
                check(group["line_search_fn"] == "strong_wolfe", "only 'strong_wolfe' is supported")
                found, called = self._line_search(closure, memory, Point(0.0, loss, slope, found), reach, calls)
            elif last:
                move(params, [node_of(p) for p in params], memory.direction, memory.t)
            else:
                _, found = self._evaluate(closure, memory, None, memory.t, memory.t)
                called = 1
            calls, loss = calls + called, found.loss
            state["func_evals"] += called
            if (
                last
                or calls >= group["max_eval"]
                or found.steepest <= group["tolerance_grad"]
                or reach * abs(memory.t) <= tolerance
                or abs(loss - before) < tolerance
            ):
                break
        return returned

    def _evaluate(self, closure, memory: Memory, start, by: float, t: float):
        """Go ``by`` along the direction from ``start`` (default: here) and look; ``t`` is the whole way since the
        direction was chosen."""
        params = self._params
        move(params, start or [node_of(p) for p in params], memory.direction, by)
        with enable_grad():
            loss = closure()
        return loss, memory.look(self._grads(), loss, t)

    def _grads(self) -> list[Tensor]:
        return [from_host(np.zeros(p.shape, p.dtype.numpy), p.device) if p._grad is None else p._grad
                for p in self._params]  # fmt: skip

    def _line_search(self, closure, memory: Memory, origin: Point, reach: float, calls: int):
        """The accepted point's look, with the parameters there; and how often the closure was called."""
        start = [node_of(p) for p in self._params]
        tried: list[Point] = []

        def at(t: float) -> Point:
            _, found = self._evaluate(closure, memory, start, t, t)
            tried.append(Point(t, found.loss, found.slope, found))
            return tried[-1]

        group = self.param_groups[0]
        most = min(MOST, group["max_eval"] - calls)
        chosen = strong_wolfe(at, origin, memory.t, reach, group["tolerance_change"], most)
        memory.t = chosen.t
        found = chosen.look
        if chosen is not tried[-1]:  # rare: the search ended on an earlier point
            move(self._params, start, memory.direction, chosen.t)
            found = memory.look([found.grad], chosen.loss, chosen.t)
        return found, len(tried)

    # ------------------------------------------------------------ memory and saving

    def _memory(self, state: dict) -> Memory:
        """The memory in ``state``: new, from a loaded dict, or as it is."""
        memory, size = state.get("memory"), self.param_groups[0]["history_size"]
        if memory is not None and memory.size == size:
            return memory
        if memory is not None:  # the option was changed
            state.update(memory.saved())
        params = self._params
        dtype = params[0].dtype
        for p in params:
            dtype = promote_types(dtype, p.dtype)
        real = np.zeros((), dtype.numpy).real.dtype
        n = sum(p.numel() * (2 if p.is_complex() else 1) for p in params)
        state["memory"] = memory = Memory(n, size, real, params[0].device)
        memory.load(state)
        return memory

    def pack(self, entries: dict) -> dict:
        out = {k: v for k, v in entries.items() if k != "memory"}
        if "memory" in entries and entries["n_iter"]:
            size = self.param_groups[0]["history_size"]
            out.update(entries["memory"].saved(), al=[None] * size)  # `al` holds nothing between steps
        return out

"""``Function``s under transforms: their own ``jvp``, and their own ``backward`` over a batch."""

from __future__ import annotations

from rustorch.autograd.transforms.region import recording, stand_in
from rustorch.eager.recorder import wrap
from rustorch.eager.tensor import Tensor
from rustorch.eager.views import node_of
from rustorch.errors import RustorchRuntimeError
from rustorch.graph import ON_TAPE, Node, aval
from rustorch.graph.node import ensure_meta


def tangents(node: Node, moves) -> list[Node | None]:
    """The tangents of a ``Function``'s results, by its ``jvp(ctx, *tangents)``.

    Raises:
        RuntimeError: it has none.
    """
    cls, ctx, args = node.meta.custom
    if not hasattr(cls, "jvp"):
        raise RustorchRuntimeError(
            "You are trying to compute the forward-mode derivative of a custom autograd.Function, but its jvp is not "
            f"implemented. Received: {cls.__name__}"
        )
    sources, given = iter(node.inputs), []
    for a in args:
        moved = moves.get(next(sources)) if isinstance(a, Tensor) else None
        given.append(None if moved is None else wrap(moved))
    before = ctx._saved
    ctx._saved = getattr(ctx, "_saved_forward", before)
    try:
        found = cls.jvp(ctx, *given)
    finally:
        ctx._saved = before
    found = found if isinstance(found, tuple) else (found,)
    return [None if t is None else node_of(t) for t in found]


class _Rows:
    """The context of a batched ``Function`` node, and its class: ``vjp`` maps the user's backward over rows."""

    _materialize = True
    _freed = False

    def __init__(self, node, new, size, draws, batched):
        self.cls, self.ctx, args = node.meta.custom
        self.__name__ = self.cls.__name__
        self.new, self.size, self.draws, self.batched = dict(new), size, draws, batched
        self.shared = [isinstance(a, Tensor) and source not in new for a, source in _paired(node, args)]

    def vjp(self, ctx, cotangents):
        """Gradients for every argument: batched, or summed over the rows for a shared one."""
        rows = [node_of(c) for c in cotangents]
        one = [stand_in(aval(tuple(r.aval.shape[1:]), r.aval.dtype, r.aval.device), ON_TAPE) for r in rows]
        with recording():
            found = self.cls.vjp(self.ctx, [wrap(s) for s in one])
            found = list(found) if isinstance(found, tuple) else [found]
            nodes = [node_of(g) for g in found if g is not None]
            wide = iter(self.batched(nodes, {**self.new, **dict(zip(one, rows))}, self.size, self.draws))
        out = []
        for g, shared in zip(found, self.shared):
            if g is None:
                out.append(None)
                continue
            new = next(wide)
            whole = wrap(new) if new is not None else g.expand(self.size, *g.shape)
            out.append(whole.sum(0) if shared else whole)
        return tuple(out)


def _paired(node, args):
    sources = iter(node.inputs)
    return [(a, next(sources) if isinstance(a, Tensor) else None) for a in args]


def over_batch(node: Node, made: Node, new, size: int, draws, batched) -> None:
    """Give the batched node ``made`` the gradient of ``node``'s ``Function``, row by row."""
    args = node.meta.custom[2]
    rule = _Rows(node, new, size, draws, batched)
    wide = tuple(wrap(new.get(source, source)) if isinstance(a, Tensor) else a for a, source in _paired(node, args))
    ensure_meta(made).custom = (rule, rule, wide)

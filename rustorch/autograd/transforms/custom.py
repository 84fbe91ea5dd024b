"""``Function``s under transforms: their own ``jvp``, their own ``vmap``, and their ``backward`` over a batch."""

from __future__ import annotations

from typing import NamedTuple

from rustorch.autograd.anomaly import noted
from rustorch.autograd.transforms.region import recording, stand_in
from rustorch.eager.nodes import filled
from rustorch.eager.recorder import wrap
from rustorch.eager.tensor import Tensor
from rustorch.eager.views import node_of
from rustorch.errors import RustorchRuntimeError, check
from rustorch.graph import ON_TAPE, Node
from rustorch.graph.node import ensure_meta


def tangents(node: Node, moves) -> list[Node | None]:
    """The tangents of a ``Function``'s results, by its ``jvp(ctx, *tangents)``.

    Raises:
        NotImplementedError: it has none. RuntimeError: it gives another number, or no tensors.
    """
    cls, ctx, args = node.meta.custom
    given = []
    for a in args:
        if not isinstance(a, Node):
            given.append(None)
        elif a in moves:
            given.append(wrap(moves[a]))
        else:
            given.append(wrap(filled(a.aval, 0)) if ctx._materialize else None)
    ctx._forward_mode = True
    try:
        found = cls.jvp(ctx, *given)
    except NotImplementedError as e:
        raise noted(e, node, cls.__name__) from None
    finally:
        ctx._forward_mode = False
    found = found if isinstance(found, tuple) else (found,)
    check(
        len(found) == len(ctx._outputs),
        f"Function's jvp returned an invalid number of forward gradients (expected {len(ctx._outputs)} but got {len(found)})",
    )
    out = []
    for i, (place, t) in enumerate(zip(ctx._outputs, found)):
        check(
            t is None or isinstance(t, Tensor),
            f"expected Variable or None (got {type(t).__name__}) for grad output {i}.",
        )
        if place is not None:
            out.append(None if t is None else node_of(t))
    return out


class VmapInfo(NamedTuple):
    """What a ``vmap`` staticmethod is told: the number of rows, and what draws do."""

    batch_size: int
    randomness: str


def own_rule(node: Node, new, size: int, randomness: str) -> list[Node] | None:
    """A ``Function``'s results over a batch by its ``vmap(info, in_dims, *args)``; None if it has no such rule.

    Raises:
        RuntimeError: it has two rules, or the rule gives no dimensions.
    """
    cls, ctx, args = node.meta.custom
    if not getattr(cls, "_has_own_vmap", lambda: False)():
        return None
    in_dims = tuple(0 if isinstance(a, Node) and a in new else None for a in args)
    given = [wrap(new.get(a, a)) if isinstance(a, Node) else a for a in args]
    result = cls.vmap(VmapInfo(size, randomness), in_dims, *given)
    if not (isinstance(result, tuple) and len(result) == 2):
        raise RustorchRuntimeError(
            "Expected the vmap staticmethod to have two returns, an output and out_dims with pytree structure compatible "
            f"with the output. Got a {type(result)} instead"
        )
    outputs, dims = result
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    dims = dims if isinstance(dims, tuple) else (dims,) * len(outputs)
    return [
        node_of(o.expand(size, *o.shape) if d is None else o.movedim(d, 0) if d else o)
        for o, d in zip(outputs, dims)
        if isinstance(o, Tensor)
    ]


class _Rows:
    """The context of a batched ``Function`` node, and its class: its gradient maps the user's backward over rows."""

    _materialize = True
    _freed = False
    _reads = True

    def __init__(self, node, new, size, draws, batched):
        self.cls, self.ctx, args = node.meta.custom
        self.__name__ = self.cls.__name__
        self._outputs = self.ctx._outputs
        self.new, self.size, self.draws, self.batched = dict(new), size, draws, batched
        self.shared = [isinstance(a, Node) and a not in new for a in args]

    def _gradients(self, ctx, cotangents):
        """Gradients for every argument: batched, or summed over the rows for a shared one."""
        rows = [None if c is None else node_of(c) for c in cotangents]
        one = [None if r is None else _row(r) for r in rows]
        with recording():
            found = self.cls._gradients(self.ctx, [None if s is None else wrap(s) for s in one])
            found = list(found) if isinstance(found, tuple) else [found]
            nodes = [node_of(g) for g in found if g is not None]
            given = {s: r for s, r in zip(one, rows) if s is not None}
            wide = iter(self.batched(nodes, {**self.new, **given}, self.size, self.draws))
        out = []
        for g, shared in zip(found, self.shared):
            if g is None:
                out.append(None)
                continue
            new = next(wide)
            whole = wrap(new) if new is not None else g.expand(self.size, *g.shape)
            out.append(whole.sum(0) if shared else whole)
        return tuple(out)


def _row(n: Node) -> Node:
    return stand_in(n.aval.row(), ON_TAPE)


def over_batch(node: Node, made: Node, new, size: int, draws, batched) -> None:
    """Give the batched node ``made`` the gradient of ``node``'s ``Function``, row by row."""
    rule = _Rows(node, new, size, draws, batched)
    wide = tuple([new.get(a, a) if isinstance(a, Node) else a for a in node.meta.custom[2]])
    ensure_meta(made).custom = (rule, rule, wide)

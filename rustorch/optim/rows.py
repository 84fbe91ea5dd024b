"""Steps for sparse gradients: a method's ``update_rows`` as one node for each parameter."""

from __future__ import annotations

import functools

from rustorch.eager.foreign import PARTS
from rustorch.eager.nodes import apply_node
from rustorch.eager.tensor import Tensor
from rustorch.eager.views import node_of
from rustorch.errors import RustorchRuntimeError
from rustorch.lowering.table import Op
from rustorch.lowering.template import ARRAY, NUMBER, Group
from rustorch.optim._step import hyper_parameters, write_all
from rustorch.sparse.coo import places


def record_rows(optimizer, parts, skip: Tensor | None, differentiable: bool) -> list:
    """``record_batch`` where some gradients are sparse: those parameters are changed row by row."""
    if optimizer.update_rows is None:
        for _, step, params in parts:
            for p in params if not isinstance(step, Tensor) else ():  # a tensor is counted by the program
                optimizer.state[p]["step"] -= 1
        name = next(c.__name__ for c in type(optimizer).__mro__ if "sparse_hint" in vars(c) or c is type(optimizer))
        raise RustorchRuntimeError(f"{name} does not support sparse gradients{optimizer.sparse_hint}")
    out: list = []
    for group, step, params in parts:
        dense = [p for p in params if type(p._grad) not in PARTS]
        if dense:
            out.extend(optimizer.record_batch([(group, step, dense)], skip, differentiable))
        sparse = [p for p in params if type(p._grad) in PARTS]
        if not sparse or skip is not None and skip.item() > 0:  # rows are looked at anyway
            continue
        if isinstance(step, Tensor):
            count = int(step.item()) + (0 if dense else 1)
            if not dense:
                step.add_(1)
        else:
            count = step
        for p in sparse:
            out.extend(_record_row(optimizer, group, count, p))
    return out


def _record_row(optimizer, group: dict, step: int, p: Tensor) -> list:
    """Change ``p`` at the places that its sparse gradient stores; the nodes of what is new."""
    grad = p._grad.to_sparse_coo()
    state = [optimizer.state[p][s] for s in optimizer.slots_of(group)]
    marks, inputs, plain = hyper_parameters(optimizer.numbers_of(group))
    inputs += [node_of(t) for t in (p, places(grad), grad._values(), *state)]
    template = (optimizer.static_of(group), marks, NUMBER, Group((ARRAY,) * (3 + len(state))))
    node = apply_node(_rows_op(type(optimizer)), template, inputs, (*plain, step))
    return write_all([p, *state], node)


@functools.cache
def _rows_op(cls: type) -> Op:
    """The op that applies a method's ``update_rows`` to one parameter."""

    def step(static, numbers, count, arrays):
        param, rows, values, *slots = arrays
        shape = param.shape
        tables = [x.reshape((-1, *values.shape[1:])) for x in (param, *slots)]
        new = cls.update_rows(static, numbers, count, tables[0], rows, values, *tables[1:])
        return tuple(x.astype(param.dtype).reshape(shape) for x in new)

    return Op(
        step, "op", name=cls.__name__.lower() + "_rows", method=False, function=False,
        differentiable=False, always_lift=True,
    )  # fmt: skip

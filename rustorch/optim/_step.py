"""The op behind every fused step: a method's formula, applied to all parameters of all groups at once."""

from __future__ import annotations

import functools
import itertools

import jax
import jax.numpy as jnp

from rustorch.eager.nodes import select
from rustorch.eager.tensor import Tensor
from rustorch.eager.views import node_of, write
from rustorch.lowering.packing import MAX_BYTES, MAX_TOTAL
from rustorch.lowering.platform import on_cpu
from rustorch.lowering.promote import weak
from rustorch.lowering.table import Op
from rustorch.lowering.template import ARRAY, NUMBER, Group
from rustorch.optim.validate import is_set


def hyper_parameters(values) -> tuple[Group, list, list[float]]:
    """A group's numbers as a node takes them: a mark for each, the nodes of tensors, and the plain numbers."""
    tensors = [isinstance(x, Tensor) for x in values]
    nodes = [node_of(x) for x, is_tensor in zip(values, tensors) if is_tensor]
    plain = [float(x) for x, is_tensor in zip(values, tensors) if not is_tensor]
    return Group([ARRAY if is_tensor else NUMBER for is_tensor in tensors]), nodes, plain


def write_all(written: list, node) -> list:
    """Write a node's results, in order, into tensors; the results."""
    results = [select(node, i) for i in range(len(written))]
    for t, new in zip(written, results):
        write(t, new)
    return results


def number(x):
    """A scalar array as a Python number would be: a double that leaves the other operand's dtype as it is."""
    return weak(x.astype(jnp.float64))


def decay_of(group) -> tuple:
    """A group's ``(maximize, kind of weight decay)``, as `decayed` takes them."""
    kind = "decoupled" if group.get("decoupled_weight_decay") else "l2"
    return bool(group["maximize"]), kind if is_set(group["weight_decay"]) else None


def decayed(maximize, decay, lr, weight_decay, param, grad):
    """Where most formulas begin: ``(param, grad)`` with the sign that is asked for, after weight decay."""
    grad = -grad if maximize else grad
    if decay == "decoupled":
        return param * (1.0 - lr * weight_decay), grad
    return param, grad + weight_decay * param if decay else grad


def per_parameter(cls, static, numbers, step, param, *rest):
    """``cls.update`` on one parameter; complex numbers are pairs of real ones to it, as in PyTorch.

    A hyper-parameter that is a tensor has one element, and is no wider than the parameter.
    """
    *slots, grad = rest
    width = jnp.finfo(param.dtype).dtype
    numbers = [_narrow(x.reshape(()), width) if getattr(x, "weak_type", True) is False else x for x in numbers]
    if not jnp.iscomplexobj(param):
        return cls.update(static, numbers, step, param, grad, *slots)
    new = cls.update(static, numbers, step, *map(_pairs, (param, grad, *slots)))
    return tuple(
        jax.lax.complex(x[..., 0], x[..., 1]) if jnp.iscomplexobj(old) else x for x, old in zip(new, (param, *slots))
    )


def _narrow(x, dtype):
    return x.astype(dtype) if x.dtype.itemsize > dtype.itemsize else x


def _pairs(x):
    return jnp.stack([x.real, x.imag], -1) if jnp.iscomplexobj(x) else x


@functools.cache
def _traced_once(apply, static):
    """``apply`` as JAX sees it: traced once for parameters of one shape, and written into the program for each."""
    return jax.jit(functools.partial(apply, static), inline=True)


def by_column(rows) -> list:
    """The first entry of each row, then the second of each, and so on: small state then lies by kind (`lowering.packing`)."""
    gap = object()
    return [x for column in itertools.zip_longest(*rows, fillvalue=gap) for x in column if x is not gap]


def _applied(apply, rows, elementwise: bool) -> list[list]:
    """``apply`` of each row; if it is a formula for single elements, of small parameters as one long array."""
    small = _together(rows) if elementwise and on_cpu() else []
    alone = sorted({*range(len(rows))} - {*small})
    found = {i: apply(*rows[i]) for i in alone}
    if small:
        columns = zip(*[rows[i] for i in small])
        results = apply(*[jnp.concatenate([x.ravel() for x in column]) for column in columns])
        end = 0
        for i in small:
            shape, start = rows[i][0].shape, end
            end += rows[i][0].size
            found[i] = [x[start:end].reshape(shape) for x in results]
    return [found[i] for i in range(len(rows))]


def _together(rows) -> list[int]:
    """The small rows of one dtype, if there are several and the loops over all rows are short."""
    if sum(x.nbytes for row in rows for x in row) > MAX_TOTAL:
        return []
    small = [i for i, row in enumerate(rows) if _is_small(row, rows[0][0].dtype)]
    return small if len(small) > 1 else []


def _is_small(row, dtype) -> bool:
    alike = all(x.shape == row[0].shape and x.dtype == dtype for x in row)
    return alike and 0 < row[0].nbytes <= MAX_BYTES and not jnp.iscomplexobj(row[0])


@functools.cache
def step_op(cls: type, differentiable: bool) -> Op:
    """The op that applies ``cls.apply`` to every row: what it gives replaces the row's first tensors (`by_column`)."""

    def step(groups, skip=None):
        def kept(new, old):
            return new.astype(old.dtype) if skip is None else jnp.where(skip > 0, old, new.astype(old.dtype))

        def of_row(apply, *row):
            return [kept(new, old) for new, old in zip(apply(*row), row)]

        out, counts = [], []
        for static, numbers, count, rows in groups:
            if isinstance(count, tuple):  # of one tensor, which the formula takes for the number that it holds
                counts.append(kept(count[0] + 1, count[0]))
                count = weak(count[0].astype(jnp.int64) + 1)
            apply = functools.partial(_traced_once(cls.apply, static), numbers, count)
            out.extend(by_column(_applied(functools.partial(of_row, apply), rows, cls.elementwise)))
        return (*out, *counts)

    return Op(
        step, "op", name=cls.__name__.lower() + "_step", method=False, function=False,
        differentiable=differentiable, always_lift=True,
    )  # fmt: skip

"""What a result depends on, found in the jaxpr of a node's lowering: which inputs, and how samples meet.

A value *has rows* along dimension ``d`` if its slice ``i`` along ``d`` depends on sample ``i`` alone. ``None``
stands for a value that depends on no sample, ``MIXED`` for one in which samples meet.
"""

from __future__ import annotations

import math
from types import SimpleNamespace

import jax
from jax.interpreters.partial_eval import dce_jaxpr

from rustorch.lowering.emit import lower_sig, lower_vjp
from rustorch.lowering.placement import x64
from rustorch.lowering.primitives import CALLS, ELEMENTWISE
from rustorch.lowering.promote import weak

MIXED = "mixed"
_known: dict = {}

_REDUCTIONS = frozenset("reduce_sum reduce_max reduce_min reduce_prod reduce_and reduce_or argmax argmin".split())


def rows(sig, states: tuple):
    """The row dimension of a node's result (a tuple for several), given those of its inputs."""
    return _once((sig, states), lambda: _analysed(sig, states))


def used(sig) -> tuple:
    """Which inputs a node's value depends on at all: the gradient of ``a * b`` in ``a`` does not on ``a``."""
    return _once((sig, "used"), lambda: _reads(sig, lower_sig, sig.inputs, sig.numbers))


def read_by_gradient(sig, needs: tuple[bool, ...], uses_output: bool) -> tuple:
    """Whether the gradient reads each input of ``sig`` (then each output, if its rule takes it): what PyTorch saves."""
    outs = sig.aval if type(sig.aval) is tuple else (sig.aval,)
    gradient = SimpleNamespace(extra=(sig, needs, (True,) * len(outs), uses_output))
    values = (*sig.inputs, *outs) if uses_output else sig.inputs
    found = _once((sig, needs, uses_output), lambda: _reads(gradient, lower_vjp, (*values, *outs), sig.numbers))
    return found[: len(values)]


def _once(key, analyse):
    """What ``analyse`` found for ``key``; when too much is known, forget all."""
    found = _known.get(key, _known)
    if found is _known:
        if len(_known) > 20_000:
            _known.clear()
        found = _known[key] = analyse()
    return found


def _reads(sig, lower, avals, numbers) -> tuple:
    jaxpr = _jaxpr(sig, lower, avals, numbers)
    return tuple(dce_jaxpr(jaxpr, [True] * len(jaxpr.outvars))[1][: len(avals)])


def _jaxpr(sig, lower, avals, numbers):
    """The lowering with arrays and numbers as arguments, so that what is found holds for all numbers."""
    structs = [jax.ShapeDtypeStruct(tuple(a.shape), a.dtype.numpy) for a in avals]
    with x64():
        return jax.make_jaxpr(lambda arrays, numbers: lower(sig, arrays, [weak(n) for n in numbers]))(
            structs, [kind(1) for kind in numbers]
        ).jaxpr


def _analysed(sig, states):
    found = _walk(_jaxpr(sig, lower_sig, sig.inputs, sig.numbers), states + (None,) * len(sig.numbers))
    return tuple(found) if type(sig.aval) is tuple else found[0]


def _walk(jaxpr, states) -> list:
    known = dict(zip(jaxpr.invars, states))

    def state(v):
        return None if isinstance(v, jax.extend.core.Literal) else known.get(v)

    for eqn in jaxpr.eqns:
        given = [state(v) for v in eqn.invars]
        if all(s is None for s in given):
            continue
        out = [MIXED] * len(eqn.outvars) if MIXED in given else _through(eqn, given)
        known.update(zip(eqn.outvars, out))
    return [state(v) for v in jaxpr.outvars]


def _through(eqn, given) -> list:
    """The states of an equation's results; at least one input has rows and none is mixed."""
    name, shapes = eqn.primitive.name, [v.aval.shape for v in eqn.invars]
    if name in CALLS:
        inner = eqn.params[CALLS[name]]
        return _walk(getattr(inner, "jaxpr", inner), given)
    if name in ELEMENTWISE:
        if name == "optimization_barrier":
            return given
        out = _common(given)
    elif name in _REDUCTIONS:
        out = _without(eqn.params["axes"], given[0])
    elif name in _RULES:
        out = _RULES[name](eqn.params, given, shapes, eqn.outvars[0].aval.shape)
    else:
        out = MIXED
    return [out] * len(eqn.outvars)


def _common(given):
    """The one row dimension of all that have any."""
    found = {s for s in given if s is not None}
    return found.pop() if len(found) == 1 else MIXED


def _without(dims, d):
    """Where dimension ``d`` is once ``dims`` are gone."""
    return MIXED if d in dims else d - sum(x < d for x in dims)


def _reshape(params, given, shapes, new):
    d, old = given[0], shapes[0]
    before = math.prod(old[:d])
    for i, size in enumerate(new):
        if size == old[d] and math.prod(new[:i]) == before:
            return i
    return MIXED


def _dot_general(params, given, shapes, new):
    (contract_l, contract_r), (batch_l, batch_r) = params["dimension_numbers"]
    left, right = given
    if left is not None and right is not None:
        together = left in batch_l and right in batch_r and batch_l.index(left) == batch_r.index(right)
        return batch_l.index(left) if together else MIXED
    d, contract, batch = (left, contract_l, batch_l) if right is None else (right, contract_r, batch_r)
    if d in contract:
        return MIXED
    if d in batch:
        return batch.index(d)
    free = [i for i in range(len(shapes[0 if right is None else 1])) if i not in contract and i not in batch]
    ahead = 0 if right is None else len(shapes[0]) - len(contract_l) - len(batch_l)
    return len(batch) + ahead + free.index(d)


def _gather(params, given, shapes, new):
    d, numbers = given[0], params["dimension_numbers"]
    hidden = (*numbers.collapsed_slice_dims, *numbers.operand_batching_dims)
    if given[1] is not None or d in hidden or params["slice_sizes"][d] != shapes[0][d]:
        return MIXED
    return numbers.offset_dims[[i for i in range(len(shapes[0])) if i not in hidden].index(d)]


def _scatter(params, given, shapes, new):
    if given[1] is not None:
        return MIXED
    numbers = params["dimension_numbers"]
    hidden = (*numbers.inserted_window_dims, *numbers.operand_batching_dims)
    kept = [i for i in range(len(shapes[0])) if i not in hidden]
    d = given[0] if given[0] is not None else kept[numbers.update_window_dims.index(given[2])] if (
        given[2] in numbers.update_window_dims) else None  # fmt: skip
    if d is None or d in hidden:
        return MIXED
    window = numbers.update_window_dims[kept.index(d)]
    whole = shapes[2][window] == shapes[0][d]
    return d if whole and given[2] in (None, window) and given[0] in (None, d) else MIXED


def _conv(params, given, shapes, new):
    numbers = params["dimension_numbers"]
    one_group = params["batch_group_count"] == 1
    if given[1] is None and given[0] == numbers.lhs_spec[0] and one_group:
        return numbers.out_spec[0]
    return MIXED


def _along(key):
    """A rule for operations that mix only the dimensions named by a parameter."""

    def rule(params, given, shapes, new):
        d, dims = _common(given), params[key]
        return MIXED if d is MIXED or d in (dims if isinstance(dims, tuple) else (dims,)) else d

    return rule


def _untouched(params, given, shapes, new):
    """Slices and pads: the rows stay as they are if all of them are there."""
    d = given[0]
    return d if d is not None and all(s is None for s in given[1:]) and shapes[0][d] == new[d] else MIXED


def _pad(params, given, shapes, new):
    d = given[0]
    return d if d is not None and given[1] is None and params["padding_config"][d] == (0, 0, 0) else MIXED


def _update_slice(params, given, shapes, new):
    d = _common(given[:2])
    if d is MIXED or any(s is not None for s in given[2:]) or shapes[0][d] != shapes[1][d]:
        return MIXED
    return d


_RULES = {
    "broadcast_in_dim": lambda p, given, shapes, new: p["broadcast_dimensions"][given[0]],
    "concatenate": _along("dimension"),
    "conv_general_dilated": _conv,
    "cumlogsumexp": _along("axis"), "cummax": _along("axis"), "cummin": _along("axis"),
    "cumprod": _along("axis"), "cumsum": _along("axis"),
    "dot_general": _dot_general,
    "dynamic_slice": _untouched,
    "dynamic_update_slice": _update_slice,
    "gather": _gather,
    "pad": _pad,
    "reshape": _reshape,
    "rev": _along("dimensions"),
    "scatter-add": _scatter, "scatter": _scatter,
    "slice": _untouched,
    "sort": _along("dimension"),
    "split": _along("axis"),
    "squeeze": lambda p, given, shapes, new: _without(p["dimensions"], given[0]),
    "transpose": lambda p, given, shapes, new: p["permutation"].index(given[0]),
}  # fmt: skip

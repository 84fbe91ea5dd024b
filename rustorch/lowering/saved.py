"""Which inputs of a node its gradient really reads: what PyTorch would save for the backward pass."""

from __future__ import annotations

from types import SimpleNamespace

import jax
from jax.interpreters.partial_eval import dce_jaxpr

from rustorch.lowering.emit import lower_vjp
from rustorch.lowering.infer import struct
from rustorch.lowering.placement import x64

_known: dict = {}


def _structs(a) -> list:
    return [struct(x) for x in a] if type(a) is tuple else [struct(a)]


def read_by_gradient(sig, needs: tuple[bool, ...], uses_output: bool, numbers) -> tuple[bool, ...]:
    """For each input of ``sig`` (then each output, if the gradient rule takes it): is its value read?

    The gradient is traced and what does not reach a result is dropped.
    """
    key = (sig, needs, uses_output)
    found = _known.get(key)
    if found is None:
        found = _known[key] = _read(sig, needs, uses_output, numbers)
    return found


def _read(sig, needs, uses_output, numbers):
    outs = _structs(sig.aval)
    given = (True,) * len(outs)
    gradient = SimpleNamespace(extra=(sig, needs, given, uses_output))
    values = [struct(a) for a in sig.inputs] + (outs if uses_output else [])
    with x64():
        traced = jax.make_jaxpr(lambda *arrays: lower_vjp(gradient, arrays, numbers))(*values, *outs)
    _, used = dce_jaxpr(traced.jaxpr, [True] * len(traced.jaxpr.outvars))
    return tuple(used[: len(values)])

"""The ops that only connect nodes: pick one result, rename, cut or replace a value."""

from __future__ import annotations

import jax.numpy as jnp

from rustorch.lowering.table import Op


def _select(input, index: int):
    """Result ``index`` of an op with several."""
    return input[index]


class _Select(Op):
    __slots__ = ()

    def pick(self, value, sig):
        """The result without a program, once the op has run."""
        return value[sig.template[1]]


SELECT = _Select(_select, "select", name="select_result", method=False, function=False)


def _alias(input):
    """The same value under a new node: a leaf or a detached reading of a storage."""
    return input


ALIAS = Op(_alias, "alias", name="alias", method=False, function=False)


def _replace(value, history):
    """The value of ``value`` with the gradient path of ``history`` (data changed behind autograd)."""
    return value


REPLACE = Op(_replace, "alias", name="replace", method=False, function=False)


@REPLACE.vjp
def _(needs, ct, value, history):
    return None, ct


# The start of a tangent (forward-mode AD), and a reading without it; gradients pass both.
DUAL = Op(_alias, "alias", name="make_dual", method=False, function=False, saves=False)
PRIMAL = Op(_alias, "alias", name="primal", method=False, function=False, saves=False)


def _fill(shape: tuple, dtype, value: int):
    """A constant of a node's shape: the gradient that a scalar starts with, or one that nothing depends on."""
    return jnp.full(shape, value, dtype.numpy)


FILL = Op(_fill, "fill", name="fill", method=False, function=False, differentiable=False)

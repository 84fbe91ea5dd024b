"""In-place changes and ``out=``: one set of rules for shapes, dtypes and what a failure leaves."""

from __future__ import annotations

import warnings

from rustorch import dtypes
from rustorch.eager.foreign import NotDense, elsewhere
from rustorch.eager.nodes import apply_node
from rustorch.eager.recorder import apply_op, wrap
from rustorch.eager.state import local
from rustorch.eager.tensor import Tensor
from rustorch.eager.views import check_writable, node_of, write
from rustorch.errors import DTypeError, RustorchRuntimeError, ShapeMismatchError
from rustorch.graph import Node
from rustorch.lowering.ops.cast import to_dtype as CAST
from rustorch.lowering.ops.indexing import copy_into
from rustorch.lowering.template import ARRAY

_PAIR = (ARRAY, ARRAY)


def inplace_form(op):
    """``x.op_(...)``: the op's result written into ``x``."""

    def method(self, *args, **kwargs):
        check_writable(self)
        if op.variadic is not None and len(args) >= op.variadic and args and type(args[0]) is int and op.variadic == 1:
            args = (args,)
        try:
            node = apply_op(op, (self, *args), kwargs)
        except NotDense as e:
            return elsewhere(e, op.name + "_", (self, *args), kwargs)
        store(self, node, op.name)
        return self

    method.__name__ = method.__qualname__ = op.name + "_"
    method.__doc__ = f"In-place form of ``{op.name}``."
    method.op = op
    return method


def store(t: Tensor, node: Node, name: str) -> None:
    """Write an op's result into ``t`` under PyTorch's in-place rules.

    Raises:
        RuntimeError: the result's shape differs, or its kind of number does not fit.
    """
    have, got = node_of(t).aval, node.aval
    if have.shape != got.shape:
        raise ShapeMismatchError(
            f"output with shape {list(have.shape)} doesn't match the broadcast shape {list(got.shape)}",
            have.shape,
            got.shape,
        )
    if have.dtype is not got.dtype:
        if not dtypes.can_cast(got.dtype, have.dtype):
            raise DTypeError(
                f"result type {got.dtype.alias} can't be cast to the desired output type {have.dtype.alias}"
            )
        node = apply_node(CAST, (ARRAY, have.dtype), (node,))
    write(t, node)


def assign(t: Tensor, value: Tensor) -> Tensor:
    """Write ``value`` (same shape) into ``t``, cast to its dtype: how random fills are made."""
    check_writable(t)
    node, old = node_of(value), node_of(t)
    # Through `copy_into` too where `t` has a history: its gradient is zero from here back.
    if node.aval.dtype is not old.aval.dtype or node.aval.shape != old.aval.shape or local.grad and old.tape:
        node = apply_node(copy_into, _PAIR, (old, node))
    write(t, node)
    return t


def copy_(self: Tensor, src, non_blocking: bool = False) -> Tensor:
    """Write ``src``, broadcast and cast, into this tensor."""
    check_writable(self)
    write(self, apply_op(copy_into, (self, src)))
    return self


def write_out(out: Tensor, result: Tensor, name: str) -> Tensor:
    """Put a result into the ``out=`` tensor, resizing it as PyTorch does.

    Raises:
        RuntimeError: ``out`` requires grad, or its dtype cannot hold the result.
    """
    if not isinstance(out, Tensor):
        raise TypeError(f"{name}(): argument 'out' must be Tensor, not {type(out).__name__}")
    if local.grad and (node_of(out).tape or node_of(result).tape):
        raise RustorchRuntimeError(
            f"{name}(): functions with out=... arguments don't support automatic differentiation, "
            "but one of the arguments requires grad."
        )
    have, got = node_of(out).aval, node_of(result).aval
    if not dtypes.can_cast(got.dtype, have.dtype):
        raise DTypeError(f"result type {got.dtype.alias} can't be cast to the desired output type {have.dtype.alias}")
    node = node_of(result)
    if have.dtype is not got.dtype:
        node = apply_node(CAST, (ARRAY, have.dtype), (node,))
    if have.shape != got.shape:
        if have.numel:
            warnings.warn(
                f"An output with one or more elements was resized since it had shape {list(have.shape)}, which does "
                f"not match the required output shape {list(got.shape)}. This behavior is deprecated, and in a future "
                "PyTorch release outputs will not be resized unless they have zero elements. You can explicitly reuse "
                "an out tensor t by resizing it, inplace, to zero elements with t.resize_(0).",
                stacklevel=3,
            )
        set_node(out, node)
    else:
        check_writable(out)
        write(out, node)
    return out


def set_node(t: Tensor, node: Node) -> None:
    """Give ``t`` a storage of its own with this node (``resize_``, ``set_``)."""
    fresh = wrap(node)
    t._storage.reclaim()
    t._storage, t._node, t._epoch = fresh._storage, fresh._node, fresh._epoch
    t._parent = t._view = None

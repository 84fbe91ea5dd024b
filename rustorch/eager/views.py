"""Views and writes. A view re-derives its value when the storage moved on; a write through it
writes the base. One rule serves every view ``v``: ``base' = where(T(1) != 0, T(new), base)`` with
``T`` the linear transpose of ``v``.
"""

from __future__ import annotations

from weakref import ref

import jax
import jax.numpy as jnp
import numpy as np

from rustorch.eager.nodes import alias, apply_node, in_order_of, replace
from rustorch.eager.state import local
from rustorch.eager.storage import INFERENCE
from rustorch.eager.tensor import Tensor
from rustorch.errors import RustorchRuntimeError
from rustorch.graph import NO_TAPE, ON_TAPE, Node
from rustorch.graph.node import ensure_meta
from rustorch.lowering.table import Op
from rustorch.lowering.template import ARRAY, NUMBER, call, fill

_new = object.__new__


def node_of(t: Tensor) -> Node:
    """The node of the tensor's current value."""
    return t._node if t._epoch == t._storage.epoch else refresh(t)


def refresh(t: Tensor) -> Node:
    """Look at the storage again: it changed through another alias since ``t`` last did."""
    stale = []
    while t._parent is not None and t._epoch != t._storage.epoch:
        stale.append(t)
        t = t._parent
    node = t._node
    if t._epoch != t._storage.epoch:
        node = _reread(t)
    for v in reversed(stale):
        op, template, numbers = v._view
        below = node
        node = apply_node(op, template, (below,), numbers)
        if below.tape and node.sig.tape:
            node.tape = ON_TAPE  # also when no_grad is what made us look
        if v._leaf:
            node = _as_leaf(v, alias(node))
        v._node = node
        v._epoch = v._storage.epoch
    return node


def _reread(t: Tensor) -> Node:
    """The base of an alias group: follow the data, keep this group's own autograd history."""
    s = t._storage
    node, old = s.node, t._node
    if t._leaf:
        if node.tape == NO_TAPE and node.meta is None:
            _as_leaf(t, node)
            s.epoch += 1  # other aliases of the data must not see the leaf
        elif not (node.is_leaf and node.meta.leaf() is t):
            node = _as_leaf(t, alias(node))
    elif old is not None and old is not node and (old.tape or local.level is not None and local.level.moves(old)):
        node = replace(node, old)
    elif node is not old and local.level is not None or node.tape and (node is not old or node.is_leaf):
        node = alias(node)  # a leaf, history or tangent of another alias of the data is not this one's
    t._node = node
    t._epoch = s.epoch
    return node


def _as_leaf(t: Tensor, node: Node) -> Node:
    node.tape = ON_TAPE
    meta = ensure_meta(node)
    meta.leaf = ref(t)
    meta.hooks = t._backward_hooks
    return node


def set_requires_grad(t: Tensor, flag: bool) -> None:
    """Make ``t`` a leaf that accumulates a gradient, or an ordinary constant."""
    if t._leaf == flag:
        return
    node_of(t)
    t._leaf = flag
    t._epoch = -1
    if not flag:
        t._node = None
        if t._parent is None and t._storage.node.is_leaf:
            t._storage.epoch += 1


def root_of(t: Tensor) -> Tensor:
    """The tensor at the end of the chain of views."""
    while t._parent is not None:
        t = t._parent
    return t


def share(t: Tensor, cls=Tensor) -> Tensor:
    """A detached alias of ``t``: same storage, no gradient path."""
    chain = []
    while t._parent is not None:
        chain.append(t._view)
        t = t._parent
    d = _new(cls)
    d._storage = s = t._storage
    d._node = None
    d._epoch = -1
    node = s.node
    if node.tape == NO_TAPE and local.level is None:
        d._node, d._epoch = node, s.epoch
    for view in reversed(chain):
        d = _view_of(d, view, cls)
    return d


def _view_of(parent: Tensor, view, cls=Tensor) -> Tensor:
    op, template, numbers = view
    v = _new(cls)
    v._storage = parent._storage
    v._node = apply_node(op, template, (node_of(parent),), numbers)
    v._epoch = parent._storage.epoch
    v._parent = parent
    v._view = view
    return v


def make_view(t: Tensor, op, template, numbers=()) -> Tensor:
    """A tensor that aliases part of ``t``."""
    if not local.grad and (t._leaf or node_of(t).tape) and local.level is None:
        t = share(t)  # a view made under no_grad carries no history, whoever writes through it
    return _view_of(t, (op, template, numbers))


def write(t: Tensor, node: Node) -> None:
    """Make ``node`` the value of ``t`` for every alias; with gradient if the node is on the tape."""
    s = t._storage
    while t._parent is not None:
        op, template, numbers = t._view
        parent = t._parent
        node = scatter(op, template, node_of(parent), node, numbers)
        t = parent
    old = s.node.aval
    if old.strides is not None and old.shape == node.aval.shape and type(node.aval) is not tuple:
        node = in_order_of(node, old.strides)
    s.node.overwritten = ref(node)
    s.node = node
    s.epoch += 1
    s.writes += 1
    if t._leaf:
        t._node = None  # a reference to the old value would keep its buffer from being donated
    elif node.tape or t._node is None or not t._node.tape:
        t._node = node
        t._epoch = s.epoch
    s.register()


def _source_of_many(t: Tensor):
    """The name and position if ``t`` is, or views, an output of a function with several views."""
    while t._parent is not None:
        if "_from_many" in t.__dict__:
            return t._from_many
        t = t._parent
    return None


def check_writable(t: Tensor) -> None:
    """Raise what PyTorch raises before an in-place change that autograd cannot take."""
    if INFERENCE.data and not local.inference and t._storage in INFERENCE:
        raise RustorchRuntimeError(
            "Inplace update to inference tensor outside InferenceMode is not allowed.You can make a clone to get a normal "
            "tensor before doing inplace update.See https://github.com/pytorch/rfcs/pull/17 for more details."
        )
    if local.grad:
        many = _source_of_many(t)
        if many is not None and node_of(t).tape:
            raise RustorchRuntimeError(
                f"Output {many[1]} of {many[0]} is a view and is being modified inplace. This view is the "
                "output of a function that returns multiple views. Such functions do not allow the output views to be "
                "modified inplace. You should replace the inplace operation by an out-of-place one."
            )
        if t._leaf:
            raise RustorchRuntimeError("a leaf Variable that requires grad is being used in an in-place operation.")
        if t._parent is not None and root_of(t)._leaf:
            raise RustorchRuntimeError(
                "a view of a leaf Variable that requires grad is being used in an in-place operation."
            )
    strides = node_of(t).aval.strides
    if strides is not None and any(s == 0 and n > 1 for s, n in zip(strides, node_of(t).aval.shape)):
        raise RustorchRuntimeError(
            "unsupported operation: more than one element of the written-to tensor refers to a "
            "single memory location. Please clone() the tensor before performing the operation."
        )


def _scatter_body(base, new, op, template, numbers):
    """``base`` with the part that the view reads replaced by ``new``."""

    def read(x):
        return call(op, lambda *a: op.body(jnp, *a), fill(template, (x,), numbers))

    if op.scatter is not None:
        return call(op, lambda *a: op.scatter(base, new, *a[1:]), fill(template, (base,), numbers))
    new = jnp.broadcast_to(new, jax.eval_shape(read, base).shape).astype(base.dtype)
    touched = _transposed(read, base.shape, jnp.ones(new.shape, np.float32)) != 0
    return jnp.where(touched, _put(read, base, new), base)


def _transposed(read, shape, new):
    """The linear transpose of a view, applied to values of an inexact dtype."""
    return jax.linear_transpose(read, jax.ShapeDtypeStruct(shape, new.dtype))(new)[0]


def _put(read, base, new):
    """``new`` at the places that the view reads, zero elsewhere, for any dtype."""
    if jnp.issubdtype(base.dtype, jnp.inexact):
        return _transposed(read, base.shape, new)
    if base.dtype.itemsize <= 4:  # exact as doubles
        return _transposed(read, base.shape, new.astype(np.float64)).astype(np.int64).astype(base.dtype)
    high, low = (new >> 32).astype(np.float64), (new & 0xFFFFFFFF).astype(np.float64)
    halves = [_transposed(read, base.shape, half).astype(np.int64) for half in (high, low)]
    return ((halves[0] << 32) | halves[1]).astype(base.dtype)


def scatter(op, template, base: Node, new: Node, numbers) -> Node:
    """Record a write through the view ``(op, template, numbers)`` of ``base``."""
    key = (op, template)
    body = _scatters.get(key)
    if body is None:
        body = _scatters[key] = _scatter_op(op, template)
    return apply_node(body, (ARRAY, ARRAY) + (NUMBER,) * len(numbers), (base, new), numbers)


_scatters: dict = {}


def _scatter_op(view_op, template) -> Op:
    def copy_slices(base, new, *numbers):
        return _scatter_body(base, new, view_op, template, numbers)

    return Op(copy_slices, "scatter", name="copy_slices", method=False, function=False, grad_name="CopySlices")

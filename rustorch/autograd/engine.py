"""Reverse mode: walk the graph backwards and append, for each node, one node that holds the
``jax.vjp`` of that node's own lowering. Gradients are ordinary nodes, so they can be
differentiated again.
"""

from __future__ import annotations

from operator import attrgetter

from rustorch.autograd import chain
from rustorch.autograd.anomaly import refuse_missing, refuse_nan
from rustorch.autograd.function_ctx import FREED_MESSAGE
from rustorch.autograd.pieces import Pieces, is_piece, settled
from rustorch.autograd.step_hooks import (
    add,
    after_leaf,
    after_step,
    before_step,
    tensor_of,
    through_tensor_hooks,
)
from rustorch.eager.foreign import PARTS
from rustorch.eager.nodes import apply_node, filled, select
from rustorch.eager.recorder import wrap
from rustorch.eager.state import local
from rustorch.eager.storage import PENDING_LIMIT, flush
from rustorch.eager.tensor import Tensor
from rustorch.eager.views import node_of, write
from rustorch.errors import GraphFreedError, RustorchRuntimeError
from rustorch.graph import FREED, NO_TAPE, ON_TAPE, Node, Sig
from rustorch.lowering.dependence import used
from rustorch.lowering.infer import SIGS, remember
from rustorch.lowering.ops.structural import REPLACE, SELECT
from rustorch.lowering.plan import is_kept
from rustorch.lowering.table import TABLE, Op
from rustorch.lowering.template import ARRAY

_by_seq = attrgetter("seq")
_vjp_ops: dict[Op, Op] = {}


class Task:
    """One backward pass: ``wanted`` are the nodes whose gradients it computes.

    ``tie`` are the gradients at which it stands, ``copies`` what it computed again so far (``recompute``).
    """

    def __init__(self, wanted, accumulates: bool):
        self.wanted, self.accumulates = wanted, accumulates
        self.tie: list[Node] = []
        self.copies: dict = {}


def run(outputs, cotangents, *, retain_graph: bool, create_graph: bool, targets=None) -> dict[Node, Node]:
    """Propagate ``cotangents`` from ``outputs``; the gradients of ``targets`` (nodes) by node.

    Without targets, leaves accumulate into ``.grad``.
    """
    nodes = _reachable(outputs)
    if targets is not None:
        nodes = _leading_to(nodes, targets)
    wanted = set(nodes)
    grads: dict[Node, object] = {}
    found: dict[Node, Node] = {}
    before = local.grad, local.task
    local.grad, local.task = create_graph, Task(wanted, targets is None)
    try:
        for out, ct in zip(outputs, cotangents):
            if out in wanted:
                _accumulate(grads, out, ct)
        recorded, ran, shortened = 0, [], False
        for node in reversed(nodes):
            ct = settled(grads.pop(node, None))
            if ct is None:
                continue
            if node.meta is not None:
                ct = through_tensor_hooks(node, ct)
            if targets is not None and node in targets:
                found[node] = ct
                if not any(a in wanted for a in node.inputs):
                    continue
            if node.is_leaf:
                if targets is None:
                    _accumulate_leaf(node, ct, create_graph)
                continue
            if node.tape == FREED:
                raise GraphFreedError(FREED_MESSAGE)
            if node.meta is not None and node.meta.chain is not None and targets is not None:
                onward = chain.onward(node, targets, _step)
                if onward is not None:
                    x, slope = onward
                    _accumulate(grads, x, _mul(ct, slope))
                    shortened = True
                    continue
            _step(node, ct, wanted, grads)
            ran.append(node)
            recorded += 1
            if recorded > 4 * PENDING_LIMIT and not local.tracing and local.recorder is None:
                recorded = 0
                flush(
                    [
                        n
                        for g in (*grads.values(), *found.values())
                        for n in (g.values() if type(g) is dict else g.nodes() if type(g) is Pieces else (g,))
                        if type(n) is Node
                    ]
                )
        if create_graph and len(found) == 1 and not shortened:
            for x, gradient in found.items():
                if type(gradient) is not Node:
                    continue
                chain.mark(gradient, outputs, cotangents, x)
    finally:
        local.grad, local.task = before
    if not retain_graph:
        _release(nodes if shortened else reversed(ran))
    return found


def _reachable(outputs) -> list[Node]:
    """All nodes on the tape below ``outputs``, in order of creation."""
    seen: set[Node] = set()
    stack = [n for n in outputs if n.tape]
    while stack:
        node = stack.pop()
        if node in seen:
            continue
        seen.add(node)
        if node.is_leaf:
            continue
        if node.tape == FREED and not node.inputs:
            continue
        for a in node.inputs:
            if a.tape and a not in seen:
                stack.append(a)
    return sorted(seen, key=_by_seq)


def _leading_to(nodes, targets) -> list[Node]:
    needed: set[Node] = set()
    for node in nodes:
        if node in targets or (not node.is_leaf and any(a in needed for a in node.inputs)):
            needed.add(node)
    return [n for n in nodes if n in needed]


def _mul(a: Node, b: Node) -> Node:
    return apply_node(TABLE["mul"], (ARRAY, ARRAY), (a, b))


def _accumulate(grads, node, ct) -> None:
    have = grads.get(node)
    if type(have) is Pieces:
        have.total = ct if have.total is None else add(have.total, ct)
    else:
        grads[node] = ct if have is None else add(have, ct)


def _step(node: Node, ct, wanted, grads) -> None:
    op = node.sig.op
    if op is SELECT:
        parent = node.inputs[0]
        parts = grads.setdefault(parent, {})
        i = node.sig.template[1]
        parts[i] = ct if i not in parts else add(parts[i], ct)
        return
    meta = node.meta
    if meta is None and is_piece(node) and not local.check_nan:
        _hold(node, ct, wanted, grads)
        return
    if meta is None:
        pairs = _pairs(node, ct, wanted)
    else:
        if meta.pre_hooks:
            ct = before_step(node, ct)
            if ct is None:
                return
        local.task.tie = list(ct.values()) if type(ct) is dict else [ct]
        pairs = _pairs(node, ct, wanted) if meta.custom is None else _custom(node, ct, wanted)
        if meta.post_hooks:
            pairs = after_step(node, ct, pairs)
    for a, g in pairs:
        _accumulate(grads, a, g)


def _hold(node: Node, ct, wanted, grads) -> None:
    """Leave the gradient of a piece until all of its tensor's have come."""
    (parent,) = node.inputs
    if parent not in wanted:
        return
    have = grads.get(parent)
    if type(have) is not Pieces:
        have = grads[parent] = Pieces(have, lambda node, ct: vjp(node, (True,), ct)[0])
    have.held.append((node, ct))


def _pairs(node: Node, ct, wanted):
    """Inputs that lead somewhere, with their gradients."""
    if node.sig.op is REPLACE:
        return ((node.inputs[1], ct),)
    needs = tuple([a in wanted for a in node.inputs])
    if not any(needs):
        return ()
    found = vjp(node, needs, ct)
    if local.check_nan:
        refuse_nan(node, found)
    return zip([a for a in node.inputs if a in wanted], found)


def _custom(node: Node, parts: dict, wanted):
    """Call a ``Function``'s own ``backward``."""
    cls, ctx, args = node.meta.custom
    cts = []
    for i in ctx._outputs:
        if i is not None and i in parts:
            cts.append(wrap(parts[i]))
        else:
            keep = ctx._materialize and i is not None
            cts.append(wrap(filled(node.sig.aval[i], 0)) if keep else None)
    given = cls._gradients(ctx, cts)
    given = given if isinstance(given, tuple) else (given,)
    expected = len(args)
    if len(given) < expected or any(g is not None for g in given[expected:]):
        raise RustorchRuntimeError(
            f"function {cls.__name__}Backward returned an incorrect number of gradients (expected {expected}, got {len(given)})"
        )
    for i, (a, g) in enumerate(zip(args, given)):
        if g is not None and not isinstance(g, Tensor):
            raise RustorchRuntimeError(f"expected Variable or None (got {type(g).__name__})")
        if not isinstance(a, Node):
            if g is not None:
                raise RustorchRuntimeError(
                    f"function {cls.__name__}Backward returned a gradient different than None at position {i + 1}, but "
                    "the corresponding forward input was not a Variable"
                )
        elif g is not None and a in wanted:
            yield a, _fitting(g, a.aval, cls, i, a.is_leaf)


def _fitting(g: Tensor, a, cls, i: int, at_leaf: bool):
    """A gradient that a ``Function`` gave, in the shape and dtype of its argument.

    A sparse one stays a tensor where the backward pass ends, at a leaf, and becomes dense on the way anywhere else.
    """
    if g.shape != a.shape:
        if len(g.shape) < len(a.shape) or any(n not in (1, m) for n, m in zip(reversed(a.shape), reversed(g.shape))):
            raise RustorchRuntimeError(
                f"Function {cls.__name__}Backward returned an invalid gradient at index {i} - got {list(g.shape)} but "
                f"expected shape compatible with {list(a.shape)}"
            )
        g = g.sum_to_size(a.shape)
    g = g if g.dtype is a.dtype else g.to(a.dtype)
    if type(g) in PARTS:
        return g if at_leaf else node_of(g.to_dense())
    return node_of(g)


def vjp(node: Node, needs: tuple[bool, ...], ct) -> list[Node]:
    """Gradient nodes for the inputs that ``needs`` marks, given the output's cotangent(s)."""
    forward = node.sig
    if forward.op.lacks is not None:
        refuse_missing(node, needs)
    multi = type(forward.aval) is tuple
    given = tuple([i in ct for i in range(len(forward.aval))]) if multi else (True,)
    uses_output = forward.op.vjp_rule is not None and forward.op.vjp_uses_output
    inputs = list(node.inputs)
    if uses_output:
        inputs += [select(node, i) for i in range(len(forward.aval))] if multi else [node]
    if node.meta is not None and node.meta.saved is not None:
        inputs = node.meta.saved.unpack(node, inputs)
    inputs += [ct[i] for i in sorted(ct)] if multi else [ct]
    key = ("vjp", forward, needs, given)
    sig = SIGS.get(key)
    if sig is None:
        sig = _vjp_sig(key, forward, needs, given, uses_output, inputs)
    tape = NO_TAPE
    if local.grad and any(n.tape for n in inputs):
        # The gradient may not depend on all of these (that of a linear op only on the cotangent).
        inputs = [n if on or not n.tape else filled(n.aval, 0) for n, on in zip(inputs, used(sig))]
        tape = ON_TAPE if any(n.tape for n in inputs) else NO_TAPE
    grad = Node(sig, tuple(inputs), node.numbers, tape)
    return [select(grad, i) for i in range(len(sig.aval))] if type(sig.aval) is tuple else [grad]


def _vjp_sig(key, forward, needs, given, uses_output, inputs) -> Sig:
    op = _vjp_ops.get(forward.op)
    if op is None:
        op = _vjp_ops[forward.op] = Op(
            _no_body, "vjp", name=forward.op.name + "_backward", method=False, function=False,
            lacks=forward.op.lacks, dear=forward.op.dear, always_lift=forward.op.always_lift,
        )  # fmt: skip
    avals = tuple([a for a, need in zip(forward.inputs, needs) if need])
    sig = Sig(op, (), tuple([n.aval for n in inputs]), forward.numbers, avals if len(avals) > 1 else avals[0], ON_TAPE)
    sig.extra = (forward, needs, given, uses_output)
    return remember(key, sig)


def _no_body():
    """Gradient nodes are lowered from their forward signature, see ``lowering.emit``."""


def _accumulate_leaf(node: Node, ct: Node, create_graph: bool) -> None:
    if node.meta.pre_hooks:
        ct = before_step(node, ct)
        if ct is None:
            return
    t = node.meta.leaf()
    if t is not None:
        accumulate_into(t, ct, create_graph)
    if node.meta.post_hooks:
        after_leaf(node, ct)


def accumulate_into(t: Tensor, ct: Node, create_graph: bool) -> None:
    """Add a gradient to ``t.grad``: in place, unless it may be differentiated itself.

    Raises:
        RuntimeError: inside ``vmap``, for a leaf from outside, where each row would have another gradient.
    """
    if local.tracing and node_of(t).seq < local.traced_from:
        raise RustorchRuntimeError(
            "backward() called inside a functorch transform. This is not supported, please use functorch.grad or "
            "functorch.vjp instead or call backward() outside of functorch transforms."
        )
    if t._grad is None:
        t._grad = tensor_of(ct)
    elif type(t._grad) in PARTS or type(ct) in PARTS:
        t._grad = tensor_of(add(t._grad if type(t._grad) in PARTS else node_of(t._grad), ct))
    elif create_graph:
        t._grad = wrap(add(node_of(t._grad), ct))
    else:
        write(t._grad, add(node_of(t._grad), ct))
    for hook in list((t.__dict__.get("_post_accumulate_hooks") or {}).values()):
        hook(t)


def _saves(node: Node) -> bool:
    op = node.sig.op
    if op.kind == "custom":
        return bool(node.meta.custom[1]._reads)
    return op.saves and op is not SELECT


def _release(nodes) -> None:
    """Free what PyTorch would: nodes that saved something, and those that hang below one."""
    for node in nodes:
        if node.is_leaf or node.tape == FREED:
            continue
        if node.meta is not None:
            node.meta.saved = None
            if node.meta.custom:
                node.meta.custom[1]._freed = True
        if _saves(node) or any(a.tape == FREED for a in node.inputs):
            node.tape = FREED
            if node.value is not None and not is_kept(node):
                node.inputs = ()


def checked_roots(outputs, grad_tensors, what: str):
    """Output nodes with their starting cotangents.

    Raises:
        RuntimeError: an output without gradient path, a missing cotangent, or one of the wrong shape.
    """
    nodes, cts = [], []
    if len(outputs) > len(grad_tensors):
        raise RustorchRuntimeError(f"got {len(outputs)} tensors and {len(grad_tensors)} gradients")
    for i, (t, g) in enumerate(zip(outputs, grad_tensors)):
        node = node_of(t)
        if g is None:
            if not node.tape:
                raise RustorchRuntimeError(f"element {i} of tensors does not require grad and does not have a grad_fn")
            if node.aval.numel != 1:
                raise RustorchRuntimeError("grad can be implicitly created only for scalar outputs")
            if node.aval.dtype.is_complex:
                raise RustorchRuntimeError(
                    f"grad can be implicitly created only for real scalar outputs but got {node.aval.dtype}"
                )
            ct = filled(node.aval, 1)
        else:
            if not isinstance(g, Tensor):
                raise TypeError(f"gradients can be either Tensors or None, but got {type(g).__name__}")
            ct = node_of(g)
            if ct.aval.shape != node.aval.shape:
                raise RustorchRuntimeError(
                    f"Mismatch in shape: grad_output[{i}] has a shape of {g.shape} and output[{i}] has a shape of {t.shape}."
                )
            if not node.tape:
                raise RustorchRuntimeError(f"element {i} of tensors does not require grad and does not have a grad_fn")
            if ct.aval.dtype.is_complex != node.aval.dtype.is_complex:
                raise RustorchRuntimeError(
                    "For complex Tensors, both grad_output and output are required to have the same dtype. Mismatch in "
                    f"dtype: grad_output[{i}] has a dtype of {g.dtype} and output[{i}] has a dtype of {t.dtype}."
                )
            if ct.aval.dtype is not node.aval.dtype:
                ct = node_of(g.to(node.aval.dtype))
        nodes.append(node)
        cts.append(ct)
    return nodes, cts


def zeros_like(t: Tensor) -> Tensor:
    """Zeros shaped as ``t``, off the tape."""
    return wrap(filled(node_of(t).aval, 0))

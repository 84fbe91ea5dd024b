"""Recording: arguments to a ``Sig`` (one dictionary lookup), a ``Node``, a ``Tensor``.

This is the hot path. It stays bare: no ``inspect``, no closures per call.
"""

from __future__ import annotations

from weakref import ref

import numpy as np

from rustorch import dtypes
from rustorch.devices import Device
from rustorch.dtypes import DType
from rustorch.eager.known import check_known
from rustorch.eager.nodes import leaf, select, tape_of
from rustorch.eager.operands import check_operands
from rustorch.eager.state import local, look_closely
from rustorch.eager.storage import INFERENCE, PENDING_LIMIT, Storage, flush, over_limit
from rustorch.eager.tensor import Tensor
from rustorch.eager.views import node_of
from rustorch.errors import RustorchRuntimeError
from rustorch.graph import Node, aval
from rustorch.graph.node import ensure_meta
from rustorch.lowering import compile as compiler, observe
from rustorch.lowering.dependence import read_by_gradient
from rustorch.lowering.infer import SIGS, infer
from rustorch.lowering.placement import canonical, device_of, put
from rustorch.lowering.template import ARRAY, NUMBER, Group

_new = object.__new__
_NUMBERS = (float, int, complex, bool)


def wrap(node: Node) -> Tensor:
    """A new tensor (with its own storage) for a node."""
    t = _new(Tensor)
    t._storage = s = Storage(node)
    t._node = node
    t._epoch = 0
    pending = local.pending
    pending.append(ref(s))
    if len(pending) > PENDING_LIMIT:
        over_limit(node)
    return t


def from_host(array: np.ndarray, device: Device | None = None) -> Tensor:
    """A tensor with a copy of a NumPy array."""
    device = canonical(device or Device.default())
    return from_array(put(array, device), device)


def from_array(array, device: Device | None = None) -> Tensor:
    """A tensor over a JAX array, without a copy."""
    device = device or device_of(array)
    return wrap(leaf(array, aval(tuple(array.shape), dtypes.from_numpy(array.dtype), device)))


def value_of(t: Tensor):
    """The tensor's JAX array, computed now together with everything else that is pending."""
    node = node_of(t)
    if local.recorder is not None:
        local.recorder.look(node)
    if node.value is None:
        source = node
        while source.sig.op.kind == "alias" and source.value is None:
            source = source.inputs[0]
        if source.value is None:
            observe.forced()
            if node.tape:
                local.looked = True
            flush((source,), looked=True)
        node.value = source.value
    return node.value


def record(node: Node):
    """A node's tensor, or a tuple of tensors for an op with several results."""
    if local.anomaly:
        ensure_meta(node).where = observe.user_line()
    if type(node.aval) is tuple:
        return tuple([wrap(select(node, i)) for i in range(len(node.aval))])
    return wrap(node)


def step_done(nodes) -> None:
    """An optimizer stepped, giving ``nodes``: start the program now, or let it wait.

    A loop that looks at its loss before ``step()`` has started a program in this step already;
    its update then waits and joins the next look, so that each step stays one program. If no
    look comes, the waiting update runs alone, so that the programs of later steps look alike.
    """
    if local.recorder is not None:
        return
    if local.looked:
        local.looked = False
        local.deferred = nodes
        return
    waiting, local.deferred = local.deferred, None
    if waiting is not None:
        compiler.run(waiting)
        del waiting
    del nodes
    flush()


def apply(op, args, kwargs=None, device=None):
    """Record ``op`` on arguments as the user gave them, or as autocast casts them."""
    if local.careful:
        if local.casting is not None and op.autocast is not None:
            args, kwargs = local.casting(op, args, kwargs)
        return record(apply_op(op, args, kwargs, device))
    node = apply_op(op, args, kwargs, device)
    if type(node.aval) is tuple:
        return tuple([wrap(select(node, i)) for i in range(len(node.aval))])
    return wrap(node)


def apply_op(op, args, kwargs=None, device=None) -> Node:
    """The node of ``op`` on tensors, numbers and static arguments."""
    if kwargs or len(args) < op.required:
        args = op.bind(args, kwargs or {})
    elif len(args) > op.keyword_only:
        raise TypeError(f"{op.name}() takes {op.keyword_only} positional arguments but {len(args)} were given")
    inputs: list = []
    numbers: list = []
    key: list = [op]
    try:
        _scan(op, args, inputs, numbers, key)
    except _Foreign:
        return apply_op(op, normalize(args), None, device)
    if not inputs:
        device = device or Device.default()
        key.append(device)
    nodes = tuple([node_of(t) for t in inputs])
    key = tuple(key)
    sig = SIGS.get(key)
    if sig is None:
        check_operands(op, args)
        sig = infer(key, op, _template(op, args), tuple([n.aval for n in nodes]), numbers, device)
    if op.known_rule is not None:
        check_known(op, args)
    node = Node(sig, nodes, tuple(numbers), tape_of(sig, nodes))
    if local.careful and node.tape:
        _look_closely(node, inputs)
    return node


def _look_closely(node: Node, inputs) -> None:
    """Hand over what the backward pass will need, and refuse inference tensors among it.

    Raises:
        RuntimeError: the gradient needs the value of an inference tensor.
    """
    if local.refusing:
        found = [t._storage in INFERENCE for t in inputs]
        if not any(found):
            look_closely(INFERENCE)
        elif node.sig.op.saves:
            takes_output = node.sig.op.vjp_rule is not None and node.sig.op.vjp_uses_output
            read = read_by_gradient(node.sig, tuple([bool(a.tape) for a in node.inputs]), takes_output)
            refuse_inference(any(f and r for f, r in zip(found, read)))
    if local.packing is not None:
        local.packing.pack_node(node)


def refuse_inference(saved: bool) -> None:
    """Raise PyTorch's error if an inference tensor is saved."""
    if saved:
        raise RustorchRuntimeError(
            "Inference tensors cannot be saved for backward. Please do not use Tensors created in inference mode in "
            "computation tracked by autograd. To work around this, you can make a clone to get a normal tensor and use "
            "it in autograd, or use `torch.no_grad()` instead of `torch.inference_mode()`."
        )


class _Foreign(Exception):
    """An argument that must be converted first (a NumPy number)."""


def _scan(op, args, inputs, numbers, key) -> None:
    lifts = op.lifts
    for i, a in enumerate(args):
        cls = type(a)
        if cls is float:
            numbers.append(a)
            key.append(cls)
        elif cls is int or cls is bool:
            if lifts[i] if i < len(lifts) else False:
                numbers.append(a)
                key.append(cls)
            else:
                key.append(a if cls is int else _BOOLS[a])
        elif isinstance(a, Tensor):
            inputs.append(a)
            key.append(node_of(a).aval)
        elif a is None or cls is str or cls is DType or cls is Device:
            key.append(a)
        elif isinstance(a, (tuple, list)):
            inner: list = ["("]
            _scan_nested(a, inputs, numbers, inner, lifts[i] if i < len(lifts) else False)
            key.append(tuple(inner))
        else:
            key.append(_static(op, i, a, numbers))


_BOOLS = {True: "<true>", False: "<false>"}


def _scan_nested(items, inputs, numbers, key, lift) -> None:
    for a in items:
        cls = type(a)
        if isinstance(a, Tensor):
            inputs.append(a)
            key.append(node_of(a).aval)
        elif cls is float or (lift and cls in _NUMBERS):
            numbers.append(a)
            key.append(cls)
        elif isinstance(a, (tuple, list)):
            inner: list = ["("]
            _scan_nested(a, inputs, numbers, inner, lift)
            key.append(tuple(inner))
        elif cls is bool:
            key.append(_BOOLS[a])
        elif isinstance(a, np.generic):
            raise _Foreign
        else:
            key.append(a)


def _static(op, i, a, numbers):
    if type(a) is complex:
        numbers.append(a)
        return complex
    if isinstance(a, (np.generic, np.ndarray, type)) or type(a).__module__ == "numpy":
        raise _Foreign
    try:
        hash(a)
    except TypeError:
        name = op.params[i] if i < len(op.params) else f"#{i + 1}"
        raise TypeError(
            f"{op.name}(): argument '{name}' (position {i + 1}) must be Tensor or a number, not {type(a).__name__}"
        ) from None
    return a


def normalize(args):
    """Arguments with NumPy numbers as Python numbers and sizes as tuples (the slow spellings)."""
    out = []
    for a in args:
        if isinstance(a, np.generic):
            a = a.item()
        elif isinstance(a, np.ndarray):
            a = from_host(a)
        elif isinstance(a, type):
            a = dtypes.as_dtype(a)
        elif isinstance(a, (list, tuple)):
            a = tuple(normalize(a))
        out.append(a)
    return out


def _template(op, args) -> tuple:
    out = []
    for i, a in enumerate(args):
        lift = op.lifts[i] if i < len(op.lifts) else False
        out.append(_template_of(a, lift))
    return tuple(out)


def _template_of(a, lift):
    if isinstance(a, Tensor):
        return ARRAY
    if type(a) in (float, complex) or (lift and type(a) in _NUMBERS):
        return NUMBER
    if isinstance(a, (tuple, list)):
        return Group(_template_of(x, lift) for x in a)
    return a

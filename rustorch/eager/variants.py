"""From one op to its function, method, in-place form and ``out=``."""

from __future__ import annotations

import functools

from rustorch.eager.foreign import NotDense, elsewhere
from rustorch.eager.inplace import write_out
from rustorch.eager.recorder import apply, apply_op, record, wrap
from rustorch.eager.state import local
from rustorch.eager.tensor import Tensor
from rustorch.eager.views import make_view, node_of
from rustorch.errors import ArgumentTypeError, DTypeError
from rustorch.graph import NO_TAPE, ON_TAPE, Node
from rustorch.lowering.infer import SIGS
from rustorch.lowering.table import Op
from rustorch.lowering.template import ARRAY, NUMBER


def function_of(op: Op):
    """The public function of an op; also its method, since the tensor comes first."""
    if op.kind == "view":
        fn = _view_function(op)
        if op.autocast is not None:
            fn = casting(op, fn)
    else:
        fn = _general(op)
        if op.kind == "pointwise" and op.fields is None and op.namespace in ("torch", "special"):
            if len(op.params) >= 1 and op.required == 1 and not op.lifts[0]:
                fn = _unary(op, fn)
            elif len(op.params) >= 2 and op.required == 2:
                fn = _binary(op, fn)
    fn.__name__ = fn.__qualname__ = op.name
    fn.__doc__ = op.doc
    fn.op = op
    fn.__module__ = "rustorch" if op.namespace == "torch" else f"rustorch.{op.namespace}"  # where pickle looks
    return fn


def _general(op: Op):
    variadic, fields, takes_out, named = op.variadic, op.fields, op.out, type_name(op)

    def function(*args, **kwargs):
        if (
            variadic is not None
            and len(args) > variadic
            and (
                type(args[variadic]) is int
                or hasattr(args[variadic], "__index__")
                and not isinstance(args[variadic], Tensor)
            )
        ):
            args = (*args[:variadic], tuple(args[variadic:]))
        if kwargs and takes_out:
            out = kwargs.pop("out", None)
            if out is not None:
                return _into(out, record(apply_op(op, args, kwargs)), op)  # autocast leaves out= alone
        try:
            result = apply(op, args, kwargs)
        except NotDense as e:
            return elsewhere(e, op.name, args, kwargs)
        return result if fields is None else return_type(named, fields)(*result)

    return function


def _into(out, result, op):
    if op.out == "exact":
        for o, r in zip(out, result) if isinstance(result, tuple) else [(out, result)]:
            if isinstance(o, Tensor) and o.dtype is not r.dtype:
                raise DTypeError(f"Expected out tensor to have dtype {r.dtype.name}, but got {o.dtype.name} instead")
    if isinstance(result, tuple):
        parts = tuple(write_out(o, r, op.name) for o, r in zip(out, result))
        return return_type(type_name(op), op.fields)(*parts) if op.fields else parts
    return write_out(out, result, op.name)


def _unary(op: Op, general):
    """The same for one tensor and nothing else, with nothing on the way."""

    def function(input, *args, **kwargs):
        if args or kwargs or not isinstance(input, Tensor):
            return general(input, *args, **kwargs)
        try:
            node = input._node if input._epoch == input._storage.epoch else node_of(input)
        except NotDense:
            return general(input)
        sig = SIGS.get((op, node.aval))
        if sig is None or local.careful:
            return general(input)
        return wrap(Node(sig, (node,), (), ON_TAPE if node.tape and sig.tape and local.grad else NO_TAPE))

    return function


def _binary(op: Op, general):
    """The same for a tensor and a tensor or number, with nothing on the way."""

    def function(input, *args, **kwargs):
        if kwargs or len(args) != 1 or not isinstance(input, Tensor):
            return general(input, *args, **kwargs)
        other = args[0]
        try:
            a = input._node if input._epoch == input._storage.epoch else node_of(input)
            if isinstance(other, Tensor):
                b = other._node if other._epoch == other._storage.epoch else node_of(other)
        except NotDense:
            return general(input, other)
        if isinstance(other, Tensor):
            sig = SIGS.get((op, a.aval, b.aval))
            if sig is None or local.careful:
                return general(input, other)
            return wrap(Node(sig, (a, b), (), ON_TAPE if (a.tape or b.tape) and sig.tape and local.grad else NO_TAPE))
        sig = SIGS.get((op, a.aval, type(other)))
        if sig is None or local.careful or sig.numbers != (type(other),):
            return general(input, other)
        return wrap(Node(sig, (a,), (other,), ON_TAPE if a.tape and sig.tape and local.grad else NO_TAPE))

    return function


def _view_function(op: Op):
    variadic, lifts = op.variadic, op.lifts

    def function(*args, **kwargs):
        if (
            variadic is not None
            and len(args) > variadic
            and type(args[variadic]) not in (tuple, list)
            and not isinstance(args[variadic], tuple)
        ):
            args = (*args[:variadic], tuple(args[variadic:]))
        if kwargs or len(args) < op.required:
            args = op.bind(args, kwargs)
        elif len(args) > len(op.params):
            raise TypeError(f"{op.name}() takes {len(op.params)} positional arguments but {len(args)} were given")
        input = args[0]
        if not isinstance(input, Tensor):
            raise ArgumentTypeError(
                f"{op.name}(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}"
            )
        template, numbers = [ARRAY], []
        for lift, a in zip(lifts[1:], args[1:]):
            if lift:
                template.append(NUMBER)
                numbers.append(int(a))
            else:
                template.append(static(a))
        try:
            return make_view(input, op, tuple(template), tuple(numbers))
        except NotDense as e:
            return elsewhere(e, op.name, args, {})

    return function


def casting(op: Op, function):
    """A view, or a function composed of ops, on arguments as autocast casts them for ``op``."""

    @functools.wraps(function)
    def cast(*args, **kwargs):
        if local.casting is not None and kwargs.get("out") is None:
            args, kwargs = local.casting(op, args, kwargs)
        return function(*args, **kwargs)

    return cast


def static(a):
    """A static argument in hashable form; 0-dim integer tensors and NumPy ints become ints."""
    if type(a) in (int, str, bool) or a is None:
        return a
    if isinstance(a, (tuple, list)):
        return tuple([static(x) for x in a])
    if hasattr(a, "__index__"):
        return a.__index__()
    return a


_types: dict = {}


def type_name(op: Op) -> str:
    """What ``torch.return_types`` calls the result of an op."""
    name = op.name.removesuffix("_dim")
    return name if op.namespace == "torch" else f"{op.namespace}_{name}"


def return_type(name: str, fields: tuple):
    """The named tuple ``torch.return_types.<name>``."""
    key = (name, fields)
    if key not in _types:
        body = {"__slots__": (), "__new__": _new_result, "__repr__": _repr_result, "_fields": fields,
                "__reduce__": lambda self: (_rebuild_result, (name, fields, tuple(self)))}  # fmt: skip
        body.update({f: property(lambda self, i=i: self[i]) for i, f in enumerate(fields)})
        _types[key] = type(name, (tuple,), body)
        _types[key].__module__ = "torch.return_types"
    return _types[key]


def _new_result(cls, *values):
    return tuple.__new__(cls, values[0] if len(values) == 1 and isinstance(values[0], (tuple, list)) else values)


def _repr_result(self):
    inner = ",\n".join(f"{f}={v!r}" for f, v in zip(self._fields, self))
    return f"torch.return_types.{type(self).__name__}(\n{inner})"


def _rebuild_result(name, fields, values):
    return return_type(name, fields)(*values)

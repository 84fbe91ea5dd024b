"""``torch._foreach_*``: an operation on every tensor of a list.

One rule makes the family from the functions of single tensors: an argument that is a list gives each call
its entry, anything else goes to every call. XLA fuses what is recorded, so nothing is gained or lost in time.

    >>> import rustorch as torch
    >>> torch._foreach_add([torch.ones(2), torch.zeros(1)], [1.0, 2.0], alpha=2)
    (tensor([3., 3.]), tensor([4.]))
"""

from __future__ import annotations

from rustorch.dtypes import FLOATING
from rustorch.eager.publish import overload
from rustorch.eager.tensor import Tensor
from rustorch.errors import RustorchRuntimeError

# Those with an in-place form, by how many further tensor lists they take.
UNARY = """
    abs acos asin atan ceil cos cosh erf erfc exp expm1 floor frac lgamma log log10 log1p log2 neg reciprocal round
    rsqrt sigmoid sign sin sinh sqrt tan tanh trunc
""".split()
BINARY = "add clamp_max clamp_min div maximum minimum mul pow sub".split()
TERNARY = "addcdiv addcmul lerp".split()


def _is_list(x) -> bool:
    return isinstance(x, (tuple, list))


def _rows(name: str, lists):
    """The arguments call by call.

    Raises:
        RuntimeError: a list is empty, or two differ in length.
    """
    first = next((x for x in lists if _is_list(x)), None)
    if first is None:
        raise TypeError(
            f"{name}(): argument 'self' (position 1) must be tuple of Tensors, not {type(lists[0]).__name__}"
        )
    if not first:
        raise RustorchRuntimeError("Tensor list must have at least one tensor.")
    for other in lists:
        if _is_list(other) and len(other) != len(first):
            if other and not isinstance(other[0], Tensor):
                raise RustorchRuntimeError("Tensor list must have same number of elements as scalar list.")
            raise RustorchRuntimeError(
                f"Tensor lists must have the same number of tensors, got {len(first)} and {len(other)}"
            )
    return [[x[i] if _is_list(x) else x for x in lists] for i in range(len(first))]


def _number(x):
    """A 0-dim tensor of values is a list of them: ``addcmul``'s ``scalars`` tensor."""
    return x.unbind(0) if isinstance(x, Tensor) and x.ndim == 1 else x


def _each(name: str, one):
    """``one`` on every row of the arguments."""

    def function(self, *args, **kwargs):
        rows = _rows(function.__name__, (self, *args))
        return tuple(one(*row, **kwargs) for row in rows)

    function.__doc__ = f"``{name}`` of every tensor of a list; lists give each call its entry."
    overload(function, method=False, name="_foreach_" + name)


def _each_in_place(name: str, change) -> None:
    """The same, written into the tensors of the first list."""

    def function(self, *args, **kwargs):
        for row in _rows(function.__name__, (self, *args)):
            change(*row, **kwargs)
        return tuple(self)

    function.__doc__ = f"In-place form of ``_foreach_{name.rstrip('_')}``."
    overload(function, method=False, name=f"_foreach_{name}")


def _bound(clamp, t, other):
    """``maximum`` also takes a number here."""
    name = "maximum" if clamp == "clamp_min" else "minimum"
    return getattr(Tensor, name if isinstance(other, Tensor) else clamp)(t, other)


# Those that tensors themselves do not have in this form.
_OWN = {
    "maximum": lambda t, other: _bound("clamp_min", t, other),
    "maximum_": lambda t, other: t.copy_(_bound("clamp_min", t, other)),
    "minimum": lambda t, other: _bound("clamp_max", t, other),
    "minimum_": lambda t, other: t.copy_(_bound("clamp_max", t, other)),
}


def _call(name):
    if name in _OWN:
        return _OWN[name]

    def one(first, *rest, **kwargs):
        if not isinstance(first, Tensor):  # a number to the power of each tensor
            return first ** rest[0]
        return getattr(Tensor, name)(first, *rest, **kwargs)

    return one


def _with_value(name):
    """``addcmul`` and ``addcdiv`` name their scale; here it may come as a fourth argument, by row."""
    plain = _call(name)

    def one(first, a, b, value=1):
        return plain(first, a, b, value=float(value) if isinstance(value, bool) else value)

    return one


def _family(name: str, make=_call) -> None:
    _each(name, make(name))
    _each_in_place(name + "_", make(name + "_"))


for _name in (*UNARY, *BINARY, "lerp"):
    _family(_name)
for _name in ("addcmul", "addcdiv"):
    plain, change = _with_value(_name), _with_value(_name + "_")

    def _scaled(self, tensor1, tensor2, value=1, *, scalars=None, one=plain):
        rows = _rows("_foreach_addc", (self, tensor1, tensor2, _number(value if scalars is None else scalars)))
        return tuple(one(*row) for row in rows)

    def _scaled_in_place(self, tensor1, tensor2, value=1, *, scalars=None, one=change):
        _scaled(self, tensor1, tensor2, value, scalars=scalars, one=one)
        return tuple(self)

    _scaled.__doc__ = f"``{_name}`` of every row of three lists; the scale is one for all, or a list."
    _scaled_in_place.__doc__ = f"In-place form of ``_foreach_{_name}``."
    overload(_scaled, method=False, name=f"_foreach_{_name}")
    overload(_scaled_in_place, method=False, name=f"_foreach_{_name}_")

_each("max", lambda t: t.max())
_each("mm", lambda a, b: a.mm(b))
_each("clone", lambda t, **kwargs: t.clone(**kwargs))
_each_in_place("zero_", lambda t: t.zero_())
_each_in_place("copy_", lambda t, source, non_blocking=False: t.copy_(source))


@overload(method=False)
def _foreach_norm(self, ord=2, dtype=None):
    """The p-norm of all elements of every tensor of a list."""
    return tuple(_norm(t, ord, dtype) for (t,) in _rows("_foreach_norm", (self,)))


def _norm(t, ord, dtype):
    if t.dtype.kind < FLOATING:
        raise RustorchRuntimeError(
            f"linalg.vector_norm: Expected a floating point or complex tensor as input. Got {t.dtype.alias}"
        )
    return (t if dtype is None else t.to(dtype)).norm(ord)


@overload(method=False)
def _foreach_powsum(self, ord=2, dtype=None):
    """``sum(|x| ** ord)`` of every tensor of a list."""
    rows = _rows("_foreach_powsum", (self,))
    return tuple((t if dtype is None else t.to(dtype)).abs().pow(ord).sum() for (t,) in rows)

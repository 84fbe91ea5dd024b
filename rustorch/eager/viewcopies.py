"""``view_copy`` and its kin: what a view shows, as a tensor of its own; and writes into such a view.

One rule makes all of them: the view's function, then a contiguous copy of each result.
"""

from __future__ import annotations

from rustorch import dtypes
from rustorch.eager import viewops
from rustorch.eager.inplace import write_out
from rustorch.eager.publish import overload
from rustorch.eager.tensor import Tensor
from rustorch.eager.views import make_view
from rustorch.errors import RustorchRuntimeError, check, wrap_dim
from rustorch.lowering.ops import view as lowered
from rustorch.lowering.template import ARRAY


@overload(method=False, namespaces=("aten",), name="slice")
def slice_of(input: Tensor, dim: int = 0, start=None, end=None, step: int = 1) -> Tensor:
    """``input[start:end:step]`` along ``dim``, as a view."""
    check(input.ndim > 0, "slice() cannot be applied to a 0-dim tensor.")
    check(step > 0, "slice step must be positive")
    return input[(slice(None),) * wrap_dim(dim, input.ndim) + (slice(start, end, step),)]


def _identity(input: Tensor) -> Tensor:
    return make_view(input, lowered.view_, (ARRAY, tuple(input.shape)))


def _detached(input: Tensor) -> Tensor:
    return input.detach()


def _method(name):
    return lambda input, *args, **kwargs: getattr(Tensor, name)(input, *args, **kwargs)


def _viewed(input: Tensor, size) -> Tensor:
    if isinstance(size, dtypes.DType):
        return input.view(size)
    return input.reshape(tuple(size)) if _overlaps(input) else input.view(tuple(size))


def _overlaps(input: Tensor) -> bool:
    return any(s == 0 and n > 1 for s, n in zip(input.stride(), input.shape))


def _copied(part: Tensor) -> Tensor:
    return part.clone().contiguous()


def _copy_form(name: str, view, method: bool = False) -> None:
    """Register ``<name>_copy`` for the view function ``view``."""

    def copied(*args, out=None, **kwargs):
        shown = view(*args, **kwargs)
        if not isinstance(shown, (tuple, list)):
            return _copied(shown) if out is None else write_out(out, shown, copied.__name__)
        if out is None:
            return tuple(_copied(part) for part in shown)
        if len(out) != len(shown):
            raise RustorchRuntimeError(
                f"{copied.__name__}_out() expected an out= argument of size {len(shown)}, got size {len(out)}"
            )
        for place, part in zip(out, shown):
            write_out(place, part, copied.__name__)
        return None

    copied.__doc__ = f"A copy of what ``{name}`` shows, in a storage of its own."
    overload(copied, method=method, name=name + "_copy")


_COPIES = {
    "alias": _identity,
    "as_strided": viewops.as_strided,
    "detach": _detached,
    "diagonal": _method("diagonal"),
    "expand": lambda input, size, *, implicit=False: input.expand(size),
    "permute": _method("permute"),
    "select": viewops.select,
    "slice": slice_of,
    "split": viewops.split,
    "split_with_sizes": _method("split_with_sizes"),
    "squeeze": _method("squeeze"),
    "t": _method("t"),
    "transpose": _method("transpose"),
    "unbind": viewops.unbind,
    "unfold": viewops.unfold,
    "unsqueeze": _method("unsqueeze"),
    "view": _viewed,
    "view_as_complex": viewops.VIEWS.get("view_as_complex") or _method("view_as_complex"),
    "view_as_real": viewops.VIEWS.get("view_as_real") or _method("view_as_real"),
    "_conj": _method("conj"),
    "_neg_view": _method("neg"),
    "_reshape_alias": lambda input, size, stride: input.as_strided(size, stride),
}
for _name, _view in _COPIES.items():
    _copy_form(_name, _view)
_copy_form("narrow", viewops.narrow, method=True)


def _unsafe_form(name: str) -> None:
    """``unsafe_split`` and its kin: parts with a gradient of their own each, that may be written."""
    view = getattr(viewops, name, None) or viewops.VIEWS[name]

    def parts(*args, **kwargs):
        return tuple(_copied(part) for part in view(*args, **kwargs))

    parts.__doc__ = f"``{name}`` whose parts are tensors of their own."
    overload(parts, name="unsafe_" + name)


for _name in ("chunk", "split", "split_with_sizes"):
    _unsafe_form(_name)


@overload
def as_strided_scatter(input, src, size, stride, storage_offset=None):
    """``input`` with ``src`` written where ``as_strided(size, stride, storage_offset)`` looks.

    Raises:
        RuntimeError: ``src`` has another shape than the view.
    """
    base = input.clone()
    window = base.as_strided(size, stride, storage_offset)
    check(
        tuple(src.shape) == tuple(window.shape),
        f"expected src to have a size equal to the slice of self. src size = {list(src.shape)}, slice size = {list(window.shape)}",
    )
    window.copy_(src)
    return base


@overload
def slice_inverse(input, src, dim=0, start=None, end=None, step=1):
    """``src`` as if it were the slice of a tensor that shows all of ``input``: its own storage is read."""
    return src.as_strided(tuple(input.shape), input.stride(), input.storage_offset())


@overload(method=False)
def norm_except_dim(v, pow=2, dim=0):
    """The p-norms over all dimensions but ``dim``; over all of them for -1."""
    if dim == -1:
        return v.norm(pow)
    dims = [d for d in range(v.ndim) if d != wrap_dim(dim, v.ndim)]
    return v.norm(pow, dims, keepdim=True)


def _same(name: str, method: str, note: str) -> None:
    """A function under a second name that calls a method."""

    def function(input, *args, **kwargs):
        return getattr(Tensor, method)(input, *args, **kwargs)

    function.__doc__ = note
    overload(function, method=False, name=name)


for _name, _target in {
    "_is_all_true": "all",
    "_is_any_true": "any",
    "_conj": "conj",
    "_conj_physical": "conj_physical",
    "as_strided_": "as_strided_",
    "resize_as_": "resize_as_",
    "_cast_Byte": "byte",
    "_cast_Char": "char",
    "_cast_Double": "double",
    "_cast_Float": "float",
    "_cast_Half": "half",
    "_cast_Int": "int",
    "_cast_Long": "long",
    "_cast_Short": "short",
}.items():
    _same(_name, _target, f"``Tensor.{_target}``.")

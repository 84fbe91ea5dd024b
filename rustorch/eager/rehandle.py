"""In-place changes of what a handle shows, not of its values: ``squeeze_``, ``t_``, ``resize_``, ``set_``.

The handle becomes a view of what it was: other aliases of the storage keep theirs.
"""

from __future__ import annotations

import gc
import math

from rustorch.eager.inplace import set_node
from rustorch.eager.state import local
from rustorch.eager.storages import TypedStorage, UntypedStorage, flat_of
from rustorch.eager.tensor import Tensor
from rustorch.eager.viewops import METHODS, VIEWS, method_only
from rustorch.eager.views import check_writable, node_of, root_of, share
from rustorch.errors import RustorchRuntimeError, check
from rustorch.graph.aval import contiguous_strides
from rustorch.lowering.ops.view import resolve_shape

_HANDLE = ("_storage", "_node", "_epoch", "_parent", "_view")


def _show(t: Tensor, other: Tensor) -> Tensor:
    """Make ``t`` show what ``other`` shows."""
    for name in _HANDLE:
        setattr(t, name, getattr(other, name))
    return t


def _before(t: Tensor) -> Tensor:
    """Another handle on what ``t`` shows now, which takes ``t``'s place under the views of it."""
    node_of(t)
    same = _show(object.__new__(Tensor), t)
    # A view names its parent, a parent not its views; these functions are too rare to pay for a list.
    for owner in gc.get_referrers(t):
        fields = owner.__dict__ if isinstance(owner, Tensor) else owner
        if isinstance(fields, dict) and fields.get("_parent") is t:
            fields["_parent"] = same
    return same


def _in_place(name: str) -> None:
    """Register the in-place form of a view method."""

    def change(self, *args, **kwargs):
        if local.grad and self._leaf:
            check_writable(self)
        view = getattr(Tensor, name)(_before(self), *args, **kwargs)
        self._storage.writes += 1
        self._storage.register()
        return _show(self, view)

    change.__name__ = change.__qualname__ = name + "_"
    change.__doc__ = f"Make this tensor ``{name}(...)`` of itself."
    METHODS[change.__name__] = change


for _name in ("squeeze", "unsqueeze", "t", "transpose", "swapaxes", "swapdims", "as_strided"):
    _in_place(_name)


VIEWS["zero_"] = lambda input: input.zero_()


@method_only
def resize_(self: Tensor, *size, memory_format=None) -> Tensor:
    """Show the storage from here on under another shape; a storage that is too small grows, with zeros.

    Raises:
        RuntimeError: the tensor requires grad.
    """
    check(not (self._leaf or node_of(self).tape), "cannot resize variables that require grad")
    shape = tuple(size[0]) if len(size) == 1 and isinstance(size[0], (tuple, list)) else size
    check(all(int(n) >= 0 for n in shape), f"requested resize to a negative size. Received: {list(shape)}")
    shape = resolve_shape(shape, math.prod(shape))
    root, offset, n = root_of(self), self.storage_offset(), math.prod(shape)
    if shape == tuple(self.shape):
        return self
    if offset + n <= root.numel():
        strides = contiguous_strides(shape)
        return _show(self, _before(self).as_strided(shape, strides, offset))
    old = root.reshape(-1)[offset:]
    grown = root.new_zeros(n)
    grown[: old.numel()] = old
    set_node(self, node_of(grown.reshape(shape)))
    return self


@method_only
def resize_as_(self: Tensor, other: Tensor, memory_format=None) -> Tensor:
    """``resize_(other.shape)``."""
    return resize_(self, tuple(other.shape))


@method_only
def set_(self: Tensor, source=None, storage_offset=0, size=None, stride=None) -> Tensor:
    """Show a storage, or that of a tensor ``source``, from now on (nothing at all without ``source``)."""
    check(not (local.grad and self._leaf), "a leaf Variable that requires grad is being used in an in-place operation.")
    if source is None:
        _before(self)
        return _show(self, self.new_empty(0))
    if isinstance(source, (UntypedStorage, TypedStorage)):
        source = flat_of(source, self.dtype)
    if self.dtype is not source.dtype:
        raise RustorchRuntimeError(
            f"Could not set tensor of type {source.dtype.alias} to a tensor of type {self.dtype.alias}"
        )
    if size is not None:
        source = source.as_strided(
            size, stride if stride is not None else contiguous_strides(tuple(size)), storage_offset
        )
    source = share(source)
    _before(self)
    return _show(self, source)


@method_only
def fill_diagonal_(self: Tensor, fill_value, wrap: bool = False) -> Tensor:
    """Write ``fill_value`` on the main diagonal; ``wrap`` starts it again below a tall matrix's end."""
    shape, n = tuple(self.shape), min(self.shape, default=0)
    check(len(shape) >= 2, "dimensions must larger than 1")
    check(len(shape) == 2 or len(set(shape)) == 1, "all dimensions of input must be of equal length")
    self.as_strided((n,), (sum(self.stride()),)).fill_(fill_value)
    if wrap and len(shape) == 2 and shape[0] > n + 1:
        fill_diagonal_(self[n + 1 :], fill_value, wrap)
    return self


def _elementwise(self, function, others):
    check(self.device.type == "cpu", f"{function} is only implemented on CPU tensors")
    rows = zip(*[t.expand(self.shape).reshape(-1).tolist() for t in (self, *others)])
    return self.copy_(self.new_tensor([function(*row) for row in rows]).reshape(self.shape))


@method_only
def apply_(self: Tensor, callable) -> Tensor:
    """Replace each element by ``callable(element)``, in Python: slow, for small tensors."""
    return _elementwise(self, callable, ())


@method_only
def map_(self: Tensor, tensor: Tensor, callable) -> Tensor:
    """Replace each element ``a`` by ``callable(a, b)`` with ``b`` from ``tensor``, in Python."""
    return _elementwise(self, callable, (tensor,))


@method_only
def map2_(self: Tensor, x: Tensor, y: Tensor, callable) -> Tensor:
    """Replace each element ``a`` by ``callable(a, x, y)``, in Python."""
    return _elementwise(self, callable, (x, y))

"""View functions whose arguments PyTorch interprets: reshape, expand, split, narrow, ..."""

from __future__ import annotations

import functools

import numpy as np

from rustorch import dtypes
from rustorch.dtypes import INTEGER, DType
from rustorch.eager.indexing import select as select_at, slice_view
from rustorch.eager.recorder import apply
from rustorch.eager.tensor import Tensor
from rustorch.eager.variants import function_of, static
from rustorch.eager.views import make_view, node_of, root_of
from rustorch.errors import IndexOutOfRangeError, RustorchRuntimeError, check, wrap_dim
from rustorch.lowering.ops import view as lowered, view_type
from rustorch.lowering.strides import dummy
from rustorch.lowering.template import ARRAY
from rustorch.size import Size

# name -> function; `ops` turns them into functions and methods.
VIEWS: dict = {}
METHODS: dict = {}


def both(fn):
    """A function that is also a method."""
    VIEWS[fn.__name__] = METHODS[fn.__name__] = fn
    return fn


def method_only(fn):
    """Only a method."""
    METHODS[fn.__name__] = fn
    return fn


def function_only(fn):
    """Only a function."""
    VIEWS[fn.__name__] = fn
    return fn


def _sizes(args):
    if len(args) == 1 and isinstance(args[0], (tuple, list)):
        return static(args[0])
    return static(args)


@method_only
def view(self: Tensor, *size, dtype=None) -> Tensor:
    """The same storage under another shape, or another dtype.

    Raises:
        RuntimeError: the strides do not allow it; use ``reshape``.
    """
    if dtype is not None or len(size) == 1 and isinstance(size[0], DType):
        target = dtype or size[0]
        if target is self.dtype:
            return make_view(self, lowered.view_, (ARRAY, tuple(self.shape)))
        return make_view(self, view_type.view_dtype, (ARRAY, target))
    return make_view(self, lowered.view_, (ARRAY, _sizes(size)))


@method_only
def try_view(self: Tensor, *size) -> Tensor:
    """``view`` (the documents' name)."""
    return view(self, *size)


@method_only
def view_as(self: Tensor, other: Tensor) -> Tensor:
    """``view(other.shape)``."""
    return view(self, tuple(other.shape))


def _reshape(t: Tensor, shape) -> Tensor:
    aval = node_of(t).aval
    if aval.strides is None or _aliases(aval, shape):
        return make_view(t, lowered.view_, (ARRAY, shape))
    return apply(lowered.reshape_copy, (t, shape))


@functools.lru_cache(4096)
def _aliases(aval, shape) -> bool:
    """Can this shape be a view of these strides?"""
    try:
        lowered.view_.body(np, dummy(aval), shape)
    except RustorchRuntimeError as e:
        if "view size is not compatible" not in str(e):
            raise
        return False
    return True


def reshape(input: Tensor, shape) -> Tensor:
    """The same elements in another shape: a view where PyTorch gives one, else a copy."""
    return _reshape(input, static(shape) if isinstance(shape, (tuple, list)) else (static(shape),))


VIEWS["reshape"] = reshape
METHODS["reshape"] = lambda self, *shape, **kw: _reshape(self, _sizes(kw.get("shape") and (kw["shape"],) or shape))


@method_only
def reshape_as(self: Tensor, other: Tensor) -> Tensor:
    """``reshape(other.shape)``."""
    return _reshape(self, tuple(other.shape))


@both
def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """Merge dimensions ``start_dim`` to ``end_dim`` into one."""
    shape = tuple(input.shape)
    if not shape:
        return _reshape(input, (1,))
    a, b = wrap_dim(start_dim, len(shape)), wrap_dim(end_dim, len(shape))
    check(a <= b, "flatten() has invalid args: start_dim cannot come after end_dim")
    if a == b:
        return input
    merged = 1
    for n in shape[a : b + 1]:
        merged *= n
    return _reshape(input, (*shape[:a], merged, *shape[b + 1 :]))


@both
def ravel(input: Tensor) -> Tensor:
    """All elements in one dimension."""
    return _reshape(input, (input.numel(),))


_expand = function_of(lowered.expand)


@method_only
def expand(self: Tensor, *size, implicit=False) -> Tensor:
    """Repeat dimensions of size 1 without copying."""
    return _expand(self, _sizes(size))


@method_only
def expand_as(self: Tensor, other: Tensor) -> Tensor:
    """``expand(other.shape)``."""
    return _expand(self, tuple(other.shape))


@both
def broadcast_to(input: Tensor, size) -> Tensor:
    """``input`` expanded to ``size``."""
    return _expand(input, static(size))


VIEWS["broadcast_tensors"] = lambda *tensors: _broadcast_tensors(
    tensors[0] if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)) else tensors
)


def _broadcast_tensors(tensors):
    from_shapes = broadcast_shapes(*(t.shape for t in tensors))
    return tuple(_expand(t, tuple(from_shapes)) for t in tensors)


def broadcast_shapes(*shapes):
    """The shape that all ``shapes`` broadcast to.

    Raises:
        RuntimeError: two sizes differ and neither is 1.
    """
    from_right: list[int] = []
    for shape in shapes:
        shape = (shape,) if isinstance(shape, int) else tuple(shape)
        for i, n in enumerate(reversed(shape)):
            if i == len(from_right):
                from_right.append(n)
            elif from_right[i] == 1:
                from_right[i] = n
            elif n not in (1, from_right[i]):
                raise RustorchRuntimeError(
                    f"Shape mismatch: objects cannot be broadcast to a single shape. Received: {[tuple(s) if not isinstance(s, int) else s for s in shapes]}"
                )
    return Size(reversed(from_right))


VIEWS["broadcast_shapes"] = broadcast_shapes


@both
def narrow(input: Tensor, dim: int, start, length: int) -> Tensor:
    """``length`` elements from ``start`` along ``dim``."""
    if input.is_nested:
        return input.narrow(dim, start, length)
    check(input.ndim > 0, "narrow() cannot be applied to a 0-dim tensor.")
    if isinstance(start, Tensor):
        whole = not start.ndim and start.dtype.kind == INTEGER
        check(whole, "start must be an 0-dim integral Tensor.")
    d, start, length = wrap_dim(dim, input.ndim), int(start), int(length)
    n = input.shape[d]
    check(length >= 0, "narrow(): length must be non-negative.")
    if not -n <= start <= n:
        raise IndexError(f"Dimension out of range (expected to be in range of [{-n}, {n}], but got {start})")
    start = start + n if start < 0 else start
    check(start + length <= n, f"start ({start}) + length ({length}) exceeds dimension size ({n}).")
    return slice_view(input, d, start, length)


@both
def select(input: Tensor, dim: int, index) -> Tensor:
    """Drop ``dim``, keeping position ``index``."""
    if not input.ndim:
        raise IndexError("select() cannot be applied to a 0-dim tensor.")
    d, n = wrap_dim(dim, input.ndim), input.shape[wrap_dim(dim, input.ndim)]
    index = index.__index__()
    if not -n <= index < n:
        raise IndexError(
            f"select(): index {index} out of range for tensor of size {list(input.shape)} at dimension {d}"
        )
    return select_at(input, d, index)


def _many(parts, name):
    for i, part in enumerate(parts):
        part._from_many = (name, i)
    return tuple(parts)


@both
def unbind(input: Tensor, dim: int = 0):
    """A view per position along ``dim``."""
    check(input.ndim > 0, "Dimension specified as 0 but tensor has no dimensions", IndexOutOfRangeError)
    d = wrap_dim(dim, input.ndim)
    return _many([select_at(input, d, i) for i in range(input.shape[d])], "UnbindBackward0")


def _split_sizes(input, sizes, d, name):
    parts, start = [], 0
    for n in sizes:
        parts.append(slice_view(input, d, start, n, 1, name))
        start += n
    return _many(parts, name)


@both
def split(tensor: Tensor, split_size_or_sections, dim: int = 0):
    """Consecutive views of a size (the last may be smaller), or of given sizes."""
    d = wrap_dim(dim, tensor.ndim)
    n = tensor.shape[d]
    if isinstance(split_size_or_sections, (tuple, list)):
        sizes = [int(s) for s in split_size_or_sections]
        check(
            sum(sizes) == n and min(sizes, default=0) >= 0,
            f"split_with_sizes expects split_sizes to sum exactly to {n} (input tensor's size at dimension {d}), but got split_sizes={sizes}",
        )
        return _split_sizes(tensor, sizes, d, "SplitWithSizesBackward0")
    size = int(split_size_or_sections)
    check(size >= 0, f"split expects split_size be non-negative, but got split_size={size}")
    check(size > 0 or n == 0, f"split_size can only be 0 if dimension size is 0, but got dimension size of {n}")
    sizes = [min(size, n - s) for s in range(0, n, size)] if n else [0]
    return _split_sizes(tensor, sizes, d, "SplitBackward0")


METHODS["split_with_sizes"] = VIEWS["split_with_sizes"] = lambda input, split_sizes, dim=0: split(
    input, list(split_sizes), dim
)


@both
def chunk(input: Tensor, chunks: int, dim: int = 0):
    """At most ``chunks`` views of equal size (the last may be smaller)."""
    if input.is_nested:
        return input.chunk(chunks, dim)
    check(input.ndim > 0, "chunk expects at least a 1-dimensional tensor")
    check(chunks > 0, f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    n = input.shape[wrap_dim(dim, input.ndim)]
    return (
        split(input, max(-(-n // chunks), 1) if n else 1, dim)
        if n
        else _split_sizes(input, [0] * chunks, wrap_dim(dim, input.ndim), "SplitBackward0")
    )


@both
def tensor_split(input: Tensor, indices_or_sections, dim: int = 0):
    """Views between given positions, or ``n`` parts whose sizes differ by at most 1."""
    d = wrap_dim(dim, input.ndim)
    n = input.shape[d]
    if isinstance(indices_or_sections, Tensor):
        value = indices_or_sections.tolist()
        indices_or_sections = value
    if isinstance(indices_or_sections, int):
        k = indices_or_sections
        check(k > 0, f"number of sections must be larger than 0, got {k}")
        sizes = [n // k + (i < n % k) for i in range(k)]
        bounds = [0]
        for s in sizes:
            bounds.append(bounds[-1] + s)
    else:
        bounds = [0, *(min(max(int(i) if i >= 0 else int(i) + n, 0), n) for i in indices_or_sections), n]
    return tuple(slice_view(input, d, min(a, n), max(b - a, 0)) for a, b in zip(bounds, bounds[1:]))


def _dim_split(name, dim_of, least):
    def splitter(input, indices_or_sections):
        check(
            input.ndim >= least,
            f"torch.{name} requires a tensor with at least {least} dimension, but got a tensor with {input.ndim} dimensions!",
        )
        if isinstance(indices_or_sections, int):
            n, d = indices_or_sections, dim_of(input)
            check(
                n > 0 and input.shape[d] % n == 0,
                f"torch.{name} attempted to split along dimension {d}, but the size of the dimension {input.shape[d]} "
                f"is not divisible by the split_size {n}!",
            )
        return tensor_split(input, indices_or_sections, dim_of(input))

    splitter.__name__ = name
    splitter.__doc__ = f"``tensor_split`` along the dimension that {name} names."
    return both(splitter)


_dim_split("hsplit", lambda t: 0 if t.ndim == 1 else 1, 1)
_dim_split("vsplit", lambda t: 0, 2)
_dim_split("dsplit", lambda t: 2, 3)


@function_only
def real(input: Tensor) -> Tensor:
    """The real part, as a view; a real tensor itself."""
    return make_view(input, view_type.real_part, (ARRAY,)) if input.dtype.is_complex else input


@function_only
def imag(input: Tensor) -> Tensor:
    """The imaginary part, as a view."""
    check(input.dtype.is_complex, "imag is not implemented for tensors with non-complex dtypes.")
    return make_view(input, view_type.imag_part, (ARRAY,))


@both
def as_strided(input: Tensor, size, stride, storage_offset=None) -> Tensor:
    """A view of the storage with any sizes and strides, in elements."""
    offset = input.storage_offset() if storage_offset is None else storage_offset
    root = root_of(input)
    strides = node_of(root).aval.strides
    if strides is not None:  # the op counts in row-major order
        root = root.permute(sorted(range(len(strides)), key=lambda d: -strides[d]))
    return make_view(root, lowered.strided, (ARRAY, static(size), static(stride), int(offset)))


@method_only
def unfold(self: Tensor, dimension: int, size: int, step: int) -> Tensor:
    """Windows along a dimension, as a new last dimension."""
    return make_view(self, lowered.unfold, (ARRAY, dimension, size, step))


@both
def positive(input: Tensor) -> Tensor:
    """The tensor itself."""
    check(input.dtype is not dtypes.bool_, "The `+` operator, on a bool tensor is not supported.")
    return input


def _reversed_property(name, check_2d):
    def prop(self):
        if check_2d:
            check(
                self.ndim >= 2,
                f"tensor.{name} is only supported on matrices or batches of matrices. Got {self.ndim}-D tensor.",
            )
            return self.transpose(-2, -1)
        return self.permute(tuple(range(self.ndim))[::-1])

    prop.__name__ = name
    prop.__doc__ = "The last two dimensions swapped." if check_2d else "All dimensions reversed."
    return property(prop)


@both
def conj(input: Tensor) -> Tensor:
    """The complex conjugate, as a view; a real tensor itself."""
    return make_view(input, view_type.conj, (ARRAY,)) if input.dtype.is_complex else input


PROPERTIES = {
    "real": property(real, doc="The real part, as a view."),
    "imag": property(imag, doc="The imaginary part, as a view."),
    "T": _reversed_property("T", False),
    "mT": _reversed_property("mT", True),
    "H": property(
        lambda self: self.transpose(-2, -1).conj() if self.ndim >= 2 else self.conj(), doc="Conjugate transpose."
    ),
    "mH": property(lambda self: self.transpose(-2, -1).conj(), doc="Conjugate transpose of the last two dimensions."),
}


@both
def adjoint(input: Tensor) -> Tensor:
    """Conjugate transpose of the last two dimensions."""
    return input.transpose(-2, -1).conj()

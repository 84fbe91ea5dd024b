"""Element by element: functions of zero that give zero work on the values; sums and products join the places."""

from __future__ import annotations

import numpy as np

from rustorch import dtypes
from rustorch.eager import ops as T
from rustorch.eager.foreign import RULES, rule
from rustorch.eager.inplace import copy_
from rustorch.eager.tensor import Tensor
from rustorch.errors import RustorchRuntimeError, check
from rustorch.layouts import sparse_coo
from rustorch.sparse.compressed import SparseCompressed
from rustorch.sparse.convert import coo_of, to_layout
from rustorch.sparse.coo import SparseCoo, empty_coo, host_places, places, sparse_sizes, whole
from rustorch.sparse.tensor import SparseTensor

# The first are linear, so that repeated places may stay.
LINEAR = "neg negative positive conj_physical conj clone real imag"
UNARY = (
    "abs absolute angle sgn sign asin arcsin asinh arcsinh atan arctan atanh arctanh ceil floor round trunc fix frac "
    "deg2rad rad2deg sin sinh tan tanh sqrt square expm1 log1p erf erfinv relu signbit isnan isinf isposinf isneginf nan_to_num"
)


def _unary(name: str, linear: bool) -> None:
    dense = getattr(T, name)

    def on_values(input, *args, **kwargs):
        if not linear and isinstance(input, SparseCoo):
            input = input.coalesce()
        return input._with(dense(input._values_, *args, **kwargs))

    def in_place(input, *args, **kwargs):
        check(linear or not isinstance(input, SparseCoo) or input._coalesced, f"{name}_ requires coalesced input")
        return input._take(RULES[name](input, *args, **kwargs).to(input.dtype))

    on_values.__name__ = name
    on_values.__doc__ = f"``{name}`` of the stored values."
    in_place.__doc__ = f"In-place form of ``{name}``."
    RULES[name], RULES[name + "_"] = on_values, in_place


for _name in LINEAR.split():
    if hasattr(T, _name):
        _unary(_name, True)
for _name in UNARY.split():
    if hasattr(T, _name):
        _unary(_name, False)


@rule()
def pow(input, exponent):
    """Each stored value to a power above zero."""
    check(
        not isinstance(exponent, Tensor) or exponent.numel() == 1, "pow: the exponent of a sparse tensor is one number"
    )
    s = input.coalesce() if isinstance(input, SparseCoo) else input
    return s._with(T.pow(s._values_, exponent))


@rule()
def to_dtype(input, dtype):
    """The values in another dtype."""
    return input._with(input._values_.to(dtype))


def _number(x) -> bool:
    return not isinstance(x, Tensor) or not isinstance(x, SparseTensor) and x.ndim == 0


@rule("mul", "multiply")
def mul(input, other):
    """Products: with a number, at all stored places; of two sparse tensors, where both store something."""
    if not isinstance(input, SparseTensor):
        input, other = other, input
    if _number(other):
        return input._with(T.mul(input._values_, other))
    if isinstance(input, SparseCompressed) or isinstance(other, SparseCompressed):
        of = input if isinstance(input, SparseCompressed) else other
        parts = [coo_of(t) if isinstance(t, SparseTensor) else t for t in (input, other)]
        return to_layout(mul(*parts), of.layout, of._block)
    if not isinstance(other, SparseTensor):
        return _mul_dense(input, other)
    check(
        input.ndim == other.ndim
        and input.sparse_dim() == other.sparse_dim()
        and tuple(input.shape) == tuple(other.shape),
        "sparse_binary_op_intersection_cpu(): expects sparse inputs with equal dimensionality, number of sparse "
        "dimensions, and shape of sparse dimensions",
    )
    a, b = input.coalesce(), other.coalesce()
    shared, at, bt = np.intersect1d(host_places(a), host_places(b), assume_unique=True, return_indices=True)
    at_a, at_b = whole(at, a), whole(bt, a)
    values = T.mul(T.index_select(a._values_, 0, at_a), T.index_select(b._values_, 0, at_b))
    return SparseCoo._new(T.index_select(a._where, 1, at_a), values, a._shape, True)


def _mul_dense(s: SparseCoo, dense: Tensor) -> SparseCoo:
    check(
        tuple(np.broadcast_shapes(tuple(s.shape), tuple(dense.shape))) == tuple(s.shape),
        "mul: a dense operand cannot make a sparse one larger",
    )
    full = dense.expand(tuple(s.shape)).reshape((-1, *tuple(s.shape)[s.sparse_dim() :]))
    return s._with(T.mul(s._values_, T.index_select(full, 0, places(s))))


@rule("div", "divide", "true_divide")
def div(input, other, *, rounding_mode=None):
    """Each stored value over a number.

    Raises:
        RuntimeError: the divisor is a tensor with dimensions.
    """
    check(
        _number(other),
        f"Sparse division requires a scalar or zero-dim dense tensor divisor (got shape {list(getattr(other, 'shape', ()))} "
        "for divisor)",
    )
    s = input.coalesce() if rounding_mode and isinstance(input, SparseCoo) else input
    return s._with(T.div(s._values_, other, rounding_mode=rounding_mode))


@rule()
def floor_divide(input, other):
    """``div`` rounded down."""
    return div(input, other, rounding_mode="floor")


@rule()
def add(input, other, *, alpha=1):
    """Sums: of two sparse tensors by joining their places, of a dense and a sparse one at the places.

    Raises:
        RuntimeError: the first is sparse and the second is not, or their sizes differ.
    """
    if not isinstance(input, SparseTensor):
        if isinstance(other, SparseCompressed):
            other = coo_of(other)
        _same_sizes(input, other)
        flat = input.reshape((-1, *tuple(input.shape)[other.sparse_dim() :]))
        dtype = T.result_type(input, other._values_) if input.ndim else T.promote(input, other)
        values = other._values_.to(dtype)
        values = values if alpha == 1 else values * alpha
        return flat.to(dtype).index_add(0, places(other), values).reshape(tuple(input.shape))
    if isinstance(input, SparseCompressed) and not isinstance(other, SparseTensor):
        return add(other, input) if alpha == 1 else T.mul(other, alpha) + input
    check(isinstance(other, SparseTensor), "add(sparse, dense) is not supported. Use add(dense, sparse) instead.")
    if isinstance(input, SparseCompressed):
        return to_layout(add(coo_of(input), coo_of(other), alpha=alpha), input.layout, input._block)
    other = coo_of(other)
    _same_sizes(input, other)
    check(
        input.sparse_dim() == other.sparse_dim(),
        "add: expected 'self' and 'other' to have same number of sparse dimensions, but "
        f"{input.sparse_dim()} != {other.sparse_dim()}",
    )
    dtype = T.result_type(input._values_, other._values_)
    theirs = other._values_ if alpha == 1 else other._values_ * alpha
    if input._where is other._where:
        return input._with(input._values_.to(dtype) + theirs.to(dtype))
    values = T.cat([input._values_.to(dtype), theirs.to(dtype)])
    joined = SparseCoo._new(T.cat([input._where, other._where], 1), values, input._shape, False)
    return joined.coalesce() if input._coalesced and other._coalesced else joined


def _same_sizes(a, b) -> None:
    check(
        tuple(a.shape) == tuple(b.shape),
        f"add: expected sizes of 'self' and 'other' to match, but {list(a.shape)} != {list(b.shape)}",
    )


@rule("sub", "subtract")
def sub(input, other, *, alpha=1):
    """``add`` of the negative."""
    if not isinstance(other, Tensor):
        return add(input, other)
    return add(input, other, alpha=-alpha)


@rule()
def rsub(input, other, *, alpha=1):
    """``other - input``."""
    return add(other, T.neg(input), alpha=alpha)


def _in_place(name: str) -> None:
    change = RULES[name]

    def method(self, *args, **kwargs):
        new = change(self, *args, **kwargs)
        if isinstance(self, SparseTensor):
            check(
                dtypes.can_cast(new.dtype, self.dtype),
                f"result type {new.dtype.alias} can't be cast to the desired output type {self.dtype.alias}",
            )
            return self._take(new.to(self.dtype))
        if isinstance(new, SparseTensor):
            new = new.to_dense()
        return copy_(self, new)

    method.__doc__ = f"In-place form of ``{name}``."
    RULES[name + "_"] = method


for _name in ("add", "sub", "subtract", "mul", "multiply", "div", "divide", "true_divide", "floor_divide", "pow"):
    _in_place(_name)


@rule()
def zeros_like(
    input, *, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False, memory_format=None
):
    """A sparse tensor of the same size that stores nothing."""
    if layout is not None and layout != input.layout:
        return T.zeros(tuple(input.shape), dtype=dtype or input.dtype, device=device or input.device)
    zero = empty_coo(input.shape, input.sparse_dim() if input.layout is sparse_coo else input.ndim, input, dtype)
    return to_layout(zero, input.layout, getattr(input, "_block", None)).requires_grad_(requires_grad)


RULES["empty_like"] = zeros_like


def same_places(a: SparseCoo, b: SparseCoo) -> bool:
    """Do two coalesced tensors store the same places?"""
    return sparse_sizes(a) == sparse_sizes(b) and np.array_equal(host_places(a), host_places(b))


@rule("any")
def any_(input, dim=None, keepdim=False):
    """Is any stored value true?"""
    if dim is not None:
        raise RustorchRuntimeError("any(sparse) is of all elements; reduce with torch.sparse.sum instead")
    return T.any(input._values_)

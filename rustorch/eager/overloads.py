"""Functions whose meaning depends on the types of their arguments, chosen here in Python."""

from __future__ import annotations

import math

from rustorch.dtypes import FLOATING, INTEGER, get_default_dtype
from rustorch.eager.publish import overload, put
from rustorch.eager.recorder import apply
from rustorch.eager.tensor import Tensor
from rustorch.eager.variants import function_of
from rustorch.errors import ArgumentTypeError, RustorchRuntimeError, wrap_dim
from rustorch.lowering.ops import (
    pointwise_arithmetic as arithmetic,
    pointwise_compare as compare,
    reduce_extreme as extremes,
    reduce_order as order,
    reduce_sum as sums,
    scans,
)
from rustorch.lowering.ops.pointwise_special import polygamma as _polygamma

_PAIR = ("values", "indices")


def _extreme(name, all_op, dim_op, pair_op, input, dim, keepdim, other, out):
    if isinstance(dim, Tensor):
        dim, other = None, dim
    if not isinstance(input, Tensor):
        raise ArgumentTypeError(
            f"{name}() received an invalid combination of arguments - got ({type(input).__name__}, "
            f"{type(dim if other is None else other).__name__}), but the first must be a Tensor"
        )
    if other is not None:
        return put(apply(pair_op, (input, other)), out, name)
    if dim is None:
        return put(apply(all_op, (input,)), out, name)
    if isinstance(dim, (tuple, list)):
        raise ArgumentTypeError(
            f"{name}() received an invalid combination of arguments: dim must be int. Received: {dim!r}"
        )
    return put(apply(dim_op, (input, int(dim), keepdim)), out, name, _PAIR)


@overload
def max(input, dim=None, keepdim=False, *, other=None, axis=None, out=None):
    """The largest element; along ``dim`` with its index; or of two tensors the larger elements."""
    dim = axis if dim is None else dim
    return _extreme("max", extremes.max_all, extremes.max_dim, arithmetic.maximum, input, dim, keepdim, other, out)


@overload
def min(input, dim=None, keepdim=False, *, other=None, axis=None, out=None):
    """The smallest element; along ``dim`` with its index; or of two tensors the smaller elements."""
    dim = axis if dim is None else dim
    return _extreme("min", extremes.min_all, extremes.min_dim, arithmetic.minimum, input, dim, keepdim, other, out)


@overload
def median(input, dim=None, keepdim=False, *, out=None):
    """The lower median of all elements; along ``dim`` with its index."""
    if dim is None:
        return put(apply(order.median_all, (input,)), out, "median")
    return put(apply(order.median_dim, (input, dim, keepdim)), out, "median", _PAIR)


@overload
def nanmedian(input, dim=None, keepdim=False, *, out=None):
    """The lower median of what is not NaN; along ``dim`` with its index."""
    if dim is None:
        return put(apply(order.nanmedian_all, (input,)), out, "nanmedian")
    return put(apply(order.nanmedian_dim, (input, dim, keepdim)), out, "nanmedian", _PAIR)


def _spread(op, input, dim, unbiased, keepdim, correction, out, fields=None):
    if isinstance(dim, bool):  # std(x, unbiased)
        dim, unbiased = None, dim
    if correction is None:
        correction = 1 if unbiased is None or unbiased else 0
    elif unbiased is not None:
        raise ArgumentTypeError(f"{op.name}(): both unbiased and correction were given")
    dim = tuple(dim) if isinstance(dim, (list, tuple)) else dim
    name = op.name.removesuffix("_dims")
    return put(apply(op, (input, dim, correction, keepdim)), out, name, fields)


@overload
def var(input, dim=None, unbiased=None, keepdim=False, *, correction=None, axis=None, out=None):
    """The variance over ``dim``: squares around the mean, over ``n - correction`` (1 by default)."""
    return _spread(sums.var_dims, input, axis if dim is None else dim, unbiased, keepdim, correction, out)


@overload
def std(input, dim=None, unbiased=None, keepdim=False, *, correction=None, axis=None, out=None):
    """The standard deviation over ``dim``: the root of the variance."""
    return _spread(sums.std_dims, input, axis if dim is None else dim, unbiased, keepdim, correction, out)


@overload(method=False)
def var_mean(input, dim=None, unbiased=None, keepdim=False, *, correction=None, out=None):
    """The variance and the mean over ``dim``."""
    return tuple(_spread(sums.var_mean_dims, input, dim, unbiased, keepdim, correction, out, ("var", "mean")))


@overload(method=False)
def std_mean(input, dim=None, unbiased=None, keepdim=False, *, correction=None, out=None):
    """The standard deviation and the mean over ``dim``."""
    return tuple(_spread(sums.std_mean_dims, input, dim, unbiased, keepdim, correction, out, ("std", "mean")))


def _order(ord):
    """An order of norm as the op takes it: an int, ``"inf"``, ``"-inf"``, or any other float."""
    if isinstance(ord, Tensor):
        ord = ord.item()
    if isinstance(ord, (int, float)) and not isinstance(ord, bool):
        if math.isinf(ord):
            return "inf" if ord > 0 else "-inf"
        return int(ord) if ord == int(ord) and abs(ord) <= 2 and ord >= 0 else float(ord)
    raise RustorchRuntimeError(f"linalg.vector_norm: ord must be a number. Received: {ord!r}")


def _vector_norm(x, ord, dim, keepdim, dtype=None):
    dim = tuple(dim) if isinstance(dim, (list, tuple)) else dim
    return apply(sums.p_norm_dims, (x, _order(ord), dim, keepdim, dtype))


@overload(namespaces=("linalg",), method=False)
def vector_norm(x, ord=2, dim=None, keepdim=False, *, dtype=None, out=None):
    """The norm ``(sum |x|^ord)^(1/ord)`` of the vectors along ``dim`` (all elements by default)."""
    return put(_vector_norm(x, ord, dim, keepdim, dtype), out, "linalg.vector_norm")


@overload
def norm(input, p="fro", dim=None, keepdim=False, out=None, dtype=None):
    """The ``p``-norm over ``dim``; ``"fro"`` is the root of the sum of squares, ``"nuc"`` the sum of singular values."""
    if p == "nuc":
        dims = (-2, -1) if dim is None else tuple(dim)
        return put(input.movedim(dims, (-2, -1)).svd()[1].sum(-1), out, "norm")
    if isinstance(p, str) and p != "fro":
        raise RustorchRuntimeError(f"only valid values for p are 'fro' and 'nuc' as strings. Received: {p!r}")
    return put(_vector_norm(input, 2 if p is None or p == "fro" else p, dim, keepdim, dtype), out, "norm")


_power = function_of(arithmetic.pow)


@overload
def pow(input, exponent, *, out=None):
    """``input`` to the power ``exponent``."""
    if type(exponent) is int and exponent < 0 and isinstance(input, Tensor) and input.dtype.kind < FLOATING:
        raise RustorchRuntimeError("Integers to negative integer powers are not allowed.")
    return _power(input, exponent) if out is None else _power(input, exponent, out=out)


def _quantile(op, input, q, dim, keepdim, interpolation, out):
    if isinstance(q, (int, float)) and not 0 <= q <= 1:
        raise RustorchRuntimeError(f"{op.name}() q must be in the range [0, 1] but got {q}")
    return put(apply(op, (input, q, dim, keepdim), {"interpolation": interpolation}), out, op.name)


@overload
def quantile(input, q, dim=None, keepdim=False, *, interpolation="linear", out=None):
    """The values below which a fraction ``q`` of the elements along ``dim`` lie."""
    return _quantile(order.quantile, input, q, dim, keepdim, interpolation, out)


@overload
def nanquantile(input, q, dim=None, keepdim=False, *, interpolation="linear", out=None):
    """The same as ``quantile``, of what is not NaN."""
    return _quantile(order.nanquantile, input, q, dim, keepdim, interpolation, out)


@overload
def dist(input, other, p=2):
    """The ``p``-norm of ``input - other``."""
    return _vector_norm(apply(arithmetic.sub, (input, other)), p, None, False)


@overload(method=False)
def where(condition, input=None, other=None, *, out=None):
    """``input`` where ``condition`` holds, else ``other``; alone, the indices where it holds."""
    if input is None and other is None:
        return condition.nonzero(as_tuple=True)
    return put(apply(compare.where, (condition, input, other)), out, "where")


@overload(namespaces=(), name="Tensor.where")
def _where_method(self, condition, other):
    """This tensor where ``condition`` holds, else ``other``."""
    return apply(compare.where, (condition, self, other))


@overload(namespaces=(), name="Tensor.polygamma")
def _polygamma_method(self, n):
    """The ``n``-th derivative of ``digamma``."""
    return apply(_polygamma, (n, self))


@overload
def allclose(input, other, rtol=1e-05, atol=1e-08, equal_nan=False) -> bool:
    """Whether ``|input - other| <= atol + rtol * |other|`` everywhere."""
    if input.dtype is not other.dtype:
        raise RustorchRuntimeError(f"{input.dtype.alias} did not match {other.dtype.alias}")
    close = apply(compare.isclose, (input, other, float(rtol), float(atol), equal_nan))
    return bool(apply(sums.all_, (close,)).item())


@overload
def equal(input, other) -> bool:
    """Whether shapes and all elements are equal."""
    if tuple(input.shape) != tuple(other.shape):
        return False
    return bool(apply(sums.all_, (apply(compare.eq, (input, other)),)).item())


@overload(method=False)
def gradient(input, *, spacing=1, dim=None, edge_order=1):
    """Numerical derivatives of samples along each dimension, as a list."""
    spacing = 1 if spacing is None else spacing
    if dim is None:
        many = isinstance(spacing, (list, tuple))
        dims = tuple(range(len(spacing))) if many else tuple(range(input.ndim))
    else:
        dims = (dim,) if isinstance(dim, int) else tuple(dim)
    seen = set()
    for d in dims:
        if wrap_dim(d, input.ndim) in seen:
            raise RustorchRuntimeError(f"dim {wrap_dim(d, input.ndim)} appears multiple times in the list of dims")
        seen.add(wrap_dim(d, input.ndim))
    steps = tuple(spacing) if isinstance(spacing, (list, tuple)) else (spacing,) * len(dims)
    if len(steps) != len(dims):
        raise RustorchRuntimeError(
            "torch.gradient expected spacing to be unspecified, a scalar, or a list with one entry for each dimension. "
            f"Received: {len(steps)} spacings for {len(dims)} dimensions"
        )
    return list(apply(scans.gradient_dims, (input, steps, dims, edge_order)))


@overload
def renorm(input, p, dim, maxnorm, *, out=None):
    """Slices along ``dim`` whose ``p``-norm exceeds ``maxnorm`` scaled down to it."""
    if input.ndim < 2:
        raise RustorchRuntimeError(f"renorm: input needs at least 2 dimensions, got {input.ndim} dimensions")
    dims = tuple(d for d in range(input.ndim) if d != dim % input.ndim)
    size = _vector_norm(input, p, dims, True)
    factor = apply(compare.where, (size > maxnorm, maxnorm / (size + 1e-7), 1.0))
    return put(input * factor, out, "renorm")


@overload(namespaces=())
def renorm_(self, p, dim, maxnorm):
    """In-place form of ``renorm``."""
    return self.copy_(renorm(self, p, dim, maxnorm))


@overload(namespaces=())
def polygamma_(self, n):
    """In-place form of ``polygamma``."""
    return self.copy_(_polygamma_method(self, n))


@overload(method=False)
def frobenius_norm(input, dim=(), keepdim=False, *, out=None):
    """The root of the sum of squares over ``dim``."""
    return put(_vector_norm(input, 2, dim or None, keepdim), out, "frobenius_norm")


@overload(method=False)
def nuclear_norm(input, dim=None, keepdim=False, *, out=None):
    """The sum of the singular values of a matrix."""
    return norm(input, "nuc", dim, keepdim, out)


def _check_weights(name, weights, count):
    """Raise PyTorch's error unless there is one weight of the right kind, not negative, per observation."""
    kinds = (INTEGER,) if name == "fweights" else (FLOATING,)
    word = "integral" if name == "fweights" else "floating point"
    if weights.ndim > 1:
        raise RustorchRuntimeError(
            f"cov(): expected {name} to have one or fewer dimensions but got {name} with {weights.ndim} dimensions"
        )
    if weights.dtype.kind not in kinds:
        raise RustorchRuntimeError(
            f"cov(): expected {name} to have {word} dtype but got {name} with {weights.dtype.alias} dtype"
        )
    if weights.numel() != count:
        raise RustorchRuntimeError(
            f"cov(): expected {name} to have the same numel as there are observations in the input "
            f"but got {weights.numel()} != {count}"
        )
    if count and bool((weights.min() < 0).item()):
        raise RustorchRuntimeError(f"cov(): {name} cannot be negative")


@overload
def cov(input, *, correction=1, fweights=None, aweights=None):
    """The covariance of the variables in the rows of ``input``, whose columns are observations."""
    if input.ndim > 2:
        raise RustorchRuntimeError(
            f"cov(): expected input to have two or fewer dimensions but got an input with {input.ndim} dimensions"
        )
    x = input if input.ndim == 2 else input.reshape(1, -1)
    for name, given in (("fweights", fweights), ("aweights", aweights)):
        if given is not None:
            _check_weights(name, given, x.shape[1])
    x = x if x.dtype.kind >= FLOATING else x.to(get_default_dtype())
    weights = fweights if aweights is None else aweights if fweights is None else fweights * aweights
    if weights is None:
        total, mean = x.shape[1], x.mean(1, keepdim=True)
        scale = total - correction
        right = x - mean
    else:
        total = weights.sum()
        mean = (x * weights).sum(1, keepdim=True) / total
        scale = total - correction * ((weights * aweights).sum() / total if aweights is not None else 1)
        right = (x - mean) * weights
    return ((x - mean) @ right.mT.conj() / scale).squeeze()


@overload
def corrcoef(input):
    """Covariances of the rows of ``input`` over the products of their standard deviations."""
    c = cov(input)
    if not c.ndim:
        return c / c
    spread = c.diagonal().sqrt()
    c = c / spread.unsqueeze(-1) / spread.unsqueeze(-2)
    return c if c.dtype.is_complex else c.clamp(-1, 1)

"""Sums of products over chosen dimensions, and distances between rows."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from rustorch import dtypes
from rustorch.dtypes import FLOATING
from rustorch.errors import DTypeError, ShapeMismatchError, check, wrap_dim
from rustorch.lowering.kernels.sums import wide
from rustorch.lowering.ops._common import length, magnitude, widened
from rustorch.lowering.ops.matmul import conj, same_dtype
from rustorch.lowering.promote import cast, dtype_of, result_dtype
from rustorch.lowering.table import op


def _terms(equation, count):
    """The labels of each operand and of the output (``None`` if left out)."""
    left, arrow, right = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    check(len(terms) <= count, "einsum(): fewer operands were provided than specified in the equation")
    check(len(terms) >= count, "einsum(): more operands were provided than specified in the equation")
    for text in (*terms, right):
        for c in text.replace("...", ""):
            check(
                c.isascii() and c.isalpha(),
                f"einsum(): invalid subscript given at index {equation.index(c)} in the equation string, subscripts must be in [a-zA-Z]",
            )
    return terms, right if arrow else None


def _check_sizes(terms, operands):
    """The size of each label; size 1 stretches.

    Raises:
        RuntimeError: labels that do not fit the operand, or sizes that differ.
    """
    sizes: dict = {}
    for i, (term, x) in enumerate(zip(terms, operands)):
        named = term.replace("...", "")
        if "..." not in term:
            check(
                len(named) == x.ndim,
                f"einsum(): the number of subscripts in the equation ({len(named)}) does not match the number of dimensions ({x.ndim}) "
                f"for operand {i} and no ellipsis was given",
            )
        else:
            check(
                len(named) <= x.ndim,
                f"einsum(): the number of subscripts in the equation ({len(named)}) is more than the number of dimensions ({x.ndim}) for operand {i}",
            )
        for c, n in _labelled(term, x.shape):
            known = sizes.setdefault(c, n)
            if known == 1:
                sizes[c] = n
            elif n not in (1, known):
                raise ShapeMismatchError(
                    f"einsum(): subscript {c} has size {n} for operand {i} which does not broadcast with previously seen size {known}",
                    operands[0].shape,
                    x.shape,
                )
    return sizes


def _labelled(term, shape):
    head, _, tail = term.partition("...")
    return [*zip(head, shape), *(zip(tail[::-1], shape[::-1]) if tail else ())]


def _squeezed(term, x, sizes):
    """Drop the size-1 dimensions whose label is larger elsewhere: they broadcast."""
    head, dots, tail = term.partition("...")
    drop = [d for d, c in enumerate(head) if x.shape[d] == 1 != sizes[c]]
    drop += [x.ndim - len(tail) + k for k, c in enumerate(tail) if x.shape[x.ndim - len(tail) + k] == 1 != sizes[c]]
    if not drop:
        return term, x
    head = "".join(c for d, c in enumerate(head) if d not in drop)
    tail = "".join(c for k, c in enumerate(tail) if x.ndim - len(tail) + k not in drop)
    return head + dots + tail, jnp.squeeze(x, tuple(drop))


@op(function=False, method=False, dear=True, grad_name="ViewBackward0")
def einsum(equation, operands):
    """Sums products of elements over named dimensions: ``"ij,jk->ik"`` is the matrix product."""
    terms, output = _terms(equation, len(operands))
    for x in operands[1:]:
        if x.dtype != operands[0].dtype:
            raise DTypeError(f"expected scalar type {dtype_of(operands[0]).alias} but found {dtype_of(x).alias}")
    sizes = _check_sizes(terms, operands)
    if output is None:
        every = "".join(terms).replace("...", "")
        dots = "..." if "..." in equation else ""
        output = dots + "".join(sorted(c for c in sizes if every.count(c) == 1))
    for c in output.replace("...", ""):
        check(c in sizes, f"einsum(): output subscript {c} does not appear in the equation for any input operand")
        check(output.count(c) == 1, f"einsum(): output subscript {c} appears more than once in the output")
    parts = [_squeezed(t, x, sizes) for t, x in zip(terms, operands)]
    if "..." in equation and "..." not in output:
        parts, output = _without_ellipsis(parts, output)
    kind = operands[0].dtype
    if dtype_of(operands[0]).kind < FLOATING and any(
        sum(c in t for t, _ in parts) == 1 for t, _ in parts for c in set(t) - set(output)
    ):
        kind = jnp.int64  # a label of one operand alone is summed
    equation = ",".join(t for t, _ in parts) + "->" + output
    return jnp.einsum(equation, *(x for _, x in parts), preferred_element_type=wide(kind)).astype(kind)


def _without_ellipsis(parts, output):
    """Sum the ellipsis dimensions away: PyTorch lets the output leave them out."""
    spare = [c for c in map(chr, [*range(97, 123), *range(65, 91)]) if all(c not in t for t, _ in parts)]
    width = max(x.ndim - len(t) + 3 for t, x in parts if "..." in t)
    named = []
    for t, x in parts:
        if "..." in t:
            n = x.ndim - len(t) + 3
            t = t.replace("...", "".join(spare[width - n : width]))
        named.append((t, x))
    sizes = _check_sizes([t for t, _ in named], [x for _, x in named])
    return [_squeezed(t, x, sizes) for t, x in named], output


@op(namespace="linalg", grad_name="SumBackward1")
def vecdot(x, y, *, dim=-1):
    """Sums of ``conj(x) * y`` along ``dim``."""
    dtype = result_dtype(x, y)
    d = wrap_dim(dim, max(x.ndim, y.ndim))
    products = conj(widened(cast(x, dtype))) * widened(cast(y, dtype))
    return products.sum(d, dtype=products.dtype).astype(dtype.numpy)


@op(method=False, dear=True, grad_name="UnsafeViewBackward0")
def tensordot(a, b, dims=2):
    """Contracts several dimensions at once: the last ``dims`` of ``a`` with the first of ``b``, or two lists."""
    if isinstance(dims, int):
        check(dims >= 0, f"tensordot expects dims >= 0, but got dims={dims}")
        check(dims <= min(a.ndim, b.ndim), f"tensordot expects dims < ndim_a or ndim_b, but got dims={dims}")
        i, j = tuple(range(a.ndim - dims, a.ndim)), tuple(range(dims))
    else:
        i, j = ((d,) if isinstance(d, int) else tuple(d) for d in dims)
    i, j = tuple(wrap_dim(d, a.ndim) for d in i), tuple(wrap_dim(d, b.ndim) for d in j)
    check(len(i) == len(j), "both dimension lists should have same length")
    for p, q in zip(i, j):
        m, n = a.shape[p], b.shape[q]
        if m != n:
            if m == 1:
                b = b.sum(q, keepdims=True, dtype=b.dtype)
            elif n == 1:
                a = a.sum(p, keepdims=True, dtype=a.dtype)
            else:
                raise ShapeMismatchError(
                    f"contracted dimensions need to match, but first has size {m} in dim {p - a.ndim if isinstance(dims, int) else p} and second has size {n} in dim {q}",
                    a.shape, b.shape,
                )  # fmt: skip
    same_dtype(a, b)
    return lax.dot_general(a, b, ((i, j), ((), ())), preferred_element_type=a.dtype)


@op(namespace="nn.functional", dear=True)
def bilinear(input1, input2, weight, bias=None):
    """``y[..., k] = input1 @ weight[k] @ input2 + bias[k]``."""
    check(input1.ndim == input2.ndim, f"bilinear(): input dimensions do not match: got {input1.ndim} and {input2.ndim}")
    for n, (x, d) in enumerate(((input1, 1), (input2, 2)), 1):
        check(
            x.shape[-1] == weight.shape[d],
            f"bilinear(): input{n} size does not match weight size: got {x.shape[-1]} but expected {weight.shape[d]}",
        )
    out = jnp.einsum("...i,kij,...j->...k", input1, weight, input2)
    return out if bias is None else out + bias


@op(function=False, method=False, name="cdist", dear=True)
def cdist(x1, x2, p=2, by_product=False):
    """Distances between all rows of ``x1`` and all rows of ``x2`` in the ``p``-norm.

    ``p`` is a static int, "inf", or a runtime number.
    """
    for n, x in enumerate((x1, x2), 1):
        check(
            dtype_of(x).kind == dtypes.FLOATING,
            f"cdist only supports floating-point dtypes, X{n} got: {dtype_of(x).alias}",
        )
        check(x.ndim >= 2, f"cdist only supports at least 2D tensors, X{n} got: {x.ndim}D")
    if x1.shape[-1] != x2.shape[-1]:
        raise ShapeMismatchError(
            f"X1 and X2 must have the same number of columns. X1: {x1.shape[-1]} X2: {x2.shape[-1]}", x1.shape, x2.shape
        )
    dtype = result_dtype(x1, x2)
    x1, x2 = cast(x1, dtype), cast(x2, dtype)
    if by_product and isinstance(p, int) and p == 2:
        return _by_product(x1, x2)
    return distance(x1[..., :, None, :] - x2[..., None, :, :], p)


def _by_product(x, y):
    product = -2 * (x @ jnp.swapaxes(y, -1, -2))  # first, so that the larger numbers are rounded last
    squares = product + (x * x).sum(-1)[..., :, None] + (y * y).sum(-1)[..., None, :]
    return length(jnp.maximum(squares, 0))


@jax.custom_jvp
def _largest(size):
    """The largest along the last dimension; in PyTorch's gradient of a distance every tie counts in full."""
    return size.max(-1)


@_largest.defjvp
def _(primals, tangents):
    out = _largest(*primals)
    return out, jnp.where(primals[0] == out[..., None], tangents[0], 0).sum(-1)


def distance(difference, p):
    """The ``p``-norm over the last dimension; its derivative at 0 is 0."""
    size = magnitude(difference)
    if isinstance(p, str):
        return _largest(size) if size.shape[-1] else jnp.zeros(size.shape[:-1], size.dtype)
    if isinstance(p, int):
        if p == 0:
            return (difference != 0).astype(difference.dtype).sum(-1)
        if p == 1:
            return size.sum(-1)
        if p == 2:
            return length((difference * difference).sum(-1))
    p = cast(p, dtype_of(difference))
    zero = size == 0
    powers = jnp.where(zero, 0, jnp.where(zero, 1, size) ** p).sum(-1)
    none = powers == 0
    return jnp.where(none, 0, jnp.where(none, 1, powers) ** (1 / p))


@op(function=False, method=False, name="pdist", dear=True)
def pdist(input, p=2):
    """Distances between all pairs of rows, in the order of the upper triangle."""
    check(input.ndim == 2, f"pdist only supports 2D tensors, got: {input.ndim}D")
    i, j = np.triu_indices(input.shape[0], 1)
    return distance(jnp.take(input, i, 0) - jnp.take(input, j, 0), p)

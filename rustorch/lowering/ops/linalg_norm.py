"""Norms of matrices, and of vectors or matrices. All have derivative 0 where the norm is 0, as in PyTorch.

``ord`` reaches these ops in three forms: a static int, one of the strings "inf" and "-inf", or a
runtime number (the front end sorts them out), so that control flow on it is safe.
"""

from __future__ import annotations

import jax.numpy as jnp

from rustorch import dtypes
from rustorch.errors import DTypeError, RustorchRuntimeError, check, wrap_dim
from rustorch.lowering.ops._common import dims_of, magnitude, widened
from rustorch.lowering.ops.linalg_checks import floating, matrix
from rustorch.lowering.ops.linalg_decomp import singular_values
from rustorch.lowering.ops.reduce_sum import p_norm
from rustorch.lowering.promote import cast, dtype_of
from rustorch.lowering.table import reduction


def _cast(x, dtype, name):
    kind = dtype_of(x).kind
    if kind < dtypes.FLOATING:
        raise DTypeError(f"{name}: Expected a floating point or complex tensor as input. Got {dtype_of(x).alias}")
    if dtype is None:
        return x
    if (kind == dtypes.COMPLEX) != (dtype.kind == dtypes.COMPLEX):
        what = "complex" if kind == dtypes.COMPLEX else "real"
        raise DTypeError(f"{name}: dtype should be {what} for {what} inputs, but got {dtype.alias}")
    return cast(x, dtype)


def vector_p_norm(x, ord, dims, keepdim):
    """``sum(|x|**ord) ** (1/ord)`` over ``dims``."""
    return p_norm(widened(x), ord, dims, keepdim).astype(dtype_of(x).to_real().numpy)


def _pair(dim, ndim, name):
    check(len(dim) == 2, f"{name}: dim must be a 2-tuple. Got {', '.join(map(str, dim))}")
    a, b = (wrap_dim(d, ndim) for d in dim)
    check(a != b, f"{name}: dims must be different. Got ({dim[0]}, {dim[1]})")
    return a, b


def matrix_p_norm(A, ord, dim, keepdim, name="linalg.matrix_norm"):
    """Frobenius, nuclear, and the norms induced by 1, 2 and inf (negative: the smallest)."""
    matrix(A, name)
    rows, columns = _pair(dim, A.ndim, name)
    if isinstance(ord, str) and ord == "fro":
        return vector_p_norm(A, 2, (rows, columns), keepdim)
    floating(A, name, low_precision=ord != "nuc" and not (isinstance(ord, int) and abs(ord) == 2))
    if isinstance(ord, str) and ord == "nuc" or isinstance(ord, int) and abs(ord) == 2:
        s = singular_values(jnp.moveaxis(A, (rows, columns), (-2, -1)))
        out = s.sum(-1) if ord == "nuc" else s.max(-1, initial=0) if ord > 0 else s.min(-1)
        return jnp.expand_dims(out, tuple(sorted((rows, columns)))) if keepdim else out
    if isinstance(ord, int) and abs(ord) == 1:
        down, across, largest = rows, columns, ord > 0
    elif isinstance(ord, str) and ord in ("inf", "-inf"):
        down, across, largest = columns, rows, ord == "inf"
    else:
        raise RustorchRuntimeError(f"{name}: Order {ord} not supported.")
    sums = magnitude(widened(A)).sum(down, keepdims=True)
    out = (sums.max(across, keepdims=True, initial=0) if largest else sums.min(across, keepdims=True)).astype(
        dtype_of(A).to_real().numpy
    )
    return out if keepdim else jnp.squeeze(out, (rows, columns))


_VECTOR = {"namespace": "linalg", "grad_name": "LinalgVectorNormBackward0", "function": False}


@reduction(**_VECTOR)
def matrix_norm(A, ord="fro", dim=(-2, -1), keepdim=False, dtype=None):
    """A norm of matrices: "fro", "nuc", or induced by 1, 2, "inf" (negative: the smallest ratio)."""
    return matrix_p_norm(_cast(A, dtype, "linalg.matrix_norm"), ord, tuple(dim), keepdim)


@reduction(**_VECTOR)
def norm(A, ord=None, dim=None, keepdim=False, dtype=None):
    """Vector or matrix norm, after the number of dimensions given; by default of all elements, 2-norm."""
    name = "linalg.norm"
    A = _cast(A, dtype, "linalg.vector_norm" if ord is None else name)
    dim = (dim,) if isinstance(dim, int) else dim
    if ord is None:
        return vector_p_norm(A, 2, dims_of(dim, A.ndim), keepdim)
    if dim is not None:
        check(
            len(dim) in (1, 2),
            f"{name}: If dim is specified, it must be of length 1 or 2. Got {', '.join(map(str, dim))}",
        )
    else:
        check(
            A.ndim in (1, 2), f"{name}: If dim is not specified but ord is, the input must be 1D or 2D. Got {A.ndim}D."
        )
        dim = tuple(range(A.ndim))
    if len(dim) == 2:
        return matrix_p_norm(A, ord, tuple(dim), keepdim)
    if isinstance(ord, str) and ord not in ("inf", "-inf"):
        raise RustorchRuntimeError(f"{name}: Order {ord} not supported for vectors.")
    return vector_p_norm(A, ord, dims_of(dim, A.ndim), keepdim)


@reduction(namespace="linalg", grad_name="SqueezeBackward1", dear=True, function=False)
def cond(A, p=None):
    """Condition number: ``norm(A) * norm(inverse(A))``; by default the ratio of extreme singular values."""
    matrix(A, "linalg.cond")
    floating(A, "linalg.cond")
    if p is None or isinstance(p, int) and abs(p) == 2:
        s = singular_values(A)
        return s[..., -1] / s[..., 0] if p == -2 else s[..., 0] / s[..., -1]
    if A.shape[-1] != A.shape[-2]:
        raise RustorchRuntimeError(
            f"linalg.cond: A must be batches of square matrices, but they are {A.shape[-2]} by {A.shape[-1]} matrices"
        )
    if isinstance(p, str) and p == "nuc":
        return singular_values(A).sum(-1) * singular_values(jnp.linalg.inv(A)).sum(-1)
    return matrix_p_norm(A, p, (-2, -1), False) * matrix_p_norm(jnp.linalg.inv(A), p, (-2, -1), False)

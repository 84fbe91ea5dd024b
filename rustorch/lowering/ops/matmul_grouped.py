"""Products of matrices in groups of different sizes."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from rustorch.dtypes import DType
from rustorch.errors import RustorchRuntimeError, check
from rustorch.lowering.promote import dtype_of
from rustorch.lowering.table import op

_TYPES = ("float32", "bfloat16", "float16")


@op(namespace="nn.functional", method=False, inplace=False, out=False, dear=True, grad_name="GroupedMmBackward0")
def grouped_mm(mat_a, mat_b, *, offs=None, bias=None, out_dtype: DType | None = None):
    """Matrix products of groups of rows, columns or terms; ``offs`` (int32) says where each of the g groups ends.

    ``(m, k) @ (g, k, n) -> (m, n)``, rows in groups; ``(g, m, k) @ (k, n) -> (m, n)``, columns in groups;
    ``(m, k) @ (k, n) -> (g, m, n)``, terms of the sum in groups; ``(g, m, k) @ (g, k, n) -> (g, m, n)`` without ``offs``.
    What lies behind the last group is zero. Float32, bfloat16 or float16; sums are float32.
    """
    _check(mat_a, mat_b, offs, bias, out_dtype)
    a, b = (x.astype(jnp.float32) for x in (mat_a, mat_b))
    if offs is None:
        return jnp.matmul(a, b).astype(mat_a.dtype)
    # Each group's product with zeros for what is in other groups: derivatives of any order, in plain products.
    if a.ndim == 3:
        out = _rows(b.T, a.swapaxes(1, 2), offs).T
    elif b.ndim == 3:
        out = _rows(a, b, offs)
    else:
        out = jnp.einsum("mk,gkn->gmn", a, _members(offs, len(b)) * b)
    return out.astype(mat_a.dtype)


def _rows(a, b, offs):
    return jnp.einsum("gmk,gkn->mn", _members(offs, len(a)) * a, b)


def _members(offs, count: int):
    """1 where an element is in a group: (g, count, 1)."""
    group = jnp.searchsorted(offs, jnp.arange(count), side="right")
    return jax.nn.one_hot(group, len(offs), axis=0, dtype=jnp.float32)[:, :, None]


def _check(a, b, offs, bias, out_dtype) -> None:
    for name, x in (("mat_a", a), ("mat_b", b)):
        kind = dtype_of(x)
        check(kind.name in _TYPES, f"Expected {name} to be Float32, BFloat16 or Float16 matrix, got {kind.alias}")
    for name, x in (("mat_a", a), ("mat_b", b)):
        check(x.ndim in (2, 3), f"{name} has to be 2 or 3d")
    both = a.ndim == b.ndim == 3
    check(a.shape[-1] == b.shape[-2], "contraction dimension of mat_a and mat_b must match")
    if both:
        check(a.shape[0] == b.shape[0], "batched dimension has to match")
    if (offs is None) != both:
        raise RustorchRuntimeError(
            "Have to provide offsets if there is a 2d matrix, or no offset if both matrices are 3d"
        )
    if offs is not None:
        check(offs.ndim == 1, "offs has to be 1D")
        check(dtype_of(offs).name == "int32", "Offsets have to be int32")
        for x in (a, b):
            check(x.ndim == 2 or x.shape[0] == offs.shape[0], "matrix batch sizes have to match")
    check(bias is None, "Bias not supported yet")
    check(out_dtype is None or out_dtype is dtype_of(a), "Grouped gemm output dtype must match `mat_a` dtype")

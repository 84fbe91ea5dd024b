"""Matrix products of every rank, and their combinations with a third tensor."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from rustorch.errors import DTypeError, ShapeMismatchError, check
from rustorch.lowering.kernels.products import contract, unrounded
from rustorch.lowering.ops._common import widened
from rustorch.lowering.promote import broadcast_shape, cast, dtype_of, result_dtype
from rustorch.lowering.table import Number, op

_C_NAMES = {"float64": "double", "float32": "float", "float16": "c10::Half", "bfloat16": "c10::BFloat16", "int64": "long long",
            "int32": "int", "int16": "short", "int8": "signed char", "uint8": "unsigned char", "bool": "bool",
            "complex64": "c10::complex<float>", "complex128": "c10::complex<double>"}  # fmt: skip


def same_dtype(a, b):
    """Raise PyTorch's error for two matrices of different types."""
    if a.dtype != b.dtype:
        names = [_C_NAMES.get(dtype_of(t).name, dtype_of(t).name) for t in (a, b)]
        raise DTypeError(f"expected m1 and m2 to have the same dtype, but got: {names[0]} != {names[1]}")


def _same_scalar(a, b):
    if a.dtype != b.dtype:
        raise DTypeError(f"expected scalar type {dtype_of(a).alias} but found {dtype_of(b).alias}")


def _cannot(a, b, rows=None):
    m = f"{a.shape[0] if rows is None else rows}x{a.shape[-1]}"
    return ShapeMismatchError(
        f"mat1 and mat2 shapes cannot be multiplied ({m} and {b.shape[0]}x{b.shape[1]})", a.shape, b.shape
    )


def conj(x):
    return jnp.conj(x) if jnp.iscomplexobj(x) else x


def _mm(a, b):
    return contract(a, b, 1, 0)


def _bmm(a, b):
    return contract(a, b, 2, 1, (0,))


@op(dear=True)
def mm(input, mat2):
    """Product of two matrices, ``(n, m) @ (m, p) -> (n, p)``."""
    check(input.ndim == 2, "self must be a matrix")
    check(mat2.ndim == 2, "mat2 must be a matrix")
    if input.shape[1] != mat2.shape[0]:
        raise _cannot(input, mat2)
    same_dtype(input, mat2)
    return _mm(input, mat2)


def _mm_grads(needs, ct, a, b):
    left = contract(ct, conj(b), 1, 1) if needs[0] else None
    return left, contract(conj(a), ct, 0, 0) if needs[1] else None


mm.vjp(_mm_grads)


@op(dear=True)
def bmm(input, mat2):
    """One matrix product per batch entry, ``(b, n, m) @ (b, m, p) -> (b, n, p)``."""
    _check_bmm(input, mat2)
    return _bmm(input, mat2)


def _check_bmm(a, b):
    check(a.ndim == 3, "batch1 must be a 3D tensor")
    check(b.ndim == 3, "batch2 must be a 3D tensor")
    _check_batches(a, b)
    _same_scalar(a, b)


def _check_batches(a, b):
    if a.shape[0] != b.shape[0] or a.shape[2] != b.shape[1]:
        raise ShapeMismatchError(
            f"Expected size for first two dimensions of batch2 tensor to be: [{a.shape[0]}, {a.shape[2]}] but got: [{b.shape[0]}, {b.shape[1]}].",
            a.shape,
            b.shape,
        )


@bmm.vjp
def _bmm_grads(needs, ct, a, b):
    left = contract(ct, conj(b), 2, 2, (0,)) if needs[0] else None
    return left, contract(conj(a), ct, 1, 1, (0,)) if needs[1] else None


@op(dear=True)
def mv(input, vec):
    """Matrix times vector, ``(n, m) @ (m,) -> (n,)``."""
    check(input.ndim == 2 and vec.ndim == 1, f"vector + matrix @ vector expected, got 1, {input.ndim}, {vec.ndim}")
    if input.shape[1] != vec.shape[0]:
        raise ShapeMismatchError(
            f"size mismatch, got input ({input.shape[0]}), mat ({input.shape[0]}x{input.shape[1]}), vec ({vec.shape[0]})",
            input.shape,
            vec.shape,
        )
    _mv_dtype(vec, input, vec)
    return contract(input, vec, 1, 0)


def _mv_dtype(input, mat, vec):
    if not (input.dtype == mat.dtype == vec.dtype):
        names = [dtype_of(t).alias for t in (input, mat, vec)]
        raise DTypeError(
            f"addmv input tensors must have the same dtype, but got {names[0]}, {names[1]}, and {names[2]}"
        )


def _check_vectors(a, b):
    check(a.ndim == 1 and b.ndim == 1, f"1D tensors expected, but got {a.ndim}D and {b.ndim}D tensors")
    if a.dtype != b.dtype:
        raise DTypeError(
            f"dot : expected both vectors to have same dtype, but found {dtype_of(a).alias} and {dtype_of(b).alias}"
        )
    if a.shape != b.shape:
        m, n = a.shape[0], b.shape[0]
        raise ShapeMismatchError(
            f"inconsistent tensor size, expected tensor [{m}] and src [{n}] to have the same number of elements, but got {m} and {n} elements respectively",
            a.shape,
            b.shape,
        )


@op(name="dot")
def dot_(input, tensor):
    """Sum of products of two vectors."""
    _check_vectors(input, tensor)
    return contract(input, tensor, 0, 0)


@op
def vdot(input, other):
    """Sum of products of two vectors, the first conjugated."""
    _check_vectors(input, other)
    return contract(conj(input), other, 0, 0)


@op(dear=True, grad_name="UnsafeViewBackward0")
def inner(input, other):
    """Sum of products over the last dimension of both: ``(..., n), (---, n) -> (..., ---)``."""
    if input.ndim == 0 or other.ndim == 0:
        dtype = result_dtype(input, other)
        return cast(input, dtype) * cast(other, dtype)
    if input.shape[-1] != other.shape[-1]:
        raise ShapeMismatchError(
            "inner() the last dimension must match on both input tensors but got shapes "
            f"{list(input.shape)} and {list(other.shape)}",
            input.shape,
            other.shape,
        )
    _same_scalar(input, other)
    return contract(input, other, input.ndim - 1, other.ndim - 1)


@op(aliases=("ger",), grad_name="MulBackward0")
def outer(input, vec2):
    """All products of two vectors: ``out[i][j] = input[i] * vec2[j]``."""
    check(input.ndim == 1, f"outer: Expected 1-D argument self, but got {input.ndim}-D")
    check(vec2.ndim == 1, f"outer: Expected 1-D argument vec2, but got {vec2.ndim}-D")
    dtype = result_dtype(input, vec2)
    return cast(input, dtype)[:, None] * cast(vec2, dtype)[None, :]


def _product(a, b):
    """``matmul`` of any ranks, after the checks."""
    if a.ndim == 1 and b.ndim == 1:
        _check_vectors(a, b)
        return contract(a, b, 0, 0)
    if a.ndim == 2 and b.ndim == 1:
        return mv(a, b)
    if b.ndim == 1:
        if a.shape[-1] != b.shape[0]:
            raise ShapeMismatchError(
                f"size mismatch, got input ({_size(a.shape[:-1])}), mat ({_size(a.shape[:-1])}x{a.shape[-1]}), vec ({b.shape[0]})",
                a.shape,
                b.shape,
            )
        same_dtype(a, b)
        return contract(a, b, a.ndim - 1, 0)
    if b.ndim == 2:  # all leading dimensions of ``a`` are rows
        rows = _size(a.shape[:-1])
        if a.shape[-1] != b.shape[0]:
            raise _cannot(a, b, rows)
        same_dtype(a, b)
        flat = _mm(a.reshape(rows, a.shape[-1]), b)
        return flat.reshape(a.shape[:-1] + (b.shape[1],))
    return _batched(a, b)


def _size(shape):
    return int(np.prod(shape, dtype=np.int64))


def _batched(a, b):
    vector = a.ndim == 1
    if vector:
        a = a[None]
    lead = broadcast_shape(a.shape[:-2], b.shape[:-2])
    if a.shape[-1] != b.shape[-2]:
        n = _size(lead)
        raise ShapeMismatchError(
            f"Expected size for first two dimensions of batch2 tensor to be: [{n}, {a.shape[-1]}] but got: [{n}, {b.shape[-2]}].",
            a.shape,
            b.shape,
        )
    _same_scalar(a, b)
    if a.ndim == 2:  # (n, m) @ (..., m, p): one product over all columns
        out = jnp.moveaxis(contract(a, b, 1, b.ndim - 2), 0, -2)
        return out[..., 0, :] if vector else out
    n = len(lead)
    x = jnp.broadcast_to(a, lead + a.shape[-2:])
    y = jnp.broadcast_to(b, lead + b.shape[-2:])
    return contract(x, y, n + 1, n, tuple(range(n)))


def matmul_body(input, other):
    """Matrix product: vectors, matrices, and stacks of matrices whose leading dimensions broadcast."""
    if input.ndim == 0 or other.ndim == 0:
        raise ShapeMismatchError(
            f"both arguments to matmul need to be at least 1D, but they are {input.ndim}D and {other.ndim}D",
            input.shape,
            other.shape,
        )
    return _product(input, other)


def _matmul_grads(needs, ct, a, b):
    """The two products, and everything else as JAX derives it."""
    if a.ndim == 2 and b.ndim == 2:
        return _mm_grads(needs, ct, a, b)
    if b.ndim == 2 and a.ndim > 2:
        rows = ct.reshape(-1, ct.shape[-1]), a.reshape(-1, a.shape[-1])
        left = contract(rows[0], conj(b), 1, 1).reshape(a.shape) if needs[0] else None
        return left, contract(conj(rows[1]), rows[0], 0, 0) if needs[1] else None
    if a.ndim == b.ndim and a.shape[:-2] == b.shape[:-2] and a.ndim > 2:
        n = a.ndim - 2
        batch = tuple(range(n))
        left = contract(ct, conj(b), n + 1, n + 1, batch) if needs[0] else None
        return left, contract(conj(a), ct, n, n, batch) if needs[1] else None
    _, pull = jax.vjp(_product, a, b)
    return tuple(conj(g) for g in pull(conj(ct)))


def _matmul_name(template, inputs):
    """PyTorch takes another way for each pair of ranks."""
    ranks = tuple(min(a.ndim, 3) for a in inputs)
    names = {(1, 1): "Dot", (2, 2): "Mm", (2, 1): "Mv", (1, 2): "Squeeze", (3, 2): "UnsafeView", (3, 1): "UnsafeView"}
    return names.get(ranks, "UnsafeView") + ("Backward4" if ranks == (1, 2) else "Backward0")


matmul = op(matmul_body, name="matmul", dear=True, grad_name=_matmul_name)
matmul.vjp(_matmul_grads)
linalg_matmul = op(matmul_body, name="matmul", namespace="linalg", dear=True, grad_name=_matmul_name)
linalg_matmul.vjp(_matmul_grads)


def _expanded(input, shape):
    try:
        return jnp.broadcast_to(input, shape)
    except ValueError:
        for d in range(1, input.ndim + 1):
            if d > len(shape) or input.shape[-d] not in (1, shape[-d]):
                break
        if d > len(shape):
            raise ShapeMismatchError(
                f"expand(torch.FloatTensor{{{list(input.shape)}}}, size={list(shape)}): the number of sizes provided ({len(shape)}) "
                f"must be greater or equal to the number of dimensions in the tensor ({input.ndim})",
                input.shape, shape,
            ) from None  # fmt: skip
        raise ShapeMismatchError(
            f"The expanded size of the tensor ({shape[-d]}) must match the existing size ({input.shape[-d]}) at non-singleton dimension "
            f"{len(shape) - d}.  Target sizes: {list(shape)}.  Tensor sizes: {list(input.shape)}",
            input.shape, shape,
        ) from None  # fmt: skip


def _mix(beta, input, alpha, product):
    """``beta * input + alpha * product``; a literal 1 is free, a literal 0 drops ``input``'s NaNs."""
    return _mixed(beta, input.astype(product.dtype), alpha, product).astype(input.dtype)


def _mixed(beta, input, alpha, product):
    dtype = dtype_of(product)
    if not (isinstance(alpha, (int, float)) and alpha == 1):
        product = product * cast(alpha, dtype)
    if isinstance(beta, (int, float)) and beta == 1:
        return product + input
    beta = cast(beta, dtype)
    return product + jnp.where(beta == 0, jnp.zeros((), product.dtype), beta * input)


@op(dear=True, inplace=True)
def addmm(input, mat1, mat2, *, beta: Number = 1, alpha: Number = 1):
    """``beta * input + alpha * (mat1 @ mat2)``."""
    check(mat1.ndim == 2, f"mat1 must be a matrix, got {mat1.ndim}-D tensor")
    check(mat2.ndim == 2, f"mat2 must be a matrix, got {mat2.ndim}-D tensor")
    if mat1.shape[1] != mat2.shape[0]:
        raise _cannot(mat1, mat2)
    if input.dtype != mat2.dtype:
        raise DTypeError(
            "self and mat2 must have the same dtype, but got " + f"{dtype_of(input).alias} and {dtype_of(mat2).alias}"
        )
    same_dtype(mat1, mat2)
    return _mix(
        beta,
        _expanded(input, (mat1.shape[0], mat2.shape[1])),
        alpha,
        contract(mat1, mat2, 1, 0, kind=unrounded(mat1.dtype)),
    )


@op(dear=True, inplace=True)
def addmv(input, mat, vec, *, beta: Number = 1, alpha: Number = 1):
    """``beta * input + alpha * (mat @ vec)``."""
    check(
        mat.ndim == 2 and vec.ndim == 1 and input.ndim <= 1,
        f"vector + matrix @ vector expected, got {input.ndim}, {mat.ndim}, {vec.ndim}",
    )
    if mat.shape[1] != vec.shape[0] or (input.size != 1 and input.shape != mat.shape[:1]):
        raise ShapeMismatchError(
            f"size mismatch, got input ({input.size}), mat ({mat.shape[0]}x{mat.shape[1]}), vec ({vec.shape[0]})",
            mat.shape,
            vec.shape,
        )
    _mv_dtype(input, mat, vec)
    return _mix(
        beta, jnp.broadcast_to(input, mat.shape[:1]), alpha, contract(mat, vec, 1, 0, kind=unrounded(mat.dtype))
    )


@op(inplace=True)
def addr(input, vec1, vec2, *, beta: Number = 1, alpha: Number = 1):
    """``beta * input + alpha * outer(vec1, vec2)``."""
    check(vec1.ndim == 1, f"addr: Expected 1-D argument vec1, but got {vec1.ndim}-D")
    check(vec2.ndim == 1, f"addr: Expected 1-D argument vec2, but got {vec2.ndim}-D")
    dtype = result_dtype(input, vec1, vec2)
    product = widened(cast(vec1, dtype))[:, None] * widened(cast(vec2, dtype))[None, :]
    return _mix(beta, _expanded(cast(input, dtype), product.shape), alpha, product)


@op(dear=True, inplace=True)
def baddbmm(input, batch1, batch2, *, beta: Number = 1, alpha: Number = 1):
    """``beta * input + alpha * bmm(batch1, batch2)``."""
    if not input.dtype == batch1.dtype == batch2.dtype:
        raise DTypeError(
            f"Input dtypes must be the same, got: input {_C_NAMES[dtype_of(input).name]}, batch1: {_C_NAMES[dtype_of(batch1).name]}, batch2: {_C_NAMES[dtype_of(batch2).name]}"
        )
    _check_bmm(batch1, batch2)
    product = contract(batch1, batch2, 2, 1, (0,), unrounded(batch1.dtype))
    return _mix(beta, _expanded(input, product.shape), alpha, product)


@op(dear=True, inplace=True)
def addbmm(input, batch1, batch2, *, beta: Number = 1, alpha: Number = 1):
    """``beta * input + alpha *`` the sum over the batch of ``batch1[i] @ batch2[i]``."""
    check(batch1.ndim == 3, "batch1 must be a 3D tensor")
    check(batch2.ndim == 3, "batch2 must be a 3D tensor")
    _check_batches(batch1, batch2)
    product = lax.dot_general(batch1, batch2, (((0, 2), (0, 1)), ((), ())), preferred_element_type=batch1.dtype)
    return _mix(beta, _expanded(input, product.shape), alpha, product)


def chain(matrices, name):
    """The product of several matrices in the cheapest order; the ends may be vectors."""
    check(len(matrices) >= 1, f"{name}(): expected at least 2 tensors but got {len(matrices)}")
    if len(matrices) == 1:
        return matrices[0]
    first, last = matrices[0].ndim == 1, matrices[-1].ndim == 1
    arrays = [
        m[None] if i == 0 and first else m[:, None] if i == len(matrices) - 1 and last else m
        for i, m in enumerate(matrices)
    ]
    sizes = [a.shape[0] for a in arrays] + [arrays[-1].shape[1]]
    n = len(arrays)
    cost, cut = np.zeros((n, n)), np.zeros((n, n), int)
    for length in range(1, n):
        for i in range(n - length):
            j = i + length
            options = [cost[i, k] + cost[k + 1, j] + sizes[i] * sizes[k + 1] * sizes[j + 1] for k in range(i, j)]
            cut[i, j] = i + int(np.argmin(options))
            cost[i, j] = min(options)

    def product(i, j):
        return arrays[i] if i == j else mm(product(i, cut[i, j]), product(cut[i, j] + 1, j))

    out = product(0, n - 1)
    out = out[0] if first else out
    return out[..., 0] if last else out


@op(namespace="linalg", dear=True, grad_name="UnsafeViewBackward0")
def multi_dot(tensors):
    """The product of several matrices, in the order that needs the fewest multiplications."""
    check(len(tensors) >= 2, f"multi_dot(): expected at least 2 tensors but got {len(tensors)}")
    return chain(tensors, "multi_dot")


@op(function=False, method=False, dear=True, grad_name="UnsafeViewBackward0")
def chain_matmul(matrices):
    """The product of several matrices, in the order that needs the fewest multiplications."""
    return chain(matrices, "chain_matmul")

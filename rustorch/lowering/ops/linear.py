"""Affine and bilinear maps."""

from __future__ import annotations

import math

import jax.numpy as jnp

from rustorch.errors import ShapeMismatchError, check
from rustorch.lowering import kernels
from rustorch.lowering.kernels.sums import sum_to
from rustorch.lowering.ops._nn import layer, present, spread, widened
from rustorch.lowering.ops.matmul import same_dtype
from rustorch.lowering.promote import dtype_of


def _check_linear(input, weight, bias):
    check(weight.ndim in (1, 2), f"linear(): weight must have 1 or 2 dimensions. Received: shape {list(weight.shape)}")
    rows = math.prod(input.shape[:-1])
    if not input.ndim or input.shape[-1] != weight.shape[-1]:
        out = weight.shape[0] if weight.ndim == 2 else 1
        raise ShapeMismatchError(
            f"mat1 and mat2 shapes cannot be multiplied ({rows}x{input.shape[-1] if input.ndim else 1} and {weight.shape[-1]}x{out})",
            tuple(input.shape),
            tuple(weight.shape),
        )
    if bias is None:
        same_dtype(input, weight)
    else:
        a, b, c = dtype_of(input), dtype_of(weight), dtype_of(bias)
        check(a is b, f"mat1 and mat2 must have the same dtype, but got {a.alias} and {b.alias}")
        check(a is c, f"self and mat2 must have the same dtype, but got {c.alias} and {a.alias}")
        out = weight.shape[0] if weight.ndim == 2 else 1
        if bias.size and bias.shape[-1:] not in ((), (1,), (out,)):
            raise ShapeMismatchError(
                f"The expanded size of the tensor ({out}) must match the existing size ({bias.shape[-1]}) at "
                f"non-singleton dimension 1.  Target sizes: {[rows, out]}.  Tensor sizes: {list(bias.shape)}",
                tuple(bias.shape),
                (rows, out),
            )


@layer(dear=True, grad_name="AddmmBackward0", out=True)
def linear(input, weight, bias=None):
    """x Wᵀ + b: ``input`` (..., in), ``weight`` (out, in) or (in), ``bias`` (out) → (..., out)."""
    _check_linear(input, weight, bias)
    if weight.ndim == 2 and (bias is None or bias.shape == weight.shape[:1]):
        return kernels.linear(input, weight, bias)
    y = kernels.linear(input, jnp.atleast_2d(weight))
    y = y if weight.ndim == 2 else y[..., 0]
    return y if bias is None else y + bias


@linear.vjp
def _(needs, ct, input, weight, bias=None):
    need = spread(needs, input, weight, bias)
    matrix, g = (weight[None], ct[..., None]) if weight.ndim == 1 else (weight, ct)
    plain = bias is None or bias.shape == matrix.shape[:1]
    dx, dw, db = kernels.linear_vjp(g, input, matrix, bias if plain else None, needs=need)
    if need[1]:
        dw = dw.reshape(weight.shape)
    if need[2] and not plain:
        db = sum_to(ct, bias.shape)
    return present((dx, dw, db), input, weight, bias)


@layer(dear=True, also=("torch",), grad_name="ViewBackward0")
def bilinear(input1, input2, weight, bias=None):
    """x₁ᵀ W x₂ + b: (..., in1), (..., in2), ``weight`` (out, in1, in2), ``bias`` (out) → (..., out)."""
    check(
        input1.shape[:-1] == input2.shape[:-1],
        f"bilinear(): input batch dimensions do not match. Received: {list(input1.shape)} and {list(input2.shape)}",
    )
    for number, x in ((1, input1), (2, input2)):
        if x.shape[-1] != weight.shape[number]:
            raise ShapeMismatchError(
                f"bilinear(): input{number} size does not match weight size: got {x.shape[-1]} but expected {weight.shape[number]}",
                tuple(x.shape),
                tuple(weight.shape),
            )
    check(
        bias is None or bias.shape == weight.shape[:1],
        f"bilinear(): bias size does not match weight size: got {bias.shape[0] if bias is not None and bias.ndim else 0} "
        f"but expected {weight.shape[0]}",
    )
    y = jnp.einsum("...i,oij,...j->...o", *map(widened, (input1, weight, input2)))
    return (y if bias is None else y + bias).astype(input1.dtype)

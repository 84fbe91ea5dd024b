"""The checks that linear algebra functions share, with PyTorch's messages."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from rustorch import dtypes
from rustorch.errors import DTypeError, RustorchRuntimeError, ShapeMismatchError, check
from rustorch.lowering.promote import dtype_of


def floating(A, name, low_precision=False):
    """Raise unless ``A`` is real or complex floating point, single precision or better unless ``low_precision``."""
    dtype = dtype_of(A)
    if dtype.kind < dtypes.FLOATING:
        raise DTypeError(f"{name}: Expected a floating point or complex tensor as input. Got {dtype.alias}")
    if dtype.itemsize < 4 and not low_precision:
        raise DTypeError(f"{name}: Low precision dtypes not supported. Got {dtype.alias}")


def matrix(A, name, argument="A"):
    """Raise unless ``A`` has at least two dimensions."""
    check(A.ndim >= 2, f"{name}: The input tensor {argument} must have at least 2 dimensions.")


def square(A, name, argument="A", low_precision=False):
    """Raise unless ``A`` holds square floating point matrices."""
    square_shape(A, name, argument)
    floating(A, name, low_precision)


def square_shape(A, name, argument="A"):
    """Raise unless ``A`` holds square matrices, of whatever dtype."""
    matrix(A, name, argument)
    if A.shape[-1] != A.shape[-2]:
        raise ShapeMismatchError(
            f"{name}: {argument} must be batches of square matrices, but they are {A.shape[-2]} by {A.shape[-1]} matrices",
            A.shape,
            A.shape,
        )


def same_dtype(A, B, name):
    """Raise unless both operands have one dtype."""
    if A.dtype != B.dtype:
        raise RustorchRuntimeError(
            f"{name}: Expected A and B to have the same dtype, but found A of type {dtype_of(A).alias} and B of type {dtype_of(B).alias} instead"
        )


def batches(A, B, name):
    """The common leading shape of two stacks of matrices."""
    try:
        return np.broadcast_shapes(A.shape[:-2], B.shape[:-2])
    except ValueError:
        raise ShapeMismatchError(
            f"{name}: The batch dimensions of A and B do not broadcast. Received: {list(A.shape)} and {list(B.shape)}",
            A.shape,
            B.shape,
        ) from None


def adjoint(x):
    """The conjugate transpose of the last two dimensions."""
    x = jnp.swapaxes(x, -1, -2)
    return jnp.conj(x) if jnp.iscomplexobj(x) else x

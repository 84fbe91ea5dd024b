"""Small helpers that op bodies share: promotion by hand, dimensions, accumulation types."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from rustorch import dtypes
from rustorch.dtypes import BOOL, COMPLEX, FLOATING, DType
from rustorch.errors import RustorchRuntimeError, wrap_dim
from rustorch.lowering.kernels.sums import sum_to
from rustorch.lowering.promote import broadcast_shape, cast, dtype_of, result_dtype


def promoted(mode: str, *operands) -> tuple:
    """The operands in their common dtype (``"same"``), or at least a floating one (``"float"``)."""
    dtype = result_dtype(*(x for x in operands if x is not None))
    if mode == "float" and dtype.kind < FLOATING:
        dtype = dtypes.get_default_dtype()
    broadcast_shape(*[getattr(x, "shape", ()) for x in operands if x is not None])
    return tuple(x if x is None else cast(x, dtype) for x in operands)


def constant(x) -> bool:
    """True for a Python number whose value this program has fixed."""
    return isinstance(x, (bool, int, float, complex))


def is_float(x) -> bool:
    """True for real floating arrays."""
    return jnp.issubdtype(x.dtype, jnp.floating)


def is_inexact(x) -> bool:
    """True for floating and complex arrays."""
    return jnp.issubdtype(x.dtype, jnp.inexact)


def is_complex(x) -> bool:
    """True for complex arrays."""
    return jnp.issubdtype(x.dtype, jnp.complexfloating)


@jax.custom_jvp
def _magnitude(x):
    return jnp.abs(x)


_magnitude.defjvp(lambda p, t: (_magnitude(p[0]), t[0] * jnp.sign(p[0])))


def magnitude(x):
    """``|x|`` with derivative 0 at 0; JAX takes 1 there."""
    return _magnitude(x) if is_float(x) else jnp.abs(x)


@jax.custom_jvp
def length(square):
    """The square root of a sum of squares, with derivative 0 at 0; the second derivative there is NaN, as PyTorch's."""
    return jnp.sqrt(square)


@length.defjvp
def _(primals, tangents):
    out = length(*primals)
    return out, tangents[0] * jnp.where(out == 0, 0, 0.5 / out)


def widened(x):
    """16-bit floats as float32, the type to compute several steps in; others as they are."""
    return x.astype(jnp.float32) if x.dtype in (jnp.bfloat16, jnp.float16) else x


def as_float(x):
    """Integers and bools as the default floating dtype."""
    return x if is_inexact(x) else x.astype(dtypes.get_default_dtype().numpy)


def dims_of(dim, ndim: int) -> tuple[int, ...]:
    """Dimensions to reduce over, non-negative and sorted; ``None`` and ``()`` mean all.

    Raises:
        IndexError: a dimension outside the tensor.
        RuntimeError: a dimension given twice.
    """
    if dim is None or (isinstance(dim, (tuple, list)) and not dim):
        return tuple(range(ndim))
    if not isinstance(dim, (tuple, list)):
        dim = (dim,)
    out: list[int] = []
    for d in dim:
        d = wrap_dim(d, ndim)
        if d in out:
            raise RustorchRuntimeError(f"dim {d} appears multiple times in the list of dims")
        out.append(d)
    return tuple(sorted(out)) if ndim else ()


def expand_over(x, shape, dims, keepdim: bool):
    """Broadcast a reduced ``x`` back over ``dims`` of ``shape``."""
    if not keepdim:
        x = x.reshape(tuple(1 if i in dims else n for i, n in enumerate(shape)))
    return jnp.broadcast_to(x, shape)


def lift(x, dims, ndim: int, keepdim: bool):
    """A reduced ``x`` with the reduced dimensions back as size one."""
    return x if keepdim or not ndim else jnp.expand_dims(x, dims)


def to_floating(x, dtype: DType | None):
    """``x`` cast to ``dtype`` if one is given."""
    return x if dtype is None else cast(x, dtype)


def need_floating(x, name: str, dtype: DType | None = None) -> None:
    """Raise PyTorch's complaint of averages over integers."""
    kind = (dtype or dtype_of(x)).kind
    if kind < FLOATING:
        got = (dtype or dtype_of(x)).alias
        what = "Optional dtype" if dtype is not None else "Input dtype"
        raise RustorchRuntimeError(
            f"{name}(): could not infer output dtype. {what} must be either a floating point or complex dtype. Got: {got}"
        )


class UnsupportedError(RustorchRuntimeError, NotImplementedError):
    """An operation that does not exist for a dtype."""


def unsupported(name: str, x, suffix: str = "_cpu") -> UnsupportedError:
    """PyTorch's complaint that a kernel does not exist for a dtype."""
    return UnsupportedError(f"\"{name}{suffix}\" not implemented for '{dtype_of(x).alias}'")


def reduced_sum(ct, x, like):
    """A cotangent summed down to the shape of ``like`` (an array or a number)."""
    return sum_to(ct, jnp.shape(like))


__all__ = [
    "BOOL", "COMPLEX", "FLOATING", "UnsupportedError", "as_float", "cast", "constant", "dims_of", "dtype_of", "expand_over",
    "is_complex", "is_float", "is_inexact", "jax", "length", "lift", "magnitude",
    "need_floating", "promoted", "reduced_sum", "result_dtype",
    "sum_to", "to_floating", "unsupported", "widened",
]  # fmt: skip

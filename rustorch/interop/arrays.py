"""Tensors and JAX arrays over the same buffer."""

from __future__ import annotations

import jax

from rustorch.eager.convert import mark_exported
from rustorch.eager.recorder import from_array, value_of
from rustorch.eager.tensor import Tensor
from rustorch.lowering.short import at_home


def from_jax(array: jax.Array) -> Tensor:
    """A tensor over ``array``'s buffer, without a copy.

    Example:
        >>> import jax.numpy as jnp, rustorch
        >>> rustorch.interop.from_jax(jnp.ones(2))
        tensor([1., 1.])
    """
    if not isinstance(array, jax.Array):
        raise TypeError(f"from_jax takes a jax.Array. Received: {type(array).__name__}")
    out = from_array(array)
    mark_exported(out)
    return out


def to_jax(t: Tensor) -> jax.Array:
    """The tensor's value as a JAX array, without a copy; the gradient path stays behind."""
    value = at_home(value_of(t))
    mark_exported(t)
    return value

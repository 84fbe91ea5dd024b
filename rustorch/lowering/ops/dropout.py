"""Dropout in two pieces: a mask that is drawn, and its application.

The mask is a node of its own, so forward and backward share one draw. ``nn/functional.py``
puts the pieces together:

    mask = dropout_mask(size=input.shape, p=p)              # or feature_dropout_mask
    return dropout_apply(input, mask, p)                    # or alpha_dropout_apply

A mask is True where an element is kept, with probability 1 - p.
"""

from __future__ import annotations

import jax.numpy as jnp

from rustorch import dtypes
from rustorch.dtypes import FLOATING
from rustorch.lowering import kernels
from rustorch.lowering.ops._nn import activation, like, noise, widened
from rustorch.lowering.promote import cast, dtype_of
from rustorch.lowering.table import Number

# -scale · alpha of SELU: what alpha dropout puts in place of a dropped element.
_ALPHA = 1.7580993408473766


@noise()
def dropout_mask(key, counter: Number, size: tuple, p: Number):
    """A bool mask of shape ``size``, each element True with probability 1 - p."""
    return kernels.bernoulli(key, counter, size, 1 - p)


@noise()
def feature_dropout_mask(key, counter: Number, size: tuple, p: Number):
    """A bool mask (N, C, 1, ...) for an input of shape ``size``: whole channels are kept or not."""
    shape = tuple(size[:2]) + (1,) * (len(size) - 2)
    return kernels.bernoulli(key, counter, shape, 1 - p)


@activation(function=False, inplace=False, out=False, grad_name="MulBackward0")
def dropout_apply(input, mask, p: Number):
    """``input`` / (1 - p) where ``mask``, else 0; the mask broadcasts. Any shape, kept."""
    if dtype_of(input).kind < FLOATING:
        input = cast(input, dtypes.get_default_dtype())
    keep = 1 - p
    scale = like(jnp.where(keep > 0, 1 / jnp.where(keep > 0, keep, 1), 0), input)
    return jnp.where(mask, input * scale, jnp.zeros((), input.dtype))


@activation(function=False, inplace=False, out=False, grad_name="AddBackward0")
def alpha_dropout_apply(input, mask, p: Number):
    """Dropped elements become SELU's lowest value; then scaled and moved to keep mean and variance.

    a·x where ``mask``, else -a·α, then + a·α·p, with a = 1 / √((α²·p + 1)(1 - p)).
    """
    x = widened(input)
    p = like(p, x)
    a = jnp.where(p < 1, 1 / jnp.sqrt((_ALPHA * _ALPHA * p + 1) * jnp.where(p < 1, 1 - p, 1)), 0)
    return (jnp.where(mask, x, -_ALPHA) * a + _ALPHA * a * p).astype(input.dtype)

"""The normalisations with the statistics that they used: PyTorch's ``native_*`` forms."""

from __future__ import annotations

import math

import jax.numpy as jnp
from jax import lax

from rustorch.errors import check
from rustorch.lowering.ops import norm
from rustorch.lowering.ops._nn import like, need_float, widened
from rustorch.lowering.table import Number, op


def _own(name: str, **options):
    """An op that Python around it calls."""
    return op(function=False, method=False, out=False, name=name, **options)


def _moments(z, axes, eps, keepdims: bool):
    """Mean and 1 / √(var + eps) over ``axes``."""
    mean = z.mean(axes, keepdims=keepdims)
    centred = z - (mean if keepdims else jnp.expand_dims(mean, axes))
    return mean, lax.rsqrt((centred * centred).mean(axes, keepdims=keepdims) + like(eps, z))


@_own("native_layer_norm_", grad_name="NativeLayerNormBackward0")
def native_layer_norm(input, normalized_shape, weight=None, bias=None, eps: Number = 1e-5):
    """``layer_norm`` with the mean and the reciprocal deviation of each row."""
    out = norm.layer_norm.body(input, normalized_shape, weight, bias, eps)
    dims = len(normalized_shape) if isinstance(normalized_shape, (tuple, list)) else 1
    z = lax.stop_gradient(widened(input))
    stats = _moments(z, tuple(range(z.ndim - dims, z.ndim)), eps, True)
    return (out, *(s.astype(input.dtype) for s in stats))


@_own("native_group_norm_", grad_name="NativeGroupNormBackward0")
def native_group_norm(input, weight, bias, N: int, C: int, HxW: int, group: int, eps: Number):
    """``group_norm`` of (N, C, ...) with mean and reciprocal deviation (N, group)."""
    need_float(input, "GroupNormKernelImpl")
    z = widened(input)
    rows = z.reshape(N, group, -1) if input.size else z.reshape(N, group, C * HxW // group)
    mean, scale = _moments(rows, (2,), eps, False)
    y = ((rows - mean[..., None]) * scale[..., None]).reshape(input.shape)
    return norm._affine(y, weight, bias).astype(input.dtype), mean.astype(input.dtype), scale.astype(input.dtype)


@_own("batch_norm_statistics", differentiable=False)
def batch_norm_statistics(input, eps: Number):
    """Mean and 1 / √(var + eps) per channel of (N, C, ...)."""
    check(input.ndim >= 2, f"Expected at least 2 dimensions for input tensor but received {input.ndim}")
    stats = _moments(widened(input), (0, *range(2, input.ndim)), eps, False)
    return tuple(s.astype(input.dtype) for s in stats)


def _from_output(name, body):
    return op(body, name=name, method=False, out=False, grad_name="SoftmaxBackwardDataBackward0")


def _softmax_grad(grad_output, output, dim: int, input_dtype):
    """The gradient of ``softmax`` from its output: ``(g - sum(g y)) y``."""
    g, y = widened(grad_output), widened(output)
    axis = dim if y.ndim else None
    return ((g - (g * y).sum(axis, keepdims=True)) * y).astype(input_dtype.numpy)


def _log_softmax_grad(grad_output, output, dim: int, input_dtype):
    """The gradient of ``log_softmax`` from its output: ``g - exp(y) sum(g)``."""
    g, y = widened(grad_output), widened(output)
    axis = dim if y.ndim else None
    return (g - jnp.exp(y) * g.sum(axis, keepdims=True)).astype(input_dtype.numpy)


_from_output("_softmax_backward_data", _softmax_grad)
_from_output("_log_softmax_backward_data", _log_softmax_grad)


@op(method=False, name="_safe_softmax", grad_name="SafeSoftmaxBackward0")
def safe_softmax(input, dim: int, dtype=None):
    """``softmax`` in which a row of -inf alone gives zeros instead of NaN."""
    x = input if dtype is None else input.astype(dtype.numpy)
    x = x if jnp.issubdtype(x.dtype, jnp.inexact) else x.astype(jnp.float32)
    z, axis = widened(x), dim if x.ndim else None
    none = (z == -math.inf).all(axis, keepdims=True)
    z = jnp.where(none, 0, z)
    e = jnp.exp(z - lax.stop_gradient(z.max(axis, keepdims=True)))
    return jnp.where(none, 0, e / e.sum(axis, keepdims=True)).astype(x.dtype)

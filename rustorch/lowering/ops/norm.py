"""Normalisation: batch, layer, group, instance, root-mean-square, local response, unit length."""

from __future__ import annotations

import math

import jax.numpy as jnp
from jax import lax

from rustorch.errors import ArgumentValueError, ShapeMismatchError, check, wrap_dim
from rustorch.lowering import kernels
from rustorch.lowering.kernels.sums import wide
from rustorch.lowering.ops._common import as_float, is_inexact
from rustorch.lowering.ops._nn import layer, like, need_float, p_norm, piece, present, spread, static, widened
from rustorch.lowering.promote import is_number
from rustorch.lowering.table import Number, op


def _tail(input, normalized_shape, weight, bias, strict_star=", "):
    """How many axes are normalised over, after PyTorch's checks."""
    shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    dims = len(shape)
    check(
        dims >= 1,
        f"Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one element, but got "
        f"normalized_shape = {list(shape)}",
    )
    for name, p in (("weight", weight), ("bias", bias)):
        if p is not None and p.shape != shape:
            raise ShapeMismatchError(
                f"Expected {name} to be of same shape as normalized_shape, but got {name} of shape {list(p.shape)} "
                f"and normalized_shape = {list(shape)}",
                tuple(p.shape),
                shape,
            )
    if input.shape[input.ndim - dims :] != shape or input.ndim < dims:
        inner = ", ".join(map(str, shape))
        raise ShapeMismatchError(
            f"Given normalized_shape={list(shape)}, expected input with shape [*{strict_star}{inner}], but got input of "
            f"size{list(input.shape)}",
            tuple(input.shape),
            shape,
        )
    return dims


@layer(also=("torch",), grad_name="NativeLayerNormBackward0")
def layer_norm(input, normalized_shape, weight=None, bias=None, eps: Number = 1e-5):
    """(x - mean) / √(var + eps) · weight + bias over the last axes, whose sizes are ``normalized_shape``.

    ``weight`` and ``bias`` have that shape; ``input`` (..., *normalized_shape), kept.
    """
    dims = _tail(input, normalized_shape, weight, bias)
    need_float(input, "LayerNormKernelImpl")
    return kernels.layer_norm(input, weight, bias, dims=dims, eps=_eps(eps, input))


def _eps(eps, x):
    return like(eps, jnp.zeros((), wide(x.dtype)))


@layer_norm.vjp
def _(needs, ct, input, normalized_shape, weight=None, bias=None, eps=1e-5):
    dims = _tail(input, normalized_shape, weight, bias)
    need = spread(needs, input, weight, bias)
    grads = kernels.layer_norm_vjp(ct, input, weight, bias, dims=dims, eps=_eps(eps, input), needs=need)
    return present(grads, input, weight, bias)


@layer(also=("torch",), grad_name="FusedRmsNormBackward0")
def rms_norm(input, normalized_shape, weight=None, eps: Number = None):
    """x / √(mean(x²) + eps) · weight over the last axes; ``eps=None`` is the dtype's machine epsilon."""
    dims = _tail(input, normalized_shape, weight, None, "")
    need_float(input, "rms_norm")
    z = widened(input)
    eps = float(jnp.finfo(z.dtype).eps) if eps is None else eps
    n = math.prod(input.shape[input.ndim - dims :])
    rows = z.reshape(*z.shape[: z.ndim - dims], n)
    scale = lax.rsqrt((rows * rows).sum(-1) / n + like(eps, z))
    y = (rows * scale[..., None]).reshape(z.shape)
    y = y if weight is None else y * weight
    return y.astype(input.dtype)


def _check_groups(input, num_groups, weight, bias):
    check(input.ndim >= 2, f"Expected at least 2 dimensions for input tensor but received {input.ndim}")
    check(num_groups > 0, "Expected num groups to be greater than 0")
    channels = input.shape[1]
    check(
        channels % num_groups == 0,
        f"Expected number of channels in input to be divisible by num_groups, but got input of shape {list(input.shape)} "
        f"and num_groups={num_groups}",
    )
    for name, p in (("weight", weight), ("bias", bias)):
        if p is not None and p.shape != (channels,):
            raise ShapeMismatchError(
                f"Expected {name} to be a vector of size equal to the number of channels in input, but got {name} of shape "
                f"{list(p.shape)} and input of shape {list(input.shape)}",
                tuple(p.shape),
                (channels,),
            )


def _grouped(x, groups, eps):
    """Each group of channels of each sample normalised to mean 0 and variance 1."""
    rows = x.reshape(x.shape[0], groups, math.prod(x.shape[1:]) // groups)
    return kernels.layer_norm(rows, eps=eps).reshape(x.shape)


def _per_channel(p, ndim):
    return p.reshape((1, -1) + (1,) * (ndim - 2))


@layer(also=("torch",), grad_name="NativeGroupNormBackward0")
def group_norm(input, num_groups: int, weight=None, bias=None, eps: Number = 1e-5):
    """(x - mean) / √(var + eps) · weight + bias over each of ``num_groups`` groups of channels.

    ``input`` (N, C, ...), kept; ``weight`` and ``bias`` (C).
    """
    _check_groups(input, num_groups, weight, bias)
    rest = math.prod(input.shape[2:]) * input.shape[1] // num_groups
    check(
        input.shape[0] * rest > 1 or not input.size,
        f"Expected more than 1 value per channel when training, got input size {list(input.shape)}",
        ArgumentValueError,
    )
    need_float(input, "GroupNormKernelImpl")
    return _affine(_grouped(widened(input), num_groups, _eps(eps, input)), weight, bias).astype(input.dtype)


def _affine(y, weight, bias):
    y = y if weight is None else y * _per_channel(weight, y.ndim)
    return y if bias is None else y + _per_channel(bias, y.ndim)


def _grouped_rule(need, ct, input, groups, weight, bias, eps):
    """Gradients for input, weight and bias of an affine ``_grouped``."""
    z, g = widened(input), widened(ct)
    axes = (0, *range(2, input.ndim))
    dx = dw = db = None
    if need[0]:
        h = g if weight is None else g * _per_channel(weight, g.ndim)
        shape = (z.shape[0], groups, math.prod(z.shape[1:]) // groups)
        dx = kernels.layer_norm_vjp(h.reshape(shape), z.reshape(shape), eps=eps, needs=(True, False, False))[0]
        dx = dx.reshape(input.shape)
    if need[1]:
        dw = (g * _grouped(z, groups, eps)).sum(axes)
    if need[2]:
        db = g.sum(axes)
    return dx, dw, db


@group_norm.vjp
def _(needs, ct, input, num_groups, weight=None, bias=None, eps=1e-5):
    need = spread(needs, input, weight, bias)
    grads = _grouped_rule(need, ct, input, num_groups, weight, bias, _eps(eps, input))
    return present(grads, input, weight, bias)


def _check_channels(input, **named):
    channels = input.shape[1]
    for name, p in named.items():
        if p is not None and p.shape != (channels,):
            raise ShapeMismatchError(
                f"{name} should contain {channels} elements not {p.size}", tuple(p.shape), (channels,)
            )


def _moved(old, new, momentum):
    """The running statistic after one step; without one, the statistic itself."""
    new = lax.stop_gradient(new)
    if old is None:
        return new
    return (old * like(1 - momentum, old) + new.astype(old.dtype) * like(momentum, old)).astype(old.dtype)


@piece(grad_name="NativeBatchNormBackward0")
def native_batch_norm(input, weight, bias, running_mean, running_var, training: bool, momentum: Number, eps: Number):
    """(x - mean) / √(var + eps) · weight + bias per channel: ``(y, running_mean', running_var')``.

    ``input`` (N, C, ...); the rest (C) or None. In training mean and (biased) variance are the
    batch's and the running statistics move towards them (the unbiased variance) by ``momentum``;
    in evaluation the running ones are used and returned as they are.
    """
    if input.ndim == 1 and not input.size:
        return input, running_mean, running_var
    check(input.ndim >= 2, f"Expected at least 2 dimensions for input tensor but received {input.ndim}")
    _check_channels(input, running_mean=running_mean, running_var=running_var, weight=weight, bias=bias)
    need_float(input, "batch_norm")
    if not training:
        check(running_mean is not None, "running_mean must be defined in evaluation mode")
        check(running_var is not None, "running_var must be defined in evaluation mode")
        return _fixed_norm(input, weight, bias, running_mean, running_var, eps), running_mean, running_var
    count = input.size // max(input.shape[1], 1)
    if not input.size and running_mean is not None and running_var is not None:
        return input, running_mean, running_var
    y, mean, var = kernels.batch_norm(input, weight, bias, eps=_eps(eps, input))
    unbiased = var * (count / max(count - 1, 1))
    return y, _moved(running_mean, mean, momentum), _moved(running_var, unbiased, momentum)


def _fixed_norm(x, weight, bias, mean, var, eps):
    """Normalise by given statistics."""
    rstd = lax.rsqrt(widened(var) + _eps(eps, var))
    scale = rstd if weight is None else rstd * weight
    y = (widened(x) - _per_channel(mean, x.ndim)) * _per_channel(scale, x.ndim)
    return (y if bias is None else y + _per_channel(bias, x.ndim)).astype(x.dtype)


@native_batch_norm.vjp
def _(needs, ct, input, weight, bias, running_mean, running_var, training, momentum, eps):
    need = spread(needs, input, weight, bias, running_mean, running_var)[:3]
    g = ct[0]
    if training:
        grads = kernels.batch_norm_vjp(g, input, weight, bias, eps=_eps(eps, input), needs=need)
    else:
        rstd = _per_channel(lax.rsqrt(widened(running_var) + _eps(eps, running_var)), input.ndim)
        g = widened(g)
        axes = (0, *range(2, input.ndim))
        scale = rstd if weight is None else rstd * _per_channel(weight, input.ndim)
        xhat = (widened(input) - _per_channel(running_mean, input.ndim)) * rstd
        grads = (g * scale, (g * xhat).sum(axes) if need[1] else None, g.sum(axes) if need[2] else None)
    return present((*grads, None, None), input, weight, bias, running_mean, running_var)


@piece(grad_name="ViewBackward0")
def native_instance_norm(
    input, weight, bias, running_mean, running_var, use_input_stats: bool, momentum: Number, eps: Number
):
    """``native_batch_norm`` of each sample by itself: ``(y, running_mean', running_var')``.

    With ``use_input_stats`` mean and variance are each sample's own, per channel, and the running
    statistics move towards their means over the batch; otherwise the running ones are used.
    """
    check(input.ndim >= 2, f"Expected at least 2 dimensions for input tensor but received {input.ndim}")
    _check_channels(input, running_mean=running_mean, running_var=running_var, weight=weight, bias=bias)
    need_float(input, "batch_norm")
    if not use_input_stats:
        check(
            running_mean is not None and running_var is not None,
            "Expected running_mean and running_var to be defined when use_input_stats is false",
        )
        return _fixed_norm(input, weight, bias, running_mean, running_var, eps), running_mean, running_var
    z = widened(input)
    y = _affine(_grouped(z, input.shape[1], _eps(eps, input)), weight, bias).astype(input.dtype)
    axes = tuple(range(2, input.ndim))
    mean, var = z.mean(axes).mean(0), z.var(axes, ddof=1).mean(0)
    return y, _moved(running_mean, mean, momentum), _moved(running_var, var, momentum)


@layer(grad_name="DivBackward0")
def local_response_norm(input, size: int, alpha: Number = 1e-4, beta: Number = 0.75, k: Number = 1.0):
    """x / (k + alpha · mean of x² over ``size`` neighbouring channels)^beta: (N, C, ...), kept."""
    check(
        input.ndim >= 3,
        f"Expected 3D or higher dimensionality                          input (got {input.ndim} dimensions)",
        ArgumentValueError,
    )
    square = widened(input) ** 2
    pad = [(0, 0, 0)] * input.ndim
    pad[1] = (size // 2, (size - 1) // 2, 0)
    square = lax.pad(square, jnp.zeros((), square.dtype), pad)
    channels = input.shape[1]
    total = sum(lax.slice_in_dim(square, i, i + channels, axis=1) for i in range(size))
    # A mean of whole numbers is a whole number, as pooling's is.
    total = total / size if is_inexact(total) else as_float(total // size)
    input = as_float(input)
    return (input / (total * alpha + k) ** like(beta, total)).astype(input.dtype)


@layer(out=True, grad_name="DivBackward0")
def normalize(input, p: Number = 2.0, dim: int = 1, eps: Number = 1e-12):
    """x / max(‖x‖_p, eps) along ``dim``. Any shape, kept."""
    axis = wrap_dim(dim, input.ndim)
    need_float(input, "linalg_vector_norm")
    norm = p_norm(input, p, axis, True) if input.ndim else p_norm(input[None], p, 0)
    floor = like(eps, norm)
    return input / jnp.where(norm < floor, floor, norm)


@op(name="clip_by_total_norm", namespace="nn.utils", function=False, method=False, out=False, differentiable=False)
def clip_by_total_norm(grads: tuple, max_norm: Number, norm_type: Number = 2.0, eps: Number = 1e-6):
    """All gradients scaled by min(1, max_norm / (norm + eps)): ``(norm, *clipped)``.

    The norm is that of all gradients taken as one vector, of order ``norm_type`` (inf for the
    largest magnitude). One node for a whole model.
    """
    norm = _total_norm(grads, norm_type)
    factor = jnp.minimum(like(max_norm, norm) / (norm + like(eps, norm)), 1)
    return (norm, *((g * factor.astype(g.dtype)) for g in grads))


def _total_norm(grads, p):
    kind = max((wide(g.dtype) for g in grads), key=lambda d: d.itemsize)
    kind = grads[0].dtype if all(g.dtype == grads[0].dtype for g in grads) else kind
    flat = [jnp.abs(widened(g)).reshape(-1) for g in grads]

    def two(_):
        return jnp.sqrt(sum((f * f).sum() for f in flat))

    def largest(_):
        return jnp.stack([f.max(initial=0) for f in flat]).max()

    def other(p):
        return sum((f ** p.astype(f.dtype)).sum() for f in flat) ** (1 / p.astype(flat[0].dtype))

    forms = [lambda p, f=f: f(p).astype(kind) for f in (two, largest, other)]
    if static(p) and not is_number(p) or isinstance(p, (int, float)):
        return forms[0 if p == 2 else 1 if p == math.inf else 2](jnp.asarray(p, jnp.float64))
    which = jnp.where(p == 2, 0, jnp.where(p == jnp.inf, 1, 2))
    return lax.switch(which, forms, like(p, jnp.zeros((), jnp.float64)))

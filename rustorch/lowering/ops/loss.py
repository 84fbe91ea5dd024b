"""Losses that compare two tensors element by element, and distances between vectors."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
from jax import lax

from rustorch.dtypes import FLOATING
from rustorch.errors import ArgumentValueError, check, wrap_dim
from rustorch.lowering.ops._common import as_float, magnitude
from rustorch.lowering.ops._nn import (
    layer,
    like,
    need_float,
    p_norm,
    reduced,
    reduction_name,
    static,
    together,
    widened,
)
from rustorch.lowering.ops.pointwise_explog import x_log_y
from rustorch.lowering.promote import cast, dtype_of
from rustorch.lowering.table import Number


def _pair(input, target, weight=None, kernel=None):
    """Input, target and weight in a common dtype, broadcast to one shape."""
    input, target, weight = together(input, target, weight)
    if kernel:
        need_float(input, kernel)
    return input, target, weight


def _weighted(loss, weight, reduction):
    """The weighted mean divides by the sum of the weights."""
    if weight is None:
        return reduced(loss, reduction)
    loss, weight = jnp.broadcast_arrays(loss * weight, weight)
    return loss.sum() / weight.sum() if reduction == "mean" else reduced(loss, reduction)


@layer()
def mse_loss(input, target, size_average=None, reduce=None, reduction: str = "mean", weight=None):
    """(input - target)², reduced: "mean", "sum" or "none". Shapes broadcast."""
    a, b, w = _pair(input, target, weight, "mse_cpu")
    return _weighted((a - b) ** 2, w, reduction_name(size_average, reduce, reduction))


@layer(grad_name="MeanBackward0")
def l1_loss(input, target, size_average=None, reduce=None, reduction: str = "mean", weight=None):
    """|input - target|, reduced: "mean", "sum" or "none". Shapes broadcast."""
    a, b, w = _pair(input, target, weight)
    reduction = reduction_name(size_average, reduce, reduction)
    check(
        reduction != "mean" or dtype_of(a).kind >= FLOATING,
        "mean(): could not infer output dtype. Input dtype must be either a floating point or complex dtype. "
        f"Got: {dtype_of(a).alias}",
    )
    return _weighted(magnitude(a - b), w, reduction)


@layer(grad_name="SmoothL1LossBackward0")
def smooth_l1_loss(input, target, size_average=None, reduce=None, reduction: str = "mean", beta: Number = 1.0):
    """d²/(2·beta) where d = |input - target| < beta, else d - beta/2. Shapes broadcast."""
    check(not static(beta) or beta >= 0, "smooth_l1_loss does not support negative values for beta.")
    a, b, _ = _pair(input, target, None, "smooth_l1_cpu")
    beta = like(beta, a)
    d = jnp.abs(a - b)
    near = d < beta
    loss = jnp.where(near, 0.5 * d * d / jnp.where(beta > 0, beta, 1), d - 0.5 * beta)
    return reduced(loss, reduction_name(size_average, reduce, reduction))


@layer()
def huber_loss(input, target, reduction: str = "mean", delta: Number = 1.0, weight=None):
    """d²/2 where d = |input - target| ≤ delta, else delta·(d - delta/2). Shapes broadcast."""
    check(not static(delta) or delta > 0, "huber_loss does not support non-positive values for delta.")
    a, b, w = _pair(input, target, weight, "huber_cpu")
    d = jnp.abs(widened(a) - widened(b))
    delta = like(delta, d)
    loss = jnp.where(d < delta, 0.5 * d * d, delta * (d - 0.5 * delta)).astype(a.dtype)
    return _weighted(loss, w, reduction_name(None, None, reduction))


@layer()
def binary_cross_entropy(input, target, weight=None, size_average=None, reduce=None, reduction: str = "mean"):
    """-(t·log x + (1 - t)·log(1 - x)) for probabilities x, logarithms held above -100. One shape."""
    reduction = reduction_name(size_average, reduce, reduction)
    check(
        input.shape == target.shape,
        f"Using a target size (torch.Size({list(target.shape)})) that is different to the input size "
        f"(torch.Size({list(input.shape)})) is deprecated. Please ensure they have the same size.",
        ArgumentValueError,
    )
    a, b = dtype_of(input), dtype_of(target)
    check(a is b, f"Found dtype {b.alias} but expected {a.alias}")
    need_float(input, "binary_cross_entropy")
    x, t = widened(input), widened(target)
    loss = _cross_entropy(x, t)
    return reduced((loss if weight is None else loss * weight).astype(input.dtype), reduction)


def _floored_log(x):
    return jnp.maximum(jnp.log(x), -100)


@jax.custom_jvp
def _cross_entropy(x, t):
    return -(t * _floored_log(x) + (1 - t) * _floored_log(1 - x))


@_cross_entropy.defjvp
def _(primals, tangents):
    (x, t), (dx, dt) = primals, tangents
    # A logarithm below the floor is constant; PyTorch's gradient there divides by 1e-12 instead.
    change = dx * (x - t) / jnp.maximum((1 - x) * x, 1e-12) + dt * (_floored_log(1 - x) - _floored_log(x))
    return _cross_entropy(x, t), change


@layer()
def binary_cross_entropy_with_logits(
    input, target, weight=None, size_average=None, reduce=None, reduction: str = "mean", pos_weight=None
):
    """``binary_cross_entropy`` of sigmoid(input) without overflow; ``pos_weight`` multiplies t. One shape."""
    reduction = reduction_name(size_average, reduce, reduction)
    check(
        input.shape == target.shape,
        f"Target size (torch.Size({list(target.shape)})) must be the same as input size (torch.Size({list(input.shape)}))",
        ArgumentValueError,
    )
    a, b = dtype_of(input), dtype_of(target)
    check(b.kind >= FLOATING, f"result type {a.alias} can't be cast to the desired output type {b.alias}")
    x, t, w, p = together(input, target, weight, pos_weight)
    kind = x.dtype
    x, t = widened(x), widened(t)
    softplus = jnp.logaddexp(-x, 0)  # -log sigmoid(x)
    if p is None:
        loss = (1 - t) * x + softplus
    else:
        loss = (1 - t) * x + ((p - 1) * t + 1) * softplus
    return reduced((loss if w is None else loss * w).astype(kind), reduction)


@layer(grad_name="MeanBackward0")
def kl_div(input, target, size_average=None, reduce=None, reduction: str = "mean", log_target: bool = False):
    """t·(log t - input), ``input`` being log-probabilities; ``log_target``: eᵗ·(t - input).

    Reduction also "batchmean", the sum divided by the first size. Shapes broadcast.
    """
    if reduction != "batchmean" or size_average is not None or reduce is not None:
        reduction = reduction_name(size_average, reduce, reduction)
    x, t, _ = _pair(input, target)
    if log_target:
        loss = jnp.exp(t) * (t - x)
    else:
        loss = x_log_y(t, t) - t * x
    if reduction == "batchmean":
        return reduced(loss, "sum") / (input.shape[0] if input.ndim else 1)
    return reduced(loss, reduction)


@layer(grad_name="MeanBackward0")
def poisson_nll_loss(
    input,
    target,
    log_input: bool = True,
    full: bool = False,
    size_average=None,
    eps: Number = 1e-8,
    reduce=None,
    reduction: str = "mean",
):
    """eˣ - t·x (``log_input``) or x - t·log(x + eps); ``full`` adds Stirling's term where t > 1."""
    x, t = map(as_float, _pair(input, target)[:2])
    reduction = reduction_name(size_average, reduce, reduction)
    if log_input:
        loss = jnp.exp(x) - t * x
    else:
        loss = x - t * jnp.log(x + like(eps, x))
    if full:
        large = t > 1
        safe = jnp.where(large, t, 1)
        loss = loss + jnp.where(large, safe * jnp.log(safe) - safe + 0.5 * jnp.log(2 * math.pi * safe), 0)
    return reduced(loss, reduction)


@layer(grad_name="MeanBackward0")
def gaussian_nll_loss(input, target, var, full: bool = False, eps: Number = 1e-6, reduction: str = "mean"):
    """½(log v + (input - target)²/v), v = max(var, eps); ``full`` adds ½ log 2π.

    ``var`` has the input's shape, or lacks the last size, or has 1 in one place. The floor passes no
    gradient to input or target but, as in PyTorch, all of it to ``var``.
    """
    var = jnp.broadcast_to(cast(var, dtype_of(input)), input.shape) if getattr(var, "ndim", 0) == 0 else var
    if var.shape != input.shape:
        if input.shape[:-1] == var.shape:
            var = var[..., None]
        else:
            other = [v for n, v in zip(input.shape, var.shape) if n != v]
            check(
                input.ndim == var.ndim and sum(other) == 1,
                "var is of incorrect size",
                ArgumentValueError,
            )
    check(reduction in ("none", "mean", "sum"), f"{reduction} is not valid", ArgumentValueError)
    floor = like(eps, var)
    v = var + lax.stop_gradient(jnp.where(var < floor, floor - var, 0))
    loss = 0.5 * (jnp.log(v) + (input - target) ** 2 / v)
    if full:
        loss = loss + 0.5 * math.log(2 * math.pi)
    return reduced(loss, reduction)


@layer(grad_name="MeanBackward0")
def hinge_embedding_loss(input, target, margin: Number = 1.0, size_average=None, reduce=None, reduction: str = "mean"):
    """x where target is 1, max(0, margin - x) where it is -1. Shapes broadcast."""
    reduction = reduction_name(size_average, reduce, reduction)
    x, t, _ = _pair(input, target)
    gap = like(margin, x) - x
    loss = jnp.where(t != 1, jnp.where(gap < 0, 0, gap), 0) + jnp.where(t != -1, x, 0)
    return reduced(loss, reduction)


@layer(grad_name="MeanBackward0")
def soft_margin_loss(input, target, size_average=None, reduce=None, reduction: str = "mean"):
    """log(1 + e^(-t·x)) for targets t of 1 and -1. Shapes broadcast."""
    reduction = reduction_name(size_average, reduce, reduction)
    x, t, _ = _pair(input, target)
    return reduced(jnp.log1p(jnp.exp(-t * x)), reduction)


@layer(grad_name="MeanBackward0")
def margin_ranking_loss(
    input1, input2, target, margin: Number = 0.0, size_average=None, reduce=None, reduction: str = "mean"
):
    """max(0, -t·(x₁ - x₂) + margin) for targets t of 1 and -1. Equal dimensions."""
    reduction = reduction_name(size_average, reduce, reduction)
    check(
        input1.ndim == input2.ndim == target.ndim,
        "margin_ranking_loss : All input tensors should have same dimension but got sizes: "
        f"input1: torch.Size({list(input1.shape)}), input2: torch.Size({list(input2.shape)}), "
        f"target: torch.Size({list(target.shape)}) ",
    )
    a, b, t = together(input1, input2, target)
    loss = as_float(-t * (a - b)) if t.dtype != bool else -as_float(t) * (as_float(a) - as_float(b))
    loss = loss + like(margin, loss)
    return reduced(jnp.where(loss < 0, 0, loss), reduction)


def _cosine(a, b, axis, eps):
    """x₁·x₂ / (‖x₁‖·‖x₂‖), each length held above eps."""
    a_len, b_len = (p_norm(x, 2, axis) for x in (a, b))
    # Held without passing its gradient on, as PyTorch holds it.
    a_len, b_len = (n + lax.stop_gradient(jnp.where(n < eps, eps - n, 0)) for n in (a_len, b_len))
    return (a * b).sum(axis) / (a_len * b_len)


@layer(also=("torch",), grad_name="SumBackward1")
def cosine_similarity(x1, x2, dim: int = 1, eps: Number = 1e-8):
    """x₁·x₂ / (max(‖x₁‖, eps)·max(‖x₂‖, eps)) along ``dim``, which goes away. Shapes broadcast."""
    x1, x2, _ = _pair(x1, x2)
    need_float(x1, "cosine_similarity")
    ndim = max(x1.ndim, x2.ndim)
    axis = wrap_dim(dim, ndim)
    x1, x2 = (jnp.atleast_1d(x) for x in jnp.broadcast_arrays(x1, x2))
    return _cosine(x1, x2, axis, like(eps, x1))


@layer(grad_name="MeanBackward0")
def cosine_embedding_loss(
    input1, input2, target, margin: Number = 0.0, size_average=None, reduce=None, reduction: str = "mean"
):
    """1 - cos where target is 1, max(0, cos - margin) where it is -1: (N, D), (N, D), (N) or without N."""
    reduction = reduction_name(size_average, reduce, reduction)
    check(target.ndim <= 1, "0D or 1D target tensor expected, multi-target not supported")
    check(
        input1.ndim == input2.ndim == target.ndim + 1,
        f"{'1D' if target.ndim == 1 else '0D'} target tensor expects {target.ndim + 1}D input tensors, but found inputs with sizes "
        f"{list(input1.shape)} and {list(input2.shape)}.",
    )
    a, b = map(as_float, _pair(input1, input2)[:2])
    dots = (a * b).sum(-1)
    lengths = ((a * a).sum(-1) + 1e-12) * ((b * b).sum(-1) + 1e-12)
    cos = dots / jnp.sqrt(lengths)
    gap = cos - like(margin, cos)
    loss = jnp.where(target == 1, 1 - cos, 0) + jnp.where(target == -1, jnp.where(gap < 0, 0, gap), 0)
    return reduced(loss, reduction)


@layer(also=("torch",), grad_name="NormBackward1")
def pairwise_distance(x1, x2, p: Number = 2.0, eps: Number = 1e-6, keepdim: bool = False):
    """‖x₁ - x₂ + eps‖_p over the last axis. Shapes broadcast."""
    x1, x2, _ = _pair(x1, x2)
    return p_norm(_apart(x1, x2, eps), p, -1, keepdim)


def _apart(a, b, eps):
    """``a - b + eps``: integers are subtracted as such, so that small ones wrap, as in PyTorch."""
    d = as_float(a - b) if a.dtype != bool else as_float(a) - as_float(b)
    return d + like(eps, d)


@layer(grad_name="MeanBackward0")
def triplet_margin_loss(
    anchor,
    positive,
    negative,
    margin: Number = 1.0,
    p: Number = 2.0,
    eps: Number = 1e-6,
    swap: bool = False,
    size_average=None,
    reduce=None,
    reduction: str = "mean",
):
    """max(0, d(a, p) - d(a, n) + margin), d the p-norm over the last axis; ``swap``: the nearer of a and p to n."""
    reduction = reduction_name(size_average, reduce, reduction)
    check(
        anchor.ndim == positive.ndim == negative.ndim,
        f"The anchor, positive, and negative tensors are expected to have the same number of dimensions, but got: anchor {anchor.ndim}D, "
        f"positive {positive.ndim}D, and negative {negative.ndim}D inputs",
    )
    a, b, c = together(anchor, positive, negative)
    near, far = p_norm(_apart(a, b, eps), p, -1), p_norm(_apart(a, c, eps), p, -1)
    if swap:
        far = jnp.minimum(far, p_norm(_apart(b, c, eps), p, -1))
    loss = near - far + like(margin, near)
    return reduced(jnp.where(loss < 0, 0, loss), reduction)

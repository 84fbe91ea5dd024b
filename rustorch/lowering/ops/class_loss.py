"""Losses against classes: cross entropy, likelihoods, margins between classes, CTC."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from rustorch.dtypes import FLOATING, int64, uint8
from rustorch.errors import ArgumentValueError, check
from rustorch.lowering import kernels
from rustorch.lowering.ops import _known as known
from rustorch.lowering.ops._nn import (
    layer,
    like,
    need_float,
    present,
    reduced,
    reduction_name,
    spread,
    static,
    together,
    widened,
)
from rustorch.lowering.promote import dtype_of
from rustorch.lowering.table import Number


def _check_classes(input, target, weight, ignore_index=None):
    """PyTorch's checks for class-index targets."""
    check(input.ndim > 0, "Expected input to have at least 1 dimension")
    if input.ndim == 1:
        check(target.ndim <= 1, "multi-target not supported at inputs of one dimension")
        check(target.ndim == 0 or target.shape[0] == 1, f"Expected target size [1], got {list(target.shape)}")
    else:
        check(
            target.ndim > 0 and input.shape[0] == target.shape[0],
            f"Expected input batch_size ({input.shape[0]}) to match target batch_size "
            f"({target.shape[0] if target.ndim else 0}).",
            ArgumentValueError,
        )
        expected = [input.shape[0], *input.shape[2:]]
        check(
            list(target.shape) == expected,
            "0D or 1D target tensor expected, multi-target not supported"
            if input.ndim == 2
            else f"Expected target size {expected}, got {list(target.shape)}",
        )
    d = dtype_of(target)
    check(d in (int64, uint8), f"expected target dtype to be Long or Byte, but got {d.alias}")
    classes = input.shape[0 if input.ndim == 1 else 1]
    check(
        weight is None or weight.shape == (classes,),
        f"weight tensor should be defined either for all {classes} classes or no classes but got weight tensor of shape: "
        f"{list(weight.shape) if weight is not None else None}",
    )
    if weight is not None and dtype_of(weight) is not dtype_of(input):
        check(False, f"expected scalar type {dtype_of(input).alias} but found {dtype_of(weight).alias}")


def _indices(input, target):
    """Whether the target holds class indices, not probabilities."""
    return target.shape != input.shape or (input.ndim == 1 and dtype_of(target).kind < FLOATING)


@layer(grad_name="NllLossBackward0")
def cross_entropy(
    input,
    target,
    weight=None,
    size_average=None,
    ignore_index: int = -100,
    reduce=None,
    reduction: str = "mean",
    label_smoothing: Number = 0.0,
):
    """-log softmax(input)[target]: logits (C), (N, C) or (N, C, ...) and class indices without C.

    Targets of the input's shape are class probabilities. ``weight`` (C) weighs classes and divides
    the mean; ``ignore_index`` counts as no sample; ``label_smoothing`` mixes in the uniform
    distribution. An index outside [0, C) gives NaN.
    """
    reduction = reduction_name(size_average, reduce, reduction)
    check(
        not static(label_smoothing) or 0 <= label_smoothing <= 1,
        f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing}",
    )
    if not _indices(input, target):
        check(ignore_index < 0, "ignore_index is not supported for floating point target")
        return _soft_cross_entropy(input, target, weight, reduction, label_smoothing)
    _check_classes(input, target, weight)
    need_float(input, "log_softmax_lastdim_kernel_impl")
    index = target.reshape(()) if input.ndim == 1 else target
    return kernels.cross_entropy(
        input, index, weight, ignore_index=ignore_index, label_smoothing=label_smoothing, reduction=reduction
    )


@cross_entropy.known("target")
def _(input, target, weight=None, size_average=None, ignore_index=-100, *_):
    if target.dtype.kind != "f":
        known.check_classes(target, input.shape[1 if input.ndim > 1 else 0], ignore_index)


def _soft_cross_entropy(input, target, weight, reduction, label_smoothing):
    check(
        dtype_of(target).kind >= FLOATING,
        f"Expected floating point type for target with class probabilities, got {dtype_of(target).alias}",
    )
    axis = 0 if input.ndim == 1 else 1
    classes = input.shape[axis]
    s = like(label_smoothing, target)
    q = target * (1 - s) + s / classes
    logp = kernels.log_softmax(widened(input), axis)
    if weight is not None:
        logp = logp * weight.reshape((-1,) + (1,) * (input.ndim - axis - 1))
    loss = -(logp * q).sum(axis).astype(input.dtype)
    if reduction == "mean":
        return loss.sum() / max(input.size // max(classes, 1), 1)
    return reduced(loss, reduction)


@cross_entropy.vjp
def _(
    needs,
    ct,
    input,
    target,
    weight=None,
    size_average=None,
    ignore_index=-100,
    reduce=None,
    reduction="mean",
    label_smoothing=0.0,
):
    reduction = reduction_name(size_average, reduce, reduction)
    need = spread(needs, input, target, weight)
    grads = [None, None, None]
    hard = _indices(input, target)
    if hard and not need[2]:
        index = target.reshape(()) if input.ndim == 1 else target
        grads[0] = kernels.cross_entropy_vjp(
            ct.reshape(index.shape) if reduction == "none" else ct, input, index, weight,
            ignore_index=ignore_index, label_smoothing=label_smoothing, reduction=reduction,
        )[0]  # fmt: skip
        return present(grads, input, target, weight)
    tensors = (input, target, weight)
    wanted = [i for i in range(3) if need[i]]

    def f(*values):
        full = list(tensors)
        for i, v in zip(wanted, values):
            full[i] = v
        return cross_entropy.body(*full, None, ignore_index, None, reduction, label_smoothing)

    for i, g in zip(wanted, jax.vjp(f, *(tensors[i] for i in wanted))[1](ct)):
        grads[i] = g
    return present(grads, input, target, weight)


@layer(grad_name="NllLossBackward0")
def nll_loss(
    input, target, weight=None, size_average=None, ignore_index: int = -100, reduce=None, reduction: str = "mean"
):
    """-weight[target] · input[target]: log-probabilities (C), (N, C) or (N, C, ...), indices without C.

    The mean divides by the sum of the weights. An index outside [0, C) gives NaN.
    """
    reduction = reduction_name(size_average, reduce, reduction)
    _check_classes(input, target, weight)
    need_float(input, "nll_loss_out_frame")
    axis = 0 if input.ndim == 1 else 1
    index = target.reshape(()) if input.ndim == 1 else target
    t = jnp.expand_dims(index, axis)
    hit = (lax.broadcasted_iota(t.dtype, input.shape, axis) == t) & (t != ignore_index)
    w = jnp.ones((), input.dtype) if weight is None else weight.reshape((-1,) + (1,) * (input.ndim - axis - 1))
    # The comparison reads the target's entry inside the sum: no gather, and no scatter behind it.
    loss = kernels.poisoned(-jnp.where(hit, input * w, 0).sum(axis), index, input.shape[axis], ignore_index)
    total = jnp.where(hit, w, 0).sum(axis).sum()
    return loss.sum() / total if reduction == "mean" else reduced(loss, reduction)


@nll_loss.known("target")
def _(input, target, weight=None, size_average=None, ignore_index=-100, *_):
    known.check_classes(target, input.shape[1 if input.ndim > 1 else 0], ignore_index)


def _rows(input, target, name):
    check(
        input.ndim <= 2 and input.size,
        f"{name}: Expected non-empty vector or matrix with optional 0-dim batch size, but got: {list(input.shape)}",
    )
    return input if input.ndim == 2 else input.reshape(1, -1)


@layer()
def multi_margin_loss(
    input,
    target,
    p: int = 1,
    margin: Number = 1.0,
    weight=None,
    size_average=None,
    reduce=None,
    reduction: str = "mean",
):
    """Σ_{j≠t} max(0, margin - x[t] + x[j])^p · weight[t] / C: ``input`` (N, C) or (C), ``target`` (N) or ()."""
    reduction = reduction_name(size_average, reduce, reduction)
    check(p in (1, 2), "only p == 1 and p == 2 supported", ArgumentValueError)
    x = _rows(input, target, "multi_margin_loss")
    check(
        target.ndim <= 1 and target.size == x.shape[0],
        "multi_margin_loss: target tensor should be 1-D with size equal to the number of input samples (batch size). "
        f"Expected target size [{x.shape[0]}], but got {list(target.shape)}. Input has shape {list(input.shape)}.",
    )
    need_float(x, "multi_margin_loss")
    check(weight is None or weight.ndim == 1, "weight must be one-dimensional", ArgumentValueError)
    t = target.reshape(-1, 1)
    hit = lax.broadcasted_iota(t.dtype, x.shape, 1) == t
    gap = like(margin, x) - jnp.where(hit, x, 0).sum(1, keepdims=True) + x
    z = jnp.where((gap > 0) & ~hit, gap, 0) ** p
    if weight is not None:
        z = z * weight[target.reshape(-1)][:, None]
    loss = z.sum(1) / x.shape[1]
    return reduced(loss if input.ndim == 2 else loss[0], reduction)


@multi_margin_loss.known("target")
def _(input, target, *_):
    check(known.outside(target, input.shape[-1] if input.ndim else 1) is None, "target out of range")


@layer()
def multilabel_margin_loss(input, target, size_average=None, reduce=None, reduction: str = "mean"):
    """Σ over labels t and non-labels j of max(0, 1 - x[t] + x[j]) / C: (N, C) or (C), labels up to the first -1."""
    reduction = reduction_name(size_average, reduce, reduction)
    check(
        input.shape == target.shape,
        f"inconsistent target size: {list(target.shape)} for input of size: {list(input.shape)}",
    )
    x = _rows(input, target, "multilabel_margin_loss")
    need_float(x, "multilabel_margin_loss_forward_out_frame")
    t = target.reshape(x.shape)
    valid = jnp.cumsum(t < 0, axis=1) == 0
    classes = jnp.arange(x.shape[1])
    is_label = ((t[..., None] == classes) & valid[..., None]).any(1)
    at_label = jnp.take_along_axis(x, jnp.where(valid, t, 0), 1)
    gap = 1 - at_label[:, :, None] + x[:, None, :]
    z = jnp.where((gap > 0) & valid[:, :, None] & ~is_label[:, None, :], gap, 0)
    loss = z.sum((1, 2)) / x.shape[1]
    return reduced(loss if input.ndim == 2 else loss[0], reduction)


@layer(grad_name="MeanBackward0")
def multilabel_soft_margin_loss(input, target, weight=None, size_average=None, reduce=None, reduction: str = "mean"):
    """Mean over the last axis of -(t·log σ(x) + (1 - t)·log σ(-x)) · weight. Shapes broadcast."""
    reduction = reduction_name(size_average, reduce, reduction)
    x, t, w = together(input, target, weight)
    loss = t * jnp.logaddexp(-x, 0) + (1 - t) * jnp.logaddexp(x, 0)
    loss = loss if w is None else loss * w
    return reduced(loss.sum(-1) / input.shape[-1], reduction)


@layer(dear=True)
def ctc_loss(
    log_probs,
    targets,
    input_lengths,
    target_lengths,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
):
    """-log of the summed probability of every alignment of ``targets`` (Graves et al., 2006).

    ``log_probs`` (T, N, C) or (T, C); ``targets`` (N, S), or all targets one after another
    (needs lengths known while recording); lengths (N). The mean divides each by its target length.
    """
    reduction = reduction_name(None, None, reduction)
    need_float(log_probs, "ctc_loss_cpu")
    single = log_probs.ndim == 2
    x = log_probs[:, None] if single else log_probs
    steps, batch, classes = x.shape
    check(0 <= blank < classes, "blank must be in label range")
    in_len, out_len = (jnp.asarray(v, jnp.int64).reshape(-1) for v in (input_lengths, target_lengths))
    for name, v in (("input_lengths", in_len), ("target_lengths", out_len)):
        check(v.shape[0] == batch, f"{name} must be of size batch_size")
    if single:
        targets = targets.reshape(1, -1)
    elif targets.ndim == 1:
        targets = _padded(targets, out_len, batch)
    loss = _ctc(widened(x), targets.astype(jnp.int64), in_len, out_len, blank)
    # PyTorch's gradient is the one for log-probabilities that sum to one: eˣ more than the true one, which
    # log_softmax in front takes away again.
    mass = jnp.where((jnp.arange(steps)[:, None] < in_len)[..., None], jnp.exp(widened(x)), 0).sum((0, 2))
    loss = loss + (mass - lax.stop_gradient(mass))
    if zero_infinity:
        loss = jnp.where(jnp.isinf(loss), 0, loss)
    loss = loss.astype(log_probs.dtype)
    if reduction == "mean":
        return (loss / jnp.maximum(out_len, 1).astype(loss.dtype)).mean()
    return loss.sum() if reduction == "sum" else (loss[0] if single else loss)


def _padded(flat, lengths, batch):
    """Targets that lie one after another as rows; each row is long enough for all of them."""
    start = jnp.cumsum(lengths) - lengths
    at = start[:, None] + jnp.arange(flat.shape[0])
    return flat[jnp.minimum(at, flat.shape[0] - 1)] if flat.shape[0] else jnp.zeros((batch, 0), flat.dtype)


def _ctc(x, targets, in_len, out_len, blank):
    """The forward recursion over the targets with blanks between, in the log domain."""
    batch, width = targets.shape
    low = jnp.asarray(-1e30, x.dtype)  # "impossible": finite, so that gradients stay finite
    states = 2 * width + 1
    labels = jnp.full((batch, states), blank, targets.dtype).at[:, 1::2].set(targets)
    skip = jnp.concatenate([jnp.zeros((batch, 2), bool), labels[:, 2:] != labels[:, :-2]], 1)[:, :states]
    skip = skip & (np.arange(states) % 2 == 1)
    emit = jnp.take_along_axis(x, jnp.broadcast_to(labels, (x.shape[0], batch, states)), 2)
    first = jnp.where(np.arange(states) < 2, emit[0], low)

    def shifted(a, by):
        return jnp.concatenate([jnp.full((batch, by), low), a[:, : states - by]], 1)[:, :states]

    def step(alpha, now):
        t, e = now
        parts = jnp.stack([alpha, shifted(alpha, 1), jnp.where(skip, shifted(alpha, 2), low)])
        top = lax.stop_gradient(parts.max(0))
        new = jnp.maximum(e + top + jnp.log(jnp.exp(parts - top).sum(0)), low)
        return jnp.where((t < in_len)[:, None], new, alpha), None

    alpha, _ = lax.scan(step, first, (jnp.arange(1, x.shape[0]), emit[1:]))
    last = 2 * out_len
    rows = jnp.arange(batch)
    ends = jnp.stack([alpha[rows, last], jnp.where(last > 0, alpha[rows, jnp.maximum(last - 1, 0)], low)])
    top = lax.stop_gradient(ends.max(0))
    total = top + jnp.log(jnp.exp(ends - top).sum(0))
    return jnp.where(total < low / 2, jnp.inf, -total)

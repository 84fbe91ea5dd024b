"""Cross entropy on class indices, without gather or scatter.

The target's log-probability is read by comparing an iota with the targets inside the fused
reduction, and the gradient ``softmax - target distribution`` is one elementwise loop. The
scatter that JAX derives from a gather is a serial loop on the CPU, and this form also spares
a second pass over the logits.
"""

import jax.numpy as jnp
from jax import lax

from .attention import log_softmax, softmax
from .sums import wide


def _parts(shape, axis, target, weight, ignore_index, smoothing, kind):
    """The target distribution ``q`` (logits' shape) and each sample's weight (target's shape).

    A sample's loss is ``-sum(q * log p)``; ignored samples have ``q = 0`` and weight 0.
    """
    classes = shape[axis]
    t = jnp.expand_dims(target.astype(jnp.int32), axis)
    real = t != ignore_index
    hit = lax.broadcasted_iota(jnp.int32, shape, axis) == t
    w = None if weight is None else weight.reshape((-1,) + (1,) * (len(shape) - axis - 1))
    q = jnp.where(hit, jnp.asarray(1 - smoothing + smoothing / classes, kind), smoothing / classes)
    q = q.astype(kind) if w is None else q * w.astype(kind)
    q = jnp.where(real, q, 0)
    per_sample = jnp.where(hit & real, 1 if w is None else w, 0).sum(axis).astype(kind)
    return q, per_sample


def _axis(logits):
    return 0 if logits.ndim == 1 else 1


def cross_entropy(logits, target, weight=None, *, ignore_index=-100, label_smoothing=0.0, reduction="mean"):
    """``logits (C,)``, ``(N, C)`` or ``(N, C, ...)`` and integer ``target`` without the C axis."""
    axis, kind = _axis(logits), wide(logits.dtype)
    logp = log_softmax(logits.astype(kind), axis)
    q, per_sample = _parts(logits.shape, axis, target, weight, ignore_index, label_smoothing, kind)
    loss = -jnp.where(q == 0, 0, q * logp).sum(axis)
    if reduction == "sum":
        loss = loss.sum()
    elif reduction == "mean":
        loss = loss.sum() / per_sample.sum()
    return loss.astype(logits.dtype)


def cross_entropy_vjp(
    ct, logits, target, weight=None, *, ignore_index=-100, label_smoothing=0.0,
    reduction="mean", needs=(True,),
):  # fmt: skip
    """``(softmax * sum(q) - q) * ct``, divided by the samples' total weight for a mean."""
    axis, kind = _axis(logits), wide(logits.dtype)
    p = softmax(logits.astype(kind), axis)
    q, per_sample = _parts(logits.shape, axis, target, weight, ignore_index, label_smoothing, kind)
    g = ct.astype(kind)
    g = jnp.expand_dims(g, axis) if reduction == "none" else g
    if reduction == "mean":
        g = g / per_sample.sum()
    return ((g * (p * q.sum(axis, keepdims=True) - q)).astype(logits.dtype),)

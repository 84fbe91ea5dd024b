"""Softmax and scaled dot-product attention.

Attention is two batched products around one fused softmax. That plain form beat
``jax.nn.dot_product_attention`` (1.8 times torch's, against 3.2), whose layout
(batch, length, heads, width) makes XLA:CPU transpose before each product; here heads are
already a batch axis. The gradient is written out so that the row sum of ``dP * P`` becomes
``sum(ct * out)``, over the head width instead of over all keys.
"""

import math

import jax.numpy as jnp
from jax import lax

from ..platform import on_cpu
from .products import contract
from .sums import row_sum, sum_to, wide


def softmax(x, axis=-1):
    """``exp(x) / sum exp(x)`` along ``axis``, shifted by the maximum, in float32 or wider."""
    z = x.astype(wide(x.dtype))
    e = jnp.exp(z - lax.stop_gradient(z.max(axis, keepdims=True)))
    return (e / e.sum(axis, keepdims=True)).astype(x.dtype)


def softmax_vjp(ct, x, axis=-1, *, needs=(True,)):
    """``y * (ct - sum(ct * y))``."""
    y = softmax(x.astype(wide(x.dtype)), axis)
    g = y * ct
    return ((g - y * g.sum(axis, keepdims=True)).astype(x.dtype),)


def log_softmax(x, axis=-1):
    """``x - log(sum(exp(x)))`` along ``axis``."""
    z = x.astype(wide(x.dtype))
    z = z - lax.stop_gradient(z.max(axis, keepdims=True))
    return (z - jnp.log(jnp.exp(z).sum(axis, keepdims=True))).astype(x.dtype)


def log_softmax_vjp(ct, x, axis=-1, *, needs=(True,)):
    """``ct - softmax(x) * sum(ct)``."""
    y = softmax(x.astype(wide(x.dtype)), axis)
    g = ct.astype(y.dtype)
    return ((g - y * g.sum(axis, keepdims=True)).astype(x.dtype),)


def _batched(a, b, i, j, kind=None):
    """Contract axis ``i`` of ``a`` with axis ``j`` of ``b``, in ``kind``; all leading axes are batch."""
    n = a.ndim
    return contract(a, b, n + i, n + j, tuple(range(n - 2)), kind)


def _weights(q, k, mask, causal, scale):
    """The attention probabilities (..., L, S); a row that sees no key is all zero, as torch's."""
    kind = wide(q.dtype)
    if kind == q.dtype:
        scores = _batched(q * jnp.asarray(scale, kind), k, -1, -1)
    else:
        scores = _batched(q, k, -1, -1, kind) * jnp.asarray(scale, kind)
    rows = scores.shape[-2:]
    if causal:
        shape = (1,) * (scores.ndim - 2) + rows
        seen = lax.broadcasted_iota(jnp.int32, shape, scores.ndim - 2) >= lax.broadcasted_iota(
            jnp.int32, shape, scores.ndim - 1
        )
        scores = jnp.where(seen, scores, -jnp.inf)
    if mask is not None:
        scores = jnp.where(mask, scores, -jnp.inf) if mask.dtype == bool else scores + mask
    top = lax.stop_gradient(scores.max(-1, keepdims=True))
    if mask is None:
        e = jnp.exp(scores - top)
        return e / e.sum(-1, keepdims=True)
    e = jnp.exp(scores - jnp.where(top == -jnp.inf, 0, top))
    total = e.sum(-1, keepdims=True)
    return e / jnp.where(total == 0, 1, total)


def attention(q, k, v, mask=None, keep=None, *, causal=False, scale=None):
    """``softmax(scale q k^T + mask) v``.

    ``q (..., L, E)``, ``k (..., S, E)``, ``v (..., S, D)`` with equal leading axes ->
    ``(..., L, D)``. ``mask`` broadcasts to (..., L, S): bool (True may be seen) or added.
    ``keep`` multiplies the probabilities: a dropout mask, already divided by ``1 - p``.
    """
    scale = 1 / math.sqrt(q.shape[-1]) if scale is None else scale
    p = _weights(q, k, mask, causal, scale)
    p = p if keep is None else p * keep
    if on_cpu():  # PyTorch does not round the probabilities there
        return _batched(p, v.astype(p.dtype), -1, -2).astype(q.dtype)
    return _batched(p.astype(q.dtype), v, -1, -2)


def attention_vjp(ct, q, k, v, mask=None, keep=None, *, causal=False, scale=None, needs=(True, True, True, False)):
    """Gradients for q, k, v and an added (float) mask."""
    scale = 1 / math.sqrt(q.shape[-1]) if scale is None else scale
    p = _weights(q, k, mask, causal, scale)
    kept = (p if keep is None else p * keep).astype(q.dtype)
    dv = _batched(kept, ct, -2, -2) if needs[2] else None
    dq = dk = dmask = None
    if needs[0] or needs[1] or needs[3]:
        dp = _batched(ct, v, -1, -1)
        if keep is not None:
            dp = dp * keep
        pull = row_sum(ct * _batched(kept, v, -1, -2))[..., None]
        ds = p * (dp - pull)
        if needs[3]:
            dmask = sum_to(ds, mask.shape).astype(mask.dtype)
        ds = (ds * scale).astype(q.dtype)
        dq = _batched(ds, k, -1, -2) if needs[0] else None
        dk = _batched(ds, q, -2, -2) if needs[1] else None
    return dq, dk, dv, dmask

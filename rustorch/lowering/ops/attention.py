"""Scaled dot-product attention."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from rustorch.errors import ShapeMismatchError, check
from rustorch.lowering import kernels
from rustorch.lowering.ops._nn import layer, like, need_float, present, spread
from rustorch.lowering.promote import dtype_of
from rustorch.lowering.table import Number


def _check(query, key, value, attn_mask, is_causal):
    names = [dtype_of(t).name.replace("float32", "float").replace("float64", "double") for t in (query, key, value)]
    check(
        query.dtype == key.dtype == value.dtype,
        "Expected query, key, and value to have the same dtype, but got query.dtype: "
        f"{names[0]} key.dtype: {names[1]} and value.dtype: {names[2]} instead.",
    )
    check(
        min(query.ndim, key.ndim, value.ndim) >= 2,
        "Expected query, key, and value to all be  at least 2 dimensional, but got query.dim: "
        f"{query.ndim} key.dim: {key.ndim} and value.dim: {value.ndim} instead.",
    )
    need_float(query, "scaled_dot_product_attention")
    for what, ok, other in (
        ("query and key must have the same last size", query.shape[-1] == key.shape[-1], key),
        ("key and value must have the same length", key.shape[-2] == value.shape[-2], value),
    ):
        if not ok:
            raise ShapeMismatchError(
                f"scaled_dot_product_attention(): {what}. Received: query {list(query.shape)}, key {list(key.shape)}, "
                f"value {list(value.shape)}",
                tuple(query.shape),
                tuple(other.shape),
            )
    if attn_mask is not None:
        d = dtype_of(attn_mask)
        check(
            attn_mask.dtype in (jnp.bool_, query.dtype, jnp.float32),
            "Expected attn_mask dtype to be bool or float or to match query dtype, but got attn_mask.dtype: "
            f"{d.name} and  query.dtype: {dtype_of(query).name} instead.",
        )
        check(
            not is_causal,
            "_scaled_dot_product_attention: Explicit attn_mask should not be set when is_causal=True",
        )


def _heads(q, k, v, gqa):
    """Repeat the heads of key and value as often as those of the query need (``enable_gqa``)."""
    if not gqa:
        return k, v
    heads = q.shape[-3]
    for t in (k, v):
        check(
            heads % t.shape[-3] == 0,
            f"Number of heads in key and value must divide the number of heads in query. Received: {t.shape[-3]} and {heads}",
        )
    return tuple(jnp.repeat(t, heads // t.shape[-3], axis=-3) for t in (k, v))


def _equal_leads(q, k, v, gqa):
    """Query, key and value with equal leading axes, as the kernel wants them."""
    k, v = _heads(q, k, v, gqa)
    lead = jnp.broadcast_shapes(q.shape[:-2], k.shape[:-2], v.shape[:-2])
    return tuple(t if t.shape[:-2] == lead else jnp.broadcast_to(t, lead + t.shape[-2:]) for t in (q, k, v))


def _kept(keep, dropout_p, like_this):
    """Multipliers of the probabilities: 0 where dropped, else 1 / (1 - p)."""
    if keep is None:
        return None
    p = like(dropout_p, like_this)
    return jnp.where(keep, 1 / jnp.where(p < 1, 1 - p, 1), jnp.zeros_like(p))


def _scale(scale, q):
    return 1 / math.sqrt(q.shape[-1]) if scale is None else scale


@layer(dear=True, function=False, grad_name="ScaledDotProductFlashAttentionForCpuBackward0")
def attention_core(
    query, key, value, attn_mask=None, keep=None, dropout_p: Number = 0.0, is_causal: bool = False,
    scale: Number = None, enable_gqa: bool = False,
):  # fmt: skip
    """softmax(scale · q kᵀ + mask) v: ``query`` (..., L, E), ``key`` (..., S, E), ``value`` (..., S, D) → (..., L, D).

    ``attn_mask`` broadcasts to (..., L, S): bool (True may be seen) or added. ``keep`` is a bool
    dropout mask of shape (..., L, S) (``dropout_mask``), ``dropout_p`` the probability behind it.
    """
    _check(query, key, value, attn_mask, is_causal)
    q, k, v = _equal_leads(query, key, value, enable_gqa)
    return kernels.attention(q, k, v, attn_mask, _kept(keep, dropout_p, q), causal=is_causal, scale=_scale(scale, q))


@attention_core.vjp
def _(
    needs,
    ct,
    query,
    key,
    value,
    attn_mask=None,
    keep=None,
    dropout_p=0.0,
    is_causal=False,
    scale=None,
    enable_gqa=False,
):
    need = spread(needs, query, key, value, attn_mask, keep)
    (q, k, v), back = jax.vjp(lambda *t: _equal_leads(*t, enable_gqa), query, key, value)
    needs_mask = need[3] and attn_mask.dtype != bool
    dq, dk, dv, dmask = kernels.attention_vjp(
        ct, q, k, v, attn_mask, _kept(keep, dropout_p, q), causal=is_causal, scale=_scale(scale, q),
        needs=(*need[:3], needs_mask),
    )  # fmt: skip
    parts = tuple(jnp.zeros_like(t) if g is None else g for g, t in ((dq, q), (dk, k), (dv, v)))
    grads = back(parts)
    return present((*grads, dmask if needs_mask else None, None), query, key, value, attn_mask, keep)


@layer(dear=True, grad_name="ScaledDotProductFlashAttentionForCpuBackward0")
def scaled_dot_product_attention(
    query, key, value, attn_mask=None, dropout_p: Number = 0.0, is_causal: bool = False, scale: Number = None,
    enable_gqa: bool = False,
):  # fmt: skip
    """softmax(scale · q kᵀ + mask) v: ``query`` (..., L, E), ``key`` (..., S, E), ``value`` (..., S, D) → (..., L, D).

    ``attn_mask`` broadcasts to (..., L, S): bool (True may be seen) or added; ``is_causal`` lets
    row i see columns up to i; ``scale`` is 1/√E by default; ``enable_gqa`` repeats key and value
    heads (axis -3) to match the query's. Dropout is drawn by the front end (``attention_core``).
    """
    return attention_core.lower(query, key, value, attn_mask, None, 0.0, is_causal, scale, enable_gqa)


@scaled_dot_product_attention.vjp
def _(needs, ct, query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False, scale=None, enable_gqa=False):
    return attention_core.vjp_rule(needs, ct, query, key, value, attn_mask, None, 0.0, is_causal, scale, enable_gqa)

"""Multi-head attention as a function of its weights."""

import math

from rustorch.dtypes import bool_
from rustorch.eager import ops as T
from rustorch.eager.ops import nn_functional as _F
from rustorch.nn._functional.dropout import attention_mask, dropout
from rustorch.nn._functional.pieces import piece
from rustorch.nn.attention.bias import CausalBias

_attention_core = piece("attention_core")


def scaled_dot_product_attention(
    query,
    key,
    value,
    attn_mask=None,
    dropout_p=0.0,
    is_causal=False,
    scale=None,
    enable_gqa=False,
):
    """softmax(scale · q kᵀ + mask) v, with dropout of the softmax's values.

    Shapes: q (..., L, E), k (..., S, E), v (..., S, D) → (..., L, D). A boolean mask is true where
    attending is allowed; others are added. ``scale`` is 1/√E unless given.
    """
    if isinstance(attn_mask, CausalBias):
        if is_causal:
            raise ValueError("CausalBias should not be used with causal=True")
        attn_mask = attn_mask._materialize(query.device)
    if dropout_p == 0.0:
        return _F.scaled_dot_product_attention(query, key, value, attn_mask, 0.0, is_causal, scale, enable_gqa)
    kept = attention_mask(query, key, dropout_p)
    return _attention_core(query, key, value, attn_mask, kept, float(dropout_p), is_causal, scale, enable_gqa)


def _require(condition, message):
    if not condition:
        raise AssertionError(message)


def _check_ranks(query, key, value, key_padding_mask, attn_mask, num_heads):
    """Whether the inputs are batched; all of them and the masks must agree."""
    if query.ndim not in (2, 3):
        raise AssertionError(
            f"query should be unbatched 2D or batched 3D tensor but received {query.ndim}-D query tensor"
        )
    batched = query.ndim == 3
    kind, rank = ("batched (3-D)", 3) if batched else ("unbatched (2-D)", 2)
    _require(
        key.ndim == rank and value.ndim == rank,
        f"For {kind} `query`, expected `key` and `value` to be {rank}-D but found "
        f"{key.ndim}-D and {value.ndim}-D tensors respectively",
    )
    if key_padding_mask is not None:
        _require(
            key_padding_mask.ndim == rank - 1,
            f"For {kind} `query`, expected `key_padding_mask` to be `None` or {rank - 1}-D but "
            f"found {key_padding_mask.ndim}-D tensor instead",
        )
    if attn_mask is not None:
        _require(
            attn_mask.ndim in (2, 3),
            f"For {kind} `query`, expected `attn_mask` to be `None`, 2-D or 3-D but found "
            f"{attn_mask.ndim}-D tensor instead",
        )
        if not batched and attn_mask.ndim == 3:
            expected = (num_heads, query.shape[0], key.shape[0])
            _require(
                tuple(attn_mask.shape) == expected,
                f"Expected `attn_mask` shape to be {expected} but got {attn_mask.shape}",
            )
    return batched


def _additive(mask, name, dtype):
    """``mask`` as numbers to add to the scores: -inf where a boolean mask is true."""
    if mask is None:
        return None
    if mask.dtype is bool_:
        return T.zeros_like(mask, dtype=dtype).masked_fill_(mask, -math.inf)
    if not mask.is_floating_point():
        raise AssertionError(f"only bool and floating types of {name} are supported")
    return mask


def _project(query, key, value, weight, bias):
    """Queries, keys and values out of the packed weight (3E, E), in as few products as can be."""
    size = query.shape[-1]
    if key is value:
        if query is key:
            return _F.linear(query, weight, bias).chunk(3, -1)
        weight_q, weight_kv = weight.split([size, 2 * size])
        bias_q, bias_kv = (None, None) if bias is None else bias.split([size, 2 * size])
        return (
            _F.linear(query, weight_q, bias_q),
            *_F.linear(key, weight_kv, bias_kv).chunk(2, -1),
        )
    biases = (None,) * 3 if bias is None else bias.chunk(3)
    inputs = (query, key, value)
    return [_F.linear(x, w, b) for x, w, b in zip(inputs, weight.chunk(3), biases)]


def _project_separately(query, key, value, weights, bias):
    for name, weight in zip("qkv", weights):
        _require(weight is not None, f"use_separate_proj_weight is True but {name}_proj_weight is None")
    biases = (None,) * 3 if bias is None else bias.chunk(3)
    return [_F.linear(x, w, b) for x, w, b in zip((query, key, value), weights, biases)]


def _attn_mask_per_head(mask, batch, num_heads, length, source):
    """An attention mask of rank 2 or 3 as (1 or N, 1 or h, L, S)."""
    if mask.ndim == 2:
        if tuple(mask.shape) != (length, source):
            raise RuntimeError(f"The shape of the 2D attn_mask is {mask.shape}, but should be {(length, source)}.")
        return mask.reshape(1, 1, length, source)
    if mask.ndim == 3:
        expected = (batch * num_heads, length, source)
        if tuple(mask.shape) != expected:
            raise RuntimeError(f"The shape of the 3D attn_mask is {mask.shape}, but should be {expected}.")
        return mask.reshape(batch, num_heads, length, source)
    raise RuntimeError(f"attn_mask's dimension {mask.ndim} is not supported")


def _static(given, name, batch, num_heads, head_dim):
    """A key or value given per head, (N·h, S, d), as (N, h, S, d)."""
    for axis, size in ((0, batch * num_heads), (2, head_dim)):
        _require(
            given.shape[axis] == size,
            f"expecting {name}.size({axis}) of {size}, but got {given.shape[axis]}",
        )
    return given.reshape(batch, num_heads, -1, head_dim)


def multi_head_attention_forward(
    query,
    key,
    value,
    embed_dim_to_check,
    num_heads,
    in_proj_weight,
    in_proj_bias,
    bias_k,
    bias_v,
    add_zero_attn,
    dropout_p,
    out_proj_weight,
    out_proj_bias,
    training=True,
    key_padding_mask=None,
    need_weights=True,
    attn_mask=None,
    use_separate_proj_weight=False,
    q_proj_weight=None,
    k_proj_weight=None,
    v_proj_weight=None,
    static_k=None,
    static_v=None,
    average_attn_weights=True,
    is_causal=False,
):
    """What ``nn.MultiheadAttention`` computes, on (L, N, E) or (L, E) inputs.

    Returns the output and the attention weights, or ``None`` for them.
    """
    batched = _check_ranks(query, key, value, key_padding_mask, attn_mask, num_heads)
    if not batched:
        made = {id(x): x.unsqueeze(1) for x in (query, key, value)}
        query, key, value = made[id(query)], made[id(key)], made[id(value)]
        if key_padding_mask is not None:
            key_padding_mask = key_padding_mask.unsqueeze(0)
    length, batch, embed_dim = query.shape
    head_dim = embed_dim // num_heads
    _require(
        embed_dim == embed_dim_to_check,
        f"was expecting embedding dimension of {embed_dim_to_check}, but got {embed_dim}",
    )
    _require(
        head_dim * num_heads == embed_dim,
        f"embed_dim {embed_dim} not divisible by num_heads {num_heads}",
    )
    if is_causal and attn_mask is None:
        raise RuntimeError(
            "Need attn_mask if specifying the is_causal hint. You may use the Transformer module "
            "method `generate_square_subsequent_mask` to create this mask."
        )
    # The hint replaces the mask only where nothing has to be added to it.
    causal = is_causal and key_padding_mask is None and not need_weights
    if causal:
        attn_mask = None
    key_padding_mask = _additive(key_padding_mask, "key_padding_mask", query.dtype)
    attn_mask = _additive(attn_mask, "attn_mask", query.dtype)

    if use_separate_proj_weight:
        _require(
            key.shape[:2] == value.shape[:2],
            f"key's sequence and batch dims {key.shape[:2]} do not match value's {value.shape[:2]}",
        )
        weights = (q_proj_weight, k_proj_weight, v_proj_weight)
        q, k, v = _project_separately(query, key, value, weights, in_proj_bias)
    else:
        _require(
            key.shape == value.shape,
            f"key shape {key.shape} does not match value shape {value.shape}",
        )
        _require(
            in_proj_weight is not None,
            "use_separate_proj_weight is False but in_proj_weight is None",
        )
        q, k, v = _project(query, key, value, in_proj_weight, in_proj_bias)
    if attn_mask is not None:
        attn_mask = _attn_mask_per_head(attn_mask, batch, num_heads, length, key.shape[0])

    extra = 0  # keys beyond the given ones, which no mask hides
    if bias_k is not None and bias_v is not None:
        _require(static_k is None, "bias cannot be added to static key.")
        _require(static_v is None, "bias cannot be added to static value.")
        k = T.cat([k, bias_k.expand(1, batch, embed_dim)])
        v = T.cat([v, bias_v.expand(1, batch, embed_dim)])
        extra += 1
    else:
        _require(bias_k is None, "bias_k is set but bias_v is None")
        _require(bias_v is None, "bias_v is set but bias_k is None")

    def split_heads(x):
        return x.reshape(x.shape[0], batch, num_heads, head_dim).permute(1, 2, 0, 3)

    q = split_heads(q)
    if static_k is None:
        k = split_heads(k)
    else:
        k = _static(static_k, "static_k", batch, num_heads, head_dim)
    if static_v is None:
        v = split_heads(v)
    else:
        v = _static(static_v, "static_v", batch, num_heads, head_dim)
    if add_zero_attn:
        zero = T.zeros((batch, num_heads, 1, head_dim), dtype=k.dtype, device=k.device)
        k, v = T.cat([k, zero], 2), T.cat([v, zero], 2)
        extra += 1
    source = k.shape[2]
    if extra and attn_mask is not None:
        attn_mask = _F.pad(attn_mask, (0, extra))
    if key_padding_mask is not None:
        if extra:
            key_padding_mask = _F.pad(key_padding_mask, (0, extra))
        for axis, size in ((0, batch), (1, source)):
            _require(
                key_padding_mask.shape[axis] == size,
                f"Expected key_padded_mask.shape[{axis}] to be {size}, but got {key_padding_mask.shape[axis]}",
            )
        padding = key_padding_mask.reshape(batch, 1, 1, source)
        attn_mask = padding if attn_mask is None else attn_mask + padding

    rate = dropout_p if training else 0.0
    if need_weights:
        scores = (q * math.sqrt(1.0 / head_dim)) @ k.transpose(-2, -1)
        weights = _F.softmax(scores if attn_mask is None else scores + attn_mask, -1)
        if rate > 0.0:
            weights = dropout(weights, rate)
        output = weights @ v
    else:
        weights = None
        output = scaled_dot_product_attention(q, k, v, attn_mask, rate, causal)
    output = output.permute(2, 0, 1, 3).reshape(length, batch, embed_dim)
    output = _F.linear(output, out_proj_weight, out_proj_bias)
    if weights is not None:
        if average_attn_weights:
            weights = weights.mean(1)
        if not batched:
            weights = weights.squeeze(0)
    return (output if batched else output.squeeze(1)), weights

"""Attention whose scores go through a function of yours, and masks from functions.

The functions are called once, with index tensors that broadcast to (B, H, L, S), where PyTorch calls them with one index
each under ``vmap``: element-by-element code and look-ups such as ``bias[h]`` mean the same in both.
"""

import math
from typing import NamedTuple

from rustorch.dtypes import bool_
from rustorch.eager import ops as T

_BLOCK = 128


class AuxRequest(NamedTuple):
    """What ``flex_attention`` is to give beside its output."""

    lse: bool = False
    max_scores: bool = False


class AuxOutput(NamedTuple):
    """What was asked for: (B, H, L) each."""

    lse: object = None
    max_scores: object = None


def _indices(batch, heads, queries, keys, device=None):
    """One index tensor for each dimension, which broadcast to all four."""
    sizes = batch, heads, queries, keys
    return [T.arange(n, device=device).reshape([-1 if i == d else 1 for i in range(4)]) for d, n in enumerate(sizes)]


def noop_mask(batch, head, token_q, token_kv):
    """A mask function that lets everything through."""
    return batch.new_ones((), dtype=bool_)


def _combined(name, start, join):
    def combine(*mask_mods):
        if not all(callable(mod) for mod in mask_mods):
            raise RuntimeError(f"All inputs should be callable mask_mods: {mask_mods}")

        def mask(b, h, q_idx, kv_idx):
            result = b.new_full((), start, dtype=bool_)
            for mod in mask_mods:
                result = join(result, mod(b, h, q_idx, kv_idx))
            return result

        return mask

    combine.__name__ = combine.__qualname__ = name
    return combine


and_masks = _combined("and_masks", True, lambda a, b: a & b)
or_masks = _combined("or_masks", False, lambda a, b: a | b)


def create_mask(mod_fn, B, H, Q_LEN, KV_LEN, device=None):
    """The mask function ``mod_fn(b, h, q, kv)`` as a boolean tensor (B, H, Q_LEN, KV_LEN); B and H may be ``None``.

    >>> import rustorch as torch
    >>> torch.nn.attention.flex_attention.create_mask(lambda b, h, q, k: q >= k, None, None, 2, 2)
    tensor([[[[ True, False],
              [ True,  True]]]])
    """
    sizes = B or 1, H or 1, Q_LEN, KV_LEN
    return mod_fn(*_indices(*sizes, device)).broadcast_to(sizes)


class BlockMask:
    """A mask function with the sizes it is for. XLA computes all scores, so blocks save nothing here: ``BLOCK_SIZE``
    only shapes ``to_dense``."""

    def __init__(self, mask_mod, shape, block_size, device):
        self.mask_mod, self.shape, self.BLOCK_SIZE, self.device = mask_mod, shape, block_size, device
        self.seq_lengths = shape[2:]

    def mask(self):
        """The boolean tensor (B, H, L, S)."""
        return create_mask(self.mask_mod, *self.shape, self.device)

    def to_dense(self):
        """1 for every block with an element that is not masked: (B, H, L / block, S / block), int32."""
        rows, columns = self.BLOCK_SIZE
        found = self.mask()
        queries, keys = found.shape[-2:]
        up = math.ceil(queries / rows), math.ceil(keys / columns)
        full = T.zeros(*found.shape[:2], up[0] * rows, up[1] * columns, dtype=bool_, device=found.device)
        full[..., :queries, :keys] = found
        return full.reshape(*found.shape[:2], up[0], rows, up[1], columns).any(5).any(3).int()

    def sparsity(self):
        """Percentage of the scores that PyTorch's kernels would leave out; below 0 where blocks reach over the edge."""
        rows, columns = self.BLOCK_SIZE
        computed = self.to_dense().sum().item() * rows * columns
        return 100 * (1 - computed / math.prod(self.shape))

    def __repr__(self):
        return f"BlockMask(shape={tuple(self.shape)}, BLOCK_SIZE={self.BLOCK_SIZE})"


def create_block_mask(mask_mod, B, H, Q_LEN, KV_LEN, device=None, BLOCK_SIZE=_BLOCK, **_unused):
    """A ``BlockMask`` of a mask function ``mask_mod(b, h, q, kv)``, true where attending is allowed."""
    block = (BLOCK_SIZE, BLOCK_SIZE) if isinstance(BLOCK_SIZE, int) else tuple(BLOCK_SIZE)
    return BlockMask(mask_mod, (B or 1, H or 1, Q_LEN, KV_LEN), block, device)


def flex_attention(
    query, key, value, score_mod=None, block_mask=None, scale=None, enable_gqa=False, return_lse=False,
    kernel_options=None, *, return_aux=None,
):  # fmt: skip
    """softmax(score_mod(scale · q kᵀ)) v with a mask; queries that see no key give zeros.

    Arguments:
        query, key, value: (B, H, L, E), (B, Hkv, S, E), (B, Hkv, S, D) → (B, H, L, D).
        score_mod: ``score_mod(score, b, h, q, kv)`` gives the new scores.
        block_mask: from ``create_block_mask``; ``scale``: 1/√E unless given.
        enable_gqa: fewer heads of keys and values, each shared by H / Hkv query heads.
        return_lse: also the log of the softmax's denominator (B, H, L); ``return_aux``: an ``AuxRequest``.

    Source: Dong et al. (2024), "Flex Attention".

    Raises:
        NotImplementedError: not four dimensions. ValueError: other heads without ``enable_gqa``.

    >>> import rustorch as torch
    >>> from rustorch.nn.attention.flex_attention import flex_attention
    >>> q = torch.ones(1, 1, 3, 2)
    >>> flex_attention(q, q, q, score_mod=lambda score, b, h, i, j: score - (i - j).abs()).shape
    torch.Size([1, 1, 3, 2])
    """
    if query.dim() != 4 or key.dim() != 4 or value.dim() != 4:
        raise NotImplementedError("NYI: query, key, and value must be 4D tensors")
    if not enable_gqa and query.shape[1] != key.shape[1]:
        raise ValueError(
            f"Expect query and key/value to have the same number of heads but got Hq={query.shape[1]} and "
            f"Hkv={key.shape[1]}. Try setting enable_gqa=True for GQA."
        )
    groups = query.shape[1] // key.shape[1]
    if groups > 1:
        key, value = key.repeat_interleave(groups, 1), value.repeat_interleave(groups, 1)
    scale = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    scores = (query @ key.transpose(-2, -1)) * scale
    if score_mod is not None:
        scores = score_mod(scores, *_indices(*scores.shape, query.device))
    if block_mask is not None:
        scores = T.where(block_mask.mask(), scores, -math.inf)
    top = scores.detach().amax(-1, keepdim=True)
    shift = T.where(top == -math.inf, 0.0, top)
    weights = (scores - shift).exp()
    total = weights.sum(-1, keepdim=True)
    out = (weights / T.where(total == 0, 1.0, total)).to(value.dtype) @ value
    if return_aux is not None:
        lse = (total.log() + shift).squeeze(-1) if return_aux.lse else None
        return out, AuxOutput(lse, top.squeeze(-1) if return_aux.max_scores else None)
    return (out, (total.log() + shift).squeeze(-1)) if return_lse else out

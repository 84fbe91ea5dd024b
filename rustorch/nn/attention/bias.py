"""Causal masks that say how they lie when there are more keys than queries."""

import warnings
from enum import IntEnum, auto

from rustorch.dtypes import bool_
from rustorch.eager import ops as T


class CausalVariant(IntEnum):
    """Which corner of the mask the diagonal starts from."""

    UPPER_LEFT = auto()
    LOWER_RIGHT = auto()


class CausalBias:
    """A causal mask (L, S) for ``scaled_dot_product_attention(..., attn_mask=)``; made by the functions below."""

    def __init__(self, variant, seq_len_q, seq_len_kv):
        if not isinstance(variant, CausalVariant):
            raise AssertionError(f"variant must be a CausalVariant, got {type(variant).__name__}")
        self.variant, self.seq_len_q, self.seq_len_kv = variant, seq_len_q, seq_len_kv
        if seq_len_q > seq_len_kv and variant is CausalVariant.LOWER_RIGHT:
            warnings.warn(
                "Lower right causal bias will produce NaNs in the output when seq_len_q > seq_len_kv!", stacklevel=2
            )

    def _materialize(self, device=None):
        offset = 0 if self.variant is CausalVariant.UPPER_LEFT else self.seq_len_kv - self.seq_len_q
        return T.ones(self.seq_len_q, self.seq_len_kv, dtype=bool_, device=device).tril(offset)

    def __repr__(self):
        return repr(self._materialize())


def causal_upper_left(*size):
    """Query i sees keys 0 … i: sizes L, S.

    >>> import rustorch as torch
    >>> torch.nn.attention.bias.causal_upper_left(2, 3)
    tensor([[ True, False, False],
            [ True,  True, False]])
    """
    if len(size) != 2:
        raise AssertionError("causal_upper_left only supports 2D tensors")
    return CausalBias(CausalVariant.UPPER_LEFT, *size)


def causal_lower_right(*size):
    """The last query sees all keys: query i sees keys 0 … i + S - L."""
    if len(size) != 2:
        raise AssertionError("causal_lower_right only supports 2D tensors")
    return CausalBias(CausalVariant.LOWER_RIGHT, *size)

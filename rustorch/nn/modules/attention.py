"""Multi-head attention."""

from rustorch.eager import ops as T
from rustorch.nn import functional as F, init
from rustorch.nn.modules.linear import NonDynamicallyQuantizableLinear
from rustorch.nn.modules.module import Module
from rustorch.nn.parameter import Parameter


class MultiheadAttention(Module):
    """concat(head_1 … head_h) Woᵀ + bo, head_i = softmax(Q_i K_iᵀ/√d) V_i.

    Arguments:
        embed_dim: size E of queries and outputs; num_heads: h, which divides it (d = E/h).
        dropout: probability of dropping an attention weight while training.
        bias: whether the projections have one; add_bias_kv: append a learned key and value;
        add_zero_attn: append a zero key and value.
        kdim, vdim: sizes of keys and values if not E.
        batch_first: (N, L, E) in and out instead of (L, N, E).

    ``forward(query, key, value, key_padding_mask, need_weights, attn_mask,
    average_attn_weights, is_causal)`` returns the output and, if ``need_weights``, the weights
    (N, L, S), averaged over the heads or (N, h, L, S). Boolean masks are true where attending is
    forbidden; others are added to the scores.
    Errors: ``ValueError`` for non-positive sizes, ``AssertionError`` unless h divides E,
    ``RuntimeError`` for masks of the wrong shape.
    Source: Vaswani et al., 2017.

    >>> import rustorch as torch
    >>> layer = torch.nn.MultiheadAttention(4, 2, batch_first=True)
    >>> x = torch.ones(1, 3, 4)
    >>> [tuple(t.shape) for t in layer(x, x, x)]
    [(1, 3, 4), (1, 3, 3)]
    """

    __constants__ = ["batch_first"]

    def __init__(
        self,
        embed_dim,
        num_heads,
        dropout=0.0,
        bias=True,
        add_bias_kv=False,
        add_zero_attn=False,
        kdim=None,
        vdim=None,
        batch_first=False,
        device=None,
        dtype=None,
    ):
        if embed_dim <= 0 or num_heads <= 0:
            raise ValueError(
                "embed_dim and num_heads must be greater than 0, "
                f"got embed_dim={embed_dim} and num_heads={num_heads} instead"
            )
        super().__init__()
        self.embed_dim = embed_dim
        self.kdim = embed_dim if kdim is None else kdim
        self.vdim = embed_dim if vdim is None else vdim
        self._qkv_same_embed_dim = self.kdim == embed_dim and self.vdim == embed_dim
        self.num_heads = num_heads
        self.dropout = dropout
        self.batch_first = batch_first
        self.head_dim = embed_dim // num_heads
        if self.head_dim * num_heads != embed_dim:
            raise AssertionError("embed_dim must be divisible by num_heads")

        like = {"device": device, "dtype": dtype}
        packed = self._qkv_same_embed_dim
        shapes = {
            "q_proj_weight": None if packed else (embed_dim, embed_dim),
            "k_proj_weight": None if packed else (embed_dim, self.kdim),
            "v_proj_weight": None if packed else (embed_dim, self.vdim),
            "in_proj_weight": (3 * embed_dim, embed_dim) if packed else None,
        }
        # The packed weight comes first among the parameters where there is one.
        order = list(shapes) if not packed else ["in_proj_weight", *list(shapes)[:3]]
        shapes["in_proj_bias"] = (3 * embed_dim,) if bias else None
        for name in [*order, "in_proj_bias"]:
            self._add(name, shapes[name], like)
        self.out_proj = NonDynamicallyQuantizableLinear(embed_dim, embed_dim, bias=bias, **like)
        for name in ("bias_k", "bias_v"):
            self._add(name, (1, 1, embed_dim) if add_bias_kv else None, like)
        self.add_zero_attn = add_zero_attn
        self._reset_parameters()

    def _add(self, name, shape, like):
        self.register_parameter(name, None if shape is None else Parameter(T.empty(shape, **like)))

    def _reset_parameters(self):
        for name in ("in_proj_weight", "q_proj_weight", "k_proj_weight", "v_proj_weight"):
            weight = getattr(self, name)
            if weight is not None:
                init.xavier_uniform_(weight)
        if self.in_proj_bias is not None:
            init.zeros_(self.in_proj_bias)
            init.zeros_(self.out_proj.bias)
        if self.bias_k is not None:
            init.xavier_normal_(self.bias_k)
        if self.bias_v is not None:
            init.xavier_normal_(self.bias_v)

    def __setstate__(self, state):
        state.setdefault("_qkv_same_embed_dim", True)
        super().__setstate__(state)

    def forward(
        self,
        query,
        key,
        value,
        key_padding_mask=None,
        need_weights=True,
        attn_mask=None,
        average_attn_weights=True,
        is_causal=False,
    ):
        swapped = self.batch_first and query.ndim == 3
        if swapped:
            # The same tensor stays the same tensor, so that one packed projection serves it.
            made = {id(x): x.transpose(0, 1) for x in (query, key, value)}
            query, key, value = made[id(query)], made[id(key)], made[id(value)]
        output, weights = F.multi_head_attention_forward(
            query,
            key,
            value,
            self.embed_dim,
            self.num_heads,
            self.in_proj_weight,
            self.in_proj_bias,
            self.bias_k,
            self.bias_v,
            self.add_zero_attn,
            self.dropout,
            self.out_proj.weight,
            self.out_proj.bias,
            training=self.training,
            key_padding_mask=key_padding_mask,
            need_weights=need_weights,
            attn_mask=attn_mask,
            use_separate_proj_weight=not self._qkv_same_embed_dim,
            q_proj_weight=self.q_proj_weight,
            k_proj_weight=self.k_proj_weight,
            v_proj_weight=self.v_proj_weight,
            average_attn_weights=average_attn_weights,
            is_causal=is_causal,
        )
        return (output.transpose(0, 1) if swapped else output), weights

    def merge_masks(self, attn_mask, key_padding_mask, query):
        """Both masks as one of shape (N, h, L, S), and its kind: 0 attention, 1 padding, 2 both."""
        kind = None
        merged = None
        if key_padding_mask is not None:
            kind, merged = 1, key_padding_mask
        if attn_mask is not None:
            batch, length = query.shape[0], query.shape[1]
            kind = 2
            if attn_mask.ndim == 3:
                merged = attn_mask.view(batch, -1, length, length)
            else:
                merged = attn_mask.view(1, 1, length, length)
                merged = merged.expand(batch, self.num_heads, -1, -1)
            if key_padding_mask is not None:
                padding = key_padding_mask.view(batch, 1, 1, length)
                merged = merged + padding.expand(-1, self.num_heads, -1, -1)
        return merged, kind

"""``nn.attention``: kernels, causal biases and flex_attention beside torch."""

import numpy as np
import pytest
import torch
import torch.nn.attention.bias
import torch.nn.attention.flex_attention
from nn_oracle import assert_same, assert_same_error

import rustorch

pytestmark = [pytest.mark.filterwarnings("ignore")]
RNG = np.random.default_rng(0)
Q, K, V = (RNG.standard_normal((2, 4, n, 8)).astype("float32") for n in (5, 6, 6))
LIBRARIES = torch, rustorch


def tensors(lib, *arrays):
    return [lib.tensor(a).requires_grad_() for a in arrays]


def same(call, arrays=(Q, K, V), gradients=True):
    """Results and gradients of both libraries."""
    found = []
    for lib in LIBRARIES:
        leaves = tensors(lib, *arrays)
        outs = call(lib, *leaves)
        outs = list(outs) if isinstance(outs, tuple) else [outs]
        grads = lib.autograd.grad(sum(out.cos().sum() for out in outs), leaves) if gradients else []
        found.append([*outs, *grads])
    for theirs, mine in zip(*found, strict=True):
        assert tuple(mine.shape) == tuple(theirs.shape)
        assert_same(mine, theirs, 2e-5)


def flex(lib, *args, **options):
    return lib.nn.attention.flex_attention.flex_attention(*args, **options)


def block(lib, mod, sizes=(None, None, 5, 6)):
    return lib.nn.attention.flex_attention.create_block_mask(mod, *sizes, device="cpu")


CASES = {
    "plain": lambda lib, q, k, v: flex(lib, q, k, v),
    "scale": lambda lib, q, k, v: flex(lib, q, k, v, scale=0.5),
    "distance": lambda lib, q, k, v: flex(lib, q, k, v, lambda s, b, h, i, j: s - 0.5 * (i - j).abs() * (h + 1)),
    "lse": lambda lib, q, k, v: flex(lib, q, k, v, return_lse=True),
    "causal": lambda lib, q, k, v: flex(lib, q, k, v, block_mask=block(lib, lambda b, h, i, j: i >= j)),
    "masked row": lambda lib, q, k, v: flex(lib, q, k, v, block_mask=block(lib, lambda b, h, i, j: i > j)),
    "per head": lambda lib, q, k, v: flex(
        lib, q, k, v, block_mask=block(lib, lambda b, h, i, j: (i - j).abs() <= h + b, (2, 4, 5, 6))
    ),
    "groups": lambda lib, q, k, v: flex(lib, q, k[:, :2], v[:, :2], enable_gqa=True),
}


def by_hand(query, key, value, score_mod=None, block_mask=None, scale=None, enable_gqa=False, return_lse=False):
    """PyTorch's own has no backward on the CPU."""
    groups = query.shape[1] // key.shape[1]
    key, value = key.repeat_interleave(groups, 1), value.repeat_interleave(groups, 1)
    scores = query @ key.mT * (scale or query.shape[-1] ** -0.5)
    where = torch.meshgrid(*map(torch.arange, scores.shape), indexing="ij")
    scores = scores if score_mod is None else score_mod(scores, *where)
    if block_mask is not None:
        scores = scores.masked_fill(~block_mask.mask_mod(*where), -torch.inf)
    out = scores.softmax(-1).nan_to_num(0) @ value
    return (out, scores.logsumexp(-1)) if return_lse else out


@pytest.mark.parametrize("name", CASES)
def test_flex_attention(name, monkeypatch):
    leaves = tensors(rustorch, Q, K, V)
    outs = CASES[name](rustorch, *leaves)
    outs = outs if isinstance(outs, tuple) else (outs,)
    with torch.no_grad():
        wanted = CASES[name](torch, *map(torch.tensor, (Q, K, V)))
    for out, want in zip(outs, wanted if isinstance(wanted, tuple) else (wanted,), strict=True):
        assert_same(out, want, 2e-5)
    if name != "masked row":
        monkeypatch.setattr(torch.nn.attention.flex_attention, "flex_attention", by_hand)
        same(CASES[name])
    else:
        grads = rustorch.autograd.grad(outs[0].sum(), leaves)
        assert all(g.isfinite().all() for g in grads)


def test_table_look_ups_in_score_mod():
    def call(lib, q, k, v, table):
        return flex(lib, q, k, v, lambda s, b, h, i, j: s + table[h, i - j + 5])

    table = RNG.standard_normal((4, 11)).astype("float32")
    leaves = [rustorch.tensor(a).requires_grad_() for a in (Q, K, V, table)]
    out = call(rustorch, *leaves)
    grid = table[:, np.arange(5)[:, None] - np.arange(6) + 5]
    want = torch.nn.functional.scaled_dot_product_attention(*map(torch.tensor, (Q, K, V)), attn_mask=torch.tensor(grid))
    assert_same(out, want, 2e-5)
    assert rustorch.autograd.grad(out.sum(), leaves[3])[0].shape == (4, 11)


def test_masks():
    found = []
    for lib in LIBRARIES:
        A = lib.nn.attention.flex_attention
        low, near = (lambda b, h, i, j: i >= j), (lambda b, h, i, j: (i - j).abs() < 2)
        dense = A.create_mask(A.and_masks(low, near), 2, None, 5, 6, device="cpu")
        other = A.create_mask(A.or_masks(low, near, A.noop_mask), None, 3, 5, 6, device="cpu")
        blocks = A.create_block_mask(low, None, None, 300, 300, device="cpu")
        found.append([dense.tolist(), other.tolist(), blocks.to_dense().tolist(), round(blocks.sparsity(), 3)])
    assert found[0] == found[1]


@pytest.mark.parametrize("name", ["causal_upper_left", "causal_lower_right"])
def test_causal_bias(name):
    def call(lib, q, k, v):
        mask = getattr(lib.nn.attention.bias, name)(5, 6)
        return lib.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)

    for lib in LIBRARIES:
        assert repr(getattr(lib.nn.attention.bias, name)(2, 3)) == repr(getattr(torch.nn.attention.bias, name)(2, 3))
    same(call)


def test_kernels_are_a_choice_without_effect():
    A = rustorch.nn.attention
    q = rustorch.tensor(Q)
    want = rustorch.nn.functional.scaled_dot_product_attention(q, q, q)
    with A.sdpa_kernel([A.SDPBackend.FLASH_ATTENTION, A.SDPBackend.MATH]):
        assert rustorch.equal(rustorch.nn.functional.scaled_dot_product_attention(q, q, q), want)
        assert A._cur_sdpa_kernel_backends() == [A.SDPBackend.FLASH_ATTENTION, A.SDPBackend.MATH]
    for name in ("ERROR", "MATH", "FLASH_ATTENTION", "EFFICIENT_ATTENTION", "CUDNN_ATTENTION", "OVERRIDEABLE"):
        assert int(getattr(A.SDPBackend, name)) == int(getattr(torch.nn.attention.SDPBackend, name))


ERRORS = [
    lambda lib: lib.nn.attention.sdpa_kernel("math").__enter__(),
    lambda lib: lib.nn.attention.bias.causal_upper_left(3),
    lambda lib: lib.nn.attention.flex_attention.and_masks(3),
    lambda lib: flex(lib, lib.zeros(1, 2, 3), lib.zeros(1, 2, 3), lib.zeros(1, 2, 3)),
    lambda lib: flex(lib, lib.zeros(1, 4, 3, 2), lib.zeros(1, 2, 3, 2), lib.zeros(1, 2, 3, 2)),
    lambda lib: lib.nn.functional.scaled_dot_product_attention(
        *[lib.zeros(1, 1, 3, 2)] * 3, attn_mask=lib.nn.attention.bias.causal_upper_left(3, 3), is_causal=True
    ),
    lambda lib: lib.nn.FractionalMaxPool2d(2),
    lambda lib: lib.nn.FractionalMaxPool2d(2, 3, 0.5),
    lambda lib: lib.nn.FractionalMaxPool2d(2, output_ratio=1.5),
    lambda lib: lib.nn.FractionalMaxPool3d(0, 3),
]


@pytest.mark.parametrize("call", ERRORS, ids=range(len(ERRORS)))
def test_errors_are_torchs(call):
    assert_same_error(lambda: call(torch), lambda: call(rustorch))

"""What ``nn.functional`` adds to the recorded operations: noise, in-place forms, resampling."""

import warnings

import numpy as np
import pytest
import torch
from nn_oracle import assert_same, ours

import rustorch

RNG = np.random.default_rng(0)
ROWS = RNG.standard_normal((3, 4)).astype("float32")
IMAGE = RNG.standard_normal((2, 3, 5, 6)).astype("float32")
F = rustorch.nn.functional


def test_the_namespace_is_torchs():
    private = ("has_torch_function", "handle_torch_function", "boolean_dispatch", "assert_int_or_pair")
    left_out = ("fractional_max_pool", "grouped_mm", "scaled_")
    missing = [
        name
        for name, value in vars(torch.nn.functional).items()
        if name[0].islower()
        and callable(value)
        and not name.startswith((*private, *left_out))
        and not hasattr(F, name)
        and not isinstance(value, type)
    ]
    assert missing == []


@pytest.mark.parametrize(
    "call",
    [
        lambda f, x: f.interpolate(x, scale_factor=2),
        lambda f, x: f.interpolate(x, size=(3, 9), mode="nearest-exact"),
        lambda f, x: f.interpolate(x, size=7, mode="bilinear", align_corners=True),
        lambda f, x: f.interpolate(x, scale_factor=(0.6, 1.7), mode="bilinear"),
        lambda f, x: f.interpolate(x, scale_factor=1.5, mode="bicubic", recompute_scale_factor=True),
        lambda f, x: f.interpolate(x, size=(3, 3), mode="bilinear", antialias=True),
        lambda f, x: f.interpolate(x, size=(3, 3), mode="area"),
        lambda f, x: f.upsample_bilinear(x, scale_factor=2),
        lambda f, x: f.pad(x, (1, 2), "circular") if x.ndim == 3 else f.pad(x, (1, 1, 2, 0), value=3.0),
        lambda f, x: f.normalize(x, dim=1),
        lambda f, x: f.leaky_relu(x, 0.2, True),
        lambda f, x: f.threshold(x, 0.1, 2.0, inplace=True),
        lambda f, x: f.hardtanh(x, -0.5, 0.5, True),
        lambda f, x: f.silu(x, inplace=True),
        lambda f, x: f.relu_(x),
        lambda f, x: f.rrelu(x, 0.2, 0.4),
        lambda f, x: f.softmax(x, 1, dtype=x.dtype),
        lambda f, x: f.softmin(x, -1),
        lambda f, x: f.softmin((x * 9).abs().to(dtype=x.bool().byte().dtype), -1, dtype=x.dtype),  # -x wraps around
        lambda f, x: f.mse_loss(x, x * 0.5, None, False),
        lambda f, x: f.mse_loss(x, x * 0.5, size_average=False),
        lambda f, x: f.l1_loss(x, x * 0.5, weight=x * x),
        lambda f, x: f.dropout(x, 0.3, False),
        lambda f, x: f.dropout(x, 1.0),
    ],
)
def test_calls(call):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        reference, mine = torch.tensor(IMAGE), ours(IMAGE)
        assert_same(call(F, mine), call(torch.nn.functional, reference))
        assert_same(mine, reference, what="the input afterwards")


def test_in_place_forms_return_their_input():
    x = ours(ROWS)
    assert F.relu(x, inplace=True) is x and F.relu6(x, True) is x and F.elu(x, 1.0, True) is x
    assert F.dropout(x, 0.5, inplace=True) is x and F.rrelu(x, inplace=True) is x
    with pytest.raises(RuntimeError, match="leaf"):
        F.relu(ours(ROWS, requires_grad=True), inplace=True)


def test_rrelu_draws_slopes():
    x = -rustorch.ones(1000)
    drawn = -F.rrelu(x, 0.2, 0.4, training=True).numpy()
    assert 0.2 <= drawn.min() and drawn.max() < 0.4 and abs(drawn.mean() - 0.3) < 0.01


def test_gumbel_softmax():
    logits = rustorch.tensor([[0.0, 1.0, 2.0]]).repeat(4000, 1).requires_grad_()
    hard = F.gumbel_softmax(logits, tau=0.5, hard=True)
    assert set(np.unique(hard.detach().numpy().round(6))) == {0.0, 1.0}
    expected = np.exp([0, 1, 2]) / np.exp([0, 1, 2]).sum()
    np.testing.assert_allclose(hard.detach().numpy().mean(0), expected, atol=0.03)
    (hard * rustorch.tensor([1.0, 2.0, 3.0])).sum().backward()
    assert logits.grad.abs().sum().item() > 0


def test_one_hot():
    index = np.array([[0, 2], [1, 0]])
    for options in ((), (4,)):
        expected = torch.nn.functional.one_hot(torch.tensor(index), *options)
        assert F.one_hot(ours(index), *options).tolist() == expected.tolist()


def test_embedding_shortens_rows_in_the_table():
    table = RNG.standard_normal((5, 3)).astype("float32") * 3
    reference, mine = torch.tensor(table), ours(table)
    index = np.array([1, 3, 1])
    expected = torch.nn.functional.embedding(torch.tensor(index), reference, max_norm=1.0)
    assert_same(F.embedding(ours(index), mine, max_norm=1.0), expected)
    assert_same(mine, reference)


def test_batch_norm_updates_statistics_without_a_gradient_path():
    x = ours(ROWS, requires_grad=True)
    mean, var = rustorch.zeros(4), rustorch.ones(4)
    reference_mean, reference_var = torch.zeros(4), torch.ones(4)
    F.batch_norm(x, mean, var, training=True, momentum=0.3).sum().backward()
    torch.nn.functional.batch_norm(torch.tensor(ROWS), reference_mean, reference_var, training=True, momentum=0.3)
    assert not mean.requires_grad
    assert_same(mean, reference_mean)
    assert_same(var, reference_var)


def test_attention_dropout_is_unbiased():
    q, k, v = (rustorch.randn(2, 1, 4, 8) for _ in range(3))
    exact = F.scaled_dot_product_attention(q, k, v).numpy()
    rustorch.manual_seed(0)
    wide = [t.expand(2, 2000, 4, 8) for t in (q, k, v)]
    drawn = F.scaled_dot_product_attention(*wide, dropout_p=0.25).numpy()
    np.testing.assert_allclose(drawn.mean(1, keepdims=True), exact, atol=0.1)
    assert drawn.std(1).max() > 0.1

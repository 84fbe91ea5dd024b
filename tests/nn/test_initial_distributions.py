"""Initial values of every layer with parameters come from PyTorch's distributions: Kolmogorov-Smirnov tests."""

import numpy as np
import pytest
import torch
from scipy import stats

import rustorch

# Large enough that another bound or gain is seen.
LAYERS = {
    "Linear": lambda nn: nn.Linear(40, 50),
    "Bilinear": lambda nn: nn.Bilinear(20, 12, 10),
    "Conv1d": lambda nn: nn.Conv1d(16, 40, 3),
    "Conv2d": lambda nn: nn.Conv2d(12, 20, 3, groups=2),
    "Conv3d": lambda nn: nn.Conv3d(6, 20, 3),
    "ConvTranspose1d": lambda nn: nn.ConvTranspose1d(16, 40, 3),
    "ConvTranspose2d": lambda nn: nn.ConvTranspose2d(12, 20, 3, groups=2),
    "ConvTranspose3d": lambda nn: nn.ConvTranspose3d(6, 20, 3),
    "Embedding": lambda nn: nn.Embedding(100, 20, padding_idx=3),
    "EmbeddingBag": lambda nn: nn.EmbeddingBag(100, 20),
    "MultiheadAttention": lambda nn: nn.MultiheadAttention(32, 4, add_bias_kv=True),
    "MultiheadAttention, other sizes": lambda nn: nn.MultiheadAttention(32, 4, kdim=24, vdim=40),
    "TransformerEncoderLayer": lambda nn: nn.TransformerEncoderLayer(32, 4, 64),
    "TransformerDecoderLayer": lambda nn: nn.TransformerDecoderLayer(32, 4, 64),
    "Transformer": lambda nn: nn.Transformer(32, 4, 1, 1, 64),
    "LSTM": lambda nn: nn.LSTM(20, 30, proj_size=10, bidirectional=True),
    "GRU": lambda nn: nn.GRU(20, 30, 2),
    "RNN": lambda nn: nn.RNN(20, 30),
    "LSTMCell": lambda nn: nn.LSTMCell(20, 30),
    "GRUCell": lambda nn: nn.GRUCell(20, 30),
    "RNNCell": lambda nn: nn.RNNCell(20, 30),
    "AdaptiveLogSoftmaxWithLoss": lambda nn: nn.AdaptiveLogSoftmaxWithLoss(32, 200, [20, 60], head_bias=True),
    "BatchNorm2d": lambda nn: nn.BatchNorm2d(8),
    "InstanceNorm2d": lambda nn: nn.InstanceNorm2d(8, affine=True),
    "GroupNorm": lambda nn: nn.GroupNorm(2, 8),
    "LayerNorm": lambda nn: nn.LayerNorm(8),
    "RMSNorm": lambda nn: nn.RMSNorm(8),
    "PReLU": lambda nn: nn.PReLU(8),
}


@pytest.fixture(scope="module")
def drawn():
    """Every layer of both libraries; ours are recorded before any is read."""
    torch.manual_seed(0)
    rustorch.manual_seed(0)
    return {name: (make(torch.nn), make(rustorch.nn)) for name, make in LAYERS.items()}


@pytest.mark.parametrize("name", LAYERS)
def test_initial_values(drawn, name):
    reference, module = drawn[name]
    parameters = dict(module.named_parameters())
    for key, theirs in reference.named_parameters():
        expected, actual = theirs.detach().numpy().ravel(), parameters[key].detach().numpy().ravel()
        assert actual.shape == expected.shape, key
        if np.unique(expected).size <= 2:  # a constant
            np.testing.assert_array_equal(actual, expected, err_msg=key)
            continue
        assert stats.ks_2samp(actual, expected).pvalue > 1e-4, key
        if actual.size > 500:  # a bound of uniform numbers shows in the largest one, a spread in all
            assert abs(np.log(actual.std() / expected.std())) < 0.12, key
        assert (actual == 0).sum() == (expected == 0).sum(), key


def test_every_layer_with_parameters_is_here():
    shown = {type(make(torch.nn)).__name__ for make in LAYERS.values()}
    missing = set()
    for name in torch.nn.modules.__all__:
        kind = getattr(torch.nn, name)
        source = getattr(kind, "reset_parameters", None)
        if source is not None and not name.startswith("Lazy") and hasattr(rustorch.nn, name):
            missing.add(name)
    same = {"BatchNorm1d", "BatchNorm3d", "SyncBatchNorm", "InstanceNorm1d", "InstanceNorm3d", "RNNBase", "RNNCellBase"}
    assert missing - shown - same == set()

"""``nn.init``: the distributions, by their moments and limits, and torch's errors."""

import math
import warnings

import numpy as np
import pytest
import torch
from nn_oracle import assert_same_error

import rustorch
from rustorch.nn import init

SHAPE = (64, 32, 3, 3)
FAN_IN, FAN_OUT = 32 * 9, 64 * 9


def uniform(bound):
    return -bound, bound, bound / math.sqrt(3)


def normal(std):
    return -6 * std, 6 * std, std


# (function, lowest value, highest value, standard deviation)
DRAWS = [
    (lambda t: init.uniform_(t, -2, 2), *uniform(2)),
    (lambda t: init.normal_(t, 0, 3), *normal(3)),
    (lambda t: init.xavier_uniform_(t, 2), *uniform(2 * math.sqrt(6 / (FAN_IN + FAN_OUT)))),
    (lambda t: init.xavier_normal_(t), *normal(math.sqrt(2 / (FAN_IN + FAN_OUT)))),
    (lambda t: init.kaiming_uniform_(t), *uniform(math.sqrt(6 / FAN_IN))),
    (lambda t: init.kaiming_uniform_(t, a=math.sqrt(5)), *uniform(1 / math.sqrt(FAN_IN))),
    (
        lambda t: init.kaiming_normal_(t, mode="fan_out", nonlinearity="relu"),
        *normal(math.sqrt(2 / FAN_OUT)),
    ),
    (lambda t: init.trunc_normal_(t, std=0.02), *normal(0.02)),
    (lambda t: init.trunc_normal_(t, a=-1, b=1), -1, 1, 0.5396),
]


@pytest.mark.parametrize("draw, low, high, std", DRAWS)
def test_draws(draw, low, high, std):
    rustorch.manual_seed(1)
    tensor = rustorch.empty(SHAPE, requires_grad=True)
    assert draw(tensor) is tensor and tensor.requires_grad and tensor.is_leaf
    values = tensor.detach().numpy()
    assert low <= values.min() and values.max() <= high
    assert abs(values.mean()) < 0.05 * std
    assert abs(values.std() / std - 1) < 0.03


LAYERS = [
    (lambda nn: nn.Linear(100, 200), "weight", 0.1),
    (lambda nn: nn.Linear(100, 20000), "bias", 0.1),
    (lambda nn: nn.Conv2d(25, 64, 2), "weight", 0.1),
    (lambda nn: nn.Conv1d(50, 20000, 2, groups=1), "bias", 0.1),
    (lambda nn: nn.ConvTranspose2d(64, 25, 2), "weight", 0.1),
    (lambda nn: nn.Bilinear(100, 20, 30), "weight", 0.1),
]


@pytest.mark.parametrize("make, name, bound", LAYERS)
def test_default_bounds(make, name, bound):
    values = getattr(make(rustorch.nn), name).detach().numpy()
    reference = getattr(make(torch.nn), name).detach().numpy()
    assert np.abs(values).max() <= bound * 1.0001
    assert abs(np.abs(values).max() / np.abs(reference).max() - 1) < 0.01
    assert abs(values.std() / reference.std() - 1) < 0.05


def test_other_defaults():
    assert abs(rustorch.nn.Embedding(100, 100).weight.detach().numpy().std() - 1) < 0.03
    assert rustorch.nn.Embedding(9, 3, padding_idx=2).weight[2].tolist() == [0.0] * 3
    attention = rustorch.nn.MultiheadAttention(32, 2)
    assert abs(attention.in_proj_weight).max().item() <= math.sqrt(6 / (4 * 32)) * 1.0001
    assert attention.in_proj_bias.abs().max().item() == 0
    assert attention.out_proj.bias.abs().max().item() == 0


@pytest.mark.parametrize("shape", [(4, 7), (7, 4), (5, 2, 3)])
def test_orthogonal(shape):
    matrix = init.orthogonal_(rustorch.empty(shape), gain=2).numpy().reshape(shape[0], -1)
    if matrix.shape[0] > matrix.shape[1]:
        matrix = matrix.T
    np.testing.assert_allclose(matrix @ matrix.T, 4 * np.eye(len(matrix)), atol=1e-5)


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("shape", [(4, 3, 3), (4, 2, 3, 4), (4, 2, 3, 3, 2)])
def test_dirac(shape, groups):
    expected = torch.nn.init.dirac_(torch.empty(shape), groups)
    assert init.dirac_(rustorch.empty(shape), groups).tolist() == expected.tolist()


def test_fixed_values():
    assert init.eye_(rustorch.empty(2, 3)).tolist() == [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    assert init.ones_(rustorch.empty(2)).tolist() == [1.0, 1.0]
    assert init.zeros_(rustorch.empty(2)).tolist() == [0.0, 0.0]
    assert init.constant_(rustorch.empty(2), 0.5).tolist() == [0.5, 0.5]
    sparse = init.sparse_(rustorch.empty(20, 5), 0.31).numpy()
    assert ((sparse == 0).sum(0) == 7).all()


@pytest.mark.parametrize(
    "name, param",
    [
        ("linear", None),
        ("conv2d", None),
        ("conv_transpose3d", None),
        ("sigmoid", None),
        ("tanh", None),
        ("relu", None),
        ("leaky_relu", None),
        ("leaky_relu", 0.2),
        ("selu", None),
    ],
)
def test_gain(name, param):
    assert init.calculate_gain(name, param) == torch.nn.init.calculate_gain(name, param)


@pytest.mark.parametrize(
    "call",
    [
        lambda xp: xp.nn.init.calculate_gain("gelu"),
        lambda xp: xp.nn.init.calculate_gain("leaky_relu", "a"),
        lambda xp: xp.nn.init.calculate_gain("leaky_relu", True),
        lambda xp: xp.nn.init.xavier_normal_(xp.empty(3)),
        lambda xp: xp.nn.init.kaiming_normal_(xp.empty(3, 3), mode="fan"),
        lambda xp: xp.nn.init.eye_(xp.empty(3)),
        lambda xp: xp.nn.init.dirac_(xp.empty(3)),
        lambda xp: xp.nn.init.dirac_(xp.empty(3, 2, 2), 2),
        lambda xp: xp.nn.init.orthogonal_(xp.empty(3)),
        lambda xp: xp.nn.init.sparse_(xp.empty(3), 0.1),
    ],
)
def test_errors(call):
    assert_same_error(lambda: call(torch), lambda: call(rustorch))


@pytest.mark.parametrize(
    "call",
    [
        lambda xp: xp.nn.init.kaiming_uniform_(xp.empty(0, 3)),
        lambda xp: xp.nn.init.trunc_normal_(xp.empty(2), mean=9.0),
        lambda xp: xp.nn.init.xavier_uniform(xp.empty(2, 2)),
        lambda xp: xp.nn.functional.softmax(xp.ones(2, 2)),
        lambda xp: xp.nn.MSELoss()(xp.ones(2), xp.ones(2, 2)),
        lambda xp: xp.nn.MSELoss(size_average=False),
        lambda xp: xp.nn.KLDivLoss()(xp.ones(2, 2), xp.ones(2, 2)),
        lambda xp: xp.nn.utils.clip_grad_norm(xp.ones(1), 1.0),
        lambda xp: xp.nn.utils.clip_grad_norm_((p for p in ()), 1.0),
    ],
)
def test_warnings(call):
    def caught(xp):
        with warnings.catch_warnings(record=True) as found:
            warnings.simplefilter("always")
            call(xp)
        return [(w.category, " ".join(str(w.message).split())) for w in found]

    assert caught(rustorch) == caught(torch)

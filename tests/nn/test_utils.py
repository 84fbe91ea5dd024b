"""``nn.utils``: clipping and flattening, against torch."""

import numpy as np
import pytest
import torch
from nn_oracle import assert_same_error

import rustorch

SHAPES = [(3, 2), (4,), (), (2, 1, 2)]


def with_grads(xp):
    rng = np.random.default_rng(0)
    made = []
    for shape in SHAPES:
        parameter = xp.nn.Parameter(xp.zeros(shape))
        parameter.grad = xp.tensor(rng.standard_normal(shape).astype("float32"))
        made.append(parameter)
    made.append(xp.nn.Parameter(xp.zeros(2)))  # without a gradient
    return made


def grads(parameters):
    return np.concatenate([np.ravel(p.grad.numpy()) for p in parameters if p.grad is not None])


@pytest.mark.parametrize("norm_type", [2, 1, 3.0, "inf", float("inf")])
@pytest.mark.parametrize("max_norm", [0.5, 100.0])
def test_clip_grad_norm(norm_type, max_norm):
    reference, mine = with_grads(torch), with_grads(rustorch)
    expected = torch.nn.utils.clip_grad_norm_(reference, max_norm, norm_type)
    total = rustorch.nn.utils.clip_grad_norm_(iter(mine), max_norm, norm_type)
    np.testing.assert_allclose(total.item(), expected.item(), rtol=1e-5)
    np.testing.assert_allclose(grads(mine), grads(reference), rtol=1e-5)


def test_clip_grad_value():
    reference, mine = with_grads(torch), with_grads(rustorch)
    torch.nn.utils.clip_grad_value_(reference, 0.3)
    rustorch.nn.utils.clip_grad_value_(mine, 0.3)
    np.testing.assert_array_equal(grads(mine), grads(reference))


def test_total_norm_and_clipping_with_it():
    mine = with_grads(rustorch)
    norm = rustorch.nn.utils.get_total_norm([p.grad for p in mine if p.grad is not None])
    np.testing.assert_allclose(norm.item(), np.linalg.norm(grads(mine)), rtol=1e-6)
    before = grads(mine)
    rustorch.nn.utils.clip_grads_with_norm_(mine, norm / 2, norm)
    np.testing.assert_allclose(grads(mine), before / 2, rtol=1e-5)
    assert rustorch.nn.utils.get_total_norm([]).item() == 0.0


def test_nonfinite():
    def call(xp):
        parameter = xp.nn.Parameter(xp.zeros(1))
        parameter.grad = xp.tensor([float("nan")])
        xp.nn.utils.clip_grad_norm_([parameter], 1.0, error_if_nonfinite=True)

    assert_same_error(lambda: call(torch), lambda: call(rustorch))


def test_vectors():
    layer = rustorch.nn.Linear(2, 3)
    vector = rustorch.nn.utils.parameters_to_vector(layer.parameters())
    assert vector.shape == (9,)
    weight = layer.weight
    rustorch.nn.utils.vector_to_parameters(rustorch.arange(9.0), layer.parameters())
    assert layer.weight is weight and weight.tolist() == [[0, 1], [2, 3], [4, 5]]
    assert layer.bias.tolist() == [6, 7, 8]
    assert_same_error(
        lambda: torch.nn.utils.vector_to_parameters(1, []),
        lambda: rustorch.nn.utils.vector_to_parameters(1, []),
    )

"""Adagrad with sparse gradients, and what lerp refuses, beside PyTorch."""

import numpy as np
import pytest
import torch

import rustorch


@pytest.mark.parametrize("options", [{}, {"lr_decay": 0.1, "maximize": True, "initial_accumulator_value": 0.5}])
def test_sparse_gradients(options):
    ends = []
    for T in (rustorch, torch):
        table = T.nn.Embedding(6, 3, sparse=True)
        table.weight.data.copy_(T.arange(18.0).reshape(6, 3))
        optimizer = T.optim.Adagrad(table.parameters(), lr=0.5, **options)
        for rows in ([1, 4, 1], [0, 4, 5]):
            optimizer.zero_grad()
            table(T.tensor(rows)).square().sum().backward()
            optimizer.step()
        state = optimizer.state[table.weight]
        ends.append([t.detach().numpy() for t in (table.weight, state["sum"])] + [float(state["step"])])
    for a, b in zip(*ends):
        np.testing.assert_allclose(a, b, rtol=1e-5)


def test_weight_decay_is_refused():
    for T in (rustorch, torch):
        table = T.nn.Embedding(4, 2, sparse=True)
        optimizer = T.optim.Adagrad(table.parameters(), weight_decay=0.1)
        table(T.tensor([1])).sum().backward()
        with pytest.raises(RuntimeError, match="weight_decay option is not compatible with sparse gradients"):
            optimizer.step()


def test_lerp_of_integers_is_refused():
    for T in (rustorch, torch):
        whole = T.ones(2, dtype=T.int64)
        for weight, kernel in ((0.5, "scalar"), (whole, "tensor")):
            with pytest.raises(NotImplementedError, match=f"\"lerp_kernel_{kernel}\" not implemented for 'Long'"):
                T.lerp(whole, whole, weight)
            with pytest.raises(NotImplementedError, match="not implemented for 'Long'"):
                T._foreach_lerp([whole], [whole], weight if kernel == "scalar" else [weight])

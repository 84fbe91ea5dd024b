"""Training steps with derivatives inside the loss: one program each, and none compiled after the first steps."""

import numpy as np
import pytest

import rustorch as torch
import rustorch.nn as nn
from rustorch.eager.state import local
from rustorch.lowering import counters


def spend(step, warm=3, steps=12):
    """Run steps; what ``counters`` say after the first ``warm`` ones."""
    for i in range(warm):
        step(i)
    before = counters()
    for i in range(warm, steps):
        step(i)
    after = counters()
    assert after["compiled"] == before["compiled"], torch.lowering.explain()
    return (after["dispatched"] - before["dispatched"]) / (steps - warm)


def burgers(model, points, edge):
    """The loss of Burgers' equation: the residual with second derivatives, and the boundary."""
    x = points.clone().requires_grad_(True)
    u = model(x)
    du = torch.autograd.grad(u.sum(), x, create_graph=True)[0]
    u_x, u_t = du[:, :1], du[:, 1:]
    u_xx = torch.autograd.grad(u_x.sum(), x, create_graph=True)[0][:, :1]
    return ((u_t + u * u_x - 0.01 * u_xx) ** 2).mean() + (model(edge) ** 2).mean()


def pinn():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 1))
    rng = np.random.default_rng(0)
    data = [torch.tensor(rng.uniform(-1, 1, size=(n, 2)).astype(np.float32)) for n in (32, 8)]
    return model, data


@pytest.mark.parametrize("look", [False, True])
def test_a_step_with_second_derivatives(look):
    model, (points, edge) = pinn()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

    def step(i):
        optimizer.zero_grad()
        loss = burgers(model, points, edge)
        loss.backward()
        optimizer.step()
        if look:
            assert np.isfinite(loss.item())

    assert spend(step) == 1


def test_a_quasi_newton_step_with_second_derivatives():
    model, (points, edge) = pinn()
    optimizer = torch.optim.LBFGS(model.parameters(), max_iter=3, history_size=8, line_search_fn="strong_wolfe")
    calls = 0

    def closure():
        nonlocal calls
        calls += 1
        optimizer.zero_grad()
        loss = burgers(model, points, edge)
        loss.backward()
        return loss

    before = counters()["dispatched"]
    spend(lambda i: optimizer.step(closure), steps=8)
    assert counters()["dispatched"] - before == calls


def forward(params, x):
    w1, b1, w2, b2 = params
    return torch.tanh(x @ w1 + b1) @ w2 + b2


def task_loss(params, x, y):
    return ((forward(params, x) - y) ** 2).mean()


def adapted_by_loop(params, x, y, x_new, y_new):
    """Inner steps with ``create_graph``, one task after the other."""
    total = 0.0
    for k in range(x.shape[0]):
        fast = params
        for _ in range(2):
            grads = torch.autograd.grad(task_loss(fast, x[k], y[k]), fast, create_graph=True)
            fast = [p - 0.1 * g for p, g in zip(fast, grads)]
        total = total + task_loss(fast, x_new[k], y_new[k])
    return total / x.shape[0]


def adapted_by_vmap(params, x, y, x_new, y_new):
    """The same as a batch of ``func.grad``."""

    def one(x, y, x_new, y_new):
        fast = tuple(params)
        for _ in range(2):
            grads = torch.func.grad(task_loss)(fast, x, y)
            fast = tuple(p - 0.1 * g for p, g in zip(fast, grads))
        return task_loss(fast, x_new, y_new)

    return torch.vmap(one)(x, y, x_new, y_new).mean()


def maml_step(adapted, seed=0):
    rng = np.random.default_rng(seed)
    params = [
        torch.tensor(rng.normal(size=s).astype(np.float32), requires_grad=True) for s in [(1, 6), (6,), (6, 1), (1,)]
    ]
    optimizer = torch.optim.Adam(params, lr=1e-2)

    def step(i):
        data = [torch.tensor(rng.normal(size=(3, 5, 1)).astype(np.float32)) for _ in range(4)]
        optimizer.zero_grad()
        loss = adapted(params, *data)
        loss.backward()
        optimizer.step()

    return params, step


@pytest.mark.parametrize("adapted", [adapted_by_loop, adapted_by_vmap])
def test_a_step_through_inner_steps(adapted):
    _, step = maml_step(adapted)
    assert spend(step) == 1


def test_both_ways_of_inner_steps_agree():
    found = []
    for adapted in (adapted_by_loop, adapted_by_vmap):
        params, step = maml_step(adapted)
        for i in range(3):
            step(i)
        found.append(np.concatenate([p.detach().numpy().ravel() for p in params]))
    np.testing.assert_allclose(*found, rtol=1e-4, atol=1e-5)


def test_a_step_with_dropout_compiles_once():
    local.looked = False  # a look in another test would make the first step wait for the second
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 5), nn.Dropout(0.5), nn.Linear(5, 1), nn.Dropout1d(0.25))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    x = torch.tensor(np.ones((4, 3), np.float32))
    before = counters()["compiled"]

    def step(i):
        optimizer.zero_grad()
        model(x).square().sum().backward()
        optimizer.step()

    assert spend(step, warm=1) == 1
    assert counters()["compiled"] - before == 1

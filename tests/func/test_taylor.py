"""``func.taylor``: all orders in one pass agree with nested gradients."""

import pytest

import rustorch

F = rustorch.nn.functional


def points(*shape):
    n = 1
    for s in shape:
        n *= s
    return (rustorch.arange(float(n), dtype=rustorch.float64) / n + 0.3).reshape(shape)


def net():
    w = [(points(*s) - 0.8).sin() for s in ((1, 5), (5, 5), (5, 1))]
    return lambda x: ((x @ w[0]).tanh() @ w[1]).tanh() @ w[2]


ELEMENTWISE = {
    "sin": rustorch.sin,
    "exp": rustorch.exp,
    "log": rustorch.log,
    "x^5": lambda x: x**5,
    "1 / x": lambda x: 1 / x,
    "gelu": F.gelu,
    "silu": F.silu,
    "softplus": F.softplus,
    "erf": rustorch.erf,
}


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_elementwise_orders_1_to_6(name):
    f, x = ELEMENTWISE[name], points(3)
    y = x.clone().requires_grad_()
    expected = [f(y)]
    for _ in range(6):
        expected.append(rustorch.autograd.grad(expected[-1].sum(), y, create_graph=True)[0])
    found = rustorch.func.taylor(f, x, 6)
    for a, b in zip(found, expected):
        assert a.tolist() == pytest.approx(b.tolist(), rel=1e-9, abs=1e-9)


SAMPLES = {
    "an MLP": (net(), points(4, 1)),
    "softmax": (lambda x: (x * points(4, 3)).softmax(1), points(4, 1)),
    "layer norm": (lambda x: F.layer_norm((x * points(4, 3)).sin(), (3,)), points(4, 1)),
    "convolution": (lambda x: F.conv1d((x * points(4, 1, 6)).tanh(), points(2, 1, 3)).sin(), points(4, 1, 1)),
    "attention": (
        lambda x: F.scaled_dot_product_attention(x * points(2, 3, 4), points(2, 3, 4), x * points(2, 3, 4)),
        points(2, 1, 1),
    ),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_per_sample_orders_1_to_4(name):
    f, x = SAMPLES[name]
    found = rustorch.func.taylor(f, x, 4)
    step, v = lambda g: lambda z: rustorch.func.jvp(g, (z,), (rustorch.ones_like(z),))[1], f
    for k in range(5):
        assert found[k].flatten().tolist() == pytest.approx(v(x).flatten().tolist(), rel=1e-8, abs=1e-8)
        v = step(v)


def test_a_direction_and_derivatives_of_it():
    v = rustorch.tensor([1.0, -2.0, 0.5], dtype=rustorch.float64)
    f = lambda x: (x.sin() * x.sum()).sum()
    x = points(3).requires_grad_()
    found = rustorch.func.taylor(f, x, 2, direction=v)
    hv = rustorch.func.jvp(rustorch.func.grad(f), (points(3),), (v,))[1]
    assert found[2].item() == pytest.approx((v @ hv).item())
    (g,) = rustorch.autograd.grad(found[1], x)
    assert g.tolist() == pytest.approx(hv.tolist())


def test_order_zero_and_a_tree():
    assert len(rustorch.func.taylor(rustorch.sin, points(2), 0)) == 1
    out = rustorch.func.taylor(lambda x: {"a": x**2, "b": rustorch.ones(())}, points(2), 2)
    assert out[2]["a"].tolist() == pytest.approx([2, 2])
    assert out[1]["b"].item() == 0
    with pytest.raises(ValueError, match="not negative"):
        rustorch.func.taylor(rustorch.sin, points(2), -1)


def test_eight_orders_are_one_program():
    f, x = net(), points(4, 1)
    total = lambda: rustorch.stack(rustorch.func.taylor(f, x, 8)).sum().item()
    total()
    total()  # now the weights are computed
    before = rustorch.lowering.counters()
    total()
    after = rustorch.lowering.counters()
    assert after["dispatched"] - before["dispatched"] == 1
    assert after["compiled"] == before["compiled"]

"""Derivatives of orders 1 to 6: four ways to ask for them, and an independent reference.

The reference is Cauchy's integral on a circle around the point, of a NumPy version of the function: exact to
rounding for analytic functions, whatever the order.
"""

import math

import numpy as np
import pytest

import rustorch

F = rustorch.nn.functional
ORDERS = 6
X = np.array([0.3, -0.45])


def weights(*shape):
    return np.random.default_rng(sum(shape)).standard_normal(shape) / math.sqrt(shape[-1])


W1, B1, W2, B2, W3 = weights(5, 1), weights(5), weights(5, 5), weights(5), weights(1, 5)
V, Q, K = weights(1, 4), weights(3, 4), weights(3, 4)
SIGNAL, C1, C2 = weights(1, 1, 8), weights(2, 1, 3), weights(3, 2, 3)


def t(a):
    return rustorch.tensor(a, dtype=rustorch.float64)


def softmax(z):
    e = np.exp(z)
    return e / e.sum(-1, keepdims=True)


def correlate(x, w):
    windows = np.stack([x[..., i : i + w.shape[2]] for i in range(x.shape[-1] - w.shape[2] + 1)], 2)
    return np.einsum("ncok,dck->ndo", windows, w)


def layer_norm(z):
    centred = z - z.mean(-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)


def attention(x):
    """Queries and values that depend on the sample: (N, 1) to (N, 3, 4)."""
    q, v = np.sin(x[:, :, None] * Q), x[:, :, None] * K
    return softmax(q @ K.T / 2) @ v


# name: (rustorch function of x (N, 1), the same in NumPy); both give (N, anything)
FUNCTIONS = {
    "sin": (rustorch.sin, np.sin),
    "exp": (rustorch.exp, np.exp),
    "x**7": (lambda x: x**7, lambda x: x**7),
    "MLP": (
        lambda x: F.linear(rustorch.tanh(F.linear(rustorch.tanh(F.linear(x, t(W1), t(B1))), t(W2), t(B2))), t(W3)),
        lambda x: np.tanh(np.tanh(x @ W1.T + B1) @ W2.T + B2) @ W3.T,
    ),
    "softmax": (lambda x: rustorch.softmax(x * t(V) + rustorch.sin(x), 1), lambda x: softmax(x * V + np.sin(x))),
    "LayerNorm": (lambda x: F.layer_norm(rustorch.sin(x * t(V)) + t(Q[0]), (4,)), lambda x: layer_norm(np.sin(x * V) + Q[0])),
    "attention": (
        lambda x: F.scaled_dot_product_attention(
            rustorch.sin(x[:, :, None] * t(Q)), t(K).expand(x.shape[0], 3, 4), x[:, :, None] * t(K)
        ),
        attention,
    ),
    "conv net": (
        lambda x: F.conv1d(rustorch.tanh(F.conv1d(x[:, :, None] * t(SIGNAL), t(C1))), t(C2)),
        lambda x: correlate(np.tanh(correlate(x[:, :, None] * SIGNAL, C1)), C2),
    ),
}  # fmt: skip


def total(y):
    """One number per sample, of different weights for its elements."""
    y = y.reshape(y.shape[0], -1)
    return (y * t(np.cos(np.arange(y.shape[1])))).sum(1)


def reference(f):
    n, radius = 64, 0.25
    circle = radius * np.exp(2j * np.pi * np.arange(n) / n)
    y = np.stack([f((X + c)[:, None].astype(complex)).reshape(2, -1) for c in circle])
    y = (y * np.cos(np.arange(y.shape[-1]))).sum(-1)
    coefficients = np.fft.fft(y, axis=0).real / n
    return [coefficients[k] * math.factorial(k) / radius**k for k in range(ORDERS + 1)]


def nested_autograd(f, orders=ORDERS):
    x = t(X[:, None]).requires_grad_()
    found = [total(f(x))]
    for _ in range(orders):
        found.append(rustorch.autograd.grad(found[-1].sum(), x, create_graph=True)[0].reshape(2))
    return found


def nested_func(f):
    g, found = lambda x: total(f(x.reshape(1, 1)))[0], []
    for k in range(ORDERS + 1):
        g = rustorch.func.grad(g) if k else g
        found.append(rustorch.vmap(g)(t(X)))
    return found


def taylor(f):
    return [d.reshape(2) for d in rustorch.func.taylor(lambda x: total(f(x)), t(X[:, None]), ORDERS)]


# Sixth derivatives of these are large programs: in the slow run.
LARGE = {"attention", "conv net", "softmax", "LayerNorm"}
ORDERED = [pytest.param(name, marks=pytest.mark.slow) if name in LARGE else name for name in FUNCTIONS]


@pytest.mark.parametrize("name", ORDERED)
def test_four_ways_and_the_reference_agree(name):
    f, numpy = FUNCTIONS[name]
    expected = reference(numpy)
    ways = {"autograd.grad": nested_autograd(f), "func.grad": nested_func(f), "taylor": taylor(f)}
    with rustorch.autograd.set_taylor_mode(False), rustorch.lowering.interpret():
        ways["reverse over reverse"] = [d.detach().clone() for d in nested_autograd(f, 3)]
        ways["reverse over reverse"] = [d.tolist() for d in ways["reverse over reverse"]]
    for way, found in ways.items():
        for k, d in enumerate(found):
            scale = np.abs(expected[k]).max()
            values = d if isinstance(d, list) else d.tolist()
            assert values == pytest.approx(expected[k].tolist(), rel=1e-7, abs=1e-8 * scale), f"{way}, order {k}"


def nodes_recorded(order):
    x = t(X[:, None]).requires_grad_()
    y = FUNCTIONS["MLP"][0](x)
    for _ in range(order):
        (y,) = rustorch.autograd.grad(y, x, rustorch.ones_like(y), create_graph=True)
    return len(rustorch.show_graph(y, limit=10_000).splitlines())


def test_the_graph_grows_slowly_and_the_switch_turns_it_off():
    assert nodes_recorded(8) < 3 * nodes_recorded(2)
    with rustorch.autograd.set_taylor_mode(False):
        assert nodes_recorded(5) > 5 * nodes_recorded(2)


def chained(f, x, how_many):
    g = f(x)
    for _ in range(how_many):
        (g,) = rustorch.autograd.grad(g.sum(), x, create_graph=True)
    return g


MIXED = {
    "samples meet in a mean": lambda x: (x.sin() * x.mean()).exp(),
    "batch norm": lambda x: F.batch_norm(x.sin() * t(V), None, None, training=True),
    "a cumulative sum over samples": lambda x: x.sin().cumsum(0) ** 2,
    "a transposed product": lambda x: (x @ x.T).sin(),
    "the cotangent depends on x": lambda x: rustorch.autograd.grad(x.sin(), x, x.cos(), create_graph=True)[0],
    "rows in reverse order": lambda x: x.sin() * x.flip(0),
    "a constant part": lambda x: x.detach() * x.sin() + x.new_ones(2, 1),
    "a derivative inside": lambda x: x * rustorch.autograd.grad((x**3).sum(), x, create_graph=True)[0].exp(),
    "several outputs": lambda x: rustorch.autograd.grad([x.sin(), (x * 2).exp().sum()], x, [x.new_ones(2, 1), None],
                                                        create_graph=True)[0],
    "no_grad inside": lambda x: x.sin() * _without_grad(x),
    "an integer in between": lambda x: x.sin() * x.round().long() + x.sign() * x**2,
}  # fmt: skip


def _without_grad(x):
    with rustorch.no_grad():
        return x.cos()


DEAR = {"batch norm", "a transposed product", "a derivative inside"}


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.slow) if n in DEAR else n for n in MIXED])
def test_what_is_not_one_number_per_sample_stays_right(name):
    with rustorch.lowering.interpret():
        x = t(X[:, None]).requires_grad_()
        found = chained(MIXED[name], x, 3).tolist()
        with rustorch.autograd.set_taylor_mode(False):
            expected = chained(MIXED[name], x, 3).tolist()
    assert found == [pytest.approx(row, rel=1e-9, abs=1e-11) for row in expected]


def test_parameters_and_mixed_derivatives():
    """What a PINN needs: u_xx and u_xt in a loss, and its gradient in the weights."""
    torch = pytest.importorskip("torch")

    def loss_and_gradients(lib):
        tensor = lambda a: lib.tensor(a, dtype=lib.float64, requires_grad=True)
        w, b, v = tensor(weights(5, 2)), tensor(B1), tensor(W3)
        x, time = tensor(X[:, None]), tensor(X[::-1, None].copy())
        u = lib.tanh(lib.cat([x, time], 1) @ w.T + b) @ v.T
        one = lib.ones_like(u)
        grad = lambda y, z: lib.autograd.grad(y, z, one, create_graph=True)[0]
        u_x, u_t = lib.autograd.grad(u, (x, time), one, create_graph=True)
        u_xx, u_xt, u_xxt = grad(grad(u, x), x), grad(u_x, time), grad(grad(grad(u, x), x), time)
        loss = ((u_t + u * u_x - 0.1 * u_xx + u_xt * u_xxt) ** 2).mean()
        loss.backward()
        return [loss.item(), *[p.grad.flatten().tolist() for p in (w, b, v, x, time)]]

    for a, b in zip(loss_and_gradients(rustorch), loss_and_gradients(torch)):
        assert a == pytest.approx(b, rel=1e-9)


def test_a_freed_graph_is_an_error_as_without():
    x = t(X[:, None]).requires_grad_()
    y = x.sin().exp()
    (g,) = rustorch.autograd.grad(y.sum(), x, create_graph=True)
    rustorch.autograd.grad(g.sum(), x)
    with pytest.raises(RuntimeError, match="second time"):
        rustorch.autograd.grad(g.sum(), x)


def test_a_hook_on_the_way_is_called():
    x = t(X[:, None]).requires_grad_()
    y = x.sin()
    calls = []
    y.register_hook(lambda g: calls.append(1))
    (g,) = rustorch.autograd.grad((y * y).sum(), x, create_graph=True)
    rustorch.autograd.grad(g.sum(), x)
    assert len(calls) == 2


def test_a_cotangent_keeps_its_gradient_path():
    """Also if the chain was first used where nothing had to be differentiated further."""
    x, c = t(X[:, None]).requires_grad_(), t([[2.0], [3.0]]).requires_grad_()
    (g,) = rustorch.autograd.grad(x.sin().exp(), x, c, create_graph=True)
    rustorch.autograd.grad(g.sum(), x, retain_graph=True)
    (h,) = rustorch.autograd.grad(g.sum(), x, create_graph=True)
    (found,) = rustorch.autograd.grad(h.sum(), c)
    expected = np.exp(np.sin(X)) * (np.cos(X) ** 2 - np.sin(X))
    assert found.flatten().tolist() == pytest.approx(expected.tolist())

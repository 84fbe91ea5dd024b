"""Modules of flax in rustorch and back: values, gradients of two orders, training, state."""

import copy

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen, nnx

import rustorch
from rustorch import nn

X = np.random.default_rng(0).standard_normal((5, 3)).astype("float32")


class Net(nnx.Module):
    def __init__(self, rngs):
        self.first = nnx.Linear(3, 4, rngs=rngs)
        self.norm = nnx.BatchNorm(4, rngs=rngs)
        self.drop = nnx.Dropout(0.5, rngs=rngs)
        self.last = nnx.Linear(4, 2, rngs=rngs)

    def __call__(self, x, scale=1.0):
        return self.last(self.drop(jnp.tanh(self.norm(self.first(x))))) * scale


class LinenNet(linen.Module):
    @linen.compact
    def __call__(self, x, train):
        x = linen.BatchNorm(use_running_average=not train)(linen.Dense(4)(x))
        return {"out": linen.Dense(2)(linen.Dropout(0.5, deterministic=not train)(jnp.tanh(x)))}


def test_nnx_values_and_gradients():
    theirs = Net(nnx.Rngs(0))
    ours = rustorch.interop.from_flax(theirs).eval()
    theirs.eval()
    assert {n for n, _ in ours.named_parameters()} == {
        "first.kernel", "first.bias", "norm.scale", "norm.bias", "last.kernel", "last.bias",
    }  # fmt: skip
    x = rustorch.tensor(X, requires_grad=True)
    out = ours(x, scale=2.0)
    np.testing.assert_allclose(out.detach().numpy(), theirs(X, 2.0), rtol=1e-5, atol=1e-6)
    names, parameters = zip(*ours.named_parameters())
    grads = rustorch.autograd.grad((out**2).sum(), [x, *parameters], create_graph=True)
    graph, params, rest = nnx.split(theirs, nnx.Param, ...)
    loss = lambda p, x: (nnx.merge(graph, p, rest)(x, 2.0) ** 2).sum()
    wanted, dx = jax.grad(loss, (0, 1))(params, X)
    np.testing.assert_allclose(grads[0].detach().numpy(), dx, rtol=1e-4, atol=1e-5)
    flat = {".".join(map(str, path)): v.get_value() for path, v in nnx.to_flat_state(wanted)}
    for name, g in zip(names, grads[1:]):
        np.testing.assert_allclose(g.detach().numpy(), flat[name], rtol=1e-4, atol=1e-5)
    (second,) = rustorch.autograd.grad((grads[0] ** 2).sum(), x)
    expected = jax.grad(lambda x: (jax.grad(loss, 1)(params, x) ** 2).sum())(jnp.asarray(X))
    np.testing.assert_allclose(second.numpy(), expected, rtol=1e-3, atol=1e-4)


def test_nnx_trains_with_state_and_draws():
    rustorch.manual_seed(0)
    ours = rustorch.interop.from_flax(Net(nnx.Rngs(0)))
    x = rustorch.tensor(X)
    mean = ours.norm.mean.clone()
    first, second = ours(x).detach().numpy(), ours(x).detach().numpy()
    assert (first != second).any() and (ours.norm.mean != mean).any()
    optimizer = rustorch.optim.Adam(ours.parameters(), lr=0.05)
    ours.eval()
    losses = []
    for _ in range(30):
        optimizer.zero_grad()
        loss = (ours(x) - 1).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.1 * losses[0]
    other = copy.deepcopy(ours)
    assert rustorch.equal(other(x), ours(x))
    other.load_state_dict(rustorch.interop.from_flax(Net(nnx.Rngs(1))).state_dict())
    assert not rustorch.equal(other(x), ours(x))


def test_linen():
    net = LinenNet()
    variables = net.init(jax.random.key(0), X, False)
    ours = rustorch.interop.from_flax(net, variables, rngs=("dropout",))
    assert "Dense_0.kernel" in ours.state_dict() and "batch_stats.BatchNorm_0.mean" in ours.state_dict()
    x = rustorch.tensor(X)
    out = ours.eval()(x, train=False)["out"]
    np.testing.assert_allclose(out.detach().numpy(), net.apply(variables, X, False)["out"], rtol=1e-5, atol=1e-6)
    ours.train()
    first = ours(x, train=True)["out"]
    first.sum().backward()
    assert (first != ours(x, train=True)["out"]).any()
    assert ours.Dense_0.kernel.grad.shape == (3, 4) and (ours.batch_stats.BatchNorm_0.mean != 0).any()
    with pytest.raises(RuntimeError, match="needs its variables"):
        rustorch.interop.from_flax(net)
    with pytest.raises(TypeError, match="Received"):
        rustorch.interop.from_flax(nn.Linear(1, 1))


def test_there_and_back():
    rustorch.manual_seed(0)
    ours = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Tanh(), nn.Linear(4, 2)).eval()
    theirs = rustorch.interop.to_flax(ours)
    x = rustorch.tensor(X)
    want = ours(x)
    np.testing.assert_allclose(theirs(X), want.detach().numpy(), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(nnx.jit(lambda m, x: m(x))(theirs, X), want.detach().numpy(), rtol=1e-5, atol=1e-6)
    grads = nnx.grad(lambda m: (m(X) ** 2).sum())(theirs)
    (want**2).sum().backward()
    for name, p in ours.named_parameters():
        got = grads["tensors"][name.replace(".", "/")].get_value()
        np.testing.assert_allclose(got, p.grad.numpy(), rtol=1e-4, atol=1e-5)
    back = rustorch.interop.from_flax(theirs)
    np.testing.assert_allclose(back(x).detach().numpy(), want.detach().numpy(), rtol=1e-5, atol=1e-6)

"""Short training steps on XLA's client with one thread: which ones, and that nobody sees where their results are."""

import threading

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import rustorch as torch
from rustorch.lowering import counters, short, threads
from rustorch.lowering.plan import Plan

F = torch.nn.functional
pytestmark = pytest.mark.skipif(threads.count() == 1, reason="XLA has one thread anyway")


class Training:
    """A network whose step is short, and a step of it; eager too."""

    def __init__(self, traced: bool):
        torch.manual_seed(0)
        self.model = torch.nn.Sequential(torch.nn.Linear(784, 128), torch.nn.ReLU(), torch.nn.Linear(128, 10))
        self.optimizer = torch.optim.Adam(self.model.parameters())
        self.rng = np.random.default_rng(0)
        self.call = torch.jit.trace(self.step, fullgraph=True) if traced else self.step

    def step(self, x, y):
        self.optimizer.zero_grad()
        loss = F.cross_entropy(self.model(x), y)
        loss.backward()
        self.optimizer.step()
        return loss

    def batch(self):
        return torch.tensor(self.rng.normal(size=(64, 784)).astype(np.float32)), torch.tensor(
            self.rng.integers(0, 10, 64)
        )

    def parameters(self):
        return [p.detach().numpy().copy() for p in self.model.parameters()]


def where(t) -> int:
    """0 for the usual device, 1 for that of one thread."""
    return short._devices.index(next(iter(t._storage.node.value.devices())))


@pytest.fixture
def both():
    runs = Training(False), Training(True)
    first = [run.call(*run.batch()) for run in runs]
    assert first[0].item() == pytest.approx(first[1].item(), rel=1e-6)
    return runs


def agree(both):
    for a, b in zip(*[run.parameters() for run in both]):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_equal_to_eager(both):
    for _ in range(50):
        a, b = [run.call(*run.batch()).item() for run in both]
        assert a == pytest.approx(b, rel=1e-5)
    agree(both)


@pytest.mark.parametrize("traced", [False, True])
def test_one_program_a_step(both, traced):
    run = both[traced]
    for _ in range(3):
        loss = run.call(*run.batch())
    before = counters()
    for _ in range(10):
        loss = run.call(*run.batch())
    after = counters()
    assert after["compiled"] == before["compiled"] and after["dispatched"] == before["dispatched"] + 10
    assert where(loss) == 1


def test_what_others_do_with_results(both):
    """Operations, writes, and programs of the usual client take them, and give them back."""
    for run in both:
        total = torch.zeros(())
        for i in range(6):
            loss = run.call(*run.batch())
            total += loss * 2
            if i == 2:
                with torch.no_grad():
                    run.model[0].weight.mul_(0.5)
                    run.model[2].bias.copy_(torch.arange(10.0))
            if i == 3:
                run.optimizer.param_groups[0]["lr"] = 1e-2
            if i == 4:
                run.gradient = run.model[0].weight.grad.clone()
        run.total = total.item()
        run.moments = [s["exp_avg"].sum() for s in run.optimizer.state.values()]
        run.logits = run.model(run.batch()[0])
    a, b = both
    assert a.total == pytest.approx(b.total, rel=1e-5)
    agree(both)
    for x, y in zip((a.gradient, a.logits, *a.moments), (b.gradient, b.logits, *b.moments)):
        np.testing.assert_allclose(x.detach().numpy(), y.detach().numpy(), rtol=1e-4, atol=1e-5)


def test_many_steps_in_one_program(both):
    many = [torch.jit.trace(run.step, steps=4) for run in both]
    for run, call in zip(both, many):
        blocks = [torch.stack(column) for column in zip(*[run.batch() for _ in range(4)])]
        run.losses = call(*blocks).detach().numpy()
    np.testing.assert_allclose(both[0].losses, both[1].losses, rtol=1e-5)
    for run in both:
        run.call(*run.batch())
    agree(both)


def test_for_users_of_jax(both):
    run = both[1]
    loss = torch.interop.to_jax(run.call(*run.batch()).detach())
    weight = torch.interop.to_jax(run.model[0].weight.detach())
    usual = jax.devices("cpu")[0]
    assert loss.devices() == weight.devices() == {usual}
    assert float(jnp.sum(jax.device_put(jnp.ones(()), usual) * loss)) == float(loss)
    f, params = torch.interop.to_jax(run.model)
    with jax.disable_jit():
        out = f(params, jnp.zeros((2, 784)))
    assert out.devices() == {usual}
    np.testing.assert_allclose(out, run.model(torch.zeros(2, 784)).detach().numpy(), rtol=1e-5, atol=1e-6)


def test_functions_of_several_threads_share_all_of_xlas():
    model = torch.nn.Sequential(torch.nn.Linear(784, 128), torch.nn.ReLU(), torch.nn.Linear(128, 10))
    x = torch.ones(64, 784)
    call = torch.jit.trace(lambda x: torch.autograd.grad(model(x).square().sum(), [model[0].weight])[0])
    expected = call(x).numpy()
    assert where(call(x)) == 1
    found = []

    def work():
        for _ in range(3):
            y = call(x)
            found.append((where(y), y.numpy()))

    workers = [threading.Thread(target=work) for _ in range(2)]
    for w in workers:
        w.start()
    for w in workers:
        w.join()
    assert [at for at, _ in found] == [0] * 6
    for _, y in found:
        np.testing.assert_allclose(y, expected, rtol=1e-6)


def _gradient(rows: int, f=torch.square):
    x, w = torch.ones(rows, 784, requires_grad=True), torch.ones(96, 784, requires_grad=True)
    return torch.autograd.grad(f(F.linear(x, w)).sum(), [x, w])[1]


@pytest.mark.parametrize(
    "make, expected",
    [
        (lambda: _gradient(64), True),
        (lambda: _gradient(128), False),  # its own product, and those for both factors: two threads are faster
        (lambda: _gradient(8), False),  # no thread is woken for it
        (lambda: _gradient(64, lambda y: y.sort(0).values), False),  # takes nobody knows how long
        (lambda: _gradient(64, lambda y: y * torch.ones(1 << 22).sum()), False),
        (lambda: F.linear(torch.ones(64, 784), torch.ones(128, 784), torch.ones(128)).relu(), False),  # no gradient
    ],
)
def test_which_are_short(make, expected):
    assert short.is_short(Plan([make()._storage.node])) is expected

"""Small state, and gradients that nobody looks at, travel together; whoever looks finds what PyTorch would show."""

import gc
import sys
from weakref import ref

import numpy as np
import pytest

import rustorch as torch
import rustorch.nn as nn
from rustorch.eager.storage import Lent
from rustorch.graph import aval
from rustorch.lowering.packing import MAX_BYTES, Packing, worth_it
from rustorch.lowering.placement import put

CPU = torch.device("cpu")


def avals_of(arrays):
    return [aval(a.shape, getattr(torch, str(a.dtype)), CPU) for a in arrays]


def test_arrays_come_back():
    rng = np.random.default_rng(0)
    arrays = [
        rng.standard_normal((2, 3)).astype(np.float32), np.array(7), rng.standard_normal((MAX_BYTES,)).astype(np.float32),
        np.array(2.5, np.float32), np.arange(4), rng.standard_normal((0, 3)).astype(np.float32), np.array([True, False]),
        np.array([1.0, 2.0]),
    ]  # fmt: skip
    packing = Packing(avals_of(arrays))
    assert packing.groups == [(0, 3), (1, 4)]
    forms = packing.pack([put(a, CPU) for a in arrays])
    assert len(forms) == packing.n == len(packing.room()) == 6
    for got, a in zip(packing.unpack(forms), arrays):
        assert got.dtype == a.dtype and got.shape == a.shape and np.array_equal(got, a)


def test_kinds_lie_side_by_side():
    arrays = [np.full(n, k, np.float32) for k, n in enumerate([2, 3, 2, 3, 1])]
    packing = Packing(avals_of(arrays), kinds=[1, 1, 0, 0, 2])
    assert packing.groups == [(2, 3, 0, 1, 4)]
    (form,) = packing.pack([put(a, CPU) for a in arrays])
    assert form.tolist() == [2, 2, 3, 3, 3, 0, 0, 1, 1, 1, 4]
    (joined,) = packing.join([form], arrays)
    assert np.array_equal(joined, form)
    assert all(np.array_equal(got, a) for got, a in zip(packing.unpack([form]), arrays))


def test_large_state_travels_as_it_is():
    small, large = np.zeros(8, np.float32), np.zeros((1 << 19) + 1, np.float32)
    assert worth_it(avals_of([small] * 150)) and not worth_it(avals_of([small, large]))


class Job:
    def __init__(self):
        torch.manual_seed(0)
        self.net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
        self.optimizer = torch.optim.Adam(self.net.parameters(), lr=0.1)

    def step(self, x):
        self.optimizer.zero_grad()
        loss = self.net(x).square().mean()
        loss.backward()
        self.optimizer.step()
        return loss.detach()

    def grads(self):
        return [p.grad for p in self.net.parameters()]


def pair():
    """The job eagerly and traced, after a few calls."""
    plain, job = Job(), Job()
    step, x = torch.jit.trace(job.step, fullgraph=True), torch.tensor([[1.0, -2.0, 0.5], [0.3, 0.1, -1.0]])
    for _ in range(4):
        plain.step(x), step(x)
    assert all(type(g._storage) is Lent for g in job.grads())
    return plain, job, step, x


def same(plain, job):
    for a, b in zip(plain.grads(), job.grads(), strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-5, atol=1e-6)
    for a, b in zip(plain.net.parameters(), job.net.parameters()):
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-5, atol=1e-6)


def test_state_and_gradients_are_an_argument_each():
    _, job, step, x = pair()
    variant = step.latest()
    assert (variant._packing.n, variant._gradients.packing.n) == (1, 1)
    before = torch.lowering.counters()
    for _ in range(5):
        step(x)
    after = torch.lowering.counters()
    assert after["dispatched"] - before["dispatched"] == 5 and after["compiled"] == before["compiled"]


@pytest.mark.parametrize("every", [1, 2, 5])
def test_whoever_looks_sees_the_last_call(every):
    plain, job, step, x = pair()
    for i in range(12):
        plain.step(x), step(x)
        if i % every == 0:
            same(plain, job)
    same(plain, job)


def test_a_gradient_that_is_held_stays_as_it_was():
    plain, job, step, x = pair()
    held, expected = job.grads(), [g.numpy().copy() for g in plain.grads()]
    view = job.net[0].weight.grad[1:]
    for _ in range(3):
        plain.step(x), step(x)
    for got, a in zip(held, expected):
        np.testing.assert_allclose(got.numpy(), a, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(view.numpy(), expected[0][1:], rtol=1e-5, atol=1e-6)
    del held, view
    same(plain, job)
    plain.step(x), step(x)
    same(plain, job)


CHANGES = {
    "in place": lambda p: p.grad.mul_(3),
    "set to None": lambda p: setattr(p, "grad", None),
    "replaced": lambda p: setattr(p, "grad", torch.ones_like(p)),
    "through data": lambda p: p.grad.data.zero_(),
    "on the tape": lambda p: p.grad.requires_grad_(),
    "parameter": lambda p: p.data.add_(0.25),
}


@pytest.mark.parametrize("change", CHANGES)
def test_changes_between_calls(change):
    plain, job, step, x = pair()
    for _ in range(3):
        for each in (plain, job):
            CHANGES[change](each.net[0].bias)
        plain.step(x), step(x)
        plain.step(x), step(x)
    same(plain, job)


def test_gradients_outlive_the_function():
    plain, job, step, x = pair()
    plain.step(x), step(x)
    gone = ref(step)
    del step
    gc.collect()
    assert gone() is None
    assert all(type(g._storage) is Lent for g in job.grads())  # no finalizer has called JAX
    same(plain, job)


class Counts:
    """A traced function and its state, in a cycle, so that a garbage collection ends it."""

    def __init__(self):
        self.state = [torch.zeros(4) for _ in range(3)]
        self.step = torch.jit.trace(self.add)

    def add(self, x):
        for w in self.state:
            w.add_(x)


def test_finalizers_leave_jax_alone():
    """While JAX notes down the stack it makes objects; if a collection then calls JAX, references are counted wrongly."""
    x = torch.ones(4)
    double = torch.jit.trace(lambda x: x * 2)

    def deep(k):
        return deep(k - 1) if k else double(x)

    thresholds, seen = gc.get_threshold(), []
    try:
        for allocations in range(10, 250, 12):
            gc.collect()
            gc.disable()
            counts = Counts()
            for _ in range(3):
                counts.step(x)
            state = counts.state
            gc.collect(0)  # what is new is in the second generation now, ...
            del counts
            gc.set_threshold(allocations, 0, 1000)  # ... which is collected after so many objects
            gc.enable()
            deep(30)
            gc.set_threshold(*thresholds)
            gc.collect()
            assert [w.tolist() for w in state] == [[3.0] * 4] * 3
            seen.append(sys.getrefcount(deep.__code__))
    finally:
        gc.set_threshold(*thresholds)
        gc.enable()
    assert len(set(seen[5:])) == 1


def test_state_of_several_dtypes():
    count, mean, seen = torch.zeros((), dtype=torch.int64), torch.zeros(3), torch.zeros(3, dtype=torch.bool)
    steps, total = torch.zeros(2, dtype=torch.int64), torch.zeros(3)

    @torch.jit.trace
    def observe(x):
        count.add_(1)
        steps.add_(2)
        mean.mul_(0.5).add_(x)
        total.add_(x)
        seen.logical_or_(x > 1)

    for i in range(6):
        observe(torch.full((3,), float(i)))
    assert len(observe.latest()._packing.groups) == 2
    assert count.item() == 6 and steps.tolist() == [12, 12] and total.tolist() == [15.0] * 3
    assert (
        mean.tolist() == pytest.approx([sum(i * 0.5 ** (5 - i) for i in range(6))] * 3) and seen.tolist() == [True] * 3
    )


def test_results_beside_state():
    state = [torch.zeros(4) for _ in range(3)]

    @torch.jit.trace
    def add(x):
        for t in state:
            t.add_(x)
        return state[0] * 2, state[1].sum(), state[2]

    for i in range(5):
        doubled, total, same_one = add(torch.ones(4))
        assert doubled.tolist() == [2.0 * (i + 1)] * 4 and total.item() == 4.0 * (i + 1) and same_one is state[2]

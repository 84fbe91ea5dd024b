"""State that a traced function keeps to itself between calls is there for everybody who looks."""

import copy
import gc
import threading
import weakref

import numpy as np
import pytest

import rustorch as torch
import rustorch.nn as nn
from rustorch.eager.storage import Lent


def counter(n=3):
    """State, and a traced function that adds its argument to it; called often enough that the state is lent."""
    state = [torch.zeros(4) for _ in range(n)]

    @torch.jit.trace
    def add(x):
        for t in state:
            t.add_(x)

    for _ in range(4):
        add(torch.ones(4))
    assert all(type(t._storage) is Lent for t in state)
    return state, add


LOOKS = {
    "repr": lambda t: repr(t),
    "item": lambda t: t[0].item(),
    "numpy": lambda t: t.numpy().tolist(),
    "version": lambda t: t._version,
    "view": lambda t: t[1:3].tolist(),
    "an op": lambda t: (t + 1).tolist(),
    "deepcopy": lambda t: copy.deepcopy(t).tolist(),
    "detach": lambda t: t.detach().tolist(),
    "data": lambda t: t.data.tolist(),
    "data_ptr": lambda t: t.data_ptr() == t.detach().data_ptr(),
    "is_leaf": lambda t: t.is_leaf,
}


@pytest.mark.parametrize("look", LOOKS)
def test_a_look_shows_the_last_call(look):
    state, add = counter()
    expected = torch.zeros(4)
    for _ in range(4):
        expected.add_(torch.ones(4))
    for _ in range(3):
        assert LOOKS[look](state[1]) == LOOKS[look](expected)
        for _ in range(2):
            add(torch.ones(4))
            expected.add_(torch.ones(4))


CHANGES = {
    "in place": lambda t: t.mul_(2),
    "through a view": lambda t: t[1:].fill_(7),
    "copy": lambda t: t.copy_(torch.arange(4.0)),
    "item": lambda t: t.__setitem__(0, 5.0),
    "data": lambda t: setattr(t, "data", torch.full((4,), 3.0)),
    "set_": lambda t: t.set_(torch.full((4,), 2.0)),
    "numpy": lambda t: np.copyto(t.numpy(), 9.0) if t.numpy().flags.writeable else t.fill_(9),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_what_the_next_call_finds(change):
    (state, add), plain = counter(), [torch.full((4,), 4.0) for _ in range(3)]
    for _ in range(2):
        for t in (state[1], plain[1]):
            CHANGES[change](t)
        add(torch.ones(4))
        for t in plain:
            t.add_(1)
        add(torch.ones(4))
        for t in plain:
            t.add_(1)
    assert [t.tolist() for t in state] == [t.tolist() for t in plain]


def test_an_older_view_and_an_older_array_stay_right():
    state, add = counter()
    view, then = state[0][:2], state[1].numpy()
    before = then.tolist()
    add(torch.ones(4))
    add(torch.ones(4))
    assert view.tolist() == [6.0, 6.0]
    assert then.tolist() in (before, [6.0] * 4)  # shared or not, never another's data
    assert state[1].tolist() == [6.0] * 4


def test_requires_grad_and_hooks_are_noticed():
    w = torch.ones(2, requires_grad=True)
    optimizer, seen = torch.optim.SGD([w], lr=0.1), []

    @torch.jit.trace
    def step(x):
        optimizer.zero_grad()
        (w * x).sum().backward()
        optimizer.step()

    for _ in range(5):
        step(torch.ones(2))
    handle = w.register_hook(lambda g: seen.append(1) or g * 2)
    before = w.detach().clone()
    step(torch.ones(2))
    assert torch.allclose(w, before - 0.2) and seen
    handle.remove()
    before = w.detach().clone()
    step(torch.ones(2))
    assert torch.allclose(w, before - 0.1)


def test_two_functions_on_one_state():
    state, add = counter()

    @torch.jit.trace
    def total():
        return sum(t.sum() for t in state)

    @torch.jit.trace
    def halve():
        for t in state:
            t.div_(2)

    expected = 4.0
    for _ in range(12):
        add(torch.ones(4))
        assert total().item() == (expected + 1) * 12
        halve()
        expected = (expected + 1) / 2
    assert state[2].tolist() == [expected] * 4


def test_other_threads_see_it():
    state, add = counter()
    seen, stop = [], threading.Event()

    def look():
        while not stop.is_set():
            seen.append(state[1].tolist())

    thread = threading.Thread(target=look)
    thread.start()
    for _ in range(200):
        add(torch.ones(4))
    stop.set()
    thread.join()
    assert state[1].tolist() == [204.0] * 4
    assert all(len(set(x)) == 1 for x in seen) and seen == sorted(seen)


def test_optimizer_and_module_state():
    net = nn.Linear(3, 2)
    twin = copy.deepcopy(net)
    x = torch.ones(4, 3)

    def stepper(net):
        optimizer = torch.optim.Adam(net.parameters(), lr=0.1)

        def step(x):
            optimizer.zero_grad()
            net(x).square().sum().backward()
            optimizer.step()

        return step, optimizer

    (step, a), (other, b) = stepper(net), stepper(twin)
    traced = torch.jit.trace(step)
    for _ in range(6):
        traced(x), other(x)
    assert type(net.weight._storage) is Lent
    saved, expected = a.state_dict()["state"], b.state_dict()["state"]
    for i in expected:
        for name in expected[i]:
            np.testing.assert_allclose(np.asarray(saved[i][name]), np.asarray(expected[i][name]), rtol=1e-6)
    net.load_state_dict(net.state_dict())
    traced(x), other(x)
    np.testing.assert_allclose(net.weight.detach(), twin.weight.detach(), rtol=1e-6)


def test_it_ends_with_its_function():
    state, add = counter()
    storages = [weakref.ref(t._storage) for t in state]
    gc.disable()
    try:
        del state, add
        assert all(s() is None for s in storages)
    finally:
        gc.enable()


def test_state_outlives_the_function():
    state, add = counter()
    del add
    assert [t.tolist() for t in state] == [[4.0] * 4] * 3

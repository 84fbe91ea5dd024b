"""Sparse gradients: embeddings, hooks, optimizers, traced steps; beside PyTorch."""

import numpy as np
import pytest
import torch
from sparse_oracle import agree, both, convert, same
from torch.testing._internal.common_optimizers import optim_db

import rustorch

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

TABLE = np.random.default_rng(0).standard_normal((6, 2))
BATCHES = [[1, 3, 1], [0, 5, 5], [2, 2, 2], [1, 0, 4], [1, 3, 1]]


def table(t):
    return t.tensor(TABLE, requires_grad=True)


def looked_up(t, w, index, **options):
    return t.nn.functional.embedding(t.tensor(index), w, sparse=True, **options)


def test_gradient_is_sparse_and_accumulates():
    def run(t):
        w, out = table(t), []
        for batch in BATCHES[:2]:
            (looked_up(t, w, batch) ** 2).sum().backward()
            out.append(w.grad.clone())
        (looked_up(t, w, [2]).sum() + (w**2).sum()).backward()
        return [*out, w.grad, *t.autograd.grad(looked_up(t, w, [[1], [2]]).sum(), w)]

    agree(run, exact_places=False, tolerance=1e-12)  # PyTorch merges sums of these in an order of its own


@pytest.mark.parametrize("options", [
    dict(), dict(padding_idx=3), dict(max_norm=0.5), dict(padding_idx=-5),
])  # fmt: skip
def test_embedding_module(options):
    def run(t):
        layer = t.nn.Embedding(6, 2, sparse=True, _weight=t.tensor(TABLE), **options)
        layer(t.tensor(BATCHES[0])).pow(2).sum().backward()
        return [layer.weight.grad, layer.weight]

    ours, theirs = both(run)
    # The padding's rows stay with zeros, so that shapes do not depend on values.
    same(ours, theirs, exact_places="padding_idx" not in options, tolerance=1e-12)


@pytest.mark.parametrize("options", [
    dict(mode="sum"), dict(mode="mean"), dict(mode="mean", padding_idx=3), dict(mode="sum", include_last_offset=True),
])  # fmt: skip
def test_embedding_bag(options):
    def run(t):
        w, offsets = table(t), [0, 2, 4] if options.get("include_last_offset") else [0, 2]
        out = t.nn.functional.embedding_bag(t.tensor([1, 3, 1, 2]), w, t.tensor(offsets), sparse=True, **options)
        (out**2).sum().backward()
        return [out, w.grad]

    ours, theirs = both(run)
    same(ours, theirs, exact_places=False, tolerance=1e-12)
    assert ours[1].is_sparse


def test_bag_weights_and_errors():
    def run(t):
        w, s = table(t), t.tensor([[1.0, 2.0]], dtype=t.float64, requires_grad=True)
        out = t.nn.functional.embedding_bag(t.tensor([[1, 3]]), w, mode="sum", sparse=True, per_sample_weights=s)
        (out**2).sum().backward()
        return [w.grad.to_dense(), s.grad]

    agree(run, tolerance=1e-12)
    F = lambda t: t.nn.functional
    agree(lambda t: F(t).embedding_bag(t.tensor([[1, 3]]), table(t), mode="max", sparse=True))
    agree(lambda t: looked_up(t, table(t), [1], scale_grad_by_freq=True).sum().backward())


def test_hooks_and_second_order():
    def run(t):
        w, seen = table(t), []
        w.register_hook(lambda g: seen.append(g) or g * 2)
        (looked_up(t, w, BATCHES[0]) ** 3).sum().backward()
        return [seen[0], w.grad]

    agree(run, tolerance=1e-12)
    w = table(rustorch)
    (g,) = rustorch.autograd.grad((looked_up(rustorch, w, BATCHES[0]) ** 3).sum(), w, create_graph=True)
    (h,) = rustorch.autograd.grad((g.to_dense() ** 2).sum(), w)
    dense = torch.tensor(TABLE, requires_grad=True)
    (g2,) = torch.autograd.grad((dense[BATCHES[0]] ** 3).sum(), dense, create_graph=True)
    (h2,) = torch.autograd.grad((g2**2).sum(), dense)
    np.testing.assert_allclose(h.to_dense().numpy(), h2.numpy(), rtol=1e-12)


def train(t, make, traced=False, clear=True):
    w, other = table(t), t.tensor([1.0, 2.0], dtype=t.float64, requires_grad=True)
    optimizer = make(t, w, other)

    def step(batch):
        if clear:
            optimizer.zero_grad()
        loss = ((looked_up_tensor(t, w, batch) * other) ** 2).sum()
        loss.backward()
        optimizer.step()
        return loss

    run = t.jit.trace(step, fullgraph=True) if traced else step
    losses = [run(t.tensor(b)).item() for b in BATCHES]
    state = [
        v
        for s in optimizer.state.values()
        for k, v in s.items()
        if isinstance(v, t.Tensor) and v.ndim and not v.is_sparse
    ]
    return [
        t.tensor(losses),
        w,
        other,
        *([x for x in state if tuple(x.shape) == (6, 2)] if make is not MAKERS["momentum"] else []),
    ]


def looked_up_tensor(t, w, index):
    return t.nn.functional.embedding(index, w, sparse=True)


MAKERS = {
    "SparseAdam": lambda t, w, o: t.optim.SparseAdam([w], lr=0.1),
    "SparseAdam options": lambda t, w, o: t.optim.SparseAdam([w], lr=0.1, betas=(0.8, 0.9), eps=1e-4, maximize=True),
    "SGD": lambda t, w, o: t.optim.SGD([w, o], lr=0.01),
    "momentum": lambda t, w, o: t.optim.SGD([w, o], lr=0.01, momentum=0.9),
    "nesterov": lambda t, w, o: t.optim.SGD([w], lr=0.01, momentum=0.9, nesterov=True, maximize=True),
}


@pytest.mark.parametrize("name", MAKERS)
def test_optimizer(name):
    make = MAKERS[name]
    clear = True
    ours, theirs = both(lambda t: train(t, make, clear=clear))
    assert not isinstance(theirs, Exception) and not isinstance(ours, Exception), (ours, theirs)
    for a, b in zip(ours[:3], theirs[:3]):
        same(a, b, name, tolerance=1e-7)
    if name.startswith("SparseAdam"):
        same(ours[3:], theirs[3:], name, tolerance=1e-7)


OPTIONS = next(info for info in optim_db if info.optim_cls is torch.optim.SparseAdam).optim_inputs_func(
    "cpu", torch.float64
)


@pytest.mark.parametrize("options", [i.kwargs for i in OPTIONS] + [dict(betas=(0.8, 0.9), eps=1e-4)], ids=str)
def test_thirty_steps(options):
    def run(t):
        w = table(t)
        optimizer = t.optim.SparseAdam([w], **(options if t is torch else convert(options)))
        for k in range(30):
            optimizer.zero_grad()
            (looked_up(t, w, BATCHES[k % 5]) ** 2).sum().backward()
            optimizer.step()
        return [w, optimizer.state[w]["exp_avg"], optimizer.state[w]["exp_avg_sq"]]

    ours, theirs = both(run)
    same(ours, theirs, tolerance=1e-9)


@pytest.mark.parametrize("name,clear", [("SparseAdam", True), ("SGD", True), ("SGD", False), ("momentum", True)])
def test_traced_step(name, clear):
    eager, traced = (train(rustorch, MAKERS[name], traced=how and clear, clear=clear) for how in (False, True))
    for a, b in zip(eager, traced):
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-9)


@pytest.mark.parametrize("make", [
    lambda t, w: t.optim.SparseAdam([w], lr=-1.0), lambda t, w: t.optim.SparseAdam([w], eps=0),
    lambda t, w: t.optim.SparseAdam([w], betas=(1.0, 0.9)), lambda t, w: t.optim.SparseAdam([w.detach().to_sparse()]),
])  # fmt: skip
def test_sparse_adam_arguments(make):
    agree(lambda t: make(t, table(t)))


def test_gradients_of_the_wrong_kind():
    def dense(t):
        w = table(t)
        w.grad = t.ones_like(w)
        t.optim.SparseAdam([w]).step()

    def sparse(name, **options):
        def run(t):
            w = table(t)
            w.grad = t.ones_like(w).to_sparse()
            getattr(t.optim, name)([w], **options).step()

        return run

    agree(dense)
    agree(sparse("Adam"))
    agree(sparse("SGD", weight_decay=0.1))


def test_state_moves_both_ways():
    def made(t):
        w = table(t)
        optimizer = t.optim.SparseAdam([w], lr=0.1)
        (looked_up(t, w, BATCHES[0]) ** 2).sum().backward()
        optimizer.step()
        return w, optimizer

    (w, ours), (v, theirs) = both(made)
    saved = theirs.state_dict()
    assert saved["state"][0].keys() == ours.state_dict()["state"][0].keys()
    assert type(ours.state_dict()["state"][0]["step"]) is int
    for key in ("exp_avg", "exp_avg_sq"):
        same(ours.state_dict()["state"][0][key], saved["state"][0][key], key)
    ours.load_state_dict(saved)
    same(ours.state[w]["exp_avg"], theirs.state[v]["exp_avg"])

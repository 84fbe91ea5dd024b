"""Gradients of pieces of one tensor come side by side, and are PyTorch's in every case."""

import numpy as np
import pytest
import torch as pytorch

import rustorch as torch
from rustorch.eager.views import node_of
from rustorch.lowering.compile import lowered_text

CASES = {
    "split": lambda x: [p.sin() * k for k, p in enumerate(x.split(2, 1), 1)],
    "split, the last alone": lambda x: [x.split(2, 1)[2].sin()],
    "split, one missing": lambda x: [x.split(2, 1)[0].sin(), x.split(2, 1)[2].cos()],
    "sizes": lambda x: [p.sin().sum() for p in x.split([1, 4, 1], 1)],
    "chunk": lambda x: [p.square() for p in x.chunk(2)],
    "unbind": lambda x: [p.sin() * k for k, p in enumerate(x.unbind(2), 1)],
    "rows": lambda x: [x[i].exp() for i in range(4)],
    "last places, from the end": lambda x: [x[..., -1].sin(), x[..., -2].cos(), x[..., 0].exp()],
    "rows and slices": lambda x: [x[0].sin(), x[1:3].cos(), x[3].exp()],
    "overlap": lambda x: [(x[1:] - x[:-1]).square()],
    "twice": lambda x: [x[:2].sin(), x[:2].cos(), x[2:].exp()],
    "two dimensions": lambda x: [x[:2].sin(), x[:, 1:].cos()],
    "two at once": lambda x: [x[:2, 1:].sin(), x[2:, :1].cos()],
    "steps": lambda x: [x[::2].sin(), x[1::2].cos()],
    "none is left": lambda x: [x[:0].sin(), x[0:].cos()],
    "all of it too": lambda x: [x[:2].sin(), x.exp(), x[2:].cos()],
    "views of views": lambda x: [p.t().sin() for half in x.chunk(2) for p in half.unbind(0)],
    "new dimension": lambda x: [x[None, :2].sin(), x[None, 2:].cos()],
    "of another result": lambda x: [p.sin() * k for k, p in enumerate(x.max(2)[0].split(3, 1), 1)],
}


def both(case, order):
    """The gradients up to an order, PyTorch's and ours."""
    numbers = np.random.default_rng(0).standard_normal((4, 6, 3))
    out = []
    for xp in (pytorch, torch):
        x = xp.tensor(numbers, requires_grad=True)
        y = sum(part.sum() for part in CASES[case](x * 1))
        found = []
        for k in range(order):
            (g,) = xp.autograd.grad(y, x, create_graph=k + 1 < order)
            found.append(g.detach().numpy())
            y = g.square().sum()
        out.append(found)
    return out


@pytest.mark.parametrize("case", CASES)
def test_three_orders(case):
    for theirs, ours in zip(*both(case, 3)):
        np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("case, joined", [("unbind", 1), ("views of views", 3), ("all of it too", 1), ("overlap", 0)])
def test_side_by_side(case, joined):
    x = torch.ones(4, 6, 3, requires_grad=True)
    (g,) = torch.autograd.grad(sum(part.sum() for part in CASES[case](x)), x)
    text = lowered_text(node_of(g))
    assert text.count("stablehlo.concatenate") == joined
    assert bool(text.count("stablehlo.pad")) == (not joined)


def test_hooks_see_what_they_saw():
    seen = {}
    for name, xp in (("theirs", pytorch), ("ours", torch)):
        x = xp.ones(4, requires_grad=True)
        y = x * 2
        a, b = y[:2], y[2:]
        b.grad_fn.register_hook(lambda given, got, log=seen.setdefault(name, []): log.append(given[0].tolist()))
        a.register_hook(lambda g, log=seen[name]: log.append(g.tolist()))
        y.register_hook(lambda g, log=seen[name]: log.append(g.tolist()))
        y.retain_grad()
        (a.sum() * 3 + b.prod()).backward()
        seen[name] += [x.grad.tolist(), y.grad.tolist()]
    assert seen["ours"] == seen["theirs"]


def test_sparse_and_dense_together():
    grads = []
    for xp in (pytorch, torch):
        table = xp.ones(4, 2, requires_grad=True)
        rows = xp.nn.functional.embedding(xp.tensor([1, 3, 1]), table, sparse=True)
        (rows.sum() + (table[:2] * 2).sum() + (table[2:] * 3).sum()).backward()
        grads.append(table.grad.to_dense().tolist() if table.grad.is_sparse else table.grad.tolist())
    assert grads[0] == grads[1]


def test_a_traced_step():
    weight = torch.ones(6, 3, requires_grad=True)

    def step(x):
        weight.grad = None
        q, k, v = (x @ weight).chunk(3, 1)
        (q * k + v).sum().backward()
        return weight.grad

    traced, x = torch.jit.trace(step, fullgraph=True), torch.randn(5, 6)
    expected = step(x).tolist()
    for _ in range(3):
        assert traced(x).tolist() == expected

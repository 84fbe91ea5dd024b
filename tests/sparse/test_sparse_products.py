"""Products with a sparse operand beside PyTorch: layouts, errors, plans, gradients of any order, transforms."""

import jax.numpy as jnp
import numpy as np
import pytest
import torch
from sparse_oracle import agree, both, same

import rustorch
from rustorch.lowering.kernels.sparse import LONGEST, product, row_bins, row_dots

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

RNG = np.random.default_rng(0)
ROWS, COLUMNS = np.nonzero(RNG.random((7, 5)) < 0.4)
VALUES = RNG.standard_normal(len(ROWS))
DENSE, SIDE = RNG.standard_normal((5, 3)), RNG.standard_normal((4, 7))


def coo(t, values=None):
    return t.sparse_coo_tensor(
        t.tensor(np.stack([ROWS, COLUMNS])), t.tensor(VALUES) if values is None else values, (7, 5)
    )


def operands(t):
    a = coo(t).coalesce()
    return dict(
        a=a, u=t.sparse_coo_tensor([[0, 0, 1], [1, 1, 0]], t.tensor(VALUES[:3]), (7, 5)), c=a.to_sparse_csr(), k=a.to_sparse_csc(),
        x=t.tensor(DENSE), v=t.tensor(DENSE[:, 0].copy()), l=t.tensor(SIDE), m=t.tensor(SIDE[0].copy()), o=t.ones(7, 3).double(),
        q=t.stack([a, a]), y=t.tensor(np.stack([DENSE, 2 * DENSE])), f=t.ones(5, 3), w=t.ones(4, 3).double(),
    )  # fmt: skip


CASES = {
    "mm": lambda t, o: [t.sparse.mm(o[s], o["x"]) for s in "auck"],
    "@": lambda t, o: [o["a"] @ o["x"], o["c"] @ o["x"], t.matmul(o["a"], o["x"]), o["a"].mm(o["x"]), o["a"].matmul(o["v"])],
    "vector": lambda t, o: [t.mv(o["a"], o["v"]), o["c"] @ o["v"], o["m"] @ o["a"], o["a"].mv(o["v"])],
    "dense @ sparse": lambda t, o: [o["l"] @ o["a"], t.mm(o["l"], o["c"]), t.sparse.mm(o["l"], o["a"])],
    "sparse @ sparse": lambda t, o: [t.sparse.mm(o["a"], o["a"].t()), t.mm(o["u"], o["a"].t())],
    "csr @ csr": lambda t, o: t.sparse.mm(o["c"], o["a"].t().to_sparse_csr()).to_dense(),
    "addmm": lambda t, o: [t.addmm(o["o"], o["a"], o["x"], beta=2, alpha=3), t.sparse.addmm(o["o"], o["c"], o["x"]), o["o"].addmm(o["a"], o["x"])],
    "bmm": lambda t, o: [t.bmm(o["q"], o["y"])],
    "hspmm": lambda t, o: t.hspmm(o["a"], o["x"]),
    "smm": lambda t, o: t.smm(o["a"], o["x"]).to_dense(),
    "sspaddmm": lambda t, o: t.sspaddmm(t.sparse_coo_tensor([[0], [1]], t.tensor(VALUES[:1]), (7, 3)), o["a"], o["x"]).to_dense(),
    "reduce": lambda t, o: [t.sparse.mm(o["c"], o["x"], r) for r in ("sum", "mean", "amax", "amin")],
    "reduce coo": lambda t, o: t.sparse.mm(o["a"], o["x"], "sum"),
    "sampled_addmm": lambda t, o: t.sparse.sampled_addmm(o["c"], o["o"], o["x"].t().contiguous(), beta=0.5, alpha=2.0),
    "sampled_addmm coo": lambda t, o: t.sparse.sampled_addmm(o["a"], o["o"], o["x"].t()),
    "shapes": lambda t, o: t.sparse.mm(o["a"], o["w"]),
    "shapes, both sparse": lambda t, o: t.sparse.mm(o["a"], o["a"]),
    "dtypes": lambda t, o: t.sparse.mm(o["a"], o["f"]),
    "sampled shapes": lambda t, o: t.sparse.sampled_addmm(o["c"], o["o"], o["x"]),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_product(name):
    agree(lambda t: CASES[name](t, operands(t)), name, tolerance=1e-12)


@pytest.mark.parametrize("lengths", [[0, 3, 1, 70, 0, 2 * LONGEST, LONGEST + 1], [1, 2, 3, 4], [0, 0], []])
def test_bins_are_the_matrix(lengths):
    rows = np.repeat(np.arange(len(lengths)), lengths).astype(np.int64)
    columns = RNG.integers(0, 9, len(rows))
    shuffled = RNG.permutation(len(rows))
    rows, columns = rows[shuffled], columns[shuffled]
    values, dense = RNG.standard_normal(len(rows)).astype(np.float32), RNG.standard_normal((9, 2)).astype(np.float32)
    values, dense = jnp.asarray(values), jnp.asarray(dense)
    bins, back, split = row_bins(rows, columns, len(lengths))
    expected = np.zeros((len(lengths), 2))
    np.add.at(expected, rows, np.asarray(values[:, None] * dense[columns]))
    np.testing.assert_allclose(product(values, dense, bins, back, len(lengths), split), expected, rtol=1e-4, atol=1e-5)
    assert sum((p < len(rows)).sum() for p, _ in bins) == len(rows) and split == (max(lengths, default=0) > LONGEST)


@pytest.mark.parametrize("width", [0, 1, 5, 8, 13])
def test_row_dots(width):
    a, b = RNG.standard_normal((2, 4, width)).astype(np.float32)
    np.testing.assert_allclose(row_dots(a, b), (a * b).sum(1), rtol=1e-5, atol=1e-6)


GRADIENTS = {
    "mm": lambda t, s, x: (t.sparse.mm(s, x) ** 3).sum(),
    "csr": lambda t, s, x: (s.coalesce().to_sparse_csr() @ x).pow(3).sum(),
    "to_dense": lambda t, s, x: (s.to_dense() @ x).pow(3).sum(),
    "coalesce": lambda t, s, x: (s.coalesce().values() ** 3).sum() + x.sum(),
    "sum": lambda t, s, x: t.sparse.sum(s, 1).to_dense().pow(3).sum() + x.sum(),
    "both sparse": lambda t, s, x: t.sparse.mm(s, s.t()).to_dense().pow(3).sum() + x.sum(),
    "add": lambda t, s, x: (s + s * 2).to_dense().pow(3).sum() + x.sum(),
    "softmax": lambda t, s, x: (t.sparse.softmax(s, 1).to_dense() @ x).pow(3).sum(),
    "addmm": lambda t, s, x: t.sparse.addmm(t.ones(7, 3).double(), s, x, alpha=2).pow(3).sum(),
}


@pytest.mark.parametrize("name", GRADIENTS)
def test_gradients_through_values(name):
    def run(t):
        v, x = t.tensor(VALUES, requires_grad=True), t.tensor(DENSE, requires_grad=True)
        return t.autograd.grad(GRADIENTS[name](t, coo(t, v), x), (v, x))

    agree(run, name, tolerance=1e-9)


@pytest.mark.parametrize("name", ["mm", "to_dense", "addmm"])
def test_second_order(name):
    def run(t, dense=False):
        v, x = t.tensor(VALUES, requires_grad=True), t.tensor(DENSE, requires_grad=True)
        s = t.zeros(7, 5).double().index_put((t.tensor(ROWS), t.tensor(COLUMNS)), v) if dense else coo(t, v)
        loss = {
            "mm": lambda: (s @ x).pow(3).sum(),
            "addmm": lambda: t.addmm(t.ones(7, 3).double(), s, x, alpha=2).pow(3).sum(),
        }
        loss = loss[name]() if name in loss else GRADIENTS["to_dense"](t, s, x)
        grads = t.autograd.grad(loss, (v, x), create_graph=True)
        return t.autograd.grad(sum((g**2).sum() for g in grads), (v, x))

    # A dense matrix stands for PyTorch's sparse one, which has no second derivative of some of these.
    for a, b in zip(run(rustorch), run(torch, True)):
        same(a, b, name, tolerance=1e-9)


def test_plan_is_made_once_and_agrees():
    first, second, third = (rustorch.sparse.mm(s, rustorch.tensor(DENSE)) for s in [coo(rustorch)] * 3)
    s = coo(rustorch)
    results = []
    for _ in range(3):
        v, x = (
            s.values().detach().requires_grad_() if s.is_coalesced() else s._values().requires_grad_(),
            rustorch.tensor(DENSE, requires_grad=True),
        )
        out = rustorch.sparse.mm(s._with(v), x)
        results.append((out.detach(), *rustorch.autograd.grad((out**3).sum(), (v, x))))
    for later in results[1:]:
        for a, b in zip(later, results[0]):
            np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-12)
    np.testing.assert_allclose(first.numpy(), third.numpy(), rtol=1e-12)


@pytest.mark.parametrize("loss", [
    lambda t, s: (t.sparse.mm(s, t.tensor(DENSE)) ** 2).sum(),
    lambda t, s: s.to_dense().pow(2).sum(),
    lambda t, s: t.sparse.sum(s),
    lambda t, s: t.sparse.sum(s, 1).to_dense().pow(2).sum(),
])  # fmt: skip
def test_sparse_leaf_gets_a_sparse_gradient(loss):
    def run(t):
        s = coo(t).coalesce().detach().requires_grad_()
        loss(t, s).backward()
        assert s.is_leaf and s.grad.is_sparse
        return [s.grad, *t.autograd.grad(loss(t, s), s)]

    ours, theirs = both(run)
    same(ours, theirs, exact_places=False, tolerance=1e-9)


def test_transforms():
    s, x = coo(rustorch).coalesce(), rustorch.tensor(DENSE)
    f = lambda m, y: (rustorch.sparse.mm(m, y) ** 3).sum()
    g = lambda m, y: ((m @ y) ** 3).sum()
    dense = s.to_dense()
    by_matrix = rustorch.func.grad(f)(s, x)
    same_values = rustorch.func.grad(g)(dense, x).sparse_mask(s)
    np.testing.assert_allclose(by_matrix.to_dense().numpy(), same_values.to_dense().numpy(), rtol=1e-9)
    for h in (lambda k: rustorch.func.hessian(lambda y: k(y)), lambda k: rustorch.func.jacfwd(lambda y: k(y))):
        np.testing.assert_allclose(
            h(lambda y: f(s, y))(x).numpy(), h(lambda y: g(dense, y))(x).numpy(), rtol=1e-9, atol=1e-9
        )
    rows = rustorch.func.vmap(lambda v: rustorch.mv(s, v))(x.t())
    np.testing.assert_allclose(rows.numpy(), (dense @ x).t().numpy(), rtol=1e-9)


def test_traced():
    s, x = coo(rustorch).coalesce(), rustorch.tensor(DENSE)
    expected = (s.to_dense() @ x).numpy()
    closes_over = rustorch.jit.trace(lambda y: rustorch.sparse.mm(s, y), fullgraph=True)
    takes = rustorch.jit.trace(lambda m, y: rustorch.sparse.mm(m, y), fullgraph=True)
    for k in (1, 2, 3):
        np.testing.assert_allclose(closes_over(x * k).numpy(), k * expected, rtol=1e-9)
        np.testing.assert_allclose(takes(s * k, x).numpy(), k * expected, rtol=1e-9)
    other = s.t().to_sparse_csr().to_sparse_coo().t()
    np.testing.assert_allclose(takes(other, x).numpy(), expected, rtol=1e-9)
    double = rustorch.jit.trace(lambda m: m.coalesce() * 2)
    for _ in range(2):
        np.testing.assert_allclose(double(coo(rustorch)).to_dense().numpy(), 2 * s.to_dense().numpy())

"""Products with second derivatives against the matrices they never form."""

import pytest

import rustorch

func = rustorch.func


def points(n):
    return rustorch.arange(float(n), dtype=rustorch.float64) / n + 0.3


def f(x):
    return (x.sin() * x.sum()).sum() + x.prod()


def close(a, b):
    assert a.flatten().tolist() == pytest.approx(b.flatten().tolist(), rel=1e-9)


def test_hvp_and_vhp():
    x, v = points(4), points(4).cos()
    h = func.hessian(f)(x)
    for product in (func.hvp, func.vhp):
        value, found = product(f, x, v)
        close(value, f(x))
        close(found, h @ v)


def test_several_arguments():
    g = lambda a, b: (a**2 * b).sum()
    a, b = points(3), points(3) + 1
    _, (da, db) = func.hvp(g, (a, b), (rustorch.ones_like(a), rustorch.ones_like(b)))
    close(da, 2 * b + 2 * a)
    close(db, 2 * a)


def test_gauss_newton():
    w, v = points(3), points(3).cos()
    features = rustorch.stack([points(3), points(3) ** 2, points(3).sin()])
    model = lambda w: (features @ w).tanh()
    loss = lambda y: (y**4).sum()
    j = func.jacrev(model)(w)
    h = func.hessian(loss)(model(w))
    close(func.ggn_vp(model, loss, w, v), j.T @ h @ j @ v)


@pytest.mark.parametrize("chunk_size", [None, 2])
def test_laplacian(chunk_size):
    x = points(5)
    value, found = func.laplacian(f, x, chunk_size)
    close(value, f(x))
    close(found, func.hessian(f)(x).trace())
    batch = rustorch.stack([points(3), points(3) + 1])
    _, each = rustorch.vmap(lambda r: func.laplacian(f, r))(batch)
    close(each, rustorch.stack([func.hessian(f)(r).trace() for r in batch]))

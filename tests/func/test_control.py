"""Branches, loops and implicit functions inside one program, and their derivatives."""

import math

import pytest

import rustorch

func = rustorch.func


def t(x, **kw):
    return rustorch.tensor(x, dtype=rustorch.float64, **kw)


@pytest.mark.parametrize("start", [-2.0, 2.0])
def test_cond(start):
    x, w = t(start, requires_grad=True), t(3.0, requires_grad=True)
    y = func.cond(x > 0, lambda x: x * w, lambda x: -x * w * w, (x,))
    y.backward()
    assert (x.grad.item(), w.grad.item()) == ((3.0, 2.0) if start > 0 else (-9.0, 12.0))
    assert func.cond(True, lambda x: x, lambda x: -x, (w,)) is w


def test_cond_over_a_batch():
    f = lambda x: func.cond(x > 0, lambda x: x * 10, lambda x: -x, (x,))
    assert rustorch.vmap(f)(t([-1.0, 2.0])).tolist() == [1, 20]


def test_while_loop_in_both_modes():
    times = lambda a, **kw: func.while_loop(lambda x: x < 100, lambda x: (x * a,), (t(3.0),), **kw)[0]
    steps = math.ceil(math.log(100 / 3) / math.log(1.1))
    expected = 3 * steps * 1.1 ** (steps - 1)
    _, forward = func.jvp(times, (t(1.1),), (t(1.0),))
    assert forward.item() == pytest.approx(expected)
    a = t(1.1, requires_grad=True)
    times(a, max_steps=60).backward()
    assert a.grad.item() == pytest.approx(expected)


@pytest.mark.parametrize("reverse", [False, True])
def test_scan_is_the_loop(reverse):
    w = (rustorch.arange(9.0).reshape(3, 3).double() / 9 - 0.4).requires_grad_()
    xs = rustorch.arange(15.0).reshape(3, 5).double() / 15
    last, ys = func.scan(
        lambda h, x: ((h @ w + x).tanh(), h * 2), rustorch.zeros(3).double(), xs, dim=1, reverse=reverse
    )
    h, rows = rustorch.zeros(3).double(), []
    for i in reversed(range(5)) if reverse else range(5):
        rows.append(h * 2)
        h = (h @ w + xs[:, i]).tanh()
    expected = rustorch.stack(rows[::-1] if reverse else rows, 1)
    assert rustorch.allclose(last, h)
    assert rustorch.allclose(ys, expected)
    ours, plain = (rustorch.autograd.grad((a.sum() + (b**2).sum()), w) for a, b in ((last, ys), (h, expected)))
    assert rustorch.allclose(ours[0], plain[0])


def test_scan_to_second_order_and_over_a_batch():
    f = lambda x: func.scan(lambda c, y: (c * y * x, c), x, t([1.0, 2.0, 3.0]))[0]  # 6 x⁴
    assert func.grad(func.grad(f))(t(2.0)).item() == pytest.approx(72 * 4)
    assert rustorch.vmap(f)(t([1.0, 2.0])).tolist() == [6, 96]


def test_a_scan_is_one_node_of_one_program():
    xs = rustorch.ones(1000, 3)
    f = lambda: func.scan(lambda h, x: ((h + x).sin(), h.sum()), rustorch.zeros(3), xs)[1].sum().item()
    f(), f()
    before = rustorch.lowering.counters()
    f()
    after = rustorch.lowering.counters()
    assert after["dispatched"] - before["dispatched"] == 1
    assert after["compiled"] == before["compiled"]
    assert after["recorded"] - before["recorded"] < 10


def test_mistakes():
    with pytest.raises(RuntimeError, match="both branches"):
        func.cond(t(1.0) > 0, lambda x: x, lambda x: rustorch.stack([x, x]), (t(1.0),))
    with pytest.raises(RuntimeError, match="keeps the shapes"):
        func.scan(lambda c, x: (rustorch.stack([c, c]), x), t(0.0), rustorch.ones(3))
    with pytest.raises(RuntimeError, match="same size"):
        func.scan(lambda c, x: (c, c), t(0.0), (rustorch.ones(3), rustorch.ones(4)))
    with pytest.raises(RuntimeError, match="one bool"):
        func.while_loop(lambda x: x > 0, lambda x: (x,), (rustorch.ones(3),))


def test_implicit_root_to_third_order():
    f = lambda a: func.implicit_root(lambda x, a: x * x - a, t(1.0), a, order=3)
    orders = [f]
    for _ in range(3):
        orders.append(func.grad(orders[-1]))
    found = [g(t(9.0)).item() for g in orders]
    assert found == pytest.approx([3, 1 / 6, -1 / 108, 1 / 648], rel=1e-7)


def test_implicit_root_of_a_system():
    m, b = t([[4.0, 1.0], [1.0, 3.0]], requires_grad=True), t([1.0, 2.0], requires_grad=True)
    x = func.implicit_root(lambda x, m, b: m @ x + x**3 - b, rustorch.zeros(2).double(), m, b)
    assert (m @ x + x**3 - b).abs().max().item() < 1e-12
    slope = m + (3 * x**2).diag()
    (gb,) = rustorch.autograd.grad(x.sum(), b)
    assert gb.tolist() == pytest.approx(rustorch.linalg.solve(slope.T, rustorch.ones(2).double()).tolist())


def test_fixed_point():
    a = t(0.5, requires_grad=True)
    x = func.fixed_point(lambda x, a: a * x.cos(), t(1.0), a)
    assert (a * x.cos() - x).abs().item() < 1e-9
    (g,) = rustorch.autograd.grad(x, a)
    assert g.item() == pytest.approx((x.cos() / (1 + a * x.sin())).item())

"""``func.compiled``: one node per call, whatever the function does."""

import pytest
from jax import monitoring

import rustorch
from rustorch.func import compiled, grad, hessian, jvp


def counted(call):
    before = rustorch.lowering.counters()
    result = call()
    after = rustorch.lowering.counters()
    return result, {k: after[k] - before[k] for k in ("compiled", "dispatched", "recorded")}


def test_one_dispatch_and_nothing_recorded():
    calls = []

    @compiled
    def f(x, scale, *, shift):
        calls.append(1)
        return {"h": hessian(lambda x: (x**3 * scale).sum())(x), "y": x + shift}

    x = rustorch.tensor([1.0, 2.0])
    assert f(x, 2.0, shift=x)["h"].tolist() == [[12, 0], [0, 24]]
    f(x + 1, 2.0, shift=x)["h"].tolist()
    out, counts = counted(lambda: f(x, 2.0, shift=x)["h"].tolist())
    assert out == [[12, 0], [0, 24]]
    assert len(calls) == 1
    assert counts["compiled"] == 0 and counts["dispatched"] == 1 and counts["recorded"] > 4
    assert f(x, 3.0, shift=x)["h"][0, 0].item() == 18  # another value: recorded again
    assert f(x.double(), 2.0, shift=x)["h"].dtype is rustorch.float64
    assert len(calls) == 3


def test_tensors_from_outside_are_read_at_each_call():
    w = rustorch.tensor([2.0])
    f = compiled(lambda x: x * w)
    one = rustorch.ones(1)
    assert f(one).item() == 2
    w += 1
    assert f(one).item() == 3
    w.data = rustorch.tensor([7.0])
    assert f(one).item() == 7
    w.data = rustorch.tensor([1.0, 2.0])
    assert f(one).tolist() == [1, 2]
    model = rustorch.nn.Linear(2, 1)
    g = compiled(lambda x: model(x).sum())
    x = rustorch.ones(3, 2)
    before = g(x).item()
    with rustorch.no_grad():
        model.bias += 1
    assert g(x).item() == pytest.approx(before + 3)


def test_it_differentiates_and_transforms():
    f = compiled(lambda x: (x.sin() * x).sum())
    x = rustorch.tensor([0.3, 0.8], dtype=rustorch.float64, requires_grad=True)
    plain = lambda x: (x.sin() * x).sum()
    (a,) = rustorch.autograd.grad(f(x), x, create_graph=True)
    (b,) = rustorch.autograd.grad(plain(x), x, create_graph=True)
    assert a.tolist() == pytest.approx(b.tolist())
    assert rustorch.autograd.grad(a.sum(), x)[0].tolist() == pytest.approx(
        rustorch.autograd.grad(b.sum(), x)[0].tolist()
    )
    v = rustorch.ones(2, dtype=rustorch.float64)
    assert jvp(f, (x.detach(),), (v,))[1].item() == pytest.approx(jvp(plain, (x.detach(),), (v,))[1].item())
    rows = rustorch.stack([x.detach(), 2 * x.detach()])
    assert rustorch.vmap(f)(rows).tolist() == pytest.approx(rustorch.vmap(plain)(rows).tolist())
    model = rustorch.nn.Linear(2, 1)
    loss = compiled(lambda x: model(x).square().mean())
    loss(rustorch.ones(3, 2)).backward()
    assert model.weight.grad is not None
    inner = compiled(lambda x: grad(f)(x))
    assert inner(x.detach()).tolist() == pytest.approx(a.tolist())


def test_what_is_not_pure_is_an_error():
    total = rustorch.zeros(1)

    def writes(x):
        total.add_(x)
        return x * 1

    with pytest.raises(RuntimeError, match="may not be changed in place"):
        compiled(writes)(rustorch.ones(1))
    with pytest.raises(RuntimeError, match="draws random numbers"):
        compiled(lambda x: x + rustorch.rand(1))(rustorch.ones(1))
    with pytest.raises(RuntimeError, match="looking at a Tensor's values"):
        compiled(lambda x: x if x > 0 else -x)(rustorch.ones(1))


def test_a_pending_value_from_outside_is_an_input():
    w = rustorch.ones(2)
    pending = w * 2
    f = compiled(lambda x: x + pending)
    assert f(rustorch.zeros(2)).tolist() == [2, 2]
    w += 1
    assert f(rustorch.zeros(2)).tolist() == [2, 2]


def test_jax_compiles_it_once():
    f, compiles = rustorch.func.compiled(lambda x: x * 2), []
    f(rustorch.tensor([1.0, 2.0]))

    def listen(name, *_, **__):
        compiles.append(name)

    monitoring.register_event_duration_secs_listener(listen)
    try:
        for _ in range(3):
            f(rustorch.tensor([1.0, 2.0]))
    finally:
        monitoring.unregister_event_duration_listener(listen)
    assert not [name for name in compiles if "compile" in name]

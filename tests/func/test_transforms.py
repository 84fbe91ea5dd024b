"""``rustorch.func`` beside ``torch.func``: the same program, the same numbers."""

import math

import pytest
import torch as oracle

import rustorch

LIBS = (rustorch, oracle)


def ramp(m, *shape):
    return m.arange(float(math.prod(shape)), dtype=m.float64).reshape(shape) / 7


def same(ours, theirs):
    """Assert equal nesting, shapes and, nearly, numbers."""
    if isinstance(theirs, (tuple, list)):
        assert isinstance(ours, (tuple, list))
        assert len(ours) == len(theirs)
        for a, b in zip(ours, theirs):
            same(a, b)
    elif isinstance(theirs, dict):
        assert list(ours) == list(theirs)
        for k in theirs:
            same(ours[k], theirs[k])
    elif isinstance(theirs, oracle.Tensor):
        assert tuple(ours.shape) == tuple(theirs.shape)
        expected = pytest.approx(theirs.detach().flatten().tolist(), rel=1e-9, abs=1e-12)
        assert ours.detach().flatten().tolist() == expected
    else:
        assert ours == theirs


def cubic(x):
    return (x**3).sum() * x.prod()


def wave(x):
    return x.sin() * x**2


def _ensemble(m, F):
    models = [m.nn.Linear(2, 1).double() for _ in range(3)]
    for i, model in enumerate(models):
        m.nn.init.constant_(model.weight, i + 1.0)
        m.nn.init.constant_(model.bias, float(i))
    parameters, buffers = F.stack_module_state(models)
    x = ramp(m, 4, 2)
    per_model = F.vmap(lambda p, b, x: F.functional_call(models[0], (p, b), (x,)), in_dims=(0, 0, None))
    per_sample = F.vmap(F.grad(lambda p, x: F.functional_call(models[0], p, (x,)).pow(2).sum()), in_dims=(None, 0))
    return per_model(parameters, buffers, x), per_sample(dict(models[0].named_parameters()), x)


def _inplace(m, F):
    def f(x):
        y = m.zeros_like(x)
        y[0] = x[1]
        return y.mul_(3)

    return F.vmap(f)(ramp(m, 5, 2))


def _captured(m, F):
    w = ramp(m, 3).requires_grad_()
    F.vmap(lambda x: (x * w).sin())(ramp(m, 2, 3)).sum().backward()
    g = F.grad(lambda x: (x * w).pow(2).sum())(ramp(m, 3))
    g.sum().backward()
    return w.grad, g.requires_grad, F.grad(cubic)(ramp(m, 3)).requires_grad


def _conv(m, F):
    loss = lambda w, x: m.nn.functional.conv2d(x[None], w).pow(2).sum()
    return F.vmap(F.grad(loss), in_dims=(None, 0))(ramp(m, 2, 1, 2, 2) - 0.3, ramp(m, 3, 1, 3, 3) - 0.3)


PROGRAMS = {
    "grad, thrice": lambda m, F: [
        g(m.tensor(1.3, dtype=m.float64)) for g in (F.grad(wave), F.grad(F.grad(wave)), F.grad(F.grad(F.grad(wave))))
    ],
    "grad of two arguments": lambda m, F: F.grad(lambda x, y: (x * y.sin()).sum(), argnums=(0, 1))(
        ramp(m, 3), ramp(m, 3)
    ),
    "grad with aux": lambda m, F: F.grad(lambda x: (x.sum(), x * 2), has_aux=True)(ramp(m, 3)),
    "grad_and_value": lambda m, F: F.grad_and_value(cubic)(ramp(m, 3)),
    "grad of a dict": lambda m, F: F.grad(lambda d: (d["b"] * d["a"]).sum())({"b": ramp(m, 2), "a": ramp(m, 2)}),
    "vjp": lambda m, F: F.vjp(lambda a, b: (a * b, a.sum()), ramp(m, 3), ramp(m, 3))[1](
        (m.ones(3).double(), m.tensor(2.0).double())
    ),
    "jvp": lambda m, F: F.jvp(lambda x: x.sin() * x.sum(), (ramp(m, 3),), (m.ones(3).double(),)),
    "jvp of jvp": lambda m, F: F.jvp(lambda x: F.jvp(wave, (x,), (m.ones_like(x),))[1], (ramp(m, 3),), (ramp(m, 3),)),
    "jvp of grad": lambda m, F: F.jvp(F.grad(cubic), (ramp(m, 3),), (m.ones(3).double(),)),
    "grad of jvp": lambda m, F: F.grad(lambda x: F.jvp(cubic, (x,), (m.ones(3).double(),))[1])(ramp(m, 3)),
    "linearize": lambda m, F: F.linearize(wave, ramp(m, 3))[1](ramp(m, 3)),
    "vmap": lambda m, F: F.vmap(lambda a, b: (a @ b, a.sum()), in_dims=(0, None))(ramp(m, 3, 2, 4), ramp(m, 4, 5)),
    "vmap over other dimensions": lambda m, F: F.vmap(lambda a, b: (a * b, a), in_dims=(1, 0), out_dims=(1, 0))(
        ramp(m, 3, 2), ramp(m, 2, 3)
    ),
    "vmap of vmap": lambda m, F: F.vmap(F.vmap(lambda a, b: a * b, in_dims=(None, 0)), in_dims=(0, None))(
        ramp(m, 3), ramp(m, 4)
    ),
    "vmap inside vmap": lambda m, F: F.vmap(lambda x: F.vmap(lambda y: (x * y).sin())(x))(ramp(m, 3, 2)),
    "vmap of a dict": lambda m, F: F.vmap(lambda d: d["x"] * d["y"], in_dims=({"x": 0, "y": None},))(
        {"x": ramp(m, 3), "y": ramp(m, 2)}
    ),
    "vmap in chunks": lambda m, F: F.vmap(lambda x: x * 2, chunk_size=2)(ramp(m, 5)),
    "vmap of a constant": lambda m, F: F.vmap(lambda x: m.tensor(3.0))(ramp(m, 5)),
    "vmap of grad": lambda m, F: F.vmap(F.grad(cubic))(ramp(m, 2, 3)),
    "grad of vmap": lambda m, F: F.grad(lambda x: F.vmap(cubic)(x).sum())(ramp(m, 2, 3)),
    "vmap of hessian": lambda m, F: F.vmap(F.hessian(cubic))(ramp(m, 2, 3)),
    "vmap of layer norm": lambda m, F: F.vmap(F.grad(lambda x: m.nn.functional.layer_norm(x, (4,)).pow(3).sum()))(
        ramp(m, 3, 4) ** 2
    ),
    "vmap of convolution": _conv,
    "vmap with writes": _inplace,
    "captured tensors": _captured,
    "an ensemble": _ensemble,
    "jacrev": lambda m, F: F.jacrev(lambda x, y: (x * y.sum(), y.prod()), argnums=(0, 1))(ramp(m, 2), ramp(m, 3)),
    "jacfwd": lambda m, F: F.jacfwd(lambda x, y: (x * y.sum(), y.prod()), argnums=(0, 1))(ramp(m, 2), ramp(m, 3)),
    "jacrev of a dict": lambda m, F: F.jacrev(lambda d: {"o": d["b"] * d["a"]})({"b": ramp(m, 2), "a": ramp(m, 2)}),
    "jacfwd of a dict": lambda m, F: F.jacfwd(lambda d: {"o": d["b"] * d["a"]})({"b": ramp(m, 2), "a": ramp(m, 2)}),
    "jacrev with aux": lambda m, F: F.jacrev(lambda x: (x * 2, x.sum()), has_aux=True)(ramp(m, 2)),
    "jacfwd with aux": lambda m, F: F.jacfwd(lambda x: (x * 2, x.sum()), has_aux=True)(ramp(m, 2)),
    "jacrev in chunks": lambda m, F: F.jacrev(m.sin, chunk_size=2)(ramp(m, 3)),
    "hessian": lambda m, F: F.hessian(cubic)(ramp(m, 3)),
    "three hessians": lambda m, F: [
        h(ramp(m, 3)) for h in (F.jacrev(F.jacrev(cubic)), F.jacfwd(F.jacfwd(cubic)), F.jacrev(F.jacfwd(cubic)))
    ],
    "grad of jacrev": lambda m, F: F.grad(lambda x: F.jacrev(lambda y: (y * x).sin())(x).diagonal().sum())(ramp(m, 3)),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_same_numbers(name):
    same(*(PROGRAMS[name](m, m.func) for m in LIBS))


ERRORS = {
    "not a scalar": lambda m, F: F.grad(lambda x: x)(m.ones(2)),
    "not a tensor": lambda m, F: F.grad(lambda x: 3.0)(m.ones(2)),
    "a dimension that is not there": lambda m, F: F.vmap(lambda x: x, in_dims=2)(m.ones(2)),
    "sizes that differ": lambda m, F: F.vmap(lambda x, y: x)(m.ones(2), m.ones(3)),
    "no inputs": lambda m, F: F.vmap(lambda: m.ones(1))(),
    "a value": lambda m, F: F.vmap(lambda x: x.item())(m.ones(2)),
    "a branch on a value": lambda m, F: F.vmap(lambda x: x if x > 0 else -x)(m.ones(2)),
    "a draw": lambda m, F: F.vmap(lambda x: x + m.rand(()))(m.ones(2)),
    "a write outside": lambda m, F: (lambda b: F.vmap(lambda x: b.add_(x))(m.ones(2, 3)))(m.zeros(3)),
    "primals that are no tuple": lambda m, F: F.jvp(m.sin, m.ones(1), m.ones(1)),
    "randomness": lambda m, F: F.vmap(m.sin, randomness="maybe"),
    "names twice": lambda m, F: F.functional_call(
        m.nn.Linear(1, 1), ({"bias": m.ones(1)}, {"bias": m.ones(1)}), m.ones(1)
    ),
}


@pytest.mark.parametrize("name", ERRORS)
def test_same_kind_of_error(name):
    with pytest.raises(Exception) as theirs:
        ERRORS[name](oracle, oracle.func)
    with pytest.raises(theirs.type):
        ERRORS[name](rustorch, rustorch.func)
    assert rustorch.ones(2).add(1).tolist() == [2, 2]  # nothing is left behind


def test_randomness_over_a_batch():
    F = rustorch.func
    x = rustorch.zeros(5, 2)
    same = F.vmap(lambda r: r + rustorch.rand(2), randomness="same")(x)
    assert (same == same[0]).all()
    different = F.vmap(lambda r: r + rustorch.rand(2), randomness="different")(x)
    assert len(set(different.flatten().tolist())) == 10
    ones = rustorch.ones(5, 400)
    dropped = F.vmap(lambda r: rustorch.nn.functional.dropout(r, 0.5), randomness="different")(ones)
    assert len({tuple(row) for row in dropped.tolist()}) == 5
    mask = lambda r: F.vjp(lambda z: rustorch.nn.functional.dropout(z, 0.5), r)
    out, back = F.vmap(lambda r: (lambda o, pull: (o, pull(rustorch.ones(400))[0]))(*mask(r)), randomness="different")(
        ones
    )
    assert (out == back).all()  # the gradient draws what the forward drew


def test_autograd_inside_a_mapped_function():
    def f(x):
        (g,) = rustorch.autograd.grad((x**3).sum(), x)
        return g

    x = ramp(rustorch, 4, 2).requires_grad_()
    assert rustorch.vmap(f)(x).tolist() == (3 * x**2).tolist()


def test_a_batched_hessian_is_one_program():
    w = ramp(rustorch, 3, 3)
    h = rustorch.vmap(rustorch.func.hessian(lambda x: rustorch.tanh(x @ w).sum()))
    h(ramp(rustorch, 4, 3)).sum().item()
    before = rustorch.lowering.counters()
    h(ramp(rustorch, 4, 3) + 1).sum().item()
    after = rustorch.lowering.counters()
    assert after["dispatched"] - before["dispatched"] == 1


def test_functional_call_ties_and_checks_names():
    model = rustorch.nn.Sequential(rustorch.nn.Linear(2, 2, bias=False), rustorch.nn.Linear(2, 2, bias=False))
    model[1].weight = model[0].weight
    call = rustorch.func.functional_call
    out = call(model, {"0.weight": 2 * rustorch.eye(2)}, rustorch.ones(2))
    assert out.tolist() == [4, 4]
    with pytest.raises(RuntimeError, match="nothing"):
        call(model, {"nothing": rustorch.ones(1)}, rustorch.ones(2))
    with pytest.raises(RuntimeError, match="Missing"):
        call(rustorch.nn.Linear(1, 1), {"bias": rustorch.ones(1)}, rustorch.ones(1), strict=True)

"""What checks of values cost, and where they are left out."""

import pytest

import rustorch
from rustorch import distributions as D


def looks(f):
    """How many programs ran for ``f``."""
    before = rustorch.lowering.counters()
    f()
    after = rustorch.lowering.counters()
    return {k: after[k] - before[k] for k in after if after[k] != before[k]}


def test_known_values_are_checked_without_a_program():
    loc, x = rustorch.tensor([0.0, 1.0]), rustorch.tensor([0.5, 0.5])
    assert not looks(lambda: (D.Normal(loc, 1.0), D.Gamma(x, x), D.Dirichlet(x), D.Uniform(0.0, x)).__len__())
    with pytest.raises(ValueError):
        D.Dirichlet(-x)


def test_pending_values_are_looked_at_only_with_checks():
    x = rustorch.tensor([0.5, -0.5])
    d = D.Normal(0.0, x * 2, validate_args=False)  # nothing is looked at
    with pytest.raises(ValueError, match="scale"):
        D.Normal(0.0, x * 3)
    assert d.log_prob(rustorch.tensor(0.0)).shape == (2,)


def test_default_can_be_turned_off():
    D.Distribution.set_default_validate_args(False)
    try:
        assert D.Bernoulli(rustorch.tensor(2.0)).probs.item() == 2
    finally:
        D.Distribution.set_default_validate_args(True)
    with pytest.raises(ValueError):
        D.Bernoulli(rustorch.tensor(2.0))


def test_transforms_of_functions():
    def f(m, s):
        return D.Normal(m, s.exp()).log_prob(m * 2)

    m, s = rustorch.tensor([0.1, 0.2]), rustorch.tensor([0.3, 0.4])
    mapped = rustorch.vmap(f)(m, s)
    assert rustorch.allclose(mapped, f(m, s))
    g = rustorch.func.grad(lambda m: f(m, s).sum())(m)
    assert rustorch.allclose(g, -4 * 0 - m / (2 * s).exp(), atol=1e-5)


def test_traced_step():
    def step(x, w):
        q = D.Normal(x * w, (x * w).exp())
        z = q.rsample()
        return D.kl_divergence(q, D.Normal(0.0, 1.0)).sum(), z

    rustorch.manual_seed(0)
    traced = rustorch.jit.trace(step)
    x, w = rustorch.ones(3), rustorch.full((3,), 0.5)
    kl, z1 = traced(x, w)
    kl2, z2 = traced(x, w)
    assert rustorch.allclose(kl, kl2) and not rustorch.equal(z1, z2)
    assert rustorch.allclose(kl, D.kl_divergence(D.Normal(x * w, (x * w).exp()), D.Normal(0.0, 1.0)).sum())


def test_own_distribution():
    class Twice(D.Distribution):
        arg_constraints = {"x": D.constraints.positive}
        support = D.constraints.real

        def __init__(self, x, validate_args=None):
            self.x = x
            super().__init__(x.shape, validate_args=validate_args)

    d = Twice(rustorch.tensor([1.0]))
    assert repr(d) == "Twice(x: tensor([1.]))"
    with pytest.raises(NotImplementedError):
        d.expand((2,))

    class Mine(D.Normal):
        def __init__(self, x):
            super().__init__(x, 1.0)

    with pytest.raises(NotImplementedError, match="custom .expand"):
        Mine(rustorch.tensor(0.0)).expand((2,))

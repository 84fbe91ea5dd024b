"""Random tensors: the right distribution, reproducible, never twice the same, gradients zero."""

import math
import pickle

import numpy as np
import pytest

import rustorch as torch
import rustorch.random

N = 20000


def moments(t):
    a = t.double().numpy()
    return a.mean(), a.std()


DRAWS = {
    "rand": (lambda: torch.rand(N), 0.5, 1 / math.sqrt(12)),
    "randn": (lambda: torch.randn(N), 0, 1),
    "randint": (lambda: torch.randint(3, 9, (N,)), 5.5, math.sqrt(35 / 12)),
    "randint_wide": (lambda: torch.randint(0, 1 << 40, (N,)).double() / (1 << 40), 0.5, 1 / math.sqrt(12)),
    "rand64": (lambda: torch.rand(N, dtype=torch.float64), 0.5, 1 / math.sqrt(12)),
    "bernoulli": (lambda: torch.bernoulli(torch.full((N,), 0.3)), 0.3, math.sqrt(0.21)),
    "bernoulli_p": (lambda: torch.empty(N).bernoulli_(0.7), 0.7, math.sqrt(0.21)),
    "bernoulli_t": (lambda: torch.empty(2, N).bernoulli_(torch.full((N,), 0.7)), 0.7, math.sqrt(0.21)),
    "normal": (lambda: torch.normal(2.0, 3.0, (N,)), 2, 3),
    "normal_tensors": (lambda: torch.normal(torch.full((N,), 2.0), torch.full((N,), 3.0)), 2, 3),
    "uniform_": (lambda: torch.empty(N).uniform_(-1, 3), 1, 4 / math.sqrt(12)),
    "normal_": (lambda: torch.empty(N, dtype=torch.float16).normal_(1, 2), 1, 2),
    "exponential_": (lambda: torch.empty(N).exponential_(2), 0.5, 0.5),
    "geometric_": (lambda: torch.empty(N).geometric_(0.4), 2.5, math.sqrt(0.6) / 0.4),
    "log_normal_": (
        lambda: torch.empty(N).log_normal_(0, 0.5),
        math.exp(0.125),
        math.sqrt((math.exp(0.25) - 1) * math.exp(0.25)),
    ),
    "cauchy_": (lambda: torch.empty(N).cauchy_(1, 2).clamp(-1e9, 1e9).sub(1).div(2).atan(), 0, math.pi / math.sqrt(12)),
    "random_": (lambda: torch.empty(N).random_(10), 4.5, math.sqrt(99 / 12)),
    "poisson": (lambda: torch.poisson(torch.full((N,), 4.0)), 4, 2),
    "binomial": (lambda: torch.binomial(torch.full((N,), 10.0), torch.full((N,), 0.5)), 5, math.sqrt(2.5)),
    "multinomial": (lambda: torch.multinomial(torch.tensor([1.0, 2.0, 1.0]), N, replacement=True), 1, math.sqrt(0.5)),
    "gamma": (lambda: torch._standard_gamma(torch.full((N,), 2.0)), 2, math.sqrt(2)),
    "randn_like": (lambda: torch.randn_like(torch.empty(2, N)), 0, 1),
    "rand_like": (lambda: torch.rand_like(torch.empty(N)), 0.5, 1 / math.sqrt(12)),
    "randint_like": (lambda: torch.randint_like(torch.empty(N), 3), 1, math.sqrt(2 / 3)),
    "complex": (lambda: torch.randn(N, dtype=torch.complex64).abs().square(), 1, 1),
}


@pytest.mark.parametrize("name", DRAWS)
def test_distribution(name):
    torch.manual_seed(0)
    draw, mean, std = DRAWS[name]
    m, s = moments(draw())
    assert abs(m - mean) < 5 * std / math.sqrt(N) and abs(s / std - 1) < 0.05, (m, s)


@pytest.mark.parametrize("name", ["rand", "randn", "randint", "uniform_", "bernoulli", "multinomial"])
def test_same_seed_same_draw_next_draw_differs(name):
    draw = DRAWS[name][0]
    torch.manual_seed(5)
    a, b = draw(), draw()
    torch.manual_seed(5)
    c = draw()
    assert torch.equal(a, c) and not torch.equal(a, b)


def test_generator_state_goes_back_and_forth():
    g = torch.Generator().manual_seed(3)
    torch.rand(2, generator=g)
    state = g.get_state()
    a = torch.randn(4, generator=g)
    g.set_state(state)
    assert torch.equal(a, torch.randn(4, generator=g))
    copy = pickle.loads(pickle.dumps(g))
    assert torch.equal(torch.rand(3, generator=g), torch.rand(3, generator=copy))
    assert g.initial_seed() == 3 and g.device.type == "cpu" and g.seed() == g.initial_seed()


def test_default_generator_and_fork():
    torch.manual_seed(1)
    state = torch.get_rng_state()
    a = torch.rand(3)
    torch.set_rng_state(state)
    assert torch.equal(a, torch.rand(3)) and torch.initial_seed() == 1
    with torch.random.fork_rng():
        b = torch.rand(3)
    assert torch.equal(b, torch.rand(3))
    assert torch.manual_seed(-1).initial_seed() == 2**64 - 1


def test_randperm_is_a_permutation():
    p = torch.randperm(500)
    assert sorted(p.tolist()) == list(range(500)) and p.dtype == torch.int64
    assert torch.randperm(0).shape == (0,) and torch.randperm(3, dtype=torch.int32).dtype == torch.int32


def test_multinomial_without_replacement_never_draws_zero_probability_nor_twice():
    weights = torch.tensor([[0.0, 1.0, 2.0, 3.0], [1.0, 0.0, 0.0, 1.0]])
    for _ in range(5):
        rows = torch.multinomial(weights, 2).tolist()
        assert all(len(set(r)) == 2 for r in rows) and 0 not in rows[0] and set(rows[1]) == {0, 3}
    many = torch.multinomial(weights, 2000, replacement=True).numpy()
    assert 0 not in many[0] and set(many[1]) == {0, 3}


def test_new_numbers_do_not_compile_anew():
    torch.empty(7).uniform_(0, 1).tolist()
    torch.empty(7).uniform_(0.5, 2).tolist()
    before = torch.lowering.counters()["compiled"]
    for i in range(3):
        torch.empty(7).uniform_(0, i + 3).tolist()
    assert torch.lowering.counters()["compiled"] == before


def test_fills_cut_the_history_and_bernoulli_has_no_gradient():
    x = torch.rand(3, requires_grad=True)
    y = x * 2
    y.normal_()
    assert torch.autograd.grad((y * x).sum(), x)[0].tolist() == y.tolist()
    assert not torch.bernoulli(x).requires_grad


def test_standard_gamma_is_differentiable():
    a = torch.full((500,), 3.0, requires_grad=True)
    g = torch.autograd.grad(torch._standard_gamma(a).sum(), a)[0]
    assert 0.7 < g.mean().item() < 1.3  # d E[x] / d a = 1


@pytest.mark.parametrize("call", [
    lambda: torch.randint(5, 5, (2,)), lambda: torch.empty(2).uniform_(2, 1), lambda: torch.empty(2).normal_(0, -1), lambda: torch.rand(2, dtype=torch.int64),
    lambda: torch.multinomial(torch.ones(3), 4), lambda: torch.empty(2).exponential_(-1), lambda: torch.empty(2).geometric_(1.5), lambda: torch.randperm(-1),
    lambda: torch.empty(2).bernoulli_(1.5), lambda: torch.normal(0.0, -1.0, (2,)),
])  # fmt: skip
def test_bad_arguments(call):
    with pytest.raises(RuntimeError):
        call()


def test_dtypes_and_ranges():
    assert torch.randint(0, 2, (4,), dtype=torch.bool).dtype == torch.bool
    small = torch.empty(2000, dtype=torch.int8).random_()
    assert small.min().item() >= 0 and small.max().item() > 100
    u = torch.rand(100000)
    assert u.min().item() >= 0 and u.max().item() < 1
    assert np.unique(torch.randint(0, 6, (1000,)).numpy()).tolist() == list(range(6))

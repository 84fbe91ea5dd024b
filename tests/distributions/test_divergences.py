"""KL divergences of all pairs that PyTorch has, with their gradients."""

import numpy as np
import pytest
import torch as oracle
from distribution_rows import LOC, PROBS, SCALE, SPD, TRIL, VECTORS, A, B, P, tensors

import rustorch

# Distributions of each class, two of a kind: (parameters, make).
MEMBERS = {
    "Bernoulli": [([P], lambda D, p: D.Bernoulli(p)), ([[0.0, 0.6]], lambda D, p: D.Bernoulli(p))],
    "Beta": [([A, B], lambda D, a, b: D.Beta(a, b)), ([B, A], lambda D, a, b: D.Beta(a, b))],
    "Binomial": [([P], lambda D, p: D.Binomial(3, p)), ([[0.2, 0.4]], lambda D, p: D.Binomial(3, p))],
    "Categorical": [
        ([PROBS], lambda D, p: D.Categorical(p)),
        ([VECTORS], lambda D, x: D.Categorical(logits=x)),
        ([[[0.5, 0.5, 0.0], [0.5, 0.0, 0.5]]], lambda D, p: D.Categorical(p)),
    ],
    "Cauchy": [([LOC, SCALE], lambda D, m, s: D.Cauchy(m, s)), ([SCALE, B], lambda D, m, s: D.Cauchy(m, s))],
    "ContinuousBernoulli": [
        ([P], lambda D, p: D.ContinuousBernoulli(p)),
        ([[0.5, 0.4]], lambda D, p: D.ContinuousBernoulli(p)),
    ],
    "Dirichlet": [
        ([[[0.7, 1.3, 2.0], [3.0, 2.0, 1.5]]], lambda D, a: D.Dirichlet(a)),
        ([[1.0, 1.5, 0.3]], lambda D, a: D.Dirichlet(a)),
    ],
    "Exponential": [([A], lambda D, r: D.Exponential(r)), ([B], lambda D, r: D.Exponential(r))],
    "Gamma": [([A, B], lambda D, a, b: D.Gamma(a, b)), ([B, SCALE], lambda D, a, b: D.Gamma(a, b))],
    "Geometric": [([P], lambda D, p: D.Geometric(p)), ([[0.5, 0.6]], lambda D, p: D.Geometric(p))],
    "Gumbel": [([LOC, SCALE], lambda D, m, s: D.Gumbel(m, s)), ([P, B], lambda D, m, s: D.Gumbel(m, s))],
    "HalfNormal": [([SCALE], lambda D, s: D.HalfNormal(s)), ([B], lambda D, s: D.HalfNormal(s))],
    "Independent": [
        ([LOC, SCALE], lambda D, m, s: D.Independent(D.Normal(m, s), 1)),
        ([P, B], lambda D, m, s: D.Independent(D.Normal(m, s), 1)),
    ],
    "Laplace": [([LOC, SCALE], lambda D, m, s: D.Laplace(m, s)), ([P, B], lambda D, m, s: D.Laplace(m, s))],
    "LowRankMultivariateNormal": [
        (
            [VECTORS, [[0.5, 0.1], [-0.3, 1.0], [0.2, 0.2]], [0.5, 1.0, 0.8]],
            lambda D, m, w, d: D.LowRankMultivariateNormal(m, w, d),
        ),
        (
            [VECTORS[1], [[0.5], [1.0], [0.2]], [1.5, 0.3, 0.4]],
            lambda D, m, w, d: D.LowRankMultivariateNormal(m, w, d),
        ),
    ],
    "MultivariateNormal": [
        ([VECTORS, SPD], lambda D, m, c: D.MultivariateNormal(m, c)),
        ([VECTORS[0], [TRIL, 2 * TRIL]], lambda D, m, c: D.MultivariateNormal(m, scale_tril=c)),
    ],
    "Normal": [([LOC, SCALE], lambda D, m, s: D.Normal(m, s)), ([P, B], lambda D, m, s: D.Normal(m, s))],
    "OneHotCategorical": [
        ([PROBS], lambda D, p: D.OneHotCategorical(p)),
        ([VECTORS], lambda D, x: D.OneHotCategorical(logits=x)),
    ],
    "Pareto": [
        ([[1.5, 0.4], [2.5, 3.5]], lambda D, s, a: D.Pareto(s, a)),
        ([[0.5, 0.7], [3.0, 4.5]], lambda D, s, a: D.Pareto(s, a)),
    ],
    "Poisson": [([A], lambda D, r: D.Poisson(r)), ([B], lambda D, r: D.Poisson(r))],
    "TransformedDistribution": [
        ([LOC, SCALE], lambda D, m, s: D.LogNormal(m, s)),
        ([P, B], lambda D, m, s: D.LogNormal(m, s)),
    ],
    "Uniform": [
        ([[0.2, -1.0], [0.9, 2.0]], lambda D, a, b: D.Uniform(a, b)),
        ([[0.1, -2.0], [0.95, 2.5]], lambda D, a, b: D.Uniform(a, b)),
        ([[1.1, -2.0], [1.95, 1.5]], lambda D, a, b: D.Uniform(a, b)),
    ],
}
PAIRS = [
    (p.__name__, q.__name__)
    for p, q in oracle.distributions.kl._KL_REGISTRY
    if p.__name__ not in ("ExponentialFamily", "HalfNormal") or q.__name__ == "HalfNormal"
]


def test_registry():
    ours = {
        (p.__name__, q.__name__) for p, q in rustorch.distributions.kl._KL_REGISTRY if p.__module__[:8] == "rustorch"
    }
    theirs = {(p.__name__, q.__name__) for p, q in oracle.distributions.kl._KL_REGISTRY}
    assert theirs <= ours


def divergences(torch, pairs) -> dict:
    """For each pair all values, and the gradients of their finite part."""
    D = torch.distributions
    out = {}
    for p_name, q_name in pairs:
        for i, (p_given, p_make) in enumerate(MEMBERS[p_name]):
            for j, (q_given, q_make) in enumerate(MEMBERS[q_name]):
                ps, qs = tensors(torch, p_given, True), tensors(torch, q_given, True)
                if p_name != q_name and (i, j) not in ((0, 0), (0, 1)):
                    continue  # one q of each kind is enough for pairs of families
                value = D.kl_divergence(p_make(D, *ps), q_make(D, *qs))
                out[p_name, q_name, i, j] = value
                if (i, j) == (0, 1) and value.requires_grad:
                    total = torch.where(value.isfinite(), value, 0.0).sum()
                    grads = torch.autograd.grad(total, [*ps, *qs], allow_unused=True)
                    out[p_name, q_name, "grad"] = [None if g is None else g for g in grads]
    return out


@pytest.fixture
def unchecked():
    """No checks, so that nothing is looked at before the end: one program."""
    for torch in (oracle, rustorch):
        torch.distributions.Distribution.set_default_validate_args(False)
    yield
    for torch in (oracle, rustorch):
        torch.distributions.Distribution.set_default_validate_args(True)


@pytest.mark.parametrize("part", range(4))
def test_divergences(part, unchecked):
    pairs = PAIRS[part::4]
    want, got = divergences(oracle, pairs), divergences(rustorch, pairs)
    wrong = []
    for key, w in want.items():
        g = got[key]
        if not isinstance(w, list):
            w, g = [w], [g]
        for x, y in zip(w, g):
            x, y = (0.0 if z is None else z.detach().numpy() for z in (x, y))
            if key[2] == "grad" and np.ndim(x) > 1 and key[1] == "MultivariateNormal":
                x, y = np.tril(x), np.tril(y)  # the other half of a triangle is not read
            if np.shape(x) != np.shape(y) and not (np.all(x == 0) and np.all(y == 0)):
                wrong.append((key, x, y))
            elif not np.allclose(x, y, rtol=3e-6, atol=1e-8, equal_nan=True):
                wrong.append((key, x, y))
    assert not wrong, wrong


def test_own_pairs_and_subclasses():
    D = rustorch.distributions

    class Mine(D.Normal):
        pass

    p, q = Mine(0.0, 1.0), D.Normal(1.0, 1.0)
    assert float(D.kl_divergence(p, q)) == 0.5
    try:

        @D.register_kl(Mine, D.Normal)
        def _(p, q):
            return p.loc * 0 + 7

        assert float(D.kl_divergence(p, q)) == 7 and float(D.kl_divergence(q, p)) == 0.5
    finally:
        D.kl._KL_REGISTRY.pop((Mine, D.Normal))
        D.kl._registry._FOUND.clear()

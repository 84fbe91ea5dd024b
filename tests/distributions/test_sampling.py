"""Draws: the right distribution, shapes, and gradients through them."""

import numpy as np
import pytest
import torch as oracle
from distribution_rows import ROWS, made, tensors
from scipy import stats

import rustorch

N = 4000
D = rustorch.distributions
# Without a mean, or one that a few thousand draws do not show.
HEAVY = {"Cauchy", "HalfCauchy", "StudentT", "Pareto", "GeneralizedPareto", "FisherSnedecor", "InverseGamma"}
UNKNOWN = {"RelaxedBernoulli", "RelaxedBernoulli_logits", "RelaxedOneHotCategorical", "LogisticNormal", "LKJCholesky"}
CLASSES = {"Categorical", "Categorical_logits", "VonMises", "TransformedDistribution"}
CHUNKS = [list(ROWS)[i::4] for i in range(4)]


@pytest.mark.parametrize("part", [0, 1, *[pytest.param(i, marks=pytest.mark.slow) for i in (2, 3)]])
def test_moments_and_shapes(part):
    rustorch.manual_seed(part)
    drawn = {name: ((d := made(rustorch, name)[0]), d.sample((N,))) for name in CHUNKS[part]}
    for name, (d, x) in drawn.items():
        assert tuple(x.shape) == (N, *d.batch_shape, *d.event_shape) and not x.requires_grad, name
        a = x.double().numpy()
        assert np.isfinite(a).all(), name
        assert bool(d.support.check(x).all()) or name == "LKJCholesky", name
        if name not in HEAVY | UNKNOWN | CLASSES:
            mean, std = d.mean.numpy(), d.stddev.numpy()
            off = np.abs(a.mean(0) - mean) / np.where(std > 0, std, 1) * np.sqrt(N)
            assert (off < 4.5).all(), (name, off)
            assert (np.abs(a.std(0) - std) <= 0.15 * std + 1e-12).all(), (name, a.std(0), std)


def test_kolmogorov_smirnov():
    """Where there is a distribution function, draws follow it."""
    rustorch.manual_seed(1)
    found = {}
    for name in ROWS:
        d = made(rustorch, name)[0]
        x = d.sample((N,)) if not d.event_shape else None
        try:
            found[name] = None if x is None or d.support.is_discrete else d.cdf(x)
        except NotImplementedError:
            continue
    found = {k: v for k, v in found.items() if v is not None}
    assert len(found) > 15
    for name, u in found.items():
        for column in u.double().numpy().reshape(N, -1).T:
            assert stats.kstest(column, "uniform").pvalue > 1e-4, name


def test_beside_scipy():
    """Distributions without ``cdf`` here."""
    rustorch.manual_seed(2)
    f = rustorch.float64
    t = rustorch.tensor
    drawn = {
        "beta": (D.Beta(t(0.3, dtype=f), t(2.0, dtype=f)).sample((N,)), stats.beta(0.3, 2).cdf),
        "t": (D.StudentT(t(2.5, dtype=f)).sample((N,)), stats.t(2.5).cdf),
        "f": (D.FisherSnedecor(t(3.0, dtype=f), t(5.0, dtype=f)).sample((N,)), stats.f(3, 5).cdf),
        "vonmises": (D.VonMises(t(0.0, dtype=f), t(2.0, dtype=f)).sample((N,)), stats.vonmises(2.0).cdf),
        "sharp": (D.VonMises(t(0.0, dtype=f), t(300.0, dtype=f)).sample((N,)), stats.vonmises(300.0).cdf),
        "flat": (D.VonMises(t(0.0, dtype=f), t(1e-7, dtype=f)).sample((N,)), stats.uniform(-np.pi, 2 * np.pi).cdf),
        "small gamma": (D.Gamma(t(0.05, dtype=f), t(1.0, dtype=f)).sample((N,)), stats.gamma(0.05).cdf),
        "lkj": (D.LKJCholesky(3, t(1.5, dtype=f)).sample((N,))[:, 2, 0], stats.beta(2.0, 2.0, -1, 2).cdf),
    }
    for name, (x, cdf) in drawn.items():
        assert stats.kstest(x.numpy(), cdf).pvalue > 1e-4, name


def test_gradients_of_draws_are_implicit():
    """Where there is a ``cdf``, dx/da = -(dF/da) / p(x)."""
    rustorch.manual_seed(3)
    a = rustorch.tensor([0.2, 1.0, 3.5, 40.0], dtype=rustorch.float64, requires_grad=True)
    x = D.Gamma(a, rustorch.ones(4, dtype=rustorch.float64)).rsample((50,))
    jac = rustorch.autograd.grad(x.sum(), a)[0].numpy()
    xs, h = x.detach().numpy(), 1e-5
    av = a.detach().numpy()
    slope = (stats.gamma(av + h).cdf(xs) - stats.gamma(av - h).cdf(xs)) / (2 * h)
    np.testing.assert_allclose(jac, (-slope / stats.gamma(av).pdf(xs)).sum(0), rtol=2e-3)


# name: (parameters, make, E x as a function of them, for the gradient of the mean)
PATHWISE = {
    "Beta": ([2.0, 3.0], lambda a, b: D.Beta(a, b), lambda a, b: a / (a + b)),
    "Chi2": ([3.0], lambda k: D.Chi2(k), lambda k: k),
    "Dirichlet": ([[2.0, 1.0, 3.0]], lambda a: D.Dirichlet(a), lambda a: a / a.sum()),
    "Exponential": ([2.0], lambda r: D.Exponential(r), lambda r: 1 / r),
    "Gamma": ([2.0, 3.0], lambda a, b: D.Gamma(a, b), lambda a, b: a / b),
    "InverseGamma": ([6.0, 3.0], lambda a, b: D.InverseGamma(a, b), lambda a, b: b / (a - 1)),
    "Laplace": ([0.3, 2.0], lambda m, s: D.Laplace(m, s), lambda m, s: m + 0 * s),
    "LogNormal": ([0.3, 0.4], lambda m, s: D.LogNormal(m, s), lambda m, s: (m + s * s / 2).exp()),
    "MultivariateNormal": (
        [[0.1, 0.2], [[1.0, 0.0], [0.5, 2.0]]],
        lambda m, c: D.MultivariateNormal(m, scale_tril=c),
        lambda m, c: m + 0 * c.sum(),
    ),
    "StudentT": ([9.0, 0.5, 2.0], lambda n, m, s: D.StudentT(n, m, s), lambda n, m, s: m + 0 * n * s),
    "Uniform": ([1.0, 3.0], lambda a, b: D.Uniform(a, b), lambda a, b: (a + b) / 2),
    "Weibull": ([2.0, 1.5], lambda s, k: D.Weibull(s, k), lambda s, k: s * (1 + 1 / k).lgamma().exp()),
    "Wishart": ([5.0], lambda n: D.Wishart(n, rustorch.eye(2).double()), lambda n: n * rustorch.eye(2).double()),
}


def test_gradients_of_the_mean():
    rustorch.manual_seed(4)
    found = {}
    for name, (given, make, mean) in PATHWISE.items():
        ps = tensors(rustorch, given, requires_grad=True)
        x = make(*ps).rsample((N,))
        weight = rustorch.arange(1.0, 1 + x[0].numel(), dtype=x.dtype).reshape(x.shape[1:])
        got = rustorch.autograd.grad((x.mean(0) * weight).sum(), ps)
        want = rustorch.autograd.grad((mean(*ps) * weight).sum(), ps)
        found[name] = got, want
    for name, (got, want) in found.items():
        for g, w in zip(got, want):
            scale = 0.12 + 0.12 * np.abs(w.numpy())
            assert (np.abs(g.numpy() - w.numpy()) < scale).all(), (name, g, w)


def test_straight_through():
    logits = rustorch.tensor([0.1, 0.5], requires_grad=True)
    x = D.OneHotCategoricalStraightThrough(logits=logits).rsample((3,))
    x[..., 0].sum().backward()
    p = rustorch.softmax(logits.detach(), -1)
    want = 3 * p[0] * (rustorch.tensor([1.0, 0.0]) - p)
    assert np.allclose(x.detach().sum(-1).numpy(), 1) and np.allclose(logits.grad.numpy(), want.numpy(), atol=1e-6)


@pytest.mark.slow
def test_expand():
    """Expanding keeps densities and draws have the new shape."""
    got, want = {}, {}
    for torch, out in ((oracle, want), (rustorch, got)):
        for name in ROWS:
            d, _, values = made(torch, name)
            e = d.expand((2, *d.batch_shape)) if name != "Binomial" else d.expand([2, 2])
            assert type(e) is type(d) and tuple(e.batch_shape) == (2, *d.batch_shape), name
            assert e.event_shape == d.event_shape, name
            values = values[:1]
            out[name] = e.log_prob(values) if name != "GeneralizedPareto" else e.mean
            assert tuple(e.sample((3,)).shape) == (3, *e.batch_shape, *e.event_shape), name
    for name, w in want.items():
        np.testing.assert_allclose(got[name].numpy(), w.numpy(), rtol=3e-5, atol=1e-8, err_msg=name)

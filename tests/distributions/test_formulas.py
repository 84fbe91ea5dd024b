"""Densities, moments, entropies and their gradients, beside PyTorch's."""

import numpy as np
import pytest
import torch as oracle
from distribution_rows import ROWS, made

import rustorch

MEMBERS = ["mean", "mode", "variance", "stddev"]
CALLS = ["entropy", "enumerate_support"]
OF_VALUES = ["log_prob", "cdf"]
# PyTorch's own mode of Kumaraswamy is NaN wherever there is one.
BETTER = {("Kumaraswamy", "mode")}

TOLERANCE = {"VonMises": 2e-5, "GeneralizedPareto": 2e-5}  # PyTorch's Bessel functions are polynomials for float32


def answers(torch, name):
    """Everything that a distribution tells; an exception's type where it refuses."""
    d, parameters, values = made(torch, name, requires_grad=True)
    out = {}

    def ask(what, f):
        try:
            out[what] = f()
        except (NotImplementedError, ValueError, RuntimeError) as e:
            known = (NotImplementedError, ValueError, RuntimeError)
            out[what] = next(k for k in known if isinstance(e, k)).__name__

    for what in MEMBERS:
        ask(what, lambda: getattr(d, what))
    for what in CALLS:
        ask(what, getattr(d, what))
    for what in OF_VALUES:
        ask(what, lambda: getattr(d, what)(values))
    u = torch.tensor([[0.15], [0.5], [0.9]], dtype=values.dtype)
    ask("icdf", lambda: d.icdf(u))
    for what in ("log_prob", "entropy"):
        total = out[what]
        if isinstance(total, str) or not total.requires_grad:
            continue
        total = total[total.isfinite()] if torch is oracle else torch.where(total.isfinite(), total, 0.0)
        grads = torch.autograd.grad(total.sum(), parameters, allow_unused=True, retain_graph=True)
        out.update({f"d {what} {i}": "unused" if g is None else g for i, g in enumerate(grads)})
    out["shapes"] = str((tuple(d.batch_shape), tuple(d.event_shape), d.has_rsample, d.has_enumerate_support))
    out["support"] = repr(d.support).replace(", requires_grad=True", "")
    return out


def array(x):
    return x if isinstance(x, str) else x.detach().numpy()


@pytest.mark.parametrize("name", ROWS)
def test_answers(name):
    want, got = answers(oracle, name), answers(rustorch, name)
    assert want.keys() == got.keys()
    for what, w in want.items():
        if (name, what) in BETTER:
            continue
        w, g = array(w), array(got[what])
        if isinstance(w, str) and what == "support":
            assert w.split("(")[0] == g.split("(")[0], (what, w, g)
        elif isinstance(w, str) or isinstance(g, str):
            assert isinstance(w, str) and isinstance(g, str) and w == g, (what, w, g)
        else:
            assert w.shape == g.shape and w.dtype == g.dtype, (what, w.shape, g.shape)
            if name.endswith("_tril") and what.startswith("d ") and w.ndim > 1:
                w, g = np.tril(w), np.tril(g)  # the other half of a triangle is not read
            np.testing.assert_allclose(g, w, rtol=TOLERANCE.get(name, 2e-6), atol=1e-8, err_msg=what)


def test_mode_of_kumaraswamy():
    d = rustorch.distributions.Kumaraswamy(rustorch.tensor(3.0), rustorch.tensor(2.0))
    x = rustorch.linspace(0.01, 0.99, 981)
    best = x[d.log_prob(x).argmax()]
    assert abs(float(best - d.mode)) < 2e-3


def test_entropy_of_exponential_families_by_autograd():
    def all_of(torch):
        out = {}
        for name in ("Bernoulli", "ContinuousBernoulli", "Exponential", "Gamma", "Normal", "Wishart"):
            out[name] = torch.distributions.ExponentialFamily.entropy(made(torch, name)[0])
        return out

    want, got = all_of(oracle), all_of(rustorch)
    for name, w in want.items():
        np.testing.assert_allclose(got[name].detach().numpy(), w.detach().numpy(), rtol=1e-6, err_msg=name)

"""Transforms, constraints and the registries between them, beside PyTorch's."""

import pickle

import numpy as np
import pytest
import torch as oracle
from distribution_rows import CORR, MATRICES, PROBS, TRIL, VECTORS, tensors

import rustorch

MATRIX = [[0.3, 0.0, 0.0], [0.4, -0.7, 0.0], [0.1, 0.2, 0.9]]
FLAT = [[-1.5, 0.2, 0.9], [2.0, 0.4, -0.1]]
SPREAD = [[0.5, 1.5, 2.5], [0.1, 3.0, 0.7]]


def cat(D, t):
    parts = [D.ExpTransform(), D.AffineTransform(1.0, 2.0), D.identity_transform]
    return D.CatTransform(parts, dim=-1, lengths=[1, 1, 1])


# name: (make(D, tensor), x, has a Jacobian)
TRANSFORMS = {
    "Abs": (lambda D, t: D.AbsTransform(), SPREAD, False),
    "Affine": (lambda D, t: D.AffineTransform(t(0.3), t(-2.0)), FLAT, True),
    "Affine_vector": (lambda D, t: D.AffineTransform(t([1.0, 2.0, 3.0]), t([0.5, -1.0, 2.0]), event_dim=1), FLAT, True),
    "Cat": (cat, FLAT, True),
    "Compose": (
        lambda D, t: D.ComposeTransform([D.AffineTransform(0.5, 2.0), D.SigmoidTransform(), D.AffineTransform(0, 3.0)]),
        FLAT,
        True,
    ),
    "Compose_events": (
        lambda D, t: D.ComposeTransform([D.ExpTransform().inv, D.StickBreakingTransform()]),
        SPREAD,
        True,
    ),
    "CorrCholesky": (lambda D, t: D.CorrCholeskyTransform(), FLAT, True),
    "CumulativeDistribution": (
        lambda D, t: D.CumulativeDistributionTransform(D.Normal(t(0.3), t(2.0))),
        FLAT,
        True,
    ),
    "Exp": (lambda D, t: D.ExpTransform(), FLAT, True),
    "Exp_inv": (lambda D, t: D.ExpTransform().inv, SPREAD, True),
    "Independent": (lambda D, t: D.IndependentTransform(D.TanhTransform(), 1), FLAT, True),
    "LowerCholesky": (lambda D, t: D.LowerCholeskyTransform(), MATRIX, False),
    "PositiveDefinite": (lambda D, t: D.PositiveDefiniteTransform(), MATRIX, False),
    "Power": (lambda D, t: D.PowerTransform(t(2.5)), SPREAD, True),
    "Power_negative": (lambda D, t: D.PowerTransform(t([-1.0, 0.5, 2.0])), SPREAD, True),
    "Reshape": (lambda D, t: D.ReshapeTransform((3,), (3, 1)), FLAT, True),
    "Sigmoid": (lambda D, t: D.SigmoidTransform(), FLAT, True),
    "Softmax": (lambda D, t: D.SoftmaxTransform(), FLAT, False),
    "Softplus": (lambda D, t: D.SoftplusTransform(), FLAT, True),
    "Stack": (
        lambda D, t: D.StackTransform([D.ExpTransform(), D.SigmoidTransform(), D.identity_transform], dim=-1),
        FLAT,
        True,
    ),
    "StickBreaking": (lambda D, t: D.StickBreakingTransform(), FLAT, True),
    "Tanh": (lambda D, t: D.TanhTransform(), FLAT, True),
    "identity": (lambda D, t: D.identity_transform, FLAT, True),
}


def mapped(torch, name):
    make, x, jacobian = TRANSFORMS[name]
    transform = make(torch.distributions, lambda v: torch.tensor(v, dtype=torch.float64))
    (x,) = tensors(torch, [x], requires_grad=True)
    y = transform(x)
    out = {"forward": y, "inverse": transform.inv(y.detach())}
    total = (y * y).sum()
    if jacobian:
        out["jacobian"] = transform.log_abs_det_jacobian(x, y)
        out["of inverse"] = transform.inv.log_abs_det_jacobian(y, x)
        total = total + out["jacobian"].sum()
    out["gradient"] = torch.autograd.grad(total, x)[0]
    facts = [transform.bijective, tuple(transform.forward_shape((2, 3))), tuple(transform.inverse_shape(y.shape))]
    try:
        sign = transform.sign
        facts.append(np.asarray(sign.tolist() if hasattr(sign, "tolist") else sign).tolist())
    except NotImplementedError:
        facts.append("no sign")
    if name not in ("LowerCholesky", "PositiveDefinite"):
        facts += [transform.domain.event_dim, transform.codomain.event_dim]
    return out, facts


def test_transforms():
    want = {name: mapped(oracle, name) for name in TRANSFORMS}
    got = {name: mapped(rustorch, name) for name in TRANSFORMS}
    for name, (values, facts) in want.items():
        assert facts == got[name][1], name
        for what, w in values.items():
            g = got[name][0][what].detach().numpy()
            np.testing.assert_allclose(g, w.detach().numpy(), rtol=1e-6, atol=1e-9, err_msg=f"{name} {what}")


def test_cache_gives_back_the_same_tensor():
    D = rustorch.distributions
    for make in (D.SigmoidTransform, D.StickBreakingTransform):
        t = make(cache_size=1)
        x = rustorch.tensor([0.3, -40.0])
        y = t(x)
        assert t.inv(y) is x and t(x) is y and t.with_cache(1) is t and t.with_cache(0) is not t
    both = D.ComposeTransform([D.ExpTransform(), D.AffineTransform(1.0, 2.0)], cache_size=1)
    assert both.inv(both(x)) is x
    again = pickle.loads(pickle.dumps(both))
    assert again == both and again.inv.inv == again


def test_equality():
    D, t = rustorch.distributions, rustorch.tensor
    same = [
        (D.ExpTransform(), D.ExpTransform(cache_size=1)),
        (D.AffineTransform(1, 2.0), D.AffineTransform(1, 2.0)),
        (D.AffineTransform(t([1.0, 2.0]), 2.0), D.AffineTransform(t([1.0, 2.0]), 2.0)),
        (D.PowerTransform(t(2.0)), D.PowerTransform(t(2.0))),
        (D.ExpTransform().inv, D.ExpTransform().inv),
        (D.ComposeTransform([D.ExpTransform()]), D.ComposeTransform([D.ExpTransform()])),
    ]
    assert all(a == b and not a != b for a, b in same)
    assert D.AffineTransform(1, 2.0) != D.AffineTransform(1, 3.0) and D.ExpTransform() != D.TanhTransform()


NAN = float("nan")
CONSTRAINTS = {
    "boolean": (lambda c: c.boolean, [0.0, 1.0, 0.5, NAN]),
    "cat": (lambda c: c.cat([c.real, c.positive], -1, [2, 1]), FLAT),
    "corr_cholesky": (lambda c: c.corr_cholesky, [CORR, TRIL]),
    "greater_than": (lambda c: c.greater_than(1), [0.0, 1.0, 2.0, NAN]),
    "greater_than_eq": (lambda c: c.greater_than_eq(1), [0.0, 1.0, 2.0, NAN]),
    "half_open_interval": (lambda c: c.half_open_interval(0, 1), [-1.0, 0.0, 1.0, 2.0]),
    "independent": (lambda c: c.independent(c.positive, 1), [[1.0, 2.0], [-1.0, 2.0]]),
    "integer_interval": (lambda c: c.integer_interval(0, 2), [-1.0, 0.0, 2.0, 3.0, 0.5]),
    "interval": (lambda c: c.interval(0, 1), [-1.0, 0.0, 1.0, 2.0]),
    "less_than": (lambda c: c.less_than(1), [0.0, 1.0, 2.0]),
    "lower_cholesky": (lambda c: c.lower_cholesky, [TRIL, -TRIL, TRIL.T]),
    "lower_triangular": (lambda c: c.lower_triangular, [TRIL, -TRIL, TRIL.T]),
    "multinomial": (lambda c: c.multinomial(3), [[1.0, 1.0], [2.0, 2.0], [-1.0, 2.0]]),
    "nonnegative": (lambda c: c.nonnegative, [-1.0, 0.0, 1.0]),
    "nonnegative_integer": (lambda c: c.nonnegative_integer, [-1.0, 0.0, 1.0, 1.5]),
    "one_hot": (lambda c: c.one_hot, [[0.0, 1.0], [1.0, 1.0], [0.5, 0.5]]),
    "positive": (lambda c: c.positive, [-1.0, 0.0, 1.0]),
    "positive_definite": (lambda c: c.positive_definite, [MATRICES[0], -MATRICES[0]]),
    "positive_integer": (lambda c: c.positive_integer, [-1.0, 0.0, 1.0, 1.5]),
    "positive_semidefinite": (lambda c: c.positive_semidefinite, [MATRICES[0], -MATRICES[0]]),
    "real": (lambda c: c.real, [1.0, NAN, float("inf")]),
    "real_vector": (lambda c: c.real_vector, [[1.0, NAN], [1.0, 2.0]]),
    "simplex": (lambda c: c.simplex, [[0.5, 0.5], [0.6, 0.5], [-0.5, 1.5]]),
    "square": (lambda c: c.square, [FLAT, FLAT]),
    "stack": (lambda c: c.stack([c.real, c.positive, c.unit_interval], -1), FLAT),
    "symmetric": (lambda c: c.symmetric, [MATRICES[0], TRIL]),
    "unit_interval": (lambda c: c.unit_interval, [-0.1, 0.0, 1.0, 1.1]),
}


def checked(torch, name):
    make, value = CONSTRAINTS[name]
    constraint = make(torch.distributions.constraints)
    (value,) = tensors(torch, [value])
    return constraint.check(value), constraint.is_discrete, constraint.event_dim, repr(constraint), value, constraint


def test_constraints():
    from rustorch.distributions._look import holds

    got = {name: checked(rustorch, name) for name in CONSTRAINTS}
    for name in CONSTRAINTS:
        want = checked(oracle, name)
        assert want[0].tolist() == got[name][0].tolist() and want[1:4] == got[name][1:4], name
        assert holds(got[name][5], got[name][4]) == bool(want[0].all()), name


@pytest.mark.parametrize("registry", ["biject_to", "transform_to"])
def test_registries_lead_into_the_constraint(registry):
    def images(torch):
        D = torch.distributions
        c, to = D.constraints, getattr(D, registry)
        (x,) = tensors(torch, [FLAT])
        wanted = {
            "real": c.real,
            "positive": c.positive,
            "nonnegative": c.nonnegative,
            "greater_than": c.greater_than(2.0),
            "less_than": c.less_than(-1.0),
            "interval": c.interval(-2.0, 3.0),
            "unit_interval": c.unit_interval,
            "half_open_interval": c.half_open_interval(1.0, 3.0),
            "simplex": c.simplex,
            "corr_cholesky": c.corr_cholesky,
            "independent": c.independent(c.positive, 1),
            "cat": c.cat([c.real, c.positive], -1, [1, 2]),
            "stack": c.stack([c.real, c.positive, c.unit_interval], -1),
        }
        out = {k: to(v)(x) for k, v in wanted.items()}
        inside = {k: v.check(out[k]).all() for k, v in wanted.items()}
        return out, inside

    want, _ = images(oracle)
    got, inside = images(rustorch)
    for name, w in want.items():
        assert bool(inside[name]), name
        np.testing.assert_allclose(got[name].numpy(), w.numpy(), rtol=1e-6, err_msg=name)


def test_triangles_and_vectors():
    u, o = rustorch.distributions.utils, oracle.distributions.utils
    m = np.arange(16.0).reshape(4, 4)
    for diag in (-2, -1, 0, 1):
        want = o.tril_matrix_to_vec(oracle.tensor(m), diag)
        got = u.tril_matrix_to_vec(rustorch.tensor(m), diag)
        assert want.tolist() == got.tolist()
        if diag in (-1, 0):
            assert o.vec_to_tril_matrix(want, diag).tolist() == u.vec_to_tril_matrix(got, diag).tolist()
    assert np.allclose(u.vec_to_tril_matrix(rustorch.tensor(VECTORS)).shape, (2, 2, 2)) and PROBS.shape == (2, 3)

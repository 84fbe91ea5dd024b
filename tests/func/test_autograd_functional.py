"""``autograd.functional`` beside PyTorch's."""

import pytest
import torch as oracle
from test_transforms import LIBS, ramp, same

import rustorch


def two(a, b):
    return a * b.sum(), b.prod()


def cube(a, b):
    return (a**3).sum() * b.sum()


def pair(m):
    return ramp(m, 2) + 1, ramp(m, 3)


def ones(m):
    return m.ones(2).double(), m.ones(3).double()


def _create_graph(m, F):
    x = ramp(m, 2).requires_grad_()
    j = F.jacobian(lambda a: a**3, x, create_graph=True)
    j.sum().backward()
    return x.grad, F.jacobian(lambda a: a**3, x).requires_grad


PROGRAMS = {
    "jacobian": lambda m, F: F.jacobian(m.exp, ramp(m, 3)),
    "jacobian of several": lambda m, F: F.jacobian(two, pair(m)),
    "jacobian, forward": lambda m, F: F.jacobian(two, pair(m), vectorize=True, strategy="forward-mode"),
    "jacobian with graph": _create_graph,
    "hessian": lambda m, F: F.hessian(lambda a: (a**3).sum(), ramp(m, 2)),
    "hessian of several": lambda m, F: F.hessian(cube, pair(m)),
    "hessian, forward": lambda m, F: F.hessian(cube, pair(m), vectorize=True, outer_jacobian_strategy="forward-mode"),
    "vjp": lambda m, F: F.vjp(two, pair(m), (m.ones(2).double(), m.ones(()).double())),
    "vjp of a scalar": lambda m, F: F.vjp(lambda a: a.sum(), ramp(m, 2)),
    "jvp": lambda m, F: F.jvp(two, pair(m), ones(m)),
    "vhp": lambda m, F: F.vhp(cube, pair(m), ones(m)),
    "hvp": lambda m, F: F.hvp(cube, pair(m), ones(m)),
}

ERRORS = {
    "no v": lambda m, F: F.vjp(lambda a: a * 2, ramp(m, 2)),
    "no v forward": lambda m, F: F.jvp(lambda a: a * 2, ramp(m, 2)),
    "a vector": lambda m, F: F.hvp(lambda a: a**3, ramp(m, 2), m.ones(2).double()),
    "strict": lambda m, F: F.jacobian(lambda a, b: a, (ramp(m, 2), ramp(m, 2)), strict=True),
    "no tensor out": lambda m, F: F.jacobian(lambda a: 3, ramp(m, 2)),
    "no tensor in": lambda m, F: F.jacobian(lambda a: a, 3),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_same_numbers(name):
    same(*(PROGRAMS[name](m, m.autograd.functional) for m in LIBS))


@pytest.mark.parametrize("name", ERRORS)
def test_same_error(name):
    with pytest.raises(Exception) as theirs:
        ERRORS[name](oracle, oracle.autograd.functional)
    with pytest.raises(theirs.type) as ours:
        ERRORS[name](rustorch, rustorch.autograd.functional)
    assert str(ours.value) == str(theirs.value)

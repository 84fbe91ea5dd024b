"""``gradcheck`` and ``gradgradcheck`` accept what is right and refuse what is wrong, as PyTorch's do."""

import warnings

import pytest
import torch as oracle

import rustorch


def ramp(m, *shape):
    n = 1
    for s in shape:
        n *= s
    return (m.arange(float(n), dtype=m.float64).reshape(shape) / 7 + 0.3).requires_grad_()


def wave(m):
    return (ramp(m, 3).detach() * (1 + 2j)).requires_grad_()


def square(m, factor, chance=False):
    """x² with ``factor`` · x as gradient: right for 2."""

    class Square(m.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**2

        @staticmethod
        def backward(ctx, g):
            noise = m.rand((), dtype=m.float64) * 1e-6 if chance else 0
            return g * ctx.saved_tensors[0] * (factor + noise)

    return Square.apply


PROGRAMS = {
    "a product": lambda m, g, gg: (
        g(lambda x: x.sin() * x.sum(), ramp(m, 2, 2)),
        gg(lambda x: x.sin() * x.sum(), ramp(m, 2, 2)),
    ),
    "several in and out": lambda m, g, gg: (
        g(lambda x, y: (x @ y, x.sum()), (ramp(m, 2, 2), ramp(m, 2, 3))),
        gg(lambda x, y: (x @ y, x.prod()), (ramp(m, 2, 2), ramp(m, 2, 3))),
    ),
    "complex": lambda m, g, gg: (g(lambda x: x.exp() * x.conj(), wave(m)), gg(lambda x: (x * x.conj()).abs(), wave(m))),
    "a right Function": lambda m, g, gg: (g(square(m, 2), ramp(m, 2)), gg(square(m, 2), ramp(m, 2))),
    "a wrong Function": lambda m, g, gg: g(square(m, 3), ramp(m, 2), raise_exception=False),
    "a wrong Function, raising": lambda m, g, gg: g(square(m, 3), ramp(m, 2)),
    "a gradient left to chance": lambda m, g, gg: g(square(m, 2, chance=True), ramp(m, 2)),
    "chance within bounds": lambda m, g, gg: g(square(m, 2, chance=True), ramp(m, 2), nondet_tol=1e-4),
    "a constant looked up": lambda m, g, gg: g(lambda x: x * float(x.sum()), ramp(m, 3), raise_exception=False),
    "forward mode": lambda m, g, gg: g(
        lambda x: x.tanh() * 3, ramp(m, 2), check_forward_ad=True, check_batched_grad=True
    ),
    "forward over reverse": lambda m, g, gg: gg(
        lambda x: m.nn.functional.layer_norm(x, (3,)),
        ramp(m, 2, 3).detach().pow(2).requires_grad_(),
        check_fwd_over_rev=True,
    ),
    "a branch": lambda m, g, gg: g(lambda x: x * 2 if x.sum() > 0 else x, ramp(m, 2)),
    "no gradient wanted": lambda m, g, gg: g(m.sin, m.ones(2)),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_same_verdict(name):
    def verdict(m):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                return PROGRAMS[name](m, m.autograd.gradcheck, m.autograd.gradgradcheck)
            except Exception as e:
                return next(c for c in type(e).__mro__ if c.__module__ == "builtins"), str(e)[:40]

    assert verdict(rustorch) == verdict(oracle)


def test_the_error_shows_both_jacobians():
    with pytest.raises(
        rustorch.autograd.GradcheckError, match="Jacobian mismatch for output 0 with respect to input 0"
    ):
        rustorch.autograd.gradcheck(square(rustorch, 3), ramp(rustorch, 2))


def test_single_precision_is_warned_about():
    x = rustorch.ones(2, requires_grad=True)
    with pytest.warns(UserWarning, match="not a double precision"):
        rustorch.autograd.gradcheck(lambda t: t * 2, x, atol=1.0)

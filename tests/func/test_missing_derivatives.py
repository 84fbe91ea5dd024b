"""A derivative that does not exist is an error with the oracle's text, not a zero; a note names operation and line."""

import inspect

import pytest
from autograd_oracle import same

import rustorch


def leaf(m):
    return m.tensor([1.5, 2.5], requires_grad=True)


def plain(m):
    class Plain(m.autograd.Function):
        @staticmethod
        def forward(x):
            return x * 2

        @staticmethod
        def setup_context(ctx, inputs, output):
            pass

        @staticmethod
        def backward(ctx, g):
            return g * 2

    return Plain.apply


PROGRAMS = {
    "gammainc": lambda m: m.autograd.grad(m.special.gammainc(x := leaf(m), m.ones(2)).sum(), x),
    "gammaincc": lambda m: m.autograd.grad(m.special.gammaincc(x := leaf(m), m.ones(2)).sum(), x),
    "zeta": lambda m: m.autograd.grad(m.special.zeta(x := leaf(m), m.ones(2)).sum(), x),
    "zeta in its other argument": lambda m: m.autograd.grad(m.special.zeta(2.0, x := leaf(m)).sum(), x),
    "gammainc in its other argument": lambda m: m.autograd.grad(m.special.gammainc(m.ones(2), x := leaf(m)).sum(), x),
    "in a batch": lambda m: m.func.vmap(m.func.grad(lambda a: m.special.zeta(a, m.ones(()))))(m.tensor([1.5, 2.5])),
    "function without jvp": lambda m: m.func.jvp(plain(m), (m.ones(2),), (m.ones(2),)),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_same_as_the_oracle(name):
    same(PROGRAMS[name])


def test_forward_mode_and_second_derivatives():
    x, one = rustorch.tensor([1.5, 2.5]), rustorch.ones(2)
    with pytest.raises(NotImplementedError, match="Trying to use forward AD with zeta that does not support it"):
        rustorch.func.jvp(lambda a: rustorch.special.zeta(a, one), (x,), (one,))
    with pytest.raises(NotImplementedError, match="the derivative for 'igamma: input' is not implemented"):
        rustorch.func.grad(lambda a: rustorch.func.grad(lambda b: rustorch.special.gammainc(a, b).sum())(one).sum())(x)


def noted(call):
    with pytest.raises((NotImplementedError, RuntimeError)) as error:
        call()
    (note,) = error.value.__notes__
    return note


def lines():
    x = leaf(rustorch)
    y = rustorch.special.zeta(x, rustorch.ones(2))
    y.sum().backward()


def test_the_note_names_operation_and_line():
    assert noted(lines).startswith("The operation was zeta, recorded outside autograd.detect_anomaly()")
    with rustorch.autograd.set_detect_anomaly(True, check_nan=False):
        line = inspect.getsourcelines(lines)[1] + 2
        assert noted(lines) == f"The operation was zeta, recorded at {__file__}:{line}"
    note = noted(lambda: rustorch.func.taylor(plain(rustorch), rustorch.ones(2), 2))
    assert note.startswith("The operation was Plain, recorded outside")

"""Random expression graphs through ``gradgradcheck``: the second derivatives of whatever a user may write."""

import os

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

import rustorch
from rustorch.autograd import gradgradcheck

F = rustorch.nn.functional
# Smooth everywhere, and bounded on bounded inputs, so that finite differences can judge them.
UNARY = {
    "sin": rustorch.sin, "cos": rustorch.cos, "tanh": rustorch.tanh, "sigmoid": rustorch.sigmoid, "atan": rustorch.atan,
    "erf": rustorch.erf, "softplus": F.softplus, "gelu": F.gelu, "silu": F.silu, "square": rustorch.square, "neg": rustorch.neg,
    "exp of tanh": lambda x: rustorch.exp(rustorch.tanh(x)), "log1p of square": lambda x: rustorch.log1p(x * x),
    "sqrt of 1 + square": lambda x: (1 + x**2).sqrt(), "rsqrt": lambda x: rustorch.rsqrt(x * x + 0.5), "cube": lambda x: x**3,
    "softmax": lambda x: x.softmax(1), "log_softmax": lambda x: x.log_softmax(0), "logsumexp": lambda x: x.logsumexp(1, keepdim=True),
    "layer_norm": lambda x: F.layer_norm(x, (x.shape[1],), eps=0.5), "cumsum": lambda x: x.cumsum(1), "cumprod": lambda x: x.cos().cumprod(0),
    "transpose": lambda x: x.t(), "flip": lambda x: x.flip(0), "sum": lambda x: x.sum(0, keepdim=True), "mean": lambda x: x.mean(1, keepdim=True),
    "var": lambda x: x.var(0, correction=0, keepdim=True), "norm": lambda x: (x + 3).norm(dim=1, keepdim=True), "prod": lambda x: x.prod(1, keepdim=True),
    "row": lambda x: x[:1], "columns": lambda x: x[:, [0, -1]], "pad": lambda x: F.pad(x, (1, 0)), "repeat": lambda x: x.repeat(1, 2)[:, :3],
    "in place": lambda x: x.clone().mul_(2).sin_(), "written row": lambda x: _with_row(x), "tril": lambda x: x.tril(), "roll": lambda x: x.roll(1, 1),
    "gram": lambda x: x @ x.t(), "normalize": lambda x: F.normalize(x + 2, dim=1), "sinc": rustorch.sinc, "lerp": lambda x: x.lerp(x.sin(), 0.3),
}  # fmt: skip
BINARY = {
    "add": rustorch.add, "sub": rustorch.sub, "mul": rustorch.mul, "divided by 1 + square": lambda x, y: x / (1 + y * y),
    "atan2": lambda x, y: rustorch.atan2(x, y * y + 1), "hypot": lambda x, y: rustorch.hypot(x, y + 4), "where": lambda x, y: rustorch.where(y > 0.1, x.sin(), y),
    "product": lambda x, y: x[:, :1] @ y[:1], "addcmul": lambda x, y: rustorch.addcmul(x, x, y, value=0.5), "logaddexp": rustorch.logaddexp,
}  # fmt: skip


def _with_row(x):
    y = x.clone()
    y[0] = x[-1] ** 2
    return y


def evaluate(program, inputs):
    """Apply (operation, operands) steps; shapes that do not fit are cut to their common part."""
    values = list(inputs)
    for name, i, j in program:
        x, y = values[i % len(values)], values[j % len(values)]
        if name in BINARY:
            rows, columns = min(x.shape[0], y.shape[0]), min(x.shape[1], y.shape[1])
            new = BINARY[name](x[:rows, :columns], y[:rows, :columns])
        else:
            new = UNARY[name](x)
        values.append(new[:3, :3])
    return values[-1]


STEP = st.tuples(st.sampled_from([*UNARY, *BINARY]), st.integers(0, 7), st.integers(0, 7))
NUMBERS = st.lists(st.integers(-8, 8).map(lambda n: n / 8 + 0.03), min_size=8, max_size=8)


def check(program, numbers):
    a = rustorch.tensor(numbers[:6], dtype=rustorch.float64).reshape(2, 3).requires_grad_()
    b = rustorch.tensor(numbers[6:], dtype=rustorch.float64).reshape(2, 1).requires_grad_()
    out = evaluate(program, (a, b))
    if out.requires_grad and out.detach().abs().max() <= 1e3:
        gradgradcheck(lambda a, b: evaluate(program, (a, b)), (a, b), atol=1e-4, rtol=1e-3, fast_mode=True)


@settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.lists(STEP, min_size=2, max_size=7), NUMBERS)
def test_second_derivatives(program, numbers):
    check(program, numbers)


@pytest.mark.slow
@settings(
    max_examples=int(os.environ.get("RANDOM_GRAPHS", 1200)), deadline=None, suppress_health_check=list(HealthCheck)
)
@given(st.lists(STEP, min_size=2, max_size=7), NUMBERS)
def test_second_derivatives_of_many(program, numbers):
    check(program, numbers)

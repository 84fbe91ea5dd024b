"""``nn.functional.grouped_mm`` beside PyTorch: four ways to group, gradients, and what is refused."""

import numpy as np
import pytest
import torch as oracle

import rustorch

SHAPES = {
    "rows": ((6, 16), (2, 16, 8), [2, 6]),
    "an empty group": ((6, 16), (3, 16, 8), [2, 2, 6]),
    "columns": ((2, 3, 16), (16, 8), [4, 8]),
    "terms": ((6, 16), (16, 8), [4, 16]),
    "batch": ((2, 3, 16), (2, 16, 8), None),
}


def product(t, name, dtype="float32"):
    rng = np.random.default_rng(0)
    a, b, ends = SHAPES[name]
    a, b = (t.tensor(rng.standard_normal(s).astype("float32")).to(getattr(t, dtype)).requires_grad_() for s in (a, b))
    offs = None if ends is None else t.tensor(ends, dtype=t.int32)
    out = t.nn.functional.grouped_mm(a, b, offs=offs)
    out.backward(t.tensor(np.cos(np.arange(out.numel())).reshape(out.shape)).to(out.dtype))
    return [x.detach().float().numpy() for x in (out, a.grad, b.grad)]


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("dtype, tolerance", [("float32", 1e-5), ("bfloat16", 2e-2)])
def test_values_and_gradients(name, dtype, tolerance):
    for a, b in zip(product(rustorch, name, dtype), product(oracle, name, dtype)):
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * 4)


def test_second_gradients():
    a, b = rustorch.randn(6, 4, requires_grad=True), rustorch.randn(2, 4, 3, requires_grad=True)
    offs = rustorch.tensor([2, 6], dtype=rustorch.int32)
    whole = lambda a, b: rustorch.cat([a[:2] @ b[0], a[2:] @ b[1]])
    found = []
    for f in (lambda a, b: rustorch.nn.functional.grouped_mm(a, b, offs=offs), whole):
        first = rustorch.autograd.grad(f(a, b).tanh().sum(), (a, b), create_graph=True)
        found.append(rustorch.autograd.grad(sum((g * g).sum() for g in first), (a, b)))
    for x, y in zip(*found):
        np.testing.assert_allclose(x.numpy(), y.numpy(), rtol=1e-4, atol=1e-5)


REFUSED = {
    "no ends": lambda t: ((t.ones(6, 16), t.ones(2, 16, 8)), {}),
    "no groups": lambda t: ((t.ones(6, 16), t.ones(16, 8)), {}),
    "ends of a batch": lambda t: ((t.ones(2, 3, 16), t.ones(2, 16, 8)), {"offs": t.tensor([2, 6], dtype=t.int32)}),
    "long ends": lambda t: ((t.ones(6, 16), t.ones(2, 16, 8)), {"offs": t.tensor([2, 6])}),
    "other groups": lambda t: ((t.ones(6, 16), t.ones(3, 16, 8)), {"offs": t.tensor([2, 6], dtype=t.int32)}),
    "doubles": lambda t: ((t.ones(2, 3, 16).double(), t.ones(2, 16, 8).double()), {}),
    "other batch": lambda t: ((t.ones(2, 3, 16), t.ones(3, 16, 8)), {}),
    "other terms": lambda t: ((t.ones(2, 3, 16), t.ones(2, 8, 8)), {}),
    "a vector": lambda t: ((t.ones(16), t.ones(2, 16, 8)), {}),
    "bias": lambda t: ((t.ones(2, 3, 16), t.ones(2, 16, 8)), {"bias": t.ones(8)}),
    "other result": lambda t: ((t.ones(2, 3, 16), t.ones(2, 16, 8)), {"out_dtype": t.float64}),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name):
    said = []
    for t in (rustorch, oracle):
        args, kwargs = REFUSED[name](t)
        with pytest.raises(RuntimeError) as e:
            t.nn.functional.grouped_mm(*args, **kwargs)
        said.append(str(e.value))
    assert said[0] == said[1]

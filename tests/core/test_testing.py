"""``rustorch.testing`` accepts what PyTorch's does, and says the same about the rest."""

import numpy as np
import pytest
import torch as oracle

import rustorch

NAN, INF = float("nan"), float("inf")
CASES = {
    "floats": lambda t: (t.tensor([1.0, 2.0, 3.0]), t.tensor([1.0, 2.0, 4.0]), {}),
    "near": lambda t: (t.tensor([1.0, 2.0]), t.tensor([1.0, 2.000001]), {}),
    "matrix": lambda t: (t.arange(6.0).reshape(2, 3), t.arange(6.0).reshape(2, 3).flip(1), {}),
    "integers": lambda t: (t.tensor([1, 2, 3]), t.tensor([1, 2, 5]), {}),
    "bytes": lambda t: (t.tensor([1, 2], dtype=t.uint8), t.tensor([2, 2], dtype=t.uint8), {}),
    "bools": lambda t: (t.tensor([[True]]), t.tensor([[False]]), {}),
    "complex": lambda t: (t.tensor([1 + 1j]), t.tensor([2 + 0j]), {}),
    "halves": lambda t: (t.tensor([1.0, 2.0]).half(), t.tensor([1.0, 2.001]).half(), {}),
    "brains": lambda t: (t.tensor([1.0, 2.0]).bfloat16(), t.tensor([1.0, 3.0]).bfloat16(), {}),
    "doubles": lambda t: (t.tensor([1.0]).double(), t.tensor([1.00001]).double(), {}),
    "exactly": lambda t: (t.tensor([1.0, 2.0]), t.tensor([1.0, 2.5]), {"rtol": 0, "atol": 0}),
    "generously": lambda t: (t.tensor([1.0, 2.0]), t.tensor([1.0, 2.5]), {"rtol": 0.5, "atol": 0}),
    "one tolerance": lambda t: (t.tensor([1.0]), t.tensor([1.0]), {"rtol": 1.0}),
    "other tolerance": lambda t: (t.tensor([1.0]), t.tensor([1.0]), {"atol": 1.0}),
    "scalars": lambda t: (t.tensor(1.0), t.tensor(2.0), {}),
    "no dimension, integers": lambda t: (t.tensor(1), t.tensor(2), {}),
    "zero": lambda t: (t.tensor([1.0]), t.tensor([0.0]), {}),
    "infinity": lambda t: (t.tensor([INF]), t.tensor([1.0]), {}),
    "both infinite": lambda t: (t.tensor([INF, -INF]), t.tensor([INF, -INF]), {}),
    "other infinity": lambda t: (t.tensor([INF]), t.tensor([-INF]), {}),
    "nan": lambda t: (t.tensor([NAN]), t.tensor([NAN]), {}),
    "equal nan": lambda t: (t.tensor([NAN, 1.0]), t.tensor([NAN, 1.0]), {"equal_nan": True}),
    "dtype": lambda t: (t.tensor([1.0]), t.tensor([1.0]).double(), {}),
    "dtype unchecked": lambda t: (t.tensor([1.0]), t.tensor([1]), {"check_dtype": False}),
    "shape": lambda t: (t.tensor([1.0]), t.tensor([1.0, 2.0]), {}),
    "stride": lambda t: (t.ones(2, 3).t(), t.ones(3, 2), {"check_stride": True}),
    "empty": lambda t: (t.ones(0, 3), t.zeros(0, 3), {}),
    "list": lambda t: ([1.0, t.tensor([1.0])], [1.0, t.tensor([2.0])], {}),
    "length": lambda t: ([1.0], [1.0, 2.0], {}),
    "keys": lambda t: ({"a": 1.0}, {"b": 1.0}, {}),
    "nested": lambda t: ({"a": [1.0, {"x": t.tensor(1)}]}, {"a": [1.0, {"x": t.tensor(2)}]}, {}),
    "float numbers": lambda t: (1.0, 2.0, {}),
    "int numbers": lambda t: (1, 2, {}),
    "complex numbers": lambda t: (1 + 1j, 1 + 2j, {}),
    "kinds of numbers": lambda t: (1.0, 1, {}),
    "bool numbers": lambda t: (True, False, {}),
    "None": lambda t: (None, None, {}),
    "not None": lambda t: (None, 1.0, {}),
    "strings": lambda t: ("a", "a", {}),
    "arrays": lambda t: (np.ones(2), np.zeros(2), {}),
    "tensor and array": lambda t: (t.tensor([1.0]), np.ones(1), {}),
    "gradients": lambda t: (t.ones(2, requires_grad=True), t.ones(2), {}),
    "subclass": lambda t: (t.nn.Parameter(t.ones(2)), t.ones(2), {"allow_subclasses": False}),
    "a message": lambda t: (t.tensor([1.0]), t.tensor([2.0]), {"msg": "other"}),
    "more message": lambda t: (t.tensor([1.0]), t.tensor([2.0]), {"msg": lambda m: f"here: {m}"}),
}


def said(t, case):
    actual, expected, options = CASES[case](t)
    try:
        return t.testing.assert_close(actual, expected, **options)
    except Exception as e:
        return type(e), str(e).replace("rustorch.eager.tensor", "torch").replace("rustorch.", "torch.")


@pytest.mark.parametrize("case", CASES)
def test_assert_close(case):
    assert said(rustorch, case) == said(oracle, case)


MADE = [
    ((2, 3), {"dtype": "float32"}),
    ((4,), {"dtype": "int64", "low": -2, "high": 3}),
    (((5, 2),), {"dtype": "bool"}),
    ((), {"dtype": "float64", "requires_grad": True}),
    ((3, 4), {"dtype": "complex64", "noncontiguous": True}),
    ((50,), {"dtype": "uint8", "exclude_zero": True}),
    ((50,), {"dtype": "bfloat16", "low": 0, "high": 1}),
]


@pytest.mark.parametrize("shape, options", MADE)
def test_make_tensor(shape, options):
    made = [t.testing.make_tensor(*shape, device="cpu", **{**options, "dtype": getattr(t, options["dtype"])})
            for t in (rustorch, oracle)]  # fmt: skip
    facts = [(tuple(x.shape), str(x.dtype), x.requires_grad, x.is_contiguous(), x.stride()) for x in made]
    assert facts[0] == facts[1]
    x = made[0].detach()
    if options["dtype"] not in ("complex64", "bool"):
        x = x.double()
        assert (x >= options.get("low", -9)).all() and (x < options.get("high", 10)).all()
    if options.get("exclude_zero"):
        assert (x != 0).all()


def test_make_tensor_refuses():
    with pytest.raises(ValueError, match="low"):
        rustorch.testing.make_tensor(2, dtype=rustorch.float32, low=1, high=0)
    with pytest.raises(RuntimeError, match="requires_grad"):
        rustorch.testing.make_tensor(2, dtype=rustorch.int64, requires_grad=True)

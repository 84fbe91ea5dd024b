"""Python numbers that do not fit an integer dtype: they wrap around in operations, and most are refused as data."""

import pytest
import torch as oracle

import rustorch

OPERATIONS = {
    "compare": lambda t, x: (x >= -9, x < 300, x == -1, x.eq(300)),
    "arithmetic": lambda t, x: (x + -9, x * 300, x - 1000, -3 - x, x // -3, x % -3, x.fmod(-3)),
    "alpha": lambda t, x: (t.add(x, 5, alpha=-3), x.addcmul(x, x, value=-2)),
    "bits": lambda t, x: (x & -1, x | -256, x ^ -1),
    "fill": lambda t, x: (t.full_like(x, -1), x.new_full((2,), -1), x.clone().fill_(-1), x.masked_fill(x > 3, -1)),
    "place": lambda t, x: (t.where(x > 3, x, -1), x.index_fill(0, t.tensor([0]), -1), x.scatter(0, t.tensor([0]), -1)),
    "in place": lambda t, x: (x.clone().add_(-5), x.clone().sub_(300), x.clone().mul_(-2)),
    "bounds": lambda t, x: (x.clamp(-5, 10), x.clamp_min(-5), t.maximum(x, t.tensor(-1))),
    "no dimension": lambda t, x: (x[0] + 300, x[0] > 300, x.sum() - 1000),
}
DATA = [
    (-1, "uint8"), (-255, "uint8"), (-256, "uint8"), (300, "uint8"), (200, "int8"), (-129, "int8"), (2**40, "int32"),
    (-1, "uint16"), (1e10, "int32"), (-1.5, "uint8"), (-0.5, "int8"), (256.7, "uint8"), (float("nan"), "int32"),
    (1e39, "float32"), (70000.0, "float16"), (2.9, "int64"),
]  # fmt: skip


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int32"])
@pytest.mark.parametrize("name", OPERATIONS)
def test_operations(name, dtype):
    found = []
    for t in (rustorch, oracle):
        x = t.tensor([1, 2, 100], dtype=getattr(t, dtype))
        found.append([(y.tolist(), str(y.dtype)) for y in OPERATIONS[name](t, x)])
    assert found[0] == found[1]


@pytest.mark.parametrize("value, dtype", DATA)
def test_data(value, dtype):
    found = []
    for t in (rustorch, oracle):
        try:
            found.append(t.tensor([value], dtype=getattr(t, dtype)).tolist())
        except RuntimeError as e:
            found.append(str(e))
    assert found[0] == found[1]

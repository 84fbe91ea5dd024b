"""``nn.functional.scaled_mm`` beside PyTorch."""

import numpy as np
import pytest
import torch as oracle

import rustorch


def matrices(t, dtype="float8_e4m3fn"):
    rng = np.random.default_rng(0)
    a, b = (t.tensor(rng.standard_normal((16, 32)).astype("float32")).to(getattr(t, dtype)) for _ in range(2))
    rows, columns = (t.tensor(rng.uniform(0.5, 2, s).astype("float32")) for s in ((16, 1), (1, 16)))
    return a, b.t(), rows, columns


CALLS = {
    "one scale": lambda F, t, a, b, r, c, s: F.scaled_mm(
        a, b, t.tensor(2.0), s.TensorWise, t.tensor(0.5), s.TensorWise
    ),
    "row scales": lambda F, t, a, b, r, c, s: F.scaled_mm(a, b, r, s.RowWise, c, s.RowWise),
    "lists": lambda F, t, a, b, r, c, s: F.scaled_mm(a, b, [r], [s.RowWise], [c], [s.RowWise]),
    "float32": lambda F, t, a, b, r, c, s: F.scaled_mm(a, b, r, s.RowWise, c, s.RowWise, output_dtype=t.float32),
    "bias": lambda F, t, a, b, r, c, s: F.scaled_mm(
        a, b, t.tensor(2.0), s.TensorWise, t.tensor(2.0), s.TensorWise, bias=t.ones(16, dtype=t.bfloat16)
    ),
    "float8": lambda F, t, a, b, r, c, s: F.scaled_mm(
        a, b, t.tensor(2.0), s.TensorWise, t.tensor(0.5), s.TensorWise, output_dtype=None
    ),
    "two kinds": lambda F, t, a, b, r, c, s: F.scaled_mm(
        a.to(t.float8_e5m2), b, t.tensor(2.0), s.TensorWise, t.tensor(0.5), s.TensorWise
    ),
}
REFUSED = {
    "blocks": lambda F, t, a, b, r, c, s: F.scaled_mm(a, b, r, s.BlockWise1x32, c, s.BlockWise1x32),
    "mixed": lambda F, t, a, b, r, c, s: F.scaled_mm(a, b, r, s.RowWise, t.tensor(1.0), s.TensorWise),
    "floats": lambda F, t, a, b, r, c, s: F.scaled_mm(a.float(), b.float(), r, s.RowWise, c, s.RowWise),
    "doubles": lambda F, t, a, b, r, c, s: F.scaled_mm(a, b, r.double(), s.RowWise, c, s.RowWise),
    "shapes": lambda F, t, a, b, r, c, s: F.scaled_mm(a, b[:16], r, s.RowWise, c, s.RowWise),
    "vector": lambda F, t, a, b, r, c, s: F.scaled_mm(a[0], b, r, s.RowWise, c, s.RowWise),
    "scales": lambda F, t, a, b, r, c, s: F.scaled_mm(a, b, t.ones(3, 1), s.RowWise, c, s.RowWise),
    "many scales": lambda F, t, a, b, r, c, s: F.scaled_mm(a, b, t.ones(3), s.TensorWise, t.tensor(1.0), s.TensorWise),
}


def run(t, call):
    F = t.nn.functional
    return call(F, t, *matrices(t), F.ScalingType)


@pytest.mark.parametrize("name", CALLS)
def test_values(name):
    ours, theirs = (run(t, CALLS[name]) for t in (rustorch, oracle))
    assert str(ours.dtype) == str(theirs.dtype)
    np.testing.assert_allclose(
        ours.float().numpy(), theirs.float().numpy(), rtol=1e-2 if name != "float8" else 0.13, atol=0.02
    )


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name):
    said = []
    for t in (rustorch, oracle):
        with pytest.raises(ValueError) as e:
            run(t, REFUSED[name])
        said.append(str(e.value).split("\n")[0])
    assert said[0] == said[1]

"""Functions whose result's shape depends on values, against PyTorch."""

import numpy as np
import pytest
import torch
from op_oracle import Fixed, check

import rustorch

RNG = np.random.default_rng(5)
M = RNG.standard_normal((3, 4)).astype(np.float32)
POS = M > 0
N = RNG.integers(0, 4, (3, 4))
ROWS = N[[0, 1, 0, 2]]
F = Fixed(M)
NANS = Fixed(np.array([np.nan, 1, np.nan, 0], np.float32))

CASES = [
    ("nonzero", (N,), {}),
    ("nonzero", (N,), {"as_tuple": True}),
    ("nonzero", (np.array(3, np.float32),), {}),
    ("argwhere", (POS,), {}),
    ("nonzero_static", (N,), {"size": 14}),
    ("unravel_index", (np.array([3, 11]), (3, 4)), {}),
    ("masked_select", (M, POS), {}),
    ("masked_select", (M, POS[:, :1]), {}),
    ("unique", (N,), {}),
    ("unique", (N,), {"return_inverse": True, "return_counts": True}),
    ("unique", (ROWS,), {"return_inverse": True, "return_counts": True, "dim": 0}),
    ("unique", (ROWS,), {"dim": 1}),
    ("unique_consecutive", (N,), {"return_inverse": True, "return_counts": True}),
    ("unique_consecutive", (ROWS,), {"dim": 0, "return_counts": True}),
    ("bincount", (N[0],), {"minlength": 6}),
    ("bincount", (N[0], Fixed(M[0])), {}),
    ("histc", (F, 5), {}),
    ("histc", (F,), {"bins": 4, "min": -1, "max": 1}),
    ("histogram", (F, 4), {}),
    ("histogram", (F, 3), {"range": (-1.0, 1.0), "density": True}),
    ("histogram", (F, Fixed(np.array([-1, 0, 2], np.float32))), {"weight": F}),
    ("repeat_interleave", (np.array([2, 0, 1]),), {}),
    ("repeat_interleave", (M, np.array([2, 0, 1]), 0), {}),
    ("repeat_interleave", (M, np.array([2])), {}),
    ("isin", (N, np.array([1, 3])), {}),
    ("isin", (N, 2), {"invert": True}),
    ("isin", (F, Fixed(np.concatenate([M.reshape(-1)[:3], np.zeros(80, np.float32)]))), {}),
    ("tensor_split", (M, np.array([1, 3]), 1), {}),
]


@pytest.mark.parametrize("name, args, kwargs", CASES, ids=lambda v: v if isinstance(v, str) else "")
def test_matches_torch(name, args, kwargs):
    check(name, args, kwargs, names=name == "masked_select")


def test_each_nan_is_unique():
    values = rustorch.unique(rustorch.tensor([float("nan"), 1.0, float("nan")]))
    np.testing.assert_array_equal(values.numpy(), [1, np.nan, np.nan])


@pytest.mark.parametrize("call", [
    lambda t: t.bincount(t.tensor([1.0])),
    lambda t: t.bincount(t.tensor([-1])),
    lambda t: t.histc(t.tensor([1, 2])),
    lambda t: t.masked_select(t.ones(2, 3), t.ones(2)),
    lambda t: t.masked_select(t.ones(2, 3), t.ones(2, dtype=t.bool)),
    lambda t: t.repeat_interleave(t.ones(3), t.tensor([1, 2])),
    lambda t: t.repeat_interleave(t.ones(3), t.tensor([1, -2, 1])),
    lambda t: t.repeat_interleave(t.ones(3), -1),
])  # fmt: skip
def test_errors_are_torchs(call):
    with pytest.raises(Exception) as theirs:
        call(torch)
    with pytest.raises(type(theirs.value)) as ours:
        call(rustorch)
    assert str(ours.value) == str(theirs.value).split("\n")[0]

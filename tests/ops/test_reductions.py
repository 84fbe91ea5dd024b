"""Reductions, scans and order statistics against PyTorch."""

import numpy as np
import pytest
import torch
from op_oracle import D, Fixed, call, check

import rustorch

RNG = np.random.default_rng(1)
X = RNG.standard_normal((3, 4)).astype(np.float32)
Y = RNG.standard_normal((3, 4)).astype(np.float32)
V = RNG.standard_normal((2, 3, 4)).astype(np.float32)
C = (X + 1j * Y).astype(np.complex64)
N = np.array([[-7, -3, 0, 2], [5, 6, -1, 1], [4, -4, 9, 3]], np.int64)
B = N > 0
TIES = np.array([[1, 3, 3, 0], [2, 2, 2, 2], [0, 0, -1, -1]], np.float32)
ZEROS = np.array([[1, 0, 3, 2], [0, 2, 0, 1], [0, 0, 0, 0]], np.float32)
NANS = np.array([[1, np.nan, 3, 2], [np.nan, 2, np.nan, 1], [4, 3, 5, 7]], np.float32)
S = np.array(2.5, np.float32)
BIG = RNG.standard_normal((40, 70)).astype(np.float32)
LONG = RNG.standard_normal(3000).astype(np.float32)
WIDE = RNG.standard_normal((2, 70, 261)).astype(np.float32)  # large enough for sums in blocks
WIDE_INF, WIDE_NAN = WIDE.copy(), WIDE.copy()
WIDE_INF[0, 3, 100], WIDE_INF[1, 5, 40], WIDE_INF[1, 5, 50], WIDE_NAN[0, 3, 100] = np.inf, np.inf, -np.inf, np.nan
U8 = np.array([[0, 1, 2], [3, 4, 250]], np.uint8)

CASES = [
    *((n, (X,), k) for n in "sum mean nansum nanmean".split() for k in ({}, {"dim": 1}, {"dim": (0, 1)}, {"dim": -2, "keepdim": True})),
    *((n, (V, d), {}) for n in "sum mean amax amin".split() for d in (0, 1, (0, 2), (1, 2))),
    *((n, (X,), k) for n in "std var".split() for k in ({}, {"dim": 1}, {"dim": (0, 1), "keepdim": True}, {"correction": 0}, {"unbiased": False}, {"dim": 1, "correction": 2})),
    *((n, (X,), k) for n in "std_mean var_mean".split() for k in ({}, {"dim": 1, "keepdim": True}, {"dim": 0, "correction": 0})),
    ("std", (X, False), {}),
    (".std", (X, 1, False, True), {}),
    (".var", (X, 0), {}),
    ("sum", (N,), {}), ("sum", (B, 1), {}), ("sum", (U8,), {}), ("sum", (N,), {"dtype": D("float32")}), ("sum", (X,), {"dtype": D("float64")}),
    ("sum", (C,), {}), ("mean", (C, 1), {}), ("sum", (S,), {}), ("sum", (S, 0), {}), ("mean", (N,), {"dtype": D("float32")}),
    ("sum", (BIG, 0), {}), ("sum", (BIG, 1), {}), ("nansum", (NANS,), {}), ("nansum", (NANS, 1), {}), ("nanmean", (NANS, 1), {}),
    ("prod", (X,), {}), ("prod", (X, 1), {}), ("prod", (ZEROS, 1), {}), ("prod", (ZEROS,), {}), ("prod", (N, 0), {"keepdim": True}), ("prod", (B,), {}), ("prod", (C, 1), {}),
    *((n, (a,), k) for n in "max min".split() for a in (X, TIES, N) for k in ({}, {"dim": 1}, {"dim": 0, "keepdim": True})),
    *((n, (a,), k) for n in "amax amin".split() for a in (X, TIES) for k in ({}, {"dim": 1}, {"dim": (0, 1), "keepdim": True})),
    *((n, (a,), k) for n in "argmax argmin".split() for a in (TIES, N, NANS) for k in ({}, {"dim": 1}, {"dim": 0, "keepdim": True}, {"keepdim": True})),
    ("aminmax", (TIES,), {}), ("aminmax", (TIES,), {"dim": 1, "keepdim": True}),
    ("max", (X, Y), {}), ("min", (TIES, TIES), {}), ("max", (NANS, 1), {}), ("min", (NANS,), {}), ("max", (S, 0), {}), ("max", (B,), {}), ("max", (B, 1), {}),
    *((n, (a,), k) for n in "any all".split() for a in (B, X, U8) for k in ({}, {"dim": 1}, {"dim": 0, "keepdim": True})),
    ("any", (B, (0, 1)), {}),
    ("count_nonzero", (ZEROS,), {}), ("count_nonzero", (ZEROS, 1), {}), ("count_nonzero", (B, (0, 1)), {}),
    *((n, (X, d), {}) for n in ("logsumexp",) for d in (0, 1, (0, 1))), ("logsumexp", (N, 1), {"keepdim": True}),
    *(("norm", (ZEROS,), {"p": p}) for p in ("fro", 1, 2, 3, 0, 1.5, float("inf"), float("-inf"))),
    *(("norm", (X, p, 1), {}) for p in (1, 2, 3.5, float("inf"))),
    ("norm", (X,), {"dim": (0, 1), "keepdim": True}), ("norm", (0 * X,), {}), ("norm", (C,), {}), (".norm", (X,), {}), (".norm", (X, 2, -1), {}),
    ("linalg.vector_norm", (X,), {}), ("linalg.vector_norm", (X, 3), {"dim": 0}), ("linalg.vector_norm", (X, 1), {"dim": (0, 1), "keepdim": True}),
    ("linalg.vector_norm", (X,), {"dtype": D("float64")}),
    ("dist", (X, Y), {}), ("dist", (X, Y, 1), {}), ("dist", (X, X), {}),
    *((n, (a,), k) for n in "median nanmedian".split() for a in (X, NANS, N) for k in ({}, {"dim": 1}, {"dim": 0, "keepdim": True}) if n == "nanmedian" or a is not NANS),
    ("median", (NANS,), {}),
    ("mode", (np.array([[1, 3, 3, 0, 1], [2, 2, 4, 4, 4], [0, 5, -1, -1, 5]], np.float32),), {}), ("mode", (N, 0), {"keepdim": True}),
    ("quantile", (X, 0.3), {}), ("quantile", (X, 0.5, 1), {}), ("quantile", (X, 0.5), {"dim": 0, "keepdim": True}),
    ("quantile", (X, Fixed(np.array([0.1, 0.5, 1.0], np.float32)), 1), {}), ("quantile", (X, Fixed(np.array([0.1, 0.5], np.float32))), {"dim": 1, "keepdim": True}),
    *(("quantile", (X, 0.4, 1), {"interpolation": i}) for i in ("lower", "higher", "midpoint", "nearest")),
    ("quantile", (Fixed(NANS), 0.5, 1), {}), ("nanquantile", (NANS, 0.5), {}), ("nanquantile", (NANS, 0.3, 1), {}),
    *((n, (X, d), {}) for n in "cumsum cumprod logcumsumexp cummax cummin".split() for d in (0, 1)),
    ("cumsum", (N, 1), {}), ("cumsum", (B, 0), {}), ("cumsum", (X, 1), {"dtype": D("float64")}), ("cumsum", (BIG, 0), {}), ("cumsum", (BIG, 1), {}), ("cumsum", (LONG, 0), {}),
    ("cumsum", (WIDE, -1), {}), ("cumsum", (WIDE, 1), {}), ("cumsum", (WIDE_INF, 2), {}), ("cumsum", (WIDE_NAN, 2), {}), ("cumsum", (WIDE * 3e37, 2), {}),
    ("cumsum", (np.array([1, np.inf, 2, -np.inf, 3] * 5, np.float32), 0), {}), ("cumsum", (C, 1), {}), ("cumsum", (S, 0), {}),
    ("cumprod", (ZEROS, 1), {}), ("cumprod", (N, 1), {}), ("cummax", (TIES, 1), {}), ("cummin", (TIES, 0), {}), ("cummax", (N, 1), {}), ("cummax", (NANS, 1), {}),
    ("diff", (X,), {}), ("diff", (X, 2, 0), {}), ("diff", (B,), {}), ("diff", (X,), {"prepend": Y, "append": Y}),
    ("trapezoid", (X,), {}), ("trapezoid", (X, Y), {}), ("trapezoid", (X,), {"dx": 0.5, "dim": 0}), ("trapezoid", (X, Y[0]), {}), ("trapz", (X,), {"dx": 2}),
    ("cumulative_trapezoid", (X,), {}), ("cumulative_trapezoid", (X, Y), {"dim": 1}), ("trapezoid", (N,), {}),
    ("gradient", (X,), {}), ("gradient", (V,), {"spacing": 0.5, "dim": (0, 2)}), ("gradient", (X,), {"edge_order": 2}), ("gradient", (X,), {"spacing": (2.0, 0.5)}),
    ("gradient", (X,), {"spacing": (Fixed(np.array([0, 1, 3], np.float32)), Fixed(np.array([0, 2, 3, 7], np.float32)))}),
    ("allclose", (X, X), {}), ("allclose", (X, Y), {}), ("equal", (X, X), {}), ("equal", (X, V), {}),
    ("renorm", (X, 2, 0, 1.0), {}), (".sum_to_size", (X, 1, 4), {}), (".sum_to_size", (V, 3, 1), {}), ("special.logsumexp", (X, 1), {}),
    ("cov", (X,), {}), ("cov", (X[0],), {"correction": 0}), ("corrcoef", (X,), {}), ("frobenius_norm", (X, (0, 1)), {}), ("nuclear_norm", (X,), {}),
    ("cov", (X,), {"fweights": Fixed(np.array([1, 2, 3, 1])), "aweights": Fixed(np.array([0.5, 1, 1, 2], np.float32))}),
    (".renorm_", (Fixed(X), 2, 0, 1.0), {}), ("sin", (1e5 * LONG,), {}), ("cos", (LONG,), {}),
    *((n, (X.astype(np.float16),), {}) for n in "sum mean std prod logsumexp".split() if n != "logsumexp"),
]  # fmt: skip

NAMELESS = {
    ".sum_to_size",
    "cov",
    "corrcoef",
    "frobenius_norm",
    "nuclear_norm",
    "special.logsumexp",
    "nanmean",
    "gradient",
    "quantile",
    "nanquantile",
    "renorm",
    "diff",
    "dist",
    "trapezoid",
    "trapz",
    "cumulative_trapezoid",
}
SECOND_CASES = [
    ("std", (X, 1), {}), ("var", (X,), {}), ("prod", (ZEROS, 1), {}), ("logsumexp", (X, 1), {}), ("norm", (X, 2, 1), {}), ("norm", (X,), {"p": 3}),
    ("cumprod", (X, 1), {}), ("cumsum", (X, 1), {}), ("logcumsumexp", (X, 1), {}), ("max", (X, 1), {}), ("var_mean", (X, 1), {}), ("nansum", (X,), {}),
]  # fmt: skip


def _id(case):
    name, args, kwargs = case
    return (
        name
        + "-"
        + "-".join(str(getattr(a, "shape", a))[:12] for a in args)
        + ("-" + "-".join(f"{k}{v}" for k, v in kwargs.items())[:40] if kwargs else "")
    )


@pytest.mark.parametrize("case", CASES, ids=_id)
def test_values_and_gradients(case):
    check(*case, names=case[0] not in NAMELESS, atol=1e-5)


@pytest.mark.parametrize("case", SECOND_CASES, ids=_id)
def test_second_gradients(case):
    check(*case, order=2, rtol=1e-4)


def test_std_of_one_value_has_zero_gradient_where_pytorch_has():
    check("std", (np.full((3, 4), 2, np.float32), 1), {})


ERRORS = [
    ("mean", (N,), {}), ("sum", (X, 5), {}), ("sum", (X, (0, 0)), {}), ("max", (np.zeros((0,), np.float32),), {}), ("quantile", (N, 0.5), {}), ("quantile", (X, 1.5), {}),
    ("argmax", (np.zeros((0,), np.float32),), {}), ("cumsum", (X, 2), {}), ("median", (C,), {}), ("amax", (np.zeros((0, 2), np.float32), 0), {}), ("diff", (S,), {}),
]  # fmt: skip


@pytest.mark.parametrize("case", ERRORS, ids=_id)
def test_errors(case):
    with pytest.raises(Exception) as theirs:
        call(torch, *case)
    with pytest.raises(type(theirs.value)) as ours:
        call(rustorch, *case)
    said, expected = str(ours.value).split("\n")[0], str(theirs.value).split("\n")[0]
    assert said[:40] == expected[:40], f"{said!r} instead of {expected!r}"

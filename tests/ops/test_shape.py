"""Shape operations, indexing by position and sorting against PyTorch: values, gradients, errors."""

import numpy as np
import pytest
import torch
from op_oracle import check

import rustorch

RNG = np.random.default_rng(1)


def X(*shape, dtype=np.float32):
    """Normal numbers."""
    return RNG.standard_normal(shape).astype(dtype)


M, R, V, Z, W = X(3, 4), X(2, 4), X(4), X(2, 3, 4), X(2, 3, 4, 5)
N = RNG.integers(-5, 5, (3, 4))
C = (X(3, 4) + 1j * X(3, 4)).astype(np.complex64)
EMPTY, SCALAR = np.zeros(0, np.float32), np.array(2, np.float32)

JOINED = [
    ("cat", ([M, R],), {}),
    ("cat", ([M, N], 1), {}),
    ("cat", ([EMPTY, M],), {"dim": -1}),
    ("concat", ([M, C],), {}),
    ("stack", ([M, M], -1), {}),
    *((n, ([a, a],), {}) for n in ("hstack", "vstack", "dstack", "column_stack") for a in (V, M)),
    ("hstack", ([SCALAR, SCALAR],), {}),
    ("block_diag", (M, V, SCALAR), {}),
    ("cartesian_prod", (V, X(2)), {}),
    ("combinations", (V,), {}),
    ("combinations", (V, 3, True), {}),
    ("kron", (M, R), {}),
    ("kron", (Z, V), {}),
]
COPIES = [
    (".repeat", (M, 2, 1, 3), {}),
    (".repeat", (M, (0, 3)), {}),
    ("tile", (M, (2,)), {}),
    ("flip", (Z, (0, -1)), {}),
    (".flip", (Z, 0, 1), {}),
    ("fliplr", (M,), {}),
    ("flipud", (M,), {}),
    ("roll", (M, 5), {}),
    ("roll", (M, (1, -2), (0, 1)), {}),
    *(("rot90", (M, k), {}) for k in (-1, 0, 1, 2)),
    ("rot90", (Z, 1, (2, 0)), {}),
    *((n, (Z, d), {}) for n in ("tril", "triu", "diag_embed") for d in (-1, 0, 1)),
    ("diag_embed", (Z, 1, 0, 2), {}),
    ("diagflat", (M,), {}),
    ("trace", (M,), {}),
    ("trace", (N,), {}),
    ("repeat_interleave", (M, 2, 1), {}),
    ("linalg.vander", (M,), {}),
    ("linalg.cross", (X(2, 3), X(1, 3)), {}),
    ("cross", (X(3, 4), X(3, 4), 0), {}),
    ("nn.functional.one_hot", (np.array([[0, 2], [1, 1]]),), {}),
    ("nn.functional.one_hot", (np.array([0, 2]), 5), {}),
    *(("nn.functional.pad", (W, p, "constant", 2.5), {}) for p in ((1, 2), (1, 2, 0, 3), (-1, 2), (0, 0, 0, 0, 1, 1))),
    *(("nn.functional.pad", (W, (1, 2, 2, 1)), {"mode": m}) for m in ("reflect", "replicate")),
    ("nn.functional.pad", (W, (1, -1)), {}),
]
# The names of their gradient functions depend on a decomposition of PyTorch's that we do not have.
UNNAMED = [("diag", (V, -1), {}), ("vander", (N[0],), {}), ("diag", (M,), {}), ("diag", (M, 1), {}), ("repeat_interleave", (M, 2), {}),
           ("nn.functional.pad", (W, (1, 2, 2, 1)), {"mode": "circular"})]  # fmt: skip

I23 = np.array([[0, 2, 1], [1, 1, 0]])
J24, U24 = np.array([[0, 2, 1, 0], [1, 1, 0, 2]]), np.array([[0, 2, 1, 0], [1, 0, 2, 2]])
POS = M > 0
HALVES = (RNG.integers(-2, 3, (3, 4)) / 2).astype(np.float32)  # with ties and zeros
PARTS = (RNG.integers(-2, 3, (2, 4)) / 2).astype(np.float32)
READ = [
    ("gather", (M, 0, I23), {}),
    ("gather", (M, 1, I23), {}),
    ("gather", (SCALAR, 0, np.array(0)), {}),
    ("take_along_dim", (M, np.array([[1], [3], [0]]), 1), {}),
    ("take_along_dim", (M, np.array([5, 2])), {}),
    ("index_select", (M, 0, np.array([2, 0, 2])), {}),
    ("index_select", (Z, -1, np.array(2)), {}),
    ("take", (M, np.array([[0, -1], [5, 5]])), {}),
    ("masked_fill", (M, POS, 2.5), {}),
    ("masked_fill", (V, POS, SCALAR), {}),
    ("masked_fill", (N, POS, 2.7), {}),
    ("masked_scatter", (M, POS, X(12)), {}),
]
WRITTEN = [
    ("scatter", (M, 0, U24, R), {}),
    ("scatter", (M, 1, np.array([[3], [0], [1]]), 2.5), {}),
    ("scatter", (N, 0, U24, 7), {}),
    ("scatter_add", (M, 0, J24, R), {}),
    *(
        ("scatter_reduce", (M, 0, J24, R, r), {"include_self": s})
        for r in ("sum", "prod", "mean", "amax", "amin")
        for s in (True, False)
    ),
    *(("scatter_reduce", (HALVES, 0, J24, PARTS, r), {}) for r in ("prod", "amax")),
    ("scatter_reduce", (N, 0, J24, N[:2], "mean"), {}),
    ("index_add", (M, 0, np.array([0, 0]), R), {}),
    ("index_add", (M, 1, np.array([0, 0]), X(3, 2)), {"alpha": 2.5}),
    ("index_copy", (M, 0, np.array([0, 2]), R), {}),
    ("index_fill", (M, 0, np.array([0, -1]), 2.5), {}),
    ("index_reduce", (M, 0, np.array([0, 2, 0]), X(3, 4), "amax"), {}),
    (".put", (M, np.array([0, -1]), X(2)), {}),
    (".put", (M, np.array([0, 0]), X(2), True), {}),
    ("select_scatter", (M, V, 0, -1), {}),
    ("slice_scatter", (M, X(3, 2), 1, 0, 4, 2), {}),
    ("diagonal_scatter", (Z, X(2, 2), -1, 1, 2), {}),
]

S = X(5, 7)
E = S.copy()
E[0, 1:4] = np.nan, np.inf, -np.inf
E[1, :2] = -0.0, 0.0
E[2, 3] = -np.nan
ROWS, SORTED = np.sort(X(3, 50)), np.sort(X(9))
SORTS = [
    *(
        ("sort", (a,), {"dim": d, "descending": r, "stable": True})
        for a in (S, np.round(S * 2))
        for d in (0, -1)
        for r in (False, True)
    ),
    *(
        ("sort", ((S * 3).astype(k),), {"stable": True, "descending": True})
        for k in (np.float64, np.float16, np.int64, np.int32, np.uint8)
    ),
    ("sort", (S > 0,), {"stable": True}),
    ("sort", (SCALAR,), {}),
    ("argsort", (S, 0), {}),
    ("msort", (S,), {}),
    *(("topk", (S, k, d, b), {}) for k in (1, 4) for d, b in ((1, True), (0, False))),
    ("kthvalue", (S, 3), {}),
    ("kthvalue", (S, 2, 0, True), {}),
    *(("searchsorted", (row, S[:3]), {"right": r}) for row in (SORTED, ROWS) for r in (False, True)),
    ("searchsorted", (np.arange(5), 3), {"side": "right"}),
    ("bucketize", (E, SORTED), {"right": True, "out_int32": True}),
    ("bucketize", (E, SORTED), {}),
]


@pytest.mark.parametrize(
    "name, args, kwargs", [*JOINED, *COPIES, *READ, *WRITTEN], ids=lambda v: v if isinstance(v, str) else ""
)
def test_matches_torch(name, args, kwargs):
    check(name, args, kwargs)


@pytest.mark.parametrize("name, args, kwargs", [*UNNAMED, *SORTS], ids=lambda v: v if isinstance(v, str) else "")
def test_matches_torch_but_for_names(name, args, kwargs):
    check(name, args, kwargs, names=False)


@pytest.mark.parametrize(
    "case",
    [("scatter_reduce", (M, 0, J24, R, "prod"), {}), ("kron", (M, R), {}), ("sort", (S,), {})],
    ids=lambda c: c[0],
)
def test_second_derivatives(case):
    if case[0] != "sort":
        check(*case, order=2)
    else:  # sorting is linear in its input: the second gradient comes from what follows
        for lib, out in ((torch, []), (rustorch, [])):
            x = lib.tensor(S.tolist(), requires_grad=True)
            (g,) = lib.autograd.grad((lib.sort(x)[0] ** 3).sum(), x, create_graph=True)
            (h,) = lib.autograd.grad(g.sum(), x)
            np.testing.assert_allclose(h.numpy(), 6 * S, rtol=1e-5)


def test_nan_sorts_last_and_equal_elements_keep_their_order():
    for descending in (False, True):
        ours = rustorch.sort(rustorch.tensor(E.tolist()), descending=descending, stable=True)
        theirs = torch.sort(torch.tensor(E), descending=descending, stable=True)
        np.testing.assert_array_equal(ours.indices.numpy(), theirs.indices.numpy())
    best = rustorch.topk(rustorch.tensor(np.tile(E, 8).tolist()), 3)[0].numpy()
    np.testing.assert_array_equal(best, torch.topk(torch.tensor(np.tile(E, 8)), 3)[0].numpy())


@pytest.mark.parametrize("name, args", [
    ("scatter_", (0, U24, R)), ("scatter_", (0, U24, 1.5)), ("scatter_add_", (0, J24, R)), ("index_add_", (0, np.array([0, 2]), R)),
    ("index_fill_", (0, np.array([0]), 3.0)), ("index_copy_", (0, np.array([0, 2]), R)), ("masked_fill_", (POS, 0.5)), ("tril_", ()),
    ("masked_scatter_", (POS, X(12))), ("put_", (np.array([0, -1]), X(2))), ("addmm_", (X(3, 2), R)),
])  # fmt: skip
def test_in_place(name, args):
    results = []
    for lib in (torch, rustorch):
        x = lib.tensor(M.tolist())
        assert getattr(x, name)(*(lib.tensor(a.tolist()) if isinstance(a, np.ndarray) else a for a in args)) is x
        results.append(x.numpy())
    np.testing.assert_allclose(results[1], results[0], rtol=1e-5, atol=1e-6)


def _t(lib, *shape, dtype="float32"):
    return lib.zeros(*shape, dtype=getattr(lib, dtype))


ERRORS = {
    "cat sizes": lambda t: t.cat([_t(t, 2, 3), _t(t, 3, 4)]),
    "cat ranks": lambda t: t.cat([_t(t, 2, 3), _t(t, 3)]),
    "cat nothing": lambda t: t.cat([]),
    "cat scalars": lambda t: t.cat([t.tensor(1.0), t.tensor(1.0)]),
    "cat dim": lambda t: t.cat([_t(t, 2, 3), _t(t, 2, 3)], dim=3),
    "stack sizes": lambda t: t.stack([_t(t, 2), _t(t, 3)]),
    "flip twice": lambda t: t.flip(_t(t, 3), (0, 0)),
    "roll": lambda t: t.roll(_t(t, 3, 3), (1, 1), 0),
    "tril": lambda t: t.tril(_t(t, 3)),
    "diag": lambda t: t.diag(_t(t, 3, 3, 3)),
    "cross": lambda t: t.linalg.cross(_t(t, 2, 4), _t(t, 2, 4)),
    "pad odd": lambda t: t.nn.functional.pad(_t(t, 3), (1, 1, 1)),
    "pad reflect": lambda t: t.nn.functional.pad(_t(t, 2, 3), (4, 1), mode="reflect"),
    "one_hot dtype": lambda t: t.nn.functional.one_hot(_t(t, 2, dtype="int32")),
    "gather rank": lambda t: t.gather(_t(t, 2, 3), 1, _t(t, 3, dtype="int64")),
    "gather size": lambda t: t.gather(_t(t, 2, 3), 1, _t(t, 3, 1, dtype="int64")),
    "gather dtype": lambda t: t.gather(_t(t, 2, 3), 1, _t(t, 2, 1)),
    "index_select rank": lambda t: t.index_select(_t(t, 2, 3), 1, _t(t, 2, 1, dtype="int64")),
    "scatter size": lambda t: _t(t, 2, 3).scatter(0, _t(t, 2, 3, dtype="int64"), _t(t, 1, 3)),
    "scatter dtype": lambda t: _t(t, 2, 3).scatter(0, _t(t, 2, 3, dtype="int64"), _t(t, 2, 3, dtype="float64")),
    "index_add count": lambda t: _t(t, 2, 3).index_add(0, _t(t, 2, dtype="int64"), _t(t, 3, 3)),
    "masked_fill dtype": lambda t: _t(t, 2, 3).masked_fill(_t(t, 2, 3), 1),
    "masked_fill shape": lambda t: _t(t, 2, 3).masked_fill(_t(t, 2, 4, dtype="bool"), 1),
    "masked_fill value": lambda t: _t(t, 2, 3).masked_fill(_t(t, 2, 3, dtype="bool"), _t(t, 2)),
    "topk": lambda t: t.topk(_t(t, 3), 4),
    "kthvalue": lambda t: t.kthvalue(_t(t, 3), 4),
    "searchsorted": lambda t: t.searchsorted(_t(t, 3, 2), _t(t, 2, 2)),
    "repeat": lambda t: _t(t, 2, 3).repeat(2),
}


@pytest.mark.parametrize("case", ERRORS)
def test_errors_are_torchs(case):
    with pytest.raises(Exception) as theirs:
        ERRORS[case](torch)
    with pytest.raises(type(theirs.value)) as ours:
        ERRORS[case](rustorch)
    assert str(ours.value) == str(theirs.value).split("\n")[0]

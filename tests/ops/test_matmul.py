"""Matrix products against PyTorch: values, first and second gradients, errors."""

import numpy as np
import pytest
import torch
from op_oracle import check

import rustorch

RNG = np.random.default_rng(2)


def X(*shape):
    """Normal numbers."""
    return RNG.standard_normal(shape).astype(np.float32)


A, B, V, Z, W = X(3, 4), X(4, 5), X(4), X(2, 3, 4), X(2, 4, 3)
C, D = (X(3, 4) + 1j * X(3, 4)).astype(np.complex64), (X(4, 5) + 1j * X(4, 5)).astype(np.complex64)
N = RNG.integers(-5, 5, (4, 5))

A16, V16 = np.random.default_rng(3).standard_normal((20, 30)), np.random.default_rng(4).standard_normal(30)

PRODUCTS = [
    ("mm", (A, B), {}),
    ("mm", (C, D), {}),
    ("mm", (A.astype(np.int64), N), {}),
    ("bmm", (Z, W), {}),
    ("mv", (A, V), {}),
    ("dot", (V, X(4)), {}),
    ("vdot", (C[0], C[1]), {}),
    ("addr", (X(4, 3), V, X(3)), {"beta": 0.5, "alpha": 2}),
    *((n, args, {"beta": b, "alpha": a}) for b, a in ((1, 1), (0.5, 2.0), (0, 1)) for n, args in (
        ("addmm", (X(5), A, B)), ("addmv", (X(3), A, V)), ("baddbmm", (X(3, 3), Z, W)), ("addbmm", (X(3, 3), Z, W)))),
]  # fmt: skip
UNNAMED = [
    *(("matmul", pair, {}) for pair in (
        (A, B), (V, V), (V, B), (A, V), (Z, B), (Z, W), (Z, V), (V, W), (A, W), (X(2, 1, 3, 4), X(5, 4, 3)), (C, D))),
    ("inner", (A, Z), {}),
    ("outer", (V, X(3)), {}),
    ("linalg.multi_dot", ([A, B, X(5, 2)],), {}),
    ("chain_matmul", (A, B, X(5, 2)), {}),
    ("linalg.vecdot", (C, C + 1), {}),
    ("tensordot", (Z, X(3, 4, 5)), {}),
    ("tensordot", (Z, X(4, 3, 5), ([1, 2], [1, 0])), {}),
    ("nn.functional.bilinear", (X(6, 3), X(6, 4), X(5, 3, 4), X(5)), {}),
    *(("einsum", (eq, *ops), {}) for eq, *ops in (
        ("ij,jk->ik", A, B), ("ij,jk", A, B), ("ij->ji", A), ("ij->", A), ("ii->i", X(3, 3)), ("ii", X(3, 3)),
        ("...ij,...jk->...ik", X(5, 1, 2, 3), X(4, 3, 2)), ("bij,jk->bik", Z, B), ("i,j->ij", V, V),
        ("ij,jk->ik", X(3, 1), B), ("...->...", Z), ("i...->...", Z), ("Ab,bC->AC", A, B),
        ("bn,anm,bm->ba", X(2, 3), X(5, 3, 4), X(2, 4)), ("ij,jk->ik", C, D))),
    ("einsum", (A, [0, 1], B, [1, 2], [0, 2]), {}),
    *(("cdist", (Z, W.swapaxes(1, 2).copy(), p), {}) for p in (2.0, 1.0, 1.5, float("inf"))),
    *(("nn.functional.pdist", (A, p), {}) for p in (2.0, 1.0)),
]  # fmt: skip


@pytest.mark.parametrize("name, args, kwargs", PRODUCTS, ids=lambda v: v if isinstance(v, str) else "")
def test_matches_torch(name, args, kwargs):
    check(name, args, kwargs, order=2)


@pytest.mark.parametrize("name, args, kwargs", UNNAMED, ids=lambda v: v if isinstance(v, str) else "")
def test_matches_torch_but_for_names(name, args, kwargs):
    # PyTorch has no second derivative of its distances, and none is left of a sum of one operand.
    once = name in ("cdist", "nn.functional.pdist") or name == "einsum" and len(args) == 2
    check(name, args, kwargs, order=1 if once else 2, names=False, rtol=5e-5)


def _z(lib, *shape, dtype="float32"):
    return lib.zeros(*shape, dtype=getattr(lib, dtype))


ERRORS = {
    "mm sizes": lambda t: t.mm(_z(t, 2, 3), _z(t, 4, 5)),
    "mm rank": lambda t: t.mm(_z(t, 2, 3), _z(t, 3)),
    "mm dtype": lambda t: _z(t, 2, 3) @ _z(t, 3, 2, dtype="float64"),
    "bmm sizes": lambda t: t.bmm(_z(t, 2, 3, 4), _z(t, 2, 5, 4)),
    "bmm batch": lambda t: t.bmm(_z(t, 2, 3, 4), _z(t, 3, 4, 4)),
    "bmm dtype": lambda t: t.bmm(_z(t, 2, 3, 4), _z(t, 2, 4, 5, dtype="float64")),
    "matmul batch": lambda t: t.matmul(_z(t, 2, 3, 4), _z(t, 3, 4, 5)),
    "matmul rows": lambda t: t.matmul(_z(t, 2, 3, 4), _z(t, 5, 5)),
    "matmul vectors": lambda t: t.matmul(_z(t, 3), _z(t, 4)),
    "matmul vector": lambda t: t.matmul(_z(t, 3), _z(t, 4, 5)),
    "matmul scalar": lambda t: t.matmul(t.tensor(1.0), _z(t, 4)),
    "mv sizes": lambda t: t.mv(_z(t, 4, 5), _z(t, 4)),
    "dot ranks": lambda t: t.dot(_z(t, 4, 1), _z(t, 5)),
    "dot dtype": lambda t: t.dot(_z(t, 4), _z(t, 4, dtype="float64")),
    "outer": lambda t: t.outer(_z(t, 4, 1), _z(t, 4)),
    "addmm bias": lambda t: t.addmm(_z(t, 4), _z(t, 2, 3), _z(t, 3, 5)),
    "addmv": lambda t: t.addmv(_z(t, 4), _z(t, 2, 3), _z(t, 3)),
    "tensordot": lambda t: t.tensordot(_z(t, 2, 3), _z(t, 4, 5)),
    "einsum sizes": lambda t: t.einsum("ij,jk->ik", _z(t, 2, 3), _z(t, 4, 5)),
    "einsum operands": lambda t: t.einsum("ij,jk->ik", _z(t, 2, 3)),
    "einsum output": lambda t: t.einsum("ij->ik", _z(t, 2, 3)),
    "einsum rank": lambda t: t.einsum("ijk->ik", _z(t, 2, 3)),
    "cdist": lambda t: t.cdist(_z(t, 3, 2), _z(t, 3, 4)),
}


@pytest.mark.parametrize("case", ERRORS)
def test_errors_are_torchs(case):
    with pytest.raises(Exception) as theirs:
        ERRORS[case](torch)
    with pytest.raises(type(theirs.value)) as ours:
        ERRORS[case](rustorch)
    assert str(ours.value) == str(theirs.value).split("\n")[0]


def test_shapes_of_a_failed_product_can_be_read():
    with pytest.raises(rustorch.errors.ShapeMismatchError) as e:
        _z(rustorch, 2, 3) @ _z(rustorch, 4, 5)
    assert tuple(e.value.shape1) == (2, 3) and tuple(e.value.shape2) == (4, 5)


SUMS_OF_PRODUCTS = {
    "vecdot": lambda m, v: rustorch.linalg.vecdot(m, v),
    "linear": lambda m, v: rustorch.nn.functional.linear(m, m, v[:20]),
    "linear of a vector": lambda m, v: rustorch.nn.functional.linear(m, v),
    "addr": lambda m, v: rustorch.addr(m, v[:20], v, beta=0.6, alpha=0.2),
    "addmm": lambda m, v: rustorch.addmm(v[:20], m, m.t(), beta=0.6, alpha=0.2),
    "einsum": lambda m, v: rustorch.einsum("ij->i", m),
    "einsum of two": lambda m, v: rustorch.einsum("ij,j->i", m, v),
    "mv": lambda m, v: m @ v,
}


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("name", SUMS_OF_PRODUCTS)
def test_16_bits_are_rounded_once(name, dtype):
    dtype = getattr(rustorch, dtype)
    m, v = (rustorch.from_numpy(3 * x).to(dtype) for x in (A16, V16))
    exact = SUMS_OF_PRODUCTS[name](m.double(), v.double())
    once = rustorch.finfo(dtype).eps / 2 * exact.abs() + 2e-5
    assert ((SUMS_OF_PRODUCTS[name](m, v).double() - exact).abs() <= once).all()


@pytest.mark.parametrize("dtype", ["uint8", "int32", "bool", "float16"])
def test_tensordot_keeps_the_dtype_where_it_sums_a_broadcast_dimension(dtype):
    results = []
    for lib in (torch, rustorch):
        a, b = [lib.arange(n).reshape(shape).to(getattr(lib, dtype)) for n, shape in ((1, (1, 1, 1)), (4, (2, 1, 2)))]
        try:
            y = lib.tensordot(a + 1, b, dims=((0, 1), (2, 0)))
            results.append((str(y.dtype).split(".")[1], y.tolist()))
        except RuntimeError:
            results.append("refused")
    assert results[0] == results[1]

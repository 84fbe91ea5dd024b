"""``torch.linalg`` and its older names against PyTorch. Singular and eigenvectors are free up to a
sign or phase, so what is compared of them is the squared magnitude, and its gradient."""

import numpy as np
import pytest
import torch
from op_oracle import check

import rustorch

RNG = np.random.default_rng(3)


def X(*shape):
    """Normal numbers."""
    return RNG.standard_normal(shape).astype(np.float32)


S, Q, B = X(4, 4), X(2, 3, 3), X(4, 2)
P = S @ S.T + np.eye(4, dtype=np.float32)
PQ = Q @ Q.swapaxes(1, 2) + np.eye(3, dtype=np.float32)
Z = (X(3, 3) + 1j * X(3, 3)).astype(np.complex64)
TALL, WIDE = X(5, 3), X(3, 5)
L = np.linalg.cholesky(P).astype(np.float32)
T = (np.tril(Q) + 3 * np.eye(3)).astype(np.float32)
INF = float("inf")
CORNER = np.array([[0, 3.0], [-3, 1]], np.float32)

PLAIN = [
    *((n, (m,), {}) for n in ("linalg.det", "linalg.slogdet", "linalg.inv") for m in (S, Q, Z)),
    *((n, (m,), {}) for n in ("det", "logdet", "slogdet", "inverse", "linalg.svdvals") for m in (P,)),
    ("linalg.matrix_exp", (P / 4,), {}),
    ("matrix_exp", (Q,), {}),
    *((n, (m,), {}) for n in ("linalg.pinv", "linalg.svdvals", "linalg.matrix_rank") for m in (TALL, WIDE)),
    ("pinverse", (TALL,), {}),
    ("linalg.pinv", (S,), {"rtol": 0.5}),
    ("linalg.pinv", (P,), {"hermitian": True}),
    ("linalg.matrix_rank", (S, 1.0), {}),
    *(("linalg.solve", pair, {}) for pair in ((S, X(4)), (S, B), (Q, X(2, 3)), (Q, X(2, 3, 2)))),
    ("linalg.solve", (S, X(2, 4)), {"left": False}),
    *(("linalg.solve_triangular", (T, X(2, 3, 2)), {"upper": u}) for u in (False, True)),
    ("linalg.solve_triangular", (T, X(2, 2, 3)), {"upper": False, "left": False, "unitriangular": True}),
    ("triangular_solve", (B, S), {}),
    *(("linalg.cholesky", (m,), {"upper": u}) for m in (P, PQ) for u in (False, True)),
    ("linalg.cholesky_ex", (P,), {}),
    ("linalg.inv_ex", (P,), {}),
    *(("linalg.qr", (m,), {}) for m in (S, TALL, WIDE)),
    ("qr", (TALL,), {}),
    *(("linalg.eigvalsh", (m,), {"UPLO": u}) for m in (P, S) for u in ("L", "U")),
    ("linalg.lu_factor", (S,), {}),
    ("linalg.lu_factor_ex", (Q,), {}),
    ("lu", (S,), {}),
    ("linalg.diagonal", (Q,), {"offset": 1}),
    ("linalg.lu", (TALL,), {}),
    ("linalg.lstsq", (TALL, X(5, 2)), {}),
    ("linalg.householder_product", (np.tril(TALL, -1), X(3)), {}),
    ("linalg.tensorinv", (X(4, 6, 8, 3),), {}),
    ("linalg.tensorsolve", (X(2, 3, 6), X(2, 3)), {}),
    *(("linalg.matrix_power", (S, n), {}) for n in (-2, 0, 1, 3)),
    *(("linalg.vector_norm", (S, p), {"dim": -1, "keepdim": True}) for p in (2, 1, 0.5, 3, INF, -INF)),
    *(("linalg.matrix_norm", (m, p), {}) for m in (Q, CORNER) for p in ("fro", "nuc", 2, -2, 1, -1, INF, -INF)),
    *(("linalg.norm", args, kw) for args, kw in (((Q,), {}), ((S, 2), {}), ((S, "nuc"), {}), ((Q, 1), {"dim": (0, 1), "keepdim": True}), ((Q, INF, 1), {}))),
    *(("norm", args, {}) for args in ((S,), (S, 2, 1, True), (S, "nuc"), (S, 1), (S, INF))),
    *(("linalg.cond", (S, p), {}) for p in (None, 2, -2)),
    ("cholesky_inverse", (L,), {}),
    ("cholesky_solve", (B, L), {}),
]  # fmt: skip
# Inexact in PyTorch: its rule differentiates with respect to the triangle that is not read.
VALUES_ONLY = {"cholesky_inverse", "cholesky_solve"}


def _still(args):
    from op_oracle import Fixed

    return tuple(Fixed(a) if isinstance(a, np.ndarray) else a for a in args)


@pytest.mark.parametrize("name, args, kwargs", PLAIN, ids=lambda v: v if isinstance(v, str) else "")
def test_matches_torch(name, args, kwargs):
    args = _still(args) if name in VALUES_ONLY else args
    check(name, args, kwargs, names=False, rtol=3e-4)


@pytest.mark.parametrize(
    "name",
    [
        "linalg.det",
        "linalg.inv",
        "linalg.cholesky",
        "linalg.svdvals",
        "linalg.eigvalsh",
        "linalg.pinv",
        "linalg.matrix_exp",
    ],
)
def test_second_derivatives(name):
    check(name, (P.astype(np.float64) / 4,), {}, order=2, names=False, rtol=1e-6)


VECTORS = [
    *(("linalg.svd", m, {"full_matrices": f}) for m in (S, TALL, WIDE, Z) for f in (False, True)),
    ("svd", TALL, {}),
    *(("linalg.eigh", m, {}) for m in (P, PQ, Z + Z.conj().T)),
    *(("linalg.eig", m, {}) for m in (S, Q, Z)),
    ("linalg.qr", TALL, {"mode": "complete"}),
]


@pytest.mark.parametrize("name, matrix, kwargs", VECTORS, ids=lambda v: v if isinstance(v, str) else "")
def test_vectors_up_to_phase(name, matrix, kwargs):
    results = []
    for lib in (torch, rustorch):
        x = lib.tensor(matrix.tolist(), dtype=getattr(lib, matrix.dtype.name), requires_grad=True)
        fn = lib
        for part in name.split("."):
            fn = getattr(fn, part)
        parts = [p.abs() ** 2 for p in fn(x, **kwargs)]
        k = min(matrix.shape[-2:])
        thin = [p if p.ndim < matrix.ndim or p.shape[-1] == k == p.shape[-2] else p for p in parts]
        loss = sum((p * lib.arange(p.numel(), dtype=p.dtype).reshape(p.shape)).sum() for p in thin)
        if name == "linalg.qr" or kwargs.get("full_matrices") and matrix.shape[-1] != matrix.shape[-2]:
            grad = None  # the complement has no gradient
        else:
            (grad,) = lib.autograd.grad(loss, x)
        results.append((parts, grad))
    for theirs, ours in zip(results[0][0], results[1][0]):
        if kwargs.get("full_matrices") and theirs.shape[-1] > min(matrix.shape[-2:]):
            continue  # a basis of the complement is not determined
        assert str(theirs.dtype) == str(ours.dtype)
        np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), rtol=2e-3, atol=2e-3)
    if results[0][1] is not None:
        np.testing.assert_allclose(
            results[1][1].numpy(), results[0][1].numpy(), rtol=1e-2, atol=1e-2 * float(results[0][1].abs().max())
        )


def test_derivative_of_eigenvalues_survives_equal_ones():
    x = rustorch.eye(3, requires_grad=True)
    values, vectors = rustorch.linalg.eigh(x)
    values.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), np.eye(3), atol=1e-6)


def test_norms_have_gradient_zero_at_zero():
    for f in (lambda t: t.norm(), lambda t: rustorch.linalg.vector_norm(t, 3), rustorch.linalg.matrix_norm):
        x = rustorch.zeros(2, 2, requires_grad=True)
        f(x).backward()
        assert not x.grad.numpy().any()


def test_only_one_triangle_is_read():
    noisy = P + np.triu(X(4, 4), 1)
    check("linalg.cholesky", (noisy,), {}, names=False, rtol=3e-4)
    check("linalg.eigvalsh", (noisy,), {}, names=False, rtol=3e-4)


def _z(lib, *shape, dtype="float32"):
    return lib.zeros(*shape, dtype=getattr(lib, dtype))


ERRORS = {
    "inv": lambda t: t.linalg.inv(_z(t, 2, 3)),
    "inv dtype": lambda t: t.linalg.inv(_z(t, 2, 2, dtype="int32")),
    "det": lambda t: t.linalg.det(_z(t, 2, 3)),
    "solve square": lambda t: t.linalg.solve(_z(t, 2, 3), _z(t, 2)),
    "solve": lambda t: t.linalg.solve(_z(t, 3, 3), _z(t, 2, 3)),
    "cholesky": lambda t: t.linalg.cholesky(_z(t, 2, 3)),
    "eigh": lambda t: t.linalg.eigh(_z(t, 2, 3)),
    "qr": lambda t: t.linalg.qr(_z(t, 3)),
    "matrix_power": lambda t: t.linalg.matrix_power(_z(t, 3, 2), 2),
    "vector_norm": lambda t: t.linalg.vector_norm(_z(t, 2, dtype="int32")),
}


@pytest.mark.parametrize("case", ERRORS)
def test_errors_are_torchs(case):
    with pytest.raises(Exception) as theirs:
        ERRORS[case](torch)
    with pytest.raises(type(theirs.value)) as ours:
        ERRORS[case](rustorch)
    assert str(ours.value) == str(theirs.value).split("\n")[0]


@pytest.mark.parametrize("dtype", ["int32", "int64", "uint8", "bfloat16", "float16"])
@pytest.mark.parametrize("n", [0, 1, 2, 5])
def test_powers_of_any_dtype(dtype, n):
    paths = [[0, 1, 1], [1, 0, 0], [0, 1, 0]]
    ours, theirs = (
        lib.linalg.matrix_power(lib.tensor(paths, dtype=getattr(lib, dtype)), n) for lib in (rustorch, torch)
    )
    assert str(ours.dtype) == str(theirs.dtype) and ours.tolist() == theirs.tolist()


SINGLE_AT_LEAST = {
    "tensorinv": lambda t, a: t.linalg.tensorinv(a, ind=1),
    "tensorsolve": lambda t, a: t.linalg.tensorsolve(a, a[0]),
    "householder_product": lambda t, a: t.linalg.householder_product(a, a[0]),
    "ormqr": lambda t, a: t.ormqr(a, a[0], a),
    "lu_solve": lambda t, a: t.linalg.lu_solve(a, t.tensor([1, 2, 3], dtype=t.int32), a),
    "qr": lambda t, a: t.qr(a),
    "matrix_power": lambda t, a: t.linalg.matrix_power(a, -1),
    "geqrf": lambda t, a: t.geqrf(a),
}


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("name", SINGLE_AT_LEAST)
def test_16_bits_are_refused_at_once(name, dtype):
    for lib in (torch, rustorch):
        a = lib.eye(3, dtype=getattr(lib, dtype))
        with pytest.raises(RuntimeError):
            SINGLE_AT_LEAST[name](lib, a)

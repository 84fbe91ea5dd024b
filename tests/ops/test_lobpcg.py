"""Some eigenpairs by ``lobpcg``: against dense eigenvalues, and derivatives against PyTorch's."""

import numpy as np
import pytest
import torch
from derivative_oracle import close, to_rustorch

import rustorch

_rng = np.random.default_rng(5)


def spectrum(*shape, dtype="float64"):
    """Symmetric matrices whose eigenvalues lie apart."""
    q = np.linalg.qr(_rng.standard_normal(shape))[0]
    values = np.arange(1, shape[-1] + 1) ** 1.5
    return torch.tensor(((q * values) @ np.swapaxes(q, -1, -2)).astype(dtype))


A, M = spectrum(20, 20), spectrum(20, 20) + 3 * torch.eye(20)


def generalized(A, B):
    """All eigenvalues of A x = λ B x, ascending."""
    return torch.linalg.eigvalsh(torch.linalg.solve(L := torch.linalg.cholesky(B), torch.linalg.solve(L, A).mT))


@pytest.mark.parametrize("largest", [True, False])
@pytest.mark.parametrize("B", [None, M], ids=["standard", "generalized"])
def test_eigenpairs(largest, B):
    rustorch.manual_seed(1)
    a, b = to_rustorch(A), None if B is None else to_rustorch(B)
    E, X = rustorch.lobpcg(a, 3, b, largest=largest)
    found = torch.linalg.eigvalsh(A) if B is None else generalized(A, B)
    want = found.flip(0)[:3] if largest else found[:3]
    close(E, want, "eigenvalues", 1e-6)
    bx = X if b is None else b @ X
    np.testing.assert_allclose((a @ X - bx * E).numpy(), 0, atol=1e-4)
    np.testing.assert_allclose((X.mT @ bx).numpy(), np.eye(3), atol=1e-10)
    theirs = torch.lobpcg(A, 3, B, largest=largest)[0]
    close(E, theirs, "PyTorch's eigenvalues, in their order", 1e-5)


def test_forms():
    rustorch.manual_seed(1)
    x = rustorch.randn(20, 4).double()
    E, X = rustorch.lobpcg(to_rustorch(A), X=x)
    assert E.shape == (4,) and X.shape == (20, 4)
    E, X = rustorch.lobpcg(to_rustorch(A), 2, X=x, niter=0)
    assert X.shape == (20, 2) and abs(E[0].item() - 20**1.5) > 1e-6  # no step yet
    sparse = rustorch.lobpcg(to_rustorch(A).to_sparse(), 2, X=x, iK=to_rustorch(torch.linalg.inv(A)), niter=-1)[0]
    close(sparse, torch.tensor([20.0**1.5, 19**1.5]).double(), "sparse, with a preconditioner", 1e-6)
    batch = spectrum(2, 3, 12, 12, dtype="float32")
    E, X = rustorch.lobpcg(to_rustorch(batch), 2, largest=False)
    assert X.shape == (2, 3, 12, 2)
    close(E, torch.linalg.eigvalsh(batch)[..., :2], "batch", 1e-4)
    twice = rustorch.eye(9) * 2  # one eigenvalue only: every direction but the first guess depends on it
    close(rustorch.lobpcg(twice, 2)[0], torch.tensor([2.0, 2.0]), "a multiple of the identity", 1e-5)


def test_derivatives():
    ends = []
    for lib in (rustorch, torch):
        a = (to_rustorch(A) if lib is rustorch else A.clone()).requires_grad_(True)
        lib.manual_seed(1)
        E, X = lib.lobpcg(a, 2, largest=False, tol=1e-12)
        loss = (E * E).sum() + (X[0] * X[1]).sum() + (X**4).sum()
        (first,) = lib.autograd.grad(loss, a)
        ends.append(first)
    close(*ends, "first gradient", 1e-5)


def test_second_derivatives_and_those_in_b():
    direction = to_rustorch(spectrum(20, 20))

    def values(lib_eig, t, u):
        a, b = to_rustorch(A) + t * direction, to_rustorch(M) + u * direction
        return lib_eig(a, b)

    def ours(a, b):
        rustorch.manual_seed(1)
        E, X = rustorch.lobpcg(a, 2, b, tol=1e-12)
        return E.sum() + (X**4).sum()

    def dense(a, b):
        L = rustorch.linalg.cholesky(b)
        inner = rustorch.linalg.solve(L, rustorch.linalg.solve(L, a).mT)
        E, V = rustorch.linalg.eigh((inner + inner.mT) / 2)
        return E[-2:].sum() + (rustorch.linalg.solve(L.mT, V[:, -2:]) ** 4).sum()

    found = []
    for f in (ours, dense):
        t, u = (rustorch.zeros((), dtype=rustorch.float64, requires_grad=True) for _ in range(2))
        first = rustorch.autograd.grad(values(f, t, u), (t, u), create_graph=True)
        found.append([*first, *rustorch.autograd.grad(first[0] + 2 * first[1], (t, u))])
    for a, b in zip(*found):
        np.testing.assert_allclose(a.item(), b.item(), rtol=1e-6)


WRONG = [(torch.ones(3, 2), {}), (torch.eye(9), {"B": torch.eye(8)}), (torch.eye(9), {"k": 4})]


@pytest.mark.parametrize("case", range(len(WRONG)))
def test_errors(case):
    a, kwargs = WRONG[case]
    with pytest.raises(Exception) as theirs:
        torch.lobpcg(a, **kwargs)
    ours = {k: to_rustorch(v) if isinstance(v, torch.Tensor) else v for k, v in kwargs.items()}
    with pytest.raises(type(theirs.value)) as raised:
        rustorch.lobpcg(to_rustorch(a), **ours)
    assert str(raised.value) == str(theirs.value)

"""Ops beside the database's samples: foreach, masked, LDL, Bessel, private forms; values against PyTorch or SciPy."""

import numpy as np
import pytest
import scipy.special
import torch
from derivative_oracle import _convert, close, to_rustorch

import rustorch

_rng = np.random.default_rng(3)


def X(*shape, dtype="float64"):
    """Normal numbers as a PyTorch tensor."""
    return torch.tensor(_rng.standard_normal(shape).astype(dtype))


def P(*shape):
    """Numbers from 0.5 to 2."""
    return torch.tensor(_rng.uniform(0.5, 2, shape))


def _find(lib, name):
    for part in name.split("."):
        lib = getattr(lib, part)
    return lib


def same(name, *args, rtol=1e-7, **kwargs):
    """The call in both libraries gives the same."""
    theirs = _find(torch, name)(*_convert(torch, args, []), **_convert(torch, kwargs, []))
    ours = _find(rustorch, name)(*_convert(rustorch, args, []), **_convert(rustorch, kwargs, []))
    pairs = zip(ours, theirs) if isinstance(theirs, (tuple, list)) else [(ours, theirs)]
    for i, (a, b) in enumerate(pairs):
        close(a, b, f"{name} result {i}", rtol)


def fails(name, *args, **kwargs):
    """Both libraries raise the same."""
    with pytest.raises(Exception) as theirs:
        _find(torch, name)(*args, **kwargs)
    with pytest.raises(type(theirs.value)) as ours:
        _find(rustorch, name)(*_convert(rustorch, args, []), **_convert(rustorch, kwargs, []))
    assert str(ours.value) == str(theirs.value).split("\nException raised")[0]


_LISTS = [P(2, 3), P(3)], [P(2, 3), P(3)], [P(2, 3), P(3)]
UNARY = [n for n in dir(torch) if n.startswith("_foreach_") and hasattr(torch.Tensor, n[9:]) and n.endswith("_")]


def test_every_foreach_exists():
    assert not [n for n in dir(torch) if n.startswith("_foreach_") and not hasattr(rustorch, n)]


def test_foreach():
    a, b, c = _LISTS
    for name in ("abs", "exp", "lgamma", "neg", "sigmoid", "max", "norm", "powsum"):
        same("_foreach_" + name, a)
    for name in ("add", "sub", "mul", "div", "pow", "maximum", "minimum", "clamp_max"):
        same("_foreach_" + name, a, b)
        same("_foreach_" + name, a, 1.5)
        same("_foreach_" + name, a, [1.5, 0.5])
    same("_foreach_add", a, b, alpha=2)
    same("_foreach_pow", 2.0, a)
    same("_foreach_lerp", a, b, c)
    same("_foreach_lerp", a, b, 0.3)
    for name in ("addcmul", "addcdiv"):
        same("_foreach_" + name, a, b, c, 0.5)
        same("_foreach_" + name, a, b, c, [0.5, 2.0])
        same("_foreach_" + name, a, b, c, torch.tensor([0.5, 2.0], dtype=torch.float64))


def test_foreach_in_place():
    ours = [to_rustorch(t) for t in _LISTS[0]]
    kept = list(ours)
    rustorch._foreach_mul_(ours, 2.0)
    rustorch._foreach_addcmul_(ours, ours, [rustorch.ones(3).double()] * 2, value=1.0)
    rustorch._foreach_copy_(ours[:1], [rustorch.zeros(3)])
    assert all(a is b for a, b in zip(ours, kept)) and not ours[0].any()
    close(ours[1], _LISTS[0][1] * 4, "in place")
    fails("_foreach_add", [X(2)], [X(2), X(2)])
    fails("_foreach_add", [X(2)], [1.0, 2.0])
    fails("_foreach_exp_", [])


BESSEL = {
    "bessel_j0": scipy.special.j0, "bessel_j1": scipy.special.j1, "bessel_y0": scipy.special.y0,
    "bessel_y1": scipy.special.y1, "modified_bessel_k0": scipy.special.k0, "modified_bessel_k1": scipy.special.k1,
    "scaled_modified_bessel_k0": scipy.special.k0e, "scaled_modified_bessel_k1": scipy.special.k1e,
    "airy_ai": lambda x: scipy.special.airy(x)[0],
}  # fmt: skip


@pytest.mark.parametrize("name", BESSEL)
def test_bessel(name):
    """SciPy decides: PyTorch's own errors reach 3e-6 between 2 and 6."""
    x = np.concatenate([np.linspace(-30, 30, 241), np.geomspace(1e-6, 60, 60), [0.0]])
    ours, exact = _find(rustorch.special, name)(rustorch.tensor(x)).numpy(), BESSEL[name](x)
    fine = np.isfinite(exact) & np.isfinite(ours)
    np.testing.assert_allclose(ours[fine], exact[fine], rtol=1e-11, atol=1e-12)
    edges = torch.tensor([0.0, -1.0, np.inf, -np.inf, np.nan])
    close(_find(rustorch.special, name)(to_rustorch(edges)), _find(torch.special, name)(edges), name, 1e-5)


@pytest.mark.parametrize("hermitian", [False, True])
def test_ldl(hermitian):
    a = X(2, 6, 6) + (1j * X(2, 6, 6) if hermitian else 0)
    a[1] *= 1 - torch.eye(6)  # a zero diagonal makes blocks
    expected = torch.linalg.ldl_factor_ex(a, hermitian=hermitian)
    found = rustorch.linalg.ldl_factor_ex(to_rustorch(a), hermitian=hermitian)
    for one, other in zip(found, expected):
        close(one, other, "ldl_factor_ex", 1e-9)
    b = X(2, 6, 2).to(a.dtype)
    x = rustorch.linalg.ldl_solve(found.LD, found.pivots, to_rustorch(b), hermitian=hermitian)
    close(x, torch.linalg.ldl_solve(*expected[:2], b, hermitian=hermitian), "ldl_solve", 1e-8)


def test_ldl_errors():
    fails("linalg.ldl_factor_ex", X(2, 3))
    fails("linalg.ldl_factor_ex", X(2))
    fails("linalg.ldl_solve", X(3, 3), torch.ones(2, dtype=torch.int32), X(3, 3))
    fails("linalg.ldl_solve", X(3, 3), torch.ones(3), X(3, 3))


def test_lowrank():
    a = to_rustorch(X(5, 2) @ X(2, 4))
    u, s, v = rustorch.svd_lowrank(a, 3)
    close(u @ rustorch.diag(s) @ v.mT, torch.tensor(a.numpy()), "svd_lowrank", 1e-7)
    centred = a - a.mean(0)
    u, s, v = rustorch.pca_lowrank(a, 2)
    close(u @ rustorch.diag(s) @ v.mT, torch.tensor(centred.numpy()), "pca_lowrank", 1e-7)
    fails("pca_lowrank", X(3, 3), 4)


def test_masked():
    x, mask = X(3, 4), torch.tensor([True, False, True, True])
    for name in ("sum", "mean", "amax", "argmin", "median", "var", "logsumexp"):
        same("masked." + name, x, 1, mask=mask, **({} if name == "median" else {"keepdim": True}))
    none = torch.zeros(3, 4, dtype=torch.bool)
    for name in ("sum", "prod", "amax", "mean"):
        same("masked." + name, x, 0, mask=none)
    same("masked.sum", torch.arange(4, dtype=torch.int32), mask=mask)
    fails("masked.mean", torch.arange(4), mask=mask)
    fails("masked.sum", x, (0, 0))
    fails("masked.sum", x, 0, mask=torch.ones(1, 3, 4, dtype=torch.bool))


def test_segments():
    x, lengths = P(6, 2), torch.tensor([2, 0, 4])
    for how in ("sum", "mean", "max", "min", "prod"):
        same("segment_reduce", x, how, lengths=lengths)
        same("segment_reduce", x, how, offsets=torch.tensor([0, 2, 2, 6]), initial=1.0)
    fails("segment_reduce", x, "sum")
    fails("segment_reduce", x, "sum", lengths=torch.tensor([1, 2]))
    fails("segment_reduce", x, "other", lengths=lengths)


def test_hash():
    for t in (X(3, 4), X(3).bool(), torch.arange(-3, 4), X(4).bfloat16()):
        same("hash_tensor", t)
    same("hash_tensor", X(3, 4), 1, keepdim=True)


def test_view_copies():
    x = rustorch.arange(6).reshape(2, 3)
    copy = rustorch.permute_copy(x, (1, 0))
    copy.zero_()
    assert x.sum() == 15 and copy.is_contiguous()
    outs = [rustorch.zeros(3, dtype=rustorch.int64) for _ in range(2)]
    assert rustorch.unbind_copy(x, out=outs) is None and outs[1].tolist() == [3, 4, 5]
    missing = [n for n in dir(torch) if n.endswith("_copy") and not hasattr(rustorch, n)]
    sparse = {"ccol", "col", "crow", "row", "indices", "values", "sparse", "nested", "test", "copy_from", "lazy"}
    assert not [n for n in missing if not any(part in n for part in sparse | {"fw_primal", "make_dual"})]


def test_norm_statistics_run():
    x, mean, var = X(4, 3, 2), torch.zeros(3, dtype=torch.float64), torch.ones(3, dtype=torch.float64)
    ours = to_rustorch(mean), to_rustorch(var)
    torch.native_batch_norm(x, None, None, mean, var, True, 0.1, 1e-5)
    rustorch.native_batch_norm(to_rustorch(x), None, None, *ours, True, 0.1, 1e-5)
    close(ours[0], mean, "running mean")
    close(ours[1], var, "running variance")


def test_aten_names():
    x = rustorch.arange(4.0)
    assert rustorch.ops.aten.slice.Tensor(x, 0, 1, 3).tolist() == [1, 2]
    assert rustorch.ops.aten.special_i0.default(x).shape == x.shape
    assert rustorch.ops.aten.add_.Tensor(x, 1) is x
    with pytest.raises(AttributeError):
        rustorch.ops.aten.no_such_op

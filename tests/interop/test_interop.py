"""NumPy, DLPack and JAX on both sides of a tensor."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

import rustorch
import rustorch.nn as nn


def test_numpy_round_trip_and_protocols():
    for dtype in (np.float32, np.float64, np.int64, np.int8, np.bool_, np.complex64, np.float16):
        a = np.ones((2, 3), dtype)
        t = rustorch.from_numpy(a)
        assert t.numpy().dtype == a.dtype and np.array_equal(t.numpy(), a) and np.array_equal(np.asarray(t), a)
    t, a = rustorch.ones(3), np.arange(3.0, dtype=np.float32)
    for out, want in ((np.add(t, a), a + 1), (t + a, a + 1), (np.sqrt(t), np.ones(3)), (np.float32(2) * t, [2, 2, 2])):
        assert isinstance(out, rustorch.Tensor) and np.array_equal(out.numpy(), want)
    assert np.array_equal(np.stack([t, t]), np.ones((2, 3))) and float(np.max(t)) == 1.0


def test_numpy_sides_do_not_see_each_other():
    a = np.zeros(4, np.float32)
    t = rustorch.from_numpy(a)
    later = t + 1
    a[:] = 5  # after the line that recorded `later`
    assert t.tolist() == [0.0] * 4 and later.tolist() == [1.0] * 4
    view = t.numpy()
    t.add_(1)
    assert view.tolist() == [0.0] * 4 and t.tolist() == [1.0] * 4
    with pytest.raises(ValueError, match="read-only"):
        view[0] = 1


def test_numpy_is_a_view_of_the_buffer():
    t = rustorch.arange(64.0)
    assert np.shares_memory(t.numpy(), t.numpy())


def test_dlpack():
    t = rustorch.arange(4.0)
    assert np.array_equal(np.from_dlpack(t), t.numpy())
    assert torch.from_dlpack(t).tolist() == t.tolist()
    assert rustorch.from_dlpack(torch.arange(3.0)).tolist() == [0.0, 1.0, 2.0]
    with pytest.raises(BufferError):
        rustorch.ones(2, requires_grad=True).__dlpack__()


def test_jax_arrays_are_shared():
    array = jnp.arange(5.0)
    t = rustorch.interop.from_jax(array)
    assert rustorch.interop.to_jax(t) is array
    t.mul_(2)
    assert array.tolist() == [0.0, 1.0, 2.0, 3.0, 4.0] and t.tolist() == [0.0, 2.0, 4.0, 6.0, 8.0]
    with pytest.raises(TypeError, match="Received"):
        rustorch.interop.from_jax([1.0])


def test_module_to_jax():
    rustorch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.LayerNorm(4), nn.Linear(4, 2)).eval()
    pure, params = rustorch.interop.to_jax(model)
    x = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    want = model(rustorch.from_numpy(x)).detach().numpy()
    np.testing.assert_allclose(pure(params, x), want, rtol=1e-5)
    np.testing.assert_allclose(jax.jit(pure)(params, x), want, rtol=1e-5)
    np.testing.assert_allclose(jax.vmap(pure, (None, 0))(params, x), want, rtol=1e-5)
    grads = jax.grad(lambda p: (pure(p, x) ** 2).sum())(params)
    (model(rustorch.from_numpy(x)) ** 2).sum().backward()
    for name, p in model.named_parameters():
        np.testing.assert_allclose(grads[name], p.grad.numpy(), rtol=1e-4, atol=1e-6)
    hessian = jax.jit(jax.hessian(lambda p, x: pure(p, x).sum(), 1))(params, jnp.asarray(x[0]))
    assert hessian.shape == (3, 3)
    assert model[0].weight.requires_grad and model(rustorch.from_numpy(x)).shape == (5, 2)
    with pytest.raises(KeyError, match="Received"):
        pure({"nonsense": 1}, x)


def test_save_and_load(tmp_path):
    path = tmp_path / "m.pth"
    model = nn.Linear(2, 2)
    rustorch.save(model.state_dict(), path)
    other = nn.Linear(2, 2)
    other.load_state_dict(rustorch.load(path))
    assert rustorch.equal(other.weight.detach(), model.weight.detach())
    before = path.read_bytes()
    with pytest.raises(Exception):
        rustorch.save({"bad": lambda: None}, path)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]

    class Attack:
        def __reduce__(self):
            return print, ("owned",)

    rustorch.save({"x": Attack()}, path)
    with pytest.raises(Exception, match="Weights only load failed"):
        rustorch.load(path)
    path.write_bytes(b"nonsense")
    with pytest.raises(RuntimeError, match="not written by rustorch"):
        rustorch.load(path)

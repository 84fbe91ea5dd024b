"""``autocast``: state, nesting, values, gradients and messages beside PyTorch."""

import threading
import warnings

import numpy as np
import pytest
import torch

import rustorch
from rustorch.utils.checkpoint import checkpoint

BOTH = (torch, rustorch)
RNG = np.random.default_rng(0)
X, W = RNG.standard_normal((4, 6)).astype(np.float32), RNG.standard_normal((6, 5)).astype(np.float32)


def both(f):
    """What ``f`` gives with each library."""
    return [f(lib) for lib in BOTH]


def same(f):
    theirs, ours = both(f)
    assert str(theirs) == str(ours)
    return ours


def fails_alike(f, strip=""):
    said = []
    for lib in BOTH:
        with pytest.raises(Exception) as e:
            f(lib)
        said.append((next(t for t in type(e.value).__mro__ if t.__module__ == "builtins"), str(e.value)))
    assert said[0] == said[1]


def test_regions_nest():
    def program(lib):
        a, seen = lib.ones(2, 2), []

        def note():
            seen.append((str((a @ a).dtype), lib.is_autocast_enabled("cpu"), str(lib.get_autocast_dtype("cpu"))))
            seen.append((lib.is_autocast_cache_enabled(), lib.is_autocast_enabled()))

        note()
        with lib.autocast("cpu"):
            note()
            with lib.autocast("cpu", enabled=False):
                note()
                with lib.autocast("cpu", lib.float16, cache_enabled=False):
                    note()
                note()
            with lib.amp.autocast("cpu", dtype=lib.float16):
                note()
            note()
        note()
        with pytest.raises(KeyError):
            with lib.autocast("cpu"):
                raise KeyError
        note()
        return seen

    same(program)


def test_a_decorator_and_a_thread():
    def program(lib):
        @lib.autocast("cpu", dtype=lib.bfloat16)
        def f(x):
            """Doc."""
            return x @ x

        seen = [str(f(lib.ones(2, 2)).dtype), f.__name__, f.__doc__]
        with lib.autocast("cpu"):
            t = threading.Thread(target=lambda: seen.append(lib.is_autocast_enabled("cpu")))
            t.start()
            t.join()
        return seen

    same(program)


def test_switches():
    def program(lib):
        seen = [lib.amp.is_autocast_available(d) for d in ("cpu", "cuda", "mps", "xpu", "meta")]
        seen += [str(lib.get_autocast_dtype(d)) for d in ("cpu", "cuda", "mps", "xla")]
        lib.set_autocast_enabled("cpu", True)
        lib.set_autocast_dtype("cpu", lib.float16)
        seen.append(str((lib.ones(2, 2) @ lib.ones(2, 2)).dtype))
        lib.set_autocast_enabled("cpu", False)
        lib.set_autocast_dtype("cpu", lib.bfloat16)
        seen += [lib.autocast_increment_nesting(), lib.autocast_decrement_nesting(), lib.clear_autocast_cache()]
        lib.set_autocast_cache_enabled(False)
        seen.append(lib.is_autocast_cache_enabled())
        lib.set_autocast_cache_enabled(True)
        with warnings.catch_warnings(action="ignore"):
            seen += [
                lib.is_autocast_cpu_enabled(),
                str(lib.get_autocast_cpu_dtype()),
                str(lib.get_autocast_gpu_dtype()),
            ]
        return seen

    same(program)


def test_what_is_eligible():
    def program(lib):
        x, seen = lib.tensor(X), []
        w = lib.tensor(W)
        with lib.autocast("cpu"):
            seen.append(lib.mm(x.double(), w.double()).dtype)
            seen.append(lib.mm(x.half(), w).dtype)
            seen.append(lib.mm(x, w, out=lib.empty(4, 5)).dtype)
            seen.append(lib.ones(4, 5).addmm_(x, w).dtype)
            seen.append((x @ w + x[:, :5]).dtype)
            seen.append(lib.cat([x, x.bfloat16()]).dtype)
            seen.append(lib.cat([x.bfloat16(), x.bfloat16()]).dtype)
            seen.append(lib.cat([x.double(), x]).dtype)
            seen.append(lib.stack([x, x.half()]).dtype)
            seen.append(lib.nn.functional.mse_loss(x.bfloat16(), x).dtype)
            seen.append(lib.view_as_complex(x.bfloat16().reshape(12, 2)).dtype)
            seen.append(lib.zeros(2, dtype=lib.int64).float().dtype)
        return seen

    same(program)


def test_messages():
    fails_alike(lambda lib: lib.autocast(3))
    fails_alike(lambda lib: lib.autocast("meta"))
    fails_alike(lambda lib: lib.autocast("cpu")(3))
    fails_alike(lambda lib: lib.set_autocast_enabled("cpu", 3))
    fails_alike(lambda lib: lib.set_autocast_dtype("cpu", 3))
    fails_alike(lambda lib: lib.amp.custom_fwd(None, device_type=3))
    with pytest.raises(RuntimeError, match="device type at start of device string: foo"):
        rustorch.autocast("foo")

    def mixed(lib):
        with lib.autocast("cpu"):
            lib.cat([lib.ones(2).half(), lib.ones(2).bfloat16()])

    with pytest.raises(RuntimeError, match="Unexpected floating ScalarType in at::autocast::prioritize"):
        mixed(rustorch)
    said = []
    for lib in BOTH:
        with pytest.warns(UserWarning) as found:
            assert not lib.autocast("cpu", lib.float32)._enabled
            assert not lib.autocast("cuda")._enabled
        said.append([str(w.message) for w in found])
        with pytest.warns(FutureWarning) as found, warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            lib.cpu.amp.autocast()
            lib.cuda.amp.autocast()
            lib.cuda.amp.GradScaler()
        said[-1] += [str(w.message) for w in found if w.category is FutureWarning]
    assert said[0] == said[1]


def test_unsafe_on_cuda(monkeypatch):
    monkeypatch.setitem(rustorch.lowering.autocast.SAME, "cpu", "cuda")
    with rustorch.autocast("cpu", rustorch.float16), pytest.raises(RuntimeError, match="are unsafe to autocast"):
        rustorch.nn.functional.binary_cross_entropy(rustorch.ones(2), rustorch.ones(2))


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_values_and_gradients(dtype):
    def program(lib):
        x, w = lib.tensor(X), lib.tensor(W, requires_grad=True)
        image = lib.tensor(np.linspace(-1, 1, 2 * 3 * 5 * 5).astype(np.float32).reshape(2, 3, 5, 5))
        kernel = lib.tensor(
            np.linspace(-1, 1, 4 * 3 * 2 * 2).astype(np.float32).reshape(4, 3, 2, 2), requires_grad=True
        )
        with lib.autocast("cpu", getattr(lib, dtype)):
            h = lib.relu(x @ w)
            q = h.reshape(1, 4, 5)
            h = h + lib.nn.functional.scaled_dot_product_attention(q, q, q)[0]
            conv = lib.nn.functional.conv2d(image, kernel).flatten(1)
            loss = lib.nn.functional.cross_entropy(h, lib.tensor([0, 1, 2, 3])) + conv.float().square().mean()
        loss.backward()
        return loss, h, w.grad, kernel.grad

    for a, b in zip(*both(program)):
        assert str(a.dtype) == str(b.dtype)
        np.testing.assert_allclose(a.detach().float().numpy(), b.detach().float().numpy(), rtol=3e-2, atol=3e-2)


MODELS = {
    "convolution and batch norm": (
        lambda nn: nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(16, 3)),
        (4, 3, 6, 6),
    ),
    "layer norm": (lambda nn: nn.Sequential(nn.Linear(8, 8), nn.LayerNorm(8), nn.GELU(), nn.RMSNorm(8)), (4, 8)),
    "transformer": (lambda nn: nn.TransformerEncoderLayer(8, 2, 16, 0.0, batch_first=True), (2, 5, 8)),
}  # fmt: skip


@pytest.mark.parametrize("kind", MODELS)
def test_modules(kind):
    make, shape = MODELS[kind]

    def program(lib):
        rng, model = np.random.default_rng(3), make(lib.nn)
        with lib.no_grad():
            for p in model.parameters():
                p.copy_(lib.tensor((0.2 * rng.normal(size=tuple(p.shape))).astype(np.float32)))
        with lib.autocast("cpu", lib.float16):
            out = model(lib.tensor(rng.normal(size=shape).astype(np.float32)))
        out.float().square().mean().backward()
        return [out, *[p.grad for p in model.parameters()]]

    for a, b in zip(*both(program)):
        assert str(a.dtype) == str(b.dtype)
        a, b = a.detach().float().numpy(), b.detach().float().numpy()
        np.testing.assert_allclose(a, b, rtol=0.05, atol=0.05 * np.abs(a).max() + 1e-3)


def test_functions_of_ones_own():
    def program(lib):
        class Product(lib.autograd.Function):
            @staticmethod
            @lib.amp.custom_fwd(device_type="cpu")
            def forward(ctx, a, b):
                ctx.save_for_backward(a, b)
                return a @ b

            @staticmethod
            @lib.amp.custom_bwd(device_type="cpu")
            def backward(ctx, g):
                a, b = ctx.saved_tensors
                seen.append((g @ b.t()).dtype)
                return g @ b.t(), a.t() @ g

        class Wide(lib.autograd.Function):
            @staticmethod
            @lib.amp.custom_fwd(device_type="cpu", cast_inputs=lib.float32)
            def forward(ctx, a, extra):
                seen.append((a.dtype, extra["b"].dtype, (a @ a.t()).dtype))
                return a * 2

            @staticmethod
            @lib.amp.custom_bwd(device_type="cpu")
            def backward(ctx, g):
                seen.append((g @ g.t()).dtype)
                return g * 2, None

        seen = []
        a, b = lib.tensor(X, requires_grad=True), lib.tensor(W, requires_grad=True)
        with lib.autocast("cpu"):
            out = Product.apply(a, b)
            wide = Wide.apply(out, {"b": lib.ones(2, dtype=lib.bfloat16)})
        wide.sum().backward()
        return [*seen, out.dtype, wide.dtype, a.grad.dtype]

    same(program)


@pytest.mark.parametrize("reentrant", [False, True])
def test_a_checkpoint_keeps_it(reentrant):
    w = rustorch.tensor(W, requires_grad=True)
    x = rustorch.tensor(X, requires_grad=True)
    found = []
    for f in (lambda g, t: g(t), lambda g, t: checkpoint(g, t, use_reentrant=reentrant)):
        w.grad = None
        with rustorch.autocast("cpu"):
            out = f(lambda t: (t @ w).tanh(), x)
        out.float().square().sum().backward()
        found.append(w.grad.numpy())
        assert out.dtype is rustorch.bfloat16
    np.testing.assert_array_equal(*found)


def test_recorded_calls_know_it():
    @rustorch.jit.trace
    def traced(x):
        return x @ x

    @rustorch.func.compiled
    def compiled(x):
        return x @ x

    x = rustorch.ones(2, 2)
    for f in (traced, compiled):
        for _ in range(2):
            assert f(x).dtype is rustorch.float32
            with rustorch.autocast("cpu"):
                assert f(x).dtype is rustorch.bfloat16
            with rustorch.autocast("cpu", rustorch.float16):
                assert f(x).dtype is rustorch.float16
    assert "3 recordings" in traced.explain()


def test_off_it_costs_nothing():
    """Nothing is asked of autocast while it is off."""
    local = rustorch.eager.state.local
    assert local.casting is None and not local.careful
    with rustorch.autocast("cpu"):
        assert local.careful and not local.watched
        with rustorch.autocast("cpu", enabled=False):
            assert local.casting is None and not local.careful
    assert local.autocast is None and not local.careful

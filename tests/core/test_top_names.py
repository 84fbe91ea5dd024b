"""Small names of ``torch`` itself: switches, versions, files, error types, ``cond`` and ``while_loop``."""

import numpy as np
import pytest
import torch

import rustorch

THEIRS = [t for t in torch.return_types.all_return_types if not t.__name__.endswith("_out")]


def test_return_types():
    theirs = {t.__name__.rpartition(".")[2]: t.__match_args__ for t in THEIRS}
    assert {t.__name__: t._fields for t in rustorch.return_types.all_return_types} == theirs
    x = rustorch.ones(2, 2)
    for name, out in (
        ("max", x.max(0)), ("median", x.median(0)), ("sort", x.sort()), ("linalg_qr", rustorch.linalg.qr(x)),
        ("linalg_slogdet", rustorch.linalg.slogdet(x)), ("slogdet", rustorch.slogdet(x)), ("aminmax", x.aminmax()),
        ("linalg_lu_factor_ex", rustorch.linalg.lu_factor_ex(x)), ("histogram", x.histogram(2)),
        ("linalg_svd", rustorch.linalg.svd(x)), ("linalg_eigh", rustorch.linalg.eigh(x)), ("frexp", x.frexp()),
    ):  # fmt: skip
        assert type(out) is getattr(rustorch.return_types, name), name
        assert repr(out).startswith(f"torch.return_types.{name}(")


VERSIONS = ["0.9", "0.9.0", "0.10", "1.0a1", "1.0.dev3", "1.0rc2", "1.0", "1.0+cpu", "1.0.post1", "1.0.1", "2.13.0"]


def test_versions_compare_as_pytorchs():
    assert rustorch.__version__ is rustorch.version.__version__ and isinstance(rustorch.__version__, str)
    assert rustorch.version.cuda is None and "".join(rustorch.__version__) == "0.1.0"
    ours, theirs = rustorch.torch_version.TorchVersion, torch.torch_version.TorchVersion
    for a in VERSIONS:
        for b in [v for v in VERSIONS if "+" not in v and "+" not in a]:
            for op in ("__lt__", "__le__", "__gt__", "__ge__", "__eq__"):
                assert getattr(ours(a), op)(b) == getattr(theirs(a), op)(b), (a, op, b)
    for b in ((1, 0), (1, 0, 1), (0, 10), [2]):
        assert (ours("1.0.1") > b) == (theirs("1.0.1") > tuple(b)) and (ours("1.0.1") == b) == (theirs("1.0.1") == b)
    assert ours("1.0") != "x" and {ours("1.0"): 1}["1.0"]


@pytest.fixture
def restored():
    yield
    for lib in (rustorch, torch):
        lib.use_deterministic_algorithms(False)
        lib.set_anomaly_enabled(False)
        lib.set_warn_always(False)


def test_switches(restored):
    for step in (
        lambda lib: (lib.get_deterministic_debug_mode(), lib.is_deterministic_algorithms_warn_only_enabled()),
        lambda lib: lib.set_deterministic_debug_mode("warn"),
        lambda lib: (lib.get_deterministic_debug_mode(), lib.is_deterministic_algorithms_warn_only_enabled()),
        lambda lib: lib.use_deterministic_algorithms(True),
        lambda lib: (lib.get_deterministic_debug_mode(), lib.is_deterministic_algorithms_warn_only_enabled()),
        lambda lib: lib.set_deterministic_debug_mode(1),
        lambda lib: lib.are_deterministic_algorithms_enabled(),
        lambda lib: lib.set_deterministic_debug_mode("default"),
        lambda lib: lib.are_deterministic_algorithms_enabled(),
        lambda lib: (lib.is_anomaly_enabled(), lib.is_anomaly_check_nan_enabled()),
        lambda lib: lib.set_anomaly_enabled(True, False),
        lambda lib: (lib.is_anomaly_enabled(), lib.is_anomaly_check_nan_enabled()),
        lambda lib: lib.set_anomaly_enabled(True),
        lambda lib: (lib.is_anomaly_enabled(), lib.is_anomaly_check_nan_enabled()),
        lambda lib: lib.set_anomaly_enabled(False),
        lambda lib: lib.is_warn_always_enabled(),
        lambda lib: lib.set_warn_always(True),
        lambda lib: lib.is_warn_always_enabled(),
        lambda lib: (lib.has_lapack, lib.has_spectral, repr(lib.channels_last), type(lib.channels_last).__name__),
        lambda lib: lib.get_device_module("cpu") is lib.cpu,
        lambda lib: lib.get_device_module(lib.device("cpu")) is lib.cpu,
    ):
        assert step(rustorch) == step(torch)
    assert rustorch.get_device_module("cuda:0") is rustorch.cuda and rustorch.get_device_module() is not None
    assert rustorch.set_flush_denormal(True) is False and rustorch.get_num_interop_threads() >= 1
    assert (
        isinstance(rustorch.preserve_format, rustorch.memory_format) and rustorch.memory_format is not rustorch.layout
    )


def test_anomaly_mode_finds_the_nan(restored):
    rustorch.set_anomaly_enabled(True)
    x = rustorch.zeros(1, requires_grad=True)
    with pytest.raises(RuntimeError, match="Function 'SqrtBackward0' returned nan values in its 0th output"):
        (x.sqrt() * 0).backward()


ERRORS = [
    lambda lib: lib.set_deterministic_debug_mode("x"),
    lambda lib: lib.set_deterministic_debug_mode(4),
    lambda lib: lib.set_deterministic_debug_mode(None),
    lambda lib: lib.set_num_interop_threads(0),
    lambda lib: lib.set_num_interop_threads("2"),
    lambda lib: lib.set_num_threads(0),
    lambda lib: lib.set_num_threads(1.0),
    lambda lib: lib.set_num_threads(True),
    lambda lib: lib.get_device_module("meta"),
    lambda lib: lib.get_device_module(3),
    lambda lib: lib.set_warn_always(1),
    lambda lib: lib.set_flush_denormal(1),
    lambda lib: lib.set_anomaly_enabled(1),
    lambda lib: lib.from_file("/nowhere/at/all", size=4),
    lambda lib: lib.from_file(__file__, size=10**6),
    lambda lib: lib.from_file(__file__, size=-1),
]


@pytest.mark.parametrize("call", ERRORS)
def test_errors(call):
    with pytest.raises(Exception) as theirs:
        call(torch)
    with pytest.raises(type(theirs.value)) as ours:
        call(rustorch)
    assert str(ours.value) == str(theirs.value)


def test_error_types():
    for name in ("OutOfMemoryError", "AcceleratorError", "linalg.LinAlgError"):
        ours, theirs = rustorch, torch
        for part in name.split("."):
            ours, theirs = getattr(ours, part), getattr(theirs, part)
        assert issubclass(ours, RuntimeError) and issubclass(theirs, RuntimeError)


def test_out_of_memory():
    x = rustorch.zeros(10**6)
    with pytest.raises(rustorch.OutOfMemoryError, match="allocating 400000000000000 bytes"):
        (x[:, None] + rustorch.zeros(10**8)).flip(0).numpy()
    assert (x + 1).sum().item() == 10**6


def test_from_file(tmp_path):
    path = str(tmp_path / "numbers")
    np.arange(6, dtype=np.float32).tofile(path)
    for kwargs in ({"size": 4}, {"size": 6, "shared": False}, {}, {"size": 3, "dtype": "int16"}):
        both = []
        for lib in (rustorch, torch):
            dtype = {"dtype": lib.int16} if "dtype" in kwargs else {}
            both.append(lib.from_file(path, **{**kwargs, **dtype}))
        assert str(both[0].dtype) == str(both[1].dtype)
        np.testing.assert_array_equal(both[0].numpy(), both[1].numpy())
    with pytest.raises(RuntimeError, match="shared=False"):
        rustorch.from_file(path, shared=True, size=2)


def test_other_names_are_the_same_objects():
    assert rustorch.GradScaler is rustorch.amp.GradScaler
    assert rustorch.wait(rustorch.fork(lambda x: x + 1, 2)) == 3
    assert rustorch.OutOfMemoryError is rustorch.errors.OutOfMemoryError


def test_cond():
    scale = rustorch.tensor(3.0, requires_grad=True)

    def f(x):
        return rustorch.cond(x.sum() > 0, lambda x: x * scale, lambda x: {"a": x}["a"] - scale, (x,))

    traced = rustorch.jit.trace(f, rustorch.ones(2))
    for call in (f, traced, rustorch.compile(f)):
        for x in (rustorch.ones(2), -rustorch.ones(2), rustorch.ones(2) * 2):
            want = x * 3 if x.sum() > 0 else x - 3
            scale.grad = None
            out = call(x)
            out.sum().backward()
            assert rustorch.equal(out.detach(), want)
            assert scale.grad.item() == (x.sum().item() if x.sum() > 0 else -2)
    assert rustorch.cond(True, lambda: 1, lambda: 2) == 1
    x = rustorch.ones(2)
    for pred, yes, operands, text in (
        (rustorch.ones(2) > 0, abs, (x,), "Expected pred to be bool or single-element tensor"),
        (3, abs, (x,), "Expected pred to be bool or single-element tensor, but got 3."),
        (True, 3, (x,), "Expect both branches to be callable."),
        (True, abs, x, "Expect operands to be a tuple of possibly nested dict/list/tuple that only consists of tensor"),
    ):
        with pytest.raises(RuntimeError, match=text):
            rustorch.cond(pred, yes, lambda x: x, operands)


def test_while_loop():
    out = rustorch.while_loop(lambda i, x: i < 4, lambda i, x: (i + 1, x * 2), (rustorch.tensor(0), rustorch.ones(2)))
    assert out[0].item() == 4 and out[1].tolist() == [16.0, 16.0]


def test_replace_all_batch_norm_modules():
    ends = []
    for lib in (rustorch, torch):
        nn = lib.nn
        net = nn.Sequential(
            nn.BatchNorm1d(3), nn.Sequential(nn.BatchNorm2d(2)), nn.InstanceNorm1d(3, track_running_stats=True)
        )
        assert lib.func.replace_all_batch_norm_modules_(net) is net
        ends.append([(n, tuple(b.shape)) for n, b in net.named_buffers()])
        assert not net[0].track_running_stats and net[0].running_mean is None
        assert net[0](lib.ones(2, 3)).shape == (2, 3)
    assert ends[0] == ends[1] and len(ends[0]) == 3

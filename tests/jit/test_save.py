"""``jit.save`` and ``jit.load``: equal outputs in a process without the model's source; damaged files are refused."""

import io
import json
import subprocess
import sys
import zipfile

import numpy as np
import pytest

import rustorch as torch
import rustorch.nn as nn
import rustorch.nn.functional as F


def net():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 3, 3, padding=1), nn.BatchNorm2d(3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(12, 2)
    ).eval()  # fmt: skip


def saved(module, *inputs, **options):
    file = io.BytesIO()
    options.setdefault("platforms", ("cpu",))
    torch.jit.save(torch.jit.trace(module, inputs), file, **options)
    return file.getvalue()


def loaded(data):
    return torch.jit.load(io.BytesIO(data))


SCRIPT = """
import sys
import numpy as np
import rustorch as torch
module = torch.jit.load(sys.argv[1])
np.save(sys.argv[3], module(torch.tensor(np.load(sys.argv[2]))).detach().numpy())
assert "conftest" not in sys.modules and "test_save" not in sys.modules
"""


def test_in_another_process_at_another_size(tmp_path):
    model, x = net(), np.random.default_rng(0).standard_normal((5, 1, 4, 4)).astype(np.float32)
    path, given, out = tmp_path / "model.pt", tmp_path / "x.npy", tmp_path / "y.npy"
    torch.jit.trace(model, torch.ones(2, 1, 4, 4)).save(path, dynamic_shapes=[{0: "batch"}])
    np.save(given, x)
    subprocess.run([sys.executable, "-c", SCRIPT, path, given, out], check=True, cwd=tmp_path)
    np.testing.assert_allclose(np.load(out), model(torch.tensor(x)).detach().numpy(), rtol=1e-5, atol=1e-6)


def test_programs_for_cuda_and_tpu_are_made_here():
    data = saved(net(), torch.ones(2, 1, 4, 4), platforms=("cpu", "cuda", "tpu"))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert {"program.cpu", "program.cuda", "program.tpu", "weights.safetensors", "manifest.json"} == set(
            archive.namelist()
        )
    for platform in ("cpu", "cuda", "tpu"):
        text = torch.interop.to_stablehlo(net(), torch.ones(2, 1, 4, 4), platform=platform)
        assert "stablehlo." in text


def test_weights_are_the_modules_and_can_be_trained():
    model = net()
    again = loaded(saved(model, torch.ones(2, 1, 4, 4)))
    assert dict(again.state_dict()).keys() == dict(model.state_dict()).keys()
    x = torch.ones(2, 1, 4, 4)
    for m in (model, again):
        m(x).square().sum().backward()
    want = {name: p.grad for name, p in model.named_parameters()}
    for name, p in again.named_parameters():
        np.testing.assert_allclose(p.grad.numpy(), want[name].numpy(), rtol=1e-5, atol=1e-6)
    optimizer = torch.optim.SGD(again.parameters(), lr=0.1)
    optimizer.step()
    model.load_state_dict(again.state_dict())
    np.testing.assert_allclose(again(x).detach().numpy(), model(x).detach().numpy(), rtol=1e-5, atol=1e-6)


def test_dropout_draws_anew_and_statistics_move():
    torch.manual_seed(0)
    model = nn.Sequential(nn.BatchNorm1d(3), nn.Dropout(0.5))
    again = loaded(saved(model, torch.ones(4, 3)))
    x = torch.tensor(np.random.default_rng(0).standard_normal((4, 3)).astype(np.float32))
    a, b = again(x).detach().numpy(), again(x).detach().numpy()
    assert not np.array_equal(a == 0, b == 0)
    with torch.no_grad():
        model.load_state_dict(again.state_dict())
        torch.manual_seed(3)
        want = model(x).numpy()
        torch.manual_seed(3)
        np.testing.assert_allclose(again(x).numpy(), want, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(
        dict(again.named_buffers())["0.running_mean"].numpy(), model[0].running_mean.numpy(), rtol=1e-5
    )


class Twice(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(7, 4)

    def forward(self, ids, scale=2.0, *, extra=None):
        x = self.embed(ids) * scale
        return {"x": x, "sizes": (x.sum(1), ids), "scale": scale, "extra": extra}


def test_nested_arguments_and_results():
    model, ids = Twice(), torch.tensor([[1, 2, 3]])
    file = io.BytesIO()
    torch.jit.save(torch.jit.trace(model, (ids, 3.0)), file, platforms=("cpu",))
    again = loaded(file.getvalue())
    got, want = again(ids, 3.0), model(ids, 3.0)
    assert got["scale"] == 3.0 and got["extra"] is None and got["sizes"][1] is ids
    np.testing.assert_allclose(got["x"].detach().numpy(), want["x"].detach().numpy())
    np.testing.assert_allclose(got["sizes"][0].detach().numpy(), want["sizes"][0].detach().numpy(), rtol=1e-6)
    for wrong in ((ids, 4.0), (ids,), (ids.float(), 3.0), (ids[:, :2], 3.0), (ids, 3.0, ids)):
        with pytest.raises((RuntimeError, TypeError)):
            again(*wrong)


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv = nn.Linear(8, 24)

    def forward(self, x):
        b, t, c = x.shape
        q, k, v = (z.view(b, t, 2, c // 2).transpose(1, 2) for z in self.qkv(x).split(c, 2))
        return F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(b, t, c)


def test_two_sizes_that_vary():
    model = Attention()
    again = loaded(saved(model, torch.ones(2, 3, 8), dynamic_shapes=[{0: "batch", 1: "time"}]))
    for shape in ((1, 4, 8), (5, 2, 8)):
        x = torch.tensor(np.random.default_rng(0).standard_normal(shape).astype(np.float32))
        np.testing.assert_allclose(again(x).detach().numpy(), model(x).detach().numpy(), rtol=1e-4, atol=1e-5)
    with pytest.raises(RuntimeError, match="argument 0"):
        again(torch.ones(2, 3, 9))


class Mean(nn.Module):
    def forward(self, x):
        return x.sum() / x.shape[0]


def test_a_size_as_a_number():
    again = loaded(saved(Mean(), torch.ones(4, 2), dynamic_shapes={0: {0: "batch"}}))
    assert again(torch.ones(7, 2)).item() == 2.0


def test_a_size_that_cannot_vary_is_refused():
    class Mean(nn.Module):
        def forward(self, x):
            return x.sum() / x.shape[0] ** 2

    with pytest.raises(RuntimeError, match="size"):
        saved(Mean(), torch.ones(4, 2), dynamic_shapes=[{0: "batch"}])


def test_what_cannot_be_saved():
    w = torch.ones(2, requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=0.1)

    def step():
        optimizer.zero_grad()
        w.sum().backward()
        optimizer.step()

    traced = torch.jit.trace(step)
    with pytest.raises(RuntimeError, match="nothing is recorded"):
        torch.jit.save(traced, io.BytesIO())
    for _ in range(3):
        traced()
    with pytest.raises(RuntimeError, match="optimizer"):
        torch.jit.save(traced, io.BytesIO())
    with pytest.raises(RuntimeError, match="jit.trace"):
        torch.jit.save(nn.Linear(2, 2), io.BytesIO())


# --- damaged and hostile files ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def whole():
    return saved(nn.Linear(3, 2), torch.ones(4, 3))


def rebuilt(data, change=None, drop=(), add=(), compress=False):
    """The archive with entries changed, dropped or added, and sums as they were."""
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(data)) as old,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED) as new,
    ):
        for name in old.namelist():
            if name not in drop:
                content = old.read(name)
                new.writestr(name, change(name, content) if change else content)
        for name, content in add:
            new.writestr(name, content)
    return out.getvalue()


def manifest(**changes):
    def change(name, content):
        if name != "manifest.json":
            return content
        head = json.loads(content)
        for key, value in changes.items():
            head[key] = value(head[key]) if callable(value) else value
        return json.dumps(head)

    return lambda data: rebuilt(data, change)


def flipped(name, at):
    def change(entry, content):
        if entry != name:
            return content
        content = bytearray(content)
        content[at] ^= 0x40
        return bytes(content)

    return lambda data: rebuilt(data, change)


def bomb(data):
    import hashlib

    evil = b"\x80\x05cos\nsystem\n(S'touch /tmp/owned'\ntR."

    def change(name, content):
        if name == "manifest.json":
            head = json.loads(content)
            head["entries"]["weights.safetensors"] = {"size": len(evil), "sha256": hashlib.sha256(evil).hexdigest()}
            return json.dumps(head)
        return evil if name == "weights.safetensors" else content

    return rebuilt(data, change)


def garbage_program(data):
    import hashlib

    evil = bytes(range(256)) * 8

    def change(name, content):
        if name == "manifest.json":
            head = json.loads(content)
            head["entries"]["program.cpu"] = {"size": len(evil), "sha256": hashlib.sha256(evil).hexdigest()}
            return json.dumps(head)
        return evil if name == "program.cpu" else content

    return rebuilt(data, change)


DAMAGE = {
    "empty": lambda d: b"",
    "not a zip": lambda d: b"hello" * 100,
    "a pickle": lambda d: b"\x80\x05cos\nsystem\n(S'true'\ntR.",
    "cut at a tenth": lambda d: d[: len(d) // 10],
    "cut in the middle": lambda d: d[: len(d) // 2],
    "last byte missing": lambda d: d[:-1],
    "first bytes missing": lambda d: d[100:],
    "weights flipped at the start": flipped("weights.safetensors", 9),
    "weights flipped at the end": flipped("weights.safetensors", -1),
    "program flipped": flipped("program.cpu", 500),
    "manifest not JSON": flipped("manifest.json", 0),
    "no manifest": lambda d: rebuilt(d, drop=["manifest.json"]),
    "no weights": lambda d: rebuilt(d, drop=["weights.safetensors"]),
    "no program": lambda d: rebuilt(d, drop=["program.cpu"]),
    "an entry more": lambda d: rebuilt(d, add=[("evil.py", b"print(1)")]),
    "a path out of it": lambda d: rebuilt(d, add=[("../../evil", b"x")]),
    "compressed": lambda d: rebuilt(d, compress=True),
    "another format": manifest(format="something"),
    "another version": manifest(version=99),
    "no format": lambda d: rebuilt(d, lambda n, c: b"{}" if n == "manifest.json" else c),
    "a list as manifest": lambda d: rebuilt(d, lambda n, c: b"[1, 2]" if n == "manifest.json" else c),
    "deeply nested manifest": lambda d: rebuilt(d, lambda n, c: b"[" * 100_000 if n == "manifest.json" else c),
    "entries of another kind": manifest(entries=3),
    "weights renamed": manifest(weights=lambda w: [{**x, "name": "x" + x["name"]} for x in w]),
    "a weight less": manifest(weights=lambda w: w[:1]),
    "weights in another order": manifest(weights=lambda w: w[::-1]),
    "other results": manifest(results=[{"output": 7}]),
    "a write to nothing": manifest(writes=[["nothing", 0]]),
    "a write past the outputs": manifest(writes=[["weight", 3]]),
    "inputs missing": manifest(inputs=[]),
    "arguments of another kind": manifest(arguments=["set", [], []]),
    "counters of another kind": manifest(counters="many"),
    "a pickle for weights": bomb,
    "garbage for a program": garbage_program,
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_damaged_files_are_refused(kind, whole):
    with pytest.raises(RuntimeError, match="jit.load"):
        loaded(DAMAGE[kind](whole))


def test_the_whole_file_loads(whole):
    assert loaded(whole)(torch.ones(4, 3)).shape == (4, 2)


def test_a_failed_save_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "m.pt"
    path.write_bytes(b"old")
    monkeypatch.setattr("os.replace", lambda *a: (_ for _ in ()).throw(OSError("disk")))
    with pytest.raises(OSError, match="disk"):
        torch.jit.trace(nn.Linear(3, 2), torch.ones(4, 3)).save(path, platforms=("cpu",))
    assert path.read_bytes() == b"old" and len(list(tmp_path.iterdir())) == 1

"""Large programs: quick code for the first start, optimised code afterwards; programs that are found by their name."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch as pytorch

import rustorch as torch
from rustorch.lowering import compile as compiler, counters, naming, persist, tiers
from rustorch.lowering.settings import QUICK, STREAMING, compiler_options


@pytest.fixture
def compiled(monkeypatch):
    """The options of each program that was compiled; every program counts as large, and none is on disk."""
    seen = []
    original = persist.Lowered.compiled

    def spy(self, options=None):
        seen.append(options)
        return original(self, options)

    monkeypatch.setattr(persist.Lowered, "compiled", spy)
    monkeypatch.setattr(tiers, "MIN_LINES", 1)
    monkeypatch.setattr(compiler, "compiler_options", compiler_options)
    monkeypatch.setattr(persist, "_chosen", [None])  # nothing that an earlier run of the tests left on disk
    compiler._cache.clear()
    return seen


def _x(compiled):
    """A tensor that is there already."""
    x = torch.linspace(0, 1, 100)
    x.tolist()
    compiled.clear()
    return x


def _chain(x, k: float = 1.5):
    """A program with enough operations to have a name."""
    for _ in range(50):
        x = (x * k).sin()
    return x.sum()


def test_the_second_start_is_optimised(compiled):
    x = _x(compiled)
    values = [_chain(x).item() for _ in range(4)]
    assert compiled == [QUICK, None]
    assert values == pytest.approx([values[0]] * 4, rel=1e-5) and values[1] == values[2] == values[3]


def test_so_is_that_of_a_traced_step(compiled):
    model = torch.nn.Linear(3, 3)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)

    @torch.jit.trace
    def step(x):
        optimizer.zero_grad()
        loss = model(x).pow(2).mean()
        loss.backward()
        optimizer.step()
        return loss

    before = counters()["compiled"]
    losses = [step(torch.ones(2, 3)).item() for _ in range(5)]
    assert losses == sorted(losses, reverse=True)
    assert counters()["compiled"] - before <= 3 and compiled[-1] is None


@pytest.mark.parametrize("what", ["small", "long", "loop", "options"])
def test_programs_that_are_optimised_at_once(compiled, monkeypatch, what):
    if what == "small":
        monkeypatch.setattr(tiers, "MIN_LINES", 10_000)
    if what == "long":
        monkeypatch.setattr(tiers, "MAX_WORK", 1000)
    x = _x(compiled)
    if what == "options":
        monkeypatch.setattr(compiler, "compiler_options", lambda where: {"xla_backend_optimization_level": 1})
    if what == "loop":
        x = torch.ones(30, 1, 4)
        model = torch.nn.LSTM(4, 4)
        compute = lambda: model(x)[0].sum().item()
    else:
        compute = lambda: _chain(x).item()
    compute(), compute()
    assert QUICK not in compiled


def test_a_named_program_is_neither_traced_nor_compiled(compiled, folder, monkeypatch):
    x = _x(compiled)
    cold = [_chain(x).item() for _ in range(3)]
    compiler._cache.clear()

    def refuse(*_):
        raise AssertionError("traced")

    monkeypatch.setattr(tiers, "Lowered", refuse)
    before = counters()["loaded"]
    assert [_chain(x).item() for _ in range(3)] == cold  # to the last bit, the quick code's too
    assert counters()["loaded"] - before == 2 and compiled == [QUICK, None]


def test_another_number_is_another_program(compiled, folder):
    x = _x(compiled)
    values = []
    for k in (1.5, 1.25, 1.0, 1.5):
        compiler._cache.clear()  # as if each were a process
        values.append(_chain(x, k).item())
    assert values[0] == values[3] and len(set(values)) == 3 and compiled == [QUICK] * 3


def _changed(content: bytes, **fields) -> bytes:
    """A note that says something else, in good order."""
    return persist._sealed(json.dumps({**json.loads(persist._opened(content)), **fields}).encode())


@pytest.mark.parametrize(
    "damage",
    [
        lambda b: b"",
        lambda b: b[:-5],
        lambda b: b.replace(b'"outputs": 1', b'"outputs": 7'),
        lambda b: persist._sealed(b"[]"),
        lambda b: persist._sealed(b"not JSON"),
        lambda b: _changed(b, first="../../etc/passwd"),
        lambda b: _changed(b, first="0" * 64 + ".xla"),
        lambda b: _changed(b, surplus=1),
        lambda b: _changed(b, first=None),
    ],
)
def test_a_note_that_cannot_be_used(compiled, folder, damage):
    x = _x(compiled)
    cold = _chain(x).item()
    compiler._cache.clear()
    notes = list(folder.glob("*.note"))
    assert notes
    for path in notes:
        path.write_bytes(damage(path.read_bytes()))
    assert _chain(x).item() == cold


def test_the_later_code_may_be_missing(compiled, folder):
    x = _x(compiled)
    first = _chain(x).item()
    compiler._cache.clear()  # as a process that ended before the second start
    assert _chain(x).item() == first
    second = _chain(x).item()
    assert compiled == [QUICK, None] and second == pytest.approx(first, rel=1e-5)
    later = [json.loads(persist._opened(path.read_bytes()))["later"] for path in folder.glob("*.note")]
    assert None not in later


PROGRAM = """
import rustorch as torch
from rustorch.lowering import counters, persist, tiers
persist.MIN_SECONDS, tiers.MIN_LINES = 0, 1
torch.manual_seed(0)
model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.LayerNorm(8), torch.nn.GELU(), torch.nn.Linear(8, 2))
optimizer = torch.optim.AdamW(model.parameters(), 0.01)

@torch.jit.trace
def step(x, y):
    optimizer.zero_grad()
    loss = torch.nn.functional.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
    return loss

for _ in range(4):
    print(step(torch.ones(3, 4), torch.tensor([0, 1, 1])).item().hex())
print(counters()["loaded"] > 1)
"""


def test_a_run_can_be_repeated_to_the_last_bit(tmp_path):
    env = {**os.environ, "RUSTORCH_CACHE_DIR": str(tmp_path / "programs")}
    outs = [subprocess.run([sys.executable, "-c", PROGRAM], env=env, capture_output=True, text=True) for _ in range(2)]
    assert not any(r.returncode for r in outs), outs
    (*cold, loaded), (*warm, loaded_then) = [r.stdout.split() for r in outs]
    assert cold == warm and len(cold) == 4 and loaded_then == "True"


def test_what_has_no_name():
    def of_the_user(x):
        return x

    names = naming._Names()
    for x in (of_the_user, lambda: 0, object(), {1: 2}, counters, len, type("Local", (), {})):
        if x is counters:
            assert names.of(x)
        else:
            with pytest.raises(naming.Nameless):
                names.of(x)
    assert names.of(0.0) != names.of(-0.0) != names.of(0) != names.of(False) != names.of("0")
    assert names.of((1, (2,))) != names.of(((1, 2),)) != names.of([1, 2])


def _library(x):
    return pytorch if isinstance(x, pytorch.Tensor) else torch


@pytest.mark.parametrize(
    ("make", "streams"),
    [
        (lambda x: x * x.abs(), True), (lambda x: x.sqrt(), True), (lambda x: x * 2.5, False), (lambda x: x.t() + x, False),
        (lambda x: x.sum(), False), (lambda x: x[:8, :8] * x[8:16, :8], False),
        (lambda x: _library(x).nn.functional.pad(x, (1, 1)), True),
    ],
)  # fmt: skip
def test_what_is_one_loop_over_large_arrays(make, streams, compiled, monkeypatch):
    monkeypatch.setattr(tiers, "MIN_LINES", 1000)
    array = np.random.default_rng(0).random((301, 301), np.float32)
    got = make(torch.from_numpy(array)).numpy()
    assert compiled[-1] == (STREAMING if streams else None)
    np.testing.assert_allclose(got, make(pytorch.from_numpy(array)).numpy(), rtol=1e-5)

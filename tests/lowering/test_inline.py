"""Programs with much memory run in the calling thread, as do small ones that somebody waits for; all others beside it."""

import os
import subprocess
import sys
import threading

import jax
import numpy as np
import pytest
from flax import nnx

import rustorch as torch
from rustorch.eager.recorder import value_of
from rustorch.eager.storage import flush
from rustorch.lowering import compile as compiler, counters, inline
from rustorch.lowering.heap import keep_freed_memory

pytestmark = pytest.mark.skipif(not keep_freed_memory(), reason="needs a malloc that can be told to keep memory")


@pytest.fixture(autouse=True)
def alone(monkeypatch):
    """Programs of other limits are forgotten, and other threads too."""
    monkeypatch.setattr(inline, "_last", [threading.get_ident(), -inline.PAUSE])
    compiler._cache.clear()
    yield
    compiler._cache.clear()


@pytest.fixture
def large(monkeypatch):
    """Programs count as large from 1 MiB on."""
    monkeypatch.setattr(inline, "LARGE", 1 << 20)


@pytest.fixture
def step():
    """A call that starts tens of milliseconds of work with 4 MiB of temporaries, and gives the array that will hold the result."""
    u, v = torch.ones(1024, 512), torch.ones(512, 1024)
    value_of(u @ v).block_until_ready()  # the arguments are there

    def start():
        out = u @ v @ u @ v @ u @ v @ u
        flush()
        return out._storage.node.value

    return start


def test_large_programs_are_done_when_the_call_returns(large, step):
    assert [step().is_ready() for _ in range(3)] == [True] * 3


def test_others_run_beside_python(step):
    step().block_until_ready()
    assert not step().is_ready()


def test_large_ones_from_disk(large, step, folder):
    expected = step()
    compiler._cache.clear()
    before = counters()["loaded"]
    found = step()
    assert found.is_ready() and counters()["loaded"] > before
    assert (found == expected).all()


def test_those_from_disk_are_looked_at_too(folder):
    """What was loaded is not complete when it is serialised again."""
    x = torch.ones(8)
    x.tolist()
    expected = (x * 3 + 1).sum().item()
    compiler._cache.clear()
    before = counters()["loaded"]
    assert [(x * 3 + 1).sum().item() for _ in range(4)] == [expected] * 4
    assert counters()["loaded"] == before + 1


BESIDE = """
import rustorch as torch
from rustorch.eager.recorder import value_of
from rustorch.lowering import compile, inline
x = torch.ones(8)
print([(x * 3).sum().item() for _ in range(4)], {p.here for f in compile._cache.values() for p in f.programs.values()})
print(inline.is_large(None, value_of(x).device))
"""


def test_nothing_is_loaded_again_beside_a_cache_of_jax(tmp_path):
    """Nor is what JAX took from its own cache. In a process of its own: JAX does not forget that it had one."""
    env = {**os.environ, "JAX_COMPILATION_CACHE_DIR": str(tmp_path)}
    run = subprocess.run([sys.executable, "-c", BESIDE], env=env, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    values, large = run.stdout.splitlines()
    assert values.startswith("[24.0, 24.0, 24.0, 24.0]") and "Loaded" not in values and large == "False"


def test_arguments_are_waited_for(step, monkeypatch):
    step().block_until_ready()
    monkeypatch.setattr(inline, "LARGE", 1 << 20)
    x = step()
    assert not x.is_ready()
    out = torch.from_dlpack(x) @ torch.ones(512, 1024) @ torch.ones(1024, 8)
    flush()
    assert out._storage.node.value.is_ready()


def test_who_looks_again_runs_it_himself():
    x = torch.ones(1024, 1024)
    for _ in range(2):  # with the ones, and without
        value_of(x @ x @ x @ x).block_until_ready()
    before = counters()["compiled"]
    assert [value_of(x @ x @ x @ x).is_ready() for _ in range(3)] == [True] * 3
    assert counters()["compiled"] == before


class Doubled(nnx.Module):
    """Calls Python from inside a program."""

    def __call__(self, x):
        return jax.pure_callback(lambda a: 2 * np.asarray(a), jax.ShapeDtypeStruct(x.shape, x.dtype), x)


def test_programs_that_call_python_still_do():
    double = torch.interop.from_flax(Doubled())
    with torch.no_grad():
        found = [double(torch.tensor([1.0, k])).tolist() for k in (1.0, 2.0, 3.0, 4.0)]
    assert found == [[2.0, 2.0 * k] for k in (1.0, 2.0, 3.0, 4.0)]


def test_threads_do_not_wait_for_each_other(large, step):
    step()
    thread = threading.Thread(target=lambda: torch.ones(3).add(1).tolist())
    thread.start()
    thread.join()
    assert not step().is_ready()
    x = torch.ones(1024, 1024)
    for _ in range(2):
        value_of(x @ x @ x).block_until_ready()
    assert not value_of(x @ x @ x).is_ready()


def test_other_threads_go_on(large, step):
    step()
    turns, stop, started = [0], threading.Event(), threading.Event()

    def work():
        while not stop.is_set():
            turns[0] += 1
            started.set()

    thread = threading.Thread(target=work)
    thread.start()
    started.wait()
    before = turns[0]
    step()
    during = turns[0] - before
    stop.set()
    thread.join()
    assert during > 10


FAULTS = """
import resource, statistics, rustorch as torch
from rustorch.eager.storage import flush
u, v, w = torch.ones(4096, 8), torch.ones(8, 4096), torch.ones(4096, 8)
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    out = u @ v @ w
    flush()
    out._storage.node.value.block_until_ready()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
print(statistics.median(faults() for _ in range(15)))
"""


def test_pages_are_faulted_in_once():
    """The step has 64 MiB of temporaries, which are 16,384 pages; now and then a small block takes the place of some."""
    run = subprocess.run([sys.executable, "-c", FAULTS], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert float(run.stdout) < 1000

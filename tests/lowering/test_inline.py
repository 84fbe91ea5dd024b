"""Programs with much memory run in the calling thread, where they find it again; all others beside it."""

import subprocess
import sys
import threading

import pytest

import rustorch as torch
from rustorch.eager.recorder import value_of
from rustorch.lowering import compile as compiler, counters, inline
from rustorch.lowering.heap import keep_freed_memory

pytestmark = pytest.mark.skipif(not keep_freed_memory(), reason="needs a malloc that can be told to keep memory")


@pytest.fixture(autouse=True)
def new_programs():
    """Programs of other limits are forgotten."""
    compiler._cache.clear()
    yield
    compiler._cache.clear()


def _wide(n: int = 1024, k: int = 512):
    """A result in some tens of milliseconds, with 4 MiB of temporaries."""
    u, v = torch.ones(n, k), torch.ones(k, n)
    value_of(u @ v).block_until_ready()  # the arguments are there
    return lambda: value_of(u @ v @ u @ v @ u @ v @ u)


def test_large_programs_are_done_when_the_call_returns(monkeypatch):
    monkeypatch.setattr(inline, "LARGE", 1 << 20)
    f = _wide()
    assert [f().is_ready() for _ in range(3)] == [True] * 3


def test_small_programs_run_beside_python():
    f = _wide()
    f().block_until_ready()
    assert not f().is_ready()


def test_those_from_disk_too(folder, monkeypatch):
    monkeypatch.setattr(inline, "LARGE", 1 << 20)
    f = _wide()
    expected = f()
    compiler._cache.clear()
    before = counters()["loaded"]
    found = f()
    assert found.is_ready() and counters()["loaded"] > before
    assert (found == expected).all()


def test_arguments_are_waited_for(monkeypatch):
    """Behind a program that is still running too."""
    slow = _wide()
    slow().block_until_ready()
    monkeypatch.setattr(inline, "LARGE", 1 << 20)
    x = slow()
    assert not x.is_ready()
    y = value_of(torch.from_dlpack(x) @ torch.ones(512, 1024) @ torch.ones(1024, 8))
    assert y.is_ready()


def test_other_threads_go_on(monkeypatch):
    monkeypatch.setattr(inline, "LARGE", 1 << 20)
    f = _wide()
    f()
    turns, stop, started = [0], threading.Event(), threading.Event()

    def work():
        while not stop.is_set():
            turns[0] += 1
            started.set()

    thread = threading.Thread(target=work)
    thread.start()
    started.wait()
    before = turns[0]
    f()
    during = turns[0] - before
    stop.set()
    thread.join()
    assert during > 10


FAULTS = """
import resource, statistics, rustorch as torch
from rustorch.eager.recorder import value_of
u, v, w = torch.ones(4096, 8), torch.ones(8, 4096), torch.ones(4096, 8)
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    value_of(u @ v @ w).block_until_ready()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
print(statistics.median(faults() for _ in range(15)))
"""


def test_pages_are_faulted_in_once():
    """The step has 64 MiB of temporaries, which are 16,384 pages; now and then a small block takes the place of some."""
    run = subprocess.run([sys.executable, "-c", FAULTS], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert float(run.stdout) < 1000

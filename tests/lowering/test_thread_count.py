"""How many threads XLA has: what the program or the environment said before it started them."""

import os
import subprocess
import sys

import pytest

COUNT = """
from pathlib import Path
started = sum(p.read_text().startswith("tf_XLAEigen") for p in Path("/proc/self/task").glob("*/comm"))
"""
pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the threads are counted in /proc")


def _run(code: str, **env) -> list[str]:
    """What a fresh process prints, word by word."""
    clean = {k: v for k, v in os.environ.items() if k not in ("NPROC", "OMP_NUM_THREADS")}
    run = subprocess.run([sys.executable, "-c", code], env=clean | env, capture_output=True, text=True)
    assert not run.returncode, run.stderr
    return run.stdout.split()


USE = f"""
import os
import rustorch as torch
said = torch.get_num_threads()
torch.ones(3).sum().item()
{COUNT}
print(said, started, torch.get_num_threads(), os.environ.get("NPROC"))
"""


@pytest.mark.parametrize(
    "env, expected",
    [
        ({}, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0),
        ({"OMP_NUM_THREADS": "3"}, 3),
        ({"OMP_NUM_THREADS": "4,2"}, 4),
        ({"OMP_NUM_THREADS": "many", "NPROC": "5"}, 5),
    ],
)
def test_the_environment_says(env, expected):
    assert _run(USE, **env) == [str(expected)] * 3 + [env.get("NPROC", "None")]


def test_the_program_says():
    code = f"""
import warnings
import rustorch as torch
torch.set_num_threads(3)
assert torch.get_num_threads() == 3
assert torch.ones(400, 400).mm(torch.ones(400, 400)).sum().item() == 400**3
{COUNT}
with warnings.catch_warnings(record=True) as seen:
    warnings.simplefilter("always")
    torch.set_num_threads(3)
    assert not seen
    torch.set_num_threads(2)
print(started, torch.get_num_threads(), seen[0].message, seen[0].filename)
"""
    started, count, *message = _run(code, OMP_NUM_THREADS="2")
    assert started == count == "3"
    assert " ".join(message).startswith("set_num_threads(2) has no effect: XLA has started its 3 threads.")
    assert message[-1] == "<string>"


def test_jax_came_first():
    code = """
import warnings
import jax
jax.devices()
import rustorch as torch
with warnings.catch_warnings(record=True) as seen:
    torch.set_num_threads(7)
print(torch.get_num_threads(), len(seen))
"""
    assert _run(code, NPROC="2") == ["2", "1"]


def test_programs_for_another_number_are_not_loaded(tmp_path):
    code = """
import rustorch as torch
from rustorch.lowering import counters, persist
persist.MIN_SECONDS = 0
torch.ones(300, 300).tanh().sum().item()
print(counters()["loaded"] > 0)
"""
    found = [_run(code, OMP_NUM_THREADS=n, RUSTORCH_CACHE_DIR=str(tmp_path)) for n in ("2", "2", "1", "1", "2")]
    assert found == [["False"], ["True"], ["False"], ["True"], ["True"]]

"""The compiler's thread: what it raises, whom it may not wait for, and when there is none."""

import gc
import os
import subprocess
import sys
import threading

import pytest

import rustorch as torch
from rustorch.lowering.apart import apart
from rustorch.lowering.heap import keep_freed_memory


@pytest.mark.skipif(not keep_freed_memory(), reason="only where malloc has arenas")
def test_it_is_another_thread():
    assert apart(threading.get_ident) == apart(threading.get_ident) != threading.get_ident()


def test_errors_come_back():
    with pytest.raises(ZeroDivisionError):
        apart(lambda: 1 / 0)


def test_a_finalizer_that_computes_does_not_hang():
    """A collection while something is compiled would wait for whoever waits for the compiler."""

    class Cycle:
        def __init__(self):
            self.me, self.t = self, torch.ones(2)

        def __del__(self):
            (self.t + 1).tolist()

    for k in range(20):
        _ = [Cycle() for _ in range(50)]
        assert (torch.ones(k + 1) * 3).sum().item() == 3.0 * (k + 1)
    gc.collect()  # now, not in another test


AT_EXIT = """
import atexit, rustorch as torch
atexit.register(lambda: print((torch.ones(5) * 2).sum().item()))
torch.ones(3).tolist()
"""


def test_a_program_that_is_compiled_when_python_ends():
    run = subprocess.run([sys.executable, "-c", AT_EXIT], capture_output=True, text=True)
    assert run.stdout == "10.0\n", run.stderr


FORK = """
import os, warnings
warnings.simplefilter("ignore")
from rustorch.lowering.apart import apart
apart(int)
child = os.fork()
if child == 0:
    os._exit(apart(int, 7))
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_forked_child_has_a_thread_of_its_own():
    run = subprocess.run([sys.executable, "-c", FORK], capture_output=True, text=True, timeout=60)
    assert run.stdout == "7\n", run.stderr

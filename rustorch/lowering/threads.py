"""How many threads XLA's CPU programs share: one for each core, or what was asked for before XLA started them.

XLA takes the number from the environment when it makes its CPU client, once in a process. Fewer threads are not only for sharing
a machine: a thread that has slept is woken 20 µs later, in which a small program is done. The traced step of an MLP
784-128-10 takes 0.75 to 0.85 of its time on one thread, that of a GPT or a CNN 1.5 times as long.
"""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from pathlib import Path

_VARIABLE = "NPROC"  # what XLA asks
_THREAD = "tf_XLAEigen"  # as its threads are called
_asked: int | None = None
_started: int | None = None


def ask_for(number: int) -> bool:
    """Have XLA start with ``number`` threads; False if it has started with others."""
    global _asked
    if not _running():
        _asked = number
    return count() == number


def count() -> int:
    """The threads that XLA has, or will start with: what was asked for, else ``NPROC``, ``OMP_NUM_THREADS``, or the cores."""
    return _running() or _asked or _number(_VARIABLE) or _number("OMP_NUM_THREADS") or _cores()


@contextmanager
def starting():
    """Scope in which JAX makes its clients: with as many threads as ``count`` says."""
    global _started
    number, before = count(), os.environ.get(_VARIABLE)
    os.environ[_VARIABLE] = str(number)
    try:
        yield
    finally:
        _started = number
        if before is None:
            del os.environ[_VARIABLE]
        else:
            os.environ[_VARIABLE] = before


def _running() -> int:
    """The threads that XLA has started, for whoever it was; 0 if there are none."""
    found = 0
    for task in Path("/proc/self/task").glob("*/comm"):
        with suppress(OSError):  # it ended meanwhile
            found += task.read_text().startswith(_THREAD)
    return found or _started or 0  # some systems have no such list


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _number(variable: str) -> int:
    """A positive number in the environment; 0 for anything else."""
    text = os.environ.get(variable, "").split(",")[0].strip()
    return int(text) if text.isdecimal() else 0

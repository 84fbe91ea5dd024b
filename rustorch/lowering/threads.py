"""How many threads XLA's CPU programs share: one for each core, or what was asked for before XLA started them.

XLA takes the number from the environment when it makes a CPU client, its usual one once in a process. Fewer threads are not only
for sharing a machine: `short` has another client with one.
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
def starting(number: int | None = None):
    """Scope in which XLA starts a client with this many threads; without a number its usual one, with as many as ``count`` says."""
    global _started
    _started, before = count(), os.environ.get(_VARIABLE)
    os.environ[_VARIABLE] = str(number or _started)
    try:
        yield
    finally:
        if before is None:
            del os.environ[_VARIABLE]
        else:
            os.environ[_VARIABLE] = before


def _running() -> int:
    """The threads that XLA has started, for whoever it was; 0 if there are none."""
    if _started:
        return _started
    found = 0
    for task in Path("/proc/self/task").glob("*/comm"):
        with suppress(OSError):  # it ended meanwhile
            found += task.read_text().startswith(_THREAD)
    return found  # some systems have no such list


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _number(variable: str) -> int:
    """A positive number in the environment; 0 for anything else."""
    text = os.environ.get(variable, "").split(",")[0].strip()
    return int(text) if text.isdecimal() else 0

"""Counters, and ``explain()``: what was compiled, how often it ran, and why it was compiled anew."""

from __future__ import annotations

import os
import sys
import threading
from collections import Counter, deque

PACKAGE = os.path.dirname(os.path.dirname(__file__)) + os.sep  # as code says where it is: perhaps with ".." in it

_counts = {"recorded": 0, "dispatched": 0, "compiled": 0, "loaded": 0, "forced": 0}
_forced: Counter = Counter()
_compiles: deque = deque(maxlen=50)
lock = threading.Lock()


def counters() -> dict[str, int]:
    """Totals since import.

    ``recorded`` nodes that were run, ``dispatched`` programs started, ``compiled`` programs
    made ready, ``loaded`` those of them that were on disk already, ``forced`` values looked at before they were computed.

    Example:
        >>> import rustorch
        >>> before = rustorch.lowering.counters()["dispatched"]
        >>> float(rustorch.ones(3).sum())
        3.0
        >>> rustorch.lowering.counters()["dispatched"] - before
        1
    """
    return dict(_counts)


def count(name: str, by: int = 1) -> None:
    """Add to a counter."""
    _counts[name] += by


def user_line() -> str:
    """``file:line`` of the innermost frame outside this package."""
    frame = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(PACKAGE):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}" if frame else "?"


def forced() -> None:
    """Note that the user's line made a pending value necessary."""
    _counts["forced"] += 1
    if len(_forced) < 1000:
        _forced[user_line()] += 1


def compiled(program, reason: str) -> None:
    """Note a compilation and its reason."""
    _counts["compiled"] += 1
    _compiles.append((program, reason, user_line()))


def explain(last: int = 10) -> str:
    """Readable text: the last programs compiled, how often each ran, why, and who forced values.

    Example:
        >>> import rustorch
        >>> print(rustorch.lowering.explain())  # doctest: +SKIP
    """
    lines = [", ".join(f"{k} {v}" for k, v in _counts.items())]
    lines.append("programs, newest last (nodes, outputs, runs, seconds to compile; reason; line):")
    for program, reason, where in list(_compiles)[-last:]:
        lines.append(
            f"  #{program.number}: {program.size} nodes, {program.n_outputs} outputs, "
            f"{program.runs} runs, {program.seconds:.2f} s; {reason}; {where}"
        )
    lines.append("lines that forced a value:")
    for where, times in _forced.most_common(last):
        lines.append(f"  {times} x {where}")
    return "\n".join(lines)

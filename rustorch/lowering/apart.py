"""``apart``: run the compiler in a thread of its own, whose malloc arena then holds what it leaves behind.

A compiler frees its memory in thousands of pieces, and malloc looks through them whenever it needs a larger one: in the arena of the thread that
starts programs they make each start slower, the more the longer a process has run (a cross entropy and its value after a hundred
programs: 0.10 ms, or 0.30).
"""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor

from rustorch.lowering.placement import x64

_threads: list[ThreadPoolExecutor] = []


def apart(function, *args, **options):
    """What ``function`` returns, called in the compiler's thread, with 64-bit types."""
    if threading.current_thread().name.startswith("rustorch-compiler"):
        return function(*args, **options)
    if not _threads:
        _threads.append(ThreadPoolExecutor(1, "rustorch-compiler"))
    return _threads[0].submit(_with_x64, function, args, options).result()


def _with_x64(function, args, options):
    with x64():
        return function(*args, **options)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_threads.clear)  # a child has none of its parent's threads

"""``apart``: run the compiler in a thread of its own, whose malloc arena then holds what it leaves behind.

A compiler frees its memory in thousands of pieces, through which malloc looks whenever it needs a larger one. In the
arena of the thread that starts programs they would make every start slower.
"""

from __future__ import annotations

import gc
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from rustorch.lowering.heap import keep_freed_memory
from rustorch.lowering.placement import x64

_threads: list[ThreadPoolExecutor] = []


def apart(function, *args):
    """What ``function`` returns, called in the compiler's thread, with 64-bit types."""
    if not keep_freed_memory():
        return function(*args)
    if not _threads:
        _threads.append(ThreadPoolExecutor(1, "rustorch-compiler"))
    try:
        future = _threads[0].submit(_called, function, args)
    except RuntimeError:  # Python ends, and has no threads any more
        return function(*args)
    return future.result()


def _called(function, args):
    # A collection would run finalizers, which may wait for the thread that waits for this one.
    with x64(), uncollected():
        return function(*args)


@contextmanager
def uncollected():
    """Scope without garbage collections: tracing makes many objects that live, and each collection visits all."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_threads.clear)  # a child has none of its parent's threads

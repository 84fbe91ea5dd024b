"""Which thread runs a program: one of XLA's while Python goes on, or, if it needs much memory, the one that starts it.

XLA:CPU allocates a program's temporaries and outputs in the thread that runs it. glibc gives every thread an arena of
its own, and only the main thread's can grow past 64 MiB: a larger block of another thread is mapped, faulted in page
by page and unmapped at each start (135,000 page faults in a ResNet-18's step, which then takes 1.3 times as long). So
a program with such a block runs in the calling thread. Python waits for it instead of recording the next one, little
against what it takes to fill 56 MiB.

XLA does this on its own for programs that call Python, which might otherwise wait for themselves; a program that is
loaded with a callback counts as one, whether it has a use for it or not.
"""

from __future__ import annotations

import jax
from jax.experimental import serialize_executable

from rustorch.lowering.heap import keep_freed_memory

LARGE = 56 << 20  # bytes: what surely fits in the 64 MiB of an arena


def is_large(program, device) -> bool:
    """Does a compiled program allocate a block that only the main thread's arena has room for?"""
    if device.platform != "cpu" or not keep_freed_memory():
        return False
    memory = program.memory_analysis()
    if memory is None:
        return False
    blocks = memory.temp_size_in_bytes, memory.output_size_in_bytes - memory.alias_size_in_bytes
    return max(blocks) > LARGE


def load(payload: bytes, in_tree, out_tree, device, inline: bool):
    """A serialised program; with ``inline`` it runs in the thread that calls it, once its arguments are there."""
    client = _Inline(device.client) if inline else device.client
    program = serialize_executable.deserialize_and_load(payload, in_tree, out_tree, client, [device])
    if not inline:
        return program

    def run(*args):
        jax.block_until_ready(args)  # what has to wait, waits in one of XLA's threads, and runs there
        return program(*args)

    return run


class _Inline:
    """A client whose programs are loaded with a callback."""

    def __init__(self, client):
        self._client = client

    def __getattr__(self, name):
        return getattr(self._client, name)

    def __eq__(self, other):
        return self._client == other

    __hash__ = None

    def deserialize_executable(self, *args, **options):
        return self._client.deserialize_executable(*args, **options, host_callbacks=[_never_called])


def _never_called(*args):
    raise AssertionError("no program calls this")

"""Which thread runs a program: one of XLA's while Python goes on, or the one that starts it.

**Much memory.** XLA:CPU allocates a program's temporaries and outputs in the thread that runs it. glibc gives every
thread an arena of its own, and only the main thread's can grow past 64 MiB: a larger block of another thread is mapped,
faulted in page by page and unmapped at each start (135,000 page faults in a ResNet-18's step, which then takes 1.3
times as long). A program with such a block runs in the calling thread; to wait for it is little against what it takes
to fill 56 MiB.

**A look.** Whoever looks at a value waits for it anyway, and needs nobody else woken: a small operation and its value
take 0.04 ms, not 0.1.

Both hold for a thread that is alone. Where several start programs, none is to wait for another's to end.

XLA runs programs in the calling thread if they call Python, which might otherwise wait for itself; a program that is
loaded with a callback counts as one, whether it has a use for it or not.
"""

from __future__ import annotations

from contextlib import suppress
from threading import get_ident
from time import monotonic

import jax
from jax.experimental import serialize_executable

from rustorch.lowering.apart import apart
from rustorch.lowering.heap import keep_freed_memory

LARGE = 56 << 20  # bytes: what surely fits in the 64 MiB of an arena
QUICK = 1.0  # seconds, and ...
MOST = 1 << 18  # ... bytes of code, up to which loading a program again does not matter (20 ms)
PAUSE = 1.0  # seconds after which a thread is taken to be done
_last = [get_ident(), -PAUSE]  # the thread that asked last, and when it was another


def is_alone() -> bool:
    """Has no other thread asked lately?"""
    me, now = get_ident(), monotonic()
    if me != _last[0]:
        _last[:] = me, now
    return now - _last[1] >= PAUSE


def is_large(program, device) -> bool:
    """Does a compiled program allocate a block that only the main thread's arena has room for?"""
    if not keep_freed_memory() or not _can_serialize(device):
        return False
    memory = program.memory_analysis()
    if memory is None:
        return False
    blocks = memory.temp_size_in_bytes, memory.output_size_in_bytes - memory.alias_size_in_bytes
    return max(blocks) > LARGE


def for_a_look(program, device):
    """What starts a ``compile.Program`` for somebody who waits: from the second time on itself, in his thread."""
    if device.platform != "cpu" or not is_alone():
        return program.run
    if program.here is None and program.runs and isinstance(program.run, (Loaded, jax.stages.Compiled)):
        program.here = program.run
        with suppress(Exception):  # what cannot be serialised, as what calls Python
            if (source := _source(program, device)) and len(source[0]) <= MOST:
                program.here = _load(*source, _Inline(device.client))
    return program.here or program.run


def _source(program, device):
    """What a program can be loaded from; None where that takes too long."""
    if isinstance(program.run, Loaded):
        return program.run.source
    if program.seconds < QUICK and _can_serialize(device):
        return *apart(serialize_executable.serialize, program.run), device
    return None


def _can_serialize(device) -> bool:
    """Is what XLA compiles for a device complete when it is serialised? What JAX took from its own cache is not."""
    return device.platform == "cpu" and not jax.config.jax_compilation_cache_dir


class Loaded:
    """A program that was loaded, and from what: serialised once more, it would lack its functions."""

    __slots__ = ("run", "source")

    def __init__(self, *source):
        self.source = source
        self.run = _load(*source, source[-1].client)

    def __call__(self, *args):
        return self.run(*args)


class Large:
    """A loaded program that runs in the calling thread once its arguments are there, if that thread is alone."""

    __slots__ = ("here", "beside", "source")

    def __init__(self, *source):
        self.source = source
        self.here, self.beside = _load(*source, _Inline(source[-1].client)), None

    def __call__(self, *args):
        if is_alone():
            jax.block_until_ready(args)  # what has to wait, waits in one of XLA's threads, and runs there
            return self.here(*args)
        if self.beside is None:
            self.beside = _load(*self.source, self.source[-1].client)
        return self.beside(*args)


def _load(payload, in_tree, out_tree, device, client):
    return apart(serialize_executable.deserialize_and_load, payload, in_tree, out_tree, client, [device])


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

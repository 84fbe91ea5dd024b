"""Compiled programs on disk: what one process compiled, the next one loads.

On by default, in ``~/.cache/rustorch`` (or ``$XDG_CACHE_HOME/rustorch``). ``RUSTORCH_CACHE_DIR`` names another folder,
and the empty string turns it off. A program's name is a hash of its StableHLO, of the compiler and its options, and of
the processor, so nothing in the folder can be out of date: it may be shared, copied or deleted at any time.
"""

from __future__ import annotations

import gc
import hashlib
import os
import platform
import time
import zlib
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

import jax
import jaxlib
from jax.experimental import serialize_executable

from rustorch.files import write_whole
from rustorch.lowering import observe
from rustorch.lowering.blas import one_thread

MAX_BYTES = 1 << 30  # of the folder; what was used longest ago goes first
MIN_SECONDS = 0.3  # what compiles faster is not worth a file
_MAGIC = b"rustorch program 1\n"
_SUFFIX = ".xla"
_chosen: list = []  # the folder that set_cache_dir was given


def set_cache_dir(path) -> None:
    """Keep compiled programs in another folder; ``None`` keeps none.

    Example:
        >>> import rustorch, tempfile
        >>> rustorch.jit.set_cache_dir(tempfile.mkdtemp())
    """
    _chosen[:] = [None if path is None else Path(path).expanduser()]


def cache_dir() -> Path | None:
    """The folder of compiled programs, or ``None`` if they are not kept.

    Example:
        >>> import rustorch
        >>> rustorch.jit.set_cache_dir(None)
        >>> rustorch.jit.cache_dir() is None
        True
    """
    if _chosen:
        return _chosen[0]
    named = os.environ.get("RUSTORCH_CACHE_DIR")
    if named is not None:
        return Path(named).expanduser() if named else None
    if jax.config.jax_compilation_cache_dir:
        return None  # JAX's own cache does it
    base = os.environ.get("XDG_CACHE_HOME")
    with suppress(RuntimeError):  # no home
        return (Path(base) if base else Path.home() / ".cache") / "rustorch"
    return None


def ready(jitted, args, device, options=None):
    """``jitted`` compiled for ``args``: loaded if some process has compiled it before, else compiled and kept."""
    with uncollected():
        lowered = jitted.lower(*args)
        text = lowered.as_text()
        if "@lapack_" in text:
            one_thread()
        folder = cache_dir()
        if folder is None or "callback" in text:  # it would call back into a process that is gone
            return lowered.compile()
        # Arguments that a program does not use are not in its text, but an executable is for calls with them.
        path = _path_of(folder, f"{text}\n{lowered.in_avals} {lowered.in_tree} {lowered.out_tree}", device, options)
        program = _load(path, lowered, device)
        if program is not None:
            observe.count("loaded")
        else:
            started = time.perf_counter()
            program = lowered.compile()
            if time.perf_counter() - started >= MIN_SECONDS:
                _save(path, program)
        return program


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


def _path_of(folder: Path, text: str, device, options) -> Path:
    """Where a program is kept."""
    name = hashlib.sha256(repr((_toolchain(device), options)).encode())
    name.update(text.encode())
    return folder / (name.hexdigest() + _SUFFIX)


@cache
def _toolchain(device) -> tuple:
    """Everything beside the program that decides about the compiled code."""
    flags = [os.environ.get(name, "") for name in ("XLA_FLAGS", "LIBTPU_INIT_ARGS")]
    where = device.platform, device.device_kind, device.id, device.client.platform_version
    return (jax.__version__, jaxlib.__version__, *where, *flags, *_processor())


def _processor() -> tuple:
    """What tells processors apart that need other machine code, and how many threads XLA has."""
    lines = ()
    with suppress(OSError), open("/proc/cpuinfo") as f:
        lines = tuple(sorted({line.strip() for line in f if line.startswith(("flags", "Features", "model name"))}))
    threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return (platform.machine(), platform.processor(), platform.system(), threads, *lines)


def _load(path: Path, lowered, device):
    """The program in a file; ``None`` if there is none that can be used."""
    try:
        if not _is_ours(path.parent):
            return None
        content = path.read_bytes()
    except OSError:
        return None
    try:
        head = len(_MAGIC) + 32
        if not content.startswith(_MAGIC) or hashlib.sha256(content[head:]).digest() != content[len(_MAGIC) : head]:
            raise ValueError("damaged, or not written by rustorch")
        program = serialize_executable.deserialize_and_load(
            zlib.decompress(content[head:]), lowered.in_tree, lowered.out_tree, device.client, [device]
        )
    except Exception:  # whatever is wrong with it, compiling helps
        with suppress(OSError):
            path.unlink()
        return None
    with suppress(OSError):
        os.utime(path)  # it was used
    return program


def _save(path: Path, program) -> None:
    """Write a program, whole or not at all; that it could not be written is no error."""
    try:
        payload = zlib.compress(serialize_executable.serialize(program)[0], 1)
        content = _MAGIC + hashlib.sha256(payload).digest() + payload
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not _is_ours(path.parent) or len(content) > MAX_BYTES:
            return
        write_whole(path, content)
        _prune(path.parent)
    except Exception:  # a full disk, a program that cannot be serialised
        return


def _is_ours(folder: Path) -> bool:
    """Programs are machine code: they are only taken from a folder that nobody else can write to."""
    if not hasattr(os, "getuid"):
        return True
    found = folder.stat()
    return found.st_uid == os.getuid() and not found.st_mode & 0o022


def _prune(folder: Path) -> None:
    """Delete what was used longest ago until the folder is within its bound."""
    found = []
    for entry in os.scandir(folder):
        if entry.name.endswith(_SUFFIX):
            with suppress(OSError):
                found.append((entry.stat().st_mtime, entry.stat().st_size, entry.path))
    size = sum(n for _, n, _ in found)
    for _, n, path in sorted(found):
        if size <= MAX_BYTES:
            return
        with suppress(OSError):
            os.unlink(path)
        size -= n

"""Compiled programs on disk: what one process compiled, the next one loads.

On by default, in ``~/.cache/rustorch`` (or ``$XDG_CACHE_HOME/rustorch``). ``RUSTORCH_CACHE_DIR`` names another folder,
and the empty string turns it off. A program's name is a hash of its StableHLO, of the compiler and its options, and of
the processor, so nothing in the folder can be out of date: it may be shared, copied or deleted at any time. Beside the
programs lie notes, which tell from what a program was recorded where it is, so that it need not be lowered.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
import zlib
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import jax
import jaxlib
from jax.experimental import serialize_executable

from rustorch.files import write_whole
from rustorch.lowering import observe
from rustorch.lowering.apart import apart, uncollected
from rustorch.lowering.blas import one_thread
from rustorch.lowering.inline import Large, Loaded, is_large
from rustorch.lowering.processor import description
from rustorch.lowering.settings import cpu_options
from rustorch.lowering.short import threads_of

MAX_BYTES = 1 << 30  # of the folder; what was used longest ago goes first
MIN_SECONDS = 0.3  # what compiles faster is not worth a file
_MAGIC = b"rustorch program 2\n"
_SUFFIX, _NOTE = ".xla", ".note"
_FILE = re.compile("[0-9a-f]{64}" + re.escape(_SUFFIX))
_UNKNOWN = re.compile("No such compile option: '([^']+)'")
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


class Lowered:
    """A program that JAX has traced, and where its compiled forms are kept."""

    def __init__(self, jitted, args, device):
        with uncollected(), jax.default_device(device):  # perhaps none of the arguments is on a device
            self._lowered = jitted.lower(*args)
            self.text = self._lowered.as_text()
        self.device = device
        self.calls_lapack = "@lapack_" in self.text
        if self.calls_lapack:
            one_thread()

    def compiled(self, options=None):
        """The program for a device, and its file's name if it is kept: loaded if some process has compiled it before."""
        lowered, folder = self._lowered, cache_dir()
        if self.device.platform == "cpu":
            options = cpu_options(self.text, options)
        with uncollected():
            if "callback" in self.text:  # it would call back into a process that is gone
                return _compile(lowered, options), None
            path = None
            if folder is not None:
                # Arguments that a program does not use are not in its text, but an executable is for calls with them.
                calls = f"{lowered.in_avals} {lowered.in_tree} {lowered.out_tree}"
                path = _path_of(folder, f"{self.text}\n{calls}", self.device, options)
                program = _load(path, lowered.in_tree, lowered.out_tree, self.device)
                if program is not None:
                    return program, path.name
            started = time.perf_counter()
            program = _compile(lowered, options)
            kept = path is not None and time.perf_counter() - started >= MIN_SECONDS
            large = is_large(program, self.device)
            payload = _serialized(program) if kept or large else None
            if payload is None:
                return program, None
            kept = kept and _save(path, payload, large)
            if large:
                program = Large(payload, lowered.in_tree, lowered.out_tree, self.device)
            return program, path.name if kept else None


def _compile(lowered, options):
    """What XLA makes of a program; options that it knows no more, or not yet, are left out, for they change no result."""
    while True:
        try:
            return apart(lowered.compile, options)
        except jax.errors.JaxRuntimeError as error:
            named = _UNKNOWN.search(str(error))
            if named is None or named[1] not in (options or {}):
                raise
            options = {name: value for name, value in options.items() if name != named[1]}


def _serialized(program) -> bytes | None:
    """None for a program that cannot be serialised."""
    with suppress(Exception):
        return apart(serialize_executable.serialize, program)[0]


@dataclass
class Note:
    """What is known of a program that has a name (`lowering.naming`): the files of its code, so that it need not be traced."""

    first: str  # the code it starts with
    later: str | None  # the code of later starts, once some process came to them
    outputs: int
    calls_lapack: bool

    @staticmethod
    def of(name: str, device) -> Note | None:
        """The note that some process left about a program; None if there is none that can be read."""
        with suppress(Exception):  # whatever is wrong with it, tracing helps
            path = _note_path(name, device)
            if _is_ours(path.parent):
                self = Note(**json.loads(_opened(path.read_bytes())))
                if all(_FILE.fullmatch(file) for file in (self.first, self.later or self.first)):
                    return self
        return None

    def leave(self, name: str, device) -> None:
        """Write it for other processes."""
        with suppress(Exception):
            write_whole(_note_path(name, device), _sealed(json.dumps(asdict(self)).encode()))

    def load(self, file: str | None, args, device):
        """The code in one of its files; None if that cannot be used."""
        folder = cache_dir()
        if file is None or folder is None:
            return None
        if self.calls_lapack:
            one_thread()
        with uncollected():
            trees = jax.tree.structure((args, {})), jax.tree.structure([0] * self.outputs)
            return _load(folder / file, *trees, device)


def _note_path(name: str, device) -> Path:
    return cache_dir() / (hashlib.sha256(f"{name} {_toolchain(device)}".encode()).hexdigest() + _NOTE)


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
    return (jax.__version__, jaxlib.__version__, *where, *flags, threads_of(device), *description())


def _load(path: Path, in_tree, out_tree, device):
    """The program in a file; ``None`` if there is none that can be used."""
    try:
        if not _is_ours(path.parent):
            return None
        content = path.read_bytes()
    except OSError:
        return None
    try:
        content = zlib.decompress(_opened(content))
        program = (Large if content[0] else Loaded)(content[1:], in_tree, out_tree, device)
    except Exception:  # whatever is wrong with it, compiling helps
        with suppress(OSError):
            path.unlink()
        return None
    with suppress(OSError):
        os.utime(path)  # it was used
    observe.count("loaded")
    return program


def _save(path: Path, payload: bytes, large: bool) -> bool:
    """Write a serialised program, whole or not at all; that it could not be written is no error."""
    try:
        content = _sealed(zlib.compress(bytes([large]) + payload, 1))
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not _is_ours(path.parent) or len(content) > MAX_BYTES:
            return False
        write_whole(path, content)
        _prune(path.parent)
    except Exception:  # a full disk
        return False
    return True


def _sealed(payload: bytes) -> bytes:
    return _MAGIC + hashlib.sha256(payload).digest() + payload


def _opened(content: bytes) -> bytes:
    """What was sealed.

    Raises:
        ValueError: it was damaged since, or never sealed.
    """
    head = len(_MAGIC) + 32
    if not content.startswith(_MAGIC) or hashlib.sha256(content[head:]).digest() != content[len(_MAGIC) : head]:
        raise ValueError("damaged, or not written by rustorch")
    return content[head:]


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
        if entry.name.endswith((_SUFFIX, _NOTE)):
            with suppress(OSError):
                found.append((entry.stat().st_mtime, entry.stat().st_size, entry.path))
    size = sum(n for _, n, _ in found)
    for _, n, path in sorted(found):
        if size <= MAX_BYTES:
            return
        with suppress(OSError):
            os.unlink(path)
        size -= n

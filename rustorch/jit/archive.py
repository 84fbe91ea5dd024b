"""The file of ``jit.save``: a zip of StableHLO programs, weights as safetensors, and a manifest that names their sums.

Nothing in it is executed when it is read: no pickle, no Python. Whatever does not agree is refused.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from pathlib import Path

import numpy as np

from rustorch.errors import RustorchRuntimeError
from rustorch.files import write_whole

FORMAT, VERSION = "rustorch.jit", 1
_MANIFEST, _WEIGHTS = "manifest.json", "weights.safetensors"
_LIMIT = 64 << 30  # bytes of one entry


def need(module: str):
    """An optional package.

    Raises:
        ImportError: it is not installed; the message names the extra that brings it.
    """
    try:
        return __import__(module, fromlist=["_"])
    except ImportError:
        raise ImportError(
            f"jit.save and jit.load need {module.partition('.')[0]}. Install them with: pip install 'rustorch[save]'"
        ) from None


def write(f, manifest: dict, programs: dict[str, bytes], weights: dict[str, np.ndarray]) -> None:
    """Write an archive to a path (replaced only once it is whole) or a file object."""
    entries = {f"program.{platform}": data for platform, data in programs.items()}
    entries[_WEIGHTS] = need("safetensors.numpy").save({k: np.array(v, order="C") for k, v in weights.items()})
    sums = {name: {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()} for name, data in entries.items()}
    head = {"format": FORMAT, "version": VERSION, **manifest, "entries": sums}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(_MANIFEST, json.dumps(head, indent=1, sort_keys=True))
        for name, data in entries.items():
            archive.writestr(name, data)
    if hasattr(f, "write"):
        f.write(out.getvalue())
        return
    write_whole(f, out.getvalue())


def read(f) -> tuple[dict, dict[str, bytes], dict[str, np.ndarray]]:
    """The manifest, the programs by platform, and the weights by name.

    Raises:
        RuntimeError: not such a file, or a damaged one; the message says what is wrong.
    """
    try:
        data = f.read() if hasattr(f, "read") else Path(f).read_bytes()
    except IsADirectoryError:
        raise _bad("it is a directory") from None
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = archive.namelist()
            if len(set(names)) != len(names):
                raise _bad("two entries have one name")
            if _MANIFEST not in names:
                raise _bad("it has no manifest")
            head = _manifest(archive.read(_MANIFEST))
            sums = head["entries"]
            if set(names) != {_MANIFEST, *sums}:
                raise _bad("its entries are not those that the manifest lists")
            entries = {name: _entry(archive, name, facts) for name, facts in sums.items()}
    except (zipfile.BadZipFile, EOFError, NotImplementedError, OSError, ValueError, KeyError, RuntimeError) as error:
        if isinstance(error, RustorchRuntimeError):
            raise
        raise _bad(f"it is not a whole archive ({error})") from None
    if _WEIGHTS not in entries:
        raise _bad("it has no weights")
    try:
        weights = need("safetensors.numpy").load(entries.pop(_WEIGHTS))
    except ImportError:
        raise
    except Exception as error:
        raise _bad(f"its weights cannot be read ({error})") from None
    programs = {name.removeprefix("program."): data for name, data in entries.items()}
    return head, programs, weights


def _manifest(data: bytes) -> dict:
    try:
        head = json.loads(data)
    except (ValueError, RecursionError):
        raise _bad("its manifest is not JSON") from None
    if not isinstance(head, dict) or head.get("format") != FORMAT:
        raise _bad("it was not written by rustorch.jit.save")
    if head.get("version") != VERSION:
        raise _bad(f"its format has version {head.get('version')!r}, this is version {VERSION}")
    if not isinstance(head.get("entries"), dict):
        raise _bad("its manifest lists no entries")
    return head


def _entry(archive, name: str, facts) -> bytes:
    if not isinstance(facts, dict) or name != _WEIGHTS and not name.startswith("program."):
        raise _bad(f"the entry {name!r} is not one that belongs there")
    info = archive.getinfo(name)
    if info.compress_type != zipfile.ZIP_STORED or info.file_size != facts.get("size") or info.file_size > _LIMIT:
        raise _bad(f"the entry {name!r} has not the size that the manifest gives")
    data = archive.read(name)
    if hashlib.sha256(data).hexdigest() != facts.get("sha256"):
        raise _bad(f"the entry {name!r} is damaged: its sum is another than the manifest's")
    return data


def _bad(what: str) -> RustorchRuntimeError:
    return RustorchRuntimeError(
        f"jit.load: this is not a program saved by rustorch.jit.save, or it is damaged: {what}."
    )

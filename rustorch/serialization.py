"""``save`` and ``load``: objects with tensors in one file, written whole or not at all."""

from __future__ import annotations

import io
import pickle
from collections import OrderedDict
from pathlib import Path

from rustorch import dtypes
from rustorch.devices import Device
from rustorch.errors import RustorchRuntimeError
from rustorch.files import write_whole

_MAGIC = b"rustorch-1\n"
# What a file may construct when only weights are wanted.
_SAFE = {
    ("collections", "OrderedDict"), ("collections", "defaultdict"), ("builtins", "dict"), ("builtins", "set"), ("builtins", "complex"),
    ("rustorch.eager.methods.copies", "rebuild"), ("rustorch.eager.tensor", "Tensor"), ("rustorch.size", "Size"),
    ("rustorch.nn.parameter", "Parameter"), ("rustorch.nn.parameter", "Buffer"), ("rustorch.dtypes", "_by_name"), ("rustorch.devices", "Device"),
    ("numpy", "ndarray"), ("numpy", "dtype"), ("numpy._core.multiarray", "_reconstruct"), ("numpy._core.multiarray", "scalar"),
    ("numpy._core.numeric", "_frombuffer"), *[("ml_dtypes", name) for name in dtypes.BY_NAME if name.startswith(("bfloat", "float8"))],
}  # fmt: skip


def save(obj, f, pickle_module=pickle, pickle_protocol=5, **_unused) -> None:
    """Write ``obj`` (state dicts, tensors, modules, containers of them) to a path or file object.

    A path is replaced only once the new file is complete: a failed save leaves the old one.

    Example:
        >>> import rustorch, tempfile, os
        >>> path = os.path.join(tempfile.mkdtemp(), "w.pth")
        >>> rustorch.save({"w": rustorch.ones(2)}, path)
        >>> rustorch.load(path)["w"]
        tensor([1., 1.])
    """
    data = _MAGIC + pickle_module.dumps(obj, protocol=pickle_protocol)
    if hasattr(f, "write"):
        f.write(data)
        return
    write_whole(f, data)


class _WeightsOnly(pickle.Unpickler):
    def find_class(self, module, name):
        if (module, name) not in _SAFE:
            raise pickle.UnpicklingError(
                f"Weights only load failed. The file wants to construct {module}.{name}, which is not a tensor or a "
                "plain container. If you trust its source, load it with weights_only=False."
            )
        return super().find_class(module, name)


class _Anything(pickle.Unpickler):
    pass


def load(f, map_location=None, pickle_module=pickle, *, weights_only: bool = True, mmap=None, **_unused):
    """Read what ``save`` wrote.

    Args:
        f: path or file object.
        map_location: a device for all tensors.
        weights_only: construct tensors and plain containers only (default), nothing else.

    Raises:
        RuntimeError: not a file of ``save``. pickle.UnpicklingError: objects that ``weights_only`` refuses.
    """
    data = f.read() if hasattr(f, "read") else Path(f).read_bytes()
    if not data.startswith(_MAGIC):
        raise RustorchRuntimeError(f"The file was not written by rustorch.save, or is damaged. Received: {f}")
    reader = (_WeightsOnly if weights_only else _Anything)(io.BytesIO(data[len(_MAGIC) :]))
    try:
        out = reader.load()
    except (EOFError, IndexError, ValueError) as e:
        raise RustorchRuntimeError(f"The file is damaged: {e}. Received: {f}") from None
    return out if map_location is None else _moved(out, Device(map_location))


def _moved(obj, device):
    if hasattr(obj, "to") and hasattr(obj, "numel"):
        return obj.to(device)
    if isinstance(obj, dict):
        out = OrderedDict() if isinstance(obj, OrderedDict) else {}
        out.update({k: _moved(v, device) for k, v in obj.items()})
        return out
    if isinstance(obj, (list, tuple)):
        return type(obj)(_moved(x, device) for x in obj)
    return obj

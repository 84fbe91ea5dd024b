"""Tensors from Python data, NumPy and DLPack, and back."""

from __future__ import annotations

import os
import warnings

import jax
import numpy as np

from rustorch import dtypes
from rustorch.devices import Device, get_default_device
from rustorch.dtypes import DType
from rustorch.eager.nodes import apply_node
from rustorch.eager.recorder import from_array, from_host, value_of, wrap
from rustorch.eager.state import local
from rustorch.eager.storage import INFERENCE
from rustorch.eager.tensor import Tensor
from rustorch.eager.views import node_of, set_requires_grad, share
from rustorch.errors import DTypeError, RustorchRuntimeError, check
from rustorch.lowering.ops.cast import to_dtype
from rustorch.lowering.placement import canonical, put, x64
from rustorch.lowering.template import ARRAY


def _host_array(data, dtype: DType | None) -> np.ndarray:
    """Nested Python data as a NumPy array of the dtype that PyTorch would choose."""
    if isinstance(data, (list, tuple)) and _has_tensor(data):
        data = _untensored(data)
    try:
        array = np.asarray(data)
    except ValueError:
        raise ValueError(_ragged(data)) from None
    if array.dtype == object:
        array = _objects(data, array)
    if dtype is not None:
        wanted = dtype.numpy
        if array.dtype.kind in "iuf" and wanted.kind in "iu" and array.size and not isinstance(data, np.ndarray):
            info = np.iinfo(wanted)
            # Small negative integers wrap around; fractions are cut off, but not below zero.
            least = -info.max if wanted.kind == "u" and array.dtype.kind != "f" else info.min
            if not (array.min() >= least and array.max() <= info.max):
                raise RustorchRuntimeError(f"value cannot be converted to type {wanted.name} without overflow")
        if array.dtype.kind == "c" and wanted.kind != "c":
            raise RustorchRuntimeError("value cannot be converted to type float without overflow")
        return array.astype(wanted)
    if isinstance(data, (np.ndarray, np.generic)):
        dtypes.from_numpy(array.dtype)
        return array
    if array.size == 0 and not isinstance(data, np.ndarray):
        return array.astype(dtypes.get_default_dtype().numpy)
    kind = array.dtype.kind
    if kind == "f" and not _has_numpy(data):
        return array.astype(dtypes.get_default_dtype().numpy)
    if kind == "c" and not _has_numpy(data):
        return array.astype(dtypes.get_default_dtype().to_complex().numpy)
    if kind == "u" and not _has_numpy(data):
        raise RuntimeError("Overflow when unpacking long long")
    dtypes.from_numpy(array.dtype)
    return array


def _has_numpy(data) -> bool:
    while isinstance(data, (list, tuple)) and data:
        data = data[0]
    return (
        isinstance(data, (np.ndarray, np.generic))
        and not isinstance(data, (float, complex))
        or isinstance(data, np.float64)
    )


def _has_tensor(data) -> bool:
    return any(isinstance(x, Tensor) or isinstance(x, (list, tuple)) and _has_tensor(x) for x in data)


def _untensored(data):
    if isinstance(data, Tensor):
        return np.asarray(value_of(data)) if data.ndim else data.item()
    return [_untensored(x) for x in data] if isinstance(data, (list, tuple)) else data


def _ragged(data) -> str:
    def walk(x, depth):
        if not isinstance(x, (list, tuple)) or not x:
            return None
        lengths = [len(y) if isinstance(y, (list, tuple, np.ndarray)) else None for y in x]
        for i, n in enumerate(lengths):
            if n != lengths[0]:
                if n is None or lengths[0] is None:
                    return f"expected sequence of length {lengths[0]} at dim {depth + 1} (got {n if n is not None else 'a number'})"
                return f"expected sequence of length {lengths[0]} at dim {depth + 1} (got {n})"
            inner = walk(x[i], depth + 1)
            if inner:
                return inner
        return None

    return walk(data, 0) or "the nested sequences do not form a rectangular array"


def _objects(data, array) -> np.ndarray:
    flat = [x for x in array.reshape(-1)]
    if any(isinstance(x, int) and not isinstance(x, bool) for x in flat) and all(isinstance(x, int) for x in flat):
        raise RuntimeError("Overflow when unpacking long long")
    bad = next((x for x in flat if not isinstance(x, (bool, int, float, complex))), None)
    if isinstance(bad, (list, tuple)):
        raise ValueError(_ragged(data))
    if bad is None:
        return np.asarray([complex(x) if isinstance(x, complex) else float(x) for x in flat]).reshape(array.shape)
    if isinstance(bad, str):
        raise TypeError("new(): invalid data type 'str'")
    raise RuntimeError(f"Could not infer dtype of {type(bad).__name__}")


def tensor(data, *, dtype=None, device=None, requires_grad=False, pin_memory=False) -> Tensor:
    """A tensor with a copy of ``data``: numbers, nested sequences, NumPy arrays, tensors.

    Python floats take the default dtype, ints int64, bools bool.

    Raises:
        ValueError: nested sequences of unequal length. TypeError: data that is not numbers.
        RuntimeError: a floating point dtype is needed to require grad.

    Example:
        >>> import rustorch
        >>> rustorch.tensor([[1.0, 2.0], [3.0, 4.0]]).shape
        torch.Size([2, 2])
    """
    dtype = None if dtype is None else dtypes.as_dtype(dtype)
    if isinstance(data, Tensor):
        warnings.warn(
            "To copy construct from a tensor, it is recommended to use sourceTensor.detach().clone() or "
            "sourceTensor.detach().clone().requires_grad_(True), rather than torch.tensor(sourceTensor).",
            stacklevel=2,
        )
        out = share(data).clone()
        out = out.to(device or data.device, dtype or data.dtype)
    else:
        if isinstance(data, str):
            raise TypeError("new(): invalid data type 'str'")
        out = from_host(_host_array(data, dtype), None if device is None else Device(device))
    if requires_grad:
        if out.dtype.kind < dtypes.FLOATING:
            raise DTypeError("Only Tensors of floating point and complex dtype can require gradients")
        require_grad(out)
    return out


def require_grad(t: Tensor, flag: bool = True) -> Tensor:
    """Make ``t`` a leaf that requires grad.

    Raises:
        RuntimeError: an integer tensor, or turning it off on a tensor that has a history.
    """
    node = node_of(t)
    if flag and t._storage in INFERENCE and not local.inference:
        raise RustorchRuntimeError(
            "Setting requires_grad=True on inference tensor outside InferenceMode is not allowed."
        )
    if flag and node.aval.dtype.kind < dtypes.FLOATING:
        raise DTypeError("only Tensors of floating point and complex dtype can require gradients")
    if node.tape and not t._leaf:
        if not flag:
            raise RustorchRuntimeError(
                "you can only change requires_grad flags of leaf variables. If you want to use a computed variable "
                "in a subgraph that doesn't require differentiation use var_no_grad = var.detach()."
            )
        return t
    set_requires_grad(t, bool(flag))
    return t


def as_tensor(data, dtype=None, device=None) -> Tensor:
    """``data`` as a tensor; the tensor itself if nothing has to change."""
    if isinstance(data, Tensor):
        return data.to(device=device or data.device, dtype=dtype or data.dtype)
    return tensor(data, dtype=dtype, device=device)


def asarray(obj, *, dtype=None, device=None, copy=None, requires_grad=False) -> Tensor:
    """``obj`` as a tensor, with control over copying."""
    out = as_tensor(obj, dtype, device)
    if copy and out is obj:
        out = out.clone()
    return require_grad(out.detach()) if requires_grad else out


def from_numpy(array: np.ndarray) -> Tensor:
    """A tensor with a NumPy array's data.

    A read-only array is shared where the runtime can (64-byte aligned, on the CPU). A writable one
    is copied: the graph reads it later than this line, so a shared buffer that changes meanwhile
    would change recorded results.

    Raises:
        TypeError: not an array, or a dtype without counterpart.

    Example:
        >>> import numpy, rustorch
        >>> rustorch.from_numpy(numpy.arange(3))
        tensor([0, 1, 2])
    """
    if not isinstance(array, np.ndarray):
        raise TypeError(f"expected np.ndarray (got {type(array).__name__})")
    dtypes.from_numpy(array.dtype)
    return from_host(array, Device("cpu"))


def frombuffer(buffer, *, dtype, count=-1, offset=0, requires_grad=False) -> Tensor:
    """A 1-d tensor with a copy of a buffer's bytes."""
    out = from_host(np.frombuffer(buffer, dtype.numpy, count, offset).copy(), Device("cpu"))
    return require_grad(out) if requires_grad else out


def from_file(filename, shared=None, size=0, *, dtype=None, layout=None, device=None, pin_memory=False) -> Tensor:
    """A 1-d tensor with the first ``size`` elements of a file of raw numbers.

    Args:
        shared: True would write changes back into the file, which arrays of XLA cannot.
        dtype: of the numbers, by default the default dtype.

    Raises:
        RuntimeError: no such file, or a smaller one; ``shared=True``.

    Example:
        >>> import tempfile, rustorch as torch
        >>> with tempfile.NamedTemporaryFile() as file:
        ...     _ = file.write(bytes([1, 2, 3])), file.flush()
        ...     torch.from_file(file.name, size=2, dtype=torch.uint8)
        tensor([1, 2], dtype=torch.uint8)
    """
    check(not shared, "from_file(): a tensor that writes changes back into its file is not possible: use shared=False")
    kind = np.dtype((dtype or dtypes.get_default_dtype()).numpy)
    try:
        have = os.path.getsize(filename)
    except OSError as e:
        raise RustorchRuntimeError(
            f"unable to open file <{filename}> in read-only mode: {e.strerror} ({e.errno})"
        ) from None
    need = size * kind.itemsize
    check(need >= 0, f"unable to mmap {need} bytes from file <{filename}>: Cannot allocate memory (12)")
    check(need <= have, f"file <{filename}> size <{have}> is smaller than the required mapping size <{need}>")
    with open(filename, "rb") as file:
        array = np.frombuffer(file.read(need), kind)
    return from_host(array.copy(), canonical(Device(device or get_default_device())))


def numpy(self: Tensor, *, force: bool = False) -> np.ndarray:
    """The values as a NumPy array: a read-only view of a CPU tensor's buffer, else a copy.

    Read-only because nodes are immutable; ``.numpy().copy()`` gives an array to write to.

    Raises:
        RuntimeError: the tensor requires grad (``force=True`` detaches).
        TypeError: the tensor is not on the CPU (``force=True`` copies).
    """
    node = node_of(self)
    if not force:
        if node.tape:
            raise RustorchRuntimeError(
                "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead."
            )
        if node.aval.device.type != "cpu":
            raise TypeError(
                f"can't convert {node.aval.device} device type tensor to numpy. Use Tensor.cpu() to copy the tensor to host memory first."
            )
    value = value_of(self)
    mark_exported(self)
    array = np.asarray(value)
    if node.aval.strides is not None and array.ndim > 1:
        return array
    return array


def mark_exported(t: Tensor) -> None:
    """Somebody sees the buffer from now on, so no program may overwrite it."""
    node = node_of(t)
    node.exported = True
    while node.sig.op.kind == "alias" and node.inputs:
        node = node.inputs[0]
        node.exported = True
    t._storage.node.exported = True


def item(self: Tensor):
    """The value of a one-element tensor as a Python number.

    Raises:
        RuntimeError: more or fewer elements than one.
    """
    n = node_of(self).aval.numel
    if n != 1:
        raise RustorchRuntimeError(f"a Tensor with {n} elements cannot be converted to Scalar")
    return (
        np.asarray(value_of(self)).reshape(()).item()
        if self.dtype.itemsize > 1 or self.dtype.kind < 2
        else float(np.asarray(value_of(self)).reshape(()))
    )


def tolist(self: Tensor):
    """The values as nested Python lists, a number for a 0-dim tensor."""
    array = np.asarray(value_of(self))
    if array.dtype.kind not in "biufc":
        array = array.astype(np.float32)
    return array.tolist()


def to(self: Tensor, *args, **kwargs) -> Tensor:
    """The tensor with another dtype and/or device; itself if it has both already.

    Spellings: ``to(dtype)``, ``to(device, dtype)``, ``to(other)``, each with ``non_blocking`` and ``copy``.
    """
    device, dtype, copy = parse_to(args, kwargs)
    node = node_of(self)
    out = self
    if dtype is not None and dtype is not node.aval.dtype:
        out = wrap(apply_node(to_dtype, (ARRAY, dtype), (node,)))
    if device is not None and canonical(device) is not node.aval.device:
        out = transfer(out, canonical(device))
    return out.clone() if copy and out is self else out


def parse_to(args, kwargs):
    """``(device, dtype, copy)`` from the spellings of ``to``."""
    kwargs = dict(kwargs)
    device, dtype = kwargs.pop("device", None), kwargs.pop("dtype", None)
    copy = kwargs.pop("copy", False)
    kwargs.pop("non_blocking", None), kwargs.pop("memory_format", None)
    other = kwargs.pop("other", None)
    if kwargs:
        raise TypeError(f"to() received an invalid combination of arguments: unexpected {sorted(kwargs)}")
    rest = list(args)
    if other is not None:
        rest.insert(0, other)
    if rest and isinstance(rest[0], Tensor):
        other = rest.pop(0)
        device, dtype = other.device, other.dtype
    elif (
        rest
        and isinstance(rest[0], (str, Device))
        or rest
        and isinstance(rest[0], int)
        and not isinstance(rest[0], bool)
    ):
        device = rest.pop(0)
        if rest and (rest[0] is None or isinstance(rest[0], (DType, type))):
            dtype = rest.pop(0) or dtype
    elif rest and isinstance(rest[0], (DType, type)):
        dtype = rest.pop(0)
    elif rest and rest[0] is None:
        rest.pop(0)
        if rest and isinstance(rest[0], (DType, type)):
            dtype = rest.pop(0)
    if len(rest) > 1:
        copy = rest[1]
    return (None if device is None else Device(device)), (None if dtype is None else dtypes.as_dtype(dtype)), copy


def transfer(t: Tensor, device: Device) -> Tensor:
    """A copy on another device; gradients travel back."""
    node = node_of(t)
    if not node.tape:
        return from_array(put(value_of(t), device), device)
    return _transfer_recorded(t, device)


_transfer_recorded = None  # set by autograd, which can give the copy a gradient


def on_transfer(fn) -> None:
    """Let autograd supply the transfer of tensors that require grad."""
    global _transfer_recorded
    _transfer_recorded = fn


def from_dlpack(ext) -> Tensor:
    """A tensor over another library's buffer (DLPack), without a copy where the runtime can."""
    with x64():
        return from_array(jax.dlpack.from_dlpack(ext))


def to_dlpack(t: Tensor):
    """The tensor's buffer as a DLPack capsule."""
    return t.__dlpack__()

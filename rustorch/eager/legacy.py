"""Older ways to make tensors: ``Tensor(2, 3)``, ``FloatTensor([1, 2])``, and the documents' ``Tensor.from_vec``."""

from __future__ import annotations

from rustorch import dtypes
from rustorch.devices import Device
from rustorch.dtypes import DType
from rustorch.eager import creation
from rustorch.eager.convert import tensor
from rustorch.eager.storages import TypedStorage, UntypedStorage, flat_of
from rustorch.eager.tensor import Tensor
from rustorch.eager.viewops import METHODS
from rustorch.eager.views import node_of, share


def _construct(dtype: DType, device, args) -> Tensor:
    if len(args) == 1 and isinstance(args[0], (UntypedStorage, TypedStorage)):
        args = (flat_of(args[0], dtype),)
    if len(args) == 1 and isinstance(args[0], Tensor):
        have = args[0].dtype
        if have is not dtype:
            raise TypeError(f"expected a tensor of dtype {dtype}; use .to({dtype}) to convert. Received: {have}")
        return share(args[0])
    if len(args) == 1 and not isinstance(args[0], int) and type(args[0]).__name__ != "Size":
        return tensor(args[0], dtype=dtype, device=device)
    return creation.zeros(*(args or (0,)), dtype=dtype, device=device)


def _new(cls, *args, device=None, **kwargs):
    """``Tensor(2, 3)``: a tensor of this shape; ``Tensor([1, 2])``: of these values; in the default dtype."""
    if len(args) == 1 and isinstance(args[0], Tensor):
        return Tensor._make_subclass(cls, share(args[0]))
    return Tensor._make_subclass(cls, _construct(dtypes.get_default_dtype(), device, args))


Tensor.__new__ = _new


class _TensorType(type):
    """The type of ``FloatTensor``: tensors of one dtype and kind of device are its instances."""

    def __instancecheck__(cls, value):
        if not isinstance(value, Tensor):
            return False
        aval = node_of(value).aval
        return aval.dtype is cls.dtype and aval.device.type == cls.device_type

    def __call__(cls, *args, device=None):
        return _construct(cls.dtype, device or Device(cls.device_type), args)

    def __repr__(cls):
        return f"<class '{cls.__module__}.{cls.__name__}'>"


def types_of(device_type: str) -> dict[str, type]:
    """``FloatTensor``, ``LongTensor``, ... for one kind of device."""
    module = "torch.cuda" if device_type == "cuda" else "torch"
    legacy = [d for d in dtypes.ALL if not d.name.startswith(("float8", "uint16", "uint32", "uint64", "complex"))]
    return {
        f"{d.alias}Tensor": _TensorType(
            f"{d.alias}Tensor",
            (),
            {"dtype": d, "device_type": device_type, "__module__": module, "__doc__": f"Tensors of {d}."},
        )
        for d in legacy
    }


def from_vec(data, shape=None, *, dtype=None, device=None) -> Tensor:
    """A tensor of ``shape`` with the values of a flat sequence (the documents' constructor).

    Raises:
        RuntimeError: the number of values is not that of the shape.
    """
    flat = tensor(data, dtype=dtype, device=device)
    return flat if shape is None else flat.reshape(tuple(shape))


def from_scalar(value, *, dtype=None, device=None) -> Tensor:
    """A 0-dim tensor (the documents' constructor)."""
    return tensor(value, dtype=dtype, device=device)


Tensor.from_vec, Tensor.from_scalar = staticmethod(from_vec), staticmethod(from_scalar)
METHODS["is_on_gpu"] = lambda self: self.device.type == "cuda"
METHODS["to_cpu"] = lambda self: self.to("cpu")
METHODS["with_device"] = lambda self, device: self.to(device)

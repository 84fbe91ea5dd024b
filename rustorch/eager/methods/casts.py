"""Shorthands for dtypes and devices: ``x.float()``, ``x.cuda()``."""

from __future__ import annotations

from rustorch import dtypes
from rustorch.devices import Device
from rustorch.eager.methods.hang import method
from rustorch.eager.tensor import Tensor
from rustorch.errors import RustorchRuntimeError


def _caster(name, target):
    def cast(self, memory_format=None):
        return self.to(target)

    cast.__name__ = name
    cast.__doc__ = f"The tensor as {target}."
    return cast


for _name, _target in {
    "float": dtypes.float32, "double": dtypes.float64, "half": dtypes.float16, "bfloat16": dtypes.bfloat16,
    "long": dtypes.int64, "int": dtypes.int32, "short": dtypes.int16, "char": dtypes.int8, "byte": dtypes.uint8,
    "bool": dtypes.bool_, "cfloat": dtypes.complex64, "cdouble": dtypes.complex128,
}.items():  # fmt: skip
    setattr(Tensor, _name, _caster(_name, _target))


@method
def cpu(self, memory_format=None):
    """The tensor on the host."""
    return self.to(Device("cpu"))


@method
def cuda(self, device=None, non_blocking=False, memory_format=None):
    """The tensor on a GPU (the first by default)."""
    return self.to(Device("cuda") if device is None else Device(device))


def _absent(name: str, kind, message: str) -> None:
    def move(self, device=None, non_blocking=False, memory_format=None):
        raise kind(message)

    move.__name__, move.__doc__ = name, "PyTorch's error where there is no such device: there is none here."
    method(move)


_absent("xpu", AssertionError, "Torch not compiled with XPU enabled")
_absent("ipu", RustorchRuntimeError, "PyTorch is not linked with support for ipu devices")
_absent(
    "mtia",
    AssertionError,
    "Torch not compiled with MTIA enabled. Ensure you have `import mtia.host_runtime.torch_mtia.dynamic_library` in "
    "your python src file and include `//mtia/host_runtime/torch_mtia:torch_mtia` as your target dependency!",
)


@method
def type(self, dtype=None, non_blocking=False):
    """The type's name, or the tensor cast to another type."""
    if dtype is None:
        prefix = "torch.cuda." if self.device.type == "cuda" else "torch."
        return f"{prefix}{self.dtype.alias}Tensor"
    if isinstance(dtype, str):
        dtype = next(d for d in dtypes.ALL if f"torch.{d.alias}Tensor" == dtype)
    return self.to(dtype)


@method
def type_as(self, other):
    """The tensor with ``other``'s dtype and device."""
    return self.to(other)

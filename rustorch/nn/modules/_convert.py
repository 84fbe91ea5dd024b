"""Moving and casting a module's tensors while its parameters stay the same objects.

Optimizers and users hold references to parameters, so a conversion replaces a parameter's
``data``, never the parameter.
"""

from rustorch.autograd.modes import no_grad
from rustorch.devices import Device
from rustorch.dtypes import DType, bfloat16, float16, float32, float64
from rustorch.eager import ops as T
from rustorch.eager.tensor import Tensor


class ConvertMixin:
    """``to``, ``float``, ``cuda`` and the rest, all over ``_apply``."""

    def _apply(self, fn, recurse=True):
        """Replace the data of every parameter, gradient and buffer by ``fn`` of it."""
        if recurse:
            for module in self.children():
                module._apply(fn)
        for parameter in self._parameters.values():
            if parameter is None:
                continue
            with no_grad():
                parameter.data = fn(parameter.data)
                if parameter.grad is not None:
                    parameter.grad = _converted_grad(parameter.grad, fn)
        for name, buffer in self._buffers.items():
            if buffer is not None:
                self._buffers[name] = fn(buffer)
        return self

    def to(self, *args, **kwargs):
        """Move and/or cast: ``to(device)``, ``to(dtype)``, ``to(device, dtype)``, ``to(tensor)``.

        Only floating-point and complex tensors are cast; integer ones are only moved. Works in
        place and returns the module.
        """
        device, dtype, non_blocking = _parse_to(*args, **kwargs)
        if dtype is not None and not (dtype.is_floating_point or dtype.is_complex):
            raise TypeError(
                f"nn.Module.to only accepts floating point or complex dtypes, but got desired dtype={dtype}"
            )

        def convert(tensor):
            castable = tensor.is_floating_point() or tensor.is_complex()
            wanted = dtype if dtype is not None and castable else tensor.dtype
            if device is None:
                return tensor.to(wanted, non_blocking)
            return tensor.to(device, wanted, non_blocking)

        return self._apply(convert)

    def type(self, dst_type):
        """Cast all parameters and buffers, integer ones too."""
        return self._apply(lambda tensor: tensor.type(dst_type))

    def _cast_floating(self, dtype):
        return self._apply(lambda tensor: tensor.to(dtype) if tensor.is_floating_point() else tensor)

    def float(self):
        """Cast the floating-point tensors to float32."""
        return self._cast_floating(float32)

    def double(self):
        """Cast the floating-point tensors to float64."""
        return self._cast_floating(float64)

    def half(self):
        """Cast the floating-point tensors to float16."""
        return self._cast_floating(float16)

    def bfloat16(self):
        """Cast the floating-point tensors to bfloat16."""
        return self._cast_floating(bfloat16)

    def cpu(self):
        """Move everything to the CPU."""
        return self._apply(lambda tensor: tensor.cpu())

    def cuda(self, device=None):
        """Move everything to a GPU (default: the current one)."""
        return self._apply(lambda tensor: tensor.cuda(device))

    def xpu(self, device=None):
        """PyTorch's error where there is no such device: there is none here."""
        return self._apply(lambda tensor: tensor.xpu(device))

    def ipu(self, device=None):
        """PyTorch's error where there is no such device: there is none here."""
        return self._apply(lambda tensor: tensor.ipu(device))

    def mtia(self, device=None):
        """PyTorch's error where there is no such device: there is none here."""
        return self._apply(lambda tensor: tensor.mtia(device))

    def to_empty(self, *, device, recurse=True):
        """Move to ``device`` without copying values: the new tensors are uninitialised."""
        return self._apply(lambda tensor: T.empty_like(tensor, device=device), recurse=recurse)

    def share_memory(self):
        """Does nothing but return the module: arrays are shared between threads anyway."""
        return self


def _converted_grad(grad, fn):
    converted = fn(grad.detach())
    if converted is not grad:
        converted.requires_grad_(grad.requires_grad)
    return converted


def _parse_to(*args, device=None, dtype=None, tensor=None, non_blocking=False, memory_format=None):
    """The device, dtype and ``non_blocking`` flag out of ``to``'s overloads."""
    rest = list(args)
    if rest and isinstance(rest[0], Tensor):
        tensor = rest.pop(0)
    elif rest and isinstance(rest[0], DType):
        dtype = rest.pop(0)
    elif rest and (rest[0] is None or isinstance(rest[0], (str, int, Device))):
        device = rest.pop(0)
        if rest and (rest[0] is None or isinstance(rest[0], DType)):
            dtype = rest.pop(0)
    if rest and isinstance(rest[0], bool):
        non_blocking = rest.pop(0)
    if rest:
        raise TypeError(
            "to() received an invalid combination of arguments. Expected one of (device, dtype, "
            "non_blocking), (dtype, non_blocking) or (tensor, non_blocking). "
            f"Received: ({', '.join(type(arg).__name__ for arg in args)})."
        )
    if tensor is not None:
        device, dtype = tensor.device, tensor.dtype
    if device is not None and not isinstance(device, Device):
        device = Device(device)
    return device, dtype, non_blocking

"""Shapes and dtypes at the call line: ``jax.eval_shape`` of the lowering, cached."""

from __future__ import annotations

import sys
from contextlib import contextmanager

import jax
import numpy as np

from rustorch import dtypes
from rustorch.dtypes import FLOATING
from rustorch.errors import DeviceError, RustorchError, RustorchRuntimeError
from rustorch.graph import NO_TAPE, ON_TAPE, Aval, Sig, aval
from rustorch.lowering.emit import lower_sig
from rustorch.lowering.placement import x64
from rustorch.lowering.strides import dummy, elementwise_strides
from rustorch.lowering.template import fill

# (op, static arguments, number types, input avals) -> Sig; bounded, see `remember`.
SIGS: dict = {}
_LIMIT = 50_000


def struct(a: Aval) -> jax.ShapeDtypeStruct:
    """JAX's description of an abstract value."""
    return jax.ShapeDtypeStruct(tuple(a.shape), a.dtype.numpy)


def infer(key, op, template, inputs, numbers, device=None) -> Sig:
    """Make and cache the ``Sig`` for ``key``; raises what the op's body raises on bad shapes.

    ``inputs`` are avals, ``numbers`` the actual Python numbers (their values must not decide
    shapes, only their types may).
    """
    device = common_device(op, inputs) or device
    sig = Sig(op, template, inputs, tuple(type(n) for n in numbers), None, NO_TAPE)
    try:
        with x64(), _unheard():
            out = jax.eval_shape(lambda *arrays: lower_sig(sig, arrays, numbers), *map(struct, inputs))
    except (RustorchError, IndexError, NotImplementedError):
        raise
    except (TypeError, ValueError) as e:
        raise _translated(op, inputs, e) from None
    sig.aval = _avals(op, template, inputs, numbers, out, device)
    outs = sig.aval if type(sig.aval) is tuple else (sig.aval,)
    if op.differentiable and any(o.dtype.kind >= FLOATING for o in outs):
        sig.tape = ON_TAPE
    return remember(key, sig)


@contextmanager
def _unheard():
    """Scope in which a listener that has no use for it is not told of each of JAX's thousands of calls."""
    listener = sys.getprofile()
    if not getattr(listener, "rests_in_lowering", False):
        yield
        return
    sys.setprofile(None)
    try:
        yield
    finally:
        sys.setprofile(listener)


def remember(key, sig: Sig) -> Sig:
    """Cache a Sig; when too many shapes were seen, forget all (ids are never reused)."""
    if len(SIGS) > _LIMIT:
        SIGS.clear()
    return SIGS.setdefault(key, sig)


def _translated(op, inputs, error) -> RustorchRuntimeError:
    shapes = " and ".join(str(list(a.shape)) for a in inputs)
    kinds = " and ".join(a.dtype.name for a in inputs)
    text = str(error).split("\n")[0]
    return RustorchRuntimeError(f"{op.name}(): {text} Received: tensors of shape {shapes}, dtype {kinds}")


def common_device(op, inputs):
    """The device of all inputs; a 0-dim CPU tensor goes with anything.

    Raises:
        RuntimeError: tensors on two devices, with PyTorch's message.
    """
    device = None
    for a in inputs:
        if device is None or device is a.device:
            device = a.device
        elif a.ndim == 0 and a.device.type == "cpu":
            continue
        elif device.type == "cpu" and all(i.ndim == 0 for i in inputs if i.device is device):
            device = a.device
        else:
            raise DeviceError(
                "Expected all tensors to be on the same device, but found at least two devices, "
                f"{device} and {a.device}! (when checking arguments of {op.name}: "
                f"{', '.join(repr(i) for i in inputs)})"
            )
    return device


def _avals(op, template, inputs, numbers, out, device):
    if isinstance(out, (tuple, list)):
        return tuple(aval(o.shape, dtypes.from_numpy(o.dtype), device) for o in out)
    strides = None
    if op.strides is not None and any(a.strides is not None for a in inputs):
        strides = op.strides(out.shape, inputs, template)
    elif op.kind == "pointwise" and any(a.strides is not None for a in inputs):
        strides = elementwise_strides(out.shape, inputs)
    elif op.kind == "view":
        strides = view_strides(op, template, inputs[0], numbers)
    return aval(out.shape, dtypes.from_numpy(out.dtype), device, strides)


def view_strides(op, template, base: Aval, numbers):
    """PyTorch's strides of a view: NumPy applies the same body to a strided dummy."""
    args = fill(template, (dummy(base),), numbers)
    split = op.keyword_only
    out = op.body(np, *args[:split], **dict(zip(op.params[split:], args[split:])))
    if out is None:
        return None
    strides = list(out.strides)
    for d in reversed(range(out.ndim)):  # NumPy gives inserted dimensions stride 0
        if out.shape[d] == 1 and strides[d] == 0:
            strides[d] = strides[d + 1] * out.shape[d + 1] if d + 1 < out.ndim else 1
    return tuple(strides)

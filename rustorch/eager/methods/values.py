"""A tensor's value in Python: numbers, truth, iteration, printing."""

from __future__ import annotations

import numpy as np

from rustorch import dtypes
from rustorch.eager import convert, indexing, inplace, printing
from rustorch.eager.methods.hang import method
from rustorch.eager.recorder import value_of
from rustorch.eager.state import local
from rustorch.eager.tensor import Tensor
from rustorch.eager.views import node_of
from rustorch.errors import RustorchRuntimeError

Tensor.numpy = convert.numpy
Tensor.item = convert.item
Tensor.tolist = convert.tolist
Tensor.to = convert.to


@method
def get(self, index):
    """The element at ``index`` (a list of ints) as a Python number."""
    return indexing.getitem(self, tuple(index) if isinstance(index, (list, tuple)) else index).item()


@method
def set(self, index, value):
    """Write one element at ``index`` (a list of ints)."""
    indexing.setitem(self, tuple(index) if isinstance(index, (list, tuple)) else index, value)
    return self


@method
def __bool__(self):
    n = node_of(self).aval.numel
    if n == 0:
        raise RustorchRuntimeError("Boolean value of Tensor with no values is ambiguous")
    if n > 1:
        raise RustorchRuntimeError("Boolean value of Tensor with more than one value is ambiguous")
    truth = bool(np.asarray(value_of(self)).reshape(()))
    if local.recorder is not None:
        local.recorder.saw_truth(truth)
    return truth


@method
def __float__(self):
    return float(self.item())


@method
def __int__(self):
    return int(self.item())


@method
def __complex__(self):
    return complex(self.item())


@method
def __index__(self):
    if self.dtype.kind > dtypes.INTEGER or self.numel() != 1:
        raise TypeError("only integer tensors of a single element can be converted to an index")
    return int(self.item())


@method
def __format__(self, spec):
    return format(self.item(), spec) if self.ndim == 0 else object.__format__(self, spec) if spec else str(self)


@method
def __iter__(self):
    if self.ndim == 0:
        raise TypeError("iteration over a 0-d tensor")
    return iter([indexing.select(self, 0, i) for i in range(len(self))])


@method
def __contains__(self, element):
    if isinstance(element, (Tensor, bool, int, float, complex)):
        return bool((self == element).any())
    raise RustorchRuntimeError(
        f"Tensor.__contains__ only supports Tensor or scalar, but you passed in a {type(element)}."
    )


@method
def __hash__(self):
    return id(self)


@method
def __reversed__(self):
    return self.flip(0) if self.ndim else self


Tensor.__getitem__ = indexing.getitem
Tensor.__setitem__ = indexing.setitem
Tensor.copy_ = inplace.copy_


@method
def __repr__(self, *, tensor_contents=None):
    array = np.asarray(value_of(self))
    node = node_of(self)
    return printing.tensor_repr(
        array,
        dtype_name=node.aval.dtype.name,
        default_dtype_name=dtypes.get_default_dtype().name,
        device=None if node.aval.device.type == "cpu" else str(node.aval.device),
        requires_grad=bool(node.tape),
        grad_name=grad_name(node) if node.tape and not self._leaf else None,
    )


Tensor.__str__ = Tensor.__repr__


def grad_name(node) -> str:
    """PyTorch's name of the node as a ``grad_fn``."""
    if node.meta is not None and node.meta.name:
        return node.meta.name
    sig = node.sig
    while sig.op.kind == "alias" and node.inputs:
        node = node.inputs[-1]
        sig = node.sig
    if sig.op.kind == "select":
        sig = sig.extra
    name = sig.op.grad_name
    if isinstance(name, str):
        return name
    return name(sig.template) if name.__code__.co_argcount == 1 else name(sig.template, sig.inputs)

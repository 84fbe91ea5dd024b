"""NumPy's and DLPack's protocols."""

from __future__ import annotations

import numpy as np

from rustorch.eager import convert
from rustorch.eager.methods.hang import method
from rustorch.eager.recorder import from_host, value_of
from rustorch.eager.tensor import Tensor
from rustorch.eager.views import node_of


@method
def __array__(self, dtype=None, copy=None):
    array = convert.numpy(self)
    if dtype is not None:
        array = array.astype(dtype, copy=False)
    return array.copy() if copy else array


@method
def __array_wrap__(self, array, context=None, return_scalar=False):
    return from_host(np.asarray(array))


@method
def __array_ufunc__(self, ufunc, how, *inputs, **kwargs):
    """NumPy's functions on tensors compute with NumPy and give a tensor, as PyTorch does."""
    if "out" in kwargs:
        return NotImplemented
    arrays = [convert.numpy(x) if isinstance(x, Tensor) else x for x in inputs]
    out = getattr(ufunc, how)(*arrays, **kwargs)
    return tuple(from_host(np.asarray(o)) for o in out) if isinstance(out, tuple) else from_host(np.asarray(out))


@method
def __dlpack__(self, *, stream=None, **kwargs):
    if node_of(self).tape:
        raise BufferError("Can't export tensors that require gradient, use tensor.detach()")
    convert.mark_exported(self)
    return value_of(self).__dlpack__(stream=stream, **kwargs)


@method
def __dlpack_device__(self):
    return value_of(self).__dlpack_device__()

"""What a tensor is: shape, dtype, device, strides, storage."""

from __future__ import annotations

import numpy as np

from rustorch import layouts
from rustorch.eager.methods.hang import method, prop
from rustorch.eager.nodes import apply_node
from rustorch.eager.recorder import wrap
from rustorch.eager.storage import INFERENCE
from rustorch.eager.tensor import Tensor
from rustorch.eager.views import node_of, root_of
from rustorch.errors import RustorchRuntimeError
from rustorch.graph.aval import contiguous_strides
from rustorch.lowering.ops.cast import dense as DENSE
from rustorch.lowering.ops.view_type import conj
from rustorch.lowering.strides import dummy
from rustorch.lowering.template import ARRAY, fill


@prop
def shape(self):
    """Sizes of all dimensions."""
    return node_of(self).aval.shape


@prop
def dtype(self):
    """Element type."""
    return node_of(self).aval.dtype


@prop
def device(self):
    """Where the tensor lives."""
    return node_of(self).aval.device


@prop
def ndim(self):
    """Number of dimensions."""
    return node_of(self).aval.ndim


@prop
def itemsize(self):
    """Bytes per element."""
    return node_of(self).aval.dtype.itemsize


@prop
def nbytes(self):
    """Bytes of all elements."""
    return self.numel() * self.itemsize


@prop
def is_leaf(self):
    """True unless the tensor was computed from one that requires grad."""
    return self._leaf or not node_of(self).tape


@prop
def is_cuda(self):
    """True on a GPU."""
    return self.device.type == "cuda"


@prop
def is_cpu(self):
    """True on the host processor."""
    return self.device.type == "cpu"


@prop
def _version(self):
    if self._storage in INFERENCE:
        raise RustorchRuntimeError("Inference tensors do not track version counter.")
    return self._storage.writes


@prop
def _base(self):
    return root_of(self) if self._parent is not None else None


for _name in ("is_sparse", "is_quantized", "is_meta", "is_mkldnn", "is_nested", "is_xpu", "is_mps", "is_sparse_csr"):
    setattr(Tensor, _name, False)
Tensor.layout = layouts.strided
Tensor.names = property(lambda self: (None,) * self.ndim)


@method
def size(self, dim=None):
    """The shape, or one size of it."""
    shape = node_of(self).aval.shape
    if dim is None:
        return shape
    from_end = dim.__index__()
    if not -len(shape) <= from_end < len(shape):
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-max(len(shape), 1)}, {max(len(shape), 1) - 1}], but got {dim})"
        )
    return shape[from_end]


@method
def dim(self):
    """Number of dimensions."""
    return node_of(self).aval.ndim


@method
def numel(self):
    """Number of elements."""
    return node_of(self).aval.numel


@method
def is_empty(self):
    """True if there are no elements."""
    return node_of(self).aval.numel == 0


@method
def element_size(self):
    """Bytes per element."""
    return self.dtype.itemsize


@method
def is_floating_point(self):
    """True for real floating types."""
    return self.dtype.is_floating_point


@method
def is_complex(self):
    """True for complex types."""
    return self.dtype.is_complex


@method
def is_signed(self):
    """True if the type has negative values."""
    return self.dtype.is_signed


@method
def is_inference(self):
    """Was the tensor made under ``inference_mode``?"""
    return self._storage in INFERENCE


@method
def is_conj(self):
    """Is it the conjugate view of a complex tensor?"""
    found, t = False, self
    while t._parent is not None and t._parent.dtype.is_complex:
        found ^= t._view[0] is conj
        t = t._parent
    return found


@method
def is_neg(self):
    """Negation is always computed, never a flag."""
    return False


@method
def resolve_conj(self):
    """The tensor itself, or a copy of a conjugate view."""
    return self.clone() if is_conj(self) else self


@method
def resolve_neg(self):
    """The tensor itself: negation is always computed."""
    return self


@method
def is_pinned(self, device=None):
    """Host memory is never pinned by hand here."""
    return False


@method
def pin_memory(self, device=None):
    """The tensor itself: XLA manages transfer buffers."""
    return self


@method
def is_shared(self):
    """Buffers are not shared between processes."""
    return False


@method
def share_memory_(self):
    """The tensor itself; processes exchange tensors by copy."""
    return self


@method
def stride(self, dim=None):
    """PyTorch's strides, in elements (XLA itself stores every array densely)."""
    a = node_of(self).aval
    strides = a.strides if a.strides is not None else contiguous_strides(a.shape)
    return strides if dim is None else strides[dim]


@method
def is_contiguous(self, memory_format=None):
    """Would PyTorch's memory layout be dense and row-major?"""
    a = node_of(self).aval
    if str(memory_format).endswith("channels_last"):
        if a.ndim != 4 or a.strides is None:
            return a.ndim == 4 and a.shape[1] == 1
        n, c, h, w = a.shape
        return a.strides == (h * w * c, 1, w * c, c)
    return a.strides is None


@method
def contiguous(self, memory_format=None):
    """The tensor itself if it is contiguous, else a contiguous copy."""
    return self if node_of(self).aval.strides is None else dense_copy(self)


@method
def storage_offset(self):
    """Position of the first element in the storage, in elements."""
    chain, t = [], self
    while t._parent is not None:
        chain.append((t._view, node_of(t._parent).aval))
        t = t._parent
    offset = 0
    for (op, template, numbers), aval in reversed(chain):
        base = dummy(aval)
        args = fill(template, (base,), numbers)
        out = op.body(np, *args[: op.keyword_only], **dict(zip(op.params[op.keyword_only :], args[op.keyword_only :])))
        if op.name == "strided":
            offset = args[3] if len(args) > 3 else 0
            continue
        if out is not None:
            offset += out.__array_interface__["data"][0] - base.__array_interface__["data"][0]
        offset = 2 * offset if op.name in ("real_part", "view_as_real") else offset
    return offset


@method
def data_ptr(self):
    """A number that is equal for tensors that start at the same place of the same storage."""
    return id(self._storage) + self.storage_offset() * self.itemsize


@method
def const_data_ptr(self):
    """``data_ptr()``, for reading only."""
    return self.data_ptr()


@method
def get_device(self):
    """Index of the GPU, -1 on the CPU."""
    return -1 if self.device.type == "cpu" else self.device.index or 0


@method
def is_set_to(self, tensor):
    """Same storage, offset, sizes and strides?"""
    return self._storage is tensor._storage and self.shape == tensor.shape and self.stride() == tensor.stride()


@method
def __len__(self):
    shape = node_of(self).aval.shape
    if not shape:
        raise TypeError("len() of a 0-d tensor")
    return shape[0]


def dense_copy(t: Tensor) -> Tensor:
    """A contiguous copy."""
    return wrap(apply_node(DENSE, (ARRAY,), (node_of(t),)))

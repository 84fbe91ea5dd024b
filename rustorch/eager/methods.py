"""Methods and properties of ``Tensor`` that are about the handle, not about computing."""

from __future__ import annotations

import copy
from collections import OrderedDict
from weakref import ref

import numpy as np

from rustorch import dtypes
from rustorch.devices import Device
from rustorch.eager import convert, indexing, inplace, printing
from rustorch.eager.nodes import apply_node
from rustorch.eager.recorder import from_host, value_of, wrap
from rustorch.eager.tensor import Tensor
from rustorch.eager.views import node_of, root_of, set_requires_grad, share
from rustorch.errors import RustorchRuntimeError
from rustorch.graph.aval import contiguous_strides
from rustorch.graph.node import ensure_meta
from rustorch.lowering.infer import dummy
from rustorch.lowering.ops.cast import dense as DENSE
from rustorch.lowering.template import ARRAY, fill


def method(fn):
    """Hang a function on ``Tensor`` under its own name."""
    setattr(Tensor, fn.__name__, fn)
    return fn


def prop(fn):
    """Hang a read-only property on ``Tensor``."""
    setattr(Tensor, fn.__name__, property(fn))
    return fn


# ---------------------------------------------------------------- what it is


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
    return self._storage.writes


@prop
def _base(self):
    return root_of(self) if self._parent is not None else None


for _name in ("is_sparse", "is_quantized", "is_meta", "is_mkldnn", "is_nested", "is_xpu", "is_mps", "is_sparse_csr"):
    setattr(Tensor, _name, False)
Tensor.layout = "torch.strided"
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
    """Tensors made under ``inference_mode`` are ordinary here."""
    return False


@method
def is_conj(self):
    """Conjugation is always computed, never a flag."""
    return False


@method
def is_neg(self):
    """Negation is always computed, never a flag."""
    return False


@method
def resolve_conj(self):
    """The tensor itself: conjugation is always computed."""
    return self


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
def untyped_storage(self):
    """The storage object; aliases share it."""
    return self._storage


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


# ---------------------------------------------------------------- its value

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
    return bool(np.asarray(value_of(self)).reshape(()))


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
    raise RustorchRuntimeError(f"Tensor.__contains__ only supports Tensor or scalar, but you passed in a {type(element)}.")


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
    op = node.sig.op
    while op.kind in ("select", "alias") and node.inputs:
        node = node.inputs[-1]
        op = node.sig.op
    name = op.grad_name
    return name if isinstance(name, str) else name(node.sig.template)


# ---------------------------------------------------------------- NumPy and DLPack


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


# ---------------------------------------------------------------- copies


@method
def __deepcopy__(self, memo):
    if id(self) in memo:
        return memo[id(self)]
    if not self.is_leaf:
        raise RustorchRuntimeError(
            "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the moment.  "
            "If you were attempting to deepcopy a module, this may be because of a torch.nn.utils.weight_norm usage, "
            "see https://github.com/pytorch/pytorch/pull/103001"
        )
    fresh = share(self).clone()
    out = Tensor._make_subclass(type(self), fresh, self._leaf)
    out.__dict__.update({k: copy.deepcopy(v, memo) for k, v in self.__dict__.items() if k not in _PRIVATE})
    if self._grad is not None:
        out._grad = copy.deepcopy(self._grad, memo)
    memo[id(self)] = out
    return out


_PRIVATE = {"_storage", "_node", "_epoch", "_parent", "_view", "_leaf", "_grad", "_post_accumulate_hooks", "_backward_hooks"}


@method
def __reduce_ex__(self, protocol):
    array = np.asarray(value_of(self))
    extra = {k: v for k, v in self.__dict__.items() if k not in _PRIVATE}
    return rebuild, (type(self), array.copy(), self.dtype, str(self.device), self._leaf, extra)


def rebuild(cls, array, dtype, device, requires_grad, extra):
    """A tensor from its pickled parts."""
    out = Tensor._make_subclass(cls, from_host(array, Device(device)), requires_grad)
    out.__dict__.update(extra)
    return out


def _make_subclass(cls, data, requires_grad=False):
    """A tensor of class ``cls`` that shares ``data``'s storage."""
    out = share(data, cls)
    if requires_grad:
        convert.require_grad(out)
    return out


Tensor._make_subclass = staticmethod(_make_subclass)


@method
def as_subclass(self, cls):
    """An alias of this tensor as another class."""
    return share(self, cls)


# ---------------------------------------------------------------- autograd's handle


@method
def detach(self):
    """An alias without gradient path."""
    return share(self)


@method
def detach_(self):
    """Cut this tensor's own gradient path."""
    if self._parent is not None:
        raise RustorchRuntimeError("Can't detach views in-place. Use detach() instead. If you are using DistributedDataParallel (DDP) for training, and gradient_as_bucket_view is set as True, gradients are views of DDP buckets, and hence detach_() cannot be called on these gradients. To fix this error, please refer to the Optimizer.zero_grad() function in torch/optim/optimizer.py as a reference.")
    if self._leaf:
        set_requires_grad(self, False)
    elif node_of(self).tape:
        self._node, self._epoch = None, -1
    return self


@method
def requires_grad_(self, requires_grad=True):
    """Start or stop accumulating a gradient in this leaf."""
    return convert.require_grad(self, requires_grad)


Tensor.set_requires_grad = requires_grad_
Tensor.requires_grad = property(lambda self: node_of(self).tape != 0, lambda self, flag: convert.require_grad(self, flag) and None)


def _get_data(self):
    return share(self)


def _set_data(self, value):
    """Point this tensor at another tensor's storage, keeping its own grad settings."""
    if not isinstance(value, Tensor):
        raise TypeError(f"Variable data has to be a tensor, but got {type(value).__name__}")
    alias = share(value)
    leaf = self._leaf
    self._storage, self._node, self._epoch = alias._storage, alias._node, alias._epoch
    self._parent, self._view = alias._parent, alias._view
    if leaf:
        self._epoch = -1


Tensor.data = property(_get_data, _set_data)


def _get_grad(self):
    return self._grad


def _set_grad(self, value):
    if value is not None:
        if not isinstance(value, Tensor):
            raise TypeError(f"assigned grad expected to be a Tensor or None but got grad of type {type(value).__name__}")
        if value is self:
            raise RustorchRuntimeError("can't assign Variable as its own grad")
        if value.shape != self.shape:
            raise RustorchRuntimeError(f"assigned grad has data of a different size: {list(value.shape)} instead of {list(self.shape)}")
        if value.dtype is not self.dtype:
            raise RustorchRuntimeError(f"assigned grad has data of a different type: {value.dtype} instead of {self.dtype}")
    self._grad = value


def _del_grad(self):
    self._grad = None


Tensor.grad = property(_get_grad, _set_grad, _del_grad)


@method
def zero_grad(self):
    """Forget the gradient (the documents' ``Variable.zero_grad``)."""
    if self._grad is not None:
        self._grad = None


@method
def retain_grad(self):
    """Keep this intermediate tensor's gradient in ``.grad``."""
    node = node_of(self)
    if not node.tape:
        raise RustorchRuntimeError("can't retain_grad on Tensor that has requires_grad=False")
    if not self._leaf:
        ensure_meta(node).retain = ref(self)


Tensor.retains_grad = property(lambda self: not self._leaf and node_of(self).meta is not None and node_of(self).meta.retain is not None)


class RemovableHandle:
    """Removes a hook; also as a context manager."""

    def __init__(self, hooks: dict):
        self.hooks = hooks
        RemovableHandle.count += 1
        self.id = RemovableHandle.count

    count = 0

    def remove(self):
        """Take the hook away."""
        self.hooks.pop(self.id, None)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.remove()


@method
def register_hook(self, hook):
    """Call ``hook(grad)`` when this tensor's gradient is known; a result replaces it.

    Raises:
        RuntimeError: the tensor does not require grad.
    """
    node = node_of(self)
    if not node.tape:
        raise RustorchRuntimeError("cannot register a hook on a tensor that doesn't require gradient")
    if self._leaf:
        hooks = self.__dict__.get("_backward_hooks")
        if hooks is None:
            hooks = self._backward_hooks = OrderedDict()
        ensure_meta(node).hooks = hooks
    else:
        meta = ensure_meta(node)
        if meta.hooks is None:
            meta.hooks = OrderedDict()
        hooks = meta.hooks
    handle = RemovableHandle(hooks)
    hooks[handle.id] = hook
    return handle


@method
def register_post_accumulate_grad_hook(self, hook):
    """Call ``hook(tensor)`` after this leaf's ``.grad`` was updated."""
    if not self._leaf:
        raise RustorchRuntimeError("post accumulate grad hooks cannot be registered on non-leaf tensors")
    hooks = self.__dict__.setdefault("_post_accumulate_hooks", OrderedDict())
    handle = RemovableHandle(hooks)
    hooks[handle.id] = hook
    return handle


# ---------------------------------------------------------------- dtype and device shorthands


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


def dense_copy(t: Tensor) -> Tensor:
    """A contiguous copy."""
    return wrap(apply_node(DENSE, (ARRAY,), (node_of(t),)))


"""The tensor as autograd's handle: flags, ``.grad``, ``.data``, hooks."""

from __future__ import annotations

from collections import OrderedDict
from weakref import ref

from rustorch.eager import convert
from rustorch.eager.hooks import RemovableHandle
from rustorch.eager.methods.hang import method
from rustorch.eager.tensor import Tensor
from rustorch.eager.views import node_of, set_requires_grad, share
from rustorch.errors import RustorchRuntimeError
from rustorch.graph.node import ensure_meta


@method
def detach(self):
    """An alias without gradient path."""
    return share(self)


@method
def detach_(self):
    """Cut this tensor's own gradient path."""
    if self._parent is not None:
        raise RustorchRuntimeError(
            "Can't detach views in-place. Use detach() instead. If you are using DistributedDataParallel (DDP) for training, and gradient_as_bucket_view is set as True, gradients are views of DDP buckets, and hence detach_() cannot be called on these gradients. To fix this error, please refer to the Optimizer.zero_grad() function in torch/optim/optimizer.py as a reference."
        )
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
Tensor.requires_grad = property(lambda self: node_of(self).tape != 0, requires_grad_)


def _get_data(self):
    return share(self)


def _set_data(self, value):
    """Point this tensor at another tensor's storage, keeping its own grad settings."""
    if not isinstance(value, Tensor):
        raise TypeError(f"Variable data has to be a tensor, but got {type(value).__name__}")
    alias = share(value)
    leaf = self._leaf
    self._storage.reclaim()
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
            raise TypeError(
                f"assigned grad expected to be a Tensor or None but got grad of type {type(value).__name__}"
            )
        if value is self:
            raise RustorchRuntimeError("can't assign Variable as its own grad")
        if value.shape != self.shape:
            raise RustorchRuntimeError(
                f"assigned grad has data of a different size: {list(value.shape)} instead of {list(self.shape)}"
            )
        if value.dtype is not self.dtype:
            raise RustorchRuntimeError(
                f"assigned grad has data of a different type: {value.dtype} instead of {self.dtype}"
            )
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


Tensor.retains_grad = property(
    lambda self: not self._leaf and node_of(self).meta is not None and node_of(self).meta.retain is not None
)


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

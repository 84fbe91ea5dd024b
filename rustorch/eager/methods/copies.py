"""Copying and pickling."""

from __future__ import annotations

import copy

import numpy as np

from rustorch.devices import Device
from rustorch.eager import convert
from rustorch.eager.methods.hang import method
from rustorch.eager.recorder import from_host, value_of
from rustorch.eager.tensor import Tensor
from rustorch.eager.views import share
from rustorch.errors import RustorchRuntimeError


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
    out = Tensor._make_subclass(self.__class__, fresh, self._leaf)
    out.__dict__.update({k: copy.deepcopy(v, memo) for k, v in self.__dict__.items() if k not in _PRIVATE})
    if self._grad is not None:
        out._grad = copy.deepcopy(self._grad, memo)
    memo[id(self)] = out
    return out


_PRIVATE = {
    "_storage",
    "_node",
    "_epoch",
    "_parent",
    "_view",
    "_leaf",
    "_grad",
    "_post_accumulate_hooks",
    "_backward_hooks",
}


@method
def __reduce_ex__(self, protocol):
    array = np.asarray(value_of(self))
    extra = {k: v for k, v in self.__dict__.items() if k not in _PRIVATE}
    return rebuild, (self.__class__, array.copy(), self.dtype, str(self.device), self._leaf, extra)


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

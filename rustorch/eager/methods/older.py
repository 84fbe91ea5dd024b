"""Older spellings of methods that PyTorch keeps."""

from __future__ import annotations

from rustorch import dtypes
from rustorch.eager.methods.hang import method, prop
from rustorch.eager.tensor import Tensor
from rustorch.eager.views import node_of


@method
def __rdiv__(self, other):
    """``other / self``."""
    return self.reciprocal() * other


@method
def __div__(self, other):
    """``self / other``."""
    return self / other


@method
def __idiv__(self, other):
    """``self /= other``."""
    return self.div_(other)


@method
def __nonzero__(self):
    """The truth of a single element."""
    return bool(self)


@method
def __long__(self):
    """A single element as an int."""
    return int(self)


@method
def chalf(self, memory_format=None):
    """``to(complex32)``, which is complex64 here: XLA has no half-precision complex numbers."""
    return self.to(dtypes.complex64)


@method
def nelement(self):
    """How many elements there are."""
    return self.numel()


@method
def ndimension(self):
    """How many dimensions there are."""
    return self.ndim


@method
def new(self, *args, device=None):
    """An uninitialised tensor of a shape, or one with given values, in this tensor's dtype and device."""
    if len(args) == 1 and isinstance(args[0], (list, tuple)) and not hasattr(args[0], "numel"):
        return self.new_tensor(args[0], device=device)
    if len(args) == 1 and isinstance(args[0], Tensor):
        return args[0].detach()
    shape = args[0] if len(args) == 1 and not isinstance(args[0], int) else args or (0,)
    return self.new_empty(tuple(shape), device=device)


@method
def resize(self, *size):
    """``reshape``; PyTorch calls it deprecated."""
    return self.reshape(*size)


@method
def resize_as(self, other):
    """``reshape`` to another tensor's shape."""
    return self.reshape(tuple(other.shape))


@method
def _is_view(self):
    """Does this tensor show the storage of another?"""
    return self._base is not None


@method
def _is_all_true(self):
    """Are all elements of a bool tensor true? A tensor."""
    return self.all()


@method
def _is_any_true(self):
    """Is any element of a bool tensor true? A tensor."""
    return self.any()


@method
def _conj_physical(self):
    """The complex conjugate, in memory."""
    return self.conj_physical()


@method
def dim_order(self, *, ambiguity_check=False):
    """The dimensions from the largest stride to the smallest."""
    strides = self.stride()
    return tuple(sorted(range(self.ndim), key=lambda d: -strides[d]))


@method
def record_stream(self, stream):
    """Nothing: XLA itself keeps an array until what reads it has run."""


@method
def module_load(self, other, assign=False):
    """What a module keeps when it loads ``other`` into this tensor: this one with ``other``'s values, or ``other``."""
    return other.detach() if assign else self.copy_(other).detach()


@method
def is_distributed(self):
    """False."""
    return False


def _never(name: str) -> None:
    def asked(self):
        return False

    asked.__name__, asked.__doc__ = name, "False: no such device here."
    prop(asked)


for _name in ("is_ipu", "is_maia", "is_mtia", "is_vulkan", "is_xla"):
    _never(_name)


@prop
def grad_dtype(self):
    """The dtype of the gradient: this tensor's."""
    return node_of(self).aval.dtype

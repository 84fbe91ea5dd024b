"""``SparseTensor``: what the sparse layouts share. A sparse tensor is its parts, which are ordinary tensors.

Every operation on it is recorded on the parts: integers that say where, values that say what. Gradients of any
order, tracing and the transforms see gathers, sums by index and nothing else.
"""

from __future__ import annotations

from rustorch.eager.tensor import Tensor
from rustorch.eager.valued import ValuedTensor
from rustorch.eager.views import node_of
from rustorch.errors import RustorchRuntimeError, StorageError, check
from rustorch.graph.node import ensure_meta
from rustorch.layouts import SPOKEN
from rustorch.size import Size


class SparseTensor(ValuedTensor):
    """A tensor of which only some elements are stored.

    ``_values_`` (a tensor whose first dimension, after batch dimensions, counts the stored elements) carries
    dtype, device and gradient; the index tensors belong to the layout.
    """

    is_sparse = False
    is_sparse_csr = False

    @property
    def _backend(self) -> str:
        return SPOKEN[self.layout] + "CPU" if self.device.type == "cpu" else SPOKEN[self.layout] + "CUDA"

    # ------------------------------------------------------------ facts

    @property
    def shape(self) -> Size:
        """Sizes of all dimensions."""
        return self._shape

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return len(self._shape)

    @property
    def itemsize(self) -> int:
        """Bytes per element."""
        return self.dtype.itemsize

    @property
    def nbytes(self) -> int:
        """Bytes of all parts."""
        return sum(t.nbytes for t in self._parts())

    @property
    def _version(self) -> int:
        return self._values_._version

    def size(self, dim=None):
        """The shape, or one size of it."""
        return self._shape if dim is None else self._shape[dim]

    def dim(self) -> int:
        """Number of dimensions."""
        return len(self._shape)

    def numel(self) -> int:
        """Number of elements, stored or not."""
        n = 1
        for size in self._shape:
            n *= size
        return n

    def stride(self, dim=None):
        """Zeros: nothing has a place in memory of its own."""
        return (0,) * self.ndim if dim is None else 0

    def storage_offset(self) -> int:
        """Zero."""
        return 0

    def is_contiguous(self, memory_format=None) -> bool:
        """False: there are no strides."""
        return False

    def contiguous(self, memory_format=None):
        """PyTorch's error: there are no strides."""
        raise RustorchRuntimeError("unsupported memory format option Contiguous")

    def is_inference(self) -> bool:
        """Were the values made under ``inference_mode``?"""
        return self._values_.is_inference()

    def __len__(self) -> int:
        return self._shape[0]

    def __iter__(self):
        return iter([self[i] for i in range(len(self))])

    def __bool__(self):
        check(self.numel() == 1, "Boolean value of Tensor with more than one value is ambiguous")
        return bool(self.to_dense().reshape(()))

    def item(self):
        """The only element."""
        check(self.numel() == 1, f"a Tensor with {self.numel()} elements cannot be converted to Scalar")
        return self.to_dense().reshape(()).item()

    def numpy(self, *, force: bool = False):
        """PyTorch's error: make it dense first."""
        raise TypeError("can't convert Sparse layout tensor to numpy. Use Tensor.to_dense() first.")

    def __array__(self, dtype=None, copy=None):
        return self.numpy()

    def tolist(self):
        """PyTorch's error: make it dense first."""
        raise RustorchRuntimeError("Cannot access data pointer of Tensor that doesn't have storage")

    def untyped_storage(self):
        """PyTorch's error: there is no one storage."""
        kind = "" if self.is_sparse else "Csr"
        raise StorageError(f"Cannot access storage of Sparse{kind}TensorImpl")

    storage = storage_type = untyped_storage

    def type(self, dtype=None, non_blocking=False):
        """``torch.sparse.FloatTensor``, or the tensor in another dtype."""
        return f"torch.sparse.{self.dtype.alias}Tensor" if dtype is None else self.to(dtype)

    # ------------------------------------------------------------ autograd

    def backward(self, gradient=None, retain_graph=None, create_graph=False, inputs=None):
        """Accumulate into every leaf; ``gradient`` is sparse at the same places, or dense."""
        check(gradient is not None, "grad can be implicitly created only for scalar outputs")
        at = gradient.sparse_mask(self)._values_ if self.is_sparse else gradient._values_
        self._values_.backward(at, retain_graph, create_graph, inputs=inputs)

    def retain_grad(self):
        """Keep this intermediate tensor's gradient."""
        self._values_.retain_grad()

    def register_hook(self, hook):
        """Call ``hook(grad)`` with the sparse gradient; a sparse result replaces it."""

        def on_values(g):
            new = hook(self._with(g))
            return None if new is None else new._values_

        return self._values_.register_hook(on_values)

    # ------------------------------------------------------------ copies and casts

    def detach_(self):
        """Cut this tensor's own gradient path."""
        self._values_.detach_()
        return self

    @property
    def data(self):
        """The same parts without gradient path."""
        return self.detach()

    @data.setter
    def data(self, value):
        self._take(value.detach())

    def clone(self, *, memory_format=None):
        """A copy of the values, at the same places."""
        return self._with(self._values_.clone())

    def to(self, *args, **kwargs):
        """The tensor with another dtype or on another device."""
        values = self._values_.to(*args, **kwargs)
        if values is self._values_:
            return self
        if values.device == self.device:
            return self._with(values)
        return self._rebuilt([t.to(values.device) for t in self._indices_()], values)

    def type_as(self, other):
        """The tensor in ``other``'s dtype."""
        return self.to(other.dtype)

    def __deepcopy__(self, memo):
        if id(self) not in memo:
            with_grad = self._values_.detach().clone().requires_grad_(self.requires_grad)
            memo[id(self)] = self._rebuilt([t.clone() for t in self._indices_()], with_grad)
        return memo[id(self)]

    def __reduce_ex__(self, protocol):
        return _rebuild, (type(self), self._rest(), [*self._indices_(), self._values_.detach()], self.requires_grad)

    def copy_(self, src, non_blocking=False):
        """Become a copy of ``src``, which is sparse, too."""
        return self._take(src.clone())

    def _take(self, other):
        """Become ``other`` (same layout): how in-place forms write."""
        self.__dict__.update(other.__dict__)
        return self

    # ------------------------------------------------------------ what a layout defines

    def _with(self, values, coalesced=None):
        """Other values at the same places."""
        return self._rebuilt(self._indices_(), values)

    def _parts(self) -> list:
        return [*self._indices_(), self._values_]

    def values(self):
        """The stored values."""
        return named(self._values_.view(self._values_.shape), "ValuesBackward0")

    def _values(self):
        """The stored values, whatever their order, without gradient path."""
        return self._values_.detach()


def _rebuild(cls, rest, parts, requires_grad):
    return cls._build(rest, parts).requires_grad_(requires_grad)


def named(t: Tensor, name: str) -> Tensor:
    """``t`` with PyTorch's name for the step that made it."""
    node = node_of(t)
    if node.tape and not node.is_leaf:
        ensure_meta(node).name = name
    return t


def expect(t: Tensor, what: str, layouts, kind: str) -> None:
    """Raise PyTorch's complaint that a method is for another layout."""
    check(t.layout in layouts, f"{what} expected {kind} tensor layout but got {SPOKEN[t.layout]}")

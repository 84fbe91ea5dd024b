"""``NestedTensor``: tensors of different sizes as one. Its elements lie one after another in one flat tensor.

What is done element by element is one operation on the flat tensor; everything else is done on its pieces, which are
views of it. So gradients of any order, tracing and the transforms see ordinary operations only.
"""

from __future__ import annotations

import itertools
import math

import numpy as np

from rustorch.eager import ops as T
from rustorch.eager.methods import grad_name
from rustorch.eager.recorder import from_host
from rustorch.eager.tensor import Tensor
from rustorch.eager.valued import ValuedTensor
from rustorch.eager.views import node_of
from rustorch.errors import RustorchRuntimeError, check
from rustorch.layouts import jagged, strided
from rustorch.size import Size

_NO_SIZES = "Internal error: NestedTensorImpl doesn't support sizes. Please file an issue."
_COUNTER = itertools.count(1)


class RaggedSize:
    """Stands in a jagged tensor's shape for the size that differs from piece to piece; equal only to itself."""

    def __init__(self):
        self._number = next(_COUNTER)

    def __repr__(self) -> str:
        return f"j{self._number}"


class NestedTensor(ValuedTensor):
    """Tensors with one number of dimensions and different sizes, of ``layout`` ``torch.strided`` or ``torch.jagged``.

    ``_values_`` holds all elements, flat, and carries dtype, device and gradient; ``_sizes`` are the pieces' shapes.
    A jagged tensor also has a shape, in which a ``RaggedSize`` stands for the one dimension whose sizes differ.
    ``_starts`` says at which row each piece begins (and what ends them) where they do not follow one another: a jagged view with holes,
    whose ``_values_`` has the holes' elements, too.
    """

    is_nested = True
    _rules: dict = {}  # `rustorch.nested.rules`

    @classmethod
    def _new(cls, values: Tensor, sizes, layout=strided, ragged=None, starts=None):
        self = cls()
        self._values_, self._sizes, self.layout = values, tuple(map(tuple, sizes)), layout
        self._starts = starts
        self._ragged = ragged if ragged is not None or layout is strided else RaggedSize()
        return self

    @classmethod
    def _build(cls, rest, parts):
        return cls._new(parts[0], *rest)

    def _rest(self):
        return self._sizes, self.layout, self._ragged, self._starts

    def _parts(self) -> list:
        return [self._values_]

    @property
    def _backend(self) -> str:
        return "NestedTensorCPU" if self.device.type == "cpu" else "NestedTensorCUDA"

    def _with(self, values):
        """Other values in pieces of the same sizes."""
        return NestedTensor._new(values, self._sizes, self.layout, self._ragged, self._starts)

    def _of(self, pieces):
        """A nested tensor of these pieces, in this one's layout."""
        sizes = [tuple(p.shape) for p in pieces]
        same = [s[0] for s in sizes if s] == [s[0] for s in self._sizes if s]
        flat = T.cat([p.reshape(-1) for p in pieces]) if pieces else self._values_
        return NestedTensor._new(flat, sizes, self.layout, self._ragged if same else None)

    def _pieces(self) -> list[Tensor]:
        counts = [math.prod(s) for s in self._sizes]
        if self._starts is None:
            starts = itertools.accumulate(counts, initial=0)
        else:
            starts = [at * math.prod(size[1:]) for at, size in zip(self._starts, self._sizes)]
        return [self._values_[at : at + n].view(size) for at, n, size in zip(starts, counts, self._sizes)]

    def _take(self, other):
        """Become ``other``: how in-place forms write."""
        self._values_.copy_(other._values_)
        return self

    # ------------------------------------------------------------ facts

    @property
    def ndim(self) -> int:
        """Number of dimensions, that of the pieces among them."""
        return 1 + len(self._sizes[0]) if self._sizes else 1

    def dim(self) -> int:
        """Number of dimensions, that of the pieces among them."""
        return self.ndim

    def numel(self) -> int:
        """Number of elements of all pieces."""
        return sum(map(math.prod, self._sizes))

    def __len__(self) -> int:
        check(self.layout is jagged, _NO_SIZES)
        return len(self._sizes)

    @property
    def shape(self):
        """The sizes of a jagged tensor; PyTorch's error for a strided one."""
        return self.size()

    def size(self, dim=None):
        """The size of a dimension that all pieces share; the number of pieces for dimension 0.

        Raises:
            RuntimeError: the pieces differ there (strided), or no dimension is given (strided).
        """
        if dim is None:
            check(self.layout is jagged, _NO_SIZES)
            return Size([self._size_of(d) for d in range(self.ndim)])
        if not -self.ndim <= dim < self.ndim:
            raise IndexError(
                f"Dimension out of range (expected to be in range of [{-self.ndim}, {self.ndim - 1}], but got {dim})"
            )
        return self._size_of(dim % self.ndim)

    def _size_of(self, d):
        if d == 0:
            return len(self._sizes)
        found = {s[d - 1] for s in self._sizes}
        if self.layout is jagged and d == self._ragged_dim():
            return self._ragged
        check(len(found) == 1, f"Given dimension {d} is irregular and does not have a size.")
        return found.pop()

    def _ragged_dim(self) -> int:
        """The first dimension in which pieces differ; 1 if they are all alike."""
        return next((d for d in range(1, self.ndim) if len({s[d - 1] for s in self._sizes}) > 1), 1)

    def _row(self) -> int:
        """The size of the last dimension, if it is shared and not the ragged one; else 0."""
        found = {s[-1] for s in self._sizes} if self.ndim > 2 else ()
        return found.pop() if len(found) == 1 else 0

    def is_contiguous(self, memory_format=None) -> bool:
        """Do the pieces lie one after another?"""
        return self._starts is None

    def contiguous(self, memory_format=None):
        """The tensor itself, or its pieces one after another."""
        return self if self._starts is None else self._of(self._pieces())

    def unbind(self, dim=0):
        """The pieces, as views that share this tensor's gradient path."""
        check(dim == 0, "NestedTensor can only be unbound along dimension 0")
        return tuple(self._pieces())

    def __iter__(self):
        return iter(self._pieces())

    def __getitem__(self, i):
        key = i if isinstance(i, tuple) else (i,)
        if isinstance(key[0], int):
            piece = self._pieces()[key[0]]
            return piece[key[1:]] if len(key) > 1 else piece
        raise RustorchRuntimeError("a nested tensor is indexed by a piece's number first")

    def values(self):
        """All elements: flat for a strided tensor, (rows of all pieces, ...) for a jagged one."""
        if self.layout is strided or self._ragged_dim() != 1:
            return self._values_.view(-1)
        width = math.prod(self._sizes[0][1:])
        rows = self._values_.numel() // width if width else sum(s[0] for s in self._sizes)
        return self._values_.view(rows, *self._sizes[0][1:])

    def offsets(self):
        """Where each piece's rows begin in ``values()``, and where the last ends (jagged)."""
        if self.layout is strided:
            raise AttributeError("'Tensor' object has no attribute 'offsets'")
        at = self._ragged_dim() - 1
        if self._starts is None:
            cuts = list(itertools.accumulate((s[at] for s in self._sizes), initial=0))
        else:
            cuts = list(self._starts)
        return from_host(np.asarray(cuts, np.int64), self.device)

    def lengths(self):
        """How many rows each piece has, where there are holes between them (jagged); else ``None``."""
        if self.layout is strided:
            raise AttributeError("'Tensor' object has no attribute 'lengths'")
        if self._starts is None:
            return None
        return from_host(np.asarray([s[0] for s in self._sizes], np.int64), self.device)

    def untyped_storage(self):
        """The bytes of all pieces."""
        return self._values_.untyped_storage()

    def storage(self):
        """The elements of all pieces."""
        return self._values_.storage()

    def storage_type(self) -> type:
        """The legacy class of the storage."""
        return self._values_.storage_type()

    def data_ptr(self) -> int:
        """Where the storage begins."""
        return self._values_.data_ptr()

    def tolist(self) -> list:
        """The pieces as nested Python lists."""
        return [p.tolist() for p in self._pieces()]

    def item(self):
        """The only element."""
        check(self.numel() == 1, f"a Tensor with {self.numel()} elements cannot be converted to Scalar")
        return self.contiguous()._values_.item()

    def numpy(self, *, force: bool = False):
        """PyTorch's error: there is no one array."""
        raise RustorchRuntimeError(".numpy() is not supported for tensor subclasses.")

    # ------------------------------------------------------------ autograd

    def backward(self, gradient=None, retain_graph=None, create_graph=False, inputs=None):
        """Accumulate into every leaf; ``gradient`` is nested in the same way."""
        check(gradient is not None, "grad can be implicitly created only for scalar outputs")
        self._values_.backward(gradient._values_, retain_graph, create_graph, inputs=inputs)

    def sparse_mask(self, mask):
        """The tensor itself: a gradient has the places of what it is the gradient of."""
        return self

    def to(self, *args, **kwargs):
        """The tensor with another dtype or on another device."""
        values = self._values_.to(*args, **kwargs)
        return self if values is self._values_ else self._with(values)

    def __deepcopy__(self, memo):
        if id(self) not in memo:
            memo[id(self)] = self._with(self._values_.detach().clone().requires_grad_(self.requires_grad))
        return memo[id(self)]

    def __repr__(self, *, tensor_contents=None) -> str:
        node = node_of(self._values_)
        made = f"grad_fn=<{grad_name(node)}>" if node.tape and not self.is_leaf else None
        tail = made or ("requires_grad=True" if node.tape else None)
        if self.layout is jagged:
            tail = f"{tail}, " if tail else ""
            return f"NestedTensor(size={tuple(self.shape)}, offsets={self.offsets()}, {tail}contiguous={self.is_contiguous()})"
        end = ", requires_grad=True)" if tail else ")"
        pieces = [repr(p.detach())[:-1].replace("\n", "\n  ") + end for p in self._pieces()]
        return "nested_tensor([\n  " + ",\n  ".join(pieces) + f"\n]{', ' + tail if tail else ''})"

    __str__ = __repr__

    def __format__(self, spec):
        return object.__format__(self, spec) if spec else str(self)

"""``sparse_resize_`` and its kin: the same stored elements, or none, in another shape."""

from __future__ import annotations

from rustorch import dtypes
from rustorch.eager import ops as T
from rustorch.eager.foreign import NotDense
from rustorch.eager.state import local
from rustorch.eager.tensor import Tensor
from rustorch.errors import check
from rustorch.size import Size
from rustorch.sparse.coo import SparseCoo

_ADVICE = """ on a non-empty sparse tensor is not supported.
You could try the following options:
1. If you need an empty sparse tensor of this size, call `x = torch.sparse_coo_tensor(size)`.
2. If you need to resize this tensor, you have the following options:
    1. For both sparse and dense dimensions, keep the number of them constant and the size of them non-shrinking, and then \
try the same call again.
    2. Or, create a new sparse tensor with the correct indices and values from this sparse tensor."""


def _method(fn):
    setattr(Tensor, fn.__name__, fn)
    return fn


def _sizes(self, name: str, size, sparse_dim: int, dense_dim: int) -> tuple:
    if not isinstance(self, SparseCoo):
        raise NotDense(self, name)
    check(
        not (local.grad and self.is_leaf and self.requires_grad),
        "a leaf Variable that requires grad is being used in an in-place operation.",
    )
    check(
        len(size) == sparse_dim + dense_dim,
        f"'len(size) == sparse_dim + dense_dim' is not satisfied: len(size) = {len(size)}, sparse_dim = {sparse_dim}, "
        f"dense_dim = {dense_dim}",
    )
    return tuple(int(n) for n in size)


def _became(self, indices, values, size, coalesced):
    return self._take(SparseCoo._new(indices, values, Size(size), coalesced))


@_method
def sparse_resize_(self, size, sparse_dim, dense_dim):
    """Give a coordinate tensor another shape; what is stored stays where it is.

    Args:
        size: (sparse sizes, dense sizes), none of them smaller than before unless nothing is stored.

    Raises:
        RuntimeError: something is stored, and a size shrinks or a number of dimensions changes.
        NotImplementedError: another layout.

    Example:
        >>> import rustorch as torch
        >>> torch.eye(2).to_sparse().sparse_resize_((2, 3), 2, 0).to_dense()
        tensor([[1., 0., 0.],
                [0., 1., 0.]])
    """
    size = _sizes(self, "sparse_resize_", size, sparse_dim, dense_dim)
    n, values = self._nnz(), self._values_
    if not n:
        return sparse_resize_and_clear_(self, size, sparse_dim, dense_dim)
    for kind, old, new in (("sparse", self.sparse_dim(), sparse_dim), ("dense", self.dense_dim(), dense_dim)):
        check(old == new, f"changing the number of {kind} dimensions (from {old} to {new}){_ADVICE}")
    before = tuple(self._shape)
    for kind, part in (("sparse", slice(sparse_dim)), ("dense", slice(sparse_dim, None))):
        old, new = list(before[part]), list(size[part])
        grows = all(a <= b for a, b in zip(old, new))
        check(grows, f"shrinking the size of {kind} dimensions (from {old} to {new}){_ADVICE}")
    if size[sparse_dim:] != before[sparse_dim:]:
        grown = values.new_zeros((n, *size[sparse_dim:]))
        grown[tuple(slice(m) for m in values.shape)] = values
        values = grown
    return _became(self, self._where, values, size, self._coalesced)


@_method
def sparse_resize_and_clear_(self, size, sparse_dim, dense_dim):
    """Give a coordinate tensor any other shape; nothing is stored any more.

    Raises:
        NotImplementedError: another layout.

    Example:
        >>> import rustorch as torch
        >>> torch.eye(2).to_sparse().sparse_resize_and_clear_((3,), 1, 0).to_dense()
        tensor([0., 0., 0.])
    """
    size = _sizes(self, "sparse_resize_and_clear_", size, sparse_dim, dense_dim)
    where = T.zeros((sparse_dim, 0), dtype=dtypes.int64, device=self.device)
    return _became(self, where, self._values_.new_zeros((0, *size[sparse_dim:])), size, True)


@_method
def resize_as_sparse_(self, the_template):
    """``sparse_resize_`` to the shape and the kinds of dimensions of another tensor."""
    dims = the_template.sparse_dim(), the_template.dense_dim()
    return sparse_resize_(self, tuple(the_template.shape), *dims)

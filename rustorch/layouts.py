"""``torch.layout``: how a tensor's elements are stored."""

from __future__ import annotations


class layout(str):
    """The name of a memory layout, ``torch.strided`` or a sparse one; compares as its name."""

    __slots__ = ()

    __repr__ = str.__str__


strided = layout("torch.strided")
jagged = layout("torch.jagged")  # rows of nested tensors
sparse_coo = layout("torch.sparse_coo")
sparse_csr = layout("torch.sparse_csr")
sparse_csc = layout("torch.sparse_csc")
sparse_bsr = layout("torch.sparse_bsr")
sparse_bsc = layout("torch.sparse_bsc")

# How PyTorch's messages call them.
SPOKEN = {
    strided: "Strided",
    sparse_coo: "Sparse",
    sparse_csr: "SparseCsr",
    sparse_csc: "SparseCsc",
    sparse_bsr: "SparseBsr",
    sparse_bsc: "SparseBsc",
}

"""``torch.layout`` and ``torch.memory_format``: how a tensor's elements are stored, and in which order."""

from __future__ import annotations


class layout(str):
    """The name of a memory layout, ``torch.strided`` or a sparse one; compares as its name."""

    __slots__ = ()

    __repr__ = str.__str__


class memory_format(str):
    """The name of an order of the elements in memory; compares as its name. XLA chooses its own order."""

    __slots__ = ()

    __repr__ = str.__str__


contiguous_format = memory_format("torch.contiguous_format")
preserve_format = memory_format("torch.preserve_format")
channels_last = memory_format("torch.channels_last")

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

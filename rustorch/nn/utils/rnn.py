"""Batches of sequences with different lengths."""

from collections.abc import Iterable
from typing import NamedTuple

from rustorch import dtypes
from rustorch.devices import Device
from rustorch.eager import ops as T, packed as _packed
from rustorch.eager.convert import as_tensor
from rustorch.eager.tensor import Tensor


class _Fields(NamedTuple):
    data: Tensor
    batch_sizes: Tensor
    sorted_indices: Tensor | None
    unsorted_indices: Tensor | None


class PackedSequence(_Fields):
    """Sequences of different lengths without padding: what ``pack_padded_sequence`` and ``pack_sequence`` make.

    Fields: ``data`` (total, …), the steps one after another, the longest sequence first in each; ``batch_sizes``
    (T), an int64 tensor on the CPU, how many sequences reach each step; ``sorted_indices`` and ``unsorted_indices``,
    the order by length and its inverse, or None if they came sorted.
    Errors: ``ValueError`` if ``batch_sizes`` are not on the CPU.

    >>> import rustorch as torch
    >>> torch.nn.utils.rnn.pack_sequence([torch.tensor([1, 2]), torch.tensor([3])]).data
    tensor([1, 3, 2])
    """

    def __new__(cls, data, batch_sizes=None, sorted_indices=None, unsorted_indices=None):
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        if batch_sizes is None:
            if not (isinstance(data, (list, tuple)) and len(data) == 2):
                raise AssertionError("Expected data to be a list or tuple of length 2")
            data, batch_sizes = data
        elif batch_sizes.device.type != "cpu":
            raise ValueError(
                "batch_sizes should always be on CPU. Instances of PackedSequence should never be created manually. "
                "They should be instantiated by functions like pack_sequence and pack_padded_sequences in "
                "nn.utils.rnn. https://pytorch.org/docs/stable/nn.html#torch.nn.utils.rnn.pack_sequence"
            )
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def to(self, *args, **kwargs):
        """As ``Tensor.to``, of the data; the indices follow to the data's device."""
        data = self.data.to(*args, **kwargs)
        if data is self.data:
            return self
        moved = [i if i is None else i.to(data.device) for i in self[2:]]
        return type(self)(data, self.batch_sizes, *moved)

    def cuda(self, device=None, **kwargs):
        """On a GPU."""
        return self.to(device=Device("cuda") if device is None else device, **kwargs)

    def cpu(self, **kwargs):
        """On the CPU."""
        return self.to(device=Device("cpu"), **kwargs)

    def pin_memory(self):
        """The sequence itself: memory is the runtime's."""
        return self

    def is_pinned(self):
        """Is the data in pinned memory? Never."""
        return False

    @property
    def is_cuda(self):
        """Is the data on a GPU?"""
        return self.data.is_cuda


def _cast(name, dtype):
    def cast(self):
        return self.to(dtype=dtype)

    cast.__name__, cast.__qualname__ = name, f"PackedSequence.{name}"
    cast.__doc__ = f"With data of {dtype}."
    return cast


for _name, _dtype in {
    "double": dtypes.float64, "float": dtypes.float32, "half": dtypes.float16, "long": dtypes.int64,
    "int": dtypes.int32, "short": dtypes.int16, "char": dtypes.int8, "byte": dtypes.uint8,
}.items():  # fmt: skip
    setattr(PackedSequence, _name, _cast(_name, _dtype))


def invert_permutation(permutation):
    """The permutation that undoes ``permutation`` (an int64 vector); None of None.

    >>> import rustorch as torch
    >>> torch.nn.utils.rnn.invert_permutation(torch.tensor([2, 0, 1]))
    tensor([1, 2, 0])
    """
    if permutation is None:
        return None
    places = T.arange(permutation.numel(), device=permutation.device)
    return T.empty_like(permutation).scatter(0, permutation, places)


def pack_padded_sequence(input, lengths, batch_first=False, enforce_sorted=True):
    """Pack a padded batch (T, N, …), or (N, T, …) with ``batch_first``.

    Args:
        lengths: how long each sequence is: a list, or an int64 tensor on the CPU.
        enforce_sorted: the lengths descend already; otherwise the sequences are sorted here.

    Raises:
        RuntimeError: lengths that are not sorted, not positive, or another number of them than sequences.

    >>> import rustorch as torch
    >>> torch.nn.utils.rnn.pack_padded_sequence(torch.tensor([[1, 2], [3, 0]]), [2, 1]).batch_sizes
    tensor([2, 1])
    """
    if not isinstance(lengths, Tensor):
        lengths = as_tensor(lengths, dtype=dtypes.int64, device="cpu")
    order = None
    if not enforce_sorted:
        lengths, order = _packed.descending(lengths, input.device)
        input = input.index_select(0 if batch_first else 1, order)
    data, batch_sizes = T._pack_padded_sequence(input, lengths, batch_first)
    return PackedSequence(data, batch_sizes, order, None)


def pad_packed_sequence(sequence, batch_first=False, padding_value=0.0, total_length=None):
    """Undo ``pack_padded_sequence``: the padded batch, and the lengths (N).

    Args:
        padding_value: what stands where a sequence is over.
        total_length: how many steps the result has; the longest sequence's by default.

    Raises:
        ValueError: ``total_length`` below the longest sequence's.

    >>> import rustorch as torch
    >>> rnn = torch.nn.utils.rnn
    >>> rnn.pad_packed_sequence(rnn.pack_sequence([torch.tensor([1, 2]), torch.tensor([3])]))
    (tensor([[1, 3],
            [2, 0]]), tensor([2, 1]))
    """
    steps = sequence.batch_sizes.shape[0]
    if total_length is not None:
        if total_length < steps:
            raise ValueError(
                "Expected total_length to be at least the length of the longest sequence in input, but got "
                f"total_length={total_length} and max sequence length being {steps}"
            )
        steps = total_length
    padded, lengths = T._pad_packed_sequence(sequence.data, sequence.batch_sizes, batch_first, padding_value, steps)
    back = sequence.unsorted_indices
    if back is None:
        return padded, lengths
    return padded.index_select(0 if batch_first else 1, back), lengths[back.cpu()]


def pad_sequence(sequences, batch_first=False, padding_value=0.0, padding_side="right"):
    """Sequences (L_i, …) as one batch (max L, N, …), or (N, max L, …) with ``batch_first``.

    Raises:
        RuntimeError: no sequences, sizes that differ after the first, a side other than "left" and "right".

    >>> import rustorch as torch
    >>> torch.nn.utils.rnn.pad_sequence([torch.ones(2), torch.ones(1)], batch_first=True)
    tensor([[1., 1.],
            [1., 0.]])
    """
    if not isinstance(sequences, Iterable):
        raise RuntimeError(
            f"pad_sequence: Expected iterable for input sequences, but got arg of type: {type(sequences)}"
        )
    return _packed.pad_sequence(tuple(sequences), batch_first, padding_value, padding_side)


def unpad_sequence(padded_sequences, lengths, batch_first=False):
    """The sequences of a padded batch, as a list; a batch with time first is transposed in place, as in PyTorch.

    >>> import rustorch as torch
    >>> torch.nn.utils.rnn.unpad_sequence(torch.tensor([[1, 3], [2, 0]]), torch.tensor([2, 1]))
    [tensor([1, 2]), tensor([3])]
    """
    if not batch_first:
        padded_sequences.transpose_(0, 1)
    return [sequence[: int(n)] for sequence, n in zip(padded_sequences, lengths.tolist(), strict=True)]


def pack_sequence(sequences, enforce_sorted=True):
    """Pack a list of sequences (L_i, …); see ``pack_padded_sequence``.

    >>> import rustorch as torch
    >>> torch.nn.utils.rnn.pack_sequence([torch.ones(1), torch.zeros(2)], enforce_sorted=False).sorted_indices
    tensor([1, 0])
    """
    lengths = as_tensor([s.shape[0] for s in sequences])
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences):
    """The sequences of a packed one, as a list in their first order.

    >>> import rustorch as torch
    >>> rnn = torch.nn.utils.rnn
    >>> rnn.unpack_sequence(rnn.pack_sequence([torch.tensor([1, 2]), torch.tensor([3])]))
    [tensor([1, 2]), tensor([3])]
    """
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)

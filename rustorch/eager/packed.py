"""Sequences of different lengths: packed (only the steps that exist, step by step) and padded.

What is where follows from how many sequences reach each step, which the host knows: positions are computed here, and
the op that is recorded is one gather.
"""

from __future__ import annotations

import numpy as np

from rustorch.eager.dynamic import host
from rustorch.eager.publish import overload
from rustorch.eager.recorder import apply, from_host
from rustorch.eager.tensor import Tensor
from rustorch.errors import RustorchRuntimeError, check
from rustorch.lowering.ops import gather, pad, shape


class Layout:
    """Where the rows of a packed sequence are in a padded one (T, N), from how many sequences reach each step."""

    def __init__(self, batch_sizes: np.ndarray, length: int | None = None):
        sizes = np.asarray(batch_sizes, np.int64)
        self.steps, self.batch = length or len(sizes), int(sizes[0])
        self.mask = np.zeros((self.steps, self.batch), bool)
        self.mask[: len(sizes)] = np.arange(self.batch) < sizes[:, None]
        self.full = bool(self.mask.all())

    def alive(self, like: Tensor) -> Tensor | None:
        """The steps that exist, (T, N); None if all do."""
        return None if self.full else from_host(self.mask, like.device)

    def padded(self, data: Tensor) -> Tensor:
        """(total, …) to (T, N, …); what stands at the steps that do not exist is not said."""
        if not self.full:
            place = np.where(self.mask, np.cumsum(self.mask).reshape(self.mask.shape) - 1, 0)
            data = apply(gather.index_select, (data, 0, from_host(place.reshape(-1), data.device)))
        return data.view(self.steps, self.batch, *data.shape[1:])

    def packed(self, x: Tensor) -> Tensor:
        """(T, N, …) to (total, …)."""
        x = x.reshape(self.steps * self.batch, *x.shape[2:])
        if self.full:
            return x
        return apply(gather.index_select, (x, 0, from_host(np.flatnonzero(self.mask), x.device)))


def descending(lengths: Tensor, device) -> tuple[Tensor, Tensor]:
    """Lengths in descending order, and which sequence has each; sorted on the host, which has to know them anyway."""
    count = host(lengths)
    order = np.argsort(-count, kind="stable")
    return from_host(count[order]), from_host(order.astype(np.int64), device)


@overload(method=False)
def _pack_padded_sequence(input, lengths, batch_first):
    """The rows that exist of a padded batch, step by step, and how many each step has; ``lengths`` descend."""
    input = input.transpose(0, 1) if batch_first else input
    check(input.numel() > 0, "Cannot pack empty tensors.")
    check(
        lengths.ndim == 1 and lengths.device.type == "cpu",
        f"'lengths' argument should be a 1D CPU int64 tensor, but got {lengths.ndim}D {lengths.device.type} "
        f"{lengths.dtype.alias} tensor",
    )
    batch = input.shape[1]
    check(
        lengths.shape[0] == batch,
        f"Expected `len(lengths)` to be equal to batch_size, but got {lengths.shape[0]} (batch_size={batch})",
    )
    count = host(lengths)
    check(
        count[-1] > 0,
        "Length of all samples has to be greater than 0, but found an element in 'lengths' that is <= 0",
    )
    check(
        (np.diff(count) <= 0).all(),
        "`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. You can pass "
        "`enforce_sorted=False` to pack_padded_sequence and/or pack_sequence to sidestep this requirement if you do "
        "not need ONNX exportability.",
    )
    if count[0] > input.shape[0]:
        raise RustorchRuntimeError(
            f"pack_padded_sequence: a length exceeds the sequence. Received: length {count[0]}, {input.shape[0]} steps"
        )
    sizes = (count > np.arange(count[0])[:, None]).sum(1)
    return Layout(sizes).packed(input[: int(count[0])]), from_host(sizes.astype(np.int64))


@overload(method=False)
def _pad_packed_sequence(data, batch_sizes, batch_first, padding_value, total_length):
    """A packed sequence as a padded batch of ``total_length`` steps, and the lengths."""
    layout = Layout(host(batch_sizes), total_length)
    x = layout.padded(data)
    if not layout.full:
        alive = layout.alive(data)
        x = x.masked_fill(~alive.view(*alive.shape, *[1] * (x.ndim - 2)), float(padding_value))
    lengths = from_host(layout.mask.sum(0).astype(np.int64))
    return x.transpose(0, 1) if batch_first else x, lengths


def pad_sequence(sequences, batch_first, padding_value, padding_side):
    """Sequences (L_i, …) as one batch (max L, N, …), the missing steps filled up."""
    check(len(sequences) > 0, "received an empty list of sequences")
    check(
        padding_side in ("left", "right"), f"Expected padding_side to be one of left or right, but got {padding_side}."
    )
    first = sequences[0]
    check(first.ndim > 0, "ArrayRef: invalid slice, N = 1; size = 0")
    steps = max(s.shape[0] for s in sequences)
    rows = []
    for s in sequences:
        for i, (a, b) in enumerate(zip(first.shape[1:], s.shape[1:]), 1):
            check(
                a == b,
                f"The size of tensor a ({a}) must match the size of tensor b ({b}) at non-singleton dimension {i}",
            )
        gap = steps - s.shape[0]
        s = s if s.dtype is first.dtype else s.to(first.dtype)
        if gap:
            amounts = (0, 0) * (s.ndim - 1) + ((gap, 0) if padding_side == "left" else (0, gap))
            s = apply(pad.pad, (s, amounts, "constant", float(padding_value)))
        rows.append(s)
    return apply(shape.stack, (tuple(rows), 0 if batch_first else 1))

"""``torch.nested.nested_tensor`` and its kin: nested tensors from pieces, and padded tensors from nested ones."""

from __future__ import annotations

import itertools

import numpy as np

from rustorch.eager import ops as T
from rustorch.eager.creation import tensor
from rustorch.eager.dynamic import host
from rustorch.eager.foreign import NotDense
from rustorch.eager.inplace import write_out
from rustorch.eager.tensor import Tensor
from rustorch.errors import check
from rustorch.layouts import jagged, strided
from rustorch.nested.tensor import NestedTensor


def _together(pieces, layout, dtype, device) -> NestedTensor:
    layout = strided if layout is None else layout
    check(layout in (strided, jagged), f"Specified layout is unsupported for nested tensors: {layout}")
    if layout is jagged:
        check(pieces, "Cannot construct a nested tensor from an empty tensor list")
    for i, p in enumerate(pieces[1:], 1):
        a, b = pieces[0].ndim, p.ndim
        if layout is jagged:
            check(a == b, "When constructing a nested tensor, all tensors in list must have the same dim")
        check(
            a == b,
            f"All Tensors given to nested_tensor must have the same dimension. Found dimension {b} for Tensor at index "
            f"{i} and dimension {a} for Tensor at index 0.",
        )
    if layout is jagged:
        check(
            len({tuple(p.shape[1:]) for p in pieces}) == 1,
            "When constructing a nested tensor, all tensors in list must have the same sizes but for the first",
        )
    flat = T.cat([p.to(device=device, dtype=dtype).reshape(-1) for p in pieces]) if pieces else T.zeros(0, dtype=dtype)
    return NestedTensor._new(flat, [p.shape for p in pieces], layout)


def nested_tensor(
    tensor_list, *, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False
) -> Tensor:
    """A new leaf that holds copies of the tensors (or lists of numbers) in a list.

    ``layout`` is ``torch.strided`` (any sizes) or ``torch.jagged`` (sizes that differ in the first dimension only).

    Raises:
        TypeError: not a list.
        RuntimeError: the tensors have different numbers of dimensions.

    >>> import rustorch as torch
    >>> x = torch.nested.nested_tensor([torch.ones(2), torch.zeros(1)])
    >>> x * 3
    nested_tensor([
      tensor([3., 3.]),
      tensor([0.])
    ])
    """
    if not isinstance(tensor_list, (list, tuple)) and layout is not jagged:
        raise TypeError("Only lists (List[Tensor] and List[List...[Scalar]]) are accepted in nested_tensor")
    pieces = [p.detach() if isinstance(p, Tensor) else tensor(p, dtype=dtype) for p in tensor_list]
    return _together(pieces, layout, dtype, device).detach().requires_grad_(requires_grad)


def as_nested_tensor(ts, dtype=None, device=None, layout=None) -> Tensor:
    """A nested tensor of a list of tensors, or of the first dimension of one, through which gradients flow.

    >>> import rustorch as torch
    >>> a = torch.ones(2, requires_grad=True)
    >>> torch.nested.as_nested_tensor([a, torch.zeros(3)]).to_padded_tensor(0.0).sum().backward()
    >>> a.grad
    tensor([1., 1.])
    """
    if isinstance(ts, NestedTensor):
        return ts.to(dtype=dtype, device=device)
    if not isinstance(ts, (list, tuple, Tensor)):
        raise TypeError("as_nested_tensor(): Expected first argument to be a tensor or a list / tuple of tensors")
    return _together(list(ts), layout, dtype, device)


def nested_tensor_from_jagged(values, offsets=None, lengths=None, jagged_dim=None, min_seqlen=None, max_seqlen=None):
    """A jagged tensor of rows ``values`` (all rows, ...), cut at ``offsets`` (pieces + 1) or into ``lengths`` (pieces).

    With both, each piece begins at its offset and has its length, so that there may be holes between pieces.

    Raises:
        RuntimeError: neither is given.

    >>> import rustorch as torch
    >>> x = torch.nested.nested_tensor_from_jagged(torch.arange(5), torch.tensor([0, 2, 5]))
    >>> x[1]
    tensor([2, 3, 4])
    """
    check(jagged_dim in (None, 1), "nested_tensor_from_jagged(): jagged_dim must be 1")
    if offsets is None:
        check(lengths is not None, "nested_tensor_from_jagged(): At least one of offsets or lengths is required.")
        counts = host(lengths).tolist()
        cuts = list(itertools.accumulate(counts, initial=0))
    else:
        cuts = host(offsets).tolist()
        counts = [b - a for a, b in itertools.pairwise(cuts)] if lengths is None else host(lengths).tolist()
    return _rows_of(values, cuts, counts)


def _rows_of(values, starts, counts) -> NestedTensor:
    """A jagged view of rows: piece ``i`` is the ``counts[i]`` from ``starts[i]``; ``starts`` has the end after them."""
    sizes = [(n, *values.shape[1:]) for n in counts]
    if all(at + n == after for at, n, after in zip(starts, counts, starts[1 : len(counts)])):
        end = starts[len(counts) - 1] + counts[-1] if counts else starts[0]
        return NestedTensor._new(values[starts[0] : end].reshape(-1), sizes, jagged)
    return NestedTensor._new(values.view(-1), sizes, jagged, starts=tuple(starts))


def narrow(tensor, dim, start, length, layout=strided):
    """The parts ``[start, start + length)`` of a dense tensor's entries: a view with holes, or some of its entries.

    Args:
        tensor: dense (pieces, rows, ...).
        dim: 1 for ``layout=torch.jagged``; for ``torch.strided`` 0, and whole entries are taken.
        start, length: numbers, or (jagged) an integer tensor (pieces,) each.

    Raises:
        RuntimeError: another dimension or layout, numbers that are tensors of another shape.

    >>> import rustorch as torch
    >>> x = torch.arange(10).reshape(2, 5)
    >>> y = torch.nested.narrow(x, 1, torch.tensor([0, 3]), torch.tensor([3, 2]), layout=torch.jagged)
    >>> y.unbind()
    (tensor([0, 1, 2]), tensor([8, 9]))
    """
    for name, n in (("start", start), ("length", length)):
        check(isinstance(n, (int, Tensor)), f"{name} must be an integer or a tensor")
    if layout is strided:
        check(
            not isinstance(start, Tensor) and not isinstance(length, Tensor),
            "start and length must be integers for the strided layout NT impl",
        )
        return as_nested_tensor(tensor.unbind(), layout=strided).narrow(dim, start, length)
    check(layout is jagged, f"Specified layout is unsupported for nested narrow: {layout}")
    check(dim == 1, "jagged layout only supports dim=1")
    n = tensor.shape[0]
    starts, counts = ([x] if isinstance(x, int) else host(x) for x in (start, length))
    check(
        all(np.shape(x) in ((), (1,), (n,)) for x in (starts, counts)),
        "When constructing a jagged nested tensor using narrow(), your start and length must be Tensors that broadcast to "
        "input.shape[0]",
    )
    assert tensor.ndim >= 2, "tensor must at least be 2D for the nested narrow op to work"
    starts, counts = (np.broadcast_to(x, n).astype(np.int64) for x in (starts, counts))
    starts = (starts + tensor.shape[1] * np.arange(n)).tolist()
    return _rows_of(tensor.view(-1, *tensor.shape[2:]), [*starts, starts[-1] + int(counts[-1])], counts.tolist())


def masked_select(tensor, mask):
    """The elements of a dense tensor where ``mask`` (bool, broadcast to it) is true; each row is a jagged piece.

    Raises:
        RuntimeError: not dense, not of bool, or shapes that do not fit.

    >>> import rustorch as torch
    >>> mask = torch.tensor([[False, True], [True, True]])
    >>> torch.nested.masked_select(torch.arange(4).reshape(2, 2), mask).unbind()
    (tensor([1]), tensor([2, 3]))
    """
    for t, what in ((tensor, "tensor, given"), (mask, "mask, given:")):
        check(t.layout is strided, f"torch.nested.masked_select requires a strided {what} {t.layout}")
    if tensor.is_nested:
        raise NotDense(tensor, "masked_select")
    values = tensor.masked_select(mask)
    counts = host(mask.expand(tensor.shape)).sum(-1).reshape(-1).tolist()
    return NestedTensor._new(values, [(n,) for n in counts], jagged)


def to_padded_tensor(input, padding, output_size=None, out=None):
    """A dense tensor of all pieces, each at the start of its place, the rest filled with ``padding``.

    ``output_size`` (number of pieces, sizes) may ask for more room than the largest sizes.

    Raises:
        RuntimeError: ``output_size`` is too small (strided; a jagged tensor is cut), or there are holes.
        NotImplementedError: the tensor is not nested.

    >>> import rustorch as torch
    >>> x = torch.nested.nested_tensor([torch.ones(2), torch.ones(3)])
    >>> torch.nested.to_padded_tensor(x, 0.0)
    tensor([[1., 1., 0.],
            [1., 1., 1.]])
    """
    if not isinstance(input, NestedTensor):
        raise NotDense(input, "to_padded_tensor")
    check(input.is_contiguous(), "to_padded_tensor(): not supported for nested tensors with holes")
    size = tuple(map(max, zip(*input._sizes)))
    pieces = input._pieces()
    if output_size is not None and input.layout is strided:
        check(
            len(output_size) == input.ndim,
            "Length of output_size does not match NestedTensor dims. Broadcasting is not supported.",
        )
        check(
            all(a >= b for a, b in zip(tuple(output_size)[1:], size)),
            "Value in output_size is less than NestedTensor padded size. Truncation is not supported.",
        )
        size = tuple(output_size)[1:]
    elif output_size is not None:  # PyTorch looks at the ragged dimension only, and cuts there
        at = input._ragged_dim() - 1
        size = (*size[:at], output_size[at + 1], *size[at + 1 :])
        pieces = [p.narrow(at, 0, min(p.shape[at], size[at])) for p in pieces]
    padded = []
    for piece in pieces:
        room = [(0, n - m) for n, m in zip(size, piece.shape)]
        padded.append(T.constant_pad_nd(piece, [x for pair in reversed(room) for x in pair], padding))
    padded = T.stack(padded)
    return padded if out is None else write_out(out, padded, "to_padded_tensor")


Tensor.to_padded_tensor = to_padded_tensor

"""``torch.nested.nested_tensor`` and its kin: nested tensors from pieces, and padded tensors from nested ones."""

from __future__ import annotations

import itertools

from rustorch.eager import ops as T
from rustorch.eager.creation import tensor
from rustorch.eager.dynamic import host
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

    Raises:
        RuntimeError: neither is given.

    >>> import rustorch as torch
    >>> x = torch.nested.nested_tensor_from_jagged(torch.arange(5), torch.tensor([0, 2, 5]))
    >>> x[1]
    tensor([2, 3, 4])
    """
    if offsets is None:
        check(lengths is not None, "nested_tensor_from_jagged(): At least one of offsets or lengths is required.")
        cuts = list(itertools.accumulate(host(lengths).tolist(), initial=0))
    else:
        cuts = host(offsets).tolist()
    check(jagged_dim in (None, 1), "nested_tensor_from_jagged(): jagged_dim must be 1")
    sizes = [(b - a, *values.shape[1:]) for a, b in itertools.pairwise(cuts)]
    used = values[cuts[0] : cuts[-1]]
    return NestedTensor._new(used.reshape(-1), sizes, jagged)


def to_padded_tensor(input, padding, output_size=None, out=None):
    """A dense tensor of all pieces, each at the start of its place, the rest filled with ``padding``.

    ``output_size`` (number of pieces, sizes) may ask for more room than the largest sizes.

    Raises:
        RuntimeError: ``output_size`` is too small.

    >>> import rustorch as torch
    >>> x = torch.nested.nested_tensor([torch.ones(2), torch.ones(3)])
    >>> torch.nested.to_padded_tensor(x, 0.0)
    tensor([[1., 1., 0.],
            [1., 1., 1.]])
    """
    check(isinstance(input, NestedTensor), "to_padded_tensor(): the input is not a nested tensor")
    largest = tuple(map(max, zip(*input._sizes)))
    size = largest if output_size is None else tuple(output_size)[1:]
    check(
        len(size) == len(largest) and all(a >= b for a, b in zip(size, largest)),
        "Value in output_size is less than NestedTensor padded size. Truncation is not supported.",
    )
    padded = []
    for piece in input._pieces():
        room = [(0, n - m) for n, m in zip(size, piece.shape)]
        padded.append(T.constant_pad_nd(piece, [x for pair in reversed(room) for x in pair], padding))
    return T.stack(padded)


NestedTensor.to_padded_tensor = to_padded_tensor

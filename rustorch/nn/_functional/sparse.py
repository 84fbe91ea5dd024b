"""Look-ups in a table of rows: the renormalisation, which writes the table, and one-hot rows."""

from rustorch.autograd.function import Function
from rustorch.autograd.modes import no_grad
from rustorch.dtypes import int64
from rustorch.eager import ops as T
from rustorch.eager.ops import nn_functional as _F
from rustorch.eager.recorder import apply
from rustorch.eager.state import local
from rustorch.errors import RustorchRuntimeError
from rustorch.lowering.table import TABLE
from rustorch.sparse.construct import sparse_coo_tensor

_ONE_HOT = TABLE["one_hot_known"]


def shorten_rows(weight, input, max_norm, norm_type):
    """Rescale, in place, the rows that ``input`` uses to ``max_norm`` where they are longer."""
    with no_grad():
        index = input.reshape(-1)
        rows = weight[index]
        length = rows.norm(norm_type, -1, keepdim=True)
        weight[index] = T.where(length > max_norm, rows * (max_norm / (length + 1e-7)), rows)


class _SparseRows(Function):
    """``weight[input]`` whose gradient in ``weight`` stores the used rows only."""

    @staticmethod
    def forward(ctx, weight, input, padding_idx):
        ctx.save_for_backward(input)
        ctx.rows, ctx.padding_idx = weight.shape, padding_idx
        return _F.embedding(input, weight.detach())

    @staticmethod
    def backward(ctx, grad):
        (input,) = ctx.saved_tensors
        index, values = input.reshape(-1).to(int64).clone(), grad.reshape((-1, *ctx.rows[1:]))
        if ctx.padding_idx is not None:
            # Kept with zeros: how many there are depends on values, and shapes of a program must not.
            values = values * index.ne(ctx.padding_idx).to(values.dtype).unsqueeze(1)
        return sparse_coo_tensor(T.unsqueeze(index, 0), values, ctx.rows, is_coalesced=False), None, None


def embedding(
    input,
    weight,
    padding_idx=None,
    max_norm=None,
    norm_type=2.0,
    scale_grad_by_freq=False,
    sparse=False,
):
    """``weight[input]``; the row ``padding_idx`` gets no gradient."""
    if padding_idx is not None and not -weight.shape[0] <= padding_idx < weight.shape[0]:
        raise AssertionError("Padding_idx must be within num_embeddings")
    if max_norm is not None:
        shorten_rows(weight, input, max_norm, norm_type)
    if sparse and not local.tracing and local.grad and weight.requires_grad:
        if scale_grad_by_freq:
            raise RustorchRuntimeError("embedding_backward: scale_grad_by_freq not supported with sparse gradients")
        if padding_idx is not None:
            padding_idx %= weight.shape[0]
        return _SparseRows.apply(weight, input, padding_idx)
    return _F.embedding(input, weight, padding_idx, None, 2.0, scale_grad_by_freq, sparse)


def embedding_bag(
    input,
    weight,
    offsets=None,
    max_norm=None,
    norm_type=2.0,
    scale_grad_by_freq=False,
    mode="mean",
    sparse=False,
    per_sample_weights=None,
    include_last_offset=False,
    padding_idx=None,
):
    """The sum, mean or maximum of the rows of each bag of indices."""
    if mode not in ("sum", "mean", "max"):
        raise ValueError("mode has to be one of sum, mean or max")
    if max_norm is not None:
        shorten_rows(weight, input, max_norm, norm_type)
    if sparse and mode == "max":
        raise ValueError("max mode does not support sparse weights")
    if sparse and not local.tracing and local.grad and weight.requires_grad:
        if scale_grad_by_freq:
            raise RustorchRuntimeError("embedding_backward: scale_grad_by_freq not supported with sparse gradients")
        # The rows come out one by one; bags are then made of these, each used once.
        flat = input.reshape(-1)
        rows = _SparseRows.apply(weight, flat, None)
        if padding_idx is not None:
            padding_idx = T.where(flat.eq(padding_idx % weight.shape[0]), 0, 1)
        return _bags_of(rows, input, offsets, mode, per_sample_weights, include_last_offset, padding_idx)
    return _F.embedding_bag(
        input,
        weight,
        offsets,
        None,
        2.0,
        scale_grad_by_freq,
        mode,
        sparse,
        per_sample_weights,
        include_last_offset,
        padding_idx,
    )


def bag_numbers(input, offsets, include_last_offset):
    """How many bags there are, and the bag of each index."""
    if input.ndim == 2:
        rows = T.arange(input.shape[0], device=input.device)
        return input.shape[0], T.repeat_interleave(rows, input.shape[1])
    n = offsets.shape[0] - int(include_last_offset)
    places = T.arange(input.shape[0], device=input.device)
    return n, T.searchsorted(offsets[:n].contiguous(), places, right=True) - 1


def _bags_of(rows, input, offsets, mode, weights, include_last_offset, counted):
    """Sums or means over bags of looked-up ``rows``; ``counted`` is 0 where a row is padding."""
    n, bag = bag_numbers(input, offsets, include_last_offset)
    if counted is not None:
        rows = rows * counted.to(rows.dtype).unsqueeze(1)
    if weights is not None:
        rows = rows * weights.reshape(-1, 1)
    total = rows.new_zeros((n, rows.shape[1])).index_add(0, bag, rows)
    if mode == "sum":
        return total
    ones = T.ones_like(bag) if counted is None else counted
    size = T.zeros_like(total[:, 0]).index_add(0, bag, ones.to(rows.dtype))
    return total / size.clamp(min=1).unsqueeze(1)


def one_hot(tensor, num_classes=-1):
    """Rows of zeros with a one at each class index.

    Without ``num_classes`` it is one more than the largest index, which must then be known. An
    index beyond a given ``num_classes`` gives a row of zeros, so that nothing has to wait.
    """
    if num_classes == -1:
        if tensor.numel() == 0:
            raise RuntimeError("Can not infer total number of classes from empty tensor.")
        if int(tensor.min()) < 0:
            raise RuntimeError("Class values must be non-negative.")
        num_classes = int(tensor.max()) + 1
    elif num_classes < 1:
        raise RuntimeError("num_classes should be positive")
    return apply(_ONE_HOT, (tensor, int(num_classes)))

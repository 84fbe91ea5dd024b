"""Look-ups in a table of rows: the renormalisation, which writes the table, and one-hot rows."""

from rustorch.autograd.modes import no_grad
from rustorch.eager import ops as T
from rustorch.eager.ops import nn_functional as _F
from rustorch.eager.recorder import apply
from rustorch.lowering.table import TABLE

_ONE_HOT = TABLE["one_hot_known"]


def _shorten_rows(weight, input, max_norm, norm_type):
    """Rescale, in place, the rows that ``input`` uses to ``max_norm`` where they are longer."""
    with no_grad():
        index = input.reshape(-1)
        rows = weight[index]
        length = rows.norm(norm_type, -1, keepdim=True)
        weight[index] = T.where(length > max_norm, rows * (max_norm / (length + 1e-7)), rows)


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
        _shorten_rows(weight, input, max_norm, norm_type)
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
        _shorten_rows(weight, input, max_norm, norm_type)
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

"""Layers and losses under their lower-level signatures: ``torch.batch_norm``, ``torch.kl_div``, ``torch.convolution``, ...

Each is the function of ``nn.functional`` with its arguments in another order, a reduction as a number, and without the
checks and warnings that only ``nn.functional`` has.
"""

from __future__ import annotations

import functools
import inspect

from rustorch.dtypes import FLOATING, int32, int64
from rustorch.eager import ops as T
from rustorch.eager.ops import nn_functional as _F
from rustorch.eager.tensor import Tensor
from rustorch.eager.views import check_writable
from rustorch.errors import ArgumentTypeError, RustorchRuntimeError, check, wrap_dim
from rustorch.nn._functional import activation, dropout as _dropout, norm, sparse

NATIVE: dict[str, object] = {}
_REDUCTIONS = {1: "mean", 2: "sum"}


def _function(fn):
    """Publish a function in ``torch``, and with it in ``torch.ops.aten``."""
    fn.__module__ = "rustorch"  # where pickle finds it again
    NATIVE[fn.__name__] = T.NAMESPACES["torch"][fn.__name__] = fn
    return fn


def _loss(fn):
    """A loss: unreduced by default in ``torch``, as PyTorch's Python functions are; in ``torch.ops.aten`` the mean."""
    at = list(inspect.signature(fn).parameters).index("reduction")

    @functools.wraps(fn)
    def averaged(*args, **kwargs):
        if len(args) <= at:
            kwargs.setdefault("reduction", 1)
        return fn(*args, **kwargs)

    T.NAMESPACES.setdefault("aten", {})[fn.__name__] = averaged
    return _function(fn)


def _reduction(name: str, number) -> str:
    """A reduction by its number: 1 is the mean, 2 the sum, any other none."""
    if not isinstance(number, int):
        raise ArgumentTypeError(f"{name}(): argument 'reduction' must be int, not {type(number).__name__}")
    return _REDUCTIONS.get(number, "none")


def _dropping(name: str, features: bool) -> None:
    """``torch.<name>(input, p, train)`` and its in-place form."""
    plain = getattr(_dropout, name)

    def drop(input, p, train, in_place):
        check(0 <= p <= 1, f"dropout probability has to be between 0 and 1, but got {p:g}")
        if not train or p == 0 or not input.numel():
            return input
        check(not features or input.ndim >= 2, "Feature dropout requires at least 2 dimensions in the input")
        check(
            input.dtype.kind >= FLOATING or p == 1,
            f"result type Float can't be cast to the desired output type {input.dtype.alias}",
        )
        return plain(input, p, True, in_place)

    def function(input, p, train):
        return drop(input, p, train, False)

    def in_place(input, p, train):
        return drop(input, p, train, True)

    function.__name__ = function.__qualname__ = name
    in_place.__name__ = in_place.__qualname__ = name + "_"
    function.__doc__ = f"{plain.__doc__}\n\n    All arguments are needed; RuntimeError for ``p`` outside [0, 1].\n    "
    in_place.__doc__ = f"In-place form of ``{name}``."
    _function(function), _function(in_place)


for _name in ("dropout", "alpha_dropout", "feature_dropout", "feature_alpha_dropout"):
    _dropping(_name, _name.startswith("feature"))


@_function
def rrelu(input, lower=1.0 / 8, upper=1.0 / 3, training=False, generator=None):
    """x if x ≥ 0 else a·x, with a drawn from [lower, upper) per element while training, else their mean."""
    return activation.random_relu(input, lower, upper, training, generator)


@_function
def rrelu_(input, lower=1.0 / 8, upper=1.0 / 3, training=False, generator=None):
    """In-place form of ``rrelu``."""
    return input.copy_(activation.random_relu(input, lower, upper, training, generator))


@_function
def batch_norm(input, weight, bias, running_mean, running_var, training, momentum, eps, cudnn_enabled):
    """``nn.functional.batch_norm``, also of one value per channel; ``cudnn_enabled`` changes nothing.

    Example:
        >>> import rustorch as torch
        >>> torch.batch_norm(torch.tensor([[1.0], [3.0]]), None, None, None, None, True, 0.1, 0.0, False)
        tensor([[-1.],
                [ 1.]])
    """
    return norm.batch_normed(input, running_mean, running_var, weight, bias, training, momentum, eps)


@_function
def instance_norm(input, weight, bias, running_mean, running_var, use_input_stats, momentum, eps, cudnn_enabled):
    """``nn.functional.instance_norm``; ``cudnn_enabled`` changes nothing."""
    return norm.instance_normed(input, running_mean, running_var, weight, bias, use_input_stats, momentum, eps)


@_loss
def ctc_loss(log_probs, targets, input_lengths, target_lengths, blank=0, reduction=0, zero_infinity=False):
    """``nn.functional.ctc_loss`` with the reduction as a number: 0 none, 1 mean, 2 sum."""
    reduction = _reduction("ctc_loss", reduction)
    return _F.ctc_loss(log_probs, targets, input_lengths, target_lengths, blank, reduction, zero_infinity)


@_function
def embedding_renorm_(input, indices, max_norm, norm_type):
    """Shorten, in place, the rows of a table (rows, width) at ``indices`` to ``max_norm`` where they are longer.

    Raises:
        RuntimeError: the table is no matrix or a leaf that requires grad; indices that are not int64 or int32.

    Example:
        >>> import rustorch as torch
        >>> torch.embedding_renorm_(torch.tensor([[3.0, 4.0], [3.0, 4.0]]), torch.tensor([1]), 1.0, 2.0)
        tensor([[3.0000, 4.0000],
                [0.6000, 0.8000]])
    """
    check_writable(input)
    check(
        input.ndim == 2,
        f"Expected 2-dimensional tensor, but got {input.ndim}-dimensional tensor for argument #1 'self' "
        "(while checking arguments for embedding_renorm_)",
    )
    check(
        indices.dtype in (int64, int32),
        "Expected tensor for argument #2 'indices' to have one of the following scalar types: Long, Int; "
        f"but got torch.{indices.dtype.alias}Tensor instead (while checking arguments for embedding_renorm_)",
    )
    sparse.shorten_rows(input, indices, max_norm, norm_type)
    return input


_BAG_MODES = ("sum", "mean", "max")


@_function
def embedding_bag(
    weight,
    indices,
    offsets,
    scale_grad_by_freq=False,
    mode=0,
    sparse=False,
    per_sample_weights=None,
    include_last_offset=False,
    padding_idx=None,
):
    """``nn.functional.embedding_bag`` of flat indices: ``(bags, bag of each index, bag sizes, largest rows)``.

    ``mode`` 0 is the sum, 1 the mean, 2 the maximum. The last result is, for the maximum, the row that each element came
    from, else the sizes; of sums the sizes are zeros.

    Raises:
        RuntimeError: another mode; ``per_sample_weights`` with a mode other than the sum.
    """
    if not isinstance(offsets, Tensor):
        raise ArgumentTypeError(
            f"embedding_bag(): argument 'offsets' (position 3) must be Tensor, not {type(offsets).__name__}"
        )
    check(mode in (0, 1, 2), "`mode` must be sum, mean, or max.")
    check(per_sample_weights is None or mode == 0, "embedding_bag: per_sample_weights only supported with mode='sum'")
    out = _bags(
        indices, weight, offsets, None, 2.0, scale_grad_by_freq, _BAG_MODES[mode], sparse and mode != 2,
        per_sample_weights, include_last_offset, padding_idx,
    )  # fmt: skip
    n, bag = _bag_numbers(indices, offsets, include_last_offset)
    bag = bag.to(indices.dtype)
    if mode == 0:
        return out, bag, T.zeros_like(offsets[:n]), T.zeros_like(offsets[:n])
    counted = T.ones_like(bag) if padding_idx is None else indices.ne(padding_idx % weight.shape[0]).to(bag.dtype)
    size = T.zeros_like(offsets[:n]).index_add(0, bag, counted.to(offsets.dtype))
    return out, bag, size, size if mode == 1 else _largest(out.detach(), weight.detach(), indices, bag, counted)


def _largest(out, weight, indices, bag, counted):
    """The first row of each bag that has the bag's largest value, per column; 0 in empty bags."""
    past = indices.shape[0]
    if not past:
        return T.zeros_like(out, dtype=indices.dtype)
    found = (weight[indices] == out[bag]) & counted.unsqueeze(1).ne(0)
    place = T.where(found, T.arange(past, device=out.device).unsqueeze(1), past)
    first = T.full_like(out, past, dtype=int64)
    first = first.scatter_reduce(0, bag.to(int64).unsqueeze(1).expand(tuple(place.shape)), place, "amin")
    return T.where(first < past, indices[first.clamp(max=past - 1)], 0)


_bags, _bag_numbers = sparse.embedding_bag, sparse.bag_numbers


@_loss
def binary_cross_entropy_with_logits(input, target, weight=None, pos_weight=None, reduction=0):
    """``nn.functional.binary_cross_entropy_with_logits`` with the reduction as a number; ``input`` may be broadcast."""
    if input.shape != target.shape:
        shape = T.broadcast_shapes(input.shape, target.shape)
        check(
            tuple(shape) == tuple(target.shape),
            f"output with shape {list(target.shape)} doesn't match the broadcast shape {list(shape)}",
        )
        input = input.expand(tuple(shape))
    reduction = _reduction("binary_cross_entropy_with_logits", reduction)
    return _F.binary_cross_entropy_with_logits(input, target, weight, pos_weight=pos_weight, reduction=reduction)


@_loss
def cosine_embedding_loss(input1, input2, target, margin=0.0, reduction=0):
    """``nn.functional.cosine_embedding_loss`` with the reduction as a number: 0 none, 1 mean, 2 sum."""
    reduction = _reduction("cosine_embedding_loss", reduction)
    return _F.cosine_embedding_loss(input1, input2, target, margin, reduction=reduction)


@_loss
def hinge_embedding_loss(input, target, margin=1.0, reduction=0):
    """``nn.functional.hinge_embedding_loss`` with the reduction as a number: 0 none, 1 mean, 2 sum."""
    return _F.hinge_embedding_loss(input, target, margin, reduction=_reduction("hinge_embedding_loss", reduction))


@_loss
def kl_div(input, target, reduction=0, *, log_target=False):
    """``nn.functional.kl_div`` with the reduction as a number: 0 none, 1 mean (over every element), 2 sum."""
    return _F.kl_div(input, target, reduction=_reduction("kl_div", reduction), log_target=log_target)


@_loss
def margin_ranking_loss(input1, input2, target, margin=0.0, reduction=0):
    """``nn.functional.margin_ranking_loss`` with the reduction as a number: 0 none, 1 mean, 2 sum."""
    reduction = _reduction("margin_ranking_loss", reduction)
    return _F.margin_ranking_loss(input1, input2, target, margin, reduction=reduction)


@_function
def poisson_nll_loss(input, target, log_input, full, eps, reduction):
    """``nn.functional.poisson_nll_loss`` with the reduction as a number; every argument is needed."""
    reduction = _reduction("poisson_nll_loss", reduction)
    return _F.poisson_nll_loss(input, target, log_input, full, eps=eps, reduction=reduction)


@_loss
def triplet_margin_loss(anchor, positive, negative, margin=1.0, p=2.0, eps=1e-6, swap=False, reduction=0):
    """``nn.functional.triplet_margin_loss`` with the reduction as a number: 0 none, 1 mean, 2 sum."""
    reduction = _reduction("triplet_margin_loss", reduction)
    return _F.triplet_margin_loss(anchor, positive, negative, margin, p, eps, swap, reduction=reduction)


@_function
def convolution(input, weight, bias, stride, padding, dilation, transposed, output_padding, groups):
    """A convolution, or a ``transposed`` one, over as many axes as ``weight`` has sizes after the first two.

    Args:
        input: (N, C, ...); weight: (out, C / groups, ...), transposed (C, out / groups, ...); bias: (out) or None.
        stride, padding, dilation, output_padding: tuples of one number, or of one for each axis.

    Raises:
        RuntimeError: shapes that do not fit; TypeError: a number in place of a tuple.

    Example:
        >>> import rustorch as torch
        >>> torch.convolution(torch.ones(1, 1, 3), torch.ones(1, 1, 2), None, [1], [0], [1], False, [0], 1)
        tensor([[[2., 2.]]])
    """
    check(weight.ndim >= 3, "weight should have at least three dimensions")
    check(
        input.ndim == weight.ndim,
        f"Expected {weight.ndim}-dimensional input for {weight.ndim}-dimensional weight {list(weight.shape)}, "
        f"but got {input.ndim}-dimensional input of size {list(input.shape)} instead",
    )
    axes = weight.ndim - 2
    if axes > 3:
        raise RustorchRuntimeError(f"unsupported ConvNd: {axes} spatial dimensions")
    given = (("stride", 4, stride), ("padding", 5, padding), ("dilation", 6, dilation))
    stride, padding, dilation = [_per_axis(*g, axes) for g in given]
    if not transposed:
        return getattr(_F, f"conv{axes}d")(input, weight, bias, stride, padding, dilation, groups)
    extra = _per_axis("output_padding", 8, output_padding, axes)
    return getattr(_F, f"conv_transpose{axes}d")(input, weight, bias, stride, padding, extra, groups, dilation)


def _per_axis(name, position, value, axes):
    if not isinstance(value, (tuple, list)):
        raise ArgumentTypeError(
            f"convolution(): argument '{name}' (position {position}) must be tuple of ints, not {type(value).__name__}"
        )
    check(
        len(value) in (1, axes),
        f"expected {name} to be a single integer value or a list of {axes} values to match the convolution "
        f"dimensions, but got {name}={list(value)}",
    )
    return tuple(value) if len(value) == axes else tuple(value) * axes


@_function
def affine_grid_generator(theta, size, align_corners):
    """``nn.functional.affine_grid``: positions (N, H, W, 2) or (N, D, H, W, 3) for images of ``size`` (N, C, ...)."""
    check(len(size) in (4, 5), "AffineGridGenerator needs 4d (spatial) or 5d (volumetric) inputs.")
    return _F.affine_grid(theta, tuple(size), bool(align_corners))


@_function
def native_norm(input, p=2, dim=(), keepdim=False, dtype=None):
    """``torch.norm`` of all elements of a sparse tensor.

    Raises:
        RuntimeError: some of the dimensions only, ``keepdim`` or ``dtype``; NotImplementedError: a dense tensor.
    """
    if not input.is_sparse:
        raise NotImplementedError("Could not run 'aten::native_norm' with arguments from the 'CPU' backend.")
    check(not keepdim, "norm_sparse currently does not support keepdim=True")
    check(dtype is None, "norm_sparse currently does not support 'dtype' argument")
    axes = {wrap_dim(d, input.ndim) for d in ((dim,) if isinstance(dim, int) else dim)}
    check(
        len(axes) in (0, input.ndim),
        "norm_sparse currently only supports full reductions, so 'dim' must either be empty or contain all dimensions "
        "of the input",
    )
    return T.norm(input, p)

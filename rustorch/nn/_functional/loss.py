"""The losses as PyTorch warns about them; what they compute is in their recorded operations."""

import warnings

from rustorch.eager import ops as T
from rustorch.eager.ops import nn_functional as _F
from rustorch.eager.tensor import Tensor
from rustorch.nn._functional.reduction import accepting_legacy


def _warn_if_broadcast(input, target, *args, **kwargs):
    if input.shape != target.shape:
        warnings.warn(
            f"Using a target size ({target.shape}) that is different to the input size "
            f"({input.shape}). This will likely lead to incorrect results due to broadcasting. "
            "Please ensure they have the same size.",
            stacklevel=4,
        )


def _warn_about_mean(input, target, *args, reduction="mean", **kwargs):
    if reduction == "mean":
        warnings.warn(
            "reduction: 'mean' divides the total loss by both the batch size and the support "
            "size.'batchmean' divides only by the batch size, and aligns with the KL div math "
            "definition.'mean' will be changed to behave the same as 'batchmean' in the next "
            "major release.",
            stacklevel=4,
        )


def _check_margin(anchor, positive, negative, margin=1.0, *args, **kwargs):
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")


def _loss(name, before=None):
    return accepting_legacy(getattr(_F, name), name, before)


mse_loss = _loss("mse_loss", _warn_if_broadcast)
l1_loss = _loss("l1_loss", _warn_if_broadcast)
smooth_l1_loss = _loss("smooth_l1_loss", _warn_if_broadcast)
huber_loss = _loss("huber_loss", _warn_if_broadcast)
kl_div = _loss("kl_div", _warn_about_mean)
triplet_margin_loss = _loss("triplet_margin_loss", _check_margin)
binary_cross_entropy = _loss("binary_cross_entropy")
binary_cross_entropy_with_logits = _loss("binary_cross_entropy_with_logits")
cosine_embedding_loss = _loss("cosine_embedding_loss")
cross_entropy = _loss("cross_entropy")
hinge_embedding_loss = _loss("hinge_embedding_loss")
margin_ranking_loss = _loss("margin_ranking_loss")
multi_margin_loss = _loss("multi_margin_loss")
multilabel_margin_loss = _loss("multilabel_margin_loss")
multilabel_soft_margin_loss = _loss("multilabel_soft_margin_loss")
nll_loss = _loss("nll_loss")
poisson_nll_loss = _loss("poisson_nll_loss")
soft_margin_loss = _loss("soft_margin_loss")


def gaussian_nll_loss(input, target, var, full=False, eps=1e-6, reduction="mean"):
    """(log var + (x-y)²/var)/2, var at least eps; ``full`` adds log(2π)/2.

    ``ValueError`` for a negative variance; to know, this waits for its value.
    """
    negative = bool((var < 0).any()) if isinstance(var, Tensor) else var < 0
    if negative:
        raise ValueError("var has negative entry/entries")
    if not isinstance(var, Tensor):
        var = T.full_like(input, var)
    return _F.gaussian_nll_loss(input, target, var, full, eps, reduction)


def triplet_margin_with_distance_loss(
    anchor,
    positive,
    negative,
    *,
    distance_function=None,
    margin=1.0,
    swap=False,
    reduction="mean",
):
    """max(0, d(a, p) - d(a, n) + margin) for a given d; ``swap`` uses min(d(a, n), d(p, n))."""
    _check_margin(anchor, positive, negative, margin)
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"{reduction} is not a valid value for reduction")
    if not anchor.ndim == positive.ndim == negative.ndim:
        raise RuntimeError(
            "The anchor, positive, and negative tensors are expected to have "
            f"the same number of dimensions, but got: anchor {anchor.ndim}D, "
            f"positive {positive.ndim}D, and negative {negative.ndim}D inputs"
        )
    distance = _F.pairwise_distance if distance_function is None else distance_function
    to_positive = distance(anchor, positive)
    to_negative = distance(anchor, negative)
    if swap:
        to_negative = T.minimum(to_negative, distance(positive, negative))
    losses = (margin + to_positive - to_negative).clamp_min(0)
    return losses if reduction == "none" else getattr(losses, reduction)()

"""A linear layer and the cross entropy of its outputs in one call."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from rustorch.eager.ops import nn_functional as _F
from rustorch.errors import RustorchRuntimeError, check
from rustorch.nn._functional.loss import cross_entropy


@dataclass(frozen=True, slots=True)
class LinearCrossEntropyOptions:
    """How PyTorch cuts the batch into chunks; accepted and not needed, since XLA plans the memory of a whole program."""

    allow_retain_graph: bool = False
    batch_chunk_size: int | None = None
    chunking_method: str | None = "auto"
    acc_policy: str = "auto"
    acc_dtype: Any = None


def linear_cross_entropy(
    input,
    linear_weight,
    target,
    *,
    linear_bias=None,
    weight=None,
    reduction="mean",
    ignore_index=None,
    label_smoothing=0.0,
    options=None,
):
    """``cross_entropy(linear(input, linear_weight, linear_bias), target, ...)``.

    Args:
        input: (N, features) or (features).
        linear_weight: (C, *d, features) for C classes, at ``d`` places each.
        target: class numbers (N, *d), or probabilities (N, C, *d).
        options: accepted for PyTorch's sake.

    Raises:
        RuntimeError: shapes that do not fit; ``ignore_index`` with probabilities.
    """
    check(input.dim() in (1, 2), f"expected input with dimensionality 1 or 2, got {input.dim()}")
    check(
        linear_weight.dim() >= 2,
        f"expected linear_weight with dimensionality at least 2, got {linear_weight.dim()}",
    )
    features, (classes, *places) = input.shape[-1], linear_weight.shape[:-1]
    check(
        features == linear_weight.shape[-1],
        "expected equal input and linear_weight last dimensions (in_features), "
        f"got {features} and {linear_weight.shape[-1]}, respectively",
    )
    if linear_bias is not None:
        shape = (classes, *places)
        check(tuple(linear_bias.shape) == shape, f"expected linear_bias shape {shape}, got {tuple(linear_bias.shape)}")
    if places and input.dim() == 1:
        raise RustorchRuntimeError(
            f"K-dimensional loss defined by linear_weight shape {tuple(linear_weight.shape)} requires batched input, "
            f"(N, {features}), got unbatched input with shape {tuple(input.shape)}"
        )
    shape = (*input.shape[:-1], classes, *places)
    check(
        ignore_index is None or tuple(target.shape) != shape,
        "ignore_index cannot be specified when target contains probabilities",
    )
    rows = linear_weight.reshape(math.prod(places, start=classes), features)
    bias = None if linear_bias is None else linear_bias.reshape(-1)
    logits = _F.linear(input, rows, bias).reshape(shape)
    return cross_entropy(
        logits,
        target,
        weight=weight,
        ignore_index=-100 if ignore_index is None else ignore_index,
        reduction=reduction,
        label_smoothing=label_smoothing,
    )

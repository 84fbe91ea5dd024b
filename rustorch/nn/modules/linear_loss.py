"""A linear layer with the cross entropy of its outputs."""

import math

from rustorch.errors import check
from rustorch.nn import functional as F
from rustorch.nn._functional.linear_loss import LinearCrossEntropyOptions as LinearCrossEntropyOptions
from rustorch.nn.modules.linear import Linear
from rustorch.nn.modules.loss import _WeightedLoss


class LinearCrossEntropyLoss(_WeightedLoss):
    """Cross entropy of ``num_classes`` scores, which a ``Linear`` of its own makes of the input.

    Arguments:
        in_features, num_classes: sizes; out_features: places that are each classified.
        bias, device, dtype: of the linear layer; the rest as for ``CrossEntropyLoss``.
        options: accepted; XLA plans a program's memory.

    Shapes: x (features) or (N, features); y (N, *out_features) class indices, or (N, C, *out_features) probabilities.
    Errors: ``RuntimeError`` for a weight of another size or a smoothing outside [0, 1].
    Source: PyTorch definition.

    >>> import rustorch as torch
    >>> loss = torch.nn.LinearCrossEntropyLoss(4, 3)
    >>> loss(torch.ones(2, 4), torch.tensor([0, 2])).shape
    torch.Size([])
    """

    __constants__ = ["num_classes", "out_features", "reduction", "ignore_index", "label_smoothing"]

    def __init__(
        self,
        in_features,
        num_classes,
        *,
        out_features=(),
        bias=False,
        device=None,
        dtype=None,
        reduction="mean",
        weight=None,
        ignore_index=None,
        label_smoothing=0.0,
        options=None,
    ):
        check(
            weight is None or tuple(weight.shape) == (num_classes,),
            f"expected weight shape to be {(num_classes,)}, got {None if weight is None else tuple(weight.shape)}",
        )
        check(0 <= label_smoothing <= 1, f"expected label_smoothing to be in range [0, 1], got {label_smoothing}")
        super().__init__(weight, reduction=reduction)
        self.num_classes = num_classes
        self.out_features = out_features
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing
        self.linear = Linear(
            in_features, math.prod(out_features, start=num_classes), bias=bias, device=device, dtype=dtype
        )
        self.options = options

    def forward(self, input, target):
        scores, bias = (self.num_classes, *self.out_features), self.linear.bias
        return F.linear_cross_entropy(
            input,
            self.linear.weight.reshape((*scores, self.linear.in_features)),
            target,
            linear_bias=None if bias is None else bias.reshape(scores),
            weight=self.weight,
            reduction=self.reduction,
            ignore_index=self.ignore_index,
            label_smoothing=self.label_smoothing,
            options=self.options,
        )

    def extra_repr(self):
        return (
            f"in_features={self.linear.in_features}, num_classes={self.num_classes}, "
            f"out_features={self.out_features}, bias={self.linear.bias is not None}, reduction={self.reduction}, "
            f"ignore_index={self.ignore_index}, label_smoothing={self.label_smoothing}, options={self.options}"
        )

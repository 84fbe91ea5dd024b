"""Normalisation within a sample: layers, groups, root mean square, neighbouring channels."""

import numbers

from rustorch.eager import ops as T
from rustorch.nn import functional as F, init
from rustorch.nn.modules.module import Module
from rustorch.nn.parameter import Parameter


def _shape_tuple(normalized_shape):
    if isinstance(normalized_shape, numbers.Integral):
        return (normalized_shape,)
    return tuple(normalized_shape)


class LayerNorm(Module):
    """y = (x - mean)/√(var + eps) · weight + bias, over the last dimensions.

    Arguments:
        normalized_shape: sizes of the dimensions to normalise over, or one size.
        elementwise_affine: whether weight and bias, of that shape, exist.
        bias: whether bias exists.

    Shapes: (..., *normalized_shape), kept.
    Errors: ``RuntimeError`` if the input does not end in normalized_shape.
    Source: Ba, Kiros & Hinton, 2016.

    >>> import rustorch as torch
    >>> torch.nn.LayerNorm(4)(torch.randn(2, 3, 4)).shape
    torch.Size([2, 3, 4])
    """

    __constants__ = ["normalized_shape", "eps", "elementwise_affine"]

    def __init__(
        self,
        normalized_shape,
        eps=1e-5,
        elementwise_affine=True,
        bias=True,
        device=None,
        dtype=None,
    ):
        super().__init__()
        self.normalized_shape = _shape_tuple(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        like = {"device": device, "dtype": dtype}
        for name, wanted in (("weight", elementwise_affine), ("bias", elementwise_affine and bias)):
            value = Parameter(T.empty(self.normalized_shape, **like)) if wanted else None
            self.register_parameter(name, value)
        self.reset_parameters()

    def reset_parameters(self):
        """Set scale 1 and shift 0."""
        if self.elementwise_affine:
            init.ones_(self.weight)
            if self.bias is not None:
                init.zeros_(self.bias)

    def forward(self, input):
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self):
        return (
            f"{self.normalized_shape}, eps={self.eps}, "
            f"elementwise_affine={self.elementwise_affine}, bias={self.bias is not None}"
        )


class RMSNorm(Module):
    """y = x/√(mean(x²) + eps) · weight, over the last dimensions.

    Arguments as ``LayerNorm``; ``eps=None`` takes the dtype's machine epsilon.
    Source: Zhang & Sennrich, 2019.

    >>> import rustorch as torch
    >>> torch.nn.RMSNorm(4)(torch.randn(2, 4)).shape
    torch.Size([2, 4])
    """

    __constants__ = ["normalized_shape", "eps", "elementwise_affine"]

    def __init__(self, normalized_shape, eps=None, elementwise_affine=True, device=None, dtype=None):
        super().__init__()
        self.normalized_shape = _shape_tuple(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        like = {"device": device, "dtype": dtype}
        self.register_parameter(
            "weight", Parameter(T.empty(self.normalized_shape, **like)) if elementwise_affine else None
        )
        self.reset_parameters()

    def reset_parameters(self):
        """Set scale 1."""
        if self.elementwise_affine:
            init.ones_(self.weight)

    def forward(self, x):
        return F.rms_norm(x, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self):
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


class GroupNorm(Module):
    """y = (x - mean)/√(var + eps) · weight + bias, over each group of channels of a sample.

    Arguments:
        num_groups: groups that the channels are split into.
        num_channels: channels C; weight and bias are per channel.

    Shapes: (N, C, ...), kept.
    Errors: ``ValueError`` unless num_groups divides num_channels.
    Source: Wu & He, 2018.

    >>> import rustorch as torch
    >>> torch.nn.GroupNorm(2, 4)(torch.randn(3, 4, 5)).shape
    torch.Size([3, 4, 5])
    """

    __constants__ = ["num_groups", "num_channels", "eps", "affine"]

    def __init__(
        self,
        num_groups,
        num_channels,
        eps=1e-5,
        affine=True,
        device=None,
        dtype=None,
        *,
        bias=True,
    ):
        super().__init__()
        if num_channels % num_groups != 0:
            raise ValueError(f"num_channels ({num_channels}) must be divisible by num_groups ({num_groups})")
        self.num_groups = num_groups
        self.num_channels = num_channels
        self.eps = eps
        self.affine = affine
        like = {"device": device, "dtype": dtype}
        for name, wanted in (("weight", affine), ("bias", affine and bias)):
            self.register_parameter(name, Parameter(T.empty(num_channels, **like)) if wanted else None)
        self.reset_parameters()

    def reset_parameters(self):
        """Set scale 1 and shift 0."""
        if self.affine:
            init.ones_(self.weight)
            if self.bias is not None:
                init.zeros_(self.bias)

    def forward(self, input):
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self):
        return (
            f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, "
            f"bias={self.bias is not None}"
        )


class LocalResponseNorm(Module):
    """y_c = x_c / (k + alpha/size · Σ x²)^beta, the sum over ``size`` neighbouring channels.

    Shapes: (N, C, ...), kept. Source: Krizhevsky et al., 2012.

    >>> import rustorch as torch
    >>> torch.nn.LocalResponseNorm(2)(torch.randn(2, 4, 3)).shape
    torch.Size([2, 4, 3])
    """

    __constants__ = ["size", "alpha", "beta", "k"]

    def __init__(self, size, alpha=1e-4, beta=0.75, k=1.0):
        super().__init__()
        self.size = size
        self.alpha = alpha
        self.beta = beta
        self.k = k

    def forward(self, input):
        return F.local_response_norm(input, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self):
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"


class CrossMapLRN2d(LocalResponseNorm):
    """``LocalResponseNorm`` for images (N, C, H, W), with k an integer by default."""

    def __init__(self, size, alpha=1e-4, beta=0.75, k=1):
        super().__init__(size, alpha, beta, k)

"""Convolutions in one, two and three dimensions."""

import math

from rustorch.eager import ops as T
from rustorch.nn import functional as F, init
from rustorch.nn.modules.module import Module
from rustorch.nn.modules.utils import _pair, _reverse_repeat_tuple, _single, _triple
from rustorch.nn.parameter import Parameter

PADDING_MODES = ("zeros", "reflect", "replicate", "circular")


class _ConvNd(Module):
    """The arguments, checks and parameters that every convolution shares."""

    __constants__ = [
        "stride",
        "padding",
        "dilation",
        "groups",
        "padding_mode",
        "output_padding",
        "in_channels",
        "out_channels",
        "kernel_size",
    ]

    def __init__(
        self,
        in_channels,
        out_channels,
        kernel_size,
        stride,
        padding,
        dilation,
        transposed,
        output_padding,
        groups,
        bias,
        padding_mode,
        device=None,
        dtype=None,
    ):
        super().__init__()
        if groups <= 0:
            raise ValueError("groups must be a positive integer")
        if in_channels <= 0:
            raise ValueError("in_channels must be a positive integer")
        if out_channels <= 0:
            raise ValueError("out_channels must be a positive integer")
        if in_channels % groups != 0:
            raise ValueError("in_channels must be divisible by groups")
        if out_channels % groups != 0:
            raise ValueError("out_channels must be divisible by groups")
        if isinstance(padding, str):
            if padding not in ("same", "valid"):
                raise ValueError(f"Invalid padding string {padding!r}, should be one of {{'same', 'valid'}}")
            if padding == "same" and any(step != 1 for step in stride):
                raise ValueError("padding='same' is not supported for strided convolutions")
        if padding_mode not in PADDING_MODES:
            raise ValueError(f"padding_mode must be one of {set(PADDING_MODES)}, but got padding_mode='{padding_mode}'")
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = kernel_size
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
        self.transposed = transposed
        self.output_padding = output_padding
        self.groups = groups
        self.padding_mode = padding_mode
        self._reversed_padding_repeated_twice = self._pad_amounts()
        if transposed:
            shape = (in_channels, out_channels // groups, *kernel_size)
        else:
            shape = (out_channels, in_channels // groups, *kernel_size)
        self.weight = Parameter(T.empty(shape, device=device, dtype=dtype))
        if bias:
            self.bias = Parameter(T.empty(out_channels, device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def _pad_amounts(self):
        """What to give ``F.pad`` in the modes that are not zeros."""
        if not isinstance(self.padding, str):
            return list(_reverse_repeat_tuple(self.padding, 2))
        if self.padding == "valid":
            return [0, 0] * len(self.kernel_size)
        amounts = []
        for dilation, size in zip(reversed(self.dilation), reversed(self.kernel_size)):
            total = dilation * (size - 1)
            amounts += [total // 2, total - total // 2]
        return amounts

    def reset_parameters(self):
        """Draw new initial values: uniform on ±1/√fan_in."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            fan_in, _ = init._calculate_fan_in_and_fan_out(self.weight)
            if fan_in != 0:
                bound = 1 / math.sqrt(fan_in)
                init.uniform_(self.bias, -bound, bound)

    def _padded(self, input):
        """The input and the padding that the convolution itself still has to do."""
        if self.padding_mode == "zeros":
            return input, self.padding
        padded = F.pad(input, self._reversed_padding_repeated_twice, mode=self.padding_mode)
        return padded, (0,) * len(self.kernel_size)

    def extra_repr(self):
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        zeros, ones = (0,) * len(self.kernel_size), (1,) * len(self.kernel_size)
        if self.padding != zeros:
            text += f", padding={self.padding}"
        if self.dilation != ones:
            text += f", dilation={self.dilation}"
        if self.output_padding != zeros:
            text += f", output_padding={self.output_padding}"
        if self.groups != 1:
            text += f", groups={self.groups}"
        if self.bias is None:
            text += ", bias=False"
        if self.padding_mode != "zeros":
            text += f", padding_mode={self.padding_mode}"
        return text

    def __setstate__(self, state):
        super().__setstate__(state)
        self.__dict__.setdefault("padding_mode", "zeros")


class _ForwardConv(_ConvNd):
    """A convolution that is not transposed; a subclass names its rank and function."""

    _ntuple = None
    _convolve = None

    def __init__(
        self,
        in_channels,
        out_channels,
        kernel_size,
        stride=1,
        padding=0,
        dilation=1,
        groups=1,
        bias=True,
        padding_mode="zeros",
        device=None,
        dtype=None,
    ):
        ntuple = type(self)._ntuple
        super().__init__(
            in_channels,
            out_channels,
            ntuple(kernel_size),
            ntuple(stride),
            padding if isinstance(padding, str) else ntuple(padding),
            ntuple(dilation),
            False,
            ntuple(0),
            groups,
            bias,
            padding_mode,
            device,
            dtype,
        )

    def _conv_forward(self, input, weight, bias):
        input, padding = self._padded(input)
        return self._convolve(input, weight, bias, self.stride, padding, self.dilation, self.groups)

    def forward(self, input):
        return self._conv_forward(input, self.weight, self.bias)


class Conv1d(_ForwardConv):
    """Cross-correlation over one dimension, plus a bias.

    out[n, o, l] = bias[o] + Σ_{c,k} weight[o, c, k] · x[n, c, stride·l + dilation·k - padding]

    Arguments: ``padding`` may be a size, 'same' or 'valid'; ``padding_mode`` one of 'zeros',
    'reflect', 'replicate', 'circular'; ``groups`` splits the channels into independent blocks.

    Shapes: x (N, C, L) or (C, L) → (N, out, L'), L' = ⌊(L+2p-d(k-1)-1)/s⌋+1; weight
    (out, C/groups, k).
    Errors: ``ValueError`` if groups does not divide both channel counts, or for 'same' with a
    stride.
    Source: PyTorch definition.

    >>> import rustorch as torch
    >>> torch.nn.Conv1d(3, 4, 5, padding=2)(torch.ones(1, 3, 8)).shape
    torch.Size([1, 4, 8])
    """

    _ntuple = staticmethod(_single)
    _convolve = staticmethod(F.conv1d)


class Conv2d(_ForwardConv):
    """Cross-correlation over two dimensions, plus a bias; as ``Conv1d`` per dimension.

    Shapes: x (N, C, H, W) or (C, H, W) → (N, out, H', W'); weight (out, C/groups, kH, kW).

    >>> import rustorch as torch
    >>> torch.nn.Conv2d(3, 4, 3, stride=2)(torch.ones(1, 3, 9, 9)).shape
    torch.Size([1, 4, 4, 4])
    """

    _ntuple = staticmethod(_pair)
    _convolve = staticmethod(F.conv2d)


class Conv3d(_ForwardConv):
    """Cross-correlation over three dimensions, plus a bias; as ``Conv1d`` per dimension.

    Shapes: x (N, C, D, H, W) or (C, D, H, W) → (N, out, D', H', W').

    >>> import rustorch as torch
    >>> torch.nn.Conv3d(1, 2, 3)(torch.ones(1, 1, 4, 4, 4)).shape
    torch.Size([1, 2, 2, 2, 2])
    """

    _ntuple = staticmethod(_triple)
    _convolve = staticmethod(F.conv3d)

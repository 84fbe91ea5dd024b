"""Transposed convolutions: the gradient of a convolution with respect to its input."""

from rustorch.nn import functional as F
from rustorch.nn.modules.conv import _ConvNd
from rustorch.nn.modules.utils import _pair, _single, _triple


class _ConvTransposeNd(_ConvNd):
    """What the three transposed convolutions share; a subclass names its rank and function."""

    _ntuple = None
    _convolve = None

    def __init__(
        self,
        in_channels,
        out_channels,
        kernel_size,
        stride=1,
        padding=0,
        output_padding=0,
        groups=1,
        bias=True,
        dilation=1,
        padding_mode="zeros",
        device=None,
        dtype=None,
    ):
        if padding_mode != "zeros":
            raise ValueError(f'Only "zeros" padding mode is supported for {type(self).__name__}')
        ntuple = type(self)._ntuple
        super().__init__(
            in_channels,
            out_channels,
            ntuple(kernel_size),
            ntuple(stride),
            ntuple(padding),
            ntuple(dilation),
            True,
            ntuple(output_padding),
            groups,
            bias,
            padding_mode,
            device,
            dtype,
        )

    def _output_padding(self, input, output_size, *unused):
        """How much longer the output must be to have ``output_size``."""
        if output_size is None:
            return self.output_padding
        rank = len(self.kernel_size)
        sizes = tuple(output_size)
        if len(sizes) == input.ndim:
            sizes = sizes[-rank:]
        if len(sizes) != rank:
            raise ValueError(
                f"ConvTranspose{rank}D: for {input.ndim}D input, output_size must have {rank} "
                f"or {input.ndim} elements (got {len(output_size)})"
            )
        smallest = [
            (length - 1) * stride - 2 * padding + dilation * (kernel - 1) + 1
            for length, stride, padding, dilation, kernel in zip(
                input.shape[-rank:], self.stride, self.padding, self.dilation, self.kernel_size
            )
        ]
        largest = [size + stride - 1 for size, stride in zip(smallest, self.stride)]
        if any(not low <= size <= high for low, size, high in zip(smallest, sizes, largest)):
            raise ValueError(
                f"requested an output size of {output_size}, but valid sizes range from "
                f"{smallest} to {largest} (for an input of {input.shape[-rank:]})"
            )
        return tuple(size - low for size, low in zip(sizes, smallest))

    def forward(self, input, output_size=None):
        return self._convolve(
            input,
            self.weight,
            self.bias,
            self.stride,
            self.padding,
            self._output_padding(input, output_size),
            self.groups,
            self.dilation,
        )


class ConvTranspose1d(_ConvTransposeNd):
    """The transpose of ``Conv1d``, plus a bias.

    Shapes: x (N, C, L) or (C, L) → (N, out, L'),
    L' = (L-1)s - 2p + d(k-1) + output_padding + 1; weight (C, out/groups, k).
    ``forward`` also takes ``output_size``, to choose among the lengths that stride allows;
    ``ValueError`` if it is out of reach.
    Source: PyTorch definition.

    >>> import rustorch as torch
    >>> torch.nn.ConvTranspose1d(3, 2, 4, stride=2, padding=1)(torch.ones(1, 3, 5)).shape
    torch.Size([1, 2, 10])
    """

    _ntuple = staticmethod(_single)
    _convolve = staticmethod(F.conv_transpose1d)


class ConvTranspose2d(_ConvTransposeNd):
    """The transpose of ``Conv2d``, plus a bias; as ``ConvTranspose1d`` per dimension.

    >>> import rustorch as torch
    >>> torch.nn.ConvTranspose2d(3, 2, 2, stride=2)(torch.ones(1, 3, 4, 4)).shape
    torch.Size([1, 2, 8, 8])
    """

    _ntuple = staticmethod(_pair)
    _convolve = staticmethod(F.conv_transpose2d)


class ConvTranspose3d(_ConvTransposeNd):
    """The transpose of ``Conv3d``, plus a bias; as ``ConvTranspose1d`` per dimension.

    >>> import rustorch as torch
    >>> torch.nn.ConvTranspose3d(1, 2, 2, stride=2)(torch.ones(1, 1, 2, 2, 2)).shape
    torch.Size([1, 2, 4, 4, 4])
    """

    _ntuple = staticmethod(_triple)
    _convolve = staticmethod(F.conv_transpose3d)

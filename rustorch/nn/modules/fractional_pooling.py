"""Max pooling over regions of random sizes between two whole numbers."""

from rustorch.nn import functional as F
from rustorch.nn.modules.module import Module
from rustorch.nn.modules.utils import _pair, _triple


class _FractionalMaxPool(Module):
    __constants__ = ["kernel_size", "return_indices", "output_size", "output_ratio"]

    def __init__(self, kernel_size, output_size=None, output_ratio=None, return_indices=False, _random_samples=None):
        super().__init__()
        name, tuple_of = type(self).__name__, type(self)._ntuple
        self.kernel_size = tuple_of(kernel_size)
        if self._positive and not all(k > 0 for k in self.kernel_size):
            raise ValueError(f"kernel_size must be greater than 0, but got {kernel_size}")
        self.return_indices = return_indices
        self.register_buffer("_random_samples", _random_samples)
        self.output_size = None if output_size is None else tuple_of(output_size)
        self.output_ratio = None if output_ratio is None else tuple_of(output_ratio)
        if output_size is None and output_ratio is None:
            raise ValueError(f"{name} requires specifying either an output size, or a pooling ratio")
        if output_size is not None and output_ratio is not None:
            raise ValueError("only one of output_size and output_ratio may be specified")
        if self.output_ratio is not None and not all(0 < ratio < 1 for ratio in self.output_ratio):
            raise ValueError(f"output_ratio must be between 0 and 1 (got {output_ratio})")

    def forward(self, input):
        return getattr(F, self._function)(
            input, self.kernel_size, self.output_size, self.output_ratio, self.return_indices,
            _random_samples=self._random_samples,
        )  # fmt: skip


class FractionalMaxPool2d(_FractionalMaxPool):
    """(N, C, H, W) → (N, C, *output_size): maxima of regions whose borders are drawn at each call.

    Arguments: ``kernel_size``; either ``output_size`` or ``output_ratio`` in (0, 1). Source: Graham, 2014.
    """

    _ntuple = staticmethod(_pair)
    _function = "fractional_max_pool2d"
    _positive = False


class FractionalMaxPool3d(_FractionalMaxPool):
    """(N, C, T, H, W) → (N, C, *output_size), as ``FractionalMaxPool2d``."""

    _ntuple = staticmethod(_triple)
    _function = "fractional_max_pool3d"
    _positive = True

"""Pooling to a given output size: window i covers ⌊i·L/n⌋ up to ⌈(i+1)·L/n⌉."""

from rustorch.nn import functional as F
from rustorch.nn.modules.module import Module


class _AdaptivePool(Module):
    """The arguments that the adaptive pools share; a subclass names its function."""

    __constants__ = ["output_size"]
    _pool = None

    def __init__(self, output_size):
        super().__init__()
        self.output_size = output_size

    def forward(self, input):
        return self._pool(input, self.output_size)

    def extra_repr(self):
        return f"output_size={self.output_size}"


class _AdaptiveMaxPool(_AdaptivePool):
    """An adaptive max pool, which can also tell where the maxima were."""

    def __init__(self, output_size, return_indices=False):
        super().__init__(output_size)
        self.return_indices = return_indices

    def forward(self, input):
        return self._pool(input, self.output_size, self.return_indices)


class AdaptiveAvgPool1d(_AdaptivePool):
    """The mean of each of ``output_size`` windows: (N, C, L) or (C, L) → (..., output_size).

    >>> import rustorch as torch
    >>> torch.nn.AdaptiveAvgPool1d(2)(torch.tensor([[1.0, 3.0, 2.0, 0.0]])).tolist()
    [[2.0, 1.0]]
    """

    _pool = staticmethod(F.adaptive_avg_pool1d)


class AdaptiveAvgPool2d(_AdaptivePool):
    """As ``AdaptiveAvgPool1d`` for (N, C, H, W); ``None`` in ``output_size`` keeps a size.

    >>> import rustorch as torch
    >>> torch.nn.AdaptiveAvgPool2d((1, None))(torch.ones(1, 3, 4, 5)).shape
    torch.Size([1, 3, 1, 5])
    """

    _pool = staticmethod(F.adaptive_avg_pool2d)


class AdaptiveAvgPool3d(_AdaptivePool):
    """As ``AdaptiveAvgPool2d`` for (N, C, D, H, W)."""

    _pool = staticmethod(F.adaptive_avg_pool3d)


class AdaptiveMaxPool1d(_AdaptiveMaxPool):
    """The maximum of each of ``output_size`` windows: (N, C, L) or (C, L)."""

    _pool = staticmethod(F.adaptive_max_pool1d)


class AdaptiveMaxPool2d(_AdaptiveMaxPool):
    """As ``AdaptiveMaxPool1d`` for (N, C, H, W)."""

    _pool = staticmethod(F.adaptive_max_pool2d)


class AdaptiveMaxPool3d(_AdaptiveMaxPool):
    """As ``AdaptiveMaxPool1d`` for (N, C, D, H, W)."""

    _pool = staticmethod(F.adaptive_max_pool3d)

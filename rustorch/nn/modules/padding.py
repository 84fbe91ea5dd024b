"""Padding at the borders. ``padding`` is one size, or (left, right, top, bottom, …)."""

from rustorch.nn import functional as F
from rustorch.nn.modules.module import Module
from rustorch.nn.modules.utils import _ntuple, _pair, _quadruple

_sextuple = _ntuple(6, "_sextuple")


class _Pad(Module):
    """What the paddings share; a subclass names its mode and how many amounts it takes."""

    __constants__ = ["padding"]
    _mode = None
    _ntuple = None

    def __init__(self, padding):
        super().__init__()
        self.padding = type(self)._ntuple(padding)

    def forward(self, input):
        return F.pad(input, self.padding, self._mode)

    def extra_repr(self):
        return f"{self.padding}"


class _ConstantPad(_Pad):
    """Padding with a given value."""

    __constants__ = ["padding", "value"]

    def __init__(self, padding, value):
        super().__init__(padding)
        self.value = value

    def forward(self, input):
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self):
        return f"padding={self.padding}, value={self.value}"


class _ZeroPad(_ConstantPad):
    """Padding with zeros."""

    def __init__(self, padding):
        super().__init__(padding, 0.0)

    def extra_repr(self):
        return f"{self.padding}"


class ConstantPad1d(_ConstantPad):
    """Pad the last dimension with ``value``.

    >>> import rustorch as torch
    >>> torch.nn.ConstantPad1d(1, 9.0)(torch.ones(1, 1)).tolist()
    [[9.0, 1.0, 9.0]]
    """

    _ntuple = staticmethod(_pair)


class ConstantPad2d(_ConstantPad):
    """Pad the last two dimensions with ``value``."""

    _ntuple = staticmethod(_quadruple)


class ConstantPad3d(_ConstantPad):
    """Pad the last three dimensions with ``value``."""

    _ntuple = staticmethod(_sextuple)


class ZeroPad1d(_ZeroPad):
    """Pad the last dimension with zeros."""

    _ntuple = staticmethod(_pair)


class ZeroPad2d(_ZeroPad):
    """Pad the last two dimensions with zeros."""

    _ntuple = staticmethod(_quadruple)


class ZeroPad3d(_ZeroPad):
    """Pad the last three dimensions with zeros."""

    _ntuple = staticmethod(_sextuple)


class ReflectionPad1d(_Pad):
    """Pad the last dimension with its mirror image, the border not repeated.

    >>> import rustorch as torch
    >>> torch.nn.ReflectionPad1d(1)(torch.tensor([[1.0, 2.0, 3.0]])).tolist()
    [[2.0, 1.0, 2.0, 3.0, 2.0]]
    """

    _mode = "reflect"
    _ntuple = staticmethod(_pair)


class ReflectionPad2d(_Pad):
    """Pad the last two dimensions with their mirror image."""

    _mode = "reflect"
    _ntuple = staticmethod(_quadruple)


class ReflectionPad3d(_Pad):
    """Pad the last three dimensions with their mirror image."""

    _mode = "reflect"
    _ntuple = staticmethod(_sextuple)


class ReplicationPad1d(_Pad):
    """Pad the last dimension with its border value."""

    _mode = "replicate"
    _ntuple = staticmethod(_pair)


class ReplicationPad2d(_Pad):
    """Pad the last two dimensions with their border values."""

    _mode = "replicate"
    _ntuple = staticmethod(_quadruple)


class ReplicationPad3d(_Pad):
    """Pad the last three dimensions with their border values."""

    _mode = "replicate"
    _ntuple = staticmethod(_sextuple)


class _CircularPad(_Pad):
    """Padding with the other end, of inputs with a channel dimension."""

    _mode = "circular"
    _dims = 0

    def forward(self, input):
        fewest = self._dims + 1
        if input.dim() not in (fewest, fewest + 1):
            raise ValueError(f"expected {fewest}D or {fewest + 1}D input (got {input.dim()}D input)")
        return super().forward(input)


class CircularPad1d(_CircularPad):
    """Pad the last dimension with its other end."""

    _dims = 1
    _ntuple = staticmethod(_pair)


class CircularPad2d(_CircularPad):
    """Pad the last two dimensions with their other ends."""

    _dims = 2
    _ntuple = staticmethod(_quadruple)


class CircularPad3d(_CircularPad):
    """Pad the last three dimensions with their other ends."""

    _dims = 3
    _ntuple = staticmethod(_sextuple)

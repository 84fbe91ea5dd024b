"""Softmax and its relatives."""

from rustorch.nn import functional as F
from rustorch.nn.modules.module import Module


class _AlongDim(Module):
    """A normalisation along ``dim``; without one, the old implicit choice, with a warning."""

    __constants__ = ["dim"]
    _function = None

    def __init__(self, dim=None):
        super().__init__()
        self.dim = dim

    def forward(self, input):
        return self._function(input, self.dim, _stacklevel=5)


class Softmax(_AlongDim):
    """exp(x_i)/Σ exp(x_j) along ``dim``. Shapes: any, kept.

    >>> import rustorch as torch
    >>> torch.nn.Softmax(dim=0)(torch.zeros(2)).tolist()
    [0.5, 0.5]
    """

    _function = staticmethod(F.softmax)

    def extra_repr(self):
        return f"dim={self.dim}"


class LogSoftmax(_AlongDim):
    """x_i - log Σ exp(x_j) along ``dim``. Shapes: any, kept."""

    _function = staticmethod(F.log_softmax)

    def extra_repr(self):
        return f"dim={self.dim}"


class Softmin(_AlongDim):
    """exp(-x_i)/Σ exp(-x_j) along ``dim``. Shapes: any, kept."""

    _function = staticmethod(F.softmin)

    def extra_repr(self):
        return f"dim={self.dim}"


class Softmax2d(Module):
    """Softmax over the channels of (N, C, H, W) or (C, H, W); ``ValueError`` for others."""

    def forward(self, input):
        if input.ndim not in (3, 4):
            raise ValueError(f"Softmax2d: expected input to be 3D or 4D, got {input.ndim}D instead")
        return F.softmax(input, -3, _stacklevel=5)

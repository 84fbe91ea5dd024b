"""Random zeroing of elements or whole channels while training."""

from rustorch.nn import functional as F
from rustorch.nn.modules.module import Module


class _DropoutNd(Module):
    """The arguments that the dropouts share; a subclass names its function."""

    __constants__ = ["p", "inplace"]
    _drop = None

    def __init__(self, p=0.5, inplace=False):
        super().__init__()
        if p < 0 or p > 1:
            raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
        self.p = p
        self.inplace = inplace

    def forward(self, input):
        return self._drop(input, self.p, self.training, self.inplace)

    def extra_repr(self):
        return f"p={self.p}, inplace={self.inplace}"


class Dropout(_DropoutNd):
    """Zero each element with probability p and scale the rest by 1/(1-p), while training.

    Shapes: any, kept. Errors: ``ValueError`` unless 0 ≤ p ≤ 1. Source: Hinton et al., 2012.

    >>> import rustorch as torch
    >>> torch.nn.Dropout(0.5).eval()(torch.ones(2)).tolist()
    [1.0, 1.0]
    """

    _drop = staticmethod(F.dropout)


class Dropout1d(_DropoutNd):
    """Zero whole channels of (N, C, L) or (C, L) with probability p. Source: Tompson, 2015."""

    _drop = staticmethod(F.dropout1d)


class Dropout2d(_DropoutNd):
    """Zero whole channels of (N, C, H, W) or (C, H, W) with probability p."""

    _drop = staticmethod(F.dropout2d)


class Dropout3d(_DropoutNd):
    """Zero whole channels of (N, C, D, H, W) or (C, D, H, W) with probability p."""

    _drop = staticmethod(F.dropout3d)


class AlphaDropout(_DropoutNd):
    """Dropout that keeps mean 0 and variance 1, for networks of ``SELU``.

    Dropped elements take SELU's negative limit. Source: Klambauer et al., 2017.
    """

    def forward(self, input):
        return F.alpha_dropout(input, self.p, self.training)


class FeatureAlphaDropout(_DropoutNd):
    """``AlphaDropout`` over whole channels of (N, C, ...)."""

    def forward(self, input):
        return F.feature_alpha_dropout(input, self.p, self.training)

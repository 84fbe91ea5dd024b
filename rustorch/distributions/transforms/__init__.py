"""Transforms of values, with the log of their Jacobian determinants: they make distributions of distributions.

>>> import rustorch as torch
>>> D = torch.distributions
>>> d = D.TransformedDistribution(D.Normal(0.0, 1.0), [D.ExpTransform()])
>>> d.log_prob(torch.tensor(1.0))
tensor(-0.9189)
"""

from rustorch.distributions.transforms._base import (
    ComposeTransform as ComposeTransform,
    IndependentTransform as IndependentTransform,
    Transform as Transform,
    _InverseTransform as _InverseTransform,
    identity_transform as identity_transform,
)
from rustorch.distributions.transforms._elementwise import (
    AbsTransform as AbsTransform,
    AffineTransform as AffineTransform,
    CumulativeDistributionTransform as CumulativeDistributionTransform,
    ExpTransform as ExpTransform,
    PowerTransform as PowerTransform,
    SigmoidTransform as SigmoidTransform,
    SoftplusTransform as SoftplusTransform,
    TanhTransform as TanhTransform,
)
from rustorch.distributions.transforms._events import (
    CorrCholeskyTransform as CorrCholeskyTransform,
    LowerCholeskyTransform as LowerCholeskyTransform,
    PositiveDefiniteTransform as PositiveDefiniteTransform,
    ReshapeTransform as ReshapeTransform,
    SoftmaxTransform as SoftmaxTransform,
    StickBreakingTransform as StickBreakingTransform,
)
from rustorch.distributions.transforms._joined import CatTransform as CatTransform, StackTransform as StackTransform

__all__ = [
    "AbsTransform", "AffineTransform", "CatTransform", "ComposeTransform", "CorrCholeskyTransform",
    "CumulativeDistributionTransform", "ExpTransform", "IndependentTransform", "LowerCholeskyTransform",
    "PositiveDefiniteTransform", "PowerTransform", "ReshapeTransform", "SigmoidTransform", "SoftplusTransform",
    "TanhTransform", "SoftmaxTransform", "StackTransform", "StickBreakingTransform", "Transform", "identity_transform",
]  # fmt: skip

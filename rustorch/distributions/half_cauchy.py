"""``HalfCauchy``."""

import math

from rustorch.distributions.cauchy import Cauchy
from rustorch.distributions.half_normal import Half
from rustorch.distributions.transforms import AbsTransform
from rustorch.eager import ops as T


class HalfCauchy(Half):
    """|X| with X Cauchy around 0.

    Arguments: scale: a number or a tensor of the batch shape.
    Errors: ``ValueError`` for a scale ≤ 0 or NaN.

    >>> import rustorch as torch
    >>> torch.distributions.HalfCauchy(1.0).entropy()
    tensor(1.8379)
    """

    _batched: dict = {}

    def __init__(self, scale, validate_args=None):
        super().__init__(Cauchy(0, scale, validate_args=False), AbsTransform(), validate_args=validate_args)

    @property
    def mean(self):
        """Infinite."""
        return T.full_like(self.scale, math.inf)

    @property
    def variance(self):
        """Infinite."""
        return self.base_dist.variance

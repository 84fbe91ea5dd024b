"""``FisherSnedecor``."""

import math

from rustorch.distributions import constraints
from rustorch.distributions.distribution import Distribution
from rustorch.distributions.gamma import Gamma
from rustorch.distributions.utils import batch_shape_of, broadcast_all, smallest
from rustorch.eager import ops as T


class FisherSnedecor(Distribution):
    """The ratio of two chi-squares, each divided by its degrees of freedom df1 and df2.

    Arguments: df1, df2: numbers or tensors that broadcast to the batch shape.
    Errors: ``ValueError`` for either ≤ 0 or NaN.

    >>> import rustorch as torch
    >>> torch.distributions.FisherSnedecor(3.0, 4.0).mean
    tensor(2.)
    """

    arg_constraints = {"df1": constraints.positive, "df2": constraints.positive}
    support = constraints.positive
    has_rsample = True
    _batched: dict = {"df1": 0, "df2": 0}

    def __init__(self, df1, df2, validate_args=None):
        self.df1, self.df2 = broadcast_all(df1, df2)
        self._gamma1 = Gamma(self.df1 * 0.5, self.df1, validate_args=False)
        self._gamma2 = Gamma(self.df2 * 0.5, self.df2, validate_args=False)
        super().__init__(batch_shape_of([self.df1], df1, df2), validate_args=validate_args)

    def expand(self, batch_shape, _instance=None):
        """As ``Distribution.expand``."""
        new = super().expand(batch_shape, _instance)
        new._gamma1, new._gamma2 = self._gamma1.expand(batch_shape), self._gamma2.expand(batch_shape)
        return new

    def _where(self, least, value):
        """``value`` where df2 is above ``least``, else NaN."""
        return T.where(self.df2 > least, value, T.full_like(value, math.nan))

    @property
    def mean(self):
        """df2 / (df2 - 2) where df2 > 2, else NaN."""
        return self._where(2, self.df2 / (self.df2 - 2))

    @property
    def mode(self):
        """(df1 - 2) / df1 · df2 / (df2 + 2) where df1 > 2, else NaN."""
        value = (self.df1 - 2) / self.df1 * self.df2 / (self.df2 + 2)
        return T.where(self.df1 > 2, value, T.full_like(value, math.nan))

    @property
    def variance(self):
        """2 df2² (df1 + df2 - 2) / (df1 (df2 - 2)² (df2 - 4)) where df2 > 4, else NaN."""
        off = self.df2 - 2
        return self._where(4, 2 * self.df2.square() * (self.df1 + off) / (self.df1 * off.square() * (self.df2 - 4)))

    def rsample(self, sample_shape=()):
        """The ratio of two gamma draws."""
        least = smallest(self.df2.dtype)
        ratio = self._gamma1.rsample(sample_shape) / self._gamma2.rsample(sample_shape).clamp(min=least)
        return ratio.clamp(min=least)

    def log_prob(self, value):
        """The log density."""
        self._checked(value)
        a, b, ratio = 0.5 * self.df1, 0.5 * self.df2, self.df1 / self.df2
        front = (a + b).lgamma() - a.lgamma() - b.lgamma() + a * ratio.log()
        return front + (a - 1) * value.log() - (a + b) * T.log1p(ratio * value)

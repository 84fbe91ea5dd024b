"""``StudentT``."""

import math

from rustorch.distributions import constraints
from rustorch.distributions.chi2 import Chi2
from rustorch.distributions.distribution import Distribution
from rustorch.distributions.utils import broadcast_all, standard_normal
from rustorch.eager import ops as T


class StudentT(Distribution):
    """p(x) = Γ((n + 1)/2) / (Γ(n/2) √(nπ) scale) · (1 + y²/n)^(-(n + 1)/2) with y = (x - loc) / scale, n = df.

    Arguments: df, loc, scale: numbers or tensors that broadcast to the batch shape.
    Errors: ``ValueError`` for a df or scale ≤ 0 or NaN.

    >>> import rustorch as torch
    >>> torch.distributions.StudentT(4.0).variance
    tensor(2.)
    """

    arg_constraints = {"df": constraints.positive, "loc": constraints.real, "scale": constraints.positive}
    support = constraints.real
    has_rsample = True
    _batched: dict = {"df": 0, "loc": 0, "scale": 0}

    def __init__(self, df, loc=0.0, scale=1.0, validate_args=None):
        self.df, self.loc, self.scale = broadcast_all(df, loc, scale)
        self._chi2 = Chi2(self.df, validate_args=False)
        super().__init__(self.df.shape, validate_args=validate_args)

    def expand(self, batch_shape, _instance=None):
        """As ``Distribution.expand``."""
        new = super().expand(batch_shape, _instance)
        new._chi2 = self._chi2.expand(batch_shape)
        return new

    @property
    def mean(self):
        """loc where df > 1, else NaN."""
        return T.where(self.df > 1, self.loc, T.full_like(self.loc, math.nan))

    @property
    def mode(self):
        """loc."""
        return self.loc

    @property
    def variance(self):
        """scale² n / (n - 2) where n > 2, infinite where 1 < n ≤ 2, else NaN."""
        safe = T.where(self.df > 2, self.df, T.full_like(self.df, 3.0))
        finite = self.scale.square() * safe / (safe - 2)
        rest = T.where(self.df > 1, T.full_like(finite, math.inf), T.full_like(finite, math.nan))
        return T.where(self.df > 2, finite, rest)

    def rsample(self, sample_shape=()):
        """loc + scale z √(n / c) with z from N(0, 1) and c from Chi2(n)."""
        z = standard_normal(self._extended_shape(sample_shape), self.df.dtype, self.df.device)
        return self.loc + self.scale * z * T.rsqrt(self._chi2.rsample(sample_shape) / self.df)

    def log_prob(self, value):
        """The log density."""
        self._checked(value)
        y = (value - self.loc) / self.scale
        norm = (
            self.scale.log()
            + 0.5 * self.df.log()
            + 0.5 * math.log(math.pi)
            + T.lgamma(0.5 * self.df)
            - T.lgamma(0.5 * (self.df + 1.0))
        )
        return -0.5 * (self.df + 1.0) * T.log1p(y**2.0 / self.df) - norm

    def entropy(self):
        """log scale + (n + 1)/2 (ψ((n + 1)/2) - ψ(n/2)) + log(√n B(n/2, 1/2))."""
        n = self.df
        log_beta = T.lgamma(0.5 * n) + math.lgamma(0.5) - T.lgamma(0.5 * (n + 1))
        return (
            self.scale.log()
            + 0.5 * (n + 1) * (T.digamma(0.5 * (n + 1)) - T.digamma(0.5 * n))
            + 0.5 * n.log()
            + log_beta
        )

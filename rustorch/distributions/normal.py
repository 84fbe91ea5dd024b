"""``Normal``."""

import math

from rustorch.distributions import constraints
from rustorch.distributions.exp_family import ExponentialFamily
from rustorch.distributions.utils import batch_shape_of, broadcast_all, standard_normal
from rustorch.eager import ops as T


class Normal(ExponentialFamily):
    """p(x) = exp(-(x - loc)² / (2 scale²)) / (scale √(2π)).

    Arguments: loc, scale: numbers or tensors that broadcast to the batch shape.
    Errors: ``ValueError`` for a scale ≤ 0 or NaN.

    >>> import rustorch as torch
    >>> torch.distributions.Normal(0.0, 1.0).log_prob(torch.tensor([0.0, 1.0]))
    tensor([-0.9189, -1.4189])
    """

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.real
    has_rsample = True
    _mean_carrier_measure = 0
    _batched = {"loc": 0, "scale": 0}

    def __init__(self, loc, scale, validate_args=None):
        self.loc, self.scale = broadcast_all(loc, scale)
        super().__init__(batch_shape_of([self.loc], loc, scale), validate_args=validate_args)

    @property
    def mean(self):
        """loc."""
        return self.loc

    @property
    def mode(self):
        """loc."""
        return self.loc

    @property
    def stddev(self):
        """scale."""
        return self.scale

    @property
    def variance(self):
        """scale²."""
        return self.scale.square()

    def rsample(self, sample_shape=()):
        """loc + scale · z with z from N(0, 1)."""
        z = standard_normal(self._extended_shape(sample_shape), self.loc.dtype, self.loc.device)
        return self.loc + self.scale * z

    def log_prob(self, value):
        """The log density."""
        self._checked(value)
        return -0.5 * ((value - self.loc) / self.scale) ** 2 - self.scale.log() - math.log(math.sqrt(2 * math.pi))

    def cdf(self, value):
        """(1 + erf((x - loc) / (scale √2))) / 2."""
        self._checked(value)
        return 0.5 * (1 + T.erf((value - self.loc) * self.scale.reciprocal() / math.sqrt(2)))

    def icdf(self, value):
        """loc + scale √2 erfinv(2q - 1)."""
        return self.loc + self.scale * T.erfinv(2 * value - 1) * math.sqrt(2)

    def entropy(self):
        """½ + log(scale √(2π))."""
        return 0.5 + 0.5 * math.log(2 * math.pi) + self.scale.log()

    @property
    def _natural_params(self):
        return self.loc / self.scale.square(), -0.5 * self.scale.square().reciprocal()

    def _log_normalizer(self, x, y):
        return -0.25 * x.square() / y + 0.5 * T.log(-math.pi / y)

"""``VonMises``."""

import math

from rustorch import special
from rustorch.autograd import no_grad
from rustorch.distributions import constraints
from rustorch.distributions.distribution import Distribution
from rustorch.distributions.utils import broadcast_all
from rustorch.eager import ops as T, random


def log_bessel(x, order: int):
    """log I₀(x) or log I₁(x), finite for large x."""
    scaled = special.i1e(x) if order else special.i0e(x)
    return x + scaled.log()


class VonMises(Distribution):
    """p(x) = exp(concentration cos(x - loc)) / (2π I₀(concentration)), for angles x.

    Arguments: loc, concentration: tensors that broadcast to the batch shape. Draws lie in [-π, π).
    Errors: ``ValueError`` for a concentration ≤ 0 or NaN.
    Source: Best & Fisher, 1979 (the rejection sampler); draws have no gradients.

    >>> import rustorch as torch
    >>> torch.distributions.VonMises(torch.tensor(1.0), torch.tensor(2.0)).variance
    tensor(0.3022)
    """

    arg_constraints = {"loc": constraints.real, "concentration": constraints.positive}
    support = constraints.real
    has_rsample = False
    _batched: dict = {"loc": 0, "concentration": 0}

    def __init__(self, loc, concentration, validate_args=None):
        self.loc, self.concentration = broadcast_all(loc, concentration)
        super().__init__(self.loc.shape, validate_args=validate_args)

    def log_prob(self, value):
        """The log density."""
        self._checked(value)
        return self.concentration * T.cos(value - self.loc) - math.log(2 * math.pi) - log_bessel(self.concentration, 0)

    def sample(self, sample_shape=()):
        """Draws in [-π, π)."""
        with no_grad():
            shape = self._extended_shape(sample_shape)
            angle = random.standard_von_mises(self.concentration.expand(shape))
            return (angle + math.pi + self.loc) % (2 * math.pi) - math.pi

    @property
    def mean(self):
        """loc, the circular mean."""
        return self.loc

    @property
    def mode(self):
        """loc."""
        return self.loc

    @property
    def variance(self):
        """1 - I₁(concentration) / I₀(concentration), the circular variance."""
        return 1 - (log_bessel(self.concentration, 1) - log_bessel(self.concentration, 0)).exp()

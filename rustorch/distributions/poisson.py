"""``Poisson``."""

from rustorch.autograd import no_grad
from rustorch.distributions import constraints
from rustorch.distributions.exp_family import ExponentialFamily
from rustorch.distributions.utils import batch_shape_of, broadcast_all
from rustorch.eager import ops as T


class Poisson(ExponentialFamily):
    """P(k) = rate^k exp(-rate) / k!.

    Arguments: rate: a number or a tensor of the batch shape.
    Errors: ``ValueError`` for a negative rate or NaN.

    >>> import rustorch as torch
    >>> torch.distributions.Poisson(2.0).log_prob(torch.tensor(1.0))
    tensor(-1.3069)
    """

    arg_constraints = {"rate": constraints.nonnegative}
    support = constraints.nonnegative_integer
    _batched = {"rate": 0}

    def __init__(self, rate, validate_args=None):
        (self.rate,) = broadcast_all(rate)
        super().__init__(batch_shape_of([self.rate], rate), validate_args=validate_args)

    @property
    def mean(self):
        """rate."""
        return self.rate

    @property
    def mode(self):
        """⌊rate⌋."""
        return self.rate.floor()

    @property
    def variance(self):
        """rate."""
        return self.rate

    def sample(self, sample_shape=()):
        """Counts."""
        with no_grad():
            return T.poisson(self.rate.expand(self._extended_shape(sample_shape)))

    def log_prob(self, value):
        """k log(rate) - rate - log k!."""
        self._checked(value)
        rate, value = broadcast_all(self.rate, value)
        return T.xlogy(value, rate) - rate - T.lgamma(value + 1)

    @property
    def _natural_params(self):
        return (T.log(self.rate),)

    def _log_normalizer(self, x):
        return T.exp(x)

"""``Gamma``."""

from rustorch import special
from rustorch.distributions import constraints
from rustorch.distributions.exp_family import ExponentialFamily
from rustorch.distributions.utils import batch_shape_of, broadcast_all, smallest
from rustorch.eager import ops as T
from rustorch.eager.convert import as_tensor


def standard_gamma(concentration):
    """Draws from Gamma(concentration, 1), differentiable in the concentration."""
    return T._standard_gamma(concentration)


class Gamma(ExponentialFamily):
    """p(x) = rate^a x^(a - 1) exp(-rate x) / Γ(a) for x ≥ 0, with a the concentration.

    Arguments: concentration, rate: numbers or tensors that broadcast to the batch shape.
    Errors: ``ValueError`` for either ≤ 0 or NaN.
    Gradients of draws are implicit: dx/da = -(∂F/∂a) / p(x) with F the cumulative distribution.

    >>> import rustorch as torch
    >>> torch.distributions.Gamma(2.0, 4.0).variance
    tensor(0.1250)
    """

    arg_constraints = {"concentration": constraints.positive, "rate": constraints.positive}
    support = constraints.nonnegative
    has_rsample = True
    _mean_carrier_measure = 0
    _batched = {"concentration": 0, "rate": 0}

    def __init__(self, concentration, rate, validate_args=None):
        self.concentration, self.rate = broadcast_all(concentration, rate)
        super().__init__(batch_shape_of([self.rate], concentration, rate), validate_args=validate_args)

    @property
    def mean(self):
        """a / rate."""
        return self.concentration / self.rate

    @property
    def mode(self):
        """(a - 1) / rate, at least 0."""
        return ((self.concentration - 1) / self.rate).clamp(min=0)

    @property
    def variance(self):
        """a / rate²."""
        return self.concentration / self.rate.square()

    def rsample(self, sample_shape=()):
        """A standard gamma draw divided by the rate; never 0."""
        shape = self._extended_shape(sample_shape)
        value = standard_gamma(self.concentration.expand(shape)) / self.rate.expand(shape)
        value.detach().clamp_(min=smallest(value.dtype))  # the gradient stays that of the draw
        return value

    def log_prob(self, value):
        """The log density."""
        value = as_tensor(value, dtype=self.rate.dtype, device=self.rate.device)
        self._checked(value)
        a = self.concentration
        return T.xlogy(a, self.rate) + T.xlogy(a - 1, value) - self.rate * value - T.lgamma(a)

    def cdf(self, value):
        """The regularised incomplete gamma function of a and rate x; differentiable in x."""
        self._checked(value)
        return special.gammainc(self.concentration, self.rate * value)

    def entropy(self):
        """a - log(rate) + log Γ(a) + (1 - a) ψ(a)."""
        a = self.concentration
        return a - T.log(self.rate) + T.lgamma(a) + (1.0 - a) * T.digamma(a)

    @property
    def _natural_params(self):
        return self.concentration - 1, -self.rate

    def _log_normalizer(self, x, y):
        return T.lgamma(x + 1) + (x + 1) * T.log(-y.reciprocal())

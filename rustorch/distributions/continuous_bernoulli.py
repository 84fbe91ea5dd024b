"""``ContinuousBernoulli``."""

import math

from rustorch.autograd import no_grad
from rustorch.distributions import constraints
from rustorch.distributions._look import holds
from rustorch.distributions.bernoulli import ProbsOrLogits, cross_entropy
from rustorch.distributions.exp_family import ExponentialFamily
from rustorch.distributions.utils import clamp_probs
from rustorch.eager import ops as T
from rustorch.errors import ArgumentValueError


class ContinuousBernoulli(ProbsOrLogits, ExponentialFamily):
    """p(x) = C(p) p^x (1 - p)^(1 - x) on [0, 1], with C = 2 atanh(1 - 2p) / (1 - 2p).

    Arguments: probs in (0, 1) or logits: a number or a tensor of the batch shape; lims: around ½ between
    these two a Taylor series replaces the quotients.
    Errors: ``ValueError`` unless exactly one is given, or for probs outside [0, 1].
    Source: Loaiza-Ganem & Cunningham, 2019.

    >>> import rustorch as torch
    >>> torch.distributions.ContinuousBernoulli(0.3).mean
    tensor(0.4302)
    """

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.unit_interval
    has_rsample = True
    _mean_carrier_measure = 0
    _batched = {"probs": 0, "logits": 0}
    _shared = ("_given_probs", "_lims")

    def __init__(self, probs=None, logits=None, lims=(0.499, 0.501), validate_args=None):
        shape = self._take(probs, logits)
        if self._given_probs:
            checks = self._validate_args if validate_args is None else validate_args
            if checks and not holds(constraints.unit_interval, self.probs):
                raise ArgumentValueError("The parameter probs has invalid values")
            self.probs = clamp_probs(self.probs)
        self._lims = lims
        super().__init__(shape, validate_args=validate_args)

    def _outside(self):
        """Is p so far from ½ that the quotients are exact?"""
        return (self.probs <= self._lims[0]) | (self.probs > self._lims[1])

    def _parts(self):
        """(is p outside the middle?, p kept outside, p - ½ squared)."""
        outside = self._outside()
        p = T.where(outside, self.probs, T.full_like(self.probs, self._lims[0]))
        return outside, p, (self.probs - 0.5).square()

    def _log_constant(self):
        """log C(p)."""
        outside, p, off = self._parts()
        low = T.where(p <= 0.5, p, T.zeros_like(p))
        high = T.where(p >= 0.5, p, T.ones_like(p))
        exact = T.log((T.log1p(-p) - p.log()).abs()) - T.where(p <= 0.5, T.log1p(-2.0 * low), T.log(2.0 * high - 1.0))
        return T.where(outside, exact, math.log(2.0) + (4.0 / 3.0 + 104.0 / 45.0 * off) * off)

    @property
    def mean(self):
        """p / (2p - 1) + 1 / (log(1 - p) - log p)."""
        outside, p, off = self._parts()
        exact = p / (2.0 * p - 1.0) + 1.0 / (T.log1p(-p) - p.log())
        return T.where(outside, exact, 0.5 + (1.0 / 3.0 + 16.0 / 45.0 * off) * (self.probs - 0.5))

    @property
    def variance(self):
        """p (p - 1) / (1 - 2p)² + 1 / (log(1 - p) - log p)²."""
        outside, p, off = self._parts()
        exact = p * (p - 1.0) / (1.0 - 2.0 * p).square() + 1.0 / (T.log1p(-p) - p.log()).square()
        return T.where(outside, exact, 1.0 / 12.0 - (1.0 / 15.0 - 128.0 / 945.0 * off) * off)

    @property
    def stddev(self):
        """The square root of the variance."""
        return self.variance.sqrt()

    def _uniform(self, sample_shape):
        return T.rand(self._extended_shape(sample_shape), dtype=self.probs.dtype, device=self.probs.device)

    def sample(self, sample_shape=()):
        """Draws without gradients."""
        with no_grad():
            return self.icdf(self._uniform(sample_shape))

    def rsample(self, sample_shape=()):
        """``icdf`` of uniform draws."""
        return self.icdf(self._uniform(sample_shape))

    def log_prob(self, value):
        """The log density."""
        self._checked(value)
        return self._log_constant() - cross_entropy(self.logits, value)

    def cdf(self, value):
        """(p^x (1 - p)^(1 - x) + p - 1) / (2p - 1)."""
        self._checked(value)
        outside, p, _ = self._parts()
        exact = (p.pow(value) * (1.0 - p).pow(1.0 - value) + p - 1.0) / (2.0 * p - 1.0)
        found = T.where(outside, exact, value)
        found = T.where(value <= 0.0, T.zeros_like(found), found)
        return T.where(value >= 1.0, T.ones_like(found), found)

    def icdf(self, value):
        """(log(1 - p + q (2p - 1)) - log(1 - p)) / (log p - log(1 - p))."""
        outside, p, _ = self._parts()
        exact = (T.log1p(-p + value * (2.0 * p - 1.0)) - T.log1p(-p)) / (p.log() - T.log1p(-p))
        return T.where(outside, exact, value)

    def entropy(self):
        """mean (log(1 - p) - log p) - log C - log(1 - p)."""
        neither = T.log1p(-self.probs)
        return self.mean * (neither - T.log(self.probs)) - self._log_constant() - neither

    @property
    def _natural_params(self):
        return (self.logits,)

    def _log_normalizer(self, x):
        outside = (x <= self._lims[0] - 0.5) | (x > self._lims[1] - 0.5)
        safe = T.where(outside, x, T.full_like(x, self._lims[0] - 0.5))
        exact = T.log(T.expm1(safe).abs()) - T.log(safe.abs())
        series = 0.5 * x + x.square() / 24.0 - x.pow(4) / 2880.0
        return T.where(outside, exact, series)

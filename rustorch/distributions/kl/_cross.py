"""Divergences between distributions of different families: cross-entropy less entropy."""

import math

from rustorch.distributions.bernoulli import Bernoulli
from rustorch.distributions.beta import Beta
from rustorch.distributions.continuous_bernoulli import ContinuousBernoulli
from rustorch.distributions.exponential import Exponential
from rustorch.distributions.gamma import Gamma
from rustorch.distributions.gumbel import Gumbel
from rustorch.distributions.kl._registry import register_kl
from rustorch.distributions.kl._same import infinite_where
from rustorch.distributions.laplace import Laplace
from rustorch.distributions.normal import Normal
from rustorch.distributions.pareto import Pareto
from rustorch.distributions.poisson import Poisson
from rustorch.distributions.uniform import Uniform
from rustorch.distributions.utils import euler_constant
from rustorch.eager import ops as T


def _against_normal(p, q):
    """-E_p log q for a normal q: from p's first two moments."""
    off = (p.mean - q.loc).square() + p.variance
    return 0.5 * math.log(2 * math.pi) + q.scale.log() + 0.5 * off / q.scale.square()


def _against_exponential(p, q):
    """-E_p log q for an exponential q."""
    return q.rate * p.mean - q.rate.log()


def _against_gamma(p, q, mean_log):
    """-E_p log q for a gamma q, from p's mean and the mean of the logarithm."""
    a = q.concentration
    return a.lgamma() - a * q.rate.log() - (a - 1) * mean_log + q.rate * p.mean


def _against_gumbel(p, q, moment):
    """-E_p log q for a Gumbel q; ``moment`` is E exp(-x / scale)."""
    return q.scale.log() + (p.mean - q.loc) / q.scale + T.exp(q.loc / q.scale) * moment


def _beyond(p, low, high):
    """Does p's interval reach beyond (low, high)?"""
    return (p.support.lower_bound < low) | (p.support.upper_bound > high)


@register_kl(Bernoulli, Poisson)
def _(p, q):
    return -p.entropy() - (p.probs * q.rate.log() - q.rate)


for _p in (Beta, ContinuousBernoulli, Uniform, Exponential, Gamma, Gumbel, Laplace, Pareto):

    @register_kl(_p, Normal)
    def _(p, q):
        return _against_normal(p, q) - p.entropy()


for _p in (Beta, ContinuousBernoulli, Gamma, Pareto):

    @register_kl(_p, Exponential)
    def _(p, q):
        return _against_exponential(p, q) - p.entropy()


@register_kl(Uniform, Exponential)
def _(p, q):
    return infinite_where(p.low < 0, _against_exponential(p, q) - p.entropy())


@register_kl(Beta, Gamma)
def _(p, q):
    mean_log = p.concentration1.digamma() - (p.concentration1 + p.concentration0).digamma()
    return _against_gamma(p, q, mean_log) - p.entropy()


@register_kl(Exponential, Gamma)
def _(p, q):
    return _against_gamma(p, q, -p.rate.log() - euler_constant) - p.entropy()


@register_kl(Pareto, Gamma)
def _(p, q):
    return _against_gamma(p, q, p.scale.log() + p.alpha.reciprocal()) - p.entropy()


@register_kl(Uniform, Gamma)
def _(p, q):
    mean_log = (T.xlogy(p.high, p.high) - T.xlogy(p.low, p.low)) / (p.high - p.low) - 1
    return infinite_where(p.low < 0, _against_gamma(p, q, mean_log) - p.entropy())


for _p in (Beta, ContinuousBernoulli):

    @register_kl(_p, Uniform)
    def _(p, q):
        value = T.log(q.high - q.low) - p.entropy()
        return infinite_where((q.low > 0) | (q.high < 1), value)


@register_kl(Beta, ContinuousBernoulli)
def _(p, q):
    return -p.entropy() - p.mean * q.logits - T.log1p(-q.probs) - q._log_constant()


@register_kl(Exponential, Gumbel)
def _(p, q):
    moment = p.rate / (p.rate + q.scale.reciprocal())
    return _against_gumbel(p, q, moment) - p.entropy()


@register_kl(Gamma, Gumbel)
def _(p, q):
    moment = (1 + (p.rate * q.scale).reciprocal()).pow(-p.concentration)
    return _against_gumbel(p, q, moment) - p.entropy()


@register_kl(Normal, Gumbel)
def _(p, q):
    moment = T.exp(-p.loc / q.scale + 0.5 * (p.scale / q.scale).square())
    return _against_gumbel(p, q, moment) - p.entropy()


@register_kl(Uniform, Gumbel)
def _(p, q):
    moment = q.scale * (T.exp(-p.low / q.scale) - T.exp(-p.high / q.scale)) / (p.high - p.low)
    return _against_gumbel(p, q, moment) - p.entropy()


@register_kl(Normal, Laplace)
def _(p, q):
    """-E_p log q = log 2s + E|x - loc| / s, the mean distance of a normal being a folded normal's."""
    off = (p.loc - q.loc) / p.scale
    distance = p.scale * (math.sqrt(2 / math.pi) * T.exp(-0.5 * off.square()) + off * T.erf(math.sqrt(0.5) * off))
    return T.log(2 * q.scale) + distance / q.scale - p.entropy()


@register_kl(Uniform, Beta)
def _(p, q):
    width = p.high - p.low
    a, b = q.concentration1, q.concentration0
    log_x = (T.xlogy(p.high, p.high) - T.xlogy(p.low, p.low)) / width - 1
    log_rest = (T.xlogy(1 - p.low, 1 - p.low) - T.xlogy(1 - p.high, 1 - p.high)) / width - 1
    norm = a.lgamma() + b.lgamma() - (a + b).lgamma()
    return infinite_where(_beyond(p, 0, 1), norm - (a - 1) * log_x - (b - 1) * log_rest - p.entropy())


@register_kl(Uniform, ContinuousBernoulli)
def _(p, q):
    value = -p.entropy() - p.mean * q.logits - T.log1p(-q.probs) - q._log_constant()
    return infinite_where(_beyond(p, 0, 1), value)


@register_kl(Uniform, Pareto)
def _(p, q):
    mean_log = (T.xlogy(p.high, p.high) - T.xlogy(p.low, p.low)) / (p.high - p.low) - 1
    value = (q.alpha + 1) * mean_log - q.alpha.log() - q.alpha * q.scale.log() - p.entropy()
    return infinite_where(p.support.lower_bound < q.scale, value)

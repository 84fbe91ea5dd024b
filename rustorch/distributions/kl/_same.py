"""Divergences between two distributions of one family."""

import math

from rustorch.autograd import enable_grad, grad
from rustorch.distributions.bernoulli import Bernoulli
from rustorch.distributions.beta import Beta
from rustorch.distributions.binomial import Binomial
from rustorch.distributions.categorical import Categorical
from rustorch.distributions.cauchy import Cauchy
from rustorch.distributions.continuous_bernoulli import ContinuousBernoulli
from rustorch.distributions.dirichlet import Dirichlet
from rustorch.distributions.exp_family import ExponentialFamily
from rustorch.distributions.exponential import Exponential
from rustorch.distributions.gamma import Gamma
from rustorch.distributions.geometric import Geometric
from rustorch.distributions.gumbel import Gumbel
from rustorch.distributions.half_normal import HalfNormal
from rustorch.distributions.independent import Independent
from rustorch.distributions.kl._registry import kl_divergence, register_kl
from rustorch.distributions.laplace import Laplace
from rustorch.distributions.normal import Normal
from rustorch.distributions.one_hot_categorical import OneHotCategorical
from rustorch.distributions.pareto import Pareto
from rustorch.distributions.poisson import Poisson
from rustorch.distributions.transformed_distribution import TransformedDistribution
from rustorch.distributions.uniform import Uniform
from rustorch.distributions.utils import euler_constant, sum_rightmost
from rustorch.eager import ops as T
from rustorch.nn import functional as F


def infinite_where(condition, value):
    """``value``, and infinity where ``condition`` holds."""
    return T.where(condition, T.full_like(value, math.inf), value)


@register_kl(Bernoulli, Bernoulli)
def _(p, q):
    excess = F.softplus(-q.logits) - F.softplus(-p.logits)
    ones = p.probs * excess
    ones = T.where(p.probs == 0, T.zeros_like(ones), infinite_where((q.probs == 0) & (p.probs > 0), ones))
    zeros = (1 - p.probs) * (F.softplus(q.logits) - F.softplus(p.logits))
    zeros = T.where(p.probs == 1, T.zeros_like(zeros), infinite_where((q.probs == 1) & (p.probs < 1), zeros))
    return ones + zeros


@register_kl(Beta, Beta)
def _(p, q):
    a, b, c, d = p.concentration1, p.concentration0, q.concentration1, q.concentration0
    total_p, total_q = a + b, c + d
    norm = c.lgamma() + d.lgamma() + total_p.lgamma() - total_q.lgamma() - a.lgamma() - b.lgamma()
    return norm + (a - c) * a.digamma() + (b - d) * b.digamma() + (total_q - total_p) * total_p.digamma()


@register_kl(Binomial, Binomial)
def _(p, q):
    n = p.total_count
    value = n * (p.probs * (p.logits - q.logits) + T.log1p(-p.probs) - T.log1p(-q.probs))
    # More trials than q has cannot happen under q; for fewer there is no formula.
    if bool((n < q.total_count).any()):
        raise NotImplementedError("KL between Binomials where q.total_count > p.total_count is not implemented")
    return infinite_where(n > q.total_count, value)


@register_kl(Categorical, Categorical)
def _(p, q):
    each = p.probs * (p.logits - q.logits)
    each = infinite_where((q.probs == 0).expand_as(each), each)
    each = T.where((p.probs == 0).expand_as(each), T.zeros_like(each), each)
    return each.sum(-1)


@register_kl(OneHotCategorical, OneHotCategorical)
def _(p, q):
    return kl_divergence(p._categorical, q._categorical)


@register_kl(ContinuousBernoulli, ContinuousBernoulli)
def _(p, q):
    own = p.mean * p.logits + p._log_constant() + T.log1p(-p.probs)
    return own - q._log_constant() - T.log1p(-q.probs) - p.mean * q.logits


@register_kl(Dirichlet, Dirichlet)
def _(p, q):
    a, b = p.concentration, q.concentration
    norm = a.sum(-1).lgamma() - b.sum(-1).lgamma() + (b.lgamma() - a.lgamma()).sum(-1)
    return norm + ((a - b) * (a.digamma() - a.sum(-1, True).digamma())).sum(-1)


@register_kl(Exponential, Exponential)
def _(p, q):
    ratio = q.rate / p.rate
    return ratio - ratio.log() - 1


@register_kl(ExponentialFamily, ExponentialFamily)
def _(p, q):
    """The Bregman divergence F(θ_q) - F(θ_p) - ⟨θ_q - θ_p, ∇F(θ_p)⟩ of the log-normaliser F."""
    if type(p) is not type(q):
        raise NotImplementedError(
            "The cross KL-divergence between different exponential families cannot                             "
            "be computed using Bregman divergences"
        )
    with enable_grad():
        of_p = [x.detach().requires_grad_() for x in p._natural_params]
        norm = p._log_normalizer(*of_p)
        gradients = grad(norm.sum(), of_p, create_graph=True)
    result = q._log_normalizer(*q._natural_params) - norm
    for x, y, g in zip(of_p, q._natural_params, gradients):
        result = result - sum_rightmost((y - x) * g, len(q.event_shape))
    return result


@register_kl(Gamma, Gamma)
def _(p, q):
    a, b = p.concentration, q.concentration
    scaled = b * (p.rate / q.rate).log() + b.lgamma() - a.lgamma()
    return scaled + (a - b) * a.digamma() + (q.rate - p.rate) * (a / p.rate)


@register_kl(Gumbel, Gumbel)
def _(p, q):
    ratio = p.scale / q.scale
    shift_p, shift_q = p.loc / q.scale, q.loc / q.scale
    moment = T.exp(shift_q - shift_p + (1 + ratio).lgamma())
    return ratio * euler_constant - ratio.log() + shift_p - shift_q + moment - (1 + euler_constant)


@register_kl(Geometric, Geometric)
def _(p, q):
    return -p.entropy() - T.log1p(-q.probs) / p.probs - q.logits


@register_kl(HalfNormal, HalfNormal)
def _(p, q):
    return kl_divergence(p.base_dist, q.base_dist)


@register_kl(Laplace, Laplace)
def _(p, q):
    ratio = p.scale / q.scale
    far = (p.loc - q.loc).abs()
    return -ratio.log() + far / q.scale + ratio * T.exp(-far / p.scale) - 1


@register_kl(Normal, Normal)
def _(p, q):
    ratio = (p.scale / q.scale).square()
    return 0.5 * (ratio + ((p.loc - q.loc) / q.scale).square() - 1 - ratio.log())


@register_kl(Pareto, Pareto)
def _(p, q):
    ratio = p.scale / q.scale
    alpha = q.alpha / p.alpha
    value = q.alpha * ratio.log() - alpha.log() + alpha - 1
    return infinite_where(p.support.lower_bound < q.support.lower_bound, value)


@register_kl(Poisson, Poisson)
def _(p, q):
    return p.rate * (p.rate.log() - q.rate.log()) - (p.rate - q.rate)


@register_kl(TransformedDistribution, TransformedDistribution)
def _(p, q):
    """That of the bases, if the transforms are equal."""
    if p.transforms != q.transforms or p.event_shape != q.event_shape:
        raise NotImplementedError
    value = kl_divergence(p.base_dist, q.base_dist)
    return sum_rightmost(value, len(p.event_shape) - len(p.base_dist.event_shape))


@register_kl(Uniform, Uniform)
def _(p, q):
    value = T.log((q.high - q.low) / (p.high - p.low))
    return infinite_where((q.low > p.low) | (q.high < p.high), value)


@register_kl(Independent, Independent)
def _(p, q):
    if p.reinterpreted_batch_ndims != q.reinterpreted_batch_ndims:
        raise NotImplementedError
    return sum_rightmost(kl_divergence(p.base_dist, q.base_dist), p.reinterpreted_batch_ndims)


@register_kl(Cauchy, Cauchy)
def _(p, q):
    together = ((p.scale + q.scale).square() + (p.loc - q.loc).square()).log()
    return together - (4 * p.scale * q.scale).log()

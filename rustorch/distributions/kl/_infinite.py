"""Pairs whose divergence is infinite: q gives no density where p has some."""

import math

from rustorch.distributions.bernoulli import Bernoulli
from rustorch.distributions.beta import Beta
from rustorch.distributions.binomial import Binomial
from rustorch.distributions.continuous_bernoulli import ContinuousBernoulli
from rustorch.distributions.exponential import Exponential
from rustorch.distributions.gamma import Gamma
from rustorch.distributions.gumbel import Gumbel
from rustorch.distributions.kl._registry import register_kl
from rustorch.distributions.laplace import Laplace
from rustorch.distributions.normal import Normal
from rustorch.distributions.pareto import Pareto
from rustorch.distributions.poisson import Poisson
from rustorch.distributions.uniform import Uniform
from rustorch.eager import ops as T

# For each p what would tell its batch shape and dtype, and the q's that do not cover its support.
WHOLE_LINE = (Beta, ContinuousBernoulli, Exponential, Gamma, Pareto, Uniform)
PAIRS = {
    (Beta, "concentration1"): (Pareto,),
    (ContinuousBernoulli, "probs"): (Pareto,),
    (Exponential, "rate"): (Beta, ContinuousBernoulli, Pareto, Uniform),
    (Gamma, "concentration"): (Beta, ContinuousBernoulli, Pareto, Uniform),
    (Gumbel, "loc"): WHOLE_LINE,
    (Laplace, "loc"): WHOLE_LINE,
    (Normal, "loc"): WHOLE_LINE,
    (Pareto, "scale"): (Beta, ContinuousBernoulli, Uniform),
    (Poisson, "rate"): (Bernoulli, Binomial),
}


def _always(name: str):
    return lambda p, q: T.full_like(getattr(p, name), math.inf)


for (_p, _name), _qs in PAIRS.items():
    for _q in _qs:
        register_kl(_p, _q)(_always(_name))

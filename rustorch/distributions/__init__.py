"""Probability distributions: sampling, densities, entropies, divergences, and gradients through all of them.

A distribution has parameters that broadcast to ``batch_shape`` and events of ``event_shape``. ``sample`` draws,
``rsample`` draws so that gradients flow to the parameters, ``log_prob`` gives densities.

Parameters and values are checked, as in PyTorch: values that are known already at no cost, pending ones by looking
at them, which starts a program. ``validate_args=False`` or ``Distribution.set_default_validate_args(False)`` leave
checks out, so that a training step stays one program; so does recording it (``jit.trace``, ``func``).

>>> import rustorch as torch
>>> d = torch.distributions.Normal(torch.tensor([0.0, 1.0]), 1.0)
>>> d.log_prob(torch.tensor(0.0))
tensor([-0.9189, -1.4189])
"""

from rustorch.distributions import (
    constraint_registry as constraint_registry,
    constraints as constraints,
    kl as kl,
    transforms as transforms,
    utils as utils,
)
from rustorch.distributions.bernoulli import Bernoulli as Bernoulli
from rustorch.distributions.beta import Beta as Beta
from rustorch.distributions.binomial import Binomial as Binomial
from rustorch.distributions.categorical import Categorical as Categorical
from rustorch.distributions.cauchy import Cauchy as Cauchy
from rustorch.distributions.chi2 import Chi2 as Chi2
from rustorch.distributions.constraint_registry import biject_to as biject_to, transform_to as transform_to
from rustorch.distributions.continuous_bernoulli import ContinuousBernoulli as ContinuousBernoulli
from rustorch.distributions.dirichlet import Dirichlet as Dirichlet
from rustorch.distributions.distribution import Distribution as Distribution
from rustorch.distributions.exp_family import ExponentialFamily as ExponentialFamily
from rustorch.distributions.exponential import Exponential as Exponential
from rustorch.distributions.fishersnedecor import FisherSnedecor as FisherSnedecor
from rustorch.distributions.gamma import Gamma as Gamma
from rustorch.distributions.generalized_pareto import GeneralizedPareto as GeneralizedPareto
from rustorch.distributions.geometric import Geometric as Geometric
from rustorch.distributions.gumbel import Gumbel as Gumbel
from rustorch.distributions.half_cauchy import HalfCauchy as HalfCauchy
from rustorch.distributions.half_normal import HalfNormal as HalfNormal
from rustorch.distributions.independent import Independent as Independent
from rustorch.distributions.inverse_gamma import InverseGamma as InverseGamma
from rustorch.distributions.kl import kl_divergence as kl_divergence, register_kl as register_kl
from rustorch.distributions.kumaraswamy import Kumaraswamy as Kumaraswamy
from rustorch.distributions.laplace import Laplace as Laplace
from rustorch.distributions.lkj_cholesky import LKJCholesky as LKJCholesky
from rustorch.distributions.log_normal import LogNormal as LogNormal
from rustorch.distributions.logistic_normal import LogisticNormal as LogisticNormal
from rustorch.distributions.lowrank_multivariate_normal import LowRankMultivariateNormal as LowRankMultivariateNormal
from rustorch.distributions.mixture_same_family import MixtureSameFamily as MixtureSameFamily
from rustorch.distributions.multinomial import Multinomial as Multinomial
from rustorch.distributions.multivariate_normal import MultivariateNormal as MultivariateNormal
from rustorch.distributions.negative_binomial import NegativeBinomial as NegativeBinomial
from rustorch.distributions.normal import Normal as Normal
from rustorch.distributions.one_hot_categorical import (
    OneHotCategorical as OneHotCategorical,
    OneHotCategoricalStraightThrough as OneHotCategoricalStraightThrough,
)
from rustorch.distributions.pareto import Pareto as Pareto
from rustorch.distributions.poisson import Poisson as Poisson
from rustorch.distributions.relaxed_bernoulli import RelaxedBernoulli as RelaxedBernoulli
from rustorch.distributions.relaxed_categorical import RelaxedOneHotCategorical as RelaxedOneHotCategorical
from rustorch.distributions.studentT import StudentT as StudentT
from rustorch.distributions.transformed_distribution import TransformedDistribution as TransformedDistribution
from rustorch.distributions.transforms import (
    AbsTransform as AbsTransform,
    AffineTransform as AffineTransform,
    CatTransform as CatTransform,
    ComposeTransform as ComposeTransform,
    CorrCholeskyTransform as CorrCholeskyTransform,
    CumulativeDistributionTransform as CumulativeDistributionTransform,
    ExpTransform as ExpTransform,
    IndependentTransform as IndependentTransform,
    LowerCholeskyTransform as LowerCholeskyTransform,
    PositiveDefiniteTransform as PositiveDefiniteTransform,
    PowerTransform as PowerTransform,
    ReshapeTransform as ReshapeTransform,
    SigmoidTransform as SigmoidTransform,
    SoftmaxTransform as SoftmaxTransform,
    SoftplusTransform as SoftplusTransform,
    StackTransform as StackTransform,
    StickBreakingTransform as StickBreakingTransform,
    TanhTransform as TanhTransform,
    Transform as Transform,
    identity_transform as identity_transform,
)
from rustorch.distributions.uniform import Uniform as Uniform
from rustorch.distributions.von_mises import VonMises as VonMises
from rustorch.distributions.weibull import Weibull as Weibull
from rustorch.distributions.wishart import Wishart as Wishart

__all__ = [
    "Bernoulli", "Beta", "Binomial", "Categorical", "Cauchy", "Chi2", "biject_to", "transform_to",
    "ContinuousBernoulli", "Dirichlet", "Distribution", "ExponentialFamily", "Exponential", "FisherSnedecor",
    "Gamma", "GeneralizedPareto", "Geometric", "Gumbel", "HalfCauchy", "HalfNormal", "Independent", "InverseGamma",
    "kl_divergence", "register_kl", "Kumaraswamy", "Laplace", "LKJCholesky", "LogNormal", "LogisticNormal",
    "LowRankMultivariateNormal", "MixtureSameFamily", "Multinomial", "MultivariateNormal", "NegativeBinomial",
    "Normal", "OneHotCategorical", "OneHotCategoricalStraightThrough", "Pareto", "Poisson", "RelaxedBernoulli",
    "RelaxedOneHotCategorical", "StudentT", "TransformedDistribution", "AbsTransform", "AffineTransform",
    "CatTransform", "ComposeTransform", "CorrCholeskyTransform", "CumulativeDistributionTransform", "ExpTransform",
    "IndependentTransform", "LowerCholeskyTransform", "PositiveDefiniteTransform", "PowerTransform",
    "ReshapeTransform", "SigmoidTransform", "SoftplusTransform", "TanhTransform", "SoftmaxTransform",
    "StackTransform", "StickBreakingTransform", "Transform", "identity_transform", "Uniform", "VonMises", "Weibull",
    "Wishart",
]  # fmt: skip

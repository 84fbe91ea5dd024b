"""One row per distribution: how it is made from tensors, and values to ask about. Run by both libraries."""

import numpy as np


def simplex(*rows):
    a = np.array(rows, dtype=np.float64)
    return a / a.sum(-1, keepdims=True)


REAL = [[-1.3], [0.4], [2.1]]
POSITIVE = [[0.3], [1.2], [2.7]]
UNIT = [[0.1], [0.5], [0.85]]
COUNTS = [[0.0], [1.0], [4.0]]
LOC, SCALE = [0.3, -0.7], [0.8, 1.7]
A, B = [0.7, 2.3], [1.4, 3.1]
P = [0.3, 0.8]
SPD = np.array([[2.0, 0.5, 0.1], [0.5, 1.5, -0.2], [0.1, -0.2, 1.0]])
TRIL = np.linalg.cholesky(SPD)
VECTORS = [[0.1, -0.4, 1.0], [1.0, 2.0, -0.5]]
MATRICES = np.stack([SPD, SPD @ SPD])
CORR = np.linalg.cholesky(np.array([[1.0, 0.3, -0.2], [0.3, 1.0, 0.5], [-0.2, 0.5, 1.0]]))
PROBS = simplex([0.2, 0.3, 0.5], [0.6, 0.1, 0.3])

# name: (parameters, make(D, *parameters), values)
ROWS = {
    "Bernoulli": ([P], lambda D, p: D.Bernoulli(p), [[0.0], [1.0]]),
    "Bernoulli_logits": ([LOC], lambda D, x: D.Bernoulli(logits=x), [[0.0], [1.0]]),
    "Beta": ([A, B], lambda D, a, b: D.Beta(a, b), UNIT),
    "Binomial": ([P], lambda D, p: D.Binomial(4, p), COUNTS),
    "Binomial_logits": ([LOC], lambda D, x: D.Binomial(5, logits=x), COUNTS),
    "Categorical": ([PROBS], lambda D, p: D.Categorical(p), [[0], [2]]),
    "Categorical_logits": ([VECTORS], lambda D, x: D.Categorical(logits=x), [[0], [2]]),
    "Cauchy": ([LOC, SCALE], lambda D, m, s: D.Cauchy(m, s), REAL),
    "Chi2": ([B], lambda D, k: D.Chi2(k), POSITIVE),
    "ContinuousBernoulli": ([[0.2, 0.5003, 0.8]], lambda D, p: D.ContinuousBernoulli(p), UNIT),
    "ContinuousBernoulli_logits": ([[0.0001, -1.0]], lambda D, x: D.ContinuousBernoulli(logits=x), UNIT),
    "Dirichlet": ([[[0.7, 1.3, 2.0], [3.0, 2.0, 1.5]]], lambda D, a: D.Dirichlet(a), PROBS),
    "Exponential": ([A], lambda D, r: D.Exponential(r), POSITIVE),
    "FisherSnedecor": ([[1.5, 6.0], [3.0, 7.0]], lambda D, a, b: D.FisherSnedecor(a, b), POSITIVE),
    "Gamma": ([A, B], lambda D, a, b: D.Gamma(a, b), POSITIVE),
    "GeneralizedPareto": (
        [[-1.5, -1.5, -1.4], [2.0, 3.0, 1.5], [0.3, -0.2, 0.0]],
        lambda D, m, s, k: D.GeneralizedPareto(m, s, k),
        REAL,
    ),
    "Geometric": ([P], lambda D, p: D.Geometric(p), COUNTS),
    "Geometric_logits": ([LOC], lambda D, x: D.Geometric(logits=x), COUNTS),
    "Gumbel": ([LOC, SCALE], lambda D, m, s: D.Gumbel(m, s), REAL),
    "HalfCauchy": ([SCALE], lambda D, s: D.HalfCauchy(s), POSITIVE),
    "HalfNormal": ([SCALE], lambda D, s: D.HalfNormal(s), POSITIVE),
    "Independent": ([LOC, SCALE], lambda D, m, s: D.Independent(D.Normal(m, s), 1), [[0.1, 0.2], [1.0, -2.0]]),
    "InverseGamma": ([[1.5, 2.3], B], lambda D, a, b: D.InverseGamma(a, b), POSITIVE),
    "Kumaraswamy": ([[1.7, 0.6], [0.9, 2.0]], lambda D, a, b: D.Kumaraswamy(a, b), UNIT),
    "LKJCholesky": ([[0.5, 2.0]], lambda D, c: D.LKJCholesky(3, c), np.stack([CORR, CORR])),
    "Laplace": ([LOC, SCALE], lambda D, m, s: D.Laplace(m, s), REAL),
    "LogNormal": ([LOC, SCALE], lambda D, m, s: D.LogNormal(m, s), POSITIVE),
    "LogisticNormal": ([LOC, SCALE], lambda D, m, s: D.LogisticNormal(m, s), PROBS),
    "LowRankMultivariateNormal": (
        [VECTORS, [[0.5, 0.1], [-0.3, 1.0], [0.2, 0.2]], [0.5, 1.0, 0.8]],
        lambda D, m, w, d: D.LowRankMultivariateNormal(m, w, d),
        VECTORS,
    ),
    "MixtureSameFamily": (
        [P, LOC, SCALE],
        lambda D, p, m, s: D.MixtureSameFamily(D.Categorical(p), D.Normal(m, s)),
        [-1.3, 0.4, 2.1],
    ),
    "MixtureSameFamily_events": (
        [P, VECTORS],
        lambda D, p, m: D.MixtureSameFamily(D.Categorical(p), D.Independent(D.Laplace(m, 1.0), 1)),
        VECTORS,
    ),
    "Multinomial": ([PROBS], lambda D, p: D.Multinomial(4, p), [[1.0, 2.0, 1.0], [0.0, 4.0, 0.0]]),
    "Multinomial_logits": (
        [VECTORS],
        lambda D, x: D.Multinomial(3, logits=x),
        [[1.0, 2.0, 0.0], [0.0, 3.0, 0.0]],
    ),
    "MultivariateNormal": ([VECTORS[0], SPD], lambda D, m, c: D.MultivariateNormal(m, c), VECTORS),
    "MultivariateNormal_precision": (
        [VECTORS[0], SPD],
        lambda D, m, c: D.MultivariateNormal(m, precision_matrix=c),
        VECTORS,
    ),
    "MultivariateNormal_tril": (
        [VECTORS, [TRIL, TRIL]],
        lambda D, m, c: D.MultivariateNormal(m, scale_tril=c),
        VECTORS,
    ),
    "NegativeBinomial": ([[3.0, 0.5], P], lambda D, n, p: D.NegativeBinomial(n, p), COUNTS),
    "NegativeBinomial_logits": ([[3.0, 0.5], LOC], lambda D, n, x: D.NegativeBinomial(n, logits=x), COUNTS),
    "Normal": ([LOC, SCALE], lambda D, m, s: D.Normal(m, s), REAL),
    "OneHotCategorical": ([PROBS], lambda D, p: D.OneHotCategorical(p), [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]),
    "OneHotCategoricalStraightThrough": (
        [VECTORS],
        lambda D, x: D.OneHotCategoricalStraightThrough(logits=x),
        [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]],
    ),
    "Pareto": ([[0.1, 0.2], [1.5, 2.5]], lambda D, s, a: D.Pareto(s, a), POSITIVE),
    "Poisson": ([B], lambda D, r: D.Poisson(r), COUNTS),
    "RelaxedBernoulli": ([0.7, P], lambda D, t, p: D.RelaxedBernoulli(t, p), UNIT),
    "RelaxedBernoulli_logits": ([0.7, LOC], lambda D, t, x: D.RelaxedBernoulli(t, logits=x), UNIT),
    "RelaxedOneHotCategorical": ([0.7, PROBS], lambda D, t, p: D.RelaxedOneHotCategorical(t, p), PROBS),
    "StudentT": ([[1.5, 3.0], LOC, SCALE], lambda D, n, m, s: D.StudentT(n, m, s), REAL),
    "TransformedDistribution": (
        [LOC, SCALE],
        lambda D, m, s: D.TransformedDistribution(D.Normal(m, s), [D.SigmoidTransform(), D.AffineTransform(1.0, -2.0)]),
        [[-0.5], [0.3], [0.9]],
    ),
    "Uniform": ([[-2.0, -1.5], [2.5, 3.0]], lambda D, a, b: D.Uniform(a, b), REAL),
    "VonMises": ([LOC, [0.5, 20.0]], lambda D, m, k: D.VonMises(m, k), REAL),
    "Weibull": ([SCALE, [1.5, 2.3]], lambda D, s, k: D.Weibull(s, k), POSITIVE),
    "Wishart": ([[3.5, 5.0], SPD], lambda D, n, c: D.Wishart(n, c), MATRICES),
    "Wishart_precision": ([3.5, SPD], lambda D, n, c: D.Wishart(n, precision_matrix=c), MATRICES),
    "Wishart_tril": ([3.5, TRIL], lambda D, n, c: D.Wishart(n, scale_tril=c), MATRICES),
}


SINGLE = {"GeneralizedPareto"}  # PyTorch's takes float32 only


def tensors(torch, given, requires_grad=False, dtype="float64"):
    """Tensors of one library."""
    kind = {"dtype": getattr(torch, dtype), "requires_grad": requires_grad}
    return [torch.tensor(np.array(x, dtype=np.float64).tolist(), **kind) for x in given]


def made(torch, name, requires_grad=False):
    """(the distribution of a row, its parameters, its values) in one library."""
    dtype = "float32" if name in SINGLE else "float64"
    parameters, make, values = ROWS[name]
    parameters = tensors(torch, parameters, requires_grad, dtype)
    (values,) = tensors(torch, [values], dtype=dtype)
    return make(torch.distributions, *parameters), parameters, values

"""``Dirichlet``."""

from rustorch.distributions import constraints
from rustorch.distributions.exp_family import ExponentialFamily
from rustorch.eager import ops as T
from rustorch.errors import ArgumentValueError


class Dirichlet(ExponentialFamily):
    """p(x) = Γ(Σ a) / Π Γ(aᵢ) · Π xᵢ^(aᵢ - 1) on the simplex.

    Arguments: concentration a: (..., k), all positive. Events: (k,).
    Errors: ``ValueError`` for a concentration ≤ 0 or without dimension.
    Gradients of draws are implicit, through the gamma draws that are normalised.

    >>> import rustorch as torch
    >>> torch.distributions.Dirichlet(torch.tensor([1.0, 3.0])).mean
    tensor([0.2500, 0.7500])
    """

    arg_constraints = {"concentration": constraints.independent(constraints.positive, 1)}
    support = constraints.simplex
    has_rsample = True
    _batched = {"concentration": 1}

    def __init__(self, concentration, validate_args=None):
        if concentration.dim() < 1:
            raise ArgumentValueError("`concentration` parameter must be at least one-dimensional.")
        self.concentration = concentration
        super().__init__(concentration.shape[:-1], concentration.shape[-1:], validate_args=validate_args)

    def rsample(self, sample_shape=()):
        """Normalised gamma draws."""
        return T._sample_dirichlet(self.concentration.expand(self._extended_shape(sample_shape)))

    def log_prob(self, value):
        """The log density."""
        self._checked(value)
        a = self.concentration
        return T.xlogy(a - 1.0, value).sum(-1) + T.lgamma(a.sum(-1)) - T.lgamma(a).sum(-1)

    @property
    def mean(self):
        """a / Σ a."""
        return self.concentration / self.concentration.sum(-1, True)

    @property
    def mode(self):
        """(a - 1) / Σ (a - 1) with negative parts 0; the first corner if all are below 1 (every one is unbounded)."""
        excess = (self.concentration - 1).clamp(min=0.0)
        corner = T.zeros_like(excess)
        corner[..., 0] = 1.0
        return T.where((self.concentration < 1).all(-1, True), corner, excess / excess.sum(-1, True))

    @property
    def variance(self):
        """a (Σa - a) / ((Σa)² (Σa + 1))."""
        total = self.concentration.sum(-1, True)
        return self.concentration * (total - self.concentration) / (total.square() * (total + 1))

    def entropy(self):
        """log B(a) + (Σa - k) ψ(Σa) - Σ (a - 1) ψ(a)."""
        a = self.concentration
        k, total = a.size(-1), a.sum(-1)
        return (
            T.lgamma(a).sum(-1) - T.lgamma(total) - (k - total) * T.digamma(total) - ((a - 1.0) * T.digamma(a)).sum(-1)
        )

    @property
    def _natural_params(self):
        return (self.concentration,)

    def _log_normalizer(self, x):
        return x.lgamma().sum(-1) - T.lgamma(x.sum(-1))

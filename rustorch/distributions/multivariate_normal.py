"""``MultivariateNormal``."""

import math

from rustorch.distributions import constraints
from rustorch.distributions._factored import Factored, half_log_det, squared_length
from rustorch.distributions.distribution import Distribution
from rustorch.distributions.utils import standard_normal
from rustorch.eager import ops as T
from rustorch.errors import ArgumentValueError
from rustorch.size import Size


class MultivariateNormal(Factored, Distribution):
    """p(x) = exp(-½ (x - loc)ᵀ Σ⁻¹ (x - loc)) / √((2π)ⁿ det Σ).

    Arguments: loc (..., n); one of covariance_matrix Σ, precision_matrix Σ⁻¹ and scale_tril L with Σ = L Lᵀ,
    (..., n, n). Events: (n,). ``scale_tril`` is fastest: the others are factored first.
    Errors: ``ValueError`` unless exactly one is given, for wrong shapes, or matrices not positive definite.

    >>> import rustorch as torch
    >>> d = torch.distributions.MultivariateNormal(torch.zeros(2), torch.eye(2))
    >>> d.log_prob(torch.zeros(2))
    tensor(-1.8379)
    """

    arg_constraints = {
        "loc": constraints.real_vector,
        "covariance_matrix": constraints.positive_definite,
        "precision_matrix": constraints.positive_definite,
        "scale_tril": constraints.lower_cholesky,
    }
    support = constraints.real_vector
    has_rsample = True
    _batched = {"loc": 1, "covariance_matrix": 2, "precision_matrix": 2, "scale_tril": 2}
    _shared = ("_unbroadcasted_scale_tril",)

    def __init__(self, loc, covariance_matrix=None, precision_matrix=None, scale_tril=None, validate_args=None):
        if loc.dim() < 1:
            raise ArgumentValueError("loc must be at least one-dimensional.")
        given = self._only_one(
            covariance_matrix=covariance_matrix, precision_matrix=precision_matrix, scale_tril=scale_tril
        )
        if given is None:
            raise ArgumentValueError(
                "Exactly one of covariance_matrix or precision_matrix or scale_tril may be specified."
            )
        name, matrix = given
        if matrix.dim() < 2:
            what = "scale_tril matrix" if name == "scale_tril" else name
            raise ArgumentValueError(f"{what} must be at least two-dimensional, with optional leading batch dimensions")
        batch = Size(T.broadcast_shapes(matrix.shape[:-2], loc.shape[:-1]))
        setattr(self, name, matrix.expand(batch + matrix.shape[-2:]))
        self.loc = loc.expand(batch + loc.shape[-1:])
        super().__init__(batch, self.loc.shape[-1:], validate_args=validate_args)
        self._factor(name, matrix)

    @property
    def mean(self):
        """loc."""
        return self.loc

    @property
    def mode(self):
        """loc."""
        return self.loc

    @property
    def variance(self):
        """The diagonal of Σ."""
        return self._unbroadcasted_scale_tril.square().sum(-1).expand(self._batch_shape + self._event_shape)

    def rsample(self, sample_shape=()):
        """loc + L z with z from N(0, 1)."""
        z = standard_normal(self._extended_shape(sample_shape), self.loc.dtype, self.loc.device)
        return self.loc + (self._unbroadcasted_scale_tril @ z.unsqueeze(-1)).squeeze(-1)

    def log_prob(self, value):
        """The log density."""
        self._checked(value)
        distance = squared_length(self._unbroadcasted_scale_tril, value - self.loc)
        n = self._event_shape[0]
        return -0.5 * (n * math.log(2 * math.pi) + distance) - half_log_det(self._unbroadcasted_scale_tril)

    def entropy(self):
        """n/2 (1 + log 2π) + ½ log det Σ."""
        n = self._event_shape[0]
        result = 0.5 * n * (1.0 + math.log(2 * math.pi)) + half_log_det(self._unbroadcasted_scale_tril)
        return result.expand(self._batch_shape)

"""``LowRankMultivariateNormal``."""

import math

from rustorch import linalg
from rustorch.distributions import constraints
from rustorch.distributions._factored import half_log_det, squared_length
from rustorch.distributions.distribution import Distribution
from rustorch.distributions.utils import lazy_property, standard_normal
from rustorch.eager import ops as T
from rustorch.errors import ArgumentValueError
from rustorch.size import Size


def capacitance_tril(factor, diag):
    """The Cholesky factor of I + Wᵀ D⁻¹ W, from W (..., n, m) and D's diagonal (..., n)."""
    m = factor.shape[-1]
    inner = (factor.mT / diag.unsqueeze(-2)) @ factor
    return linalg.cholesky(inner + T.eye(m, dtype=factor.dtype, device=factor.device))


def lowrank_log_det(factor, diag, capacitance):
    """log det of W Wᵀ + D, by the matrix determinant lemma."""
    return 2 * half_log_det(capacitance) + diag.log().sum(-1)


def lowrank_squared_length(factor, diag, x, capacitance):
    """xᵀ (W Wᵀ + D)⁻¹ x, by Woodbury's identity."""
    inner = ((factor.mT / diag.unsqueeze(-2)) @ x.unsqueeze(-1)).squeeze(-1)
    return (x.square() / diag).sum(-1) - squared_length(capacitance, inner)


class LowRankMultivariateNormal(Distribution):
    """A multivariate normal with covariance W Wᵀ + D: its costs grow with m instead of n.

    Arguments: loc (..., n); cov_factor W (..., n, m); cov_diag, the diagonal of D (..., n). Events: (n,).
    Errors: ``ValueError`` for wrong shapes or a cov_diag ≤ 0.

    >>> import rustorch as torch
    >>> d = torch.distributions.LowRankMultivariateNormal(torch.zeros(2), torch.ones(2, 1), torch.ones(2))
    >>> d.covariance_matrix
    tensor([[2., 1.],
            [1., 2.]])
    """

    arg_constraints = {
        "loc": constraints.real_vector,
        "cov_factor": constraints.independent(constraints.real, 2),
        "cov_diag": constraints.independent(constraints.positive, 1),
    }
    support = constraints.real_vector
    has_rsample = True
    _batched = {
        "loc": 1, "cov_factor": 2, "cov_diag": 1, "covariance_matrix": 2, "precision_matrix": 2, "scale_tril": 2,
    }  # fmt: skip
    _shared = ("_unbroadcasted_cov_factor", "_unbroadcasted_cov_diag", "_capacitance_tril")

    def __init__(self, loc, cov_factor, cov_diag, validate_args=None):
        if loc.dim() < 1:
            raise ArgumentValueError("loc must be at least one-dimensional.")
        event = loc.shape[-1:]
        if cov_factor.dim() < 2:
            raise ArgumentValueError(
                "cov_factor must be at least two-dimensional, with optional leading batch dimensions"
            )
        if cov_factor.shape[-2:-1] != event:
            raise ArgumentValueError(f"cov_factor must be a batch of matrices with shape {event[0]} x m")
        if cov_diag.shape[-1:] != event:
            raise ArgumentValueError(f"cov_diag must be a batch of vectors with shape {event}")
        try:
            batch = Size(T.broadcast_shapes(loc.shape[:-1], cov_factor.shape[:-2], cov_diag.shape[:-1]))
        except RuntimeError as e:
            raise ArgumentValueError(
                f"Incompatible batch shapes: loc {loc.shape}, cov_factor {cov_factor.shape}, cov_diag {cov_diag.shape}"
            ) from e
        self.loc = loc.expand(batch + event)
        self.cov_factor = cov_factor.expand(batch + cov_factor.shape[-2:])
        self.cov_diag = cov_diag.expand(batch + event)
        self._unbroadcasted_cov_factor = cov_factor
        self._unbroadcasted_cov_diag = cov_diag
        super().__init__(batch, event, validate_args=validate_args)
        self._capacitance_tril = capacitance_tril(cov_factor, cov_diag)

    def _expanded(self, matrix):
        return matrix.expand(self._batch_shape + self._event_shape + self._event_shape)

    def _covariance(self):
        factor = self._unbroadcasted_cov_factor
        return factor @ factor.mT + self._unbroadcasted_cov_diag.diag_embed()

    @property
    def mean(self):
        """loc."""
        return self.loc

    @property
    def mode(self):
        """loc."""
        return self.loc

    @lazy_property
    def variance(self):
        """The diagonal of the covariance."""
        diagonal = self._unbroadcasted_cov_factor.square().sum(-1) + self._unbroadcasted_cov_diag
        return diagonal.expand(self._batch_shape + self._event_shape)

    @lazy_property
    def scale_tril(self):
        """The Cholesky factor of the covariance."""
        return self._expanded(linalg.cholesky(self._covariance()))

    @lazy_property
    def covariance_matrix(self):
        """W Wᵀ + D."""
        return self._expanded(self._covariance())

    @lazy_property
    def precision_matrix(self):
        """D⁻¹ - AᵀA with A = C⁻¹ Wᵀ D⁻¹ and C the capacitance's factor."""
        diag = self._unbroadcasted_cov_diag
        inner = self._unbroadcasted_cov_factor.mT / diag.unsqueeze(-2)
        a = linalg.solve_triangular(self._capacitance_tril, inner, upper=False)
        return self._expanded(diag.reciprocal().diag_embed() - a.mT @ a)

    def rsample(self, sample_shape=()):
        """loc + W u + √D v with u, v from N(0, 1)."""
        shape = self._extended_shape(sample_shape)
        like = self.loc.dtype, self.loc.device
        u = standard_normal(tuple(shape[:-1]) + tuple(self.cov_factor.shape[-1:]), *like)
        v = standard_normal(shape, *like)
        low = (self._unbroadcasted_cov_factor @ u.unsqueeze(-1)).squeeze(-1)
        return self.loc + low + self._unbroadcasted_cov_diag.sqrt() * v

    def log_prob(self, value):
        """The log density."""
        self._checked(value)
        parts = self._unbroadcasted_cov_factor, self._unbroadcasted_cov_diag
        distance = lowrank_squared_length(*parts, value - self.loc, self._capacitance_tril)
        log_det = lowrank_log_det(*parts, self._capacitance_tril)
        return -0.5 * (self._event_shape[0] * math.log(2 * math.pi) + log_det + distance)

    def entropy(self):
        """n/2 (1 + log 2π) + ½ log det."""
        log_det = lowrank_log_det(self._unbroadcasted_cov_factor, self._unbroadcasted_cov_diag, self._capacitance_tril)
        result = 0.5 * (self._event_shape[0] * (1.0 + math.log(2 * math.pi)) + log_det)
        return result.expand(self._batch_shape)

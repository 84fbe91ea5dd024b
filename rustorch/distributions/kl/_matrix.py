"""Divergences between multivariate normals, with or without a low-rank covariance."""

from rustorch import linalg
from rustorch.distributions._factored import half_log_det, squared_length
from rustorch.distributions.kl._registry import register_kl
from rustorch.distributions.lowrank_multivariate_normal import (
    LowRankMultivariateNormal,
    lowrank_log_det,
    lowrank_squared_length,
)
from rustorch.distributions.multivariate_normal import MultivariateNormal
from rustorch.eager import ops as T
from rustorch.errors import ArgumentValueError


def _check(p, q) -> None:
    if p.event_shape != q.event_shape:
        kinds = {type(p), type(q)}
        name = "Multivariate Normals" if kinds == {MultivariateNormal} else "two Low Rank Multivariate Normals"
        if len(kinds) > 1:
            name = "two (Low Rank) Multivariate Normals"
        raise ArgumentValueError(f"KL-divergence between {name} with different event shapes cannot be computed")


def _log_det(d):
    """log det of the covariance."""
    if isinstance(d, MultivariateNormal):
        return 2 * half_log_det(d._unbroadcasted_scale_tril)
    return lowrank_log_det(d._unbroadcasted_cov_factor, d._unbroadcasted_cov_diag, d._capacitance_tril)


def _distance(q, x):
    """xᵀ Σ⁻¹ x with q's covariance."""
    if isinstance(q, MultivariateNormal):
        return squared_length(q._unbroadcasted_scale_tril, x)
    parts = q._unbroadcasted_cov_factor, q._unbroadcasted_cov_diag
    return lowrank_squared_length(*parts, x, q._capacitance_tril)


def _roots(p):
    """Matrices R whose R Rᵀ sum to p's covariance."""
    if isinstance(p, MultivariateNormal):
        return [p._unbroadcasted_scale_tril]
    return [p._unbroadcasted_cov_factor, p._unbroadcasted_cov_diag.sqrt().diag_embed()]


def _trace(q, root):
    """tr(Σ⁻¹ R Rᵀ) with q's covariance: the squared norm of Σ's inverse factor times R."""
    if isinstance(q, MultivariateNormal):
        return linalg.solve_triangular(q._unbroadcasted_scale_tril, root, upper=False).square().sum((-2, -1))
    diag = q._unbroadcasted_cov_diag.unsqueeze(-1)
    a = linalg.solve_triangular(q._capacitance_tril, (q._unbroadcasted_cov_factor / diag).mT, upper=False)
    return (root.square() / diag).sum((-2, -1)) - (a @ root).square().sum((-2, -1))


def _kl(p, q):
    """½ (log det Σ_q - log det Σ_p + tr(Σ_q⁻¹ Σ_p) + |loc_q - loc_p|² - n)."""
    _check(p, q)
    trace = sum(_trace(q, root) for root in _roots(p))
    found = 0.5 * (_log_det(q) - _log_det(p) + trace + _distance(q, q.loc - p.loc) - p.event_shape[0])
    return found.expand(T.broadcast_shapes(p.batch_shape, q.batch_shape))


for _p in (MultivariateNormal, LowRankMultivariateNormal):
    for _q in (MultivariateNormal, LowRankMultivariateNormal):
        register_kl(_p, _q)(_kl)

"""Kullback-Leibler divergences: ``kl_divergence(p, q)``, and ``register_kl`` for pairs of one's own.

>>> import rustorch as torch
>>> D = torch.distributions
>>> D.kl_divergence(D.Normal(0.0, 1.0), D.Normal(1.0, 1.0))
tensor(0.5000)
"""

from rustorch.distributions.kl import _cross as _cross, _infinite as _infinite, _matrix as _matrix, _same as _same
from rustorch.distributions.kl._registry import (
    _KL_REGISTRY as _KL_REGISTRY,
    kl_divergence as kl_divergence,
    register_kl as register_kl,
)

__all__ = ["register_kl", "kl_divergence"]

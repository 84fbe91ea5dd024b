"""Bessel and Airy functions of ``torch.special`` (as there, without a derivative)."""

from __future__ import annotations

import jax.numpy as jnp

from rustorch.lowering.kernels import bessel as kernels
from rustorch.lowering.table import pointwise


def _function(name: str, kernel) -> None:
    def body(input):
        return kernel(input.astype(jnp.float64)).astype(input.dtype)

    body.__name__, body.__doc__ = name, kernel.__doc__
    pointwise(body, promote="float", namespace="special", differentiable=False)


for _name, _kernel in {
    "airy_ai": kernels.airy_ai,
    "bessel_j0": kernels.j0,
    "bessel_j1": kernels.j1,
    "bessel_y0": kernels.y0,
    "bessel_y1": kernels.y1,
    "modified_bessel_k0": kernels.k0,
    "modified_bessel_k1": kernels.k1,
    "scaled_modified_bessel_k0": kernels.k0e,
    "scaled_modified_bessel_k1": kernels.k1e,
}.items():
    _function(_name, _kernel)

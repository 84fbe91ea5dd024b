"""Bridges to JAX (and, in functions that take its objects, PyTorch)."""

from rustorch.interop.arrays import from_jax as from_jax
from rustorch.interop.flax_modules import from_flax as from_flax, to_flax as to_flax
from rustorch.interop.modules import to_jax as to_jax
from rustorch.jit.saving import to_stablehlo as to_stablehlo

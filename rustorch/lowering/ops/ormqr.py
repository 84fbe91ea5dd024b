"""Products with the orthogonal matrix that Householder reflectors stand for."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from rustorch.errors import check
from rustorch.lowering.ops.linalg_checks import adjoint, floating
from rustorch.lowering.promote import dtype_of
from rustorch.lowering.table import op


def batched(f, *arrays):
    """``f`` of single matrices on stacks of them with the same leading shape."""
    lead = arrays[0].shape[:-2]
    flat = [x.reshape(-1, *x.shape[len(lead) :]) for x in arrays]
    out = jax.vmap(f)(*flat)
    return jax.tree.map(lambda x: x.reshape(lead + x.shape[1:]), out)


def _apply(vectors, tau, other, forwards: bool, conjugate: bool):
    """``H_1 ... H_k other`` (or its reverse), ``H_i = 1 - tau_i v_i v_iᴴ``, for one matrix."""
    m, k = other.shape[0], tau.shape[0]
    rows = jnp.arange(m)[:, None]
    v = jnp.where(rows == jnp.arange(k), 1, jnp.where(rows > jnp.arange(k), vectors[:, :k], 0)).astype(other.dtype)
    for i in range(k) if forwards else reversed(range(k)):
        t = jnp.conj(tau[i]) if conjugate else tau[i]
        other = other - t * jnp.outer(v[:, i], jnp.conj(v[:, i]) @ other)
    return other


@op(dear=True)
def ormqr(input, tau, other, left=True, transpose=False):
    """``Q other`` (or ``other Q`` without ``left``; Qᴴ with ``transpose``) for Q given by ``geqrf``'s reflectors.

    ``input`` (..., m, k) and ``tau`` (..., k) hold the reflectors, ``other`` (..., m, n), or (..., n, m) on the right.

    Raises:
        RuntimeError: shapes or dtypes that do not fit.
    """
    floating(input, "torch.ormqr")
    check(input.ndim >= 2, "torch.ormqr: input must have at least 2 dimensions.")
    check(other.ndim >= 2, "torch.ormqr: other must have at least 2 dimensions.")
    side = "-2" if left else "-1"
    size = other.shape[-2 if left else -1]
    check(
        size >= tau.shape[-1] if tau.ndim else True,
        f"torch.ormqr: other.shape[{side}] must be greater than or equal to tau.shape[-1]",
    )
    check(size == input.shape[-2], f"torch.ormqr: other.shape[{side}] must be equal to input.shape[-2]")
    check(
        tau.ndim == input.ndim - 1,
        f"torch.ormqr: Expected tau to have one dimension less than input, but got tau.ndim equal to {tau.ndim} "
        f"and input.ndim is equal to {input.ndim}",
    )
    check(
        input.ndim == other.ndim,
        f"torch.ormqr: Expected input and other to have the same number of dimensions, but got input.ndim equal to "
        f"{input.ndim} and other.ndim is equal to {other.ndim}",
    )
    for x, name in ((tau, "tau"), (other, "other")):
        check(
            x.dtype == input.dtype,
            f"torch.ormqr: Expected input and {name} to have the same dtype, but input has dtype{dtype_of(input).alias} "
            f"and {name} has dtype {dtype_of(x).alias}",
        )
        check(
            x.shape[: input.ndim - 2] == input.shape[:-2],
            f"torch.ormqr: Expected batch dimensions of {name} to be equal to input.shape[:-2], but got {list(x.shape[: input.ndim - 2])}",
        )
    check(
        tau.shape[-1] == min(size, input.shape[-1]),
        f"torch.ormqr: tau.shape[-1] must be equal to min(other.shape[{side}], input.shape[-1])",
    )
    if not other.size or not tau.size:
        return other
    # other Q = (Qᴴ otherᴴ)ᴴ. Q applies the last reflector first.
    taken = other if left else adjoint(other)
    undo = bool(transpose) == bool(left)
    lead = input.shape[:-2]
    flat = [x.reshape(-1, *x.shape[len(lead) :]) for x in (input, tau, taken)]
    out = jax.vmap(lambda a, t, o: _apply(a, t, o, undo, undo))(*flat).reshape(taken.shape)
    return out if left else adjoint(out)

"""Views under another element type: real and imaginary parts, complex as pairs, the same bits."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from rustorch import dtypes
from rustorch.errors import check
from rustorch.lowering.strides import respaced
from rustorch.lowering.table import view


def _require_complex(name):
    return f"{name} is not implemented for tensors with non-complex dtypes."


def _set_real(base, new):
    return jax.lax.complex(jnp.broadcast_to(new.real.astype(base.real.dtype), base.shape), base.imag)


def _set_imag(base, new):
    return jax.lax.complex(base.real, jnp.broadcast_to(new.real.astype(base.real.dtype), base.shape))


@view(name="real_part", function=False, method=False, scatter=_set_real, saves=False, grad_name="SelectBackward0")
def real_part(xp, input):
    """The real part of a complex tensor."""
    if xp is np:
        return respaced(input, input.shape, [2 * s for s in input.strides])
    return input.real


@view(name="imag_part", function=False, method=False, scatter=_set_imag, saves=False, grad_name="SelectBackward0")
def imag_part(xp, input):
    """The imaginary part of a complex tensor."""
    if xp is np:
        return respaced(input, input.shape, [2 * s for s in input.strides])
    check(jnp.iscomplexobj(input), _require_complex("imag"))
    return input.imag


def _set_conj(base, new):
    return jnp.broadcast_to(jnp.conj(new), base.shape).astype(base.dtype)


@view(function=False, scatter=_set_conj, saves=False, grad_name="ConjBackward0")
def conj(xp, input):
    """The complex conjugate: what is written to it is conjugated on its way to the base."""
    return input if xp is np else jnp.conj(input)


def _as_complex(x):
    return jax.lax.complex(x[..., 0], x[..., 1])


def _as_real(x):
    return jnp.stack([x.real, x.imag], -1)


@view(scatter=lambda base, new: _as_complex(new), saves=False)
def view_as_real(xp, input):
    """A complex tensor as real pairs in a new last dimension of size 2."""
    if xp is np:
        return respaced(input, (*input.shape, 2), [*(2 * s for s in input.strides), 1])
    check(jnp.iscomplexobj(input), "view_as_real is only supported for complex tensors")
    return _as_real(input)


@view(scatter=lambda base, new: _as_real(new), saves=False)
def view_as_complex(xp, input):
    """Real pairs in the last dimension (size 2) as a complex tensor."""
    if xp is np:
        return respaced(input, input.shape[:-1], [s // 2 for s in input.strides[:-1]])
    kind = dtypes.from_numpy(input.dtype)
    check(
        kind.is_floating_point,
        f"view_as_complex is only supported for floating point tensors, but got a tensor of scalar type: {kind.alias}",
    )
    check(input.ndim > 0, "Input tensor must have one or more dimensions")
    check(input.shape[-1] == 2, "Tensor must have a last dimension of size 2")
    return _as_complex(input)


def _bitcast(input, dtype):
    """Reinterpret bytes; the last dimension shrinks or grows with the item size."""
    old, new = np.dtype(input.dtype).itemsize, dtype.itemsize
    source = input.astype(np.uint8) if input.dtype == bool else input
    target = np.uint8 if dtype.numpy == bool else dtype.numpy
    if jnp.iscomplexobj(source):
        source = _as_real(source)
        source = source.reshape(*input.shape[:-1], -1) if input.ndim else source.reshape(-1)
        old //= 2
    wide = dtype.is_complex
    if wide:
        target, new = dtype.to_real().numpy, new // 2
    if new < old:
        out = jax.lax.bitcast_convert_type(source, target)
        out = out.reshape(*source.shape[:-1], -1) if source.ndim else out
    elif new > old:
        ratio = new // old
        check(
            source.ndim > 0 and source.shape[-1] % ratio == 0,
            f"self.size(-1) must be divisible by {ratio} to view {dtypes.from_numpy(input.dtype).alias} as {dtype.alias} "
            f"(different element sizes), but got {source.shape[-1] if source.ndim else 0}",
        )
        out = jax.lax.bitcast_convert_type(source.reshape(*source.shape[:-1], -1, ratio), target)
    else:
        out = jax.lax.bitcast_convert_type(source, target)
    if wide:
        out = _as_complex(out.reshape(*out.shape[:-1], -1, 2))
        if not input.ndim:
            out = out.reshape(())
    return out != 0 if dtype.numpy == bool else out


def _set_bits(base, new, dtype):
    return _bitcast(new, dtypes.from_numpy(base.dtype)).reshape(base.shape)


@view(function=False, method=False, differentiable=False, scatter=_set_bits, grad_name="ViewBackward0")
def view_dtype(xp, input, dtype):
    """The same bytes as another dtype."""
    if xp is np:
        return None  # PyTorch requires matching strides; the result is contiguous here
    return _bitcast(input, dtype)

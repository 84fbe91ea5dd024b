"""Discrete Fourier transforms."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from rustorch import dtypes
from rustorch.errors import DTypeError, RustorchRuntimeError, check, wrap_dim
from rustorch.lowering.promote import cast, dtype_of
from rustorch.lowering.table import creation, op

_OPPOSITE = {None: "forward", "backward": "forward", "forward": "backward", "ortho": "ortho"}


def _norm(norm):
    if norm not in _OPPOSITE:
        raise RustorchRuntimeError(f'Invalid normalization mode: "{norm}"')
    return norm or "backward"


def _signal(x, complex_=False, real=None):
    """The input as floating point, complex if asked; raises for ``real`` transforms of complex."""
    dtype = dtype_of(x)
    if real and dtype.is_complex:
        raise DTypeError(f"{real} expects a real input tensor, but got {dtype.alias}")
    if dtype.kind < dtypes.FLOATING:
        dtype = dtypes.get_default_dtype()
    if dtype.itemsize < 4:
        raise DTypeError(f"Unsupported dtype {dtype.alias}")
    return cast(x, dtype.to_complex() if complex_ else dtype)


def _one(x, n, dim):
    """Checked dimension, and the length asked for."""
    if x.ndim == 0:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    d = wrap_dim(dim, x.ndim)
    size = x.shape[d] if n is None else n
    check(size >= 1, f"Invalid number of data points ({size}) specified")
    return d, n


def _several(x, s, dim):
    """Dimensions and lengths of a transform over several; -1 keeps a length."""
    if dim is None:
        dims = tuple(range(x.ndim)) if s is None else tuple(range(x.ndim - len(s), x.ndim))
    else:
        dims = tuple(wrap_dim(d, x.ndim) for d in ((dim,) if isinstance(dim, int) else dim))
    check(len(set(dims)) == len(dims), "FFT dims must be unique")
    sizes = [x.shape[d] for d in dims]
    if s is not None:
        given = (s,) if isinstance(s, int) else tuple(s)
        check(len(given) == len(dims), "When given, dim and shape arguments must have the same length")
        sizes = [n if n != -1 else old for n, old in zip(given, sizes)]
    for n in sizes:
        check(n >= 1, f"Invalid number of data points ({n}) specified")
    return dims, sizes


def _c2c(x, dims, sizes, norm, inverse):
    transform = jnp.fft.ifft if inverse else jnp.fft.fft
    if len(dims) in (2, 3):
        return (jnp.fft.ifftn if inverse else jnp.fft.fftn)(x, tuple(sizes), dims, norm)
    for d, n in zip(dims, sizes):
        x = transform(x, n, d, norm)
    return x


def _grad(kind):
    return {"namespace": "fft", "grad_name": f"Fft{kind}Backward0", "dear": True, "saves": False}


@op(**_grad("C2C"))
def fft(input, n=None, dim=-1, norm=None):
    """``X[k] = sum of x[j] exp(-2 pi i j k / n)`` along ``dim``."""
    d, n = _one(input, n, dim)
    return jnp.fft.fft(_signal(input, True), n, d, _norm(norm))


@op(**_grad("C2C"))
def ifft(input, n=None, dim=-1, norm=None):
    """The inverse of ``fft``: ``x[j] = sum of X[k] exp(2 pi i j k / n) / n``."""
    d, n = _one(input, n, dim)
    return jnp.fft.ifft(_signal(input, True), n, d, _norm(norm))


@op(**_grad("R2C"))
def rfft(input, n=None, dim=-1, norm=None):
    """The first half of ``fft`` of a real signal; the other half is its conjugate."""
    x = _signal(input, real="rfft")
    d, n = _one(input, n, dim)
    return jnp.fft.rfft(x, n, d, _norm(norm))


def _half(x, n, d):
    n = 2 * (x.shape[d] - 1) if n is None else n
    check(n >= 1, f"Invalid number of data points ({n}) specified")
    return n


@op(**_grad("C2R"))
def irfft(input, n=None, dim=-1, norm=None):
    """The real signal of ``n`` points (default even) whose ``rfft`` is given."""
    d, _ = _one(input, None, dim)
    return jnp.fft.irfft(_signal(input, True), _half(input, n, d), d, _norm(norm))


@op(**_grad("C2R"))
def hfft(input, n=None, dim=-1, norm=None):
    """The real ``fft`` of a signal that is its own conjugate mirrored, given its first half."""
    d, _ = _one(input, None, dim)
    return jnp.fft.irfft(jnp.conj(_signal(input, True)), _half(input, n, d), d, _OPPOSITE[_norm(norm)])


@op(**_grad("R2C"))
def ihfft(input, n=None, dim=-1, norm=None):
    """The inverse of ``hfft``."""
    x = _signal(input, real="ihfft")
    d, n = _one(input, n, dim)
    return jnp.conj(jnp.fft.rfft(x, n, d, _OPPOSITE[_norm(norm)]))


def _fftn(input, s, dim, norm, inverse):
    dims, sizes = _several(input, s, dim)
    return _c2c(_signal(input, True), dims, sizes, _norm(norm), inverse)


@op(**_grad("C2C"))
def fftn(input, s=None, dim=None, norm=None):
    """``fft`` over several dimensions (default all)."""
    return _fftn(input, s, dim, norm, False)


@op(**_grad("C2C"))
def ifftn(input, s=None, dim=None, norm=None):
    """``ifft`` over several dimensions (default all)."""
    return _fftn(input, s, dim, norm, True)


@op(**_grad("C2C"))
def fft2(input, s=None, dim=(-2, -1), norm=None):
    """``fft`` over two dimensions."""
    return _fftn(input, s, dim, norm, False)


@op(**_grad("C2C"))
def ifft2(input, s=None, dim=(-2, -1), norm=None):
    """``ifft`` over two dimensions."""
    return _fftn(input, s, dim, norm, True)


def _rfftn(input, s, dim, norm, name="rfftn"):
    x = _signal(input, real=name)
    dims, sizes = _several(x, s, dim)
    check(bool(dims), f"{name} must transform at least one axis")
    x = jnp.fft.rfft(x, sizes[-1], dims[-1], norm)
    return _c2c(x, dims[:-1], sizes[:-1], norm, False)


def _irfftn(input, s, dim, norm, name="irfftn"):
    x = _signal(input, True)
    dims, sizes = _several(x, s, dim)
    check(bool(dims), f"{name} must transform at least one axis")
    last = _half(x, None if s is None or tuple(np.atleast_1d(s))[-1] == -1 else sizes[-1], dims[-1])
    x = _c2c(x, dims[:-1], sizes[:-1], norm, True)
    return jnp.fft.irfft(x, last, dims[-1], norm)


@op(**_grad("R2C"))
def rfftn(input, s=None, dim=None, norm=None):
    """``rfft`` over the last of several dimensions, ``fft`` over the others."""
    return _rfftn(input, s, dim, _norm(norm))


@op(**_grad("C2R"))
def irfftn(input, s=None, dim=None, norm=None):
    """The inverse of ``rfftn``; ``s`` tells the lengths of the signal."""
    return _irfftn(input, s, dim, _norm(norm))


@op(**_grad("R2C"))
def rfft2(input, s=None, dim=(-2, -1), norm=None):
    """``rfftn`` over two dimensions."""
    return _rfftn(input, s, dim, _norm(norm))


@op(**_grad("C2R"))
def irfft2(input, s=None, dim=(-2, -1), norm=None):
    """``irfftn`` over two dimensions."""
    return _irfftn(input, s, dim, _norm(norm))


def _hfftn(input, s, dim, norm):
    return _irfftn(jnp.conj(_signal(input, True)), s, dim, _OPPOSITE[_norm(norm)], "hfftn")


def _ihfftn(input, s, dim, norm):
    return jnp.conj(_rfftn(input, s, dim, _OPPOSITE[_norm(norm)], "ihfftn"))


@op(**_grad("C2R"))
def hfftn(input, s=None, dim=None, norm=None):
    """``hfft`` over the last of several dimensions, ``fft`` over the others."""
    return _hfftn(input, s, dim, norm)


@op(**_grad("C2R"))
def hfft2(input, s=None, dim=(-2, -1), norm=None):
    """``hfftn`` over two dimensions."""
    return _hfftn(input, s, dim, norm)


@op(**_grad("R2C"))
def ihfftn(input, s=None, dim=None, norm=None):
    """The inverse of ``hfftn``."""
    return _ihfftn(input, s, dim, norm)


@op(**_grad("R2C"))
def ihfft2(input, s=None, dim=(-2, -1), norm=None):
    """``ihfftn`` over two dimensions."""
    return _ihfftn(input, s, dim, norm)


def _shifted(x, dim, forward):
    dims = range(x.ndim) if dim is None else (dim,) if isinstance(dim, int) else dim
    for d in dims:
        d = wrap_dim(d, x.ndim)
        n = x.shape[d] // 2
        x = jnp.roll(x, n if forward else -n, d)
    return x


@op(namespace="fft", saves=False, grad_name="RollBackward0")
def fftshift(input, dim=None):
    """Moves the zero frequency to the middle."""
    return _shifted(input, dim, True)


@op(namespace="fft", saves=False, grad_name="RollBackward0")
def ifftshift(input, dim=None):
    """The inverse of ``fftshift``."""
    return _shifted(input, dim, False)


@creation(namespace="fft", out=True)
def fftfreq(n: int, d=1.0, *, dtype=None):
    """The frequencies of ``fft``'s results: ``[0, 1, ..., -2, -1] / (n d)``."""
    dtype = (dtype or dtypes.get_default_dtype()).numpy
    whole = np.fft.ifftshift(np.arange(-(n // 2), n - n // 2))
    return (jnp.asarray(whole, dtype) * (1.0 / (n * d))).astype(dtype)


@creation(namespace="fft", out=True)
def rfftfreq(n: int, d=1.0, *, dtype=None):
    """The frequencies of ``rfft``'s results: ``[0, 1, ..., n // 2] / (n d)``."""
    dtype = (dtype or dtypes.get_default_dtype()).numpy
    return (jnp.arange(n // 2 + 1, dtype=dtype) * (1.0 / (n * d))).astype(dtype)

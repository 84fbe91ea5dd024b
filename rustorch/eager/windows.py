"""Window functions: ``hann_window`` and its kin, and ``torch.signal.windows``.

``periodic`` windows (``sym=False``) are the first ``n`` values of the symmetric one of ``n + 1``.
"""

from __future__ import annotations

import functools

from rustorch.dtypes import FLOATING, float32, float64
from rustorch.eager.creation import dtype_or_default, factory, made, place
from rustorch.eager.publish import overload
from rustorch.eager.recorder import apply
from rustorch.errors import ArgumentTypeError, ArgumentValueError, RustorchRuntimeError
from rustorch.lowering.ops import creation as ops


def _window(name, op, n, args, dtype, device, requires_grad):
    kind = dtype_or_default(dtype)
    if kind.kind != FLOATING:
        raise RustorchRuntimeError(f"{name} expects floating point dtypes, got: {kind!r}")
    if n < 0:
        raise RustorchRuntimeError(f"{name} requires non-negative window_length, got window_length={n}")
    return made(apply(op, (int(n), *args, kind), None, place(device)), requires_grad)


@factory
def bartlett_window(
    window_length, periodic=True, *, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False
):
    """A triangle: ``1 - |2 i / (n - 1) - 1|``."""
    return _window("bartlett_window", ops.bartlett_window_, window_length, (periodic,), dtype, device, requires_grad)


def _cosine(name, n, coefficients, periodic, dtype, device, requires_grad):
    coefficients = tuple(float(c) for c in coefficients)
    return _window(name, ops.cosine_window_, n, (coefficients, bool(periodic)), dtype, device, requires_grad)


@factory
def hann_window(
    window_length, periodic=True, *, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False
):
    """``(1 - cos(2 pi i / (n - 1))) / 2``."""
    return _cosine("hann_window", window_length, (0.5, 0.5), periodic, dtype, device, requires_grad)


@factory
def hamming_window(
    window_length,
    periodic=True,
    alpha=0.54,
    beta=0.46,
    *,
    dtype=None,
    layout=None,
    device=None,
    requires_grad=False,
    pin_memory=False,
):
    """``alpha - beta cos(2 pi i / (n - 1))``."""
    return _cosine("hamming_window", window_length, (alpha, beta), periodic, dtype, device, requires_grad)


@factory
def blackman_window(
    window_length, periodic=True, *, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False
):
    """``0.42 - 0.5 cos(t) + 0.08 cos(2 t)``."""
    return _cosine("blackman_window", window_length, (0.42, 0.5, 0.08), periodic, dtype, device, requires_grad)


@factory
def kaiser_window(
    window_length,
    periodic=True,
    beta=12.0,
    *,
    dtype=None,
    layout=None,
    device=None,
    requires_grad=False,
    pin_memory=False,
):
    """``i0(beta sqrt(1 - r^2)) / i0(beta)`` for ``r`` from -1 to 1."""
    return _window(
        "kaiser_window", ops.kaiser_window_, window_length, (float(beta), bool(periodic)), dtype, device, requires_grad
    )


# Sums of cosines all; PyTorch's complaints name the function that adds them up.
_SUMS = ("general_hamming", "hamming", "hann", "nuttall")


def _signal(fn):
    """Register a window of ``torch.signal``, with what PyTorch refuses of all of them."""
    name = "general_cosine" if fn.__name__ in _SUMS else fn.__name__

    @functools.wraps(fn)
    def window(M, **options):
        if M < 0:
            raise ArgumentValueError(f"{name} requires non-negative window length, got M={M}")
        layout = options.get("layout")
        if layout is not None and str(layout) != "torch.strided":
            raise ArgumentValueError(f"{name} is implemented for strided tensors only, got: {layout}")
        dtype = dtype_or_default(options.get("dtype"))
        if dtype not in (float32, float64):
            raise ArgumentValueError(f"{name} expects float32 or float64 dtypes, got: {dtype!r}")
        return fn(M, **options)

    return overload(window, namespaces=("signal.windows",), method=False)


@_signal
def general_cosine(M, *, a, sym=True, dtype=None, layout=None, device=None, requires_grad=False):
    """``sum_k (-1)^k a_k cos(k t)`` for ``t`` once around."""
    if not isinstance(a, (list, tuple)):
        raise ArgumentTypeError("Coefficients must be a list/tuple")
    if not a:
        raise ArgumentValueError("Coefficients cannot be empty.")
    return _cosine("general_cosine", M, a, not sym, dtype, device, requires_grad)


@_signal
def general_hamming(M, *, alpha=0.54, sym=True, dtype=None, layout=None, device=None, requires_grad=False):
    """``alpha - (1 - alpha) cos(t)``."""
    return _cosine("general_hamming", M, (alpha, 1 - alpha), not sym, dtype, device, requires_grad)


@_signal
def hamming(M, *, sym=True, dtype=None, layout=None, device=None, requires_grad=False):
    """``0.54 - 0.46 cos(t)``."""
    return _cosine("hamming", M, (0.54, 0.46), not sym, dtype, device, requires_grad)


@_signal
def hann(M, *, sym=True, dtype=None, layout=None, device=None, requires_grad=False):
    """``(1 - cos(t)) / 2``."""
    return _cosine("hann", M, (0.5, 0.5), not sym, dtype, device, requires_grad)


@_signal
def blackman(M, *, sym=True, dtype=None, layout=None, device=None, requires_grad=False):
    """``0.42 - 0.5 cos(t) + 0.08 cos(2 t)``."""
    return _cosine("blackman", M, (0.42, 0.5, 0.08), not sym, dtype, device, requires_grad)


@_signal
def nuttall(M, *, sym=True, dtype=None, layout=None, device=None, requires_grad=False):
    """Four cosine terms that leave the smallest side lobes."""
    return _cosine("nuttall", M, (0.3635819, 0.4891775, 0.1365995, 0.0106411), not sym, dtype, device, requires_grad)


@_signal
def bartlett(M, *, sym=True, dtype=None, layout=None, device=None, requires_grad=False):
    """A triangle from 0 to 1 and back."""
    return _window("bartlett", ops.bartlett_window_, M, (not sym,), dtype, device, requires_grad)


@_signal
def kaiser(M, *, beta=12.0, sym=True, dtype=None, layout=None, device=None, requires_grad=False):
    """``i0(beta sqrt(1 - r^2)) / i0(beta)`` for ``r`` from -1 to 1."""
    if beta < 0:
        raise ArgumentValueError(f"beta must be non-negative, got: {beta} instead.")
    return _window("kaiser", ops.kaiser_window_, M, (float(beta), not sym), dtype, device, requires_grad)


@_signal
def gaussian(M, *, std=1.0, sym=True, dtype=None, layout=None, device=None, requires_grad=False):
    """``exp(-(x / std)^2 / 2)`` around the middle."""
    if std <= 0:
        raise ArgumentValueError(f"Standard deviation must be positive, got: {std} instead.")
    return _window("gaussian", ops.gaussian_window_, M, (float(std), not sym), dtype, device, requires_grad)


@_signal
def exponential(M, *, center=None, tau=1.0, sym=True, dtype=None, layout=None, device=None, requires_grad=False):
    """``exp(-|x - center| / tau)``."""
    if tau <= 0:
        raise ArgumentValueError(f"Tau must be positive, got: {tau} instead.")
    if sym and center is not None:
        raise ArgumentValueError("Center must be None for symmetric windows")
    center = (M - (1 if sym and M > 1 else 0)) / 2 if center is None else float(center)
    return _window("exponential", ops.exponential_window_, M, (float(center), float(tau)), dtype, device, requires_grad)


@_signal
def cosine(M, *, sym=True, dtype=None, layout=None, device=None, requires_grad=False):
    """``sin(pi (i + 1/2) / M)``."""
    return _window("cosine", ops.cosine_arch_window_, M, (not sym,), dtype, device, requires_grad)

"""Short-time Fourier transform and its inverse."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np

from rustorch import dtypes
from rustorch.errors import ArgumentTypeError, RustorchRuntimeError, check
from rustorch.lowering.ops.fft import _fftn
from rustorch.lowering.ops.pad import pad as _pad
from rustorch.lowering.promote import dtype_of
from rustorch.lowering.table import op

_PIECES = 64  # frames are put together from at most so many slices, else gathered


def frames(x, size, hop):
    """Overlapping pieces ``(..., count, size)`` of the last dimension, one every ``hop``.

    The signal is cut into blocks of the common divisor of ``size`` and ``hop``; a frame is a run
    of blocks, so frames are strided slices side by side and their gradient is sums of slices. A
    gather's gradient would be a scatter, a serial loop on the CPU.
    """
    length = x.shape[-1]
    count = 1 + (length - size) // hop
    block = math.gcd(size, hop)
    if size // block > _PIECES:
        places = np.arange(count)[:, None] * hop + np.arange(size)
        return jnp.take(x, places.astype(np.int32), -1, mode="clip")
    step = hop // block
    used = (count - 1) * hop + size
    blocks = x[..., :used].reshape(x.shape[:-1] + (used // block, block))
    pieces = [blocks[..., j : j + (count - 1) * step + 1 : step, :] for j in range(size // block)]
    return jnp.concatenate(pieces, -1) if len(pieces) > 1 else pieces[0]


def overlap_add(pieces, hop):
    """The sum of ``(..., count, size)`` pieces laid down every ``hop``: the transpose of ``frames``."""
    count, size = pieces.shape[-2:]
    signal = jax.ShapeDtypeStruct(pieces.shape[:-2] + ((count - 1) * hop + size,), pieces.dtype)
    return jax.linear_transpose(lambda x: frames(x, size, hop), signal)(pieces)[0]


def _window(window, win_length, n_fft, dtype):
    """The window, centred in ``n_fft`` points; ones if not given."""
    if window is None:
        window = jnp.ones((win_length,), dtype)
    left = (n_fft - win_length) // 2
    return jnp.pad(window, (left, n_fft - win_length - left))


@op(dear=True, grad_name="TransposeBackward0")
def stft(input, n_fft: int, hop_length=None, win_length=None, window=None, center=True, pad_mode="reflect",
         normalized=False, onesided=None, return_complex=None, align_to_window=None):  # fmt: skip
    """Fourier transforms of windowed frames: ``(..., frequencies, frames)``.

    Frame ``t`` starts at ``t * hop_length``; with ``center`` the signal is padded so that it is
    centred there. Real signals give the ``n_fft // 2 + 1`` frequencies that tell, unless
    ``onesided`` is false. Without ``return_complex`` real and imaginary part form a last dimension.
    """
    hop = n_fft // 4 if hop_length is None else hop_length
    win_length = n_fft if win_length is None else win_length
    is_complex = dtype_of(input).is_complex or (window is not None and dtype_of(window).is_complex)
    if return_complex is None:
        check(
            is_complex,
            "stft requires the return_complex parameter be given for real inputs, and will further require that "
            "return_complex=True in a future PyTorch release.",
        )
        return_complex = True
    check(input.ndim in (1, 2), f"stft(): expected a 1D or 2D tensor. Received: {input.ndim}D")
    if dtype_of(input).kind < dtypes.FLOATING:
        raise RustorchRuntimeError("stft(): expected a tensor of floating point or complex values")
    x = input[None] if input.ndim == 1 else input
    if center:
        extra = n_fft // 2
        x = _pad(x[:, None], (extra, extra), pad_mode)[:, 0]
    length = x.shape[-1]
    given = f"stft(): n_fft={n_fft}, hop_length={hop}, win_length={win_length} : "
    check(0 < n_fft <= length, f"{given}expected 0 < n_fft < {length}, but got n_fft={n_fft}")
    check(hop > 0, f"{given}expected hop_length > 0, but got hop_length={hop}")
    check(0 < win_length <= n_fft, f"{given}expected 0 < win_length <= n_fft, but got win_length={win_length}")
    if window is not None and window.shape != (win_length,):
        raise RustorchRuntimeError(
            f"{given}expected a 1D window tensor of size equal to win_length={win_length}, but got window with size {list(window.shape)}"
        )
    onesided = not is_complex if onesided is None else onesided
    if onesided and is_complex:
        raise RustorchRuntimeError(f"{given}onesided must be False for complex input or window")
    pieces = frames(x, n_fft, hop) * _window(window, win_length, n_fft, x.dtype)
    norm = "ortho" if normalized else "backward"
    out = jnp.fft.rfft(pieces, norm=norm) if onesided else _fftn(pieces, None, (-1,), norm, False)
    out = jnp.swapaxes(out, -1, -2)
    out = out[0] if input.ndim == 1 else out
    return out if return_complex else jnp.stack([out.real, out.imag], -1)


@op(dear=True, grad_name="DivBackward0")
def istft(input, n_fft: int, hop_length=None, win_length=None, window=None, center=True, normalized=False,
          onesided=None, length=None, return_complex=False):  # fmt: skip
    """The signal whose ``stft`` is closest: frames added up, divided by the overlap of the squared windows.

    PyTorch raises when that overlap is almost 0 somewhere, which needs a look at the values; here
    such samples are 0 (or the quotient of two small numbers).
    """
    if not dtype_of(input).is_complex:
        raise RustorchRuntimeError(
            "istft requires a complex-valued input tensor matching the output from stft with return_complex=True."
        )
    hop = n_fft // 4 if hop_length is None else hop_length
    win_length = n_fft if win_length is None else win_length
    onesided = (input.shape[-2] != n_fft) if onesided is None else onesided
    given = f"istft(): n_fft={n_fft}, hop_length={hop}, win_length={win_length} : "
    check(input.size > 0, f"{given}input tensor cannot be empty.")
    check(input.ndim in (2, 3), f"{given}expected a tensor with 2 or 3 dimensions, but got {input.ndim}")
    rows = n_fft // 2 + 1 if onesided else n_fft
    check(
        input.shape[-2] == rows,
        f"{given}expected the frequency dimension (2nd to the last) of the input tensor to match "
        f"{'n_fft / 2 + 1' if onesided else 'n_fft'} when onesided={onesided}, but got {input.shape[-2]}",
    )
    check(0 < hop <= win_length, f"{given}expected 0 < hop_length <= win_length")
    check(0 < win_length <= n_fft, f"{given}expected 0 < win_length <= n_fft")
    if window is not None and window.shape != (win_length,):
        raise RustorchRuntimeError(f"{given}Invalid window shape. window has to be 1D and length of `win_length`")
    if return_complex and onesided:
        raise ArgumentTypeError("cannot have onesided output if window or input is complex")
    x = jnp.swapaxes(input[None] if input.ndim == 2 else input, -1, -2)
    norm = "ortho" if normalized else "backward"
    if return_complex:
        pieces = jnp.fft.ifft(x, norm=norm)
    else:
        pieces = jnp.fft.irfft(x[..., : n_fft // 2 + 1], n_fft, norm=norm)
    window = _window(window, win_length, n_fft, pieces.real.dtype)
    signal = overlap_add(pieces * window, hop)
    weight = overlap_add(jnp.broadcast_to(jnp.square(window), pieces.shape[-2:]), hop)
    full = signal.shape[-1]
    start = n_fft // 2 if center else 0
    end = start + length if length is not None else full - n_fft // 2 if center else full
    stop = min(end, full)
    bottom = weight[start:stop]
    empty = jnp.abs(bottom) < 1e-11
    out = jnp.where(empty, 0, signal[..., start:stop] / jnp.where(empty, 1, bottom))
    if stop < end:
        out = jnp.pad(out, [(0, 0)] * (out.ndim - 1) + [(0, end - stop)])
    return out[0] if input.ndim == 2 else out

"""Fourier transforms against PyTorch."""

import numpy as np
import pytest
import torch
from op_oracle import Fixed, check

import rustorch

RNG = np.random.default_rng(4)
R = RNG.standard_normal((3, 6)).astype(np.float32)
C = (R + 1j * RNG.standard_normal((3, 6))).astype(np.complex64)
R4 = RNG.standard_normal((2, 3, 4, 6)).astype(np.float32)
C4 = (R4 + 1j * R4[::-1]).astype(np.complex64)
SIGNAL = RNG.standard_normal((2, 50)).astype(np.float32)
HANN = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(8) / 8)).astype(np.float32)
SPECTRUM = (RNG.standard_normal((5, 9)) + 1j * RNG.standard_normal((5, 9))).astype(np.complex64)

REAL = ("rfft", "ihfft")
CASES = [
    *((f"fft.{n}", (R if n in REAL else C,), {"norm": m}) for n in ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft") for m in (None, "ortho", "forward")),
    *((f"fft.{n}", (R if n in REAL else C, 5, 0), {}) for n in ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft")),
    *((f"fft.{n}n", (R4 if n in REAL else C4,), {"norm": "ortho"}) for n in ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft")),
    *((f"fft.{n}2", (R4 if n in REAL else C4, (4, -1), (0, 2)), {}) for n in ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft")),
    ("fft.fft", (R,), {}),
    ("fft.fft", (np.arange(5),), {}),
    ("fft.fftshift", (R,), {}),
    ("fft.ifftshift", (R, 1), {}),
    *((f"fft.{n}", (k, 0.5), {}) for n in ("fftfreq", "rfftfreq") for k in (5, 6)),
    *(("stft", (SIGNAL, 8), {"return_complex": True, **kw}) for kw in (
        {"window": Fixed(HANN)}, {"hop_length": 3, "window": HANN}, {"center": False, "normalized": True}, {"onesided": False})),
    ("istft", (SPECTRUM, 8), {"window": Fixed(HANN)}),
    ("istft", (SPECTRUM, 8), {"hop_length": 4, "length": 30, "window": Fixed(HANN + 1)}),
]  # fmt: skip


@pytest.mark.parametrize("name, args, kwargs", CASES, ids=lambda v: v if isinstance(v, str) else "")
def test_matches_torch(name, args, kwargs):
    check(name, args, kwargs, names=False, rtol=1e-4)


def test_istft_undoes_stft():
    x, window = rustorch.tensor(SIGNAL.tolist()), rustorch.tensor(HANN.tolist())
    spectrum = rustorch.stft(x, 8, window=window, return_complex=True)
    back = rustorch.istft(spectrum, 8, window=window, length=50)
    np.testing.assert_allclose(back.numpy(), SIGNAL, atol=1e-5)


@pytest.mark.parametrize("call", [
    lambda t: t.fft.fft(t.tensor(1.0)),
    lambda t: t.fft.fft(t.zeros(3), norm="x"),
    lambda t: t.fft.rfft(t.zeros(3, dtype=t.complex64)),
    lambda t: t.fft.fft(t.zeros(3), n=0),
    lambda t: t.stft(t.zeros(10), 4),
])  # fmt: skip
def test_errors_are_torchs(call):
    with pytest.raises(Exception) as theirs:
        call(torch)
    with pytest.raises(type(theirs.value)) as ours:
        call(rustorch)
    assert str(ours.value) == str(theirs.value).split("\n")[0]

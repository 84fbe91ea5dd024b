"""Conversions to and from the 8-bit floats, value by value as PyTorch's."""

import numpy as np
import pytest
import torch

import rustorch

KINDS = ["float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz", "float8_e8m0fnu"]


def _values() -> np.ndarray:
    r = np.random.default_rng(0)
    spread = r.standard_normal(2000) * np.exp(r.uniform(-15, 15, 2000))
    edges = [
        0,
        -0.0,
        np.inf,
        -np.inf,
        np.nan,
        448,
        449,
        464,
        465,
        -480,
        57344,
        61440,
        61441,
        1e9,
        240,
        248,
        1e-9,
        1.5,
        3,
        6,
    ]
    tiny = [2.0**-7, 2.0**-10, 2.0**-126, 2.0**-127, 2.0**-128, 5.9e-39, 1e-45, 3e38]
    return np.array([*spread, *edges, *tiny], np.float32)


@pytest.mark.parametrize("source", ["float32", "float64", "float16", "bfloat16", "int32"])
@pytest.mark.parametrize("kind", KINDS)
def test_conversions(kind, source):
    values = _values() if source != "int32" else np.arange(-600, 600, 7, dtype=np.int32)

    def bits(library):
        x = library.from_numpy(values).to(getattr(library, source)).to(getattr(library, kind))
        found = x.float().numpy()
        return found, np.where(np.isnan(found), 0, x.view(library.uint8).numpy())  # a NaN may have any sign

    for ours, theirs in zip(bits(rustorch), bits(torch)):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("kind", KINDS)
def test_the_gradient_passes(kind):
    def gradient(library):
        x = library.tensor([0.5, 2.0, 600.0, -3.0], requires_grad=True)
        x.to(getattr(library, kind)).float().mul(library.tensor([1.0, 2.0, 4.0, 0.5])).sum().backward()
        return x.grad.tolist()

    assert gradient(rustorch) == gradient(torch)


@pytest.mark.parametrize("kind", KINDS)
def test_limits_and_files(kind, tmp_path):
    ours, theirs = rustorch.finfo(getattr(rustorch, kind)), torch.finfo(getattr(torch, kind))
    assert (ours.max, ours.tiny, ours.bits) == (theirs.max, theirs.tiny, theirs.bits)
    x = rustorch.tensor([0.5, 2.0, 4.0]).to(getattr(rustorch, kind))
    rustorch.save(x, tmp_path / "x.pt")
    y = rustorch.load(tmp_path / "x.pt")
    assert y.dtype is x.dtype and y.float().tolist() == [0.5, 2.0, 4.0]

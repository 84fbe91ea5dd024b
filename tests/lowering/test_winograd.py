"""Winograd's form of 3x3 convolutions against float64, with gradients of both orders; where it is used."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from torch.nn.functional import conv2d

import rustorch
from rustorch.lowering import kernels as K
from rustorch.lowering.kernels import winograd
from rustorch.lowering.platform import platform

CASES = {  # x, output channels, padding
    "same": ((4, 64, 8, 8), 64, ((1, 1), (1, 1))),
    "odd": ((2, 64, 11, 13), 72, ((1, 1), (1, 1))),
    "valid": ((4, 64, 10, 12), 64, ((0, 0), (0, 0))),
    "full": ((3, 72, 8, 10), 64, ((2, 2), (2, 2))),
    "uneven": ((3, 64, 9, 12), 64, ((0, 2), (2, 1))),
}


def _arrays(case):
    shape, o, padding = CASES[case]
    r = np.random.default_rng(0)
    x, w = r.standard_normal(shape), r.standard_normal((o, shape[1], 3, 3)) / 20
    (top, bottom), (left, right) = padding
    out = (shape[0], o, shape[2] + top + bottom - 2, shape[3] + left + right - 2)
    return x, w, r.standard_normal(out), padding


def _reference(x, w, padding):
    (top, bottom), (left, right) = padding
    return conv2d(torch.nn.functional.pad(x, (left, right, top, bottom)), w)


def _close(got, expected, factor: float = 1):
    expected = np.asarray(expected)
    assert got.dtype == np.float32 and got.shape == expected.shape
    assert np.abs(np.asarray(got, np.float64) - expected).max() <= factor * 2e-6 * np.abs(expected).max()


@pytest.mark.parametrize("case", CASES)
def test_values_and_gradients(case):
    x, w, ct, padding = _arrays(case)
    tx, tw = torch.tensor(x, requires_grad=True), torch.tensor(w, requires_grad=True)
    y = _reference(tx, tw, padding)
    expected = [y, *torch.autograd.grad(y, (tx, tw), torch.tensor(ct))]

    @jax.jit
    def ours(x, w, ct):
        with platform("cpu"):
            assert winograd.fits(x.transpose(0, 2, 3, 1), w, (1, 1), padding, (1, 1))
            return K.conv(x, w, padding=padding), *K.conv_vjp(ct, x, w, padding=padding)[:2]

    for got, want in zip(ours(*[jnp.asarray(a, jnp.float32) for a in (x, w, ct)]), expected):
        _close(got, want.detach())


@pytest.mark.parametrize("case", ["same", "uneven"])
def test_second_gradients(case):
    x, w, ct, padding = _arrays(case)
    r = np.random.default_rng(1)
    vx, vw = r.standard_normal(x.shape), r.standard_normal(w.shape)
    tx, tw, tct = (torch.tensor(a, requires_grad=True) for a in (x, w, ct))
    gx, gw = torch.autograd.grad(_reference(tx, tw, padding), (tx, tw), tct, create_graph=True)
    expected = torch.autograd.grad((gx * torch.tensor(vx)).sum() + (gw * torch.tensor(vw)).sum(), (tx, tw, tct))

    @jax.jit
    def ours(x, w, ct, vx, vw):
        with platform("cpu"):

            def looked_at(x, w, ct):
                gx, gw, _ = K.conv_vjp(ct, x, w, padding=padding)
                return (gx * vx).sum() + (gw * vw).sum()

            return jax.grad(looked_at, (0, 1, 2))(x, w, ct)

    for got, want in zip(ours(*[jnp.asarray(a, jnp.float32) for a in (x, w, ct, vx, vw)]), expected):
        _close(got, want, 4)


def test_whole_numbers_stay_exact():
    r = np.random.default_rng(0)
    x, w = r.integers(-8, 9, (2, 64, 8, 8)), r.integers(-8, 9, (64, 64, 3, 3))
    layer = rustorch.nn.Conv2d(64, 64, 3, padding=1, bias=False)
    with rustorch.no_grad():
        layer.weight.copy_(rustorch.from_numpy(w.astype(np.float32)))
    y = layer(rustorch.from_numpy(x.astype(np.float32)))
    assert y.tolist() == conv2d(torch.tensor(x), torch.tensor(w), padding=1).tolist()


@pytest.mark.parametrize(
    "x, o, stride, padding, dilation",
    [
        ((4, 16, 8, 8), 256, 1, 1, 1),  # few channels
        ((4, 32, 8, 8), 32, 1, 1, 1),
        ((1, 64, 8, 8), 64, 1, 1, 1),  # few squares
        ((64, 64, 3, 3), 64, 1, 1, 1),  # mostly edges
        ((4, 64, 8, 8), 64, 2, 1, 1),
        ((4, 64, 8, 8), 64, 1, 1, 2),
        ((4, 64, 8, 8), 64, 1, 3, 1),
    ],
)
def test_where_it_is_not_used(x, o, stride, padding, dilation):
    n, c, h, w = x
    image = jax.ShapeDtypeStruct((n, h, w, c), np.float32)
    weight = jax.ShapeDtypeStruct((o, c, 3, 3), np.float32)
    assert not winograd.fits(image, weight, (stride,) * 2, ((padding,) * 2,) * 2, (dilation,) * 2)


def test_not_in_double():
    image, weight = (jax.ShapeDtypeStruct(s, np.float64) for s in ((4, 8, 8, 64), (64, 64, 3, 3)))
    assert not winograd.fits(image, weight, (1, 1), ((1, 1),) * 2, (1, 1))


def test_a_large_input_is_transformed_again(monkeypatch):
    """The forward's transformed input does not wait for the backward in a program that is long of memory."""
    x, w, ct, padding = _arrays("same")
    arrays = [jnp.asarray(a, jnp.float32) for a in (x, w, ct)]

    def both(x, w, ct):
        with platform("cpu"):
            return K.conv(x, w, padding=padding), K.conv_vjp(ct, x, w, padding=padding, needs=(False, True, False))[1]

    texts = []
    for kept in (1 << 26, 0):
        monkeypatch.setattr(winograd, "_KEPT", kept)
        texts.append(jax.jit(lambda *a: both(*a)).lower(*arrays).as_text())
    assert ["optimization_barrier" in text for text in texts] == [False, True]

"""3x3 convolutions of images by Winograd's F(2x2, 3x3): 16 products where a 2x2 square of results takes 36.

Each square is a sum over channels of ``A' [(G w G') * (B' d B)] A``, with ``d`` the 4x4 square of the input that it sees
(S. Winograd, *Arithmetic Complexity of Computations*, 1980; A. Lavin and S. Gray, *Fast Algorithms for Convolutional
Neural Networks*, CVPR 2016). Transformed squares stand in ``(16, squares, channels)``, so that the products are one batched
dot. The gradients have the same form: the input's is the convolution of the cotangent with the weight turned
around, the weight's is one batched dot of transformed squares.

Measured on two cores, float32, batch 32; forward and both gradients, ms, against ``lax`` convolutions and rows of taps (`conv`):

    64 channels, 32x32: 109 -> 84       128, 16x16: 60 -> 45       256, 8x8: 68 -> 39       512, 4x4: 92 -> 60

Rounding errors are those of the plain form within a factor of two or three. A value that is not finite spreads over
its squares.
"""

import jax.numpy as jnp
import numpy as np
from jax import lax

_G = np.array([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]], np.float32)
_CHANNELS, _PRODUCTS = 32, 2048  # fewer, in and out, leave the dots too little to do for the transforms
_SQUARES = 64
_KEPT = 1 << 26  # bytes of a transformed input that may wait for the backward


def fits(x, weight, stride, padding, dilation) -> bool:
    """Is this form the fastest for ``x (n, h, w, c)`` and ``weight (o, c, k, k)``? ``padding`` is pairs."""
    if weight.shape[2:] != (3, 3) or x.dtype != jnp.float32 or (*stride, *dilation) != (1, 1, 1, 1):
        return False
    if min(weight.shape[:2]) < _CHANNELS or weight.shape[0] * weight.shape[1] < _PRODUCTS:
        return False
    if any(not 0 <= p <= 2 for pair in padding for p in pair):
        return False
    h, w, down, across = _extents(x, padding)
    squares = x.shape[0] * down * across
    return squares >= _SQUARES and 16 * squares <= 5 * x.shape[0] * h * w  # at the edges some of a square is wasted


def forward(x, weight, padding):
    """The convolution ``(n, h', w', o)`` of ``x (n, h, w, c)`` with ``weight (o, c, 3, 3)``."""
    n, o = x.shape[0], weight.shape[0]
    h, w, down, across = _extents(x, padding)
    products = _products(_inputs(x, padding), _weights(weight), 2)
    rows = jnp.stack(_results(*products.reshape(4, 4, n * down, across * o).swapaxes(0, 1)), 2)
    squares = jnp.stack(_results(*rows.reshape(4, -1, o)), 1)
    return squares.reshape(n, 2 * down, 2 * across, o)[:, :h, :w]


def input_gradient(g, weight, padding):
    """The gradient of ``x`` for the cotangent ``g (n, h', w', o)``."""
    turned = weight[:, :, ::-1, ::-1].swapaxes(0, 1)
    return forward(g, turned, [(2 - before, 2 - after) for before, after in padding])


def weight_gradient(g, x, padding):
    """The gradient of ``weight`` for the cotangent ``g (n, h', w', o)``."""
    o, c = g.shape[-1], x.shape[-1]
    if 4 * x.size * x.dtype.itemsize > _KEPT:
        x = lax.optimization_barrier(x)  # or XLA would keep the forward's transformed input, four times as large
    sums = _products(_cotangents(g), _inputs(x, padding), 1)
    return (_kernel().T @ sums.reshape(16, o * c)).T.reshape(o, c, 3, 3).swapaxes(2, 3)


def _extents(x, padding):
    """Height and width of the result, and how many squares lie below and beside one another."""
    h, w = (size + before + after - 2 for size, (before, after) in zip(x.shape[1:3], padding))
    return h, w, -(-h // 2), -(-w // 2)


def _products(a, b, axis: int):
    """For each of the 16 places, the dot of ``a`` and ``b`` over an axis of both."""
    return lax.dot_general(a, b, (((axis,), (axis,)), ((0,), (0,))))


def _kernel():
    """Both of the weight's transforms as one matrix: (16, 9)."""
    return np.kron(_G, _G)


def _weights(weight):
    """``(16, o, c)``; the first of a square's two axes is the horizontal one, as in `_inputs`."""
    o, c = weight.shape[:2]
    return (_kernel() @ weight.swapaxes(2, 3).reshape(o * c, 9).T).reshape(16, o, c)


def _inputs(x, padding):
    """``(16, squares, c)``."""
    n, c = x.shape[0], x.shape[-1]
    _, _, down, across = _extents(x, padding)
    edges = [(p, 2 * (n + 1) - size - p) for size, n, (p, _) in zip(x.shape[1:3], (down, across), padding)]
    x = jnp.pad(x, ((0, 0), *edges, (0, 0)))
    rows = _fours(x.reshape(n, down + 1, 2, 2 * (across + 1) * c))
    return _fours(rows.reshape(4 * n * down, across + 1, 2, c)).reshape(16, -1, c)


def _fours(pairs):
    """From pairs of places ``(n, k + 1, 2, m)`` what each four in a row give, ``(4, n, k, m)``."""
    here, there = pairs[:, :-1], pairs[:, 1:]
    return jnp.stack(_seen(here[:, :, 0], here[:, :, 1], there[:, :, 0], there[:, :, 1]))


def _cotangents(g):
    """``(16, squares, o)``."""
    n, h, w, o = g.shape
    g = jnp.pad(g, ((0, 0), (0, h % 2), (0, w % 2), (0, 0)))
    rows = jnp.stack(_spread(*g.reshape(-1, 2, g.shape[2] * o).swapaxes(0, 1)))
    return jnp.stack(_spread(*rows.reshape(-1, 2, o).swapaxes(0, 1))).reshape(16, -1, o)


def _seen(a, b, c, d):
    """``B'`` along one axis."""
    return a - c, b + c, c - b, b - d


def _results(a, b, c, d):
    """``A'`` along one axis: from four places to the two results."""
    return a + b + c, b - c - d


def _spread(a, b):
    """``A`` along one axis."""
    return a, a + b, a - b, -b

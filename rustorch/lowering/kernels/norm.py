"""Layer and batch normalisation, each with its gradient in closed form.

Both compute ``xhat = (x - mean) * rstd`` and ``y = xhat * weight + bias``, and both have

    dx = rstd * (h - mean(h) - xhat * mean(h * xhat)),   h = ct * weight

with the means over whatever was normalised over. JAX's derived gradient is the same number by
a longer way through the variance, in more reductions; the closed form and the sums as products
(see ``sums.py``) took the GPT step from 114 to 57 ms of CPU time.

The recomputed ``xhat`` is merged with the forward's by XLA: the expressions are the same. What is one number a row is
computed ``once``: XLA:CPU would broadcast it inside the fusion that makes it, and store whole arrays of it.
"""

from jax import lax

from .sums import column_sum, once, row_dot, row_sum, wide
from .windows import channels_first, channels_last


def _rows(x, eps):
    """``x (r, n)`` -> xhat, rstd, both in the wide dtype; rstd is (r, 1)."""
    z, n = x.astype(wide(x.dtype)), x.shape[-1]
    z = z - (row_sum(z) / n)[:, None]
    rstd = once(lax.rsqrt((z * z).sum(-1) / n + eps), smallest=0)[:, None]
    return z * rstd, rstd


def layer_norm(x, weight=None, bias=None, *, dims=1, eps=1e-5):
    """Normalise over the last ``dims`` axes; ``weight`` and ``bias`` have those axes' shape."""
    tail = x.shape[x.ndim - dims :]
    y = _rows(x.reshape(-1, _size(tail)), eps)[0].reshape(x.shape)
    if weight is not None:
        y = y * weight
    if bias is not None:
        y = y + bias
    return y.astype(x.dtype)


def layer_norm_vjp(ct, x, weight=None, bias=None, *, dims=1, eps=1e-5, needs=(True,) * 3):
    """Gradients for x, weight and bias of ``layer_norm``."""
    tail = x.shape[x.ndim - dims :]
    n = _size(tail)
    xhat, rstd = _rows(x.reshape(-1, n), eps)
    g = ct.reshape(-1, n).astype(xhat.dtype)
    scaled, dx, dw, db = g * xhat, None, None, None
    if needs[0]:
        w = None if weight is None else weight.reshape(n).astype(g.dtype)
        h = g if w is None else g * w
        push, pull = (once(row_dot(a, w) / n, smallest=0)[:, None] for a in (g, scaled))
        dx = (rstd * (h - push - xhat * pull)).reshape(x.shape).astype(x.dtype)
    if needs[1] and weight is not None:
        dw = column_sum(scaled).reshape(tail).astype(weight.dtype)
    if needs[2] and bias is not None:
        db = column_sum(g).reshape(tail).astype(bias.dtype)
    return dx, dw, db


def _size(shape):
    n = 1
    for s in shape:
        n *= s
    return n


def _moments(x):
    """Mean and biased variance over all axes but the last, in the wide dtype."""
    axes = tuple(range(x.ndim - 1))
    count = _size(x.shape[:-1])
    z = x.astype(wide(x.dtype))
    mean = z.sum(axes) / count
    z = z - mean
    return mean, (z * z).sum(axes) / count


def batch_norm(x, weight=None, bias=None, *, eps=1e-5):
    """Training-time batch norm of ``x (n, c, ...)``: ``(y, mean (c,), biased variance (c,))``."""
    z = channels_last(x)
    mean, var = _moments(z)
    y = (z.astype(mean.dtype) - mean) * lax.rsqrt(var + eps)
    if weight is not None:
        y = y * weight
    if bias is not None:
        y = y + bias
    return channels_first(y.astype(x.dtype)), mean, var


def batch_norm_vjp(ct, x, weight=None, bias=None, *, eps=1e-5, needs=(True,) * 3):
    """Gradients for x, weight and bias from the cotangent of ``y`` (the statistics get none)."""
    z, g = channels_last(x), once(channels_last(ct))
    axes, count = tuple(range(x.ndim - 1)), _size(z.shape[:-1])
    mean, var = _moments(z)
    rstd = lax.rsqrt(var + eps)
    xhat, g = (z.astype(mean.dtype) - mean) * rstd, g.astype(mean.dtype)
    dx, db, dw = None, g.sum(axes), (g * xhat).sum(axes)
    if needs[0]:
        scale = rstd if weight is None else rstd * weight.astype(g.dtype)
        dx = scale * (g - db / count - xhat * (dw / count))
        dx = channels_first(dx.astype(x.dtype))
    dw = dw.astype(weight.dtype) if needs[1] and weight is not None else None
    db = db.astype(bias.dtype) if needs[2] and bias is not None else None
    return dx, dw, db

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

from ..platform import images_last, on_cpu
from .sums import column_sum, once, row_dot, row_sum, wide
from .windows import channels_first, channels_last

_PIXELS = 64  # fewer make rows too short for sums of their own


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


class _Last:
    """Images as (..., c): what suits convolutions, whose own transpositions then cancel these."""

    @staticmethod
    def there(x):
        """``(n, c, *space)`` in this form."""
        return channels_last(x)

    @staticmethod
    def back(x, shape):
        """The other way."""
        return channels_first(x)

    @staticmethod
    def total(a):
        """The sum of each channel."""
        return a.sum(tuple(range(a.ndim - 1)))

    @staticmethod
    def spread(v):
        """One number a channel, for all its elements."""
        return v


class _First:
    """Images as (n, c, pixels), where nothing wants them otherwise: channels are sums of rows."""

    @staticmethod
    def there(x):
        """``(n, c, *space)`` in this form."""
        return x.reshape(*x.shape[:2], -1)

    @staticmethod
    def back(x, shape):
        """The other way."""
        return x.reshape(shape)

    @staticmethod
    def total(a):
        """The sum of each channel."""
        return row_sum(a).sum(0)

    @staticmethod
    def spread(v):
        """One number a channel, for all its elements."""
        return v[:, None]


def _form(x):
    return _Last if images_last() or not on_cpu() or _size(x.shape[2:]) < _PIXELS else _First


def _moments(x, form):
    """Each channel's mean and biased variance, in the wide dtype, and how many numbers they are of."""
    z = x.astype(wide(x.dtype))
    total = form.total(z)
    count = x.size // max(total.size, 1)
    mean = total / count
    z = z - form.spread(mean)
    squares = (z * z).sum(-1).sum(0) if form is _First else form.total(z * z)
    return mean, squares / count, count


def batch_norm(x, weight=None, bias=None, *, eps=1e-5):
    """Training-time batch norm of ``x (n, c, ...)``: ``(y, mean (c,), biased variance (c,))``."""
    form = _form(x)
    z = form.there(x)
    mean, var, _ = _moments(z, form)
    y = (z.astype(mean.dtype) - form.spread(mean)) * form.spread(lax.rsqrt(var + eps))
    if weight is not None:
        y = y * form.spread(weight)
    if bias is not None:
        y = y + form.spread(bias)
    return form.back(y.astype(x.dtype), x.shape), mean, var


def batch_norm_vjp(ct, x, weight=None, bias=None, *, eps=1e-5, needs=(True,) * 3):
    """Gradients for x, weight and bias from the cotangent of ``y`` (the statistics get none)."""
    form = _form(x)
    z, g = form.there(x), form.there(ct)
    if form is _Last:
        g = once(g)
    mean, var, count = _moments(z, form)
    rstd = lax.rsqrt(var + eps)
    xhat, g = (z.astype(mean.dtype) - form.spread(mean)) * form.spread(rstd), g.astype(mean.dtype)
    dx, db, dw = None, form.total(g), form.total(g * xhat)
    if needs[0]:
        scale = rstd if weight is None else rstd * weight.astype(g.dtype)
        dx = form.spread(scale) * (g - form.spread(db / count) - xhat * form.spread(dw / count))
        dx = form.back(dx.astype(x.dtype), x.shape)
    dw = dw.astype(weight.dtype) if needs[1] and weight is not None else None
    db = db.astype(bias.dtype) if needs[2] and bias is not None else None
    return dx, dw, db

"""Convolution in one, two or three dimensions, torch's layout outside, channels-last inside.

Which form is used on the CPU, by the first rule that fits:

=====================  =====================================  ===============================
case                   forward                                weight gradient
=====================  =====================================  ===============================
kernel 1, no padding   one dot                                one dot
depthwise              sum of shifted inputs (`depthwise`)    shifted inputs times cotangent
c * prod(k) <= 16      sum of outer products of taps          rows (below)
float64                patches side by side, one dot          rows
3x3 of many channels   Winograd's (`winograd`)                Winograd's
otherwise              ``lax`` convolution                    rows
other groups           ``lax`` convolution                    derived from it
=====================  =====================================  ===============================

*rows*: set the taps along the last spatial axis side by side, ``(n, *space, k*c)``, and contract
with the cotangent, one dot for each place along the other axes. It copies the input ``k`` times
where patches copy it ``k*k`` times. Measured for the 3x3 weight gradient, float32:

    64x32x14x14 -> 64   lax 20 ms, patches 11, rows 8.4 (torch 3.4)
    32x64x32x32 -> 64   lax 90,    patches 99, rows 74  (torch 24)

The input's gradient is the transposed form, except that of the sum of outer products, which writes every tap: it
is the transposed ``lax`` convolution there.
On other devices everything is the plain ``lax`` convolution and its derivatives.
"""

import math

import jax
import jax.numpy as jnp
from jax import lax

from ..platform import on_cpu
from . import depthwise, winograd
from .products import contract
from .sums import once, wide
from .windows import channels_first, channels_last, extent, pad_space, pairs, per_axis, places, tap

_FEW = 16


def _settings(weight, stride, padding, dilation):
    rank = weight.ndim - 2
    return per_axis(stride, rank), pairs(padding, rank), per_axis(dilation, rank)


def _lax(x, weight, stride, padding, dilation, groups):
    """The plain convolution of ``x (n, *space, c)`` with ``weight (o, c/groups, *k)``."""
    rank = weight.ndim - 2
    last = tuple(range(1, rank + 1))
    spec = lax.ConvDimensionNumbers((0, rank + 1, *last), (rank + 1, rank, *range(rank)), (0, rank + 1, *last))
    return lax.conv_general_dilated(
        x, weight.transpose(*range(2, rank + 2), 1, 0), stride, padding,
        rhs_dilation=dilation, dimension_numbers=spec, feature_group_count=groups,
    )  # fmt: skip


def _taps(x, weight, stride, padding, dilation):
    window = weight.shape[2:]
    out = [extent(*axis) for axis in zip(x.shape[1:-1], window, stride, dilation, padding, strict=True)]
    x = pad_space(x, padding)
    return {at: tap(x, at, out, stride, dilation) for at in places(window)}


def _dot(a, b):
    return contract(a, b, a.ndim - 1, 0)


def _pointwise(x, weight, stride, padding, dilation):
    if any(s > 1 for s in stride):
        x = _taps(x, weight, stride, padding, dilation)[(0,) * len(stride)]
    return _dot(x, weight.reshape(weight.shape[:2]).T)


def _outer(x, weight, *geometry):
    taps = _taps(x, weight, *geometry)
    return sum(
        t[..., c : c + 1] * weight[(slice(None), c, *at)] for at, t in taps.items() for c in range(weight.shape[1])
    )


def _patches(x, weight, *geometry):
    cols = jnp.concatenate(list(_taps(x, weight, *geometry).values()), -1)
    o = weight.shape[0]
    return _dot(cols, weight.transpose(*range(2, weight.ndim), 1, 0).reshape(-1, o))


def _is_depthwise(weight, groups) -> bool:
    one_each = weight.shape[0] == groups and weight.shape[1] == 1
    return on_cpu() and groups > 1 and one_each and math.prod(weight.shape[2:]) <= 64


def _form(x, weight, stride, padding, dilation, groups):
    """The forward's form by the table above; ``x`` is channels-last."""
    window, inputs = weight.shape[2:], weight.shape[1]
    if not on_cpu():
        return "lax"
    if groups > 1:
        return "lax"
    if all(k == 1 for k in window) and all(p == (0, 0) for p in padding):
        return "pointwise"
    if inputs * math.prod(window) <= _FEW:
        return "outer"
    if x.dtype == jnp.float64:
        return "patches"
    return "winograd" if winograd.fits(x, weight, stride, padding, dilation) else "lax"


_FORMS = {
    "pointwise": _pointwise,
    "outer": _outer,
    "patches": _patches,
    "winograd": lambda x, weight, stride, padding, dilation: winograd.forward(x, weight, padding),
}


def _forward(x, weight, stride, padding, dilation, groups):
    form = _form(x, weight, stride, padding, dilation, groups)
    if form == "lax":
        return _lax(x, weight, stride, padding, dilation, groups)
    return _FORMS[form](x, weight, stride, padding, dilation)


def conv(x, weight, bias=None, *, stride=1, padding=0, dilation=1, groups=1):
    """``x (n, c, *space)``, ``weight (o, c/groups, *k)`` -> ``(n, o, *out)``.

    ``padding`` is an int, one int an axis, or one (before, after) pair an axis.
    """
    geometry = _settings(weight, stride, padding, dilation)
    dtype = x.dtype
    x, weight, bias = in_full(x, weight, bias)
    if _is_depthwise(weight, groups):
        y = depthwise.forward(x, weight, *geometry)
        return once((y if bias is None else y + bias.reshape(-1, *(1,) * (y.ndim - 2))).astype(dtype))
    y = _forward(channels_last(x), weight, *geometry, groups)
    y = (y if bias is None else y + bias).astype(dtype)
    cheap = _form(channels_last(x), weight, *geometry, groups) == "outer"
    return channels_first(once(y) if cheap else y)


def in_full(*tensors):
    """16-bit floats as float32 on the CPU, which is no faster with them, so that results are rounded once."""
    return tuple(t if t is None or not on_cpu() else t.astype(wide(t.dtype)) for t in tensors)


def conv_vjp(ct, x, weight, bias=None, *, stride=1, padding=0, dilation=1, groups=1, needs=(True,) * 3):
    """Gradients of ``conv`` for x, weight and bias."""
    geometry = _settings(weight, stride, padding, dilation)
    dx = dw = db = None
    if _is_depthwise(weight, groups):
        ct = once(ct)
        g = channels_last(ct)
        if needs[0]:
            dx = once(depthwise.input_gradient(ct, weight, x.shape[2:], *geometry))
        if needs[1]:
            dw = depthwise.weight_gradient(ct, x, weight, *geometry).astype(weight.dtype)
    else:
        g, z = once(channels_last(ct)), channels_last(x)
        if needs[0]:
            dx = channels_first(_input_gradient(g, z, weight, geometry, groups))
        if needs[1]:
            dw = _weight_gradient(g, z, weight, geometry, groups).astype(weight.dtype)
    if needs[2] and bias is not None:
        db = g.astype(wide(g.dtype)).sum(tuple(range(g.ndim - 1))).astype(bias.dtype)
    return dx, dw, db


def conv_input_gradient(ct, weight, shape, *, stride=1, padding=0, dilation=1, groups=1):
    """The gradient for an input of ``shape``; as a forward, this is transposed convolution."""
    geometry = _settings(weight, stride, padding, dilation)
    if _is_depthwise(weight, groups):
        return depthwise.input_gradient(ct, weight, shape[2:], *geometry)
    z = jax.ShapeDtypeStruct((shape[0], *shape[2:], shape[1]), ct.dtype)
    return channels_first(_input_gradient(channels_last(ct), z, weight, geometry, groups))


def _input_gradient(g, x, weight, geometry, groups):
    form = _form(x, weight, *geometry, groups)
    if form == "winograd":
        return winograd.input_gradient(g, weight, geometry[1])
    body = None if form == "outer" else _FORMS.get(form)

    def forward(z):
        return body(z, weight, *geometry) if body else _lax(z, weight, *geometry, groups)

    return jax.linear_transpose(forward, x)(g)[0]


def _weight_gradient(g, x, weight, geometry, groups):
    form = _form(x, weight, *geometry, groups)
    if form == "winograd":
        return winograd.weight_gradient(g, x, geometry[1])
    if groups > 1 or not on_cpu():
        w = jax.ShapeDtypeStruct(weight.shape, weight.dtype)
        return jax.linear_transpose(lambda w: _lax(x, w, *geometry, groups), w)(g)[0]
    return _rows(g, x, weight, geometry)


def _rows(g, x, weight, geometry):
    """The weight's gradient as ``prod(k[:-1])`` dots over taps set side by side."""
    o, c, *window = weight.shape
    stride, padding, dilation = geometry
    out, rank = g.shape[1:-1], len(window)
    g = g.reshape(-1, o)
    x = pad_space(x, padding)
    whole, ones = (*x.shape[1:rank], out[-1]), (1,) * rank
    across = (*ones[1:], stride[-1]), (*ones[1:], dilation[-1])
    corner = (0,) * (rank - 1)
    cols = [tap(x, (*corner, j), whole, *across) for j in range(window[-1])]
    cols = jnp.concatenate(cols, -1)
    down = (*stride[:-1], 1), (*dilation[:-1], 1)
    parts = []
    for row in places(window[:-1]):
        part = tap(cols, (*row, 0), out, *down).reshape(-1, cols.shape[-1])
        parts.append(contract(g, part, 0, 0))
    dw = jnp.stack(parts, 1).reshape(o, *window, c)
    return dw.transpose(0, dw.ndim - 1, *range(1, dw.ndim - 1))

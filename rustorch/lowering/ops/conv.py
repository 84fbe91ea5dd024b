"""Convolutions and transposed convolutions in one, two and three dimensions."""

from __future__ import annotations

import jax.numpy as jnp

from rustorch.errors import ShapeMismatchError, check
from rustorch.lowering import kernels
from rustorch.lowering.kernels.sums import wide
from rustorch.lowering.ops._common import is_inexact
from rustorch.lowering.ops._nn import axes_of, layer, present, spread
from rustorch.lowering.promote import dtype_of


def _check(rank, input, weight, bias, transposed, groups):
    name = f"conv_transpose{rank}d" if transposed else f"conv{rank}d"
    check(
        input.ndim in (rank + 1, rank + 2),
        f"Expected {rank + 1}D (unbatched) or {rank + 2}D (batched) input to {name}, but got input of size: {list(input.shape)}",
    )
    check(
        weight.ndim == rank + 2,
        f"{name}: expected weight of {rank + 2} dimensions. Received: weight of shape {list(weight.shape)}",
    )
    check(groups > 0, "non-positive groups is not supported")
    size = list(input.shape) if input.ndim == rank + 2 else [1, *input.shape]
    shown = f"weight of size {list(weight.shape)}, expected input{size}"
    channels = weight.shape[0] if transposed else weight.shape[1] * groups
    given = "transposed=1" if transposed else f"groups={groups}"
    if size[1] != channels:
        raise ShapeMismatchError(
            f"Given {given}, {shown} to have {channels} channels, but got {size[1]} channels instead",
            tuple(input.shape),
            tuple(weight.shape),
        )
    check(
        weight.shape[0] % groups == 0,
        f"Given groups={groups}, expected weight to be divisible by {groups} at dimension 0, "
        f"but got weight of size [{list(weight.shape)}] instead",
    )
    a, b = dtype_of(input), dtype_of(weight)
    check(a is b, f"Input type ({a.name}) and weight type ({b.name}) should be the same")
    if bias is not None:
        c = dtype_of(bias)
        check(a is c, f"Input type ({a.name}) and bias type ({c.name}) should be the same")
        outputs = weight.shape[1] * groups if transposed else weight.shape[0]
        if bias.shape != (outputs,):
            raise ShapeMismatchError(
                f"Given {'transposed=1, ' if transposed else ''}weight of size {list(weight.shape)}, expected bias to be "
                f"1-dimensional with {outputs} elements, but got bias of size {list(bias.shape)} instead",
                tuple(bias.shape),
                (outputs,),
            )


def _times(sizes) -> str:
    return "(" + " x ".join(map(str, sizes)) + ")"


def _geometry(rank, input, weight, stride, padding, dilation, groups):
    """Settings of the kernel from PyTorch's arguments; padding becomes (before, after) pairs."""
    stride, dilation = axes_of(stride, rank, "stride"), axes_of(dilation, rank, "dilation")
    check(all(s > 0 for s in stride), "non-positive stride is not supported")
    check(all(d > 0 for d in dilation), "dilation should be greater than zero")
    window = weight.shape[2:]
    if isinstance(padding, str):
        check(padding in ("same", "valid"), f"Invalid padding string: '{padding}'")
        pairs = ((0, 0),) * rank
        if padding == "same":
            check(all(s == 1 for s in stride), "padding='same' is not supported for strided convolutions")
            extra = [d * (k - 1) for d, k in zip(dilation, window)]
            pairs = tuple((e // 2, e - e // 2) for e in extra)
    else:
        padding = axes_of(padding, rank, "padding")
        check(all(p >= 0 for p in padding), "negative padding is not supported")
        pairs = tuple((p, p) for p in padding)
    space = input.shape[input.ndim - rank :]
    padded = [n + lo + hi for n, (lo, hi) in zip(space, pairs)]
    check(
        all(n >= d * (k - 1) + 1 for n, d, k in zip(padded, dilation, window)),
        f"Calculated padded input size per channel: {_times(padded)}. Kernel size: "
        f"{_times([d * (k - 1) + 1 for d, k in zip(dilation, window)])}. Kernel size can't be greater than actual input size",
    )
    return {"stride": stride, "padding": pairs, "dilation": dilation, "groups": groups}


def _conv(rank, input, weight, bias, stride, padding, dilation, groups):
    _check(rank, input, weight, bias, False, groups)
    settings = _geometry(rank, input, weight, stride, padding, dilation, groups)
    batched = input if input.ndim == rank + 2 else input[None]
    y = kernels.conv(batched, weight, bias, **settings)
    return y if input.ndim == rank + 2 else y[0]


def _conv_rule(rank):
    def rule(needs, ct, input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
        settings = _geometry(rank, input, weight, stride, padding, dilation, groups)
        single = input.ndim == rank + 1
        x, g = (input[None], ct[None]) if single else (input, ct)
        dx, dw, db = kernels.conv_vjp(g, x, weight, bias, needs=spread(needs, input, weight, bias), **settings)
        if single and dx is not None:
            dx = dx[0]
        return present((dx, dw, db), input, weight, bias)

    return rule


@layer(dear=True, also=("torch",), grad_name="ConvolutionBackward0")
def conv1d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Slide ``weight`` (out, in/groups, k) over ``input`` ([N,] in, L) → ([N,] out, L').

    L' = ⌊(L + 2·padding - dilation·(k - 1) - 1) / stride⌋ + 1; ``padding`` may be "same" or "valid".
    """
    return _conv(1, input, weight, bias, stride, padding, dilation, groups)


@layer(dear=True, also=("torch",), grad_name="ConvolutionBackward0")
def conv2d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Slide ``weight`` (out, in/groups, kH, kW) over ``input`` ([N,] in, H, W) → ([N,] out, H', W').

    Each size as in ``conv1d``; ``padding`` may be "same" or "valid".
    """
    return _conv(2, input, weight, bias, stride, padding, dilation, groups)


@layer(dear=True, also=("torch",), grad_name="ConvolutionBackward0")
def conv3d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Slide ``weight`` (out, in/groups, kD, kH, kW) over ``input`` ([N,] in, D, H, W).

    Each size as in ``conv1d``; ``padding`` may be "same" or "valid".
    """
    return _conv(3, input, weight, bias, stride, padding, dilation, groups)


for _rank, _one in enumerate((conv1d, conv2d, conv3d), 1):
    _one.vjp(_conv_rule(_rank))


_AXES = {1: ("width",), 2: ("height", "width"), 3: ("depth", "height", "width")}


def _transposed_geometry(rank, input, weight, stride, padding, output_padding, groups, dilation):
    """Settings of the convolution that this one transposes, and the output's shape."""
    stride, dilation = axes_of(stride, rank, "stride"), axes_of(dilation, rank, "dilation")
    padding, extra = axes_of(padding, rank, "padding"), axes_of(output_padding, rank, "output_padding")
    shown = " ".join(
        f"{what}_{axis}: {v}"
        for what, values in (("output_padding", extra), ("stride", stride), ("dilation", dilation))
        for axis, v in zip(_AXES[rank], values)
    )
    check(
        all(e < s or e < d for e, s, d in zip(extra, stride, dilation)),
        f"output padding must be smaller than either stride or dilation, but got {shown}",
    )
    space = input.shape[input.ndim - rank :]
    out = tuple(
        (n - 1) * s - 2 * p + d * (k - 1) + e + 1
        for n, s, p, d, k, e in zip(space, stride, padding, dilation, weight.shape[2:], extra)
    )
    check(
        all(n > 0 for n in out),
        f"Given input size per channel: {_times(space)}. Calculated output size per channel: {_times(out)}. "
        "Output size is too small",
    )
    # Cropping the end by the extra padding makes the forward convolution's windows fit exactly.
    pairs = tuple((p, p - e) for p, e in zip(padding, extra))
    settings = {"stride": stride, "padding": pairs, "dilation": dilation, "groups": groups}
    return settings, (weight.shape[1] * groups, *out)


def _conv_transpose(rank, input, weight, bias, *geometry):
    _check(rank, input, weight, bias, True, geometry[3])
    settings, shape = _transposed_geometry(rank, input, weight, *geometry)
    x = input if input.ndim == rank + 2 else input[None]
    x, weight, bias = kernels.in_full(x, weight, bias)
    if is_inexact(x):
        y = kernels.conv_input_gradient(x, weight, (x.shape[0], *shape), **settings)
    else:  # no transpose is defined for integers; as doubles they are exact
        parts = x.astype(jnp.float64), weight.astype(jnp.float64)
        y = jnp.rint(kernels.conv_input_gradient(*parts, (x.shape[0], *shape), **settings)).astype(x.dtype)
    if bias is not None:
        y = y + bias.reshape((-1,) + (1,) * rank)
    return (y if input.ndim == rank + 2 else y[0]).astype(input.dtype)


def _conv_transpose_rule(rank):
    def rule(needs, ct, input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
        settings, _ = _transposed_geometry(rank, input, weight, stride, padding, output_padding, groups, dilation)
        need = spread(needs, input, weight, bias)
        single = input.ndim == rank + 1
        x, g = (input[None], ct[None]) if single else (input, ct)
        dx = dw = db = None
        if need[0]:
            dx = kernels.conv(g, weight, **settings)
            dx = dx[0] if single else dx
        if need[1]:
            dw = kernels.conv_vjp(x, g, weight, needs=(False, True, False), **settings)[1]
        if need[2]:
            db = g.astype(wide(g.dtype)).sum((0, *range(2, rank + 2)))
        return present((dx, dw, db), input, weight, bias)

    return rule


@layer(dear=True, also=("torch",), grad_name="ConvolutionBackward0")
def conv_transpose1d(input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
    """The transpose of ``conv1d``: ``weight`` (in, out/groups, k), ``input`` ([N,] in, L) → ([N,] out, L').

    L' = (L - 1)·stride - 2·padding + dilation·(k - 1) + output_padding + 1.
    """
    return _conv_transpose(1, input, weight, bias, stride, padding, output_padding, groups, dilation)


@layer(dear=True, also=("torch",), grad_name="ConvolutionBackward0")
def conv_transpose2d(input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
    """The transpose of ``conv2d``: ``weight`` (in, out/groups, kH, kW), ``input`` ([N,] in, H, W).

    Each size as in ``conv_transpose1d``.
    """
    return _conv_transpose(2, input, weight, bias, stride, padding, output_padding, groups, dilation)


@layer(dear=True, also=("torch",), grad_name="ConvolutionBackward0")
def conv_transpose3d(input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
    """The transpose of ``conv3d``: ``weight`` (in, out/groups, kD, kH, kW), ``input`` ([N,] in, D, H, W).

    Each size as in ``conv_transpose1d``.
    """
    return _conv_transpose(3, input, weight, bias, stride, padding, output_padding, groups, dilation)


for _rank, _one in enumerate((conv_transpose1d, conv_transpose2d, conv_transpose3d), 1):
    _one.vjp(_conv_transpose_rule(_rank))


@layer(dear=True, also=("torch",), grad_name="ConvTbcBackward0")
def conv_tbc(input, weight, bias, pad: int = 0):
    """``conv1d`` with time first: ``input`` (L, N, in), ``weight`` (k, in, out), ``bias`` (out) → (L', N, out)."""
    y = kernels.conv(jnp.transpose(input, (1, 2, 0)), jnp.transpose(weight, (2, 1, 0)), bias, padding=pad)
    return jnp.transpose(y, (2, 0, 1))

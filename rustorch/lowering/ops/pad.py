"""``nn.functional.pad``: constant, reflect, replicate and circular borders."""

from __future__ import annotations

import jax.numpy as jnp
from jax import lax

from rustorch.errors import RustorchRuntimeError, check
from rustorch.lowering.promote import cast, dtype_of
from rustorch.lowering.table import Number, op

_NAMES = {"reflect": "ReflectionPad{}DBackward0", "replicate": "ReplicationPad{}DBackward0", "circular": "CopySlices"}


def _grad_name(template):
    mode = template[2] if len(template) > 2 else "constant"
    return _NAMES.get(mode, "ConstantPadNdBackward0").format(len(template[1]) // 2)


@op(namespace="nn.functional", saves=False, grad_name=_grad_name)
def pad(input, pad, mode="constant", value: Number = None):
    """Adds ``pad`` elements at both ends of the last dimensions; negative amounts cut off.

    ``pad`` counts from the last dimension: ``(left, right, top, bottom, ...)``.
    """
    check(len(pad) % 2 == 0, "Padding length must be divisible by 2")
    check(
        len(pad) <= 2 * input.ndim,
        "Padding length should be less than or equal to two times the input dimension "
        f"but got padding length {len(pad)} and input of dimension {input.ndim}",
    )
    pairs = [(0, 0)] * (input.ndim - len(pad) // 2) + list(zip(pad[-2::-2], pad[-1::-2]))
    for d, (low, high) in enumerate(pairs):
        check(
            input.shape[d] + low + high >= 0,
            f"The input size {input.shape[d]}, plus negative padding {low} and {high} resulted in a negative output size, "
            f"which is invalid. Check dimension {d} of your input.",
        )
    if mode == "constant":
        fill = cast(0 if value is None else value, dtype_of(input))
        return lax.pad(input, fill, [(low, high, 0) for low, high in pairs])
    if value is not None and isinstance(value, (int, float)) and value != 0:
        raise RustorchRuntimeError(f'Padding mode "{mode}" doesn\'t take in value argument')
    if mode not in _BORDERS:
        raise NotImplementedError(f"Unrecognised padding mode {mode}")
    n = len(pad) // 2
    if mode != "circular" and not (n in (1, 2, 3) and input.ndim in (n + 1, n + 2)):
        raise NotImplementedError("Only 2D, 3D, 4D, 5D padding with non-constant padding are supported for now")
    for d, (low, high) in enumerate(pairs):
        if low or high:
            input = _extend(input, d, low, high, mode)
    return input


def _extend(x, d, low, high, mode):
    n = x.shape[d]
    if mode == "reflect":
        check(
            low < n and high < n,
            "Argument #4: Padding size should be less than the corresponding input dimension, "
            f"but got: padding ({low}, {high}) at dimension {d} of input {list(x.shape)}",
        )
    elif mode == "circular":
        check(low <= n and high <= n, "Padding value causes wrapping around more than once.")
    first, last = max(-low, 0), max(-high, 0)
    if mode == "circular":  # wraps what the cut leaves; the others extend first
        x, first, last = lax.slice_in_dim(x, first, n - last, axis=d), 0, 0
    before, after = _BORDERS[mode](x, d, max(low, 0), max(high, 0))
    x = lax.concatenate([p for p in (before, x, after) if p is not None], d)
    return lax.slice_in_dim(x, first, x.shape[d] - last, axis=d) if first or last else x


def _reflect(x, d, low, high):
    n = x.shape[d]
    before = lax.rev(lax.slice_in_dim(x, 1, low + 1, axis=d), (d,)) if low else None
    after = lax.rev(lax.slice_in_dim(x, n - high - 1, n - 1, axis=d), (d,)) if high else None
    return before, after


def _replicate(x, d, low, high):
    n = x.shape[d]

    def edge(i, count):
        if not count:
            return None
        shape = x.shape[:d] + (count,) + x.shape[d + 1 :]
        return jnp.broadcast_to(lax.slice_in_dim(x, i, i + 1, axis=d), shape)

    return edge(0, low), edge(n - 1, high)


def _circular(x, d, low, high):
    n = x.shape[d]
    before = lax.slice_in_dim(x, n - low, n, axis=d) if low else None
    after = lax.slice_in_dim(x, 0, high, axis=d) if high else None
    return before, after


_BORDERS = {"reflect": _reflect, "replicate": _replicate, "circular": _circular}


@op(saves=False, grad_name="ConstantPadNdBackward0")
def constant_pad_nd(input, pad, value: Number = 0):
    """Pads with a constant; ``pad`` counts from the last dimension."""
    return _by_mode(input, pad, "constant", value)


_by_mode = pad.body

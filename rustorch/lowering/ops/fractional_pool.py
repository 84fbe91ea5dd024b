"""Pooling whose windows lie at random, in steps that add up to the output size wanted (Graham, 2014)."""

from __future__ import annotations

import math

import jax.numpy as jnp
import numpy as np

from rustorch.errors import ShapeMismatchError, check
from rustorch.lowering.ops._nn import need_float, piece
from rustorch.lowering.table import op

_SIDES = {2: ("height", "width"), 3: ("time", "height", "width")}


def _starts(samples, size: int, out: int, window: int):
    """Where the windows along one dimension begin, (N, C, out): the last one ends at the edge."""
    at = jnp.arange(out, dtype=samples.dtype)
    step = (size - window) / (out - 1) if out > 1 else 0.0
    step = jnp.asarray(step, samples.dtype)
    first = ((at + samples[..., None]) * step).astype(jnp.int64) - (samples[..., None] * step).astype(jnp.int64)
    return jnp.where(jnp.arange(out) == out - 1, size - window, first)


@piece(grad_name="FractionalMaxPool2DBackward0")
def fractional_max_pool(input, samples, kernel_size: tuple, output_size: tuple):
    """The largest value of each window and its place in the flattened image.

    ``input`` ([N,] C, *space), ``samples`` (N, C, rank) in [0, 1): one number per plane and dimension.
    """
    rank = len(kernel_size)
    name = f"fractional_max_pool{rank}d{'_out' if rank == 3 else ''}()"
    check(
        input.ndim in (rank + 1, rank + 2),
        f"{name}: Expected {rank + 1}D or {rank + 2}D tensor, but got: {list(input.shape)}",
    )
    for d, n in enumerate(input.shape[input.ndim - rank - 1 :]):
        d += input.ndim - rank - 1
        check(
            n > 0,
            f"{name}: Expected input to have non-zero size for non-batch dimensions, but got{list(input.shape)} "
            f"with dimension {d} being empty.",
        )
    need_float(input, f"fractional_max_pool{rank}d_out_frame")
    x = input if input.ndim == rank + 2 else input[None]
    space = x.shape[2:]
    for side, n, k, out in zip(_SIDES[rank], space, kernel_size, output_size):
        if out + k - 1 > n:
            raise ShapeMismatchError(
                f"{name}: pool {side} {k} too large relative to input {side} {n}", tuple(input.shape), kernel_size
            )
    # In two dimensions the first number is the width's.
    order = (1, 0) if rank == 2 else (0, 1, 2)
    starts = [_starts(samples[..., s], n, out, k) for s, n, out, k in zip(order, space, output_size, kernel_size)]
    places = []
    for offset in np.ndindex(*kernel_size):
        place = 0
        for d in range(rank):
            at = (starts[d] + offset[d]).reshape(*x.shape[:2], *(output_size[d] if i == d else 1 for i in range(rank)))
            place = place * space[d] + at
        places.append(place)
    places = jnp.stack(jnp.broadcast_arrays(*places), -1)
    flat = x.reshape(*x.shape[:2], math.prod(space))
    seen = jnp.take_along_axis(flat, places.reshape(*x.shape[:2], math.prod(places.shape[2:])), 2)
    best = jnp.argmax(seen.reshape(places.shape), -1)
    index = jnp.take_along_axis(places, best[..., None], -1)[..., 0]
    out = jnp.take_along_axis(flat, index.reshape(*x.shape[:2], math.prod(index.shape[2:])), 2)
    out = out.reshape(index.shape)
    return (out, index) if input.ndim == rank + 2 else (out[0], index[0])


@op(namespace="aten", method=False, out=False, grad_name="MaxPool2DWithIndicesBackwardBackward0")
def max_pool2d_with_indices_backward(
    grad_output, self, kernel_size, stride, padding, dilation, ceil_mode: bool, indices
):
    """The gradient of ``max_pool2d`` in an image shaped as ``self``: each entry goes to the place in ``indices``."""
    rows, places = (x.reshape(-1, math.prod(x.shape[-2:])) for x in (grad_output, indices))
    out = jnp.zeros((rows.shape[0], math.prod(self.shape[-2:])), grad_output.dtype)
    return out.at[jnp.arange(rows.shape[0])[:, None], places].add(rows).reshape(self.shape)

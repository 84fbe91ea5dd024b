"""Views: shapes that alias their input.

Bodies run twice: with ``xp = jax.numpy`` to compute, and with NumPy on a strided dummy to learn
PyTorch's strides (so only operations that are views in NumPy too may be used there).
"""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
from jax.export import is_symbolic_dim

from rustorch import dtypes
from rustorch.errors import RustorchRuntimeError, ShapeMismatchError, check, wrap_dim
from rustorch.lowering.strides import respaced
from rustorch.lowering.table import Dims, op, view


def resolve_shape(shape, numel: int) -> tuple[int, ...]:
    """Replace one -1 in ``shape`` by what makes ``numel`` elements, or raise PyTorch's error."""
    shape = tuple(n if is_symbolic_dim(n) else int(n) for n in shape)
    text = f"shape '{list(shape)}' is invalid for input of size {numel}"
    if any(n < -1 for n in shape):
        raise RustorchRuntimeError(
            f"invalid shape dimension {min(shape)} at index {shape.index(min(shape))} of shape {list(shape)}"
        )
    if shape.count(-1) > 1:
        raise RustorchRuntimeError("only one dimension can be inferred")
    known = math.prod(n for n in shape if n != -1)
    if -1 in shape:
        if known == 0:
            check(numel == 0, text)
            raise RustorchRuntimeError(
                f"cannot reshape tensor of 0 elements into shape {list(shape)} because the unspecified "
                "dimension size -1 can be any value and is ambiguous"
            )
        check(numel % known == 0, text)
        shape = tuple(numel // known if n == -1 else n for n in shape)
    elif known != numel:
        raise ShapeMismatchError(text, shape, numel)
    return shape


def _reshape(xp, input, shape):
    shape = resolve_shape(shape, math.prod(input.shape))
    if xp is np:
        try:
            return np.reshape(input, shape, copy=False)
        except ValueError:
            raise RustorchRuntimeError(
                "view size is not compatible with input tensor's size and stride (at least one dimension "
                "spans across two contiguous subspaces). Use .reshape(...) instead."
            ) from None
    return jnp.reshape(input, shape)


@view(name="view", function=False)
def view_(xp, input, size: Dims):
    """The same elements in another shape; the shape must fit the strides."""
    return _reshape(xp, input, size)


@op(
    name="reshape_copy",
    function=False,
    method=False,
    inplace=False,
    out=False,
    saves=False,
    grad_name="UnsafeViewBackward0",
)
def reshape_copy(input, shape):
    """The same elements in another shape, as a copy."""
    return jnp.reshape(input, resolve_shape(shape, input.size))


@view(saves=False)
def unflatten(xp, input, dim: int, sizes):
    """Split dimension ``dim`` into ``sizes``."""
    dim = wrap_dim(dim, input.ndim)
    try:
        inner = resolve_shape(sizes, input.shape[dim])
    except RustorchRuntimeError:
        raise RustorchRuntimeError(
            f"unflatten: Provided sizes {list(sizes)} don't multiply up to the size of dim {dim} ({input.shape[dim]}) in the input tensor"
        ) from None
    return _reshape(xp, input, (*input.shape[:dim], *inner, *input.shape[dim + 1 :]))


@view(saves=False)
def unsqueeze(xp, input, dim: int):
    """Insert a dimension of size 1 at ``dim``."""
    d = wrap_dim(dim, input.ndim + 1)
    if xp is np:  # PyTorch's stride of the new dimension, where NumPy has another
        step = input.shape[d] * input.strides[d] if d < input.ndim else input.itemsize
        shape, strides = [list(part) for part in (input.shape, input.strides)]
        return np.lib.stride_tricks.as_strided(input, shape[:d] + [1] + shape[d:], strides[:d] + [step] + strides[d:])
    return jnp.expand_dims(input, d)


@view(saves=False)
def squeeze(xp, input, dim=None):
    """Drop dimensions of size 1: all, or those named that have size 1."""
    if dim is None:
        dims = [d for d in range(input.ndim) if input.shape[d] == 1]
    else:
        named = dim if isinstance(dim, (tuple, list)) else (dim,)
        dims = [d for d in (wrap_dim(d, input.ndim) for d in named) if input.ndim and input.shape[d] == 1]
    return xp.squeeze(input, tuple(dims))


@view(aliases=("swapaxes", "swapdims"), saves=False)
def transpose(xp, input, dim0: int, dim1: int):
    """Swap two dimensions."""
    if input.ndim == 0:
        wrap_dim(dim0, 0), wrap_dim(dim1, 0)
        return input[...] if xp is np else input
    return xp.swapaxes(input, wrap_dim(dim0, input.ndim), wrap_dim(dim1, input.ndim))


@view(saves=False)
def t(xp, input):
    """Transpose a matrix; 0-d and 1-d tensors stay as they are."""
    check(input.ndim <= 2, f"t() expects a tensor with <= 2 dimensions, but self is {input.ndim}D")
    return xp.transpose(input)


@view(saves=False)
def permute(xp, input, dims: Dims):
    """Reorder dimensions: ``out.shape[i] = input.shape[dims[i]]``."""
    check(
        len(dims) == input.ndim,
        "permute(sparse_coo): number of dimensions in the tensor input does not match the length of the desired "
        f"ordering of dimensions i.e. input.dim() = {input.ndim} is not equal to len(dims) = {len(dims)}",
    )
    order = [wrap_dim(d, input.ndim) for d in dims]
    check(len(set(order)) == len(order), "permute(): duplicate dims are not allowed.")
    return xp.transpose(input, order)


@view(aliases=("moveaxis",), grad_name="PermuteBackward0", saves=False)
def movedim(xp, input, source, destination):
    """Move dimensions to new places; the others keep their order."""
    src = source if isinstance(source, (tuple, list)) else (source,)
    dst = destination if isinstance(destination, (tuple, list)) else (destination,)
    check(
        len(src) == len(dst),
        f"movedim: Invalid source or destination dims: source ({list(src)} dims) should contain the same number of dims as destination ({list(dst)} dims)",
    )
    src = [wrap_dim(d, input.ndim) for d in src]
    dst = [wrap_dim(d, input.ndim) for d in dst]
    for name, given, dims in (("source", source, src), ("destination", destination, dst)):
        check(len(set(dims)) == len(dims), f"movedim: repeated dim in `{name}` ({given})")
    return xp.moveaxis(input, src, dst)


def _write_expanded(base, new, size, implicit=False):
    """Of the copies of each element, the one that was changed is the new value."""
    old = jnp.broadcast_to(base, new.shape)
    pad = new.ndim - base.ndim
    stretched = [*range(pad), *(i + pad for i, n in enumerate(base.shape) if n == 1 and new.shape[i + pad] != 1)]
    kept = [i for i in range(new.ndim) if i not in stretched]
    rows = jnp.transpose(new, stretched + kept).reshape(-1, *(new.shape[i] for i in kept))
    changed = jnp.transpose(new != old, stretched + kept).reshape(rows.shape)
    which = jnp.argmax(changed, axis=0)
    return jnp.take_along_axis(rows, which[None], 0)[0].reshape(base.shape)


@view(function=False, saves=False, scatter=_write_expanded)
def expand(xp, input, size: Dims, *, implicit=False):
    """Repeat dimensions of size 1 without copying; -1 keeps a size."""
    size = tuple(size)
    if len(size) < input.ndim:
        raise ShapeMismatchError(
            f"expand(torch.{dtypes.from_numpy(input.dtype).alias if xp is jnp else ''}Tensor{{{list(input.shape)}}}, size={list(size)}): the number of sizes provided "
            f"({len(size)}) must be greater or equal to the number of dimensions in the tensor ({input.ndim})",
            input.shape, size,
        )  # fmt: skip
    pad = len(size) - input.ndim
    target = []
    for i, n in enumerate(size):
        have = input.shape[i - pad] if i >= pad else None
        if n == -1:
            check(
                have is not None,
                f"The expanded size of the tensor ({n}) isn't allowed in a leading, non-existing dimension {i}",
            )
            n = have
        elif have is not None and have != n and have != 1:
            raise ShapeMismatchError(
                f"The expanded size of the tensor ({n}) must match the existing size ({have}) at non-singleton "
                f"dimension {i}.  Target sizes: {list(size)}.  Tensor sizes: {list(input.shape)}",
                input.shape, size,
            )  # fmt: skip
        target.append(n)
    return xp.broadcast_to(input, tuple(target))


@view(saves=False)
def diagonal(xp, input, offset: int = 0, dim1: int = 0, dim2: int = 1):
    """The elements ``input[.., i, .., i + offset, ..]`` as a last dimension."""
    a, b = wrap_dim(dim1, input.ndim), wrap_dim(dim2, input.ndim)
    check(a != b, f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    return xp.diagonal(input, offset, a, b)


@view(function=False, saves=False, grad_name="UnfoldBackward0")
def unfold(xp, input, dimension: int, size: int, step: int):
    """Windows of ``size`` every ``step`` along a dimension, as a new last dimension."""
    d = wrap_dim(dimension, input.ndim)
    length = input.shape[d] if input.ndim else 1
    check(step > 0, f"step is {step} but must be > 0")
    check(size >= 0, f"size is {size} but must be >= 0")
    check(size <= length, f"maximum size for tensor at dimension {d} is {length} but size is {size}")
    count = (length - size) // step + 1
    if xp is np:
        strides = list(input.strides) or [1]
        shape = list(input.shape) or [1]
        inner = strides[d]
        strides[d], shape[d] = strides[d] * step, count
        if not input.ndim:
            shape, strides = [], []
        return np.lib.stride_tricks.as_strided(input, [*shape, size], [*strides, inner], writeable=False)
    if not input.ndim:
        return input.reshape(1)[:size]
    where = np.arange(count, dtype=np.int32)[:, None] * step + np.arange(size, dtype=np.int32)
    return jnp.moveaxis(jnp.take(input, where, axis=d), d + 1, -1)


def basic_name(template) -> str:
    """PyTorch's name for the last step of an indexing chain."""
    spec = template[1]
    if len(template) > 3 and template[3]:
        return template[3]
    for entry in reversed(spec):
        if entry == "n":
            return "UnsqueezeBackward0"
        if entry == "i":
            return "SelectBackward0"
        if entry != ":":
            return "SliceBackward0"
    return "AliasBackward0"


def _write_window(base, new, spec, starts, name=None):
    """``base`` with the window that ``basic_index`` reads replaced by ``new``."""
    first, sizes, steps, _ = _window(base.shape, spec, starts)
    counts = [-(-n // s) for n, s in zip(sizes, steps)]
    new = jnp.broadcast_to(new, basic_index.body(jnp, base, spec, starts).shape).astype(base.dtype).reshape(counts)
    if 0 in counts:
        return base
    where = [jnp.asarray(s, np.int32) for s in first]
    if any(s != 1 for s in steps):
        gaps = [(0, 0, s - 1) for s in steps]
        spread = jax.lax.pad(new, jnp.zeros((), new.dtype), gaps)
        written = jax.lax.pad(jnp.ones(counts, bool), jnp.zeros((), bool), gaps)
        new = jnp.where(written, spread, jax.lax.dynamic_slice(base, where, sizes))
    if all(isinstance(s, int) for s in first) and list(sizes) == list(base.shape):
        return new
    return jax.lax.dynamic_update_slice(base, new, where)


def _window(shape, spec, starts):
    """Start, extent and step per dimension, and the shape that is read."""
    begin = iter(starts)
    first, sizes, steps, out = [], [], [], []
    at = 0
    for e in (*spec, *(":" for _ in range(len(shape) - sum(e != "n" for e in spec)))):
        if e == "n":
            out.append(1)
            continue
        if e == ":":
            first.append(0), sizes.append(shape[at]), steps.append(1), out.append(shape[at])
        elif e == "i":
            first.append(next(begin)), sizes.append(1), steps.append(1)
        else:
            first.append(next(begin)), sizes.append((e[0] - 1) * e[1] + 1 if e[0] else 0), steps.append(e[1])
            out.append(e[0])
        at += 1
    return first, sizes, steps, out


@view(function=False, method=False, saves=False, grad_name=basic_name, scatter=_write_window)
def basic_index(xp, input, spec, starts, name=None):
    """Indexing by ints, slices and None.

    ``spec`` has an entry per step: ":" keeps a dimension, "i" selects, "n" inserts, and
    ``(length, step)`` slices; ``starts`` holds the positions of "i" and slices in order.
    """
    begin = iter(starts)
    if xp is np:
        index = []
        for e in spec:
            if e == ":":
                index.append(slice(None))
            elif e == "n":
                index.append(None)
            elif e == "i":
                index.append(next(begin))
            else:
                s = next(begin)
                index.append(slice(s, s + max((e[0] - 1) * e[1] + 1, 0) if e[0] else s, e[1]))
        return input[(*index, ...)]
    first, sizes, steps, shape = _window(input.shape, spec, starts)
    if all(isinstance(s, int) for s in first):
        out = jax.lax.slice(input, first, [s + n for s, n in zip(first, sizes)], steps)
    else:
        out = jax.lax.dynamic_slice(input, [jnp.asarray(s, np.int32) for s in first], sizes)
        if any(s != 1 for s in steps):
            out = jax.lax.slice(out, [0] * out.ndim, out.shape, steps)
    return out.reshape(shape)


@view(function=False, method=False, grad_name="AsStridedBackward0")
def strided(xp, input, size, stride, storage_offset=0):
    """Arbitrary strides over the flat storage of ``input`` (its root tensor)."""
    if xp is np:
        return respaced(input, size, stride)
    where = np.full(size, storage_offset, np.int64)
    for d, (n, s) in enumerate(zip(size, stride)):
        where += (np.arange(n) * s).reshape([-1 if i == d else 1 for i in range(len(size))])
    if where.size and (where.max() >= input.size or where.min() < 0):
        raise RustorchRuntimeError(
            f"setStorage: sizes {list(size)}, strides {list(stride)}, storage offset {storage_offset} "
            f"are out of bounds for storage of {input.size} elements"
        )
    if not where.size:
        return jnp.zeros(size, input.dtype)
    return jnp.take(input.reshape(-1), where.astype(np.int32))

"""``x[...]`` and ``x[...] = v``: basic indexing makes views, tensors as indices gather and scatter."""

from __future__ import annotations

from numbers import Integral

import numpy as np

from rustorch import dtypes
from rustorch.eager.inplace import copy_, store
from rustorch.eager.recorder import apply, apply_op, from_host, value_of
from rustorch.eager.tensor import Tensor
from rustorch.eager.views import check_writable, make_view, node_of
from rustorch.errors import IndexOutOfRangeError
from rustorch.lowering.ops.indexing import copy_into, index, index_put
from rustorch.lowering.ops.masked import masked_write
from rustorch.lowering.ops.view import basic_index, expand
from rustorch.lowering.template import ARRAY, NUMBER, Group

_ARRAYLIKE = (Tensor, np.ndarray, list, range)


def getitem(self: Tensor, key):
    """Read by ints, slices, ``None``, ``...``, and integer or boolean tensors."""
    if type(key) is int:
        return select(self, 0, key)
    basic, advanced = parse(self, key)
    out = _basic(self, basic) if basic else self
    return gather(out, advanced) if advanced else out


def setitem(self: Tensor, key, value) -> None:
    """Write by the same keys as reading."""
    if isinstance(key, Tensor) and key.dtype is dtypes.bool_ and not (isinstance(value, Tensor) and value.ndim):
        _masked_fill(self, key, value)
        return
    basic, advanced = parse(self, key)
    target = _basic(self, basic) if basic else self
    if advanced:
        scatter(target, advanced, value)
    elif isinstance(value, Tensor):
        value = _trim(value, target)
        shape = tuple(target.shape)
        if shape != tuple(value.shape):
            value = make_view(value, expand, (ARRAY, shape))
        copy_(target, value)
    else:
        copy_(target, _as_value(target, value))


def _as_value(target, value):
    if isinstance(value, (bool, int, float, complex)):
        return value
    if isinstance(value, np.generic):
        return value.item()
    return from_host(np.asarray(value, dtype=target.dtype.numpy))


def _trim(value: Tensor, target: Tensor) -> Tensor:
    """Leading dimensions of size 1 that the target does not have do not matter."""
    while value.ndim > target.ndim and value.shape[0] == 1:
        value = getitem(value, 0)
    return value


def select(t: Tensor, dim: int, position: int) -> Tensor:
    """``t[..., position, ...]`` along ``dim``; negative positions count from the end."""
    shape = node_of(t).aval.shape
    if not shape:
        raise IndexOutOfRangeError(
            "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or `tensor.item<T>()` in C++ to convert a 0-dim tensor to a number"
        )
    n = shape[dim]
    if not -n <= position < n:
        raise IndexOutOfRangeError(f"index {position} is out of bounds for dimension {dim} with size {n}")
    spec = (":",) * dim + ("i",)
    return make_view(t, basic_index, (ARRAY, spec, Group((NUMBER,))), (position % n,))


def slice_view(t: Tensor, dim: int, start: int, length: int, step: int = 1, name=None) -> Tensor:
    """``length`` elements from ``start`` along ``dim`` (already checked)."""
    spec = (":",) * dim + ((length, step),)
    template = (ARRAY, spec, Group((NUMBER,)), name) if name else (ARRAY, spec, Group((NUMBER,)))
    return make_view(t, basic_index, template, (start,))


def _basic(t: Tensor, basic) -> Tensor:
    spec, starts = basic
    return make_view(t, basic_index, (ARRAY, spec, Group((NUMBER,) * len(starts))), starts)


def parse(t: Tensor, key):
    """Split a key into a basic part ``(spec, starts)`` and advanced indices per dimension of the result.

    Raises:
        IndexError: too many indices, out of bounds, or a type that does not index.
    """
    key = key if isinstance(key, tuple) else (key,)
    if any(isinstance(k, (list, range, np.ndarray, Tensor)) for k in key):
        key = tuple(_as_index(k) if isinstance(k, _ARRAYLIKE) else k for k in key)
    shape = node_of(t).aval.shape
    used = sum(_consumes(k) for k in key)
    if used > len(shape):
        raise IndexOutOfRangeError(f"too many indices for tensor of dimension {len(shape)}")
    if sum(k is Ellipsis for k in key) > 1:
        raise IndexOutOfRangeError("an index can only have a single ellipsis ('...')")
    spec: list = []
    starts: list = []
    advanced: list = []  # per dimension of the basic result: an index tensor or None
    plain = True
    at = 0
    for k in key:
        if k is Ellipsis:
            for _ in range(len(shape) - used):
                spec.append(":")
                advanced.append(None)
                at += 1
        elif k is None:
            spec.append("n")
            advanced.append(None)
            plain = False
        elif isinstance(k, slice):
            start, length, step = _slice(k, shape[at])
            if (start, length, step) == (0, shape[at], 1):
                spec.append(":")
            else:
                spec.append((length, step))
                starts.append(start)
                plain = False
            advanced.append(None)
            at += 1
        elif isinstance(k, Tensor):
            if k.dtype is dtypes.bool_ or k.dtype is dtypes.uint8:
                if k.ndim == 0:
                    spec.append("n")
                    plain = False
                    advanced.append(k)
                    continue
                for i, n in enumerate(k.shape):
                    if n != shape[at + i]:
                        raise IndexOutOfRangeError(
                            f"The shape of the mask {list(k.shape)} at index {i} does not match the shape of the "
                            f"indexed tensor {list(shape)} at index {at + i}"
                        )
            spec.extend(":" * max(_consumes(k), 1))
            advanced.append(k)
            at += _consumes(k)
        elif isinstance(k, (bool, np.bool_)):
            spec.append("n")
            plain = False
            advanced.append(from_host(np.asarray(bool(k))))
        elif isinstance(k, Integral) or hasattr(k, "__index__"):
            k, n = k.__index__(), shape[at]
            if not -n <= k < n:
                raise IndexOutOfRangeError(f"index {k} is out of bounds for dimension {at} with size {n}")
            spec.append("i")
            starts.append(k % n)
            plain = False
            at += 1
        elif isinstance(k, str):
            raise TypeError("new(): invalid data type 'str'")
        else:
            raise IndexError(
                "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices "
                f"(got {type(k).__name__})"
            )
    if not any(a is not None for a in advanced):
        return (tuple(spec), tuple(starts)), []
    return (None if plain else (tuple(spec), tuple(starts))), advanced


def _as_index(k):
    if isinstance(k, Tensor):
        return k.long() if k.ndim == 0 and k.dtype.kind == dtypes.INTEGER and k.dtype is not dtypes.uint8 else k
    array = np.asarray(k)
    if array.dtype == object:
        return from_host(np.asarray([int(x) for x in k]))
    if array.size == 0:
        array = array.astype(np.int64)
    return from_host(array)


def _consumes(k) -> int:
    if k is None or k is Ellipsis or isinstance(k, (bool, np.bool_)):
        return 0
    if isinstance(k, Tensor) and k.dtype in (dtypes.bool_, dtypes.uint8):
        return k.ndim
    return 1


def _slice(k: slice, n: int):
    if k.step is not None and k.step.__index__() <= 0:
        raise ValueError("step must be greater than zero")
    start, stop, step = slice(*(None if x is None else x.__index__() for x in (k.start, k.stop, k.step))).indices(n)
    length = max(0, -(-(stop - start) // step))
    return (start if length else min(start, n)), length, step


def expanded(t: Tensor, advanced):
    """Index tensors one per dimension: masks become the positions of their true entries."""
    out = []
    for k in advanced:
        if k is None:
            out.append(None)
        elif k.dtype is dtypes.bool_ or k.dtype is dtypes.uint8:
            mask = np.asarray(value_of(k)) != 0
            positions = np.nonzero(mask) if mask.ndim else (np.zeros(int(mask), np.int64),)
            out.extend(from_host(p) for p in positions)
        else:
            out.append(k)
    _check_bounds(t, out)
    return tuple(out)


def _check_bounds(t: Tensor, indices) -> None:
    """Positions already known on the CPU are checked now; others are clamped by the program."""
    shape = node_of(t).aval.shape
    for d, k in enumerate(indices):
        if k is None:
            continue
        if k.dtype.kind != dtypes.INTEGER:
            raise IndexError("tensors used as indices must be long, int, byte or bool tensors")
        value = node_of(k).value
        if value is None or not k.numel() or k.device.type != "cpu":
            continue
        array, n = np.asarray(value), shape[d]
        low, high = int(array.min()), int(array.max())
        if low < -n or high >= n:
            raise IndexOutOfRangeError(
                f"index {low if low < -n else high} is out of bounds for dimension {d} with size {n}"
            )


def gather(t: Tensor, advanced) -> Tensor:
    """Read ``t`` at index tensors; one entry per leading dimension."""
    return apply(index, (t, expanded(t, advanced)))


def scatter(t: Tensor, advanced, value, accumulate: bool = False) -> None:
    """Write ``value`` into ``t`` at index tensors."""
    if not isinstance(value, Tensor):
        value = (
            apply(copy_into, (_zero_dim(t), value))
            if isinstance(value, (bool, int, float, complex))
            else _as_value(t, value)
        )
    check_writable(t)
    indices = expanded(t, advanced)
    if value.dtype is not t.dtype:
        if value.ndim:
            raise RuntimeError(
                f"Index put requires the source and destination dtypes match, got {t.dtype.alias} for the destination and {value.dtype.alias} for the source."
            )
        value = value.to(t.dtype)
    store(t, apply_op(index_put, (t, indices, value, accumulate)), "index_put")


def _zero_dim(t: Tensor) -> Tensor:
    return from_host(np.zeros((), t.dtype.numpy), t.device)


def _masked_fill(t: Tensor, mask: Tensor, value) -> None:
    for i, (n, m) in enumerate(zip(mask.shape, t.shape)):
        if n != m:
            raise IndexOutOfRangeError(
                f"The shape of the mask {list(mask.shape)} at index {i} does not match the shape of the indexed tensor {list(t.shape)} at index {i}"
            )
    if mask.ndim > t.ndim:
        raise IndexOutOfRangeError(f"too many indices for tensor of dimension {t.ndim}")
    check_writable(t)
    if not isinstance(value, Tensor):
        value = _as_value(t, value)
    store(t, apply_op(masked_write, (t, mask, value)), "index_put")

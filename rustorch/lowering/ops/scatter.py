"""Writing elements by position. In every op here a position named twice is written twice, in no
fixed order where that matters, as in PyTorch."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from rustorch import dtypes
from rustorch.errors import DTypeError, IndexOutOfRangeError, RustorchRuntimeError, ShapeMismatchError, check, wrap_dim
from rustorch.lowering.ops import _known as known
from rustorch.lowering.ops.gather import check_index, flat_places, narrow, wrapped
from rustorch.lowering.promote import cast, dtype_of, is_number
from rustorch.lowering.table import Number, op
from rustorch.lowering.template import ARRAY

_IN = "promise_in_bounds"  # XLA itself drops updates that fall outside
_ELEMENTS = lax.ScatterDimensionNumbers(
    update_window_dims=(), inserted_window_dims=(0,), scatter_dims_to_operand_dims=(0,)
)


def _places(input, dim, index):
    """``.at`` coordinates of the elements that ``index`` names along ``dim``."""
    out = []
    for d in range(index.ndim):
        shape = [1] * index.ndim
        shape[d] = index.shape[d]
        out.append(
            narrow(index, input.shape[d]) if d == dim else np.arange(index.shape[d], dtype=np.int32).reshape(shape)
        )
    return tuple(out)


def _prepared(input, dim, index, src, name):
    """Checked operands, 0-dim ones as vectors, ``src`` cut to the index's shape."""
    dim = wrap_dim(dim, input.ndim)
    check_index(index, name)
    lift = input.ndim == 0
    if lift:
        input = input[None]
    if index.ndim == 0:
        index = index[None]
    if index.ndim != input.ndim and index.size:
        raise ShapeMismatchError(
            "Index tensor must have the same number of dimensions as self tensor", input.shape, index.shape
        )
    dtype = dtype_of(input)
    if src is None or is_number(src) or (src.ndim == 0 and index.shape != (1,)):
        src = jnp.broadcast_to(cast(0 if src is None else src, dtype), index.shape)
    else:
        if src.ndim == 0:
            src = src[None]
        if dtype_of(src) is not dtype:
            raise DTypeError(f"{name}(): Expected self.dtype to be equal to src.dtype")
        if index.size:
            if src.ndim != input.ndim:
                raise ShapeMismatchError(
                    "Index tensor must have the same number of dimensions as src tensor", index.shape, src.shape
                )
            if any(n > s or (d != dim and n > input.shape[d]) for d, (n, s) in enumerate(zip(index.shape, src.shape))):
                raise ShapeMismatchError(
                    f"Expected index {list(index.shape)} to be no larger than self {list(input.shape)} apart from dimension {dim} "
                    f"and to be no larger size than src {list(src.shape)}",
                    index.shape,
                    src.shape,
                )
            src = lax.slice(src, [0] * src.ndim, index.shape)
    return input, dim, index, src, lift


def _scatter_name(template):
    return "ScatterBackward0" if len(template) > 3 and template[3] is ARRAY else "ScatterBackward1"


@op(inplace=True, grad_name=_scatter_name)
def scatter(input, dim: int, index, src: Number = None, *, reduce=None, value: Number = None):
    """Writes along ``dim``: ``out[index[i][j]][j] = src[i][j]`` for ``dim`` 0; ``src`` may be a number.

    ``reduce`` "add" or "multiply" combines with what is there.
    """
    src = value if src is None else src
    input, dim, index, src, lift = _prepared(input, dim, index, src, "scatter")
    if index.size:
        if reduce is None:
            # Declared unique for the sake of the derivative: PyTorch's, too, ignores repeats.
            input = _put(lax.scatter, input, dim, index, src, unique_indices=True)
        elif reduce == "add":
            input = _add(input, dim, index, src)
        elif reduce == "multiply":
            input = _combine(input, dim, index, src, "prod")
        else:
            raise RustorchRuntimeError("reduce argument must be either add or multiply.")
    return input[0] if lift else input


@scatter.known("index")
def _(input, dim, index, src=None, reduce=None, value=None):
    known.check_index(index, input, dim)


@op(inplace=True)
def scatter_add(input, dim: int, index, src):
    """Adds along ``dim``: ``out[index[i][j]][j] += src[i][j]`` for ``dim`` 0."""
    input, dim, index, src, lift = _prepared(input, dim, index, src, "scatter")
    if index.size:
        input = _add(input, dim, index, src)
    return input[0] if lift else input


@scatter_add.known("index")
def _(input, dim, index, src):
    known.check_index(index, input, dim)


def _add(input, dim, index, src):
    return _put(lax.scatter_max if input.dtype == bool else lax.scatter_add, input, dim, index, src)


def _put(how, input, dim, index, src, **options):
    """Write the elements of ``src`` to the flattened input: without jnp's indexing, which copies updates first."""
    places = flat_places(input.shape, index, dim, outside=input.size)[..., None]
    return how(input.reshape(-1), places, src, _ELEMENTS, mode=_IN, **options).reshape(input.shape)


@op(inplace=True)
def scatter_reduce(input, dim: int, index, src, reduce, *, include_self=True):
    """Combines by "sum", "prod", "mean", "amax" or "amin" what falls on one place along ``dim``."""
    if reduce not in ("sum", "prod", "mean", "amax", "amin"):
        raise RustorchRuntimeError(f"reduce argument must be either sum, prod, mean, amax or amin, got {reduce}.")
    input, dim, index, src, lift = _prepared(input, dim, index, src, "scatter")
    if index.size:
        input = _reduced(input, dim, index, src, reduce, include_self)
    return input[0] if lift else input


@scatter_reduce.known("index")
def _(input, dim, index, src, reduce, include_self=True):
    known.check_index(index, input, dim)


def _extreme(dtype, largest):
    if jnp.issubdtype(dtype, jnp.floating):
        return np.inf if largest else -np.inf
    if dtype == bool:
        return largest
    info = jnp.iinfo(dtype)
    return info.max if largest else info.min


def _reduced(input, dim, index, src, reduce, include_self):
    places = _places(input, dim, index)
    if not include_self:
        start = {"sum": 0, "mean": 0, "prod": 1}.get(reduce)
        if start is None:
            start = _extreme(input.dtype, reduce == "amin")
        input = input.at[places].set(jnp.asarray(start, input.dtype), mode=_IN, unique_indices=True)
    if reduce == "sum":
        return _add(input, dim, index, src)
    if reduce == "mean":
        total = _add(input, dim, index, src)
        kind = input.dtype
        count = jnp.full(input.shape, int(include_self), kind)
        count = jnp.maximum(count.at[places].add(jnp.ones((), kind), mode=_IN), 1)
        return total / count if jnp.issubdtype(kind, jnp.inexact) else total // count
    return _combine(input, dim, index, src, reduce)


def _combine(input, dim, index, src, reduce):
    """Product or extremum, with PyTorch's derivatives (ties share evenly; zeros are handled)."""
    if reduce == "prod" and input.dtype == bool:
        reduce = "amin"
    return _COMBINE[reduce](input, src, _places(input, dim, index))


def _with_tangent(raw, tangent):
    run = jax.custom_jvp(raw)

    @run.defjvp
    def _(primals, tangents):
        out = run(*primals)
        return out, tangent(out, *primals, *tangents[:2])

    return lambda x, s, places: (run if jnp.issubdtype(x.dtype, jnp.inexact) else raw)(x, s, places)


def _extreme_tangent(out, x, s, places, dx, ds):
    """The tangent of the winners, shared evenly among ties."""
    winner, mine = s == out.at[places].get(mode="clip"), x == out
    ties = mine.astype(x.dtype).at[places].add(winner.astype(x.dtype), mode=_IN)
    change = jnp.where(mine, dx, 0).at[places].add(jnp.where(winner, ds, 0), mode=_IN)
    return change / jnp.maximum(ties, 1)


def _product_tangent(out, x, s, places, dx, ds):
    """``sum of d(factor) * product of the others``, exact where factors are zero."""
    zx, zs = x == 0, s == 0
    zeros = zx.astype(np.int32).at[places].add(zs.astype(np.int32), mode=_IN)
    nonzero = _COMBINE["prod"](jnp.where(zx, 1, x), jnp.where(zs, 1, s), places)

    zero_sum = jnp.where(zx, x, 0).at[places].add(jnp.where(zs, s, 0), mode=_IN)

    def others(factor, is_zero, zeros, nonzero, out, zero_sum):
        # Of two zeros each is what the other is multiplied by; that matters to the second derivative.
        beside = jnp.where(zeros == 1, nonzero, jnp.where(zeros == 2, (zero_sum - factor) * nonzero, 0))
        return jnp.where(is_zero, beside, out / jnp.where(is_zero, 1, factor))

    here = [t.at[places].get(mode="clip") for t in (zeros, nonzero, out, zero_sum)]
    return (dx * others(x, zx, zeros, nonzero, out, zero_sum)).at[places].add(ds * others(s, zs, *here), mode=_IN)


_COMBINE = {
    "prod": _with_tangent(lambda x, s, places: x.at[places].multiply(s, mode=_IN), _product_tangent),
    "amax": _with_tangent(lambda x, s, places: x.at[places].max(s, mode=_IN), _extreme_tangent),
    "amin": _with_tangent(lambda x, s, places: x.at[places].min(s, mode=_IN), _extreme_tangent),
}


def _rows(input, dim, index):
    """``.at`` coordinates of whole slices along ``dim``."""
    return (slice(None),) * dim + (index,)


def _check_rows(input, dim, index, source, name):
    check(
        index.ndim <= 1,
        f"{name}(): Index is supposed to be a vector, but got dim: {index.ndim} with type: {dtype_of(index).alias}",
    )
    check_index(index, name, "int32/int64")
    if dtype_of(input) is not dtype_of(source):
        raise DTypeError(
            f"{name}(): self and source expected to have the same dtype, but got (self) {dtype_of(input).alias} and (source) {dtype_of(source).alias}"
        )


@op(inplace=True)
def index_add(input, dim: int, index, source, *, alpha: Number = 1):
    """Adds ``alpha * source``'s slices along ``dim`` to the slices that ``index`` names."""
    d = wrap_dim(dim, input.ndim)
    index = index.reshape(-1) if index.ndim == 0 else index
    _check_rows(input, d, index, source, "index_add_")
    count = source.shape[d] if source.ndim else 1
    if index.shape[0] != count:
        raise ShapeMismatchError(
            f"index_add_(): Number of indices ({index.shape[0]}) should be equal to source.size(dim): ({count}), for dim: {d}",
            input.shape,
            source.shape,
        )
    rest = [s[:d] + s[d + 1 :] for s in (input.shape, source.shape)]
    if rest[0] != rest[1]:
        raise ShapeMismatchError(
            "source tensor shape must match self tensor shape, excluding the specified dimension. "
            f"Got self.shape = {list(input.shape)} source.shape = {list(source.shape)}",
            input.shape,
            source.shape,
        )
    source = source if isinstance(alpha, int) and alpha == 1 else source * cast(alpha, dtype_of(source))
    if input.ndim == 0:
        return input + source.reshape(())
    if input.dtype == bool:
        return input.at[_rows(input, d, narrow(index, input.shape[d]))].max(source, mode=_IN)
    return input.at[_rows(input, d, narrow(index, input.shape[d]))].add(source, mode=_IN)


@index_add.known("index")
def _(input, dim, index, source, alpha=1):
    known.check_index(index, input, dim)


@op(inplace=True)
def index_copy(input, dim: int, index, source):
    """``input`` with the slices along ``dim`` that ``index`` names taken from ``source``."""
    d = wrap_dim(dim, input.ndim)
    index = index.reshape(-1) if index.ndim == 0 else index
    _check_rows(input, d, index, source, "index_copy_")
    if input.ndim == 0:
        return source.reshape(())
    for i in range(min(input.ndim, source.ndim)):
        if i != d and input.shape[i] != source.shape[i]:
            raise ShapeMismatchError(
                "index_copy_(): Source/destination tensor must have same slice shapes. "
                f"Destination slice shape: {input.shape[i]} at dimension {d} and source slice shape: {source.shape[i]} at dimension {d}.",
                input.shape,
                source.shape,
            )
    return input.at[_rows(input, d, narrow(index, input.shape[d]))].set(source, mode=_IN, unique_indices=True)


@index_copy.known("index")
def _(input, dim, index, source):
    known.check_index(index, input, dim, IndexOutOfRangeError, name="index_copy_(): ")


def _fill_name(template):
    return "IndexFillBackward1" if template[3] is ARRAY else "IndexFillBackward0"


@op(inplace=True, grad_name=_fill_name)
def index_fill(input, dim: int, index, value: Number):
    """``input`` with ``value`` in the slices along ``dim`` that ``index`` names."""
    d = wrap_dim(dim, input.ndim)
    if dtype_of(index) is not dtypes.int64:
        raise DTypeError("index_fill_(): Expected dtype int64 for index.")
    check(index.ndim <= 1, "Index has to be a vector/scalar")
    if not is_number(value):
        check(
            value.ndim == 0,
            f"index_fill_ only supports a 0-dimensional value tensor, but got tensor with {value.ndim} dimension(s).",
        )
    value = cast(value, dtype_of(input))
    if input.ndim == 0:
        return value
    hit = jnp.zeros(input.shape[d], bool).at[wrapped(index.reshape(-1), input.shape[d])].set(True, mode=_IN)
    return jnp.where(hit.reshape([-1 if i == d else 1 for i in range(input.ndim)]), value, input)


@index_fill.known("index")
def _(input, dim, index, value):
    known.check_index(index, input, dim, IndexOutOfRangeError, negative=True)


@op(inplace=True)
def index_reduce(input, dim: int, index, source, reduce, *, include_self=True):
    """Combines slices along ``dim`` by "prod", "mean", "amax" or "amin" at the places in ``index``."""
    if reduce not in ("prod", "mean", "amax", "amin"):
        raise RustorchRuntimeError(
            f"index_reduce(): Expected reduce to be one of prod, mean, amax or amin but got {reduce}."
        )
    d = wrap_dim(dim, input.ndim)
    _check_rows(input, d, index, source, "index_reduce_")
    scalar = input.ndim == 0
    if scalar:
        input, source = input[None], source.reshape(-1)
    shape = [1] * input.ndim
    shape[d] = index.size
    index = jnp.broadcast_to(index.reshape(shape), source.shape)
    out = _reduced(input, d, index, source, reduce, include_self)
    return out[0] if scalar else out


@index_reduce.known("index")
def _(input, dim, index, source, reduce, include_self=True):
    known.check_rows(index, input.shape[dim] if input.shape else 1)


@op(inplace=True)
def put(input, index, source, accumulate=False):
    """Writes, or adds, ``source`` at positions of the flattened input."""
    check(
        index.size == source.size,
        f"put_(): Expected source and index to have the same number of elements, but got source.numel() = {source.size}, index.numel() = {index.size}",
    )
    if dtype_of(input) is not dtype_of(source):
        raise DTypeError(
            f"put_(): self and source expected to have the same dtype, but got self.dtype = {dtype_of(input).alias} and source.dtype = {dtype_of(source).alias}"
        )
    at = input.reshape(-1).at[wrapped(index.reshape(-1), input.size)]
    source = source.reshape(-1)
    add = at.max if input.dtype == bool else at.add
    out = add(source, mode=_IN) if accumulate else at.set(source, mode=_IN, unique_indices=True)
    return out.reshape(input.shape)


@put.known("index")
def _(input, index, source, accumulate=False):
    known.check_flat(index, input.numel)


def _check_part(part, src):
    if part != src.shape:
        raise ShapeMismatchError(
            f"expected src to have a size equal to the slice of self. src size = {list(src.shape)}, slice size = {list(part)}",
            part,
            src.shape,
        )


@op(saves=False)
def select_scatter(input, src, dim: int, index: int):
    """``input`` with ``src`` as its slice ``index`` along ``dim``."""
    d = wrap_dim(dim, input.ndim)
    index = wrap_dim(index, input.shape[d])
    _check_part(input.shape[:d] + input.shape[d + 1 :], src)
    return input.at[_rows(input, d, index)].set(src.astype(input.dtype))


@op(saves=False)
def slice_scatter(input, src, dim=0, start=None, end=None, step=1):
    """``input`` with ``src`` in the slice ``start:end:step`` along ``dim``."""
    d = wrap_dim(dim, input.ndim)
    part = slice(start, end, step)
    count = len(range(*part.indices(input.shape[d])))
    _check_part(input.shape[:d] + (count,) + input.shape[d + 1 :], src)
    return input.at[_rows(input, d, part)].set(src.astype(input.dtype))


@op(saves=False)
def diagonal_scatter(input, src, offset=0, dim1=0, dim2=1):
    """``input`` with ``src`` on the diagonal of two of its dimensions."""
    a, b = wrap_dim(dim1, input.ndim), wrap_dim(dim2, input.ndim)
    x = jnp.moveaxis(input, (a, b), (-2, -1))
    rows, columns = x.shape[-2:]
    i = np.arange(rows, dtype=np.int32)
    i = i[(i + offset >= 0) & (i + offset < columns)]
    _check_part(x.shape[:-2] + (len(i),), src)
    x = x.at[..., i, i + offset].set(src.astype(input.dtype), unique_indices=True)
    return jnp.moveaxis(x, (-2, -1), (a, b))

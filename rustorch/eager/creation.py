"""New tensors: ``zeros``, ``arange``, ``full_like`` and so on. Nothing is computed until it is looked at."""

from __future__ import annotations

import math

from rustorch import dtypes
from rustorch.devices import Device
from rustorch.dtypes import FLOATING, as_dtype, get_default_dtype
from rustorch.eager.convert import require_grad, tensor
from rustorch.eager.inplace import write_out
from rustorch.eager.publish import overload
from rustorch.eager.recorder import apply
from rustorch.eager.tensor import Tensor
from rustorch.errors import ArgumentTypeError, ArgumentValueError, RustorchRuntimeError, check
from rustorch.lowering.ops import creation as ops
from rustorch.lowering.placement import canonical


def size_of(size, name: str = "size") -> tuple[int, ...]:
    """A shape given as ints or as one sequence.

    Raises:
        TypeError: something that is not an int. RuntimeError: a negative size.
    """
    if len(size) == 1 and not hasattr(size[0], "__index__") or len(size) == 1 and isinstance(size[0], (tuple, list)):
        size = size[0]
    try:
        out = tuple([n if type(n) is int else n.__index__() for n in size])
    except (AttributeError, TypeError):
        raise ArgumentTypeError(f"{name} must be a tuple of ints. Received: {size!r}") from None
    for n in out:
        if n < 0:
            raise RustorchRuntimeError(f"Trying to create tensor with negative dimension {n}: {list(out)}")
    return out


def place(device) -> Device:
    """The device that an argument names; the default one for ``None``."""
    return canonical(Device.default() if device is None else Device(device))


def dtype_or_default(dtype, out=None):
    """The dtype given, else that of ``out``, else the default."""
    if dtype is not None:
        return as_dtype(dtype)
    return get_default_dtype() if out is None else out.dtype


def made(t: Tensor, requires_grad: bool = False, out: Tensor | None = None, name: str = "") -> Tensor:
    """A new tensor with its last options applied."""
    if out is not None:
        t = write_out(out, t, name)
    return require_grad(t) if requires_grad else t


def factory(fn):
    """Register a function that makes tensors."""
    return overload(fn, method=False)


def _constant(size, value, dtype, device):
    return apply(ops.constant_, (size, value, dtype), None, place(device))


@factory
def zeros(
    *size, out=None, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False, names=None, **kw
):
    """Zeros in the given shape."""
    t = _constant(_shape(size, kw), 0, dtype_or_default(dtype, out), device)
    return made(t, requires_grad, out, "zeros")


@factory
def ones(
    *size, out=None, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False, names=None, **kw
):
    """Ones in the given shape."""
    t = _constant(_shape(size, kw), 1, dtype_or_default(dtype, out), device)
    return made(t, requires_grad, out, "ones")


@factory
def empty(
    *size,
    out=None,
    dtype=None,
    layout=None,
    device=None,
    requires_grad=False,
    pin_memory=False,
    memory_format=None,
    names=None,
    **kw,
):
    """A tensor whose values do not matter yet; here they are zeros."""
    t = _constant(_shape(size, kw), 0, dtype_or_default(dtype, out), device)
    return made(t, requires_grad, out, "empty")


def _shape(size, kw):
    """The shape out of positional arguments, or out of ``size=`` or ``shape=``."""
    if kw:
        if not size and len(kw) == 1 and ("size" in kw or "shape" in kw):
            size = tuple(kw.values())
        else:
            raise ArgumentTypeError(f"got an unexpected keyword argument '{next(iter(kw))}'")
    return size_of(size or ((),))


@factory
def empty_strided(size, stride, *, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False):
    """A tensor of ``size`` with the given strides, whose values do not matter yet."""
    size, stride = tuple(size), tuple(stride)
    extent = 1 + sum((n - 1) * s for n, s in zip(size, stride)) if all(size) else 0
    return made(_constant((extent,), 0, dtype_or_default(dtype), device).as_strided(size, stride), requires_grad)


@factory
def empty_permuted(
    size, physical_layout, *, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False
):
    """A tensor of ``size`` whose memory order is ``physical_layout``, outermost first."""
    n, order = len(size), list(physical_layout)
    check(
        n == len(order),
        "Number of dimensions in size does not match the length of the physical_layout; "
        f"i.e. len(size) = {n} is not equal to len(physical_layout) = {len(order)}",
    )
    for i, d in enumerate(order):
        check(
            0 <= d < n,
            f"Dimension out of range (expected to be between 0 and {n - 1}, but got {d} at index {i}).  NB: negative dims not currently supported; file an issue if you want it.",
        )
        check(d not in order[:i], "Duplicate dim not allowed")
    inner = [size[d] for d in physical_layout]
    back = [list(physical_layout).index(d) for d, _ in enumerate(size)]
    return made(_constant(tuple(inner), 0, dtype_or_default(dtype), device).permute(back), requires_grad)


def _fill_dtype(value, dtype, out=None):
    if dtype is not None:
        return as_dtype(dtype)
    if out is not None:
        return out.dtype
    return value.dtype if isinstance(value, Tensor) else dtypes.of_number(value)


def _number(value):
    return value.item() if isinstance(value, Tensor) or hasattr(value, "item") else value


@factory
def full(
    size,
    fill_value,
    *,
    out=None,
    dtype=None,
    layout=None,
    device=None,
    requires_grad=False,
    pin_memory=False,
    names=None,
):
    """``fill_value`` in the given shape; its type decides the dtype."""
    value = _number(fill_value)
    t = apply(ops.full_, (size_of((size,)), value, _fill_dtype(value, dtype, out)), None, place(device))
    return made(t, requires_grad, out, "full")


def _like(input, value, dtype, device, requires_grad):
    dtype = input.dtype if dtype is None else as_dtype(dtype)
    device = input.device if device is None else device
    return made(_constant(tuple(input.shape), value, dtype, device), requires_grad)


@factory
def zeros_like(
    input, *, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False, memory_format=None
):
    """Zeros in the shape, dtype and device of ``input``."""
    return _like(input, 0, dtype, device, requires_grad)


@factory
def ones_like(
    input, *, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False, memory_format=None
):
    """Ones in the shape, dtype and device of ``input``."""
    return _like(input, 1, dtype, device, requires_grad)


@factory
def empty_like(
    input, *, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False, memory_format=None
):
    """A tensor like ``input`` whose values do not matter yet."""
    return _like(input, 0, dtype, device, requires_grad)


@factory
def full_like(
    input,
    fill_value,
    *,
    dtype=None,
    layout=None,
    device=None,
    requires_grad=False,
    pin_memory=False,
    memory_format=None,
):
    """``fill_value`` in the shape, dtype and device of ``input``."""
    dtype = input.dtype if dtype is None else dtype
    return full(input.shape, fill_value, dtype=dtype, device=device or input.device, requires_grad=requires_grad)


@factory
def scalar_tensor(s, *, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False):
    """A 0-dim tensor of the default dtype."""
    return full((), s, dtype=dtype_or_default(dtype), device=device, requires_grad=requires_grad)


def _range_dtype(numbers, dtype, out):
    if dtype is not None:
        return as_dtype(dtype)
    if out is not None:
        return out.dtype
    return dtypes.int64 if all(isinstance(x, int) for x in numbers) else get_default_dtype()


def _check_range(start, end, step):
    if step == 0:
        raise RustorchRuntimeError("step must be nonzero")
    if not (math.isfinite(start) and math.isfinite(end)):
        raise RustorchRuntimeError(f"unsupported range: {start} -> {end}")
    if (step > 0 and start > end) or (step < 0 and start < end):
        raise RustorchRuntimeError("upper bound and lower bound inconsistent with step sign")


def _count(start, end, step) -> int:
    if all(isinstance(x, int) for x in (start, end, step)):
        return max(-((start - end) // step), 0)
    return max(math.ceil((end - start) / step), 0)


@factory
def arange(
    start=0, end=None, step=1, *, out=None, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False
):
    """``start, start + step, ...`` below ``end``."""
    if end is None:
        start, end = 0, start
    start, end, step = (_number(x) for x in (start, end, step))
    _check_range(start, end, step)
    kind = _range_dtype((start, end, step), dtype, out)
    if kind is dtypes.int64:
        start, end, step = int(start), int(end), int(step)
        check(step, "step must be nonzero", RustorchRuntimeError if out is None else ArgumentValueError)
    count = _count(start, end, step)
    if kind.kind < FLOATING:
        if out is not None and not int(step):
            raise ArgumentValueError("step must be nonzero")
        start, step = int(start), int(step)
    t = apply(ops.arange_, (count, start, step, kind), None, place(device))
    return made(t, requires_grad, out, "arange")


@factory
def range(start=0, end=None, step=1, *, out=None, dtype=None, layout=None, device=None, requires_grad=False):
    """``start, start + step, ...`` up to and including ``end`` (deprecated: use ``arange``)."""
    if end is None:
        start, end = 0, start
    start, end, step = (_number(x) for x in (start, end, step))
    _check_range(start, end, step)
    count = int((end - start) / step) + 1
    t = apply(ops.arange_, (count, start, step, dtype_or_default(dtype, out)), None, place(device))
    return made(t, requires_grad, out, "range")


def _line_dtype(start, end, dtype, out):
    if dtype is not None or out is not None:
        return dtype_or_default(dtype, out)
    return get_default_dtype().to_complex() if complex in (type(start), type(end)) else get_default_dtype()


def _check_steps(name, given, steps):
    if not hasattr(steps, "__index__"):
        kinds = ", ".join(type(x).__name__ for x in given)
        raise ArgumentTypeError(
            f"{name}() received an invalid combination of arguments - got ({kinds}), but steps must be an int"
        )


@factory
def linspace(
    start, end, steps, *, out=None, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False
):
    """``steps`` numbers from ``start`` to ``end``, both included."""
    start, end = _number(start), _number(end)
    _check_steps("linspace", (start, end, steps), steps)
    if steps < 0:
        raise RustorchRuntimeError("number of steps must be non-negative")
    t = apply(ops.linspace_, (start, end, int(steps), _line_dtype(start, end, dtype, out)), None, place(device))
    return made(t, requires_grad, out, "linspace")


@factory
def logspace(
    start,
    end,
    steps,
    base=10.0,
    *,
    out=None,
    dtype=None,
    layout=None,
    device=None,
    requires_grad=False,
    pin_memory=False,
):
    """``base`` to evenly spaced powers from ``start`` to ``end``."""
    start, end, base = _number(start), _number(end), _number(base)
    _check_steps("logspace", (start, end, steps), steps)
    if steps < 0:
        raise RustorchRuntimeError("number of steps must be non-negative")
    t = apply(ops.logspace_, (start, end, int(steps), base, _line_dtype(start, end, dtype, out)), None, place(device))
    return made(t, requires_grad, out, "logspace")


@factory
def eye(n, m=None, *, out=None, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False):
    """Ones on the diagonal of an ``n`` by ``m`` (default ``n``) matrix of zeros."""
    m = n if m is None else m
    if n < 0 or m < 0:
        raise RustorchRuntimeError(f"{'n' if n < 0 else 'm'} must be greater or equal to 0, got {n if n < 0 else m}")
    t = apply(ops.eye_, (int(n), int(m), dtype_or_default(dtype, out)), None, place(device))
    return made(t, requires_grad, out, "eye")


@factory
def tril_indices(row, col, offset=0, *, dtype=dtypes.int64, device=None, layout=None):
    """Row and column numbers of the elements on and below a diagonal."""
    return apply(ops.triangle_indices_, (row, col, offset, False, as_dtype(dtype)), None, place(device))


@factory
def triu_indices(row, col, offset=0, *, dtype=dtypes.int64, device=None, layout=None):
    """Row and column numbers of the elements on and above a diagonal."""
    return apply(ops.triangle_indices_, (row, col, offset, True, as_dtype(dtype)), None, place(device))


def method(fn):
    """Register a function as a method only."""
    return overload(fn, namespaces=())


@method
def new_zeros(self, *size, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False, **kw):
    """Zeros in the given shape, with this tensor's dtype and device."""
    return zeros(*size, dtype=dtype or self.dtype, device=device or self.device, requires_grad=requires_grad, **kw)


@method
def new_ones(self, *size, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False, **kw):
    """Ones in the given shape, with this tensor's dtype and device."""
    return ones(*size, dtype=dtype or self.dtype, device=device or self.device, requires_grad=requires_grad, **kw)


@method
def new_empty(self, *size, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False, **kw):
    """A tensor of the given shape whose values do not matter yet, with this one's dtype and device."""
    return empty(*size, dtype=dtype or self.dtype, device=device or self.device, requires_grad=requires_grad, **kw)


@method
def new_full(self, size, fill_value, *, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False):
    """``fill_value`` in the given shape, with this tensor's dtype and device."""
    return full(size, fill_value, dtype=dtype or self.dtype, device=device or self.device, requires_grad=requires_grad)


@method
def new_empty_strided(
    self, size, stride, *, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False
):
    """A tensor with the given size and strides, and this one's dtype and device."""
    return empty_strided(
        size, stride, dtype=dtype or self.dtype, device=device or self.device, requires_grad=requires_grad
    )


@method
def new_tensor(self, data, *, dtype=None, device=None, requires_grad=False, layout=None, pin_memory=False):
    """A copy of ``data`` with this tensor's dtype and device."""
    return tensor(data, dtype=dtype or self.dtype, device=device or self.device, requires_grad=requires_grad)

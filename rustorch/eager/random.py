"""Random tensors, and the methods that fill a tensor with draws.

Every draw takes the generator's key and next counter as inputs of the program: calls differ,
compiled or not, and a value computed twice from one graph node is the same draw.
"""

from __future__ import annotations

import numpy as np

from rustorch import dtypes
from rustorch.dtypes import FLOATING, as_dtype
from rustorch.eager.creation import dtype_or_default, made, place, size_of
from rustorch.eager.generator import default_generator
from rustorch.eager.inplace import assign, copy_
from rustorch.eager.nodes import leaf
from rustorch.eager.publish import overload
from rustorch.eager.recorder import apply, value_of
from rustorch.eager.state import local
from rustorch.eager.tensor import Tensor
from rustorch.eager.views import node_of, write
from rustorch.errors import ArgumentTypeError, DTypeError, RustorchRuntimeError
from rustorch.lowering.kernels import random_host as host
from rustorch.lowering.ops import random as ops
from rustorch.lowering.placement import canonical, put


def draw(op, generator, device, *args) -> Tensor:
    """Record a random op on the next draw of ``generator`` (the default one if ``None``)."""
    device = canonical(device)
    key, counter = (generator or default_generator).draw(device)
    return apply(op, (key, counter, *args))


def _function(fn):
    return overload(fn, method=False)


def _size(size, kw):
    if not size and "size" in kw:
        size = (kw.pop("size"),)
    if kw:
        raise ArgumentTypeError(f"got an unexpected keyword argument '{next(iter(kw))}'")
    return size_of(size) if size else ()


def _floating(dtype, name):
    if dtype.kind < FLOATING:
        raise NotImplementedError(f"\"{name}\" not implemented for '{dtype.alias}'")
    return dtype


def _uniform(size, low, high, dtype, device, generator):
    return draw(
        ops.uniform_, generator, device, size, float(low), float(high), _floating(dtype, "check_uniform_bounds")
    )


def _normal(size, mean, std, dtype, device, generator):
    return draw(ops.normal_, generator, device, size, mean, float(std), _floating(dtype, "normal_kernel_cpu"))


@_function
def rand(
    *size,
    generator=None,
    out=None,
    dtype=None,
    layout=None,
    device=None,
    requires_grad=False,
    pin_memory=False,
    names=None,
    **kw,
):
    """Uniform on [0, 1)."""
    t = _uniform(_size(size, kw), 0.0, 1.0, dtype_or_default(dtype, out), place(device), generator)
    return made(t, requires_grad, out, "rand")


@_function
def randn(
    *size,
    generator=None,
    out=None,
    dtype=None,
    layout=None,
    device=None,
    requires_grad=False,
    pin_memory=False,
    names=None,
    **kw,
):
    """Standard normal."""
    t = _normal(_size(size, kw), 0.0, 1.0, dtype_or_default(dtype, out), place(device), generator)
    return made(t, requires_grad, out, "randn")


def _like(input, dtype, device):
    return (
        tuple(input.shape),
        input.dtype if dtype is None else as_dtype(dtype),
        input.device if device is None else place(device),
    )


@_function
def rand_like(
    input,
    *,
    generator=None,
    dtype=None,
    layout=None,
    device=None,
    requires_grad=False,
    pin_memory=False,
    memory_format=None,
):
    """Uniform on [0, 1), in the shape, dtype and device of ``input``."""
    size, kind, where = _like(input, dtype, device)
    return made(_uniform(size, 0.0, 1.0, kind, where, generator), requires_grad)


@_function
def randn_like(
    input,
    *,
    generator=None,
    dtype=None,
    layout=None,
    device=None,
    requires_grad=False,
    pin_memory=False,
    memory_format=None,
):
    """Standard normal, in the shape, dtype and device of ``input``."""
    size, kind, where = _like(input, dtype, device)
    return made(_normal(size, 0.0, 1.0, kind, where, generator), requires_grad)


def _integers(size, low, high, dtype, device, generator):
    low, high = int(low), int(high)
    if low >= high:
        raise RustorchRuntimeError(f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}")
    if high - low < 1 << 32:
        return draw(ops.randint_small_, generator, device, size, low, high - low, dtype)
    return draw(ops.randint_, generator, device, size, low, high if high < 1 << 63 else high - (1 << 64), dtype)


def _bounds(args, kw):
    """``([low,] high, size)`` however it was given."""
    names = ("high", "size") if len(args) + len(kw.keys() & {"low", "high", "size"}) == 2 else ("low", "high", "size")
    given = dict(zip(names, args))
    for name in ("low", "high", "size"):
        if name in kw:
            given[name] = kw.pop(name)
    if kw or not {"high", "size"} <= given.keys():
        raise ArgumentTypeError(
            "randint() takes (low=0, high, size)"
            + (f"; got an unexpected keyword argument '{next(iter(kw))}'" if kw else "")
        )
    return given.get("low", 0), given["high"], size_of((given["size"],))


@_function
def randint(
    *args, generator=None, out=None, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False, **kw
):
    """Whole numbers from ``low`` (default 0) up to but not including ``high``, in shape ``size``."""
    low, high, size = _bounds(args, kw)
    kind = dtypes.int64 if dtype is None and out is None else dtype_or_default(dtype, out)
    return made(_integers(size, low, high, kind, place(device), generator), requires_grad, out, "randint")


@_function
def randint_like(
    input,
    low,
    high=None,
    *,
    generator=None,
    dtype=None,
    layout=None,
    device=None,
    requires_grad=False,
    pin_memory=False,
    memory_format=None,
):
    """Whole numbers from ``low`` (default 0) below ``high``, in the shape, dtype and device of ``input``."""
    low, high = (0, low) if high is None else (low, high)
    size, kind, where = _like(input, dtype, device)
    return made(_integers(size, low, high, kind, where, generator), requires_grad)


@_function
def randperm(
    n, *, generator=None, out=None, dtype=dtypes.int64, layout=None, device=None, requires_grad=False, pin_memory=False
):
    """The numbers below ``n`` in random order."""
    if n < 0:
        raise RustorchRuntimeError(f"n must be non-negative, got {n}")
    kind = as_dtype(dtype) if out is None else out.dtype
    return made(draw(ops.randperm_, generator, place(device), int(n), kind), requires_grad, out, "randperm")


def _spread_of(std):
    if not isinstance(std, Tensor) and std < 0:
        raise RustorchRuntimeError(f"normal expects std >= 0.0, but found std {std}")
    return std


@_function
def normal(
    mean=0.0,
    std=1.0,
    size=None,
    *,
    generator=None,
    out=None,
    dtype=None,
    layout=None,
    device=None,
    requires_grad=False,
    pin_memory=False,
):
    """Normal with means and standard deviations given as tensors or numbers (then with a ``size``)."""
    _spread_of(std)
    tensors = [x.detach() if isinstance(x, Tensor) else x for x in (mean, std)]
    given = [x for x in tensors if isinstance(x, Tensor)]
    if not given:
        if size is None:
            raise ArgumentTypeError("normal(): a size is needed when mean and std are numbers")
        t = _normal(size_of((size,)), mean, std, dtype_or_default(dtype, out), place(device), generator)
        return made(t, requires_grad, out, "normal")
    like = given[0] if len(given) == 1 else given[0] + given[1]
    z = _normal(tuple(like.shape), 0.0, 1.0, like.dtype, like.device, generator)
    return made(tensors[0] + tensors[1] * z, requires_grad, out, "normal")


@overload
def bernoulli(input, p=None, *, generator=None, out=None):
    """1 with the probability in ``input`` (or ``p`` everywhere), else 0."""
    if p is None and input.dtype.kind != FLOATING:
        raise NotImplementedError(f"\"bernoulli_tensor_cpu_p_\" not implemented for '{input.dtype.alias}'")
    chance = input.detach() if p is None else p
    t = draw(ops.bernoulli_, generator, input.device, chance, tuple(input.shape), input.dtype)
    return made(t, False, out, "bernoulli")


@overload
def multinomial(input, num_samples, replacement=False, *, generator=None, out=None):
    """Indices drawn with the unnormalised probabilities in each row of ``input``."""
    if out is not None and out.dtype is not dtypes.int64:
        raise DTypeError(f"multinomial expects Long tensor out, got: {out.dtype.alias}")
    if input.ndim and input.shape[-1] > 1 << 24:
        raise RustorchRuntimeError("number of categories cannot exceed 2^24")
    t = draw(ops.multinomial_, generator, input.device, input.detach(), int(num_samples), bool(replacement))
    return made(t, False, out, "multinomial")


@_function
def poisson(input, generator=None):
    """Poisson counts with the rates in ``input``."""
    return draw(ops.poisson_, generator, input.device, input.detach())


@_function
def binomial(count, prob, generator=None):
    """The number of successes in ``count`` trials of probability ``prob``."""
    return draw(ops.binomial_, generator, count.device, count.detach(), prob.detach())


@_function
def _standard_gamma(input, generator=None):
    """Gamma with the shape parameters in ``input`` and rate 1; differentiable."""
    return draw(ops.standard_gamma_, generator, input.device, input)


@_function
def _sample_dirichlet(input, generator=None):
    """Dirichlet with the concentrations in the last dimension of ``input``; differentiable."""
    return draw(ops.sample_dirichlet_, generator, input.device, input)


def standard_von_mises(concentration, generator=None):
    """Angles around 0 from the von Mises distribution."""
    return draw(ops.standard_von_mises_, generator, concentration.device, concentration.detach())


def _write(self, drawn: Tensor) -> Tensor:
    """Write draws into a tensor; the gradient path of its old value ends here."""
    return copy_(self, drawn) if self.requires_grad else assign(self, drawn)


def _fill(fn):
    """Register an in-place method."""
    return overload(fn, namespaces=())


def _fill_on_host(t: Tensor, generator, kind, scale, shift) -> bool:
    """Fill a parameter at once if NumPy can: on the CPU, without autograd. Says whether it did."""
    node = node_of(t)
    if (
        local.grad
        or local.tracing
        or local.recorder is not None
        or node.aval.device.type != "cpu"
        or node.aval.dtype not in (dtypes.float32, dtypes.float64)
    ):
        return False
    key, counter = (generator or default_generator).draw(node.aval.device)
    dtype = node.aval.dtype.numpy
    drawn = kind(np.asarray(value_of(key)), counter, node.aval.numel, dtype)
    filled = (drawn * dtype.type(scale) + dtype.type(shift)).reshape(node.aval.shape)
    write(t, leaf(put(filled, node.aval.device), node.aval))
    return True


@_fill
def uniform_(self, from_=0.0, to=1.0, *, generator=None, **kw):
    """Fill with numbers uniform on ``[from, to)``."""
    low = kw.pop("from", from_)
    kw.pop("a", None)
    if low > to:
        raise RustorchRuntimeError(f"uniform_ expects to return a [from, to) range, but found from={low} > to={to}")
    if _fill_on_host(self, generator, host.uniform, to - low, low):
        return self
    return _write(self, _uniform(tuple(self.shape), low, to, self.dtype, self.device, generator))


@_fill
def normal_(self, mean=0.0, std=1.0, *, generator=None):
    """Fill with normal numbers."""
    _spread_of(std)
    if not isinstance(mean, Tensor) and _fill_on_host(self, generator, host.normal, std, mean):
        return self
    return _write(self, _normal(tuple(self.shape), mean, std, self.dtype, self.device, generator))


# The largest whole number up to which each floating type has all of them.
_WHOLE = {"float16": 1 << 11, "bfloat16": 1 << 8, "float32": 1 << 24, "float64": 1 << 53}


@_fill
def random_(self, from_=None, to=None, *, generator=None, **kw):
    """Fill with whole numbers: all that the dtype can hold exactly, or those in ``[from, to)``."""
    from_ = kw.pop("from", from_)
    if to is None:
        from_, to = (0, from_) if from_ is not None else (0, None)
    if to is None:
        name = self.dtype.name
        to = (
            _WHOLE[name] + 1
            if name in _WHOLE
            else 2
            if name == "bool"
            else 1 << (8 * self.dtype.itemsize - self.dtype.is_signed)
        )
    return _write(self, _integers(tuple(self.shape), from_, to, self.dtype, self.device, generator))


@_fill
def bernoulli_(self, p=0.5, *, generator=None):
    """Fill with 1 with probability ``p`` (a number or a tensor), else 0."""
    if not isinstance(p, Tensor) and not 0 <= p <= 1:
        raise RustorchRuntimeError(f"bernoulli_ expects p to be in [0, 1], but got p={p}")
    p = p.detach() if isinstance(p, Tensor) else float(p)
    return _write(self, draw(ops.bernoulli_, generator, self.device, p, tuple(self.shape), self.dtype))


def _draw_into(self, op, generator, *numbers):
    return _write(self, draw(op, generator, self.device, tuple(self.shape), *(float(x) for x in numbers), self.dtype))


def _positive(name, value, what):
    if value <= 0:
        raise RustorchRuntimeError(f"{name} expects {what} > 0.0, but found {what}={value}")


@_fill
def exponential_(self, lambd=1.0, *, generator=None):
    """Fill with exponential numbers of rate ``lambd``."""
    _positive("exponential_", lambd, "lambda")
    _floating(self.dtype, "exponential")
    return _draw_into(self, ops.exponential_, generator, lambd)


@_fill
def cauchy_(self, median=0.0, sigma=1.0, *, generator=None):
    """Fill with Cauchy numbers around ``median`` of half width ``sigma``."""
    _positive("cauchy_", sigma, "sigma")
    _floating(self.dtype, "cauchy")
    return _draw_into(self, ops.cauchy_, generator, median, sigma)


@_fill
def log_normal_(self, mean=1.0, std=2.0, *, generator=None):
    """Fill with exponentials of normal numbers."""
    _positive("log_normal_", std, "std")
    _floating(self.dtype, "log_normal")
    return _draw_into(self, ops.log_normal_, generator, mean, std)


@_fill
def geometric_(self, p, *, generator=None):
    """Fill with the number of trials up to the first success of probability ``p``."""
    if not 0 < p < 1:
        raise RustorchRuntimeError(f"geometric_ expects p to be in (0, 1), but got p={p}")
    return _draw_into(self, ops.geometric_, generator, p)

"""Activation functions: element-wise curves, softmax and its relatives.

A parameter ``inplace`` is PyTorch's; a body ignores it, the front end reads it.
Slopes where a curve has a corner are PyTorch's: the branch that ``<=`` or ``>=`` picks.
"""

from __future__ import annotations

import jax.numpy as jnp
from jax import lax

from rustorch import dtypes
from rustorch.dtypes import FLOATING
from rustorch.errors import check, wrap_dim
from rustorch.lowering import kernels
from rustorch.lowering.ops._common import magnitude
from rustorch.lowering.ops._nn import activation, layer, like, need_float, noise, piece, static, widened
from rustorch.lowering.promote import cast, dtype_of
from rustorch.lowering.table import Number, op

_SELU_ALPHA, _SELU_SCALE = 1.6732632423543772, 1.0507009873554805


def _float(x):
    """Integers become the default dtype."""
    return x if dtype_of(x).kind >= FLOATING else cast(x, dtypes.get_default_dtype())


@activation(method=True, inplace=True, also=("torch",))
def relu(input, inplace: bool = False):
    """max(0, x). Any shape."""
    return jnp.where(input <= 0, like(0, input), input)


@activation(inplace=True, grad_name="HardtanhBackward0")
def relu6(input, inplace: bool = False):
    """min(max(0, x), 6). Any shape."""
    return _clip(input, 0, 6)


def _clip(x, low, high):
    low, high = like(low, x), like(high, x)
    return jnp.where(x <= low, low, jnp.where(x >= high, high, x))


@activation(inplace=True)
def hardtanh(input, min_val: Number = -1.0, max_val: Number = 1.0, inplace: bool = False):
    """x held between ``min_val`` and ``max_val``. Any shape."""
    return _clip(input, min_val, max_val)


@activation(inplace=True)
def leaky_relu(input, negative_slope: Number = 0.01, inplace: bool = False):
    """x where positive, else ``negative_slope`` · x. Any shape."""
    need_float(input, "leaky_relu_cpu")
    return jnp.where(input > 0, input, input * like(negative_slope, input))


def _elu(x, alpha, inner=1, scale=1):
    z = widened(x)
    curve = jnp.expm1(jnp.where(z > 0, 0, z) * inner) * alpha
    return (jnp.where(z > 0, z, curve) * scale).astype(x.dtype)


def _elu_vjp(ct, x, alpha, inner=1, scale=1):
    z = widened(x)
    # At the corner the slope is the curve's, but it does not bend there, as in PyTorch.
    slope = jnp.where(z > 0, 1, alpha * inner * jnp.exp(jnp.where(z < 0, z, 0) * inner)) * scale
    return ((ct * slope).astype(x.dtype),)


@activation(inplace=True)
def elu(input, alpha: Number = 1.0, inplace: bool = False):
    """x where positive, else ``alpha`` · (eˣ - 1). Any shape."""
    need_float(input, "elu_cpu")
    return _elu(input, alpha)


@elu.vjp
def _(needs, ct, input, alpha=1.0, inplace=False):
    return _elu_vjp(ct, input, alpha)


@activation(inplace=True, also=("torch",), grad_name="EluBackward0")
def selu(input, inplace: bool = False):
    """ELU scaled so that activations keep mean 0 and variance 1 (Klambauer et al., 2017)."""
    need_float(input, "elu_cpu")
    return _elu(input, _SELU_ALPHA, scale=_SELU_SCALE)


@selu.vjp
def _(needs, ct, input, inplace=False):
    return _elu_vjp(ct, input, _SELU_ALPHA, scale=_SELU_SCALE)


@activation(inplace=True, also=("torch",))
def celu(input, alpha: Number = 1.0, inplace: bool = False):
    """x where positive, else ``alpha`` · (e^(x/alpha) - 1): ELU with slope 1 at 0."""
    need_float(input, "elu_cpu")
    check(not static(alpha) or alpha != 0, "ZeroDivisionError: alpha cannot be 0 for CELU")
    return _elu(input, alpha, inner=1 / alpha)


@celu.vjp
def _(needs, ct, input, alpha=1.0, inplace=False):
    return _elu_vjp(ct, input, alpha, inner=1 / alpha)


@activation()
def gelu(input, *, approximate: str = "none"):
    """x · Φ(x), Φ the normal distribution function; ``approximate="tanh"`` for the tanh form."""
    check(approximate in ("none", "tanh"), "approximate argument must be either none or tanh.")
    need_float(input, "GeluKernelImpl")
    return kernels.gelu(input, approximate)


@gelu.vjp
def _(needs, ct, input, *, approximate="none"):
    return kernels.gelu_vjp(ct, input, approximate)


@activation(inplace=True)
def silu(input, inplace: bool = False):
    """x · sigmoid(x), also known as swish. Any shape."""
    need_float(input, "silu_cpu")
    z = widened(input)
    return (z * lax.logistic(z)).astype(input.dtype)


@activation(inplace=True)
def mish(input, inplace: bool = False):
    """x · tanh(log(1 + eˣ)). Any shape."""
    need_float(input, "mish_cpu")
    z = widened(input)
    return (z * jnp.tanh(jnp.logaddexp(z, 0))).astype(input.dtype)


@activation()
def softplus(input, beta: Number = 1.0, threshold: Number = 20.0):
    """log(1 + e^(beta·x)) / beta; x itself where beta·x passes ``threshold``."""
    need_float(input, "softplus_cpu")
    z = widened(input)
    scaled = z * beta
    far = scaled > threshold
    return jnp.where(far, z, jnp.log1p(jnp.exp(jnp.where(far, 0, scaled))) / beta).astype(input.dtype)


@activation(grad_name="DivBackward0")
def softsign(input):
    """x / (1 + |x|). Any shape."""
    x = _float(input)
    return x / (1 + magnitude(x))


@activation(grad_name="SubBackward0")
def tanhshrink(input):
    """x - tanh(x). Any shape."""
    x = _float(input)
    return x - jnp.tanh(x)


@activation()
def softshrink(input, lambd: Number = 0.5):
    """x moved towards 0 by ``lambd``, and 0 within. Any shape."""
    need_float(input, "softshrink_check")
    check(not static(lambd) or lambd >= 0, f"lambda must be greater or equal to 0, but found to be {lambd}.")
    edge = like(lambd, input)
    return jnp.where(input > edge, input - edge, jnp.where(input < -edge, input + edge, input * 0))


@activation(method=True, also=("torch",), inplace=False)
def hardshrink(input, lambd: Number = 0.5):
    """x, but 0 from ``-lambd`` to ``lambd``. Any shape."""
    need_float(input, "hardshrink_cpu")
    edge = like(lambd, input)
    return jnp.where((input >= -edge) & (input <= edge), like(0, input), input)


@activation(inplace=True)
def hardsigmoid(input, inplace: bool = False):
    """The line x/6 + 1/2 held between 0 and 1. Any shape."""
    need_float(input, "hardsigmoid_cpu")
    z = widened(input)
    return jnp.where(z <= -3, 0, jnp.where(z >= 3, 1, (z + 3) / 6)).astype(input.dtype)


@activation(inplace=True)
def hardswish(input, inplace: bool = False):
    """x · hardsigmoid(x). Any shape."""
    need_float(input, "hardswish_cpu")
    z = widened(input)
    return jnp.where(z <= -3, z * 0, jnp.where(z < 3, z * (z + 3) / 6, z)).astype(input.dtype)


@activation(inplace=True, also=("torch",))
def threshold(input, threshold: Number, value: Number, inplace: bool = False):
    """x where greater than ``threshold``, else ``value``. Any shape."""
    return jnp.where(input <= like(threshold, input), like(value, input), input)


@activation(grad_name="LogSigmoidBackward0")
def logsigmoid(input):
    """log(1 / (1 + e⁻ˣ)), without overflow. Any shape."""
    need_float(input, "log_sigmoid_cpu")
    z = widened(input)
    return (-jnp.logaddexp(-z, 0)).astype(input.dtype)


@layer()
def glu(input, dim: int = -1):
    """a · sigmoid(b), where a and b are the halves of the input along ``dim``."""
    check(input.ndim > 0, "glu does not support 0-dimensional tensors")
    axis = wrap_dim(dim, input.ndim)
    need_float(input, "glu_cpu")
    size = input.shape[axis]
    check(size % 2 == 0, f"Halving dimension must be even, but dimension {axis} is size {size}")
    a, b = jnp.split(widened(input), 2, axis)
    return (a * lax.logistic(b)).astype(input.dtype)


@layer(method=True, also=("torch",), grad_name="PreluKernelBackward0")
def prelu(input, weight):
    """x where positive, else weight · x; weight has one element or one per channel (dim 1)."""
    a, b = dtype_of(input), dtype_of(weight)
    check(a is b, f"prelu: Type promoting not supported. Got {a.alias} and {b.alias}")
    check(
        weight.ndim in (0, 1),
        f"prelu: Expected `weight` to be a scalar or 1D tensor, but got: ndim = {weight.ndim}",
    )
    channels = input.shape[1] if input.ndim > 1 else 1
    check(
        weight.size in (1, channels),
        f"Mismatch of parameter numbers and input channel size. Found parameter numbers = {weight.size} "
        f"and channel size = {channels}.",
    )
    if weight.size > 1:
        weight = weight.reshape((-1,) + (1,) * (input.ndim - 2))
    else:
        weight = weight.reshape(())
    return jnp.where(input > 0, input, weight * input)


@noise()
def rrelu_slopes(key, counter: Number, size: tuple, dtype, lower: Number, upper: Number):
    """Slopes drawn uniformly from ``lower`` to ``upper``, of shape ``size``."""
    u = kernels.uniform(key, counter, size, dtype.numpy)
    return u * like(upper - lower, u) + like(lower, u)


@piece(grad_name="RreluWithNoiseBackward0")
def rrelu_apply(input, slopes):
    """x where positive, else slope · x, element by element; for ``rrelu`` in training."""
    need_float(input, "rrelu_with_noise_out_cpu")
    return jnp.where(input > 0, input, input * slopes)


@piece(grad_name="RreluWithNoiseBackward0")
def rrelu_mean(input, lower: Number, upper: Number):
    """Leaky ReLU with the middle of the two slopes; for ``rrelu`` in evaluation."""
    need_float(input, "leaky_relu_cpu")
    return jnp.where(input > 0, input, input * like((lower + upper) / 2, input))


def _softmax_axis(x, dim):
    """PyTorch's default dimension where none is given."""
    if dim is None:
        dim = 0 if x.ndim in (0, 1, 3) else 1
    return wrap_dim(dim, x.ndim)


def _along(kernel, x, dim, dtype, name):
    axis = _softmax_axis(x, dim)
    if dtype is not None:
        x = cast(x, dtype)
    need_float(x, name if axis != x.ndim - 1 else name.replace("_kernel_impl", "_lastdim_kernel_impl"))
    if x.ndim == 0:
        return kernel(x.reshape(1), 0).reshape(())
    return kernel(x, axis) if x.size else x


def _rule(kernel, kernel_vjp, sign=1):
    def rule(needs, ct, input, dim=None, *rest):
        dtype = rest[-1] if rest else None
        x = input if dtype is None or isinstance(dtype, int) else cast(input, dtype)
        axis = _softmax_axis(x, dim)
        if x.ndim == 0 or not x.size:
            return (jnp.zeros_like(input),)
        return (kernel_vjp(ct, x * sign, axis)[0] * sign,)

    return rule


@layer(name="softmax", grad_name="SoftmaxBackward0")
def _softmax(input, dim: int | None = None, _stacklevel: int = 3, dtype=None):
    """eˣ / Σ eˣ along ``dim``; ``dtype`` converts first. Any shape, kept."""
    return _along(kernels.softmax, input, dim, dtype, "softmax_kernel_impl")


@layer(name="log_softmax", grad_name="LogSoftmaxBackward0")
def _log_softmax(input, dim: int | None = None, _stacklevel: int = 3, dtype=None):
    """x - log Σ eˣ along ``dim``; ``dtype`` converts first. Any shape, kept."""
    return _along(kernels.log_softmax, input, dim, dtype, "log_softmax_kernel_impl")


@layer(grad_name="SoftmaxBackward0")
def softmin(input, dim: int | None = None, _stacklevel: int = 3, dtype=None):
    """``softmax`` of -x along ``dim``; ``dtype`` converts -x. Any shape, kept."""
    return _along(kernels.softmax, -input, dim, dtype, "softmax_kernel_impl")


@op(also=("special",))
def softmax(input, dim: int, dtype=None):
    """eˣ / Σ eˣ along ``dim``; ``dtype`` converts first. Any shape, kept."""
    return _along(kernels.softmax, input, dim, dtype, "softmax_kernel_impl")


@op(also=("special",), grad_name="LogSoftmaxBackward0")
def log_softmax(input, dim: int, dtype=None):
    """x - log Σ eˣ along ``dim``; ``dtype`` converts first. Any shape, kept."""
    return _along(kernels.log_softmax, input, dim, dtype, "log_softmax_kernel_impl")


for _one in (_softmax, softmax):
    _one.vjp(_rule(kernels.softmax, kernels.softmax_vjp))
for _one in (_log_softmax, log_softmax):
    _one.vjp(_rule(kernels.log_softmax, kernels.log_softmax_vjp))
softmin.vjp(_rule(kernels.softmax, kernels.softmax_vjp, -1))


@noise()
def gumbel_noise(key, counter: Number, size: tuple, dtype):
    """Standard Gumbel noise, -log(-log(u)), of shape ``size``."""
    kind = jnp.float64 if dtype is dtypes.float64 else jnp.float32
    u = kernels.uniform(key, counter, size, kind)
    return (-jnp.log(-jnp.log1p(-u) + jnp.finfo(kind).tiny)).astype(dtype.numpy)


@piece(grad_name="SoftmaxBackward0")
def gumbel_softmax_apply(logits, noise, tau: Number, hard: bool, dim: int):
    """softmax((logits + noise) / tau); ``hard`` gives the one-hot maximum, with the soft gradient."""
    axis = wrap_dim(dim, logits.ndim)
    soft = kernels.softmax((logits + noise) / like(tau, logits), axis)
    if not hard:
        return soft
    best = jnp.expand_dims(jnp.argmax(soft, axis), axis)
    one_hot = (lax.broadcasted_iota(best.dtype, soft.shape, axis) == best).astype(soft.dtype)
    return one_hot - lax.stop_gradient(soft) + soft

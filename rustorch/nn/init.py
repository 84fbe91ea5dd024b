"""Initial values for parameters: each function fills its tensor in place and returns it.

The fan of a weight of shape (out, in, *kernel) is in·∏kernel or out·∏kernel; the gain corrects
for the nonlinearity that follows, so that activations keep their variance from layer to layer.
Nothing here looks at a value: the draws are recorded like any other operation.
"""

import functools
import math
import warnings

from rustorch.autograd.modes import no_grad
from rustorch.eager import ops as T

_FAN_MODES = ["fan_in", "fan_out"]


def calculate_gain(nonlinearity, param=None):
    """The standard-deviation factor recommended before ``nonlinearity``.

    linear, convolutions and sigmoid 1; tanh 5/3; relu √2; leaky_relu √(2/(1+slope²)) with the
    slope in ``param`` (default 0.01); selu 3/4. Raises ``ValueError`` for any other name.

    >>> import rustorch as torch
    >>> torch.nn.init.calculate_gain("tanh")
    1.6666666666666667
    """
    if nonlinearity in ("linear", "sigmoid") or nonlinearity in (
        f"conv{transposed}{n}d" for transposed in ("", "_transpose") for n in (1, 2, 3)
    ):
        return 1
    if nonlinearity == "tanh":
        return 5.0 / 3
    if nonlinearity == "relu":
        return math.sqrt(2.0)
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else param
        if isinstance(slope, bool) or not isinstance(slope, (int, float)):
            raise ValueError(f"negative_slope {param} not a valid number")
        return math.sqrt(2.0 / (1 + slope**2))
    if nonlinearity == "selu":
        return 3.0 / 4
    raise ValueError(f"Unsupported nonlinearity {nonlinearity}")


def uniform_(tensor, a=0.0, b=1.0, generator=None):
    """Draw from the uniform distribution on [a, b).

    >>> import rustorch as torch
    >>> torch.nn.init.uniform_(torch.empty(3), 2.0, 3.0).min().item() >= 2.0
    True
    """
    with no_grad():
        return tensor.uniform_(a, b, generator=generator)


def normal_(tensor, mean=0.0, std=1.0, generator=None):
    """Draw from the normal distribution N(mean, std²)."""
    with no_grad():
        return tensor.normal_(mean, std, generator=generator)


def trunc_normal_(tensor, mean=0.0, std=1.0, a=-2.0, b=2.0, generator=None):
    """Draw from N(mean, std²) conditioned on [a, b].

    By the inverse of the distribution function, which needs no rejection and so no look at
    the values: x = mean + std·√2·erfinv(u), u uniform on (2Φ(a)-1, 2Φ(b)-1).
    """

    def cdf(x):
        return (1.0 + math.erf(x / math.sqrt(2.0))) / 2.0

    if mean < a - 2 * std or mean > b + 2 * std:
        warnings.warn(
            "mean is more than 2 std from [a, b] in nn.init.trunc_normal_. "
            "The distribution of values may be incorrect.",
            stacklevel=2,
        )
    with no_grad():
        low, high = cdf((a - mean) / std), cdf((b - mean) / std)
        tensor.uniform_(2 * low - 1, 2 * high - 1, generator=generator)
        return tensor.erfinv_().mul_(std * math.sqrt(2.0)).add_(mean).clamp_(min=a, max=b)


def constant_(tensor, val):
    """Fill with ``val``."""
    with no_grad():
        return tensor.fill_(val)


def ones_(tensor):
    """Fill with ones."""
    return constant_(tensor, 1.0)


def zeros_(tensor):
    """Fill with zeros."""
    with no_grad():
        return tensor.zero_()


def eye_(tensor):
    """Fill a matrix with ones on its diagonal, zeros elsewhere; ``ValueError`` unless 2-d."""
    if tensor.ndim != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    with no_grad():
        return tensor.copy_(T.eye(*tensor.shape, dtype=tensor.dtype, device=tensor.device))


def dirac_(tensor, groups=1):
    """Make a convolution weight (out, in, *kernel) pass its input channels through unchanged.

    Each of ``groups`` blocks of output channels gets a one at the kernel's centre for channel
    i → i; the rest is zero. ``ValueError`` unless 3-, 4- or 5-d and ``groups`` divides dim 0.
    """
    if tensor.ndim not in (3, 4, 5):
        raise ValueError("Only tensors with 3, 4, or 5 dimensions are supported")
    out_channels, in_channels, *kernel = tensor.shape
    if out_channels % groups != 0:
        raise ValueError("dim 0 must be divisible by groups")
    with no_grad():
        tensor.zero_()
        # One slice write for the whole centre instead of one write per channel.
        like = {"dtype": tensor.dtype, "device": tensor.device}
        centre = T.eye(out_channels // groups, in_channels, **like).repeat(groups, 1)
        tensor[(slice(None), slice(None), *(size // 2 for size in kernel))] = centre
    return tensor


def _calculate_fan_in_and_fan_out(tensor):
    if tensor.ndim < 2:
        raise ValueError("Fan in and fan out can not be computed for tensor with fewer than 2 dimensions")
    out_features, in_features, *kernel = tensor.shape
    receptive_field = math.prod(kernel)
    return in_features * receptive_field, out_features * receptive_field


def _calculate_correct_fan(tensor, mode):
    mode = mode.lower()
    if mode not in _FAN_MODES:
        raise ValueError(f"Mode {mode} not supported, please use one of {_FAN_MODES}")
    fan_in, fan_out = _calculate_fan_in_and_fan_out(tensor)
    return fan_in if mode == "fan_in" else fan_out


def xavier_uniform_(tensor, gain=1.0, generator=None):
    """Draw from U(-a, a), a = gain·√(6/(fan_in+fan_out)). Source: Glorot & Bengio, 2010."""
    bound = gain * math.sqrt(6.0 / sum(_calculate_fan_in_and_fan_out(tensor)))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor, gain=1.0, generator=None):
    """Draw from N(0, s²), s = gain·√(2/(fan_in+fan_out)). Source: Glorot & Bengio, 2010."""
    std = gain * math.sqrt(2.0 / sum(_calculate_fan_in_and_fan_out(tensor)))
    return normal_(tensor, 0.0, std, generator)


def _kaiming_std(tensor, a, mode, nonlinearity):
    return calculate_gain(nonlinearity, a) / math.sqrt(_calculate_correct_fan(tensor, mode))


def kaiming_uniform_(tensor, a=0, mode="fan_in", nonlinearity="leaky_relu", generator=None):
    """Draw from U(-b, b), b = gain·√(3/fan). Source: He et al., 2015.

    Arguments:
        a: slope of the leaky_relu that follows.
        mode: ``'fan_in'`` keeps the variance forward, ``'fan_out'`` backward.
        nonlinearity: name for ``calculate_gain``.
    """
    if 0 in tensor.shape:
        warnings.warn("Initializing zero-element tensors is a no-op", stacklevel=2)
        return tensor
    bound = math.sqrt(3.0) * _kaiming_std(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(tensor, a=0, mode="fan_in", nonlinearity="leaky_relu", generator=None):
    """Draw from N(0, s²), s = gain/√fan. Source: He et al., 2015. Arguments as the uniform."""
    if 0 in tensor.shape:
        warnings.warn("Initializing zero-element tensors is a no-op", stacklevel=2)
        return tensor
    return normal_(tensor, 0.0, _kaiming_std(tensor, a, mode, nonlinearity), generator)


def orthogonal_(tensor, gain=1, generator=None):
    """Fill with a (semi-)orthogonal matrix times ``gain``; later dims count as columns.

    Q of a normal matrix' QR decomposition, its signs fixed so that Q is uniform.
    Source: Saxe et al., 2013; Mezzadri, 2006.
    """
    if tensor.ndim < 2:
        raise ValueError("Only tensors with 2 or more dimensions are supported")
    if tensor.numel() == 0:
        return tensor
    rows = tensor.shape[0]
    cols = tensor.numel() // rows
    with no_grad():
        like = {"dtype": tensor.dtype, "device": tensor.device}
        draws = T.empty(rows, cols, **like).normal_(0, 1, generator=generator)
        q, r = T.linalg.qr(draws.t() if rows < cols else draws)
        q = q * T.diagonal(r).sign()
        if rows < cols:
            q = q.t()
        return tensor.copy_((gain * q).reshape(tensor.shape))


def sparse_(tensor, sparsity, std=0.01, generator=None):
    """Draw a matrix from N(0, std²) with ⌈sparsity·rows⌉ zeros in each column.

    Source: Martens, 2010.
    """
    if tensor.ndim != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    rows = tensor.shape[0]
    zeros = math.ceil(sparsity * rows)
    with no_grad():
        tensor.normal_(0, std, generator=generator)
        # A random rank per entry: those below ``zeros`` are a random subset of each column.
        rank = T.rand(tensor.shape, device=tensor.device).argsort(0).argsort(0)
        return tensor.masked_fill_(rank < zeros, 0)


def _deprecated(function):
    old = function.__name__[:-1]

    @functools.wraps(function)
    def init(*args, **kwargs):
        warnings.warn(
            f"`nn.init.{old}` is now deprecated in favor of `nn.init.{function.__name__}`.",
            FutureWarning,
            stacklevel=2,
        )
        return function(*args, **kwargs)

    init.__name__ = old
    return init


uniform = _deprecated(uniform_)
normal = _deprecated(normal_)
constant = _deprecated(constant_)
eye = _deprecated(eye_)
dirac = _deprecated(dirac_)
xavier_uniform = _deprecated(xavier_uniform_)
xavier_normal = _deprecated(xavier_normal_)
kaiming_uniform = _deprecated(kaiming_uniform_)
kaiming_normal = _deprecated(kaiming_normal_)
orthogonal = _deprecated(orthogonal_)
sparse = _deprecated(sparse_)

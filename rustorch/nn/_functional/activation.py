"""What activations need beside their recorded operation: in-place forms, warnings, noise.

``inplace=True`` overwrites the input's storage with the result: the graph keeps both values, so
the gradient is the same as out of place.
"""

import functools
import warnings

from rustorch.eager.ops import nn_functional as _F
from rustorch.errors import check
from rustorch.nn._functional.pieces import noise, piece

_rrelu_slopes = noise("rrelu_slopes")
_rrelu_apply = piece("rrelu_apply")
_rrelu_mean = piece("rrelu_mean")
_gumbel_noise = noise("gumbel_noise")
_gumbel_softmax_apply = piece("gumbel_softmax_apply")


def _choosing(name, numbers=0):
    """The recorded activation ``name``; a last argument ``inplace`` after ``numbers`` others."""
    plain, in_place = getattr(_F, name), getattr(_F, name + "_")

    @functools.wraps(plain)
    def activation(input, *args, inplace=False, **kwargs):
        if len(args) > numbers:
            *args, inplace = args
        return (in_place if inplace else plain)(input, *args, **kwargs)

    return activation


relu = _choosing("relu")
relu6 = _choosing("relu6")
selu = _choosing("selu")
silu = _choosing("silu")
mish = _choosing("mish")
hardsigmoid = _choosing("hardsigmoid")
hardswish = _choosing("hardswish")
elu = _choosing("elu", 1)
celu = _choosing("celu", 1)
leaky_relu = _choosing("leaky_relu", 1)
threshold = _choosing("threshold", 2)
_hardtanh = _choosing("hardtanh", 2)


def hardtanh(input, min_val=-1.0, max_val=1.0, inplace=False):
    """x held between ``min_val`` and ``max_val``; ``ValueError`` if they are the wrong way round."""
    if min_val > max_val:
        raise ValueError("min_val cannot be greater than max_val")
    return _hardtanh(input, min_val, max_val, inplace)


def rrelu(input, lower=1.0 / 8, upper=1.0 / 3, training=False, inplace=False):
    """x if x ≥ 0 else a·x, with a drawn from [lower, upper) per element while training."""
    result = random_relu(input, lower, upper, training)
    return input.copy_(result) if inplace else result


def random_relu(input, lower, upper, training, generator=None):
    """``rrelu`` with the generator to draw from."""
    check(not lower > upper, "Lower bound should be less than or equal to the upper bound")
    if not training:
        return _rrelu_mean(input, lower, upper)
    slopes = _rrelu_slopes(input, tuple(input.shape), input.dtype, lower, upper, generator=generator)
    return _rrelu_apply(input, slopes)


def rrelu_(input, lower=1.0 / 8, upper=1.0 / 3, training=False):
    """In-place form of ``rrelu``."""
    return rrelu(input, lower, upper, training, True)


def _along(name):
    """The recorded normalisation ``name``, warning where the dimension is left to be guessed."""
    function = getattr(_F, name)

    @functools.wraps(function)
    def normalise(input, dim=None, _stacklevel=3, dtype=None):
        if dim is None:
            warnings.warn(
                f"Implicit dimension choice for {name} has been deprecated. "
                "Change the call to include dim=X as an argument.",
                stacklevel=_stacklevel,
            )
            dim = 0 if input.ndim in (0, 1, 3) else 1
        return function(input, dim) if dtype is None else function(input, dim, dtype=dtype)

    return normalise


softmax = _along("softmax")
log_softmax = _along("log_softmax")
softmin = _along("softmin")


def gumbel_softmax(logits, tau=1, hard=False, eps=1e-10, dim=-1):
    """Softmax of (logits + Gumbel noise)/tau; ``hard`` rounds it to one-hot going forward only.

    Source: Jang et al., 2016; Maddison et al., 2016.
    """
    if eps != 1e-10:
        warnings.warn("`eps` parameter is deprecated and has no effect.", stacklevel=2)
    drawn = _gumbel_noise(logits, tuple(logits.shape), logits.dtype)
    return _gumbel_softmax_apply(logits, drawn, float(tau), hard, dim)


def sigmoid(input):
    """1/(1+e⁻ˣ)."""
    return input.sigmoid()


def tanh(input):
    """(eˣ-e⁻ˣ)/(eˣ+e⁻ˣ)."""
    return input.tanh()

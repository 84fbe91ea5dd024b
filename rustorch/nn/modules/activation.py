"""Elementwise nonlinearities."""

import warnings

from rustorch.eager import ops as T
from rustorch.nn import functional as F
from rustorch.nn.modules.module import Module
from rustorch.nn.parameter import Parameter


class _Simple(Module):
    """An activation with no argument; a subclass names its function."""

    _function = None

    def forward(self, input):
        return self._function(input)


class _InPlace(Module):
    """An activation whose one argument is whether to overwrite its input."""

    __constants__ = ["inplace"]
    _function = None

    def __init__(self, inplace=False):
        super().__init__()
        self.inplace = inplace

    def forward(self, input):
        return self._function(input, inplace=self.inplace)

    def extra_repr(self):
        return "inplace=True" if self.inplace else ""


class _WithParameter(Module):
    """An activation with one number, whose name in ``_argument`` its repr shows."""

    _function = None
    _argument = None

    def forward(self, input):
        return self._function(input, getattr(self, self._argument))

    def extra_repr(self):
        return str(getattr(self, self._argument))


class ReLU(_InPlace):
    """max(0, x).

    >>> import rustorch as torch
    >>> torch.nn.ReLU()(torch.tensor([-1.0, 2.0])).tolist()
    [0.0, 2.0]
    """

    _function = staticmethod(F.relu)


class SiLU(_InPlace):
    """x · sigmoid(x), also called Swish. Source: Elfwing et al., 2017."""

    _function = staticmethod(F.silu)


class Mish(_InPlace):
    """x · tanh(softplus(x)). Source: Misra, 2019."""

    _function = staticmethod(F.mish)


class SELU(_InPlace):
    """scale · (max(0, x) + min(0, alpha·(eˣ-1))), self-normalising. Source: Klambauer, 2017."""

    _function = staticmethod(F.selu)


class Hardsigmoid(_InPlace):
    """clamp(x/6 + 1/2, 0, 1)."""

    _function = staticmethod(F.hardsigmoid)

    def extra_repr(self):
        return ""


class Hardswish(_InPlace):
    """x · clamp(x+3, 0, 6)/6. Source: Howard et al., 2019."""

    _function = staticmethod(F.hardswish)

    def extra_repr(self):
        return ""


class Sigmoid(_Simple):
    """1/(1+e⁻ˣ).

    >>> import rustorch as torch
    >>> torch.nn.Sigmoid()(torch.tensor(0.0)).item()
    0.5
    """

    _function = staticmethod(F.sigmoid)


class Tanh(_Simple):
    """(eˣ-e⁻ˣ)/(eˣ+e⁻ˣ)."""

    _function = staticmethod(F.tanh)


class LogSigmoid(_Simple):
    """log(1/(1+e⁻ˣ)), without overflow."""

    _function = staticmethod(F.logsigmoid)


class Softsign(_Simple):
    """x/(1+|x|)."""

    _function = staticmethod(F.softsign)


class Tanhshrink(_Simple):
    """x - tanh(x)."""

    _function = staticmethod(F.tanhshrink)


class GELU(Module):
    """x · Φ(x), Φ the normal distribution function; ``approximate='tanh'`` for the tanh form.

    Source: Hendrycks & Gimpel, 2016.

    >>> import rustorch as torch
    >>> torch.nn.GELU()(torch.tensor(0.0)).item()
    0.0
    """

    __constants__ = ["approximate"]

    def __init__(self, approximate="none"):
        super().__init__()
        self.approximate = approximate

    def forward(self, input):
        return F.gelu(input, approximate=self.approximate)

    def extra_repr(self):
        return f"approximate={self.approximate!r}"


class _Slope(Module):
    """An activation with ``alpha`` or a like number and ``inplace``."""

    _function = None
    _argument = "alpha"

    def forward(self, input):
        return self._function(input, getattr(self, self._argument), self.inplace)

    def extra_repr(self):
        text = f"{self._argument}={getattr(self, self._argument)}"
        return text + ", inplace=True" if self.inplace else text


class ELU(_Slope):
    """x if x > 0 else alpha·(eˣ-1). Source: Clevert et al., 2015."""

    _function = staticmethod(F.elu)

    def __init__(self, alpha=1.0, inplace=False):
        super().__init__()
        self.alpha = alpha
        self.inplace = inplace


class CELU(_Slope):
    """max(0, x) + min(0, alpha·(e^(x/alpha)-1)). Source: Barron, 2017."""

    _function = staticmethod(F.celu)

    def __init__(self, alpha=1.0, inplace=False):
        super().__init__()
        self.alpha = alpha
        self.inplace = inplace


class LeakyReLU(_Slope):
    """x if x ≥ 0 else negative_slope·x."""

    _function = staticmethod(F.leaky_relu)
    _argument = "negative_slope"

    def __init__(self, negative_slope=0.01, inplace=False):
        super().__init__()
        self.negative_slope = negative_slope
        self.inplace = inplace


class Hardtanh(Module):
    """clamp(x, min_val, max_val). Errors: ``AssertionError`` unless max_val > min_val."""

    __constants__ = ["min_val", "max_val", "inplace"]

    def __init__(self, min_val=-1.0, max_val=1.0, inplace=False, min_value=None, max_value=None):
        super().__init__()
        for name, old in (("min", min_value), ("max", max_value)):
            if old is not None:
                warnings.warn(
                    f"keyword argument `{name}_value` is deprecated and rename to `{name}_val`",
                    FutureWarning,
                    stacklevel=2,
                )
        self.min_val = min_val if min_value is None else min_value
        self.max_val = max_val if max_value is None else max_value
        self.inplace = inplace
        if self.max_val <= self.min_val:
            raise AssertionError(f"max_val ({self.max_val}) must be greater than min_val ({self.min_val})")

    def forward(self, input):
        return F.hardtanh(input, self.min_val, self.max_val, self.inplace)

    def extra_repr(self):
        text = f"min_val={self.min_val}, max_val={self.max_val}"
        return text + ", inplace=True" if self.inplace else text


class ReLU6(Hardtanh):
    """min(max(0, x), 6)."""

    def __init__(self, inplace=False):
        super().__init__(0.0, 6.0, inplace)

    def extra_repr(self):
        return "inplace=True" if self.inplace else ""


class Threshold(Module):
    """x if x > threshold else value."""

    __constants__ = ["threshold", "value", "inplace"]

    def __init__(self, threshold, value, inplace=False):
        super().__init__()
        self.threshold = threshold
        self.value = value
        self.inplace = inplace

    def forward(self, input):
        return F.threshold(input, self.threshold, self.value, self.inplace)

    def extra_repr(self):
        text = f"threshold={self.threshold}, value={self.value}"
        return text + ", inplace=True" if self.inplace else text


class RReLU(Module):
    """x if x ≥ 0 else a·x, a uniform on [lower, upper) while training, their mean otherwise.

    Source: Xu et al., 2015.
    """

    __constants__ = ["lower", "upper", "inplace"]

    def __init__(self, lower=1.0 / 8, upper=1.0 / 3, inplace=False):
        super().__init__()
        self.lower = lower
        self.upper = upper
        self.inplace = inplace

    def forward(self, input):
        return F.rrelu(input, self.lower, self.upper, self.training, self.inplace)

    def extra_repr(self):
        text = f"lower={self.lower}, upper={self.upper}"
        return text + ", inplace=True" if self.inplace else text


class Softplus(Module):
    """log(1+e^(beta·x))/beta; x itself where beta·x > threshold."""

    __constants__ = ["beta", "threshold"]

    def __init__(self, beta=1.0, threshold=20.0):
        super().__init__()
        self.beta = beta
        self.threshold = threshold

    def forward(self, input):
        return F.softplus(input, self.beta, self.threshold)

    def extra_repr(self):
        return f"beta={self.beta}, threshold={self.threshold}"


class Hardshrink(_WithParameter):
    """x if |x| > lambd else 0."""

    _function = staticmethod(F.hardshrink)
    _argument = "lambd"

    def __init__(self, lambd=0.5):
        super().__init__()
        self.lambd = lambd


class Softshrink(_WithParameter):
    """x moved towards 0 by lambd, 0 if nearer. Errors: lambd must not be negative."""

    _function = staticmethod(F.softshrink)
    _argument = "lambd"

    def __init__(self, lambd=0.5):
        super().__init__()
        self.lambd = lambd


class GLU(Module):
    """a · sigmoid(b), a and b the halves of x along ``dim``. Source: Dauphin et al., 2016.

    >>> import rustorch as torch
    >>> torch.nn.GLU()(torch.ones(2, 4)).shape
    torch.Size([2, 2])
    """

    __constants__ = ["dim"]

    def __init__(self, dim=-1):
        super().__init__()
        self.dim = dim

    def forward(self, input):
        return F.glu(input, self.dim)

    def extra_repr(self):
        return f"dim={self.dim}"


class PReLU(Module):
    """x if x ≥ 0 else weight·x, with a trained weight, one or per channel (dim 1).

    Source: He et al., 2015.

    >>> import rustorch as torch
    >>> torch.nn.PReLU()(torch.tensor([-4.0])).item()
    -1.0
    """

    __constants__ = ["num_parameters"]

    def __init__(self, num_parameters=1, init=0.25, device=None, dtype=None):
        super().__init__()
        self.num_parameters = num_parameters
        self.init = init
        self.weight = Parameter(T.empty(num_parameters, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self):
        """Set every slope to ``init``."""
        self.weight.data.fill_(self.init)

    def forward(self, input):
        return F.prelu(input, self.weight)

    def extra_repr(self):
        return f"num_parameters={self.num_parameters}"

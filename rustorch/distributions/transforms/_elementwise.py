"""Transforms of single numbers."""

import math
from numbers import Real

from rustorch.distributions import constraints
from rustorch.distributions.transforms._base import Transform
from rustorch.distributions.utils import smallest, sum_rightmost
from rustorch.eager import ops as T
from rustorch.eager.convert import as_tensor
from rustorch.limits import finfo
from rustorch.nn import functional as F
from rustorch.size import Size


class _Same(Transform):
    """Without parameters: equal to all others of its class."""

    def __eq__(self, other):
        return type(other) is type(self)


class _Rising(_Same):
    bijective = True
    sign = +1


def broadcast_size(shape, *parameters):
    """``shape`` broadcast with the shapes of those parameters that are tensors."""
    return Size(T.broadcast_shapes(shape, *(getattr(p, "shape", ()) for p in parameters)))


class ExpTransform(_Rising):
    """y = exp(x).

    >>> import rustorch as torch
    >>> torch.distributions.ExpTransform().codomain
    GreaterThan(lower_bound=0.0)
    """

    domain = constraints.real
    codomain = constraints.positive

    def _call(self, x):
        return x.exp()

    def _inverse(self, y):
        return y.log()

    def log_abs_det_jacobian(self, x, y):
        """x."""
        return x


class PowerTransform(Transform):
    """y = x^exponent on the positive numbers.

    >>> import rustorch as torch
    >>> torch.distributions.PowerTransform(torch.tensor(2.0))(torch.tensor([1.0, 3.0]))
    tensor([1., 9.])
    """

    domain = constraints.positive
    codomain = constraints.positive
    bijective = True

    def __init__(self, exponent, cache_size: int = 0):
        super().__init__(cache_size=cache_size)
        self.exponent = exponent

    @property
    def sign(self):
        """The sign of the exponent."""
        return self.exponent.sign()

    def with_cache(self, cache_size: int = 1):
        """The same transform with another ``cache_size``."""
        return self if self._cache_size == cache_size else PowerTransform(self.exponent, cache_size=cache_size)

    def __eq__(self, other):
        return isinstance(other, PowerTransform) and bool(as_tensor(self.exponent == other.exponent).all())

    def _call(self, x):
        return x.pow(self.exponent)

    def _inverse(self, y):
        return y.pow(1 / self.exponent)

    def log_abs_det_jacobian(self, x, y):
        """log |exponent · y / x|."""
        return (self.exponent * y / x).abs().log()

    def forward_shape(self, shape):
        """Broadcast with the exponent."""
        return broadcast_size(shape, self.exponent)

    inverse_shape = forward_shape


def clipped_sigmoid(x):
    """The logistic function, kept off 0 and 1."""
    info = finfo(x.dtype)
    return T.sigmoid(x).clamp(min=info.tiny, max=1.0 - info.eps)


class SigmoidTransform(_Rising):
    """y = 1 / (1 + exp(-x)), kept off 0 and 1.

    >>> import rustorch as torch
    >>> torch.distributions.SigmoidTransform()(torch.tensor(0.0))
    tensor(0.5000)
    """

    domain = constraints.real
    codomain = constraints.unit_interval

    def _call(self, x):
        return clipped_sigmoid(x)

    def _inverse(self, y):
        y = y.clamp(min=smallest(y.dtype), max=1.0 - finfo(y.dtype).eps)
        return y.log() - T.log1p(-y)

    def log_abs_det_jacobian(self, x, y):
        """log y (1 - y), from x."""
        return -F.softplus(-x) - F.softplus(x)


class SoftplusTransform(_Rising):
    """y = log(1 + exp(x)).

    >>> import rustorch as torch
    >>> torch.distributions.SoftplusTransform()(torch.tensor(0.0))
    tensor(0.6931)
    """

    domain = constraints.real
    codomain = constraints.positive

    def _call(self, x):
        return F.softplus(x)

    def _inverse(self, y):
        return T.log(-T.expm1(-y)) + y

    def log_abs_det_jacobian(self, x, y):
        """-softplus(-x)."""
        return -F.softplus(-x)


class TanhTransform(_Rising):
    """y = tanh(x).

    >>> import rustorch as torch
    >>> t = torch.distributions.TanhTransform()
    >>> t.log_abs_det_jacobian(torch.tensor(0.0), torch.tensor(0.0))
    tensor(0.)
    """

    domain = constraints.real
    codomain = constraints.interval(-1.0, 1.0)

    def _call(self, x):
        return T.tanh(x)

    def _inverse(self, y):
        return T.atanh(y)  # not clamped: infinite at the ends

    def log_abs_det_jacobian(self, x, y):
        """log(1 - y²), from x: exact also where y rounds to 1."""
        return 2.0 * (math.log(2.0) - x - F.softplus(-2.0 * x))


class AbsTransform(_Same):
    """y = |x|; its inverse gives the positive of the two.

    >>> import rustorch as torch
    >>> torch.distributions.AbsTransform()(torch.tensor(-2.0))
    tensor(2.)
    """

    domain = constraints.real
    codomain = constraints.positive

    def _call(self, x):
        return x.abs()

    def _inverse(self, y):
        return y


class AffineTransform(Transform):
    """y = loc + scale · x; with ``event_dim`` the Jacobian is summed over that many dimensions (0, 1 or 2).

    >>> import rustorch as torch
    >>> t = torch.distributions.AffineTransform(1.0, 2.0)
    >>> t(torch.tensor(3.0)), t.log_abs_det_jacobian(torch.tensor(3.0), torch.tensor(7.0))
    (tensor(7.), tensor(0.6931))
    """

    bijective = True

    def __init__(self, loc, scale, event_dim: int = 0, cache_size: int = 0):
        super().__init__(cache_size=cache_size)
        self.loc = loc
        self.scale = scale
        self._event_dim = event_dim

    @property
    def event_dim(self):
        """Dimensions of an event."""
        return self._event_dim

    @constraints.dependent_property(is_discrete=False)
    def domain(self):
        """The real numbers, over ``event_dim`` dimensions."""
        return constraints.independent(constraints.real, self._event_dim) if self._event_dim else constraints.real

    codomain = domain

    def with_cache(self, cache_size: int = 1):
        """The same transform with another ``cache_size``."""
        if self._cache_size == cache_size:
            return self
        return AffineTransform(self.loc, self.scale, self._event_dim, cache_size=cache_size)

    def __eq__(self, other):
        def same(a, b):
            both = isinstance(a, Real) and isinstance(b, Real)
            return a == b if both else bool(as_tensor(a == b).all())

        return isinstance(other, AffineTransform) and same(self.loc, other.loc) and same(self.scale, other.scale)

    @property
    def sign(self):
        """The sign of the scale."""
        if isinstance(self.scale, Real):
            return (self.scale > 0) - (self.scale < 0)
        return self.scale.sign()

    def _call(self, x):
        return self.loc + self.scale * x

    def _inverse(self, y):
        return (y - self.loc) / self.scale

    def log_abs_det_jacobian(self, x, y):
        """log |scale|, for each number of the event."""
        if isinstance(self.scale, Real):
            result = T.full_like(x, math.log(abs(self.scale)))
        else:
            result = T.abs(self.scale).log().expand(T.broadcast_shapes(x.shape, self.scale.shape))
        return sum_rightmost(result, self._event_dim)

    def forward_shape(self, shape):
        """Broadcast with loc and scale."""
        return broadcast_size(shape, self.loc, self.scale)

    inverse_shape = forward_shape


class CumulativeDistributionTransform(Transform):
    """y = F(x) with F the cumulative distribution of ``distribution``, whose draws become uniform.

    >>> import rustorch as torch
    >>> t = torch.distributions.CumulativeDistributionTransform(torch.distributions.Normal(0.0, 1.0))
    >>> t(torch.tensor(0.0))
    tensor(0.5000)
    """

    bijective = True
    codomain = constraints.unit_interval
    sign = +1

    def __init__(self, distribution, cache_size: int = 0):
        super().__init__(cache_size=cache_size)
        self.distribution = distribution

    @property
    def domain(self):
        """The distribution's support."""
        return self.distribution.support

    def _call(self, x):
        return self.distribution.cdf(x)

    def _inverse(self, y):
        return self.distribution.icdf(y)

    def log_abs_det_jacobian(self, x, y):
        """The log density."""
        return self.distribution.log_prob(x)

    def with_cache(self, cache_size: int = 1):
        """The same transform with another ``cache_size``."""
        if self._cache_size == cache_size:
            return self
        return CumulativeDistributionTransform(self.distribution, cache_size=cache_size)

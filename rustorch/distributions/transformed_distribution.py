"""``TransformedDistribution``."""

from rustorch.autograd import no_grad
from rustorch.distributions import constraints
from rustorch.distributions.distribution import Distribution
from rustorch.distributions.independent import Independent
from rustorch.distributions.transforms import ComposeTransform, Transform
from rustorch.distributions.utils import sum_rightmost
from rustorch.errors import ArgumentValueError
from rustorch.size import Size


class TransformedDistribution(Distribution):
    """The distribution of f(X): log p(y) = log p_X(f⁻¹(y)) + log |det df⁻¹/dy|.

    Arguments: base_distribution of X; transforms: one, or a list applied in order.
    Errors: ``ValueError`` for other transforms, or a base with fewer dimensions than they need.

    >>> import rustorch as torch
    >>> D = torch.distributions
    >>> logistic = D.TransformedDistribution(D.Uniform(0.0, 1.0), [D.SigmoidTransform().inv, D.AffineTransform(1.0, 2.0)])
    >>> logistic.cdf(torch.tensor(1.0))
    tensor(0.5000)
    """

    arg_constraints: dict = {}
    _batched: dict = {}

    def __init__(self, base_distribution, transforms, validate_args=None):
        if isinstance(transforms, Transform):
            transforms = [transforms]
        elif not isinstance(transforms, list):
            raise ArgumentValueError(f"transforms must be a Transform or list, but was {transforms}")
        elif not all(isinstance(t, Transform) for t in transforms):
            raise ArgumentValueError("transforms must be a Transform or a list of Transforms")
        self.transforms = transforms
        shape = base_distribution.batch_shape + base_distribution.event_shape
        whole = ComposeTransform(transforms)
        needed = whole.domain.event_dim
        if len(shape) < needed:
            raise ArgumentValueError(
                f"base_distribution needs to have shape with size at least {needed}, but got {shape}."
            )
        out = whole.forward_shape(shape)
        inner = whole.inverse_shape(out)
        event = len(base_distribution.event_shape)
        if tuple(inner) != tuple(shape):  # parameters of the transforms broadcast further
            base_distribution = base_distribution.expand(inner[: len(inner) - event])
        if needed > event:
            base_distribution = Independent(base_distribution, needed - event)
        self.base_dist = base_distribution
        event_dim = whole.codomain.event_dim + max(len(self.base_dist.event_shape) - needed, 0)
        cut = len(out) - event_dim
        super().__init__(out[:cut], out[cut:], validate_args=validate_args)

    def expand(self, batch_shape, _instance=None):
        """As ``Distribution.expand``."""
        owner = next(c for c in type(self).__mro__ if "_batched" in vars(c))
        new = self._get_checked_instance(owner, _instance)
        batch_shape = Size(batch_shape)
        for name in self._batched:
            new.__dict__[name] = self.__dict__[name].expand(batch_shape)
        new.transforms = self.transforms
        inner = ComposeTransform(self.transforms).inverse_shape(batch_shape + self._event_shape)
        new.base_dist = self.base_dist.expand(inner[: len(inner) - len(self.base_dist.event_shape)])
        return self._finish(new, batch_shape)

    @constraints.dependent_property(is_discrete=False)
    def support(self):
        """Where the last transform leads."""
        if not self.transforms:
            return self.base_dist.support
        support = self.transforms[-1].codomain
        extra = len(self._event_shape) - support.event_dim
        return constraints.independent(support, extra) if extra > 0 else support

    @property
    def has_rsample(self):
        """As the base's."""
        return self.base_dist.has_rsample

    def sample(self, sample_shape=()):
        """The base's draws, transformed, without gradients."""
        with no_grad():
            return self._forward(self.base_dist.sample(sample_shape))

    def rsample(self, sample_shape=()):
        """The base's draws, transformed."""
        return self._forward(self.base_dist.rsample(sample_shape))

    def _forward(self, x):
        for t in self.transforms:
            x = t(x)
        return x

    def log_prob(self, value):
        """The log density, by the change of variables."""
        self._checked(value)
        total, dim, y = 0.0, len(self._event_shape), value
        for t in reversed(self.transforms):
            x = t.inv(y)
            dim += t.domain.event_dim - t.codomain.event_dim
            total = total - sum_rightmost(t.log_abs_det_jacobian(x, y), dim - t.domain.event_dim)
            y = x
        return total + sum_rightmost(self.base_dist.log_prob(y), dim - len(self.base_dist.event_shape))

    def _monotonize_cdf(self, value):
        """1 - value where the transforms fall."""
        sign = 1
        for t in self.transforms:
            sign = sign * t.sign
        return value if isinstance(sign, int) and sign == 1 else sign * (value - 0.5) + 0.5

    def cdf(self, value):
        """The base's at what gives ``value``; 1 minus it if the transforms fall."""
        for t in reversed(self.transforms):
            value = t.inv(value)
        self.base_dist._checked(value)
        return self._monotonize_cdf(self.base_dist.cdf(value))

    def icdf(self, value):
        """The base's, transformed."""
        return self._forward(self.base_dist.icdf(self._monotonize_cdf(value)))

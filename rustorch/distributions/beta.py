"""``Beta``."""

from numbers import Real

from rustorch.distributions import constraints
from rustorch.distributions.dirichlet import Dirichlet
from rustorch.distributions.exp_family import ExponentialFamily
from rustorch.distributions.utils import broadcast_all
from rustorch.eager import ops as T
from rustorch.eager.convert import tensor
from rustorch.size import Size


class Beta(ExponentialFamily):
    """p(x) = Γ(a + b) / (Γ(a) Γ(b)) · x^(a - 1) (1 - x)^(b - 1) on [0, 1].

    Arguments: concentration1 a, concentration0 b: numbers or tensors that broadcast to the batch shape.
    Errors: ``ValueError`` for either ≤ 0 or NaN.

    >>> import rustorch as torch
    >>> torch.distributions.Beta(1.0, 3.0).mean
    tensor(0.2500)
    """

    arg_constraints = {"concentration1": constraints.positive, "concentration0": constraints.positive}
    support = constraints.unit_interval
    has_rsample = True
    _batched: dict = {}

    def __init__(self, concentration1, concentration0, validate_args=None):
        if isinstance(concentration1, Real) and isinstance(concentration0, Real):
            both = tensor([float(concentration1), float(concentration0)])
        else:
            both = T.stack(broadcast_all(concentration1, concentration0), -1)
        self._dirichlet = Dirichlet(both, validate_args=validate_args)
        super().__init__(self._dirichlet._batch_shape, validate_args=validate_args)

    def expand(self, batch_shape, _instance=None):
        """As ``Distribution.expand``."""
        new = self._get_checked_instance(Beta, _instance)
        batch_shape = Size(batch_shape)
        new._dirichlet = self._dirichlet.expand(batch_shape)
        return self._finish(new, batch_shape)

    @property
    def concentration1(self):
        """a."""
        return self._dirichlet.concentration[..., 0]

    @property
    def concentration0(self):
        """b."""
        return self._dirichlet.concentration[..., 1]

    @property
    def mean(self):
        """a / (a + b)."""
        return self.concentration1 / (self.concentration1 + self.concentration0)

    @property
    def mode(self):
        """(a - 1) / (a + b - 2) inside; an end where only that is likely."""
        return self._dirichlet.mode[..., 0]

    @property
    def variance(self):
        """a b / ((a + b)² (a + b + 1))."""
        total = self.concentration1 + self.concentration0
        return self.concentration1 * self.concentration0 / (total.square() * (total + 1))

    def rsample(self, sample_shape=()):
        """The first part of a Dirichlet draw."""
        return self._dirichlet.rsample(sample_shape).select(-1, 0)

    def log_prob(self, value):
        """The log density."""
        self._checked(value)
        return self._dirichlet.log_prob(T.stack([value, 1.0 - value], -1))

    def entropy(self):
        """log B(a, b) - (a - 1) ψ(a) - (b - 1) ψ(b) + (a + b - 2) ψ(a + b)."""
        return self._dirichlet.entropy()

    @property
    def _natural_params(self):
        return self.concentration1, self.concentration0

    def _log_normalizer(self, x, y):
        return T.lgamma(x) + T.lgamma(y) - T.lgamma(x + y)

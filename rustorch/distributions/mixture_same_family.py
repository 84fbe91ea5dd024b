"""``MixtureSameFamily``."""

from rustorch.autograd import no_grad
from rustorch.distributions import constraints
from rustorch.distributions.categorical import Categorical
from rustorch.distributions.distribution import Distribution
from rustorch.eager import ops as T
from rustorch.errors import ArgumentValueError
from rustorch.nn import functional as F
from rustorch.size import Size


class MixtureSameFamily(Distribution):
    """p(x) = Σₖ πₖ pₖ(x): a Categorical chooses among the last batch dimension of a distribution.

    Arguments: mixture_distribution: a ``Categorical`` of batch shape B over k; component_distribution: of batch
    shape (*B, k).
    Errors: ``ValueError`` for other distributions or shapes.

    >>> import rustorch as torch
    >>> D = torch.distributions
    >>> d = D.MixtureSameFamily(D.Categorical(torch.ones(2)), D.Normal(torch.tensor([-1.0, 1.0]), 1.0))
    >>> d.mean, d.variance
    (tensor(0.), tensor(2.))
    """

    arg_constraints: dict = {}
    has_rsample = False
    _batched: dict = {}

    def __init__(self, mixture_distribution, component_distribution, validate_args=None):
        if not isinstance(mixture_distribution, Categorical):
            raise ArgumentValueError(
                " The Mixture distribution needs to be an  instance of torch.distributions.Categorical"
            )
        if not isinstance(component_distribution, Distribution):
            raise ArgumentValueError(
                "The Component distribution needs to be an instance of torch.distributions.Distribution"
            )
        mixed, batch = mixture_distribution.batch_shape, component_distribution.batch_shape[:-1]
        for i, j in zip(reversed(mixed), reversed(batch)):
            if i != 1 and j != 1 and i != j:
                raise ArgumentValueError(
                    f"`mixture_distribution.batch_shape` ({mixed}) is not compatible with "
                    f"`component_distribution.batch_shape`({batch})"
                )
        k, components = mixture_distribution.logits.shape[-1], component_distribution.batch_shape[-1]
        if k != components:
            raise ArgumentValueError(
                f"`mixture_distribution component` ({k}) does not equal `component_distribution.batch_shape[-1]` "
                f"({components})"
            )
        self._mixture_distribution = mixture_distribution
        self._component_distribution = component_distribution
        self._num_component = components
        self._event_ndims = len(component_distribution.event_shape)
        super().__init__(batch, component_distribution.event_shape, validate_args=validate_args)

    def expand(self, batch_shape, _instance=None):
        """As ``Distribution.expand``."""
        new = self._get_checked_instance(MixtureSameFamily, _instance)
        batch_shape = Size(batch_shape)
        new._component_distribution = self._component_distribution.expand(batch_shape + (self._num_component,))
        new._mixture_distribution = self._mixture_distribution.expand(batch_shape)
        new._num_component, new._event_ndims = self._num_component, self._event_ndims
        return self._finish(new, batch_shape)

    @constraints.dependent_property
    def support(self):
        """The components'."""
        return constraints.MixtureSameFamilyConstraint(self._component_distribution.support)

    @property
    def mixture_distribution(self):
        """What chooses."""
        return self._mixture_distribution

    @property
    def component_distribution(self):
        """What is chosen from."""
        return self._component_distribution

    def _weights(self):
        """The probabilities, with event dimensions after them."""
        probs = self._mixture_distribution.probs
        return probs.reshape(probs.shape + (1,) * self._event_ndims)

    @property
    def _k(self) -> int:
        """The place of the components' dimension, from the right."""
        return -1 - self._event_ndims

    @property
    def mean(self):
        """Σ π mean."""
        return (self._weights() * self._component_distribution.mean).sum(self._k)

    @property
    def variance(self):
        """The mean variance plus the variance of the means."""
        weights = self._weights()
        off = self._component_distribution.mean - self.mean.unsqueeze(self._k)
        return (weights * (self._component_distribution.variance + off.square())).sum(self._k)

    def cdf(self, x):
        """Σ π cdf."""
        return (self._component_distribution.cdf(self._pad(x)) * self._mixture_distribution.probs).sum(-1)

    def _pad(self, x):
        return x.unsqueeze(self._k)

    def log_prob(self, x):
        """logsumexp of log π + log p."""
        self._checked(x)
        log_prob = self._component_distribution.log_prob(self._pad(x))
        return T.logsumexp(log_prob + F.log_softmax(self._mixture_distribution.logits, -1), -1)

    def sample(self, sample_shape=()):
        """Draws of the chosen components."""
        with no_grad():
            chosen = self._mixture_distribution.sample(sample_shape)
            drawn = self._component_distribution.sample(sample_shape)
            place = chosen.dim()
            chosen = chosen.reshape(chosen.shape + (1,) * (self._event_ndims + 1))
            chosen = chosen.expand(drawn.shape[:place] + (1,) + self._event_shape)
            return drawn.gather(place, chosen).squeeze(place)

    def __repr__(self):
        return f"MixtureSameFamily(\n  {self.mixture_distribution},\n  {self.component_distribution})"

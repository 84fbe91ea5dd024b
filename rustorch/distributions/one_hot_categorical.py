"""``OneHotCategorical`` and ``OneHotCategoricalStraightThrough``."""

from rustorch.distributions import constraints
from rustorch.distributions.categorical import Categorical, OverCategorical
from rustorch.distributions.distribution import Distribution
from rustorch.eager import ops as T
from rustorch.nn import functional as F
from rustorch.size import Size


class OneHotCategorical(OverCategorical, Distribution):
    """One of k classes as a vector with a 1 at its place.

    Arguments: as for ``Categorical``. Events: (k,).

    >>> import rustorch as torch
    >>> d = torch.distributions.OneHotCategorical(torch.tensor([1.0, 3.0]))
    >>> d.mode, d.log_prob(torch.tensor([0.0, 1.0]))
    (tensor([0., 1.]), tensor(-0.2877))
    """

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}
    support = constraints.one_hot
    has_enumerate_support = True
    _batched: dict = {}

    def __init__(self, probs=None, logits=None, validate_args=None):
        self._categorical = Categorical(probs, logits)
        super().__init__(self._categorical.batch_shape, self._categorical.param_shape[-1:], validate_args=validate_args)

    def expand(self, batch_shape, _instance=None):
        """As ``Distribution.expand``."""
        new = self._get_checked_instance(OneHotCategorical, _instance)
        new._categorical = self._categorical.expand(batch_shape)
        return self._finish(new, Size(batch_shape))

    @property
    def mean(self):
        """The probabilities."""
        return self.probs

    @property
    def mode(self):
        """The likeliest class."""
        return self._one_hot(self._categorical.mode)

    @property
    def variance(self):
        """p (1 - p)."""
        return self.probs * (1 - self.probs)

    def _one_hot(self, classes):
        return F.one_hot(classes, self._event_shape[0]).to(self._param.dtype)

    def sample(self, sample_shape=()):
        """Vectors with one 1."""
        return self._one_hot(self._categorical.sample(sample_shape))

    def log_prob(self, value):
        """The log-probability of the class at the 1."""
        self._checked(value)
        return self._categorical.log_prob(value.argmax(-1))

    def entropy(self):
        """-Σ p log p."""
        return self._categorical.entropy()

    def enumerate_support(self, expand: bool = True):
        """All classes."""
        n = self._event_shape[0]
        values = T.eye(n, dtype=self._param.dtype, device=self._param.device)
        values = values.reshape((n,) + (1,) * len(self._batch_shape) + (n,))
        return values.expand((n,) + tuple(self._batch_shape) + (n,)) if expand else values


class OneHotCategoricalStraightThrough(OneHotCategorical):
    """``OneHotCategorical`` whose draws have the gradient of the probabilities.

    Source: Bengio, Léonard & Courville, 2013.

    >>> import rustorch as torch
    >>> p = torch.tensor([0.5, 0.5], requires_grad=True)
    >>> torch.distributions.OneHotCategoricalStraightThrough(p).rsample().requires_grad
    True
    """

    has_rsample = True

    def rsample(self, sample_shape=()):
        """A draw, plus the probabilities, minus their values."""
        probs = self.probs
        return self.sample(sample_shape) + (probs - probs.detach())

"""``Categorical``."""

import math

from rustorch.autograd import no_grad
from rustorch.distributions import constraints
from rustorch.distributions.distribution import Distribution
from rustorch.distributions.utils import lazy_property, logits_to_probs, one_of_probs_and_logits, probs_to_logits
from rustorch.eager import ops as T
from rustorch.errors import ArgumentValueError
from rustorch.limits import finfo
from rustorch.size import Size


class Categorical(Distribution):
    """One of k classes, each with its probability.

    Arguments: probs (..., k), normalised to sum 1, or logits (..., k), unnormalised log-probabilities.
    Errors: ``ValueError`` unless exactly one is given, it has a dimension, and probs are not negative.

    >>> import rustorch as torch
    >>> d = torch.distributions.Categorical(torch.tensor([1.0, 3.0]))
    >>> d.probs, d.log_prob(torch.tensor(1))
    (tensor([0.2500, 0.7500]), tensor(-0.2877))
    """

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}
    has_enumerate_support = True
    _batched = {"probs": 1, "logits": 1}
    _shared = ("_given_probs", "_num_events")

    def __init__(self, probs=None, logits=None, validate_args=None):
        self._given_probs = one_of_probs_and_logits(probs, logits)
        name, given = ("probs", probs) if self._given_probs else ("logits", logits)
        if given.dim() < 1:
            raise ArgumentValueError(f"`{name}` parameter must be at least one-dimensional.")
        if self._given_probs:
            self.probs = probs / probs.sum(-1, keepdim=True)
        else:
            self.logits = logits - T.logsumexp(logits, -1, True)
        self._num_events = given.size(-1)
        super().__init__(given.shape[:-1], validate_args=validate_args)

    @property
    def _param(self):
        """Whichever was given."""
        return self.__dict__["probs"] if self._given_probs else self.__dict__["logits"]

    def _new(self, *args, **kwargs):
        return self._param.new(*args, **kwargs)

    @property
    def param_shape(self):
        """The shape of the parameter."""
        return self._param.size()

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self):
        """0 to k - 1."""
        return constraints.integer_interval(0, self._num_events - 1)

    @lazy_property
    def logits(self):
        """Log-probabilities."""
        return probs_to_logits(self.probs)

    @lazy_property
    def probs(self):
        """Probabilities."""
        return logits_to_probs(self.logits)

    def _nan(self):
        return T.full(self._extended_shape(), math.nan, dtype=self.probs.dtype, device=self.probs.device)

    @property
    def mean(self):
        """NaN: classes have none."""
        return self._nan()

    @property
    def mode(self):
        """The likeliest class."""
        return self.probs.argmax(-1)

    @property
    def variance(self):
        """NaN: classes have none."""
        return self._nan()

    def sample(self, sample_shape=()):
        """Classes, int64."""
        n = Size(sample_shape).numel()
        with no_grad():
            drawn = T.multinomial(self.probs.reshape(-1, self._num_events), n, True) if n else None
            if drawn is None:
                return T.empty(self._extended_shape(sample_shape), dtype=T.arange(0).dtype, device=self.probs.device)
            return drawn.T.reshape(self._extended_shape(sample_shape))

    def log_prob(self, value):
        """The log-probability of class ``value``."""
        self._checked(value)
        value, logits = T.broadcast_tensors(value.long().unsqueeze(-1), self.logits)
        return logits.gather(-1, value[..., :1]).squeeze(-1)

    def entropy(self):
        """-Σ p log p."""
        logits = self.logits.clamp(min=finfo(self.logits.dtype).min)
        return -(logits * self.probs).sum(-1)

    def enumerate_support(self, expand: bool = True):
        """All classes."""
        return self._enumerated(T.arange(self._num_events, device=self._param.device), expand)


class OverCategorical:
    """What a distribution takes over from the ``Categorical`` that it holds."""

    def _new(self, *args, **kwargs):
        return self._categorical._new(*args, **kwargs)

    @property
    def _param(self):
        return self._categorical._param

    @property
    def probs(self):
        """Probabilities."""
        return self._categorical.probs

    @property
    def logits(self):
        """Log-probabilities."""
        return self._categorical.logits

    @property
    def param_shape(self):
        """The shape of the parameter."""
        return self._categorical.param_shape

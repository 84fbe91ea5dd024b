"""``Bernoulli``."""

import math

from rustorch.autograd import no_grad
from rustorch.distributions import constraints
from rustorch.distributions.exp_family import ExponentialFamily
from rustorch.distributions.utils import (
    batch_shape_of,
    broadcast_all,
    lazy_property,
    logits_to_probs,
    one_of_probs_and_logits,
    probs_to_logits,
)
from rustorch.eager import ops as T
from rustorch.nn import functional as F


class ProbsOrLogits:
    """For distributions of a binary probability, given as ``probs`` or as log-odds ``logits``."""

    @lazy_property
    def logits(self):
        """log(p / (1 - p))."""
        return probs_to_logits(self.probs, is_binary=True)

    @lazy_property
    def probs(self):
        """The probability of 1."""
        return logits_to_probs(self.logits, is_binary=True)

    @property
    def _param(self):
        """Whichever was given."""
        return self.__dict__["probs"] if self._given_probs else self.__dict__["logits"]

    @property
    def param_shape(self):
        """The shape of the parameter."""
        return self._param.size()

    def _new(self, *args, **kwargs):
        return self._param.new(*args, **kwargs)

    def _take(self, probs, logits):
        """Keep whichever is given, as a tensor; its batch shape."""
        self._given_probs = one_of_probs_and_logits(probs, logits)
        if self._given_probs:
            (self.probs,) = broadcast_all(probs)
            return batch_shape_of([self.probs], probs)
        (self.logits,) = broadcast_all(logits)
        return batch_shape_of([self.logits], logits)


def cross_entropy(logits, target):
    """-log p(target), element by element."""
    logits, target = broadcast_all(logits, target)
    return F.binary_cross_entropy_with_logits(logits, target, reduction="none")


class Bernoulli(ProbsOrLogits, ExponentialFamily):
    """1 with probability p, else 0.

    Arguments: probs in [0, 1] or logits = log(p / (1 - p)): a number or a tensor of the batch shape.
    Errors: ``ValueError`` unless exactly one is given, or for probs outside [0, 1].

    >>> import rustorch as torch
    >>> torch.distributions.Bernoulli(0.25).log_prob(torch.tensor([0.0, 1.0]))
    tensor([-0.2877, -1.3863])
    """

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.boolean
    has_enumerate_support = True
    _mean_carrier_measure = 0
    _batched = {"probs": 0, "logits": 0}
    _shared = ("_given_probs",)

    def __init__(self, probs=None, logits=None, validate_args=None):
        super().__init__(self._take(probs, logits), validate_args=validate_args)

    @property
    def mean(self):
        """p."""
        return self.probs

    @property
    def mode(self):
        """The likelier of 0 and 1; NaN if p is ½."""
        mode = (self.probs >= 0.5).to(self.probs.dtype)
        return T.where(self.probs == 0.5, T.full_like(mode, math.nan), mode)

    @property
    def variance(self):
        """p (1 - p)."""
        return self.probs * (1 - self.probs)

    def sample(self, sample_shape=()):
        """Zeros and ones."""
        with no_grad():
            return T.bernoulli(self.probs.expand(self._extended_shape(sample_shape)))

    def log_prob(self, value):
        """log p at 1, log(1 - p) at 0."""
        self._checked(value)
        return -cross_entropy(self.logits, value)

    def entropy(self):
        """-p log p - (1 - p) log(1 - p)."""
        return cross_entropy(self.logits, self.probs)

    def enumerate_support(self, expand: bool = True):
        """0 and 1."""
        return self._enumerated(T.arange(2, dtype=self._param.dtype, device=self._param.device), expand)

    @property
    def _natural_params(self):
        return (T.logit(self.probs),)

    def _log_normalizer(self, x):
        return T.log(1 + T.exp(x))

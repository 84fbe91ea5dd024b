"""``Geometric``."""

from rustorch.autograd import no_grad
from rustorch.distributions import constraints
from rustorch.distributions._look import holds
from rustorch.distributions.bernoulli import ProbsOrLogits, cross_entropy
from rustorch.distributions.distribution import Distribution
from rustorch.distributions.utils import broadcast_all, smallest
from rustorch.eager import ops as T
from rustorch.errors import ArgumentValueError


class Geometric(ProbsOrLogits, Distribution):
    """The number k of failures before the first success: P(k) = (1 - p)^k p.

    Arguments: probs in (0, 1] or logits: a number or a tensor of the batch shape.
    Errors: ``ValueError`` unless exactly one is given, or for probs outside (0, 1].

    >>> import rustorch as torch
    >>> torch.distributions.Geometric(0.25).mean
    tensor(3.)
    """

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.nonnegative_integer
    _batched = {"probs": 0, "logits": 0}
    _shared = ("_given_probs",)

    def __init__(self, probs=None, logits=None, validate_args=None):
        super().__init__(self._take(probs, logits), validate_args=validate_args)
        if self._validate_args and self._given_probs and not holds(constraints.positive, self.probs):
            value = self.probs
            raise ArgumentValueError(
                f"Expected parameter probs ({type(value).__name__} of shape {tuple(value.shape)}) of distribution "
                f"{self!r} to be positive but found invalid values:\n{value[~(value > 0)]}"
            )

    @property
    def mean(self):
        """1/p - 1."""
        return 1.0 / self.probs - 1.0

    @property
    def mode(self):
        """0."""
        return T.zeros_like(self.probs)

    @property
    def variance(self):
        """(1/p - 1) / p."""
        return (1.0 / self.probs - 1.0) / self.probs

    def sample(self, sample_shape=()):
        """⌊log u / log(1 - p)⌋ of a uniform u."""
        with no_grad():
            p = self.probs
            u = T.rand(self._extended_shape(sample_shape), dtype=p.dtype, device=p.device)
            return (u.clamp(min=smallest(p.dtype)).log() / T.log1p(-p)).floor()

    def log_prob(self, value):
        """k log(1 - p) + log p."""
        self._checked(value)
        value, p = broadcast_all(value, self.probs)
        sure = (p == 1) & (value == 0)  # where 0 · log 0 counts as 0
        return value * T.log1p(-T.where(sure, T.zeros_like(p), p)) + self.probs.log()

    def entropy(self):
        """That of a Bernoulli, over p."""
        return cross_entropy(self.logits, self.probs) / self.probs

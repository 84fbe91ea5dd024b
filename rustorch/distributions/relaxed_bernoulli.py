"""``RelaxedBernoulli`` and the distribution of its log-odds."""

from rustorch.distributions import constraints
from rustorch.distributions.bernoulli import ProbsOrLogits
from rustorch.distributions.distribution import Distribution
from rustorch.distributions.transformed_distribution import TransformedDistribution
from rustorch.distributions.transforms import SigmoidTransform
from rustorch.distributions.utils import broadcast_all, clamp_probs
from rustorch.eager import ops as T


class LogitRelaxedBernoulli(ProbsOrLogits, Distribution):
    """(logit(u) + logit(p)) / temperature of a uniform u: the log-odds of a ``RelaxedBernoulli``.

    Arguments: temperature: a tensor; probs or logits: a number or a tensor of the batch shape.
    Source: Maddison, Mnih & Teh, 2017.

    >>> import rustorch as torch
    >>> from rustorch.distributions.relaxed_bernoulli import LogitRelaxedBernoulli
    >>> LogitRelaxedBernoulli(torch.tensor(1.0), 0.5).log_prob(torch.tensor(0.0))
    tensor(-1.3863)
    """

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.real
    _batched = {"probs": 0, "logits": 0}
    _shared = ("_given_probs", "temperature")

    def __init__(self, temperature, probs=None, logits=None, validate_args=None):
        self.temperature = temperature
        super().__init__(self._take(probs, logits), validate_args=validate_args)

    def rsample(self, sample_shape=()):
        """Draws with gradients to temperature and probability."""
        shape = self._extended_shape(sample_shape)
        p = clamp_probs(self.probs.expand(shape))
        u = clamp_probs(T.rand(shape, dtype=p.dtype, device=p.device))
        return (u.log() - T.log1p(-u) + p.log() - T.log1p(-p)) / self.temperature

    def log_prob(self, value):
        """log t + d - 2 log(1 + exp(d)) with d = logits - t x."""
        self._checked(value)
        logits, value = broadcast_all(self.logits, value)
        off = logits - value * self.temperature
        return self.temperature.log() + off - 2 * off.exp().log1p()


class _Relaxed(TransformedDistribution):
    """With the parameters of its base."""

    has_rsample = True
    _batched: dict = {}

    @property
    def temperature(self):
        """How far from the corners: less is closer."""
        return self.base_dist.temperature

    @property
    def logits(self):
        """The base's."""
        return self.base_dist.logits

    @property
    def probs(self):
        """The base's."""
        return self.base_dist.probs


class RelaxedBernoulli(_Relaxed):
    """Numbers in (0, 1) that become a Bernoulli's 0 and 1 as the temperature goes to 0, with gradients.

    Arguments: temperature: a tensor; probs or logits: a number or a tensor of the batch shape.
    Source: Maddison, Mnih & Teh, 2017; Jang, Gu & Poole, 2017.

    >>> import rustorch as torch
    >>> torch.distributions.RelaxedBernoulli(torch.tensor(1.0), 0.5).log_prob(torch.tensor(0.5))
    tensor(0.)
    """

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.unit_interval
    _batched: dict = {}

    def __init__(self, temperature, probs=None, logits=None, validate_args=None):
        base = LogitRelaxedBernoulli(temperature, probs, logits)
        super().__init__(base, SigmoidTransform(), validate_args=validate_args)

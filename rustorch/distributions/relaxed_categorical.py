"""``RelaxedOneHotCategorical`` and the distribution of its logarithm."""

from rustorch.distributions import constraints
from rustorch.distributions.categorical import Categorical, OverCategorical
from rustorch.distributions.distribution import Distribution
from rustorch.distributions.relaxed_bernoulli import _Relaxed
from rustorch.distributions.transforms import ExpTransform
from rustorch.distributions.utils import broadcast_all, clamp_probs
from rustorch.eager import ops as T
from rustorch.size import Size


class ExpRelaxedCategorical(OverCategorical, Distribution):
    """log softmax((logits + g) / temperature) of Gumbel draws g: the logarithm of a ``RelaxedOneHotCategorical``.

    Arguments: temperature: a tensor; probs or logits (..., k). Events: (k,).
    Source: Maddison, Mnih & Teh, 2017.

    >>> import rustorch as torch
    >>> from rustorch.distributions.relaxed_categorical import ExpRelaxedCategorical
    >>> ExpRelaxedCategorical(torch.tensor(1.0), torch.ones(3)).rsample().exp().sum()
    tensor(1...)
    """

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}
    support = constraints.real_vector
    has_rsample = True
    _batched: dict = {}

    def __init__(self, temperature, probs=None, logits=None, validate_args=None):
        self._categorical = Categorical(probs, logits)
        self.temperature = temperature
        super().__init__(self._categorical.batch_shape, self._categorical.param_shape[-1:], validate_args=validate_args)

    def expand(self, batch_shape, _instance=None):
        """As ``Distribution.expand``."""
        new = self._get_checked_instance(ExpRelaxedCategorical, _instance)
        new.temperature = self.temperature
        new._categorical = self._categorical.expand(batch_shape)
        return self._finish(new, Size(batch_shape))

    def rsample(self, sample_shape=()):
        """Draws with gradients to temperature and probabilities."""
        shape, logits = self._extended_shape(sample_shape), self.logits
        u = clamp_probs(T.rand(shape, dtype=logits.dtype, device=logits.device))
        scores = (logits - (-u.log()).log()) / self.temperature
        return scores - scores.logsumexp(-1, True)

    def log_prob(self, value):
        """log (k - 1)! + (k - 1) log t + Σ (s - logsumexp s) with s = logits - t x."""
        self._checked(value)
        k = self._categorical._num_events
        logits, value = broadcast_all(self.logits, value)
        scores = logits - value * self.temperature
        score = (scores - scores.logsumexp(-1, True)).sum(-1)
        constant = T.full_like(self.temperature, float(k)).lgamma() + self.temperature.log() * (k - 1)
        return score + constant


class RelaxedOneHotCategorical(_Relaxed):
    """Points of the simplex that become one-hot vectors as the temperature goes to 0, with gradients.

    Arguments: temperature: a tensor; probs or logits (..., k). Events: (k,).
    Source: Maddison, Mnih & Teh, 2017; Jang, Gu & Poole, 2017.

    >>> import rustorch as torch
    >>> d = torch.distributions.RelaxedOneHotCategorical(torch.tensor(1.0), torch.ones(2))
    >>> d.log_prob(torch.tensor([0.5, 0.5])).abs() < 1e-5
    tensor(True)
    """

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}
    support = constraints.simplex
    _batched: dict = {}

    def __init__(self, temperature, probs=None, logits=None, validate_args=None):
        base = ExpRelaxedCategorical(temperature, probs, logits, validate_args=validate_args)
        super().__init__(base, ExpTransform(), validate_args=validate_args)

"""``ExponentialFamily``: entropies by differentiating the log-normaliser."""

from rustorch.autograd import enable_grad, grad
from rustorch.distributions.distribution import Distribution


class ExponentialFamily(Distribution):
    """Densities exp(⟨t(x), θ⟩ - F(θ) + k(x)) with natural parameters θ and log-normaliser F.

    A subclass gives ``_natural_params`` (a tuple of tensors), ``_log_normalizer(*params)`` and the mean of k(x),
    ``_mean_carrier_measure``; the entropy F - ⟨θ, ∇F⟩ - E k and KL divergences (as Bregman divergences) follow.

    >>> import rustorch as torch
    >>> d = torch.distributions.Normal(0.0, 2.0)
    >>> torch.distributions.ExponentialFamily.entropy(d) - d.entropy() < 1e-6
    tensor(True)
    """

    @property
    def _natural_params(self):
        raise NotImplementedError

    def _log_normalizer(self, *natural_params):
        raise NotImplementedError

    @property
    def _mean_carrier_measure(self) -> float:
        raise NotImplementedError

    def entropy(self):
        """The entropy: F(θ) - ⟨θ, ∇F(θ)⟩ - E k(x)."""
        carrier = self._mean_carrier_measure
        with enable_grad():
            params = [p.detach().requires_grad_() for p in self._natural_params]
            normaliser = self._log_normalizer(*params)
            gradients = grad(normaliser.sum(), params, create_graph=True)
        result = normaliser - carrier
        for p, g in zip(params, gradients):
            result = result - (p * g).reshape(self._batch_shape + (-1,)).sum(-1)
        return result

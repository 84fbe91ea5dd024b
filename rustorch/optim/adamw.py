"""AdamW."""

from __future__ import annotations

from rustorch.optim.adam import Adam


class AdamW(Adam):
    r"""Adam with weight decay on the parameter, not in the gradient: ``p *= 1 - lr * weight_decay``.

    Arguments as ``Adam``'s; ``weight_decay`` is 1e-2 by default.

    Source: Loshchilov and Hutter, "Decoupled Weight Decay Regularization", 2017.

    Example:
        >>> import rustorch
        >>> w = rustorch.tensor([1.0], requires_grad=True)
        >>> opt = rustorch.optim.AdamW([w], lr=0.1)
        >>> (w * w).sum().backward()
        >>> opt.step()
        >>> w
        tensor([0.8990], requires_grad=True)
    """

    decoupled = True

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=1e-2, amsgrad=False, *,
                 maximize=False, foreach=None, capturable=False, differentiable=False, fused=None):  # fmt: skip
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, foreach=foreach, maximize=maximize,
                         capturable=capturable, differentiable=differentiable, fused=fused)  # fmt: skip

    def load_state_dict(self, state_dict):
        super().load_state_dict(state_dict)
        for group in self.param_groups:
            group["decoupled_weight_decay"] = True  # also if it was saved by PyTorch before it knew the option

"""Losses of numbers: regression, likelihoods, binary targets."""

from rustorch.nn import functional as F
from rustorch.nn._functional.reduction import legacy_reduction
from rustorch.nn.modules.module import Module


class _Loss(Module):
    """Keeps ``reduction``: 'none', 'mean' or 'sum'."""

    __constants__ = ["reduction"]

    def __init__(self, size_average=None, reduce=None, reduction="mean"):
        super().__init__()
        if size_average is not None or reduce is not None:
            reduction = legacy_reduction(size_average, reduce)
        self.reduction = reduction


class _WeightedLoss(_Loss):
    """Keeps ``weight`` as a buffer too."""

    def __init__(self, weight=None, size_average=None, reduce=None, reduction="mean"):
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)


class L1Loss(_Loss):
    """|x - y|, averaged by default. Shapes: x and y alike.

    >>> import rustorch as torch
    >>> torch.nn.L1Loss()(torch.tensor([1.0, 3.0]), torch.zeros(2)).item()
    2.0
    """

    def forward(self, input, target):
        return F.l1_loss(input, target, reduction=self.reduction)


class MSELoss(_Loss):
    """(x - y)², averaged by default. Shapes: x and y alike (a warning if they broadcast).

    >>> import rustorch as torch
    >>> torch.nn.MSELoss()(torch.tensor([1.0, 3.0]), torch.zeros(2)).item()
    5.0
    """

    def forward(self, input, target):
        return F.mse_loss(input, target, reduction=self.reduction)


class SmoothL1Loss(_Loss):
    """(x-y)²/(2·beta) where |x-y| < beta, else |x-y| - beta/2. Source: Girshick, 2015.

    >>> import rustorch as torch
    >>> torch.nn.SmoothL1Loss()(torch.tensor(3.0), torch.tensor(0.0)).item()
    2.5
    """

    def __init__(self, size_average=None, reduce=None, reduction="mean", beta=1.0):
        super().__init__(size_average, reduce, reduction)
        self.beta = beta

    def forward(self, input, target):
        return F.smooth_l1_loss(input, target, reduction=self.reduction, beta=self.beta)


class HuberLoss(_Loss):
    """(x-y)²/2 where |x-y| < delta, else delta·(|x-y| - delta/2). Source: Huber, 1964.

    >>> import rustorch as torch
    >>> torch.nn.HuberLoss(delta=2.0)(torch.tensor(3.0), torch.tensor(0.0)).item()
    4.0
    """

    def __init__(self, reduction="mean", delta=1.0):
        if not isinstance(delta, (float, int)):
            raise TypeError(f"delta must be a float or int, got: {type(delta)}")
        super().__init__(reduction=reduction)
        self.delta = delta

    def forward(self, input, target):
        return F.huber_loss(input, target, reduction=self.reduction, delta=self.delta)


class BCELoss(_WeightedLoss):
    """-(y·log x + (1-y)·log(1-x)), the logarithms at least -100; x in [0, 1].

    Arguments: ``weight`` scales each element's loss. Errors: ``ValueError`` if shapes differ.

    >>> import rustorch as torch
    >>> round(torch.nn.BCELoss()(torch.tensor([0.5]), torch.tensor([1.0])).item(), 4)
    0.6931
    """

    def forward(self, input, target):
        return F.binary_cross_entropy(input, target, self.weight, reduction=self.reduction)


class BCEWithLogitsLoss(_Loss):
    """``BCELoss`` of sigmoid(x), without overflow.

    Arguments: ``weight`` scales each element's loss, ``pos_weight`` the y·log term.

    >>> import rustorch as torch
    >>> round(torch.nn.BCEWithLogitsLoss()(torch.tensor([0.0]), torch.tensor([1.0])).item(), 4)
    0.6931
    """

    def __init__(self, weight=None, size_average=None, reduce=None, reduction="mean", pos_weight=None):
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)
        self.register_buffer("pos_weight", pos_weight)

    def forward(self, input, target):
        return F.binary_cross_entropy_with_logits(
            input, target, self.weight, pos_weight=self.pos_weight, reduction=self.reduction
        )


class KLDivLoss(_Loss):
    """y·(log y - x), x a log-probability; ``log_target`` if y is one too.

    ``reduction='batchmean'`` gives the divergence per sample; 'mean' divides by all elements.

    >>> import rustorch as torch
    >>> loss = torch.nn.KLDivLoss(reduction="batchmean")
    >>> loss(torch.tensor([[0.5, 0.5]]).log(), torch.tensor([[0.5, 0.5]])).item()
    0.0
    """

    def __init__(self, size_average=None, reduce=None, reduction="mean", log_target=False):
        super().__init__(size_average, reduce, reduction)
        self.log_target = log_target

    def forward(self, input, target):
        return F.kl_div(input, target, reduction=self.reduction, log_target=self.log_target)


class PoissonNLLLoss(_Loss):
    """eˣ - y·x, or x - y·log(x + eps) without ``log_input``; ``full`` adds Stirling's terms.

    >>> import rustorch as torch
    >>> torch.nn.PoissonNLLLoss()(torch.zeros(1), torch.ones(1)).item()
    1.0
    """

    def __init__(
        self,
        log_input=True,
        full=False,
        size_average=None,
        eps=1e-8,
        reduce=None,
        reduction="mean",
    ):
        super().__init__(size_average, reduce, reduction)
        self.log_input = log_input
        self.full = full
        self.eps = eps

    def forward(self, log_input, target):
        return F.poisson_nll_loss(
            log_input,
            target,
            log_input=self.log_input,
            full=self.full,
            eps=self.eps,
            reduction=self.reduction,
        )


class GaussianNLLLoss(_Loss):
    """(log var + (x-y)²/var)/2, var at least eps; ``full`` adds log(2π)/2.

    Errors: ``ValueError`` for a negative variance or a variance of the wrong shape.
    Source: Nix & Weigend, 1994.

    >>> import rustorch as torch
    >>> torch.nn.GaussianNLLLoss()(torch.zeros(2), torch.ones(2), torch.ones(2)).item()
    0.5
    """

    def __init__(self, *, full=False, eps=1e-6, reduction="mean"):
        super().__init__(reduction=reduction)
        self.full = full
        self.eps = eps

    def forward(self, input, target, var):
        return F.gaussian_nll_loss(input, target, var, full=self.full, eps=self.eps, reduction=self.reduction)


class SoftMarginLoss(_Loss):
    """log(1 + exp(-y·x)), y ±1.

    >>> import rustorch as torch
    >>> round(torch.nn.SoftMarginLoss()(torch.zeros(1), torch.ones(1)).item(), 4)
    0.6931
    """

    def forward(self, input, target):
        return F.soft_margin_loss(input, target, reduction=self.reduction)

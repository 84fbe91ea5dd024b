"""Averages of a model's weights over training: equal ones (SWA), exponential ones (EMA), and the schedule for them.

The number of averaged models is a tensor that nobody looks at, so an update joins the training step's program.
"""

from __future__ import annotations

import math
from copy import deepcopy

from rustorch.autograd.modes import no_grad
from rustorch.dtypes import int64
from rustorch.eager import ops as T
from rustorch.eager.convert import tensor
from rustorch.eager.tensor import Tensor
from rustorch.nn.modules.batchnorm import _BatchNorm
from rustorch.nn.modules.module import Module
from rustorch.optim._lr.base import LRScheduler, per_group, snapshot

__all__ = [
    "AveragedModel", "update_bn", "SWALR", "get_ema_multi_avg_fn", "get_swa_multi_avg_fn", "get_ema_avg_fn",
    "get_swa_avg_fn",
]  # fmt: skip


def _check_decay(decay: float) -> None:
    if decay < 0.0 or decay > 1.0:
        raise ValueError(f"Invalid decay value {decay} provided. Please provide a value in [0,1] range.")


def _interpolates(t: Tensor) -> bool:
    return t.is_floating_point() or t.is_complex()


def get_ema_avg_fn(decay: float = 0.999):
    """``f(average, current, n)``: ``decay * average + (1 - decay) * current``.

    Raises:
        ValueError: ``decay`` outside [0, 1].
    """
    _check_decay(decay)

    @no_grad()
    def ema_update(ema_param, current_param, num_averaged):
        return decay * ema_param + (1 - decay) * current_param

    return ema_update


def get_swa_avg_fn():
    """``f(average, current, n)``: the average of ``n + 1`` models, of which ``average`` is that of the first ``n``."""

    @no_grad()
    def swa_update(averaged_param, current_param, num_averaged):
        return averaged_param + (current_param - averaged_param) / (num_averaged + 1)

    return swa_update


def get_ema_multi_avg_fn(decay: float = 0.999):
    """``get_ema_avg_fn`` on lists of tensors, in place.

    Raises:
        ValueError: ``decay`` outside [0, 1].
    """
    _check_decay(decay)

    @no_grad()
    def ema_update(ema_param_list, current_param_list, _):
        for average, current in zip(ema_param_list, current_param_list, strict=True):
            if _interpolates(average):
                average.lerp_(current, 1 - decay)
            else:
                average.copy_(average * decay + current * (1 - decay))

    return ema_update


def get_swa_multi_avg_fn():
    """``get_swa_avg_fn`` on lists of tensors, in place."""

    @no_grad()
    def swa_update(averaged_param_list, current_param_list, num_averaged):
        for average, current in zip(averaged_param_list, current_param_list, strict=True):
            if _interpolates(average):
                average.add_((current - average) / (num_averaged + 1))
            else:
                average.addcdiv_(current - average, tensor(num_averaged + 1))

    return swa_update


class AveragedModel(Module):
    """A copy of a model whose parameters are averages over the models given to ``update_parameters``.

    Args:
        model: copied with its parameters and buffers.
        device: where the averages are kept; the model's by default.
        avg_fn: ``f(average, current, n)`` gives the new average; ``multi_avg_fn`` changes lists of tensors in place.
            Equal weights if neither is given. Both are called for the first model too, whose parameters are then
            taken as they are.
        use_buffers: average the buffers too; otherwise they are the last model's.

    Raises:
        AssertionError: both functions.

    Source: Izmailov et al., "Averaging Weights Leads to Wider Optima and Better Generalization", 2018.

    Example:
        >>> import rustorch
        >>> from rustorch.optim.swa_utils import AveragedModel
        >>> model = rustorch.nn.Linear(1, 1, bias=False)
        >>> averaged = AveragedModel(model)
        >>> for w in (1.0, 2.0, 6.0):
        ...     _ = rustorch.nn.init.constant_(model.weight, w)
        ...     averaged.update_parameters(model)
        >>> averaged.module.weight.item()
        3.0
    """

    n_averaged: Tensor

    def __init__(self, model: Module, device=None, avg_fn=None, multi_avg_fn=None, use_buffers: bool = False):
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise AssertionError("Only one of avg_fn and multi_avg_fn should be provided")
        self.module = deepcopy(model)
        if device is not None:
            self.module = self.module.to(device)
        self.register_buffer("n_averaged", tensor(0, dtype=int64, device=device))
        self.avg_fn, self.multi_avg_fn, self.use_buffers = avg_fn, multi_avg_fn, use_buffers

    def forward(self, *args, **kwargs):
        return self.module(*args, **kwargs)

    @no_grad()
    def update_parameters(self, model: Module) -> None:
        """Take ``model`` into the average."""
        ours, theirs = list(self.module.parameters()), list(model.parameters())
        if self.use_buffers:
            ours.extend(self.module.buffers())
            theirs.extend(model.buffers())
        averages = [p.detach() for p in ours]
        current = [p.detach().to(a.device) for a, p in zip(averages, theirs)]
        first = self.n_averaged == 0
        for a, c, new in zip(averages, current, self._averaged(averages, current)):
            a.copy_(T.where(first.to(a.device), c, new))
        if not self.use_buffers:
            for ours_, theirs_ in zip(self.module.buffers(), model.buffers(), strict=True):
                ours_.detach().copy_(theirs_.detach())
        self.n_averaged += 1

    def _averaged(self, averages: list, current: list) -> list:
        """The averages with the current values in them, as new tensors."""
        if self.multi_avg_fn is None:
            f = self.avg_fn or get_swa_avg_fn()
            return [f(a, c, self.n_averaged.to(a.device)).to(a.dtype) for a, c in zip(averages, current)]
        new = [a.clone() for a in averages]
        kinds: dict = {}
        for i, a in enumerate(new):
            kinds.setdefault((a.device, a.dtype), []).append(i)
        for (device, _), places in kinds.items():
            self.multi_avg_fn([new[i] for i in places], [current[i] for i in places], self.n_averaged.to(device))
        return new


@no_grad()
def update_bn(loader, model: Module, device=None) -> None:
    """Compute the running statistics of ``model``'s batch norms anew, as averages over one pass through ``loader``.

    Args:
        loader: gives batches, or lists and tuples of which the first item is the batch.
        device: where to bring each batch.

    Example:
        >>> import rustorch
        >>> norm = rustorch.nn.BatchNorm1d(1)
        >>> rustorch.optim.swa_utils.update_bn([rustorch.tensor([[1.0], [3.0]]), rustorch.tensor([[5.0], [7.0]])], norm)
        >>> norm.running_mean
        tensor([4.])
    """
    momenta = {m: m.momentum for m in model.modules() if isinstance(m, _BatchNorm)}
    if not momenta:
        return
    was_training = model.training
    model.train()
    for module in momenta:
        module.reset_running_stats()
        module.momentum = None
    for batch in loader:
        if isinstance(batch, (list, tuple)):
            batch = batch[0]
        model(batch if device is None else batch.to(device))
    for module, momentum in momenta.items():
        module.momentum = momentum
    model.train(was_training)


class SWALR(LRScheduler):
    """Goes from each group's rate to ``swa_lr`` in ``anneal_epochs`` steps, and stays there.

    Args:
        swa_lr: the last rate, for all groups or one for each.
        anneal_epochs: how many steps; anneal_strategy: "cos" or "linear".

    Raises:
        ValueError: another strategy, a negative number of steps, or not one rate for each group.

    Example:
        >>> import rustorch
        >>> opt = rustorch.optim.SGD([rustorch.ones(1, requires_grad=True)], lr=1.0)
        >>> scheduler = rustorch.optim.swa_utils.SWALR(opt, swa_lr=0.5, anneal_epochs=2, anneal_strategy="linear")
        >>> for _ in range(3):
        ...     opt.step()
        ...     scheduler.step()
        ...     print(opt.lr)
        0.75
        0.5
        0.5
    """

    def __init__(self, optimizer, swa_lr, anneal_epochs=10, anneal_strategy="cos", last_epoch=-1):
        for rate, group in zip(per_group("swa_lr", optimizer, swa_lr), optimizer.param_groups):
            group["swa_lr"] = snapshot(rate)
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}")
        self._anneal_strategy = anneal_strategy
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ValueError(f"anneal_epochs must be equal or greater than 0, got {anneal_epochs}")
        self.anneal_epochs = anneal_epochs
        super().__init__(optimizer, last_epoch)

    def anneal_func(self, t: float) -> float:
        """How far the rate has gone after the share ``t`` of the steps."""
        return (1 - math.cos(math.pi * t)) / 2 if self._anneal_strategy == "cos" else t

    def _share(self, step: int) -> float:
        return self.anneal_func(max(0, min(1, step / max(1, self.anneal_epochs))))

    def get_lr(self):
        """The next rates, one per group."""
        self._warn_outside_step()
        step = max(1, self._step_count - 1) if self.anneal_epochs == 0 else self._step_count - 1
        before, now = self._share(step - 1), self._share(step)
        rates = []
        for group in self.optimizer.param_groups:
            rate, last = group["lr"], group["swa_lr"]
            start = last if before == 1 else (rate - before * last) / (1 - before)
            rates.append(last * now + start * (1 - now))
        return rates

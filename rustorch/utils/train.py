"""``utils.train_step``: forward, backward and update in one call."""

from __future__ import annotations

from collections.abc import Mapping
from weakref import WeakKeyDictionary

from rustorch.eager.tensor import Tensor
from rustorch.nn.functional import cross_entropy, mse_loss
from rustorch.nn.modules.module import Module
from rustorch.optim import Adam, Optimizer

_optimizers: WeakKeyDictionary = WeakKeyDictionary()  # those made here, by model


def train_step(model: Module, batch, criterion=None, optimizer: Optimizer | None = None) -> Tensor:
    """One step of training: forward, backward, update; one program.

    Args:
        model: called with the inputs of the batch.
        batch: ``(*inputs, target)``, or a dict of keyword arguments with a ``"target"`` among them.
        criterion: ``criterion(output, target)``; by default ``model.criterion`` or, if there is none, cross-entropy for
            integer targets and the mean squared error for others.
        optimizer: by default ``model.optimizer`` or, if there is none, an ``Adam`` with its default options that is
            kept for this model.

    Returns:
        The loss, detached.

    Raises:
        ValueError: a batch without a target.

    Source: the founding documents, "Python API", 4.1.

    Example:
        >>> import rustorch
        >>> _ = rustorch.manual_seed(0)
        >>> model, batch = rustorch.nn.Linear(2, 1), (rustorch.ones(4, 2), rustorch.zeros(4, 1))
        >>> first = rustorch.utils.train_step(model, batch)
        >>> (rustorch.utils.train_step(model, batch) < first).item()
        True
    """
    options: dict = {}
    if isinstance(batch, Mapping):
        options = {name: value for name, value in batch.items() if name != "target"}
        batch = (batch["target"],) if "target" in batch else ()
    *inputs, target = batch if len(batch) else (None,)
    if target is None or not (inputs or options):
        raise ValueError("a batch for train_step is (*inputs, target), or a dict with inputs and a 'target'")
    optimizer = optimizer or getattr(model, "optimizer", None) or _optimizer_of(model)
    criterion = criterion or getattr(model, "criterion", None)
    if criterion is None:
        criterion = mse_loss if target.is_floating_point() or target.is_complex() else cross_entropy
    optimizer.zero_grad()
    loss = criterion(model(*inputs, **options), target)
    loss.backward()
    optimizer.step()
    return loss.detach()


def _optimizer_of(model: Module) -> Optimizer:
    if model not in _optimizers:
        _optimizers[model] = Adam(model.parameters())
    return _optimizers[model]

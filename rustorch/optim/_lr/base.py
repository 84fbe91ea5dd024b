"""What every scheduler does: count steps and write ``lr`` into the optimizer's groups.

A scheduler computes the next rate from the current one where it can, so that several of them,
or the user, may change the rate of one optimizer; ``_get_closed_form_lr`` gives it from the
initial rate instead, for jumping to an epoch. A rate that is a tensor is updated in place, so
that compiled steps see the new value without recompiling.
"""

import contextlib
import functools
import warnings
import weakref

from rustorch.eager.state import local
from rustorch.eager.tensor import Tensor
from rustorch.optim.optimizer import Optimizer

_EPOCH_DEPRECATED = (
    "The epoch parameter in `scheduler.step()` was not necessary and is being deprecated where "
    "possible. Please use `scheduler.step()` to step the scheduler. During the deprecation, if "
    "epoch is different from None, the closed form is used instead of the new chainable form, "
    "where available. Please open an issue if you are unable to replicate your use case: "
    "https://github.com/pytorch/pytorch/issues/new/choose."
)
_HOW_TO = "See more details at https://pytorch.org/docs/stable/optim.html#how-to-adjust-learning-rate"


def warn_epoch_deprecated():
    """Warn that ``step`` was given an epoch."""
    warnings.warn(_EPOCH_DEPRECATED, UserWarning, stacklevel=3)


def snapshot(value):
    """A rate that later in-place updates do not change."""
    return value.detach().clone() if isinstance(value, Tensor) else value


def values_of(optimizer, key):
    """Snapshots of ``key`` over the optimizer's groups."""
    return [snapshot(group[key]) for group in optimizer.param_groups]


def set_value(group, key, value):
    """Write ``value`` into a group, in place if a tensor is there."""
    if isinstance(group[key], Tensor):
        group[key].fill_(value)
    else:
        group[key] = value


def per_group(name, optimizer, value):
    """``value`` as a list with one entry per group."""
    count = len(optimizer.param_groups)
    if not isinstance(value, (list, tuple)):
        value = [value] * count
    elif len(value) != count:
        raise ValueError(
            f"{name} must have the same length as optimizer.param_groups. "
            f"{name} has {len(value)} values, param_groups has {count}."
        )
    return [snapshot(entry) for entry in value]


def require_optimizer(optimizer):
    """``TypeError`` unless it is an ``Optimizer``."""
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")


def state_without(scheduler, *names):
    """The scheduler's attributes, without the optimizer and ``names``."""
    excluded = {"optimizer", *names}
    return {key: value for key, value in scheduler.__dict__.items() if key not in excluded}


def _note_steps(optimizer):
    """Make ``optimizer.step`` leave a mark, by which ``step`` sees calls in the wrong order."""
    if hasattr(optimizer.step, "_wrapped_by_lr_sched"):
        return
    function = optimizer.step.__func__
    reference = weakref.ref(optimizer)  # the optimizer owns the wrapper, not the reverse

    @functools.wraps(function)
    def step(*args, **kwargs):
        owner = reference()
        owner._opt_called = True
        return function(owner, *args, **kwargs)

    step._wrapped_by_lr_sched = True
    optimizer.step = step


def on_host(step):
    """A method that changes Python numbers only: a traced function calls it again at each call."""

    @functools.wraps(step)
    def wrapper(self, *args, **kwargs):
        if local.recorder is None:
            return step(self, *args, **kwargs)
        return local.recorder.on_host(self, step, args, kwargs)

    return wrapper


class LRScheduler:
    """Base class: a subclass defines ``get_lr``.

    Arguments:
        optimizer: the optimizer whose groups' ``lr`` is set.
        last_epoch: the epoch to resume after; -1 starts, and notes ``initial_lr`` in each group.

    Errors: ``TypeError`` unless ``optimizer`` is one; ``KeyError`` when resuming without
    ``initial_lr``. Source: PyTorch definition.
    """

    _get_lr_called_within_step = False
    _is_initial = False

    def __init__(self, optimizer, last_epoch=-1):
        require_optimizer(optimizer)
        self.optimizer = optimizer
        for index, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", snapshot(group["lr"]))
            elif "initial_lr" not in group:
                raise KeyError(
                    f"param 'initial_lr' is not specified in param_groups[{index}] when resuming "
                    "scheduler with last_epoch >= 0.\nThis typically happens when:\n"
                    "1. You're trying to resume training from a checkpoint but haven't properly "
                    "loaded the optimizer state\n"
                    "2. You're using last_epoch >= 0 for a fresh training run (not recommended)"
                )
        self.base_lrs = values_of(optimizer, "initial_lr")
        self.last_epoch = last_epoch
        _note_steps(optimizer)
        self._initial_step()

    def _initial_step(self):
        """Set the first rate; not a step of the user's."""
        self._step_count = 0
        self._is_initial = True
        try:
            self.step()
        finally:
            self._is_initial = False

    def state_dict(self):
        """Everything but the optimizer."""
        return state_without(self)

    def load_state_dict(self, state_dict):
        """Take over what ``state_dict`` returned."""
        self.__dict__.update(state_dict)

    def get_last_lr(self):
        """The rates last set, one per group."""
        return self._last_lr

    def get_lr(self):
        """The rates for ``last_epoch``, one per group; only ``step`` should call it."""
        raise NotImplementedError

    @on_host
    def step(self, epoch=None):
        """Set the next rate; call it after ``optimizer.step()``."""
        if self._step_count == 1:
            self._check_order()
        self._step_count += 1
        if epoch is not None:
            warn_epoch_deprecated()
        self._update_lr(epoch)

    def _check_order(self):
        if not hasattr(self.optimizer.step, "_wrapped_by_lr_sched"):
            warnings.warn(
                "Seems like `optimizer.step()` has been overridden after learning rate scheduler "
                "initialization. Please, make sure to call `optimizer.step()` before "
                f"`lr_scheduler.step()`. {_HOW_TO}",
                UserWarning,
                stacklevel=3,
            )
        elif not getattr(self.optimizer, "_opt_called", False):
            warnings.warn(
                "Detected call of `lr_scheduler.step()` before `optimizer.step()`. "
                "In PyTorch 1.1.0 and later, you should call them in the opposite order: "
                "`optimizer.step()` before `lr_scheduler.step()`.  Failure to do this will result "
                f"in PyTorch skipping the first value of the learning rate schedule. {_HOW_TO}",
                UserWarning,
                stacklevel=3,
            )

    def _update_lr(self, epoch=None):
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        closed_form = epoch is not None and hasattr(self, "_get_closed_form_lr")
        with self._inside_step():
            self._set_lrs(self._get_closed_form_lr() if closed_form else self.get_lr())

    def _set_lrs(self, values):
        for group, value in zip(self.optimizer.param_groups, values, strict=True):
            set_value(group, "lr", value)
        self._last_lr = self._current()

    @contextlib.contextmanager
    def _inside_step(self):
        self._get_lr_called_within_step = True
        try:
            yield
        finally:
            self._get_lr_called_within_step = False

    def _warn_outside_step(self):
        if not self._get_lr_called_within_step:
            warnings.warn(
                "To get the last learning rate computed by the scheduler, please use `get_last_lr()`.",
                UserWarning,
                stacklevel=3,
            )

    def _current(self):
        return values_of(self.optimizer, "lr")


class ScalingScheduler(LRScheduler):
    """A scheduler that multiplies the current rate by ``_factor()``, or keeps it for ``None``."""

    def get_lr(self):
        self._warn_outside_step()
        factor = self._factor()
        if factor is None:
            return self._current()
        return [group["lr"] * factor for group in self.optimizer.param_groups]

    def _factor(self):
        raise NotImplementedError

    def _closed_factor(self):
        """The product of all factors up to ``last_epoch``."""
        raise NotImplementedError

    def _get_closed_form_lr(self):
        factor = self._closed_factor()
        return [base * factor for base in self.base_lrs]

"""Schedules that raise and lower the rate, and momentum the other way."""

import functools
import math
import types

from rustorch.optim._lr.base import (
    LRScheduler,
    per_group,
    require_optimizer,
    set_value,
)


class _MomentumCycler(LRScheduler):
    """Writes momentum, or Adam's first beta, into the groups."""

    def _begin_momentum(self, optimizer, base_momentum, max_momentum, last_epoch):
        """Check that there is a momentum and start it at its maximum; returns both lists."""
        defaults = optimizer.defaults
        if "momentum" not in defaults and "betas" not in defaults:
            raise ValueError("optimizer must support momentum or beta1 with `cycle_momentum` option enabled")
        self.use_beta1 = "betas" in defaults
        bases = per_group("base_momentum", optimizer, base_momentum)
        maxima = per_group("max_momentum", optimizer, max_momentum)
        if last_epoch == -1:
            for base, top, group in zip(bases, maxima, optimizer.param_groups, strict=True):
                self._set_momentum(group, top)
                group["max_momentum"] = top
                group["base_momentum"] = base
        return bases, maxima

    def _set_momentum(self, group, value):
        if self.use_beta1:
            group["betas"] = (value, *group["betas"][1:])
        else:
            group["momentum"] = value


class CyclicLR(_MomentumCycler):
    """lr goes from base_lr up to max_lr and back, ``step_size_up`` + ``step_size_down`` steps.

    Arguments:
        mode: 'triangular'; 'triangular2' halves the height every cycle; 'exp_range' scales it
            by gamma^step. ``scale_fn`` of the cycle or step (``scale_mode``) replaces them.
        cycle_momentum: momentum goes from max_momentum down to base_momentum meanwhile.

    Errors: ``ValueError`` for an unknown mode, or if the optimizer has no momentum.
    Source: Smith, 2015. Step it after every batch.
    """

    def __init__(
        self,
        optimizer,
        base_lr,
        max_lr,
        step_size_up=2000,
        step_size_down=None,
        mode="triangular",
        gamma=1.0,
        scale_fn=None,
        scale_mode="cycle",
        cycle_momentum=True,
        base_momentum=0.8,
        max_momentum=0.9,
        last_epoch=-1,
    ):
        require_optimizer(optimizer)
        self.optimizer = optimizer
        base_lrs = per_group("base_lr", optimizer, base_lr)
        if last_epoch == -1:
            for group, rate in zip(optimizer.param_groups, base_lrs, strict=True):
                set_value(group, "lr", rate)
        self.max_lrs = per_group("max_lr", optimizer, max_lr)
        up = float(step_size_up)
        self.total_size = up + (up if step_size_down is None else float(step_size_down))
        self.step_ratio = up / self.total_size
        if scale_fn is None and mode not in ("triangular", "triangular2", "exp_range"):
            raise ValueError("mode is invalid and scale_fn is None")
        self.mode = mode
        self.gamma = gamma
        self._scale_fn_custom = scale_fn
        self.scale_mode = scale_mode
        self._init_scale_fn()
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self.base_momentums, self.max_momentums = self._begin_momentum(
                optimizer, base_momentum, max_momentum, last_epoch
            )
        super().__init__(optimizer, last_epoch)
        self.base_lrs = base_lrs

    def _init_scale_fn(self):
        if self._scale_fn_custom is not None:
            return
        by_mode = {
            "triangular": (_flat, "cycle"),
            "triangular2": (_halving, "cycle"),
            "exp_range": (functools.partial(_exponential, self.gamma), "iterations"),
        }
        self._scale_fn_ref, self.scale_mode = by_mode[self.mode]

    def scale_fn(self, x):
        """The height of cycle or step ``x``, as a share of the full one."""
        custom = self._scale_fn_custom
        return self._scale_fn_ref(x) if custom is None else custom(x)

    def get_lr(self):
        self._warn_outside_step()
        cycle = math.floor(1 + self.last_epoch / self.total_size)
        x = 1.0 + self.last_epoch / self.total_size - cycle
        rising = x <= self.step_ratio
        share = x / self.step_ratio if rising else (x - 1) / (self.step_ratio - 1)
        scale = self.scale_fn(cycle if self.scale_mode == "cycle" else self.last_epoch)
        if self.cycle_momentum:
            for group, base, top in zip(
                self.optimizer.param_groups, self.base_momentums, self.max_momentums, strict=True
            ):
                self._set_momentum(group, top - (top - base) * share * scale)
        return [base + (top - base) * share * scale for base, top in zip(self.base_lrs, self.max_lrs, strict=True)]

    def state_dict(self):
        state = super().state_dict()
        state.pop("_scale_fn_ref", None)
        # As with LambdaLR: plain functions are not saved, callable objects by their attributes.
        custom = self._scale_fn_custom
        savable = custom is not None and not isinstance(custom, types.FunctionType)
        state["_scale_fn_custom"] = dict(custom.__dict__) if savable else None
        return state

    def load_state_dict(self, state_dict):
        custom = state_dict["_scale_fn_custom"]
        super().load_state_dict({key: value for key, value in state_dict.items() if key != "_scale_fn_custom"})
        if custom is not None:
            self._scale_fn_custom.__dict__.update(custom)
        self._init_scale_fn()


def _flat(x):
    return 1.0


def _halving(x):
    return 1 / 2.0 ** (x - 1)


def _exponential(gamma, x):
    return gamma**x


class OneCycleLR(_MomentumCycler):
    """lr rises from max_lr/div_factor to max_lr, then falls to that start/final_div_factor.

    Arguments:
        total_steps, or epochs and steps_per_epoch: length of the cycle.
        pct_start: share of it spent rising.
        anneal_strategy: 'cos' or 'linear'.
        cycle_momentum: momentum goes from max_momentum to base_momentum and back meanwhile.
        three_phase: fall back to the start as slowly as it rose, then to the end.

    Errors: ``ValueError`` for lengths that are not positive integers, for a step past the end.
    Source: Smith & Topin, 2017. Step it after every batch.
    """

    def __init__(
        self,
        optimizer,
        max_lr,
        total_steps=None,
        epochs=None,
        steps_per_epoch=None,
        pct_start=0.3,
        anneal_strategy="cos",
        cycle_momentum=True,
        base_momentum=0.85,
        max_momentum=0.95,
        div_factor=25.0,
        final_div_factor=1e4,
        three_phase=False,
        last_epoch=-1,
    ):
        require_optimizer(optimizer)
        self.optimizer = optimizer
        self.total_steps = _total_steps(total_steps, epochs, steps_per_epoch)
        self._schedule_phases = _phases(self.total_steps, pct_start, three_phase)
        if pct_start < 0 or pct_start > 1 or not isinstance(pct_start, float):
            raise ValueError(f"Expected float between 0 and 1 pct_start, but got {pct_start}")
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}")
        self._anneal_func_type = anneal_strategy
        tops = per_group("max_lr", optimizer, max_lr)
        if last_epoch == -1:
            for group, top in zip(optimizer.param_groups, tops):
                group["initial_lr"] = top / div_factor
                group["max_lr"] = top
                group["min_lr"] = group["initial_lr"] / final_div_factor
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self._begin_momentum(optimizer, base_momentum, max_momentum, last_epoch)
        super().__init__(optimizer, last_epoch)

    def _between(self, start, end, share):
        if self._anneal_func_type == "cos":
            return end + (start - end) / 2.0 * (math.cos(math.pi * share) + 1)
        return (end - start) * share + start

    def get_lr(self):
        self._warn_outside_step()
        step = self.last_epoch
        if step > self.total_steps:
            raise ValueError(f"Tried to step {step} times. The specified number of total steps is {self.total_steps}")
        phase, share = self._locate(step)
        rates = []
        for group in self.optimizer.param_groups:
            rates.append(self._between(group[phase["start_lr"]], group[phase["end_lr"]], share))
            if self.cycle_momentum:
                start, end = group[phase["start_momentum"]], group[phase["end_momentum"]]
                self._set_momentum(group, self._between(start, end, share))
        return rates

    def _locate(self, step):
        """The phase that ``step`` is in, the last if it is past all, and how far in it is."""
        start = 0.0
        for phase in self._schedule_phases:
            end = phase["end_step"]
            if step <= end or phase is self._schedule_phases[-1]:
                return phase, (step - start) / (end - start)
            start = end


def _total_steps(total_steps, epochs, steps_per_epoch):
    def require(name, value):
        if not isinstance(value, int) or value <= 0:
            raise ValueError(f"Expected positive integer {name}, but got {value}")

    if total_steps is not None:
        require("total_steps", total_steps)
        return total_steps
    if epochs is None or steps_per_epoch is None:
        raise ValueError("You must define either total_steps OR (epochs AND steps_per_epoch)")
    require("epochs", epochs)
    require("steps_per_epoch", steps_per_epoch)
    return epochs * steps_per_epoch


def _phases(total, pct_start, three_phase):
    """Which group entries each phase goes between, and the step at which it ends."""

    def phase(end, start_lr, end_lr, start_momentum, end_momentum):
        return {
            "end_step": end,
            "start_lr": start_lr,
            "end_lr": end_lr,
            "start_momentum": start_momentum,
            "end_momentum": end_momentum,
        }

    low, high = "base_momentum", "max_momentum"
    rise = phase(float(pct_start * total) - 1, "initial_lr", "max_lr", high, low)
    if not three_phase:
        return [rise, phase(total - 1, "max_lr", "min_lr", low, high)]
    return [
        rise,
        phase(float(2 * pct_start * total) - 2, "max_lr", "initial_lr", low, high),
        phase(total - 1, "initial_lr", "min_lr", high, high),
    ]

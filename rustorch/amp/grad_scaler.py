"""``GradScaler``: the loss multiplied so that half-precision gradients neither vanish nor overflow.

Nothing here looks at a value. Scale, tracker and "was an infinity found" are tensors; a step that has to be skipped is
a select inside the optimizer's node. So a training step stays one program, eager or traced.
"""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Iterable
from enum import Enum

from rustorch.dtypes import float16, float32, int32
from rustorch.eager.creation import full
from rustorch.eager.inplace import assign
from rustorch.eager.modes import no_grad
from rustorch.eager.recorder import apply
from rustorch.eager.tensor import Tensor
from rustorch.errors import RustorchRuntimeError
from rustorch.lowering.ops.amp import amp_unscale, amp_update_scale
from rustorch.lowering.placement import devices_of
from rustorch.optim.optimizer import Optimizer


class OptState(Enum):
    """How far an optimizer is between two updates of the scale."""

    READY = 0
    UNSCALED = 1
    STEPPED = 2


def _fresh() -> dict:
    return {"stage": OptState.READY, "found_inf_per_device": {}}


def _assert(condition, message: str) -> None:
    if not condition:
        raise AssertionError(message)


class GradScaler:
    """Scales the loss, unscales gradients, skips steps whose gradients are not finite, and adapts the scale.

    Args:
        device: "cuda" or "cpu".
        init_scale: the first scale.
        growth_factor: the scale is multiplied by it after ``growth_interval`` good steps in a row.
        backoff_factor: the scale is multiplied by it after a skipped step.
        growth_interval: how many good steps let the scale grow.
        enabled: without it ``step`` is the optimizer's, and the rest does nothing.

    Raises:
        AssertionError: factors on the wrong side of 1.

    A step is skipped inside the program, with the optimizer's state and step count, unless the optimizer is not one
    node of the graph, has step hooks, or is given arguments: then the value is looked at.

    Source: Micikevicius et al., "Mixed Precision Training", 2017.

    Example:
        >>> import rustorch
        >>> w = rustorch.ones(1, requires_grad=True)
        >>> opt = rustorch.optim.SGD([w], lr=0.5)
        >>> scaler = rustorch.amp.GradScaler("cpu", init_scale=1024.0)
        >>> scaler.scale((w * w).sum()).backward()
        >>> scaler.step(opt)
        >>> scaler.update()
        >>> w.tolist(), scaler.get_scale()
        ([0.0], 1024.0)
    """

    def __init__(
        self, device: str = "cuda", init_scale: float = 2.0**16, growth_factor: float = 2.0, backoff_factor: float = 0.5,
        growth_interval: int = 2000, enabled: bool = True,
    ):  # fmt: skip
        self._device, self._enabled = device, enabled
        if enabled and device == "cuda" and not devices_of("cuda"):
            warnings.warn("torch.cuda.amp.GradScaler is enabled, but CUDA is not available.  Disabling.", stacklevel=2)
            self._enabled = False
        if self._enabled:
            _assert(growth_factor > 1.0, "The growth factor must be > 1.0.")
            _assert(backoff_factor < 1.0, "The backoff factor must be < 1.0.")
            self._init_scale = init_scale
            self._scale: Tensor | None = None  # made at the first call of `scale`, on the device of its argument
            self._growth_factor = growth_factor
            self._backoff_factor = backoff_factor
            self._growth_interval = growth_interval
            self._init_growth_tracker = 0
            self._growth_tracker: Tensor | None = None
            self._per_optimizer_states: dict = defaultdict(_fresh)

    def _require(self, caller: str) -> tuple[Tensor, Tensor]:
        fix = "This may indicate your script did not use scaler.scale(loss or outputs) earlier in the iteration."
        _assert(self._scale is not None, f"Attempted {caller} but _scale is None.  " + fix)
        _assert(self._growth_tracker is not None, f"Attempted {caller} but _growth_tracker is None.  " + fix)
        return self._scale, self._growth_tracker

    # ------------------------------------------------------------ a step

    def scale(self, outputs):
        """A tensor, or tensors nested in lists and tuples, multiplied by the scale.

        Raises:
            ValueError: something else is among them.
        """
        if not self._enabled:
            return outputs
        if isinstance(outputs, Tensor):
            if self._scale is None:
                self._scale = full((), self._init_scale, dtype=float32, device=outputs.device)
                self._growth_tracker = full((), self._init_growth_tracker, dtype=int32, device=outputs.device)
            return outputs * self._scale.to(outputs.device)
        if isinstance(outputs, Iterable):
            scaled = map(self.scale, outputs)
            return type(outputs)(scaled) if isinstance(outputs, (list, tuple)) else scaled
        raise ValueError("outputs must be a Tensor or an iterable of Tensors")

    def unscale_(self, optimizer) -> None:
        """Divide the gradients of ``optimizer``'s parameters by the scale, to see or clip them before ``step``.

        Raises:
            RuntimeError: called twice, or after ``step``.
            ValueError: float16 gradients: parameters have to be float32.
        """
        if not self._enabled:
            return
        self._require("unscale_")
        state = self._per_optimizer_states[id(optimizer)]
        if state["stage"] is OptState.UNSCALED:
            raise RustorchRuntimeError("unscale_() has already been called on this optimizer since the last update().")
        if state["stage"] is OptState.STEPPED:
            raise RustorchRuntimeError("unscale_() is being called after step().")
        state["found_inf_per_device"] = self._unscale(optimizer, self._scale)
        state["stage"] = OptState.UNSCALED

    def _unscale(self, optimizer, scale: Tensor) -> dict:
        """Divide the gradients in place; was an infinity found, by device."""
        grads: dict = {}
        for group in optimizer.param_groups:
            for p in group["params"]:
                _assert(isinstance(p, Tensor), f"expected param to be torch.Tensor, got {type(p).__name__}")
                if p.grad is None:
                    continue
                if p.grad.dtype is float16:
                    raise ValueError("Attempting to unscale FP16 gradients.")
                grads.setdefault(p.grad.device, []).append(p.grad)
        out = {}
        with no_grad():
            for device, parts in grads.items():
                found, *unscaled = apply(amp_unscale, (tuple(parts), scale.to(device)))
                for grad, new in zip(parts, unscaled):
                    assign(grad, new)
                out[device] = found
        return out

    def step(self, optimizer, *args, **kwargs):
        """``optimizer.step(*args, **kwargs)`` with unscaled gradients, unless one of them is infinite or NaN.

        Raises:
            RuntimeError: called twice without ``update``, or with a closure.
            AssertionError: no gradients, or no ``scale`` before.
        """
        if not self._enabled:
            return optimizer.step(*args, **kwargs)
        if "closure" in kwargs:
            raise RustorchRuntimeError("Closure use is not currently supported if GradScaler is enabled.")
        self._require("step")
        state = self._per_optimizer_states[id(optimizer)]
        if state["stage"] is OptState.STEPPED:
            raise RustorchRuntimeError("step() has already been called since the last update().")
        if state["stage"] is OptState.READY:
            self.unscale_(optimizer)
        _assert(len(state["found_inf_per_device"]) > 0, "No inf checks were recorded for this optimizer.")
        out = None
        if not (args or kwargs) and _skips_by_itself(optimizer):
            optimizer.found_inf = _together(state["found_inf_per_device"].values(), self._scale.device)
            try:
                optimizer.step()
            finally:
                del optimizer.found_inf
        elif not sum(found.item() for found in state["found_inf_per_device"].values()):
            out = optimizer.step(*args, **kwargs)
        state["stage"] = OptState.STEPPED
        return out

    def update(self, new_scale=None) -> None:
        """Adapt the scale to what the steps since the last ``update`` found, or set it.

        Raises:
            AssertionError: nothing was unscaled, or ``new_scale`` is no float nor a tensor with one element.
        """
        if not self._enabled:
            return
        scale, tracker = self._require("update")
        with no_grad():
            if isinstance(new_scale, float):
                scale.fill_(new_scale)
            elif new_scale is not None:
                fits = isinstance(new_scale, Tensor) and new_scale.device.type == self._device
                _assert(
                    fits and new_scale.numel() == 1 and not new_scale.requires_grad,
                    "new_scale should be a float or a 1-element torch.cuda.FloatTensor or torch.FloatTensor with "
                    "requires_grad=False.",
                )
                scale.copy_(new_scale.reshape(()))
            else:
                states = self._per_optimizer_states.values()
                found = [f.to(scale.device) for s in states for f in s["found_inf_per_device"].values()]
                _assert(len(found) > 0, "No inf checks were recorded prior to update.")
                rates = float(self._growth_factor), float(self._backoff_factor), int(self._growth_interval)
                new, good = apply(amp_update_scale, (scale, tracker, tuple(found), *rates))
                assign(scale, new)
                assign(tracker, good)
        self._per_optimizer_states.clear()

    def _check_inf_per_device(self, optimizer) -> dict:
        """Look for infinities without changing the gradients; the tensors that tell, by device."""
        scale, _ = self._require("_check_inf_per_device")
        found = {}
        with no_grad():
            for group in optimizer.param_groups:
                for p in group["params"]:
                    if p.grad is not None:
                        part = apply(amp_unscale, ((p.grad,), scale.to(p.grad.device)))[0]
                        found[p.grad.device] = found[p.grad.device] + part if p.grad.device in found else part
        self._per_optimizer_states[id(optimizer)]["found_inf_per_device"] = found
        return found

    def _found_inf_per_device(self, optimizer) -> dict:
        return self._per_optimizer_states[id(optimizer)]["found_inf_per_device"]

    # ------------------------------------------------------------ settings and saving

    def _get_scale_async(self) -> Tensor | None:
        return self._scale

    def get_scale(self) -> float:
        """The scale, as a number: this waits for it. 1 if scaling is not enabled."""
        if not self._enabled:
            return 1.0
        return self._init_scale if self._scale is None else self._scale.item()

    def _get_growth_tracker(self) -> int:
        if not self._enabled:
            return 0
        return self._init_growth_tracker if self._growth_tracker is None else int(self._growth_tracker.item())

    def get_growth_factor(self) -> float:
        """What the scale is multiplied by to grow."""
        return self._growth_factor

    def set_growth_factor(self, new_factor: float) -> None:
        """Change what the scale is multiplied by to grow."""
        self._growth_factor = new_factor

    def get_backoff_factor(self) -> float:
        """What the scale is multiplied by after a skipped step."""
        return self._backoff_factor

    def set_backoff_factor(self, new_factor: float) -> None:
        """Change what the scale is multiplied by after a skipped step."""
        self._backoff_factor = new_factor

    def get_growth_interval(self) -> int:
        """After how many good steps in a row the scale grows."""
        return self._growth_interval

    def set_growth_interval(self, new_interval: int) -> None:
        """Change after how many good steps in a row the scale grows."""
        self._growth_interval = new_interval

    def is_enabled(self) -> bool:
        """Does it scale at all?"""
        return self._enabled

    def state_dict(self) -> dict:
        """Scale, factors, interval and number of good steps as numbers; empty if scaling is not enabled."""
        if not self._enabled:
            return {}
        return {
            "scale": self.get_scale(),
            "growth_factor": self._growth_factor,
            "backoff_factor": self._backoff_factor,
            "growth_interval": self._growth_interval,
            "_growth_tracker": self._get_growth_tracker(),
        }

    def load_state_dict(self, state_dict: dict) -> None:
        """Load what ``state_dict`` gave.

        Raises:
            RuntimeError: it is empty.
        """
        if not self._enabled:
            return
        if len(state_dict) == 0:
            raise RustorchRuntimeError(
                "The source state dict is empty, possibly because it was saved from a disabled instance of GradScaler."
            )
        self._init_scale, self._init_growth_tracker = state_dict["scale"], state_dict["_growth_tracker"]
        self._growth_factor, self._backoff_factor = state_dict["growth_factor"], state_dict["backoff_factor"]
        self._growth_interval = state_dict["growth_interval"]
        with no_grad():
            for t, value in ((self._scale, self._init_scale), (self._growth_tracker, self._init_growth_tracker)):
                if t is not None:
                    t.fill_(value)

    def __getstate__(self) -> dict:
        state = self.__dict__.copy()
        if self._enabled:
            _assert(
                len(self._per_optimizer_states) == 0,
                "A GradScaler instance may only be pickled at the beginning of an iteration, or at the end after "
                "scaler.update().",
            )
            state["_init_scale"], state["_init_growth_tracker"] = self.get_scale(), self._get_growth_tracker()
            state["_scale"] = state["_growth_tracker"] = None
        return state

    def __setstate__(self, state: dict) -> None:
        self.__dict__.update(state)


_STEP = ("step", "advance", "_record", "record_batch")


def _skips_by_itself(optimizer) -> bool:
    """Is its step one node, with nothing in Python that a skipped step would leave out?"""
    if not isinstance(optimizer, Optimizer):
        return False
    if any(getattr(type(optimizer), name) is not getattr(Optimizer, name) for name in _STEP):
        return False
    own = optimizer.__dict__.get("step")
    wrapped = own is None or hasattr(own, "_wrapped_by_lr_sched")
    return wrapped and not optimizer._pre_hooks and not optimizer._post_hooks


def _together(found, device) -> Tensor:
    """One tensor that is zero if all are."""
    first, *rest = [f.to(device) for f in found]
    with no_grad():
        for f in rest:
            first = first + f
    return first

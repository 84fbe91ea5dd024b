"""The names that ``torch.cuda.amp`` and ``torch.cpu.amp`` had first: the same, for one type of device, with a warning."""

from __future__ import annotations

import functools
import warnings

from rustorch.amp.autocast_mode import autocast, custom_bwd, custom_fwd
from rustorch.amp.grad_scaler import GradScaler
from rustorch.dtypes import DType
from rustorch.eager import autocast as state


def _warn(device: str, name: str, args: str) -> None:
    old = f"`torch.{device}.amp.{name}(args...)`"
    warnings.warn(f"{old} is deprecated. Please use `torch.amp.{name}({args})` instead.", FutureWarning, stacklevel=3)


def autocast_for(device: str, default: DType):
    """``autocast(enabled, dtype, cache_enabled)`` of one type of device."""

    class old(autocast):
        __doc__ = f"``rustorch.autocast({device!r}, dtype, enabled, cache_enabled)``, by its older name."

        def __init__(self, enabled: bool = True, dtype: DType = default, cache_enabled: bool = True):
            _warn(device, "autocast", f"'{device}', args...")
            super().__init__(device, dtype, enabled, cache_enabled)

    old.__name__ = old.__qualname__ = "autocast"
    return old


def scaler_for(device: str):
    """``GradScaler`` without its first argument."""

    class old(GradScaler):
        __doc__ = f"``rustorch.amp.GradScaler({device!r}, ...)``, by its older name."

        def __init__(
            self, init_scale: float = 2.0**16, growth_factor: float = 2.0, backoff_factor: float = 0.5,
            growth_interval: int = 2000, enabled: bool = True,
        ):  # fmt: skip
            _warn(device, "GradScaler", f"'{device}', args...")
            super().__init__(device, init_scale, growth_factor, backoff_factor, growth_interval, enabled)

    old.__name__ = old.__qualname__ = "GradScaler"
    return old


def decorators_for(device: str) -> tuple:
    """``custom_fwd`` and ``custom_bwd`` without ``device_type``."""

    @functools.wraps(custom_fwd)
    def fwd(fwd=None, *, cast_inputs=None):
        _warn(device, "custom_fwd", f"args..., device_type='{device}'")
        return custom_fwd(fwd, device_type=device, cast_inputs=cast_inputs)

    @functools.wraps(custom_bwd)
    def bwd(bwd=None):
        _warn(device, "custom_bwd", f"args..., device_type='{device}'")
        return custom_bwd(bwd, device_type=device)

    return fwd, bwd


def _note(old: str, new: str) -> None:
    warnings.warn(f"torch.{old} is deprecated. Please use torch.{new} instead.", DeprecationWarning, stacklevel=3)


def is_autocast_cpu_enabled() -> bool:
    """``is_autocast_enabled("cpu")``."""
    _note("is_autocast_cpu_enabled()", "is_autocast_enabled('cpu')")
    return state.is_autocast_enabled("cpu")


def set_autocast_cpu_enabled(enabled: bool) -> None:
    """``set_autocast_enabled("cpu", enabled)``."""
    _note("set_autocast_cpu_enabled(enabled)", "set_autocast_enabled('cpu', enabled)")
    state.set_autocast_enabled("cpu", enabled)


def get_autocast_cpu_dtype() -> DType:
    """``get_autocast_dtype("cpu")``."""
    _note("get_autocast_cpu_dtype()", "get_autocast_dtype('cpu')")
    return state.get_autocast_dtype("cpu")


def set_autocast_cpu_dtype(dtype: DType) -> None:
    """``set_autocast_dtype("cpu", dtype)``."""
    _note("set_autocast_cpu_dtype(dtype)", "set_autocast_dtype('cpu', dtype)")
    state.set_autocast_dtype("cpu", dtype)


def get_autocast_gpu_dtype() -> DType:
    """``get_autocast_dtype("cuda")``."""
    _note("get_autocast_gpu_dtype()", "get_autocast_dtype('cuda')")
    return state.get_autocast_dtype("cuda")


def set_autocast_gpu_dtype(dtype: DType) -> None:
    """``set_autocast_dtype("cuda", dtype)``."""
    _note("set_autocast_gpu_dtype(dtype)", "set_autocast_dtype('cuda', dtype)")
    state.set_autocast_dtype("cuda", dtype)

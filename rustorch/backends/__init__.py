"""``torch.backends`` and the global switches beside it, as far as they mean something on XLA."""

from __future__ import annotations

import os
import sys
import warnings
from types import SimpleNamespace

from rustorch.devices import Device
from rustorch.errors import check
from rustorch.lowering import threads
from rustorch.lowering.placement import devices_of
from rustorch.lowering.settings import PRECISIONS, settings


def get_float32_matmul_precision() -> str:
    """How float32 matrix products are computed on GPU and TPU: "highest", "high" or "medium"."""
    return settings.float32_matmul


def set_float32_matmul_precision(precision: str) -> None:
    """Choose how float32 matrix products are computed on GPU and TPU (the CPU is always exact).

    Args:
        precision: "highest" (full float32), "high" (TF32, or three bfloat16 passes) or "medium" (bfloat16).

    Raises:
        ValueError: another name.
    """
    if precision not in PRECISIONS:
        raise ValueError(f"precision must be one of {', '.join(PRECISIONS)}. Received: {precision!r}")
    settings.float32_matmul = precision


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Compile GPU programs so that every run gives the same bits; on the CPU and TPU they do anyway."""
    settings.deterministic, settings.deterministic_warn_only = bool(mode), bool(warn_only)


def are_deterministic_algorithms_enabled() -> bool:
    """What ``use_deterministic_algorithms`` set."""
    return settings.deterministic


def is_deterministic_algorithms_warn_only_enabled() -> bool:
    """What ``use_deterministic_algorithms`` set as ``warn_only``; nothing here warns or fails, so it changes nothing."""
    return settings.deterministic_warn_only


_DEBUG_MODES = ("default", "warn", "error")


def set_deterministic_debug_mode(debug_mode: int | str) -> None:
    """``use_deterministic_algorithms`` by a number or name: 0 "default" (off), 1 "warn", 2 "error".

    Raises:
        RuntimeError: another number or name; TypeError: another type.

    Example:
        >>> import rustorch as torch
        >>> torch.set_deterministic_debug_mode("warn")
        >>> torch.are_deterministic_algorithms_enabled(), torch.get_deterministic_debug_mode()
        (True, 1)
        >>> torch.set_deterministic_debug_mode(0)
    """
    if not isinstance(debug_mode, (int, str)):
        raise TypeError(f"debug_mode must be str or int, but got {type(debug_mode)}")
    if isinstance(debug_mode, str):
        check(
            debug_mode in _DEBUG_MODES,
            f"invalid value of debug_mode, expected one of `default`, `warn`, `error`, but got {debug_mode}",
        )
        debug_mode = _DEBUG_MODES.index(debug_mode)
    check(debug_mode in (0, 1, 2), f"invalid value of debug_mode, expected 0, 1, or 2, but got {debug_mode}")
    use_deterministic_algorithms(debug_mode > 0, warn_only=debug_mode == 1)


def get_deterministic_debug_mode() -> int:
    """The number of the mode that ``set_deterministic_debug_mode`` describes."""
    return 0 if not settings.deterministic else 1 if settings.deterministic_warn_only else 2


def get_num_threads() -> int:
    """Threads that XLA's CPU programs share: ``OMP_NUM_THREADS``, or one for each core that the process may use."""
    return threads.count()


def set_num_threads(number: int) -> None:
    """Choose how many threads XLA's CPU programs share: before the first tensor, which starts XLA. Later it only warns.

    Small models are sooner done by one thread: the traced step of an MLP 784-128-10 takes 0.75 to 0.85 of its time.

    Args:
        number: at least 1; PyTorch's default too is ``OMP_NUM_THREADS`` in the environment, else the cores.

    Raises:
        RuntimeError: ``number`` is no int, or not positive.

    Example:
        >>> import rustorch as torch
        >>> torch.set_num_threads(torch.get_num_threads())
    """
    _ask_for(number, "set_num_threads")


def get_num_interop_threads() -> int:
    """Threads among which XLA spreads independent operations of a program: the same as those for one."""
    return get_num_threads()


def set_num_interop_threads(number: int) -> None:
    """``set_num_threads``: XLA has one number for both.

    Raises:
        RuntimeError: ``number`` is no int, or not positive.
    """
    _ask_for(number, "set_num_interop_threads")


def _ask_for(number: int, who: str) -> None:
    check(type(number) is int, f"{who} expects an int, but got {type(number).__name__}")
    check(number >= 1, f"{who} expects a positive integer")
    if not threads.ask_for(number):
        warnings.warn(
            f"{who}({number}) has no effect: XLA has started its {threads.count()} threads. Call it before the first tensor.",
            stacklevel=3,
        )


def set_flush_denormal(mode: bool) -> bool:
    """Always False: XLA decides how its programs treat subnormal numbers, and nothing was changed.

    Raises:
        RuntimeError: ``mode`` is no bool.
    """
    check(isinstance(mode, bool), f"flush_denormal expects a bool, but got {type(mode).__name__}")
    return False


_warn_always = False


def set_warn_always(mode: bool) -> None:
    """Ask for repeated warnings: every one of ours is issued each time anyway, and Python's filters decide.

    Raises:
        RuntimeError: ``mode`` is no bool.
    """
    global _warn_always
    check(isinstance(mode, bool), f"setWarnOnlyOnce expects a bool, but got {type(mode).__name__}")
    _warn_always = mode


def is_warn_always_enabled() -> bool:
    """What ``set_warn_always`` set."""
    return _warn_always


def get_device_module(device=None):
    """The module of a kind of device: ``torch.cpu`` or ``torch.cuda``; without ``device`` a GPU's, if there is one.

    Raises:
        RuntimeError: a kind that has no module, or no device at all.

    Example:
        >>> import rustorch as torch
        >>> torch.get_device_module("cpu") is torch.cpu
        True
    """
    if device is None:
        kind = "cuda" if devices_of("cuda") else "cpu"
    else:
        check(
            isinstance(device, (str, Device)), f"Invalid value of device '{device}', expect torch.device, str, or None"
        )
        kind = Device(device).type
    found = sys.modules.get(f"{__name__.partition('.')[0]}.{kind}")
    check(found is not None, f"Device '{kind}' does not have a corresponding module registered as 'torch.{kind}'.")
    return found


class _Matmul:
    """``torch.backends.cuda.matmul``."""

    @property
    def allow_tf32(self) -> bool:
        """May float32 products on the GPU use TF32?"""
        return settings.float32_matmul != "highest"

    @allow_tf32.setter
    def allow_tf32(self, flag: bool) -> None:
        settings.float32_matmul = "high" if flag else "highest"


class _Cudnn:
    """``torch.backends.cudnn``: XLA chooses convolution algorithms itself, so ``benchmark`` changes nothing."""

    enabled = True
    benchmark = False
    allow_tf32 = False

    @staticmethod
    def is_available() -> bool:
        """Is there a GPU?"""
        return bool(devices_of("cuda"))

    @property
    def deterministic(self) -> bool:
        """The same switch as ``use_deterministic_algorithms``."""
        return settings.deterministic

    @deterministic.setter
    def deterministic(self, flag: bool) -> None:
        settings.deterministic = bool(flag)


cuda = SimpleNamespace(matmul=_Matmul(), is_built=lambda: True)
cudnn = _Cudnn()
mps = SimpleNamespace(is_available=lambda: False, is_built=lambda: False)
mkldnn = SimpleNamespace(is_available=lambda: False)

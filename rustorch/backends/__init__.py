"""``torch.backends`` and the global switches beside it, as far as they mean something on XLA."""

from __future__ import annotations

import os
import warnings
from types import SimpleNamespace

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
    settings.deterministic = bool(mode)


def are_deterministic_algorithms_enabled() -> bool:
    """What ``use_deterministic_algorithms`` set."""
    return settings.deterministic


def get_num_threads() -> int:
    """Threads that XLA's CPU programs use: one for each core that the process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def set_num_threads(number: int) -> None:
    """XLA takes its threads from the process's cores: start the process with fewer (``taskset``) instead.

    Raises:
        RuntimeError: ``number`` is not positive.
    """
    if number < 1:
        raise RuntimeError("set_num_threads expects a positive integer")
    if number != get_num_threads():
        warnings.warn(
            f"set_num_threads({number}) has no effect: XLA uses the cores of the process ({get_num_threads()}).",
            stacklevel=2,
        )


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

"""How exactly accelerators compute: float32 products and run-to-run determinism. The CPU is exact anyway."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass

import jax

from rustorch.lowering.processor import is_wide

# PyTorch's names, and JAX's for the same: full float32, TF32 (or three bfloat16 passes), one bfloat16 pass.
PRECISIONS = {"highest": "highest", "high": "high", "medium": "default"}


@dataclass
class Settings:
    """The process-wide choices; a program is compiled anew for each combination."""

    float32_matmul: str = "highest"
    deterministic: bool = False
    deterministic_warn_only: bool = False


settings = Settings()


def settings_key(where: str):
    """What tells programs for one platform apart."""
    return None if where == "cpu" else (settings.float32_matmul, settings.deterministic)


def matmul_precision(where: str):
    """The scope in which products are lowered; XLA itself would round more on GPU and TPU than PyTorch does."""
    return nullcontext() if where == "cpu" else jax.default_matmul_precision(PRECISIONS[settings.float32_matmul])


# For programs whose own time does not matter, on a CPU: compiled in a third of the time.
QUICK = {
    "xla_backend_optimization_level": 0,
    "xla_llvm_disable_expensive_passes": True,
    "xla_cpu_use_fusion_emitters": False,
}


# For a loop over single elements without a broadcast in it, on a CPU: what XLA emits otherwise takes twice as long (0.29 and 0.16 ms
# for x + y of 1024 x 1024). With a broadcast, or a constant, the other way is as fast or faster.
STREAMING = {"xla_cpu_use_fusion_emitters": False}


# For a program with a loop, on a CPU: XLA copies what changes in place in each round otherwise (in 100 steps of an MLP, a tenth of
# the time); without a loop there is next to nothing to win.
LOOP = {"xla_cpu_copy_insertion_use_region_analysis": True}
# For all programs on a processor that loses nothing by it: GELU takes 0.6 of the time, Adam's update 0.7. XLA would use 256 bits.
WIDE = {"xla_cpu_prefer_vector_width": 512}


def cpu_options(text: str, options) -> dict | None:
    """XLA's options for a program on a CPU, given as StableHLO: ``options``, and those that it has anyway."""
    return (LOOP if "stablehlo.while" in text else {}) | (WIDE if is_wide() else {}) | (options or {}) or None


def compiler_options(where: str) -> dict | None:
    """XLA's options for a program."""
    return {"xla_gpu_deterministic_ops": True} if where == "gpu" and settings.deterministic else None

"""The processor that programs are compiled for, as far as the system describes it."""

from __future__ import annotations

import platform
from contextlib import suppress
from functools import cache

_TOLD = "vendor_id", "model name", "flags", "Features"  # lines of /proc/cpuinfo


@cache
def description() -> tuple[str, ...]:
    """What tells processors apart that need other machine code."""
    lines: set[str] = set()
    with suppress(OSError), open("/proc/cpuinfo") as f:
        lines = {line.strip() for line in f if line.startswith(_TOLD)}
    return (platform.machine(), platform.processor(), platform.system(), *sorted(lines))


@cache
def is_wide() -> bool:
    """Does it lose nothing by 512-bit vectors? AMD's with AVX-512; some of Intel's lower their clock for them."""
    return {"AuthenticAMD", "avx512f"} <= _words()


@cache
def multiplies_bfloat16() -> bool:
    """Has it instructions for products of bfloat16?"""
    return not _words().isdisjoint(("avx512_bf16", "amx_bf16"))


def _words() -> set[str]:
    return {word for line in description() for word in line.split()}

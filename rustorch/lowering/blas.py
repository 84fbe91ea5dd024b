"""LAPACK on one thread: XLA calls SciPy's from a thread pool that has the cores already.

OpenBLAS would start as many threads again, which wait for one another by spinning. With two cores busy, the Cholesky
factor of a 256x256 matrix took 240 ms instead of 1.5 ms and its singular values 1,100 ms instead of 12 ms, in 100 times the
CPU time. Only SciPy's copy of OpenBLAS is told; NumPy's is another.

``RUSTORCH_LAPACK_THREADS`` in the environment gives another number; 0 leaves it as it is.
"""

from __future__ import annotations

import ctypes
import functools
import os
from pathlib import Path


@functools.cache
def one_thread() -> bool:
    """Tell the OpenBLAS that SciPy brought, once it is loaded; False if there is none that can be told."""
    count = int(os.environ.get("RUSTORCH_LAPACK_THREADS", "1"))
    library = _scipys_openblas()
    if library is None or count <= 0:
        return False
    try:
        ctypes.CDLL(library).scipy_openblas_set_num_threads(ctypes.c_int(count))
    except (OSError, AttributeError):
        return False
    return True


def _scipys_openblas() -> str | None:
    """The path of the library, if this process has loaded it."""
    try:
        lines = Path("/proc/self/maps").read_text().splitlines()
    except OSError:
        return None
    paths = {line.split(maxsplit=5)[-1] for line in lines if "openblas" in line}
    return next((p for p in sorted(paths) if "scipy.libs" in p), None)

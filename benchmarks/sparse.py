"""Sparse times dense, forward and with both gradients: rustorch, PyTorch, SciPy and ``jax.experimental.sparse``.

    python benchmarks/sparse.py [--rows 10000] [--density 0.001] [--width 64] [--rounds 7]

All on one thread of one process, taking turns; medians over rounds in ms, every result waited for. ``once`` is
rustorch's product of places that are used for the first time, ``planned`` that of all later ones
(``rustorch/sparse/plans.py``). Gradients are those of the values and of the dense matrix. SciPy's is made of
``A.T @ g`` and, for the values, NumPy's product of gathered rows.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import time
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import scipy.sparse
import torch
from jax.experimental import sparse as jsparse

import rustorch

warnings.filterwarnings("ignore", message="Sparse")


def contestants(a, x, g):
    """Of every name: ``(forward, forward and backward)``, functions that wait for their results."""
    n, m = a.shape
    rows = np.repeat(np.arange(n), np.diff(a.indptr))
    out = {}

    def ours(planned: bool):
        s, dense, ct = rustorch.sparse.from_scipy(a).to_sparse_coo(), rustorch.tensor(x), rustorch.tensor(g)
        indices, values = s.indices(), s.values()

        def matrix(v):
            where = indices if planned else indices.clone()
            return rustorch.sparse_coo_tensor(where, v, a.shape, is_coalesced=True)

        def forward():
            return jax.block_until_ready(rustorch.interop.to_jax(rustorch.sparse.mm(matrix(values), dense)))

        def both():
            v, d = values.detach().requires_grad_(), dense.detach().requires_grad_()
            grads = rustorch.autograd.grad(rustorch.sparse.mm(matrix(v), d), (v, d), ct)
            return [jax.block_until_ready(rustorch.interop.to_jax(t)) for t in grads]

        return forward, both

    out["rustorch, planned"], out["rustorch, once"] = ours(True), ours(False)

    for name, made in (
        ("torch CSR", lambda: torch.sparse_csr_tensor(a.indptr, a.indices, a.data, a.shape)),
        ("torch COO", lambda: torch.sparse_coo_tensor(np.stack([rows, a.indices]), a.data, a.shape).coalesce()),
    ):
        s, dense, ct = made(), torch.tensor(x), torch.tensor(g)

        def both(s=s, dense=dense, ct=ct):
            v, d = s.detach().requires_grad_(), dense.detach().requires_grad_()
            return torch.autograd.grad(v @ d, (v, d), ct)

        out[name] = (lambda s=s, dense=dense: s @ dense), both

    out["SciPy"] = (lambda: a @ x), (lambda: (a @ x, a.T @ g, np.einsum("nd,nd->n", g[rows], x[a.indices])))

    dense, ct = jnp.asarray(x), jnp.asarray(g)
    bcoo = jsparse.BCOO.from_scipy_sparse(a)
    bcoo = jsparse.BCOO((bcoo.data, bcoo.indices), shape=a.shape, indices_sorted=True, unique_indices=True)
    bcsr = jsparse.BCSR.from_scipy_sparse(a)
    for name, s, make in (
        ("jax BCOO", bcoo, lambda d, s: jsparse.BCOO((d, s.indices), shape=s.shape, indices_sorted=True, unique_indices=True)),
        ("jax BCSR", bcsr, lambda d, s: jsparse.BCSR((d, s.indices, s.indptr), shape=s.shape)),
    ):  # fmt: skip
        forward = jax.jit(lambda s, x: s @ x)
        pull = jax.jit(lambda s, x, g, make=make: jax.vjp(lambda d, x: make(d, s) @ x, s.data, x)[1](g))
        out[name] = (
            lambda f=forward, s=s: jax.block_until_ready(f(s, dense)),
            lambda f=pull, s=s: jax.block_until_ready(f(s, dense, ct)),
        )
    return out


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--density", type=float, default=0.001)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    torch.set_num_threads(1)
    n = options.rows
    a = scipy.sparse.random(n, n, options.density, format="csr", dtype=np.float32, random_state=0)
    rng = np.random.default_rng(0)
    x, g = (rng.standard_normal((n, options.width), np.float32) for _ in range(2))
    runs = contestants(a, x, g)
    print(
        f"{platform.processor() or platform.machine()}, jax {jax.__version__}, torch {torch.__version__}, scipy {scipy.__version__}"
    )
    print(f"({n} x {n}, {a.nnz} elements) @ ({n} x {options.width}), float32\n")
    firsts, times = {}, {name: ([], []) for name in runs}
    reference = a @ x
    for name, fns in runs.items():
        for i, fn in enumerate(fns):
            begin = time.perf_counter()
            result = fn()
            firsts[name, i] = time.perf_counter() - begin
            for _ in range(2):
                fn()
            if i == 0:
                assert np.allclose(np.asarray(result), reference, atol=1e-4), name
    for _ in range(options.rounds):
        for name, fns in runs.items():
            for i, fn in enumerate(fns):
                begin = time.perf_counter()
                fn()
                times[name][i].append(1e3 * (time.perf_counter() - begin))
    print("| | forward | forward + backward | first call, s |\n|---|---|---|---|")
    for name, (forward, both) in times.items():
        print(
            f"| {name} | {statistics.median(forward):.1f} | {statistics.median(both):.1f} | {firsts[name, 0] + firsts[name, 1]:.1f} |"
        )


if __name__ == "__main__":
    main()

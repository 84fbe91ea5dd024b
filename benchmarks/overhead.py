"""What recording and dispatching cost per operation, beside PyTorch eager and jax.numpy; and a traced function's call.

    python benchmarks/overhead.py

Same 8×8 float32 tensors, one process, interleaved rounds; medians in microseconds per operation. The second table is
the time that the calling thread spends on one call of a function that adds to 150 tensors of eight numbers.
"""

from __future__ import annotations

import functools
import platform
import statistics
import time

import jax
import jax.numpy as jnp
import numpy as np
import torch

import rustorch
from rustorch.eager.recorder import flush
from rustorch.eager.state import local

OPS, ROUNDS, REPEATS = 100, 25, 40


def chain(x, y):
    """100 alternating products and sums."""
    a = x
    for _ in range(OPS // 2):
        a = a * y
        a = a + x
    return a


def record_only(x, y):
    chain(x, y)
    local.pending.clear()  # forget it: nothing is computed


def record_and_dispatch(x, y):
    a = chain(x, y)
    flush()
    return a


def calls() -> None:
    """One call that changes 150 tensors: traced, and as jax.jit with the list donated."""
    state, x = [rustorch.zeros(8) for _ in range(150)], rustorch.ones(8)

    @rustorch.jit.trace
    def add(x):
        for t in state:
            t.add_(x)

    @functools.partial(jax.jit, donate_argnums=0)
    def jax_add(arrays, x):
        return [a + x for a in arrays]

    box, one = [[jnp.zeros(8) for _ in range(150)]], jnp.ones(8)

    def jax_step():
        box[0] = jax_add(box[0], one)

    cases = {
        "rustorch.jit.trace": (lambda: add(x), lambda: state[0].sum().item()),
        "jax.jit": (jax_step, lambda: jax.block_until_ready(box[0])),
    }
    times: dict[str, list] = {name: [] for name in cases}
    for _ in range(ROUNDS):
        for name, (call, wait) in cases.items():
            call(), wait()
            start = time.thread_time()
            for _ in range(REPEATS):
                call()
            times[name].append((time.thread_time() - start) / REPEATS * 1e6)
            wait()
    ratio = statistics.median(a / b for a, b in zip(*times.values()))
    for name, values in times.items():
        print(f"{name + ', 150 tensors':36s} {statistics.median(values):8.0f} us/call")
    print(f"{'ratio':36s} {ratio:8.2f}")


def main() -> None:
    data = [np.random.default_rng(i).normal(size=(8, 8)).astype(np.float32) for i in range(2)]
    ours = [rustorch.from_numpy(d) for d in data]
    ours_grad = [rustorch.tensor(d, requires_grad=True) for d in data]
    theirs = [torch.from_numpy(d) for d in data]
    theirs_grad = [torch.tensor(d, requires_grad=True) for d in data]
    arrays = [jnp.asarray(d) for d in data]
    jitted = jax.jit(chain)
    cases = {
        "rustorch: record": lambda: record_only(*ours),
        "rustorch: record, with autograd": lambda: record_only(*ours_grad),
        "rustorch: record + dispatch": lambda: record_and_dispatch(*ours),
        "torch eager": lambda: chain(*theirs),
        "torch eager, with autograd": lambda: chain(*theirs_grad),
        "jax.numpy, op by op": lambda: chain(*arrays),
        "jax.jit of the chain": lambda: jitted(*arrays),
    }
    times = {name: [] for name in cases}
    for fn in cases.values():
        fn()
    for _ in range(ROUNDS):
        for name, fn in cases.items():
            start = time.perf_counter()
            for _ in range(REPEATS if "op by op" not in name else 4):
                fn()
            times[name].append((time.perf_counter() - start) / (REPEATS if "op by op" not in name else 4) / OPS * 1e6)
    print(f"{platform.processor() or platform.machine()}, torch {torch.__version__}, jax {jax.__version__}, "
          f"chain of {OPS} ops on 8x8 float32, median of {ROUNDS} rounds")  # fmt: skip
    for name, values in times.items():
        print(f"{name:36s} {statistics.median(values):8.2f} us/op")
    calls()


if __name__ == "__main__":
    main()

"""One training step of three models: rustorch eager and traced, PyTorch eager and compiled, flax + optax.

    python benchmarks/train_step.py [--models mlp gpt cnn] [--rounds N]

Same sizes, batches and optimizer (Adam) for all; see ``peers.py``. Every contestant lives in a process
of its own, since allocator settings and thread pools are per process; the processes take turns, one
round each, so that a busy machine disturbs all alike. Medians over rounds of the mean step time; the
ratio is taken round by round. A round of the MLP takes a twentieth of a second, in which the system's
scheduler decides by a fifth: it has many. ``flax, kept heap`` is flax with the malloc settings that rustorch makes
(``rustorch.lowering.heap``), which the reader may want to know. ``1 thread`` begins with ``set_num_threads(1)``,
as small models may; for flax that is ``NPROC=1``.
"""

from __future__ import annotations

import argparse
import os
import platform
import random
import statistics
import subprocess
import sys
import time

MODELS = ("mlp", "gpt", "cnn")
CONTESTANTS = (
    "rustorch",
    "rustorch traced",
    "rustorch traced, 1 thread",
    "rustorch, 100 in one",
    "torch",
    "torch.compile",
    "flax",
    "flax, kept heap",
    "flax, 1 thread",
)
STEPS = {"mlp": 200, "gpt": 12, "cnn": 12}
ROUNDS = {"mlp": 61, "gpt": 7, "cnn": 7}


def rustorch_step(name: str):
    """``step() -> loss`` on rustorch: the PyTorch program with another import."""
    import peers

    import rustorch

    return peers.torch_step(name, torch=rustorch)


def in_blocks(step, size: int = 100):
    """Every ``size``-th call takes that many steps."""
    import rustorch

    block, calls, losses = rustorch.jit.trace(step, steps=size, fullgraph=True), [0], [None]

    def counted():
        if calls[0] % size == 0:
            losses[0] = block()[-1]
        calls[0] += 1
        return losses[0]

    for _ in range(size):  # recorded step by step; the next block is compiled
        counted()
    return counted


def contestant(name: str, who: str):
    """A function that takes one step and one that waits for everything to finish."""
    import peers

    if who.startswith("rustorch"):
        import rustorch

        if "1 thread" in who:
            rustorch.set_num_threads(1)
        step = rustorch_step(name)
        if "traced" in who:
            step = rustorch.jit.trace(step, fullgraph=True)
        elif who == "rustorch, 100 in one":
            step = in_blocks(step)
        return step, lambda loss: loss.item()
    if who.startswith("torch"):
        step = peers.torch_step(name, compiled=who == "torch.compile")
        return step, lambda loss: loss.item()
    if who == "flax, 1 thread":
        os.environ["NPROC"] = "1"
    import jax

    if who == "flax, kept heap":
        from rustorch.lowering.heap import keep_freed_memory

        keep_freed_memory()
    train, state = peers.flax_step(name)
    box = [state]

    def step():
        box[0], loss = train(box[0])
        return loss

    return step, lambda loss: jax.block_until_ready((box[0], loss))


def serve(name: str, who: str) -> None:
    """Child process: one line per round, on request."""
    import resource

    started = time.perf_counter()
    step, wait = contestant(name, who)
    wait(step())
    first = time.perf_counter() - started
    for _ in range(4):
        wait(step())
    print("ready", first, flush=True)
    for line in sys.stdin:
        if line.strip() == "quit":
            break
        begin = time.perf_counter()
        for _ in range(STEPS[name]):
            loss = step()
        wait(loss)
        print((time.perf_counter() - begin) / STEPS[name], flush=True)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, flush=True)


def ask(child, line: str) -> str:
    child.stdin.write(line + "\n")
    child.stdin.flush()
    return child.stdout.readline()


def race(name: str, contestants, rounds: int | None) -> None:
    """Print one table for a model."""
    rounds = rounds or ROUNDS[name]
    children, first = {}, {}
    for who in contestants:
        if ("in one" in who or "1 thread" in who) and name != "mlp":  # for short steps only
            continue
        child = subprocess.Popen([sys.executable, __file__, "--serve", name, who], stdin=subprocess.PIPE,
                                 stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)  # fmt: skip
        answer = child.stdout.readline().split()
        if not answer:
            print(f"{name}: {who} did not start")
            continue
        children[who], first[who] = child, float(answer[1])
    times = {who: [] for who in children}
    order, chance = list(children), random.Random(0)
    for _ in range(rounds):
        chance.shuffle(order)  # nobody always comes after the same one
        for who in order:
            times[who].append(float(ask(children[who], "go")))
    memory = {who: float(ask(child, "quit")) for who, child in children.items()}
    for child in children.values():
        child.wait()
    print(f"\n{name}: ms per step, median of {rounds} rounds of {STEPS[name]} steps")
    print(f"{'':25s} {'step':>8s} {'/ flax':>8s} {'/ torch':>8s} {'first step s':>13s} {'peak MiB':>9s}")
    for who in children:
        ratios = {}
        for peer in ("flax", "torch"):
            pairs = zip(times[who], times.get(peer, []))
            ratios[peer] = statistics.median(a / b for a, b in pairs) if peer in times else float("nan")
        print(f"{who:25s} {statistics.median(times[who]) * 1e3:8.2f} {ratios['flax']:8.2f} {ratios['torch']:8.2f} "
              f"{first[who]:13.1f} {memory[who]:9.0f}")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--models", nargs="+", default=MODELS)
    parser.add_argument("--contestants", nargs="+", default=CONTESTANTS)
    parser.add_argument("--rounds", type=int, help=f"default: {ROUNDS}")
    parser.add_argument("--serve", nargs=2, metavar=("MODEL", "WHO"))
    args = parser.parse_args()
    if args.serve:
        serve(*args.serve)
        return
    print(f"{platform.machine()}, {platform.python_version()}; processes take turns")
    for name in args.models:
        race(name, args.contestants, args.rounds)


if __name__ == "__main__":
    main()

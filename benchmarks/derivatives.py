"""Higher derivatives: rustorch eager, torch.autograd, torch.func and hand-written jitted JAX on the same work.

    python benchmarks/derivatives.py [--cases "full hessian" d8/dx8 ...] [--rounds 5]

The cases are in ``derivative_cases.py``. Each library lives in a process of its own and they take turns, one
round each; a time is the mean of as many calls as fit into 0.3 s, every result waited for. Medians over rounds;
ratios are taken round by round. ``traced`` is ``rustorch.jit.trace`` of the same function. What takes more than 3 s at first is measured once in torch.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import subprocess
import sys
import time

from derivative_cases import CASES, jax_case, torch_case

BUDGET, LONG = 0.3, 3.0


def serve(who: str) -> None:
    """Child process: ``build case`` answers with forms and their first call's seconds, ``form calls`` with a time."""
    if who == "torch":
        import torch

        forms_of, wait = lambda name: torch_case(name, torch), lambda out: out
    else:
        import jax

        if who == "jax":
            forms_of, wait = lambda name: {"jit": jax_case(name)}, jax.block_until_ready
        else:
            import rustorch

            def wait(out):
                leaves = [out] if isinstance(out, rustorch.Tensor) else jax.tree.leaves(out)
                jax.block_until_ready([rustorch.interop.to_jax(t) for t in leaves])

            def forms_of(name):
                forms = torch_case(name, rustorch)
                best = forms.get("taylor") or forms.get("func") or forms["autograd"]
                return {"traced": rustorch.jit.trace(best, fullgraph=True)} if who == "traced" else forms

    forms: dict = {}
    for line in sys.stdin:
        command, _, argument = line.strip().partition("|")
        if command == "build":
            forms, firsts = forms_of(argument), []
            for form, step in forms.items():
                begin = time.perf_counter()
                wait(step())
                firsts.append(f"{form}={time.perf_counter() - begin}")
            print("|".join(firsts), flush=True)
        else:
            step, calls = forms[command], int(argument)
            begin = time.perf_counter()
            for _ in range(calls):
                wait(step())
            print((time.perf_counter() - begin) / calls, flush=True)


class Child:
    """A library in a process of its own."""

    def __init__(self, who: str):
        self.who, self.label = who, "rustorch" if who == "traced" else who
        self.process = subprocess.Popen([sys.executable, __file__, "--serve", who], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)  # fmt: skip

    def ask(self, line: str) -> str:
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()


def race(name: str, children, rounds: int) -> None:
    """Print one case's rows."""
    first, calls, times = {}, {}, {}
    for child in children:
        for answer in child.ask(f"build|{name}").split("|"):
            form, seconds = answer.split("=")
            key = child, form
            first[key] = float(seconds)
            if first[key] > LONG and child.who == "torch":
                times[key], calls[key] = [first[key]], 0
                continue
            child.ask(f"{form}|5")
            once = float(child.ask(f"{form}|1"))
            times[key], calls[key] = [], max(1, int(BUDGET / once))
    for _ in range(rounds):
        for key, n in calls.items():
            if n:
                child, form = key
                times[key].append(float(child.ask(f"{form}|{n}")))
    medians = {key: statistics.median(t) for key, t in times.items()}
    best = min((m, k) for k, m in medians.items() if k[0].who == "torch")[1]
    jit = next(k for k in times if k[0].who == "jax")
    for key, median in medians.items():

        def ratio(peer, key=key):
            pairs = zip(
                times[key] * (rounds if len(times[key]) == 1 else 1),
                times[peer] * (rounds if len(times[peer]) == 1 else 1),
            )
            return statistics.median(a / b for a, b in pairs)

        print(
            f"{name:22s} {key[0].label + ' ' + key[1]:28s} {median * 1e3:10.2f} {ratio(jit):8.2f} {1 / ratio(best):8.1f} {first[key]:8.1f}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cases", nargs="+", default=CASES)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--serve")
    args = parser.parse_args()
    if args.serve:
        serve(args.serve)
        return
    print(f"{platform.machine()}, {platform.python_version()}; ms per call, median of {args.rounds} rounds")
    print(f"{'':51s} {'ms':>10s} {'/ jax':>8s} {'torch /':>8s} {'first s':>8s}")
    children = [Child(who) for who in ("rustorch", "traced", "torch", "jax")]
    for name in args.cases:
        race(name, children, args.rounds)
    for child in children:
        child.process.kill()


if __name__ == "__main__":
    main()

"""A training step in float32 and under autocast, on rustorch and on PyTorch.

    python benchmarks/autocast.py [--models mlp transformer cnn] [--dtypes float32 bfloat16] [--rounds N]

The same program with another import, AdamW, in a process for each contestant; the processes take turns. Medians over
rounds of the mean of five steps; ratios are taken round by round, to PyTorch in float32.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import subprocess
import sys
import time
from contextlib import nullcontext

from train_step import ask

MODELS = ("mlp", "transformer", "cnn")
STEPS = 5


def step_of(name: str, dtype: str, torch):
    """``step() -> loss`` of a model, with its data."""
    nn = torch.nn
    torch.manual_seed(0)
    if name == "mlp":
        sizes = (512, 1024, 1024, 64)
        layers = [layer for n, m in zip(sizes, sizes[1:]) for layer in (nn.Linear(n, m), nn.GELU())]
        model, x, targets = nn.Sequential(*layers[:-1]), torch.randn(256, 512), 256
    elif name == "transformer":
        layer = nn.TransformerEncoderLayer(256, 8, 1024, 0.0, batch_first=True)
        layers = nn.Embedding(64, 256), nn.TransformerEncoder(layer, 2), nn.Linear(256, 64), nn.Flatten(0, 1)
        model, x, targets = nn.Sequential(*layers), torch.randint(0, 64, (16, 64)), 16 * 64
    else:
        first = nn.Conv2d(3, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU()
        second = nn.Conv2d(32, 64, 3, 2, 1), nn.BatchNorm2d(64), nn.ReLU()
        third = nn.Conv2d(64, 64, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1)
        layers = *first, *second, *third, nn.Flatten(), nn.Linear(64, 64)
        model, x, targets = nn.Sequential(*layers), torch.randn(32, 3, 32, 32), 32
    optimizer, labels = torch.optim.AdamW(model.parameters()), torch.randint(0, 64, (targets,))

    def step():
        optimizer.zero_grad()
        with nullcontext() if dtype == "float32" else torch.autocast("cpu", dtype=getattr(torch, dtype)):
            loss = nn.functional.cross_entropy(model(x), labels)
        loss.backward()
        optimizer.step()
        return loss

    return step


def serve(name: str, dtype: str, who: str) -> None:
    """Child process: one line per round, on request."""
    if who == "torch":
        import torch
    else:
        import rustorch as torch
    step = step_of(name, dtype, torch)
    for _ in range(4):
        step().item()
    print("ready", flush=True)
    for line in sys.stdin:
        if line.strip() == "quit":
            break
        begin = time.perf_counter()
        for _ in range(STEPS):
            loss = step()
        loss.item()
        print((time.perf_counter() - begin) / STEPS, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--models", nargs="+", default=MODELS)
    parser.add_argument("--dtypes", nargs="+", default=("float32", "bfloat16"))
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--serve", nargs=3, metavar=("MODEL", "DTYPE", "WHO"))
    args = parser.parse_args()
    if args.serve:
        serve(*args.serve)
        return
    print(f"{platform.machine()}, {platform.python_version()}; processes take turns")
    for name in args.models:
        children = {}
        for who in ("torch", "rustorch"):
            for dtype in args.dtypes:
                child = subprocess.Popen([sys.executable, __file__, "--serve", name, dtype, who], stdin=subprocess.PIPE,
                                         stdout=subprocess.PIPE, text=True)  # fmt: skip
                child.stdout.readline()
                children[who, dtype] = child
        times = {key: [] for key in children}
        for _ in range(args.rounds):
            for key, child in children.items():
                times[key].append(float(ask(child, "go")))
        for child in children.values():
            child.communicate("quit\n")
        base = times["torch", args.dtypes[0]]
        for (who, dtype), found in times.items():
            ratio = statistics.median(a / b for a, b in zip(found, base))
            print(f"{name:12s} {who:9s} {dtype:9s} {statistics.median(found) * 1e3:8.2f} ms {ratio:6.2f}")


if __name__ == "__main__":
    main()

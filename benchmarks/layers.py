"""Layers forward and backward at realistic sizes, and a step of ResNet-18: rustorch eager and traced, PyTorch, flax.

    python benchmarks/layers.py [--cases lstm resnet18] [--contestants rustorch torch] [--rounds 7]

Every contestant lives in a process of its own (see ``train_step.py``) and they take turns, one round each. A call of
a layer computes its output and the gradients of its parameters and of its input, for a gradient that arrives, and
waits for all of them; a call of ``resnet18`` is one step of SGD with momentum. Milliseconds are medians over rounds of
the mean; ratios are medians of those taken round by round, their geometric means come last. "traced" is
``rustorch.jit.trace`` of the same function, "flax" is ``jax.jit`` of ``flax.linen`` modules, images NHWC.
"""

from __future__ import annotations

import argparse
import math
import platform
import statistics
import subprocess
import sys
import time
from functools import partial

import numpy as np

CONTESTANTS = ("rustorch", "traced", "torch", "flax")
IMAGES, TOKENS, WORDS, WIDTH, HEADS = (32, 64, 32, 32), (32, 128), 10_000, 256, 8
CASES = {
    "lstm": (*TOKENS, WIDTH),
    "encoder layer": (16, 128, WIDTH),
    "resnet block": IMAGES,
    "batch norm": IMAGES,
    "layer norm": (*TOKENS, 512),
    "embedding": TOKENS,
    "cross-entropy": (1024, WORDS),
    "resnet18": (32, 3, 32, 32),
}
STAGES = ((64, 1), (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), (512, 1))


def data(name: str):
    """The input of a case (images are NCHW), labels, and the gradient that arrives."""
    rng, shape = np.random.default_rng(0), CASES[name]
    x = rng.integers(0, WORDS, shape) if name == "embedding" else rng.standard_normal(shape, np.float32)
    labels = rng.integers(0, WORDS if name == "cross-entropy" else 10, shape[0])
    arriving = {"embedding": (*shape, WIDTH), "cross-entropy": ()}.get(name, shape)
    return x, labels, np.asarray(rng.standard_normal(arriving), np.float32)


# --- PyTorch and rustorch ----------------------------------------------------------------------


def torch_layer(name: str, torch):
    """The ``torch.nn`` module of a case; ``torch`` is PyTorch or rustorch."""
    nn = torch.nn

    class Block(nn.Module):
        def __init__(self, inputs, outputs, stride=1):
            super().__init__()
            self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
            self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
            self.norm1, self.norm2 = nn.BatchNorm2d(outputs), nn.BatchNorm2d(outputs)
            self.short = nn.Sequential()
            if stride > 1:
                self.short = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

        def forward(self, x):
            out = self.norm2(self.conv2(torch.relu(self.norm1(self.conv1(x)))))
            return torch.relu(out + self.short(x))

    def resnet18():
        blocks = [Block(before, width, stride) for (before, _), (width, stride) in zip((STAGES[0], *STAGES), STAGES)]
        stem = [nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU()]
        return nn.Sequential(*stem, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 10))

    return {
        "lstm": lambda: nn.LSTM(WIDTH, WIDTH, batch_first=True),
        "encoder layer": lambda: nn.TransformerEncoderLayer(WIDTH, HEADS, 4 * WIDTH, batch_first=True),
        "resnet block": lambda: Block(64, 64),
        "batch norm": lambda: nn.BatchNorm2d(64),
        "layer norm": lambda: nn.LayerNorm(512),
        "embedding": lambda: nn.Embedding(WORDS, WIDTH),
        "cross-entropy": nn.CrossEntropyLoss,
        "resnet18": resnet18,
    }[name]()


def torch_call(name: str, torch):
    """``call() -> tensors``: what one call computes, not waited for."""
    torch.manual_seed(0)
    x, labels, arriving = (torch.from_numpy(a) for a in data(name))
    layer = torch_layer(name, torch)
    if name == "resnet18":
        optimizer = torch.optim.SGD(layer.parameters(), lr=0.01, momentum=0.9)

        def step():
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(layer(x), labels)
            loss.backward()
            optimizer.step()
            return [loss.detach()]

        return step
    read = [*layer.parameters(), *([x.requires_grad_()] if x.is_floating_point() else [])]

    def call():
        out = layer(x, labels) if name == "cross-entropy" else layer(x)
        out = out[0] if name == "lstm" else out
        return [out.detach(), *torch.autograd.grad(out, read, arriving)]

    return call


# --- flax ----------------------------------------------------------------------------------------


def flax_layer(name: str):
    """The ``flax.linen`` module of a case; images are NHWC."""
    import flax.linen as nn

    norm = partial(nn.BatchNorm, use_running_average=False, momentum=0.9)

    class Block(nn.Module):
        outputs: int
        stride: int = 1

        @nn.compact
        def __call__(self, x):
            conv = partial(nn.Conv, self.outputs, use_bias=False)
            out = nn.relu(norm()(conv((3, 3), (self.stride,) * 2, padding=1)(x)))
            out = norm()(conv((3, 3), padding=1)(out))
            if self.stride > 1:
                x = norm()(conv((1, 1), (self.stride,) * 2)(x))
            return nn.relu(out + x)

    class Encoder(nn.Module):
        @nn.compact
        def __call__(self, x):
            drop = partial(nn.Dropout, 0.1, deterministic=False)
            attend = nn.MultiHeadDotProductAttention(HEADS, dropout_rate=0.1, deterministic=False)
            x = nn.LayerNorm(epsilon=1e-5)(x + drop()(attend(x)))
            out = nn.Dense(WIDTH)(drop()(nn.relu(nn.Dense(4 * WIDTH)(x))))
            return nn.LayerNorm(epsilon=1e-5)(x + drop()(out))

    class ResNet(nn.Module):
        @nn.compact
        def __call__(self, x):
            x = nn.relu(norm()(nn.Conv(64, (3, 3), padding=1, use_bias=False)(x)))
            for width, stride in STAGES:
                x = Block(width, stride)(x)
            return nn.Dense(10)(x.mean((1, 2)))

    return {
        "lstm": lambda: nn.RNN(nn.OptimizedLSTMCell(WIDTH)),
        "encoder layer": Encoder,
        "resnet block": lambda: Block(64),
        "batch norm": norm,
        "layer norm": partial(nn.LayerNorm, epsilon=1e-5),
        "embedding": lambda: nn.Embed(WORDS, WIDTH),
        "resnet18": ResNet,
    }[name]()


def flax_call(name: str):
    """``call() -> arrays``, jitted."""
    import jax
    import jax.numpy as jnp
    import optax

    x, labels, arriving = (jnp.asarray(a.transpose(0, 2, 3, 1) if a.ndim == 4 else a) for a in data(name))
    if name == "cross-entropy":

        def loss(x, labels):
            return optax.softmax_cross_entropy_with_integer_labels(x, labels).mean()

        f = jax.jit(lambda x, labels, arriving: (v := jax.vjp(lambda x: loss(x, labels), x))[:1] + v[1](arriving))
        return lambda: f(x, labels, arriving)
    layer, key = flax_layer(name), jax.random.key(0)
    variables = layer.init({"params": key, "dropout": key}, x)
    params, stats = variables["params"], {k: v for k, v in variables.items() if k != "params"}

    def apply(params, x, stats, key):
        return layer.apply({"params": params, **stats}, x, rngs={"dropout": key}, mutable=["batch_stats"])

    if name == "resnet18":
        optimizer = optax.sgd(0.01, momentum=0.9)

        @partial(jax.jit, donate_argnums=0)
        def train(state, x, labels):
            def loss_of(params):
                logits, new = apply(params, x, state[1], key)
                return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean(), new

            (loss, stats), grads = jax.value_and_grad(loss_of, has_aux=True)(state[0])
            updates, moments = optimizer.update(grads, state[2])
            return (optax.apply_updates(state[0], updates), stats, moments), loss

        box = [(params, stats, optimizer.init(params))]

        def step():
            box[0], loss = train(box[0], x, labels)
            return box[0], loss

        return step

    @jax.jit
    def f(params, x, stats, key, arriving):
        if name == "embedding":
            out, pull, new = jax.vjp(lambda p: apply(p, x, stats, key), params, has_aux=True)
        else:
            out, pull, new = jax.vjp(lambda p, x: apply(p, x, stats, key), params, x, has_aux=True)
        return out, pull(arriving), new, jax.random.split(key)[0]

    box = [stats, key]

    def call():
        out, grads, box[0], box[1] = f(params, x, *box, arriving)
        return out, grads

    return call


# --- taking turns ----------------------------------------------------------------------------------


def contestant(name: str, who: str):
    """A function that computes once, and one that waits for what it returned."""
    if who == "torch":
        import torch

        return torch_call(name, torch), lambda found: None
    import jax

    if who == "flax":
        return flax_call(name), jax.block_until_ready
    import rustorch
    from rustorch.eager.recorder import value_of

    call = torch_call(name, rustorch)
    if who == "traced":
        call = rustorch.jit.trace(call, fullgraph=True)
    return call, lambda found: jax.block_until_ready([value_of(t) for t in found])


def serve(who: str) -> None:
    """Child process: for each line, the case named in it; the first time seconds of the first call, then of a mean one."""
    ready = {}
    for line in sys.stdin:
        name = line.strip()
        if name not in ready:
            start = time.perf_counter()
            call, wait = contestant(name, who)
            wait(call())
            print(time.perf_counter() - start, flush=True)
            for _ in range(4):
                start = time.perf_counter()
                wait(call())
            ready[name] = call, wait, max(1, min(200, int(0.3 / (time.perf_counter() - start))))
            continue
        call, wait, repeats = ready[name]
        start = time.perf_counter()
        for _ in range(repeats):
            wait(call())
        print((time.perf_counter() - start) / repeats, flush=True)


def race(name: str, children: dict, rounds: int) -> dict:
    """Print one row for each contestant; the ratio to each peer of rustorch, eager and traced."""

    def ask(child) -> float:
        child.stdin.write(name + "\n")
        child.stdin.flush()
        return float(child.stdout.readline())

    first = {who: ask(child) for who, child in children.items()}
    times = {who: [] for who in children}
    for _ in range(rounds):
        for who, child in children.items():
            times[who].append(ask(child))
    ratios = {}
    for who in children:
        row = []
        for peer in ("torch", "flax"):
            pairs = zip(times[who], times.get(peer, ()))
            ratios[who, peer] = statistics.median(a / b for a, b in pairs) if peer in times else math.nan
            row.append(f"{ratios[who, peer]:8.2f}")
        print(f"{name:14s} {who:10s} {statistics.median(times[who]) * 1e3:9.2f} {' '.join(row)} {first[who]:13.1f}")
    sys.stdout.flush()
    return ratios


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--contestants", nargs="+", default=CONTESTANTS)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--serve", metavar="WHO")
    args = parser.parse_args()
    if args.serve:
        serve(args.serve)
        return
    print(f"{platform.machine()}, {platform.python_version()}; processes take turns; median of {args.rounds} rounds")
    print(f"{'':25s} {'ms':>9s} {'/ torch':>8s} {'/ flax':>8s} {'first call s':>13s}", flush=True)
    command = [sys.executable, __file__, "--serve"]
    children = {
        who: subprocess.Popen([*command, who], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for who in args.contestants
    }
    found = {name: race(name, children, args.rounds) for name in args.cases}
    for who in children:
        means = []
        for peer in ("torch", "flax"):
            logs = [math.log(ratios[who, peer]) for ratios in found.values()]
            means.append(f"{math.exp(sum(logs) / len(logs)):8.2f}")
        print(f"{'geometric mean':14s} {who:10s} {'':9s} {' '.join(means)}")
    for child in children.values():
        child.stdin.close()
        child.wait()


if __name__ == "__main__":
    main()

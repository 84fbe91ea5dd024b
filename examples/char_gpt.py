"""Train a small GPT, character by character, on the text of CPython's own documentation.

    python examples/char_gpt.py                 # 500 steps, about a minute and a half on two cores
    python examples/char_gpt.py --steps 200 --device cuda

Writes a loss curve (char_gpt.png) and a text sample (char_gpt.txt) into --out. Nothing here is
special to rustorch: with ``import torch`` instead, the program runs on PyTorch.
"""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path
from pydoc_data import topics

import matplotlib
from tqdm import tqdm

import rustorch as torch
import rustorch.nn as nn
import rustorch.nn.functional as F

matplotlib.use("Agg")
import matplotlib.pyplot as plt


class Block(nn.Module):
    """Pre-norm attention and a four times wider MLP, each added to the stream."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.project = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x):
        batch, length, width = x.shape
        heads = self.qkv(self.norm1(x)).view(batch, length, 3, self.heads, width // self.heads)
        q, k, v = heads.permute(2, 0, 3, 1, 4).unbind(0)
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.project(mixed.transpose(1, 2).reshape(batch, length, width))
        return x + self.mlp(self.norm2(x))


class GPT(nn.Module):
    """A decoder-only transformer over ``vocab`` characters."""

    def __init__(self, vocab: int, block: int = 64, layers: int = 4, width: int = 128, heads: int = 4):
        super().__init__()
        self.block = block
        self.token, self.place = nn.Embedding(vocab, width), nn.Embedding(block, width)
        self.blocks = nn.Sequential(*(Block(width, heads) for _ in range(layers)))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, vocab)
        for p in self.parameters():
            if p.ndim == 2:
                nn.init.normal_(p, std=0.02)

    def forward(self, tokens, targets=None):
        length = tokens.shape[1]
        x = self.token(tokens) + self.place(torch.arange(length, device=tokens.device))
        logits = self.head(self.norm(self.blocks(x)))
        if targets is None:
            return logits
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten())


def load_text():
    """The documentation as one string, its characters, and the tokens of each."""
    text = "\n\n".join(topics.topics[name] for name in sorted(topics.topics))
    letters = sorted(set(text))
    index = {c: i for i, c in enumerate(letters)}
    return letters, torch.tensor([index[c] for c in text])


def batch_of(tokens, size: int, block: int, generator, device):
    """``size`` random windows of ``block`` characters and the same, one later."""
    starts = torch.randint(len(tokens) - block - 1, (size, 1), generator=generator)
    windows = tokens[starts + torch.arange(block + 1)]
    return windows[:, :-1].to(device), windows[:, 1:].to(device)


@torch.no_grad()
def sample(model: GPT, letters, length: int, device, prompt: str = "The ") -> str:
    """Continue ``prompt``; the window has a fixed size, so that one program serves all positions."""
    tokens = [letters.index(c) for c in prompt]
    for _ in range(length):
        window = tokens[-model.block :]
        padded = torch.tensor([window + [0] * (model.block - len(window))], device=device)
        logits = model(padded)[0, len(window) - 1]
        tokens.append(torch.multinomial(F.softmax(logits / 0.8, dim=-1), 1).item())
    return "".join(letters[t] for t in tokens)


def options(doc: str, **defaults) -> argparse.ArgumentParser:
    """A parser with one option for each default, and the options that all examples with ``--trace`` have."""
    parser = argparse.ArgumentParser(description=doc.split("\n")[0])
    for name, value in defaults.items():
        parser.add_argument(f"--{name}", type=type(value), default=value)
    parser.add_argument("--device", type=torch.device, default="cpu")
    parser.add_argument("--trace", action="store_true", help="record the step once; prints steps/s beside eager ones")
    parser.add_argument("--out", type=Path, default=Path("."))
    parser.add_argument("--seed", type=int, default=0)
    return parser


def train(train_step, args, tokens: int) -> list[float]:
    """Take ``args.steps`` steps of so many tokens each; the loss of each. With --trace, a fifth is there to compare with."""
    eager_steps = args.steps // 5 if args.trace else args.steps
    step = torch.jit.trace(train_step) if args.trace else train_step
    losses, started, marks = [], time.perf_counter(), {}
    progress = tqdm(range(args.steps), unit="step", mininterval=1.0)
    for i in progress:
        if i in (eager_steps // 4, eager_steps, eager_steps + 5):
            if losses:
                losses[-1].item()  # wait for what was started
            marks[i] = time.perf_counter()
        losses.append(train_step() if i < eager_steps else step())
        if i % 20 == 19:
            speed = (i + 1) * tokens / (time.perf_counter() - started)
            progress.set_postfix(loss=f"{losses[-1].item():.3f}", tokens_s=f"{speed:,.0f}")
    curve = torch.stack(losses).cpu().tolist()
    if args.trace:  # neither speed with its compilation
        now, (first, switch, traced) = time.perf_counter(), marks.values()
        eager = (eager_steps - eager_steps // 4) / (switch - first)
        print_speeds({"eager": eager, "traced": (args.steps - eager_steps - 5) / (now - traced)})
    recent = curve[-50:]
    print(f"final loss {sum(recent) / len(recent):.3f} nats/character (mean of the last {len(recent)} steps)")
    return curve


def print_speeds(speeds: dict) -> None:
    """A table of steps per second."""
    print("\n".join([f"{'':8s} steps/s", *[f"{name:8s} {speed:7.1f}" for name, speed in speeds.items()]]))


def save(name: str, text: str, curve, out: Path) -> None:
    """Show ``text``, and write it and the curve."""
    print("-" * 60, text, "-" * 60, sep="\n")
    out.mkdir(parents=True, exist_ok=True)
    (out / f"{name}.txt").write_text(text)
    plot(curve, out / f"{name}.png")
    print(f"wrote {out / name}.png and {out / name}.txt")


def main() -> None:
    parser = options(__doc__, steps=500, batch=24, lr=2e-3)
    parser.add_argument("--sample", type=int, default=400, help="characters to generate")
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    generator, device = torch.Generator().manual_seed(args.seed), args.device
    letters, tokens = load_text()
    model = GPT(len(letters)).to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.lr, weight_decay=0.1)
    warmup = min(100, args.steps // 10 + 1)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer,
        lambda i: (
            (i + 1) / warmup
            if i < warmup
            else 0.55 + 0.45 * math.cos(math.pi * (i - warmup) / max(args.steps - warmup, 1))
        ),
    )
    count = sum(p.numel() for p in model.parameters())
    print(f"{len(tokens):,} characters, {len(letters)} different; {count:,} parameters; device {device}")

    def train_step():
        x, y = batch_of(tokens, args.batch, model.block, generator, device)
        loss = model(x, y)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        return loss.detach()

    curve = train(train_step, args, args.batch * model.block)
    save("char_gpt", sample(model, letters, args.sample, device), curve, args.out)


def plot(curve, path: Path) -> None:
    """The loss over steps, with a running mean."""
    smooth = [sum(curve[max(0, i - 25) : i + 1]) / len(curve[max(0, i - 25) : i + 1]) for i in range(len(curve))]
    plt.figure(figsize=(6, 4))
    plt.plot(curve, alpha=0.3, label="each step")
    plt.plot(smooth, label="running mean")
    plt.xlabel("step"), plt.ylabel("loss (nats per character)"), plt.legend(), plt.tight_layout()
    plt.savefig(path, dpi=120)
    plt.close()


if __name__ == "__main__":
    main()

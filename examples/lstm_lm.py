"""Train a two-layer LSTM, character by character, on the documentation of this repository.

    python examples/lstm_lm.py                  # 600 steps, one to two minutes on two cores
    python examples/lstm_lm.py --steps 200 --trace

Prints the loss on text it has not seen, and a sample; writes a loss curve (lstm_lm.png) and the sample (lstm_lm.txt)
into --out. Nothing here is special to rustorch: with ``import torch`` instead, the program runs on PyTorch.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from char_gpt import batch_of, plot, print_speeds
from tqdm import tqdm

import rustorch as torch
import rustorch.nn as nn
import rustorch.nn.functional as F

ROOT = Path(__file__).resolve().parent.parent


class CharLSTM(nn.Module):
    """Embedding, LSTM layers, and scores of the next character; the state goes in and comes out."""

    def __init__(self, vocab: int, width: int = 192, layers: int = 2, dropout: float = 0.3):
        super().__init__()
        self.embedding = nn.Embedding(vocab, 64)
        self.lstm = nn.LSTM(64, width, layers, batch_first=True, dropout=dropout)
        self.drop, self.head = nn.Dropout(dropout), nn.Linear(width, vocab)

    def forward(self, tokens, state=None):
        out, state = self.lstm(self.embedding(tokens), state)
        return self.head(self.drop(out)), state


def load_text():
    """The README and all pages as one string: its characters, and the tokens to train on and to hold out."""
    text = "\n\n".join(p.read_text() for p in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))])
    letters = sorted(set(text))
    index = {c: i for i, c in enumerate(letters)}
    tokens = torch.tensor([index[c] for c in text])
    split = int(0.9 * len(tokens))
    return letters, tokens[:split], tokens[split:]


def loss_of(model, tokens, targets):
    """Mean negative log-likelihood of the targets, in nats."""
    return F.cross_entropy(model(tokens)[0].flatten(0, 1), targets.flatten())


@torch.no_grad()
def held_out_loss(model: CharLSTM, tokens, device) -> float:
    """The loss over all of ``tokens``, read once from the start, cut in 8 rows."""
    model.eval()
    length = (len(tokens) - 1) // 8
    rows = [tokens[i : i + 8 * length].view(8, length).to(device) for i in (0, 1)]
    loss = loss_of(model, *rows).item()
    model.train()
    return loss


@torch.no_grad()
def sample(model: CharLSTM, letters, length: int, device, prompt: str = "The ") -> str:
    """Continue ``prompt``: the state stands for everything read so far, so each step reads one character."""
    model.eval()
    text, state = [letters.index(c) for c in prompt], None
    for i in range(len(prompt) + length - 1):
        logits, state = model(torch.tensor([[text[i]]], device=device), state)
        if i + 1 == len(text):
            text.append(torch.multinomial(F.softmax(logits[0, -1] / 0.6, dim=-1), 1).item())
    model.train()
    return "".join(letters[t] for t in text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--block", type=int, default=64, help="characters per sequence")
    parser.add_argument("--lr", type=float, default=4e-3)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--sample", type=int, default=400, help="characters to generate")
    parser.add_argument("--trace", action="store_true", help="record the step once; prints steps/s beside eager ones")
    parser.add_argument("--out", type=Path, default=Path("."))
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    generator = torch.Generator().manual_seed(args.seed)
    device = torch.device(args.device)
    letters, tokens, held_out = load_text()
    model = CharLSTM(len(letters)).to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.lr, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, args.steps, args.lr / 20)
    count = sum(p.numel() for p in model.parameters())
    print(f"{len(tokens):,} characters, {len(letters)} different; {count:,} parameters; device {device}")

    def train_step():
        loss = loss_of(model, *batch_of(tokens, args.batch, args.block, generator, device))
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        return loss.detach()

    eager_steps = args.steps // 5 if args.trace else args.steps  # with --trace, the first steps are to compare with
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
            speed = (i + 1) * args.batch * args.block / (time.perf_counter() - started)
            progress.set_postfix(loss=f"{losses[-1].item():.3f}", tokens_s=f"{speed:,.0f}")
    if args.trace:
        print_speeds(eager_steps, args.steps, marks)
    curve = torch.stack(losses).cpu().tolist()
    recent = curve[-50:]
    print(f"final loss {sum(recent) / len(recent):.3f} nats/character (mean of the last {len(recent)} steps)")
    print(f"held-out loss {held_out_loss(model, held_out, device):.3f} nats/character")

    args.out.mkdir(parents=True, exist_ok=True)
    text = sample(model, letters, args.sample, device)
    (args.out / "lstm_lm.txt").write_text(text)
    print("-" * 60, text, "-" * 60, sep="\n")
    plot(curve, args.out / "lstm_lm.png")
    print(f"wrote {args.out / 'lstm_lm.png'} and {args.out / 'lstm_lm.txt'}")


if __name__ == "__main__":
    main()

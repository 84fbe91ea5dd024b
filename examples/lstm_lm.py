"""Train a two-layer LSTM, character by character, on the documentation of this repository.

    python examples/lstm_lm.py                  # 600 steps, one to two minutes on two cores
    python examples/lstm_lm.py --steps 200 --trace

Prints the loss on text it has not seen, and a sample; writes a loss curve (lstm_lm.png) and the sample (lstm_lm.txt)
into --out. Nothing here is special to rustorch: with ``import torch`` instead, the program runs on PyTorch.
"""

from __future__ import annotations

from pathlib import Path

from char_gpt import batch_of, options, save, train

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
    parser = options(__doc__, steps=600, batch=32, lr=4e-3)
    parser.add_argument("--block", type=int, default=64, help="characters per sequence")
    parser.add_argument("--sample", type=int, default=400, help="characters to generate")
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    generator, device = torch.Generator().manual_seed(args.seed), args.device
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

    curve = train(train_step, args, args.batch * args.block)
    print(f"held-out loss {held_out_loss(model, held_out, device):.3f} nats/character")
    save("lstm_lm", sample(model, letters, args.sample, device), curve, args.out)


if __name__ == "__main__":
    main()

"""Train a small convolutional network on scikit-learn's handwritten digits.

    python examples/digits_cnn.py               # 15 epochs, under a minute on two cores

Saves the best state dict (digits_cnn.pth) and a learning curve (digits_cnn.png) into --out.
"""

from __future__ import annotations

import time

import matplotlib
from char_gpt import options, print_speeds
from sklearn.datasets import load_digits
from tqdm import tqdm

import rustorch as torch
import rustorch.nn as nn

matplotlib.use("Agg")
import matplotlib.pyplot as plt


class DigitsCNN(nn.Module):
    """Two convolution blocks and a hidden layer, for 8×8 grey pictures."""

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 32, kernel_size=3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.1),
            nn.Conv2d(32, 64, kernel_size=3, padding=1), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.1),
        )  # fmt: skip
        self.classifier = nn.Sequential(
            nn.Flatten(),
            nn.Linear(64 * 2 * 2, 128),
            nn.BatchNorm1d(128),
            nn.ReLU(),
            nn.Dropout(0.3),
            nn.Linear(128, 10),
        )

    def forward(self, x):
        return self.classifier(self.features(x))


def load_data(device, seed: int = 0):
    """Pictures in [0, 1] and labels, split into training and validation."""
    digits = load_digits()
    x = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16.0
    y = torch.tensor(digits.target, dtype=torch.int64)
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))
    x, y = x[order].to(device), y[order].to(device)
    cut = len(x) - 360
    return (x[:cut], y[:cut]), (x[cut:], y[cut:])


@torch.no_grad()
def accuracy(model: nn.Module, x, y) -> float:
    """Share of right answers, in evaluation mode."""
    model.eval()
    right = (model(x).argmax(dim=1) == y).float().mean().item()
    model.train()
    return right


def epochs(train_step, data, args, names):
    """Go through ``data`` in batches; yields the means of what the step returns, one for each name, after every epoch.

    With --trace the first five epochs are there to compare with, and a table of steps per second comes last.
    """
    traced = torch.jit.trace(train_step) if args.trace else train_step
    batches, speeds = len(data[0]) // args.batch, {}
    progress = tqdm(range(args.epochs), unit="epoch")
    for epoch in progress:
        order = torch.randperm(len(data[0])).to(args.device)
        step = train_step if epoch < 5 else traced
        total, started = 0.0, time.perf_counter()
        for picked in order[: batches * args.batch].view(batches, args.batch):
            total = total + step(*(rows[picked] for rows in data))
        means = (total / batches).tolist()
        kind = "eager" if step is train_step else "traced"
        speeds[kind] = max(speeds.get(kind, 0.0), batches / (time.perf_counter() - started))
        progress.set_postfix({name: f"{mean:.3f}" for name, mean in zip(names, means)})
        yield means
    if args.trace:
        print_speeds(speeds)


def main() -> None:
    args = options(__doc__, epochs=15, batch=64).parse_args()
    torch.manual_seed(args.seed)
    (x, y), (x_val, y_val) = load_data(args.device)
    model = DigitsCNN().to(args.device)
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=args.epochs)
    args.out.mkdir(parents=True, exist_ok=True)

    def train_step(images, labels):
        optimizer.zero_grad()
        loss = criterion(model(images), labels)
        loss.backward()
        optimizer.step()
        return loss.detach().unsqueeze(0)

    best, history = 0.0, []
    for (loss,) in epochs(train_step, (x, y), args, ("loss",)):
        scheduler.step()
        score = accuracy(model, x_val, y_val)
        history.append((loss, score))
        if score > best:
            best = score
            torch.save(model.state_dict(), args.out / "digits_cnn.pth")
    model.load_state_dict(torch.load(args.out / "digits_cnn.pth"))
    print(f"best validation accuracy {best:.2%}; reloaded: {accuracy(model, x_val, y_val):.2%}")

    figure, axis = plt.subplots(figsize=(6, 4))
    axis.plot([h[0] for h in history], label="training loss")
    axis.plot([h[1] for h in history], label="validation accuracy")
    axis.set_xlabel("epoch"), axis.legend(), figure.tight_layout()
    figure.savefig(args.out / "digits_cnn.png", dpi=120)
    print(f"wrote {args.out / 'digits_cnn.pth'} and {args.out / 'digits_cnn.png'}")


if __name__ == "__main__":
    main()

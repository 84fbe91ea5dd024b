"""Train a generative adversarial network on scikit-learn's handwritten digits.

    python examples/gan_digits.py               # 250 epochs, about a minute on two cores
    python examples/gan_digits.py --trace

Both networks know the class. Writes ten samples of every digit (gan_digits.png) into --out, and prints how many of
them a nearest-neighbour classifier, which saw the real digits only, takes for the digit asked for.
"""

from __future__ import annotations

from char_gpt import options
from digits_cnn import epochs, load_data
from sklearn.neighbors import KNeighborsClassifier
from vae_digits import draw

import rustorch as torch
import rustorch.nn as nn
import rustorch.nn.functional as F

NOISE = 16


class Generator(nn.Module):
    """Noise and a class to 64 pixels in [0, 1]."""

    def __init__(self, width: int = 256):
        super().__init__()
        self.embedding = nn.Embedding(10, 16)
        self.body = nn.Sequential(
            nn.Linear(NOISE + 16, width), nn.BatchNorm1d(width), nn.ReLU(),
            nn.Linear(width, width), nn.BatchNorm1d(width), nn.ReLU(), nn.Linear(width, 64), nn.Sigmoid(),
        )  # fmt: skip

    def forward(self, noise, labels):
        return self.body(torch.cat([noise, self.embedding(labels)], dim=1))


class Judge(nn.Module):
    """How real 64 pixels look for their class: a score."""

    def __init__(self, width: int = 256):
        super().__init__()
        self.embedding = nn.Embedding(10, 16)
        self.body = nn.Sequential(
            nn.Linear(64 + 16, width), nn.LeakyReLU(0.2), nn.Dropout(0.3),
            nn.Linear(width, width), nn.LeakyReLU(0.2), nn.Dropout(0.3), nn.Linear(width, 1),
        )  # fmt: skip

    def forward(self, pixels, labels):
        return self.body(torch.cat([pixels, self.embedding(labels)], dim=1))


def main() -> None:
    args = options(__doc__, epochs=250, batch=128).parse_args()
    torch.manual_seed(args.seed)
    device = args.device
    (x, y), _ = load_data(device)
    make, judge = Generator().to(device), Judge().to(device)
    of_make = torch.optim.Adam(make.parameters(), lr=1e-3, betas=(0.5, 0.999))
    of_judge = torch.optim.Adam(judge.parameters(), lr=1e-3, betas=(0.5, 0.999))

    def score(pixels, labels, real: bool):
        """The loss of a judge who should say ``real``; a little less sure than certain."""
        scores = judge(pixels, labels)
        return F.binary_cross_entropy_with_logits(scores, torch.full_like(scores, 0.9 if real else 0.0))

    def train_step(pictures, labels):
        fake = make(torch.randn(len(labels), NOISE, device=device), labels)
        of_judge.zero_grad()
        judged = score(pictures.flatten(1), labels, True) + score(fake.detach(), labels, False)
        judged.backward()
        of_judge.step()
        of_make.zero_grad()
        fooled = F.softplus(-judge(fake, labels)).mean()
        fooled.backward()
        of_make.step()
        return torch.stack([judged, fooled]).detach()

    *_, (judged, fooled) = epochs(train_step, (x, y), args, ("judge", "generator"))
    make.eval()
    labels = torch.arange(10, device=device).repeat_interleave(10)
    with torch.no_grad():
        samples = make(torch.randn(100, NOISE, device=device), labels)
    known = KNeighborsClassifier(5).fit(x.flatten(1).cpu().numpy(), y.cpu().numpy())
    right = (known.predict(samples.cpu().numpy()) == labels.cpu().numpy()).mean()
    print(f"judge {judged:.3f}, generator {fooled:.3f}; {right:.0%} of the samples pass for the digit asked for")
    args.out.mkdir(parents=True, exist_ok=True)
    draw(samples.unflatten(1, (8, 8)).unflatten(0, (10, 10)), [str(i) for i in range(10)], args.out / "gan_digits.png")


if __name__ == "__main__":
    main()

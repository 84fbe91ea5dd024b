"""Train a variational autoencoder on scikit-learn's handwritten digits.

    python examples/vae_digits.py               # 60 epochs, under a minute on two cores
    python examples/vae_digits.py --trace

Writes a picture of digits, their reconstructions, samples, and a walk between two digits (vae_digits.png) into --out.
"""

from __future__ import annotations

from pathlib import Path

import matplotlib
from char_gpt import options
from digits_cnn import epochs, load_data

import rustorch as torch
import rustorch.nn as nn
import rustorch.nn.functional as F

matplotlib.use("Agg")
import matplotlib.pyplot as plt


class VAE(nn.Module):
    """Pictures of 64 pixels to a normal distribution over a few numbers, and back."""

    def __init__(self, latent: int = 10, width: int = 256):
        super().__init__()
        self.latent = latent
        self.encoder = nn.Sequential(
            nn.Flatten(), nn.Linear(64, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, 2 * latent)
        )  # fmt: skip
        self.decoder = nn.Sequential(
            nn.Linear(latent, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, 64)
        )

    def forward(self, x):
        mean, log_variance = self.encoder(x).chunk(2, dim=1)
        z = mean + torch.randn_like(mean) * (0.5 * log_variance).exp()
        return self.decoder(z), mean, log_variance

    def pictures(self, z):
        """Pixels in [0, 1] for points of the latent space."""
        return torch.sigmoid(self.decoder(z)).unflatten(1, (8, 8))


def bound(model: VAE, x):
    """The negative evidence lower bound per picture, in nats, and its part for the latent numbers."""
    logits, mean, log_variance = model(x)
    pixels = F.binary_cross_entropy_with_logits(logits, x.flatten(1), reduction="sum")
    latent = 0.5 * (mean**2 + log_variance.exp() - 1.0 - log_variance).sum()
    return (pixels + latent) / len(x), latent / len(x)


def rows_of(model: VAE, x):
    """Rows of pictures: given, reconstructed, sampled, and on the way from the first digit to the second."""
    with torch.no_grad():
        mean, _ = model.encoder(x).chunk(2, dim=1)
        way = torch.linspace(0, 1, len(x), device=x.device).unsqueeze(1)
        sampled = torch.randn(len(x), model.latent, device=x.device)
        return [
            x[:, 0],
            model.pictures(mean),
            model.pictures(sampled),
            model.pictures(mean[:1] * (1 - way) + mean[1:2] * way),
        ]


def draw(rows, labels, path: Path) -> None:
    """One line of pictures per row."""
    figure, axes = plt.subplots(len(rows), len(rows[0]), figsize=(len(rows[0]) * 0.7, len(rows) * 0.85))
    for line, row, label in zip(axes, rows, labels):
        for axis, picture in zip(line, row.cpu().numpy()):
            axis.imshow(picture, cmap="gray_r", vmin=0, vmax=1)
            axis.set_xticks([]), axis.set_yticks([])
        line[0].set_ylabel(label, fontsize=7)
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    print(f"wrote {path}")


def main() -> None:
    args = options(__doc__, epochs=60, batch=128).parse_args()
    torch.manual_seed(args.seed)
    (x, _), (x_val, _) = load_data(args.device)
    model = VAE().to(args.device)
    optimizer = torch.optim.NAdam(model.parameters(), lr=2e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=args.epochs, eta_min=1e-4)

    def train_step(pictures):
        optimizer.zero_grad()
        loss, latent = bound(model, pictures)
        loss.backward()
        optimizer.step()
        return torch.stack([loss, latent]).detach()

    losses = []
    for loss, _ in epochs(train_step, (x,), args, ("nats", "latent")):
        losses.append(loss)
        schedule.step()
    with torch.no_grad():
        held_out, latent = (v.item() for v in bound(model, x_val))
    print(
        f"training {losses[-1]:.2f} nats/picture; held out {held_out:.2f}, of them {latent:.2f} for the latent numbers"
    )
    args.out.mkdir(parents=True, exist_ok=True)
    draw(rows_of(model, x_val[:12]), ["digits", "rebuilt", "samples", "a walk"], args.out / "vae_digits.png")


if __name__ == "__main__":
    main()

"""Solve Burgers' equation with a network that is trained on the equation alone (a physics-informed network).

    python examples/pinn_burgers.py             # two to three minutes on two cores
    python examples/pinn_burgers.py --adam 100 --rounds 2 --points 500 --iterations 20   # some seconds

    u_t + u u_x = (0.01/pi) u_xx   for -1 < x < 1, 0 < t < 1,   u(0, x) = -sin(pi x),   u(t, -1) = u(t, 1) = 0

The derivatives in the loss are nested ``torch.autograd.grad``. Adam finds the valley, on new points in each
step; then rounds of L-BFGS walk down it, each on points that are denser where the equation is far from holding.
Every step of Adam and every call of L-BFGS's closure is one compiled program. The exact solution (Cole and
Hopf's, by quadrature) serves for the error only. Writes the solution, the exact one and their difference
(pinn_burgers.png) into --out.

Sources: Raissi, Perdikaris and Karniadakis, "Physics-informed neural networks", 2019; Wu et al., "A comprehensive
study of non-adaptive and residual-based adaptive sampling for physics-informed neural networks", 2023; Basdevant et
al., "Spectral and finite difference solutions of the Burgers equation", 1986.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import matplotlib
import numpy as np
from tqdm import tqdm

import rustorch as torch
import rustorch.nn as nn

matplotlib.use("Agg")
import matplotlib.pyplot as plt

VISCOSITY = 0.01 / math.pi


class Solution(nn.Module):
    """A tanh network in a form that is right at t = 0 and x = ±1, and odd in x like the equation, for any weights."""

    def __init__(self, width: int, layers: int):
        super().__init__()
        sizes = [2] + [width] * layers
        hidden = [part for a, b in zip(sizes, sizes[1:]) for part in (nn.Linear(a, b), nn.Tanh())]
        self.net = nn.Sequential(*hidden, nn.Linear(width, 1))
        for p in self.parameters():
            if p.ndim == 2:
                nn.init.xavier_normal_(p)

    def forward(self, x, t):
        mirrored = torch.cat([torch.cat([x, -x]), 2 * torch.cat([t, t]) - 1], dim=1)
        here, there = self.net(mirrored).chunk(2)
        return -torch.sin(math.pi * x) + t * (1 - x**2) * (here - there)


def residual(model: Solution, x, t):
    """How far the equation is from holding at each point."""
    x, t = x.detach().requires_grad_(), t.detach().requires_grad_()
    u = model(x, t)
    u_x, u_t = torch.autograd.grad(u.sum(), (x, t), create_graph=True)
    (u_xx,) = torch.autograd.grad(u_x.sum(), x, create_graph=True)
    return u_t + u * u_x - VISCOSITY * u_xx


def draw(n: int):
    """Points with even density."""
    return 2 * torch.rand(n, 1) - 1, torch.rand(n, 1)


def draw_where_wrong(model: Solution, n: int):
    """Points whose density grows with the residual."""
    x, t = draw(10 * n)
    wrong = residual(model, x, t).detach().abs()
    picked = torch.multinomial((wrong / wrong.mean() + 1).flatten(), n)
    return x[picked], t[picked]


def exact(x, t):
    """Cole and Hopf's solution on the grid ``t`` by ``x``: a ratio of two Gauss-Hermite quadratures."""
    nodes, weights = np.polynomial.hermite.hermgauss(120)
    u = np.empty((len(t), len(x)))
    for row, time in zip(u, t):
        y = x[:, None] - math.sqrt(4 * VISCOSITY * time) * nodes
        power = -np.cos(math.pi * y) / (2 * math.pi * VISCOSITY)
        density = weights * np.exp(power - power.max(axis=1, keepdims=True))
        row[:] = -(np.sin(math.pi * y) * density).sum(1) / density.sum(1)
    return u


@torch.no_grad()
def on_grid(model: Solution, x, t):
    """The network's values on the grid ``t`` by ``x``."""
    times, places = np.meshgrid(t, x, indexing="ij")
    columns = [torch.tensor(a.reshape(-1, 1), dtype=torch.float32) for a in (places, times)]
    return model(*columns).numpy().reshape(times.shape)


def train(model: Solution, args):
    """Adam, then rounds of L-BFGS; the loss of each step of Adam and each round."""
    progress = tqdm(total=args.adam + args.rounds * args.iterations, unit="step", mininterval=1.0)
    history = []

    def note(steps: int, loss):
        history.append(loss.detach())
        progress.update(steps)
        if len(history) % 50 == 0 or steps > 1:
            progress.set_postfix(loss=f"{loss.item():.1e}")

    def closure():
        optimizer.zero_grad()
        loss = (residual(model, x, t) ** 2).mean()
        loss.backward()
        return loss

    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(args.adam):
        x, t = draw(args.points)
        note(1, optimizer.step(closure))
    for _ in range(args.rounds):
        x, t = draw_where_wrong(model, args.points)
        optimizer = torch.optim.LBFGS(
            model.parameters(), max_iter=args.iterations, history_size=50, line_search_fn="strong_wolfe",
            tolerance_grad=0.0, tolerance_change=0.0,
        )  # fmt: skip
        note(args.iterations, optimizer.step(closure))
    progress.close()
    return torch.stack(history).tolist()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--adam", type=int, default=600, help="steps of Adam")
    parser.add_argument("--rounds", type=int, default=12, help="rounds of L-BFGS, each on new points")
    parser.add_argument("--iterations", type=int, default=200, help="iterations of L-BFGS in a round")
    parser.add_argument("--points", type=int, default=2500)
    parser.add_argument("--width", type=int, default=32)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--out", type=Path, default=Path("."))
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    torch.set_default_device(args.device)
    model = Solution(args.width, args.layers)
    losses = train(model, args)
    x, t = np.linspace(-1, 1, 257), np.linspace(0, 1, 101)
    found, true = on_grid(model, x, t), exact(x, t)
    error = np.linalg.norm(found - true) / np.linalg.norm(true)
    print(f"last loss {losses[-1]:.1e}; relative L2 error {error:.2e}; largest error {np.abs(found - true).max():.2e}")

    args.out.mkdir(parents=True, exist_ok=True)
    plot(x, t, found, true, args.out / "pinn_burgers.png")
    print(f"wrote {args.out / 'pinn_burgers.png'}")


def plot(x, t, found, true, path: Path) -> None:
    """Solution, exact solution and error over time and place."""
    figure, axes = plt.subplots(1, 3, figsize=(12, 3.4), sharey=True)
    pictures = [("network", found, "RdBu"), ("exact", true, "RdBu"), ("network - exact", found - true, "PuOr")]
    for axis, (title, values, colours) in zip(axes, pictures):
        most = np.abs(values).max()
        drawn = axis.pcolormesh(t, x, values.T, cmap=colours, vmin=-most, vmax=most, shading="gouraud")
        figure.colorbar(drawn, ax=axis)
        axis.set_title(title), axis.set_xlabel("t")
    axes[0].set_ylabel("x"), figure.tight_layout()
    figure.savefig(path, dpi=120)
    plt.close(figure)


if __name__ == "__main__":
    main()

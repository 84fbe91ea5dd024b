"""Eigenvalues of the loss Hessian of a small convolutional network, by Lanczos' method on Hessian-vector products.

    python examples/hessian_spectrum.py         # about one minute on two cores
    python examples/hessian_spectrum.py --epochs 1 --steps 20 --probes 1 --top 3

Trains the network of digits_cnn.py for some epochs, then finds the largest eigenvalues of the Hessian of its
training loss without forming it: each Lanczos step multiplies the Hessian with a vector (``torch.func.hvp``,
one compiled program for all steps). The same recursion, begun at random vectors, gives the density of all
eigenvalues (stochastic Lanczos quadrature). Prints each eigenvalue with the residual |Hv - av| / |a| as a
check. Writes both (hessian_spectrum.png) into --out.

Sources: Golub and Welsch, "Calculation of Gauss quadrature rules", 1969; Ghorbani, Krishnan and Xiao, "An
investigation into neural net optimization via Hessian eigenvalue density", 2019.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib
import numpy as np
from digits_cnn import DigitsCNN, accuracy, load_data
from tqdm import tqdm

import rustorch as torch
import rustorch.nn.functional as F

matplotlib.use("Agg")
import matplotlib.pyplot as plt


def train(model, x, y, epochs: int, batch: int, seed: int) -> None:
    """Adam on the training pictures."""
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    random = np.random.default_rng(seed)
    for _ in tqdm(range(epochs), desc="train", unit="epoch"):
        order = random.permutation(len(x))
        for start in range(0, len(x) - batch + 1, batch):
            picked = torch.tensor(order[start : start + batch], device=x.device)
            optimizer.zero_grad()
            F.cross_entropy(model(x[picked]), y[picked]).backward()
            optimizer.step()


def hessian_product(model, x, y):
    """``v`` to the loss Hessian times ``v``, for vectors of all parameters one after the other."""
    model.eval()  # no dropout, and batch normalisation with its running statistics: one function of the weights
    params = {name: p.detach() for name, p in model.named_parameters()}
    sizes = [p.numel() for p in params.values()]

    def loss(params):
        return F.cross_entropy(torch.func.functional_call(model, params, (x,)), y)

    def product(v):
        parts = {name: part.view_as(params[name]) for name, part in zip(params, v.split(sizes))}
        _, moved = torch.func.hvp(loss, params, parts)
        return torch.cat([moved[name].flatten() for name in params])

    return product, sum(sizes)


def lanczos(product, start, steps: int, progress):
    """``steps`` steps from ``start``: the tridiagonal matrix as (diagonal, side), and the basis as rows.

    Each new vector is made orthogonal to all before, twice, because rounding would lose that otherwise. Rows
    of the basis that are not there yet are zero, so that all steps are the same program.
    """
    basis = torch.zeros(steps, len(start), device=start.device)
    w, length, diagonal, side = start, start.norm(), [], []
    length.item()
    for _ in range(steps):
        v = w / length
        basis = torch.cat([v.unsqueeze(0), basis[:-1]])
        w = product(v)
        diagonal.append(w @ v)
        for _ in range(2):
            w = w - (basis @ w) @ basis
        length = w.norm()
        side.append(length)
        length.item()  # looking ends a program: each step is one
        progress.update()
    return torch.stack(diagonal).cpu().numpy(), torch.stack(side).cpu().numpy(), basis.flip(0)


def largest(product, start, steps: int, top: int, progress):
    """The ``top`` largest eigenvalues, and the residual of each."""
    diagonal, side, basis = lanczos(product, start, steps, progress)
    values, vectors = np.linalg.eigh(np.diag(diagonal) + np.diag(side[:-1], 1) + np.diag(side[:-1], -1))
    found = torch.tensor(values[::-1][:top].copy(), dtype=torch.float32, device=start.device)
    directions = torch.tensor(vectors.T[::-1][:top].copy(), dtype=torch.float32, device=start.device) @ basis
    off = torch.vmap(product)(directions) - found.unsqueeze(1) * directions
    return found.tolist(), (off.norm(dim=1) / found.abs()).tolist()


def density(product, size: int, steps: int, probes: int, device, progress):
    """Nodes and weights of the quadrature for all eigenvalues, the mean over random vectors."""
    nodes, weights = [], []
    for _ in range(probes):
        diagonal, side, _ = lanczos(product, torch.randn(size, device=device), steps, progress)
        values, vectors = np.linalg.eigh(np.diag(diagonal) + np.diag(side[:-1], 1) + np.diag(side[:-1], -1))
        nodes.append(values)
        weights.append(vectors[0] ** 2 / probes)
    return np.concatenate(nodes), np.concatenate(weights)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--epochs", type=int, default=3, help="of training before")
    parser.add_argument("--pictures", type=int, default=1024, help="how many the loss is a mean over")
    parser.add_argument("--steps", type=int, default=60, help="of Lanczos")
    parser.add_argument("--top", type=int, default=10, help="how many eigenvalues")
    parser.add_argument("--probes", type=int, default=2, help="random vectors for the density")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--out", type=Path, default=Path("."))
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    device = torch.device(args.device)
    (x, y), held_out = load_data(device)
    model = DigitsCNN().to(device)
    train(model, x, y, args.epochs, 64, args.seed)
    print(f"validation accuracy {accuracy(model, *held_out):.2%}")

    product, size = hessian_product(model, x[: args.pictures], y[: args.pictures])
    total = args.steps * (1 + args.probes)
    with tqdm(total=total, desc="Lanczos", unit="step", mininterval=1.0) as progress:
        values, residuals = largest(product, torch.randn(size, device=device), args.steps, args.top, progress)
        nodes, weights = density(product, size, args.steps, args.probes, device, progress)
    print(f"largest eigenvalues of the {size:,} (residual |Hv - av| / |a|):")
    for value, residual in zip(values, residuals):
        print(f"  {value:10.4f}  ({residual:.1e})")
    print(f"trace, by the density: {size * (nodes * weights).sum():.2f}; smallest Ritz value {nodes.min():.4f}")

    args.out.mkdir(parents=True, exist_ok=True)
    plot(values, nodes, weights, args.out / "hessian_spectrum.png")
    print(f"wrote {args.out / 'hessian_spectrum.png'}")


def plot(values, nodes, weights, path: Path) -> None:
    """The largest eigenvalues, and the density smoothed with a narrow bell."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4))
    left.stem(np.arange(1, len(values) + 1), values)
    left.set_xlabel("rank"), left.set_title("largest eigenvalues")
    low, high = nodes.min(), nodes.max()
    width = (high - low) / 150
    grid = np.linspace(low - 5 * width, high + 5 * width, 1000)
    bells = np.exp(-0.5 * ((grid[:, None] - nodes) / width) ** 2) / (width * np.sqrt(2 * np.pi))
    right.semilogy(grid, np.maximum(bells @ weights, 1e-9))
    right.set_ylim(bottom=1e-8), right.set_xlabel("eigenvalue"), right.set_title("density of all eigenvalues")
    figure.tight_layout(), figure.savefig(path, dpi=120)
    plt.close(figure)


if __name__ == "__main__":
    main()

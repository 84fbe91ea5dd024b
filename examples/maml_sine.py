"""Learn to learn: MAML finds weights from which a few gradient steps fit any sine wave from ten points.

    python examples/maml_sine.py                # two to three minutes on two cores
    python examples/maml_sine.py --steps 300 --inner-steps 1   # some seconds

Each task is a sine wave of its own amplitude and phase. A meta-step takes a batch of tasks, adapts the
weights to each by gradient descent (``torch.func.grad``, batched over tasks by ``torch.vmap``), and moves
the weights so that the adapted ones do well on new points of the same waves: a gradient through gradient steps.
All of it is one compiled program. The baseline is the same network trained on all tasks at once, without
inner steps. Writes an example before and after adapting, and the errors over steps (maml_sine.png), into --out.

Source: Finn, Abbeel and Levine, "Model-agnostic meta-learning for fast adaptation of deep networks", 2017.
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
import rustorch.nn.functional as F

matplotlib.use("Agg")
import matplotlib.pyplot as plt


def network():
    """The paper's: one number in, one number out."""
    return nn.Sequential(nn.Linear(1, 40), nn.ReLU(), nn.Linear(40, 40), nn.ReLU(), nn.Linear(40, 1))


def draw_tasks(n: int, shots: int):
    """``n`` waves: ``2 * shots`` points of each, as ``(n, 2 * shots, 1)``."""
    amplitude, phase = 0.1 + 4.9 * torch.rand(n, 1, 1), math.pi * torch.rand(n, 1, 1)
    x = 10 * torch.rand(n, 2 * shots, 1) - 5
    return x, amplitude * torch.sin(x - phase)


def adapt(model, params, x, y, steps: int, lr: float):
    """The weights after each of ``steps`` gradient steps on one task."""

    def loss(params):
        return F.mse_loss(torch.func.functional_call(model, params, (x,)), y)

    path = [params]
    for _ in range(steps):
        grads = torch.func.grad(loss)(path[-1])
        path.append({name: p - lr * grads[name] for name, p in path[-1].items()})
    return path


def loss_after(model, x, y, steps: int, lr: float):
    """Errors on the second half of each task's points, after each step of adapting to the first: ``(tasks, steps + 1)``."""
    params, shots = dict(model.named_parameters()), x.shape[1] // 2

    def one(x, y):
        path = adapt(model, params, x[:shots], y[:shots], steps, lr)
        return torch.stack([F.mse_loss(torch.func.functional_call(model, p, (x[shots:],)), y[shots:]) for p in path])

    return torch.vmap(one)(x, y)


def train(model, args, inner_steps: int, name: str):
    """Adam on the error after ``inner_steps`` steps; the losses."""
    optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, args.steps)
    losses = []
    progress = tqdm(range(args.steps), desc=name, unit="step", mininterval=1.0)
    for step in progress:
        x, y = draw_tasks(args.tasks, args.shots)
        optimizer.zero_grad()
        loss = loss_after(model, x, y, inner_steps, args.inner_lr)[:, -1].mean()
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(loss.detach())
        if step % 100 == 99:
            progress.set_postfix(loss=f"{loss.item():.3f}")
    return torch.stack(losses).tolist()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--steps", type=int, default=4000, help="meta-steps")
    parser.add_argument("--tasks", type=int, default=25, help="tasks in a meta-step")
    parser.add_argument("--shots", type=int, default=10, help="points of a task to adapt to")
    parser.add_argument("--inner-steps", type=int, default=5)
    parser.add_argument("--inner-lr", type=float, default=0.02)
    parser.add_argument("--lr", type=float, default=3e-3)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--out", type=Path, default=Path("."))
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    torch.set_default_device(args.device)
    meta, plain, tasks = network(), network(), draw_tasks(500, args.shots)
    plain.load_state_dict(meta.state_dict())
    train(meta, args, args.inner_steps, "MAML")
    train(plain, args, 0, "plain")

    errors = {}
    for name, model in (("MAML", meta), ("plain pretraining", plain)):
        with torch.no_grad():  # the inner gradients are functions of their own
            errors[name] = loss_after(model, *tasks, 10, args.inner_lr).mean(0).tolist()
        shown = ", ".join(f"{k} steps {errors[name][k]:.3f}" for k in (0, 1, 5, 10))
        print(f"{name}: mean squared error on new tasks after {shown}")

    args.out.mkdir(parents=True, exist_ok=True)
    plot({"MAML": meta, "plain pretraining": plain}, errors, args)
    print(f"wrote {args.out / 'maml_sine.png'}")


@torch.no_grad()
def plot(models, errors, args) -> None:
    """One wave before and after adapting, for each model, and the mean errors over steps."""
    figure, axes = plt.subplots(1, 3, figsize=(12, 3.4))
    random = np.random.default_rng(args.seed)
    x, points = 10 * random.random((args.shots, 1)) - 5, np.linspace(-5, 5, 201)[:, None]
    y, wave = 3 * np.sin(x - 1), 3 * np.sin(points - 1)
    x_seen, y_seen, x_all = (torch.tensor(a, dtype=torch.float32) for a in (x, y, points))
    for axis, (name, model) in zip(axes, models.items()):
        path = adapt(model, dict(model.named_parameters()), x_seen, y_seen, 10, args.inner_lr)
        axis.plot(points, wave, "k:", label="the wave")
        axis.plot(x, y, "k^", label=f"{args.shots} points")
        for steps in (0, 1, 10):
            values = torch.func.functional_call(model, path[steps], (x_all,))
            axis.plot(points, values.numpy(), label=f"after {steps} steps")
        axis.set_title(name), axis.set_xlabel("x"), axis.legend(fontsize=7)
    for name, means in errors.items():
        axes[2].plot(means, marker="o", label=name)
    axes[2].set_yscale("log"), axes[2].set_xlabel("steps of adapting"), axes[2].set_title("mean squared error")
    axes[2].legend(), figure.tight_layout()
    figure.savefig(args.out / "maml_sine.png", dpi=120)
    plt.close(figure)


if __name__ == "__main__":
    main()

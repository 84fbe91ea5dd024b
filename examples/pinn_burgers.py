"""Solve Burgers' equation with a network that is trained on the equation alone (a physics-informed network).

    python examples/pinn_burgers.py             # about three minutes on two cores
    python examples/pinn_burgers.py --adam 200 --lbfgs 5

    u_t + u u_x = (0.01/pi) u_xx   for -1 < x < 1, 0 < t < 1,   u(0, x) = -sin(pi x),   u(t, -1) = u(t, 1) = 0

The derivatives in the loss are nested ``torch.autograd.grad``; Adam finds the valley, L-BFGS walks down
it. Every step of Adam and every call of the closure is one compiled program. The exact solution (Cole
and Hopf's, by quadrature) is used for the error only. Writes the solution, the exact one and their
difference (pinn_burgers.png) into --out.

Sources: Raissi, Perdikaris, Karniadakis, "Physics-informed neural networks", 2019; Basdevant et al.,
"Spectral and finite difference solutions of the Burgers equation", 1986.
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
    """A tanh network, changed so that it has the right initial and boundary values whatever its weights."""

    def __init__(self, width: int, layers: int):
        super().__init__()
        sizes = [2] + [width] * layers
        hidden = [part for a, b in zip(sizes, sizes[1:]) for part in (nn.Linear(a, b), nn.Tanh())]
        self.net = nn.Sequential(*hidden, nn.Linear(width, 1))
        for p in self.parameters():
            if p.ndim == 2:
                nn.init.xavier_normal_(p)

    def forward(self, x, t):
        return -torch.sin(math.pi * x) + t * (1 - x**2) * self.net(torch.cat([x, 2 * t - 1], dim=1))


def residual(model: Solution, x, t):
    """How far the equation is from holding at each point."""
    u = model(x, t)
    u_x, u_t = torch.autograd.grad(u.sum(), (x, t), create_graph=True)
    (u_xx,) = torch.autograd.grad(u_x.sum(), x, create_graph=True)
    return u_t + u * u_x - VISCOSITY * u_xx


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

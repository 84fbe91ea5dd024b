"""What people do with autograd by hand. Plain PyTorch."""

import numpy as np
import torch
from torch.autograd import Variable


class Clamp(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, low):
        ctx.save_for_backward(x)
        ctx.low = low
        return x.clamp(min=low)

    @staticmethod
    def backward(ctx, grad_output):
        (x,) = ctx.saved_tensors
        return grad_output * (x >= ctx.low).float(), None


rng = np.random.RandomState(3)
x = torch.tensor(rng.randn(5), dtype=torch.float32, requires_grad=True)
Clamp.apply(x, 0.1).pow(2).sum().backward()
print(x.grad)

# A gradient penalty: the gradient of a function of a gradient.
w = torch.tensor(rng.randn(5, 5), dtype=torch.float64, requires_grad=True)
v = torch.tensor(rng.randn(3, 5), dtype=torch.float64, requires_grad=True)
score = torch.tanh(v @ w).sum()
(g,) = torch.autograd.grad(score, v, create_graph=True)
penalty = ((g.norm(2, dim=1) - 1) ** 2).mean()
penalty.backward()
print(f"{penalty.item():.4f}", w.grad.abs().sum().item())

# Third derivative of sin at 1.
t = torch.tensor(1.0, requires_grad=True, dtype=torch.double)
y = torch.sin(t)
for _ in range(3):
    (y,) = torch.autograd.grad(y, t, create_graph=True)
print(y.item(), y.requires_grad)

# A Jacobian row by row, a Hessian by double backward.
a = torch.arange(1.0, 4.0, requires_grad=True)
b = torch.stack([a.prod(), a.sum() ** 2, a[0] / a[2]])
rows = [torch.autograd.grad(b[i], a, retain_graph=True)[0] for i in range(3)]
print(torch.stack(rows))

# Hooks, retained gradients, accumulation, detached parts.
seen = []
h = a * 2
h.register_hook(lambda grad: seen.append(grad.clone()) or grad * 10)
h.retain_grad()
(h * h.detach()).sum().backward()
print(a.grad, seen[0], h.grad)
a.grad.zero_()
(a**2).sum().backward()
(a**2).sum().backward()
print(a.grad, a.grad_fn, (a * 2).grad_fn is not None, h.is_leaf)

# In-place changes between uses.
z = torch.zeros(3)
z[1:] = a[1:] * 3
z.mul_(2)
z += a
print(torch.autograd.grad(z.sum(), a)[0])

with torch.no_grad():
    c = a * 2
print(c.requires_grad, torch.is_grad_enabled())
old = Variable(torch.ones(2), requires_grad=True)
try:
    (old * 2).backward()
except RuntimeError as e:
    print(e)
try:
    s = (old * old).sum()
    s.backward()
    s.backward()
except RuntimeError as e:
    print(str(e)[:60])

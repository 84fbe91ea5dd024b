"""Two spirals: an MLP, Adam with a schedule, checkpoint and reload. Plain PyTorch."""

import math
import os
import tempfile

import numpy as np
import torch
import torch.nn as nn
import torch.optim as optim
from torch.optim.lr_scheduler import StepLR

rng = np.random.RandomState(0)
t = np.sqrt(rng.rand(200)) * 3 * math.pi
spiral = np.stack([t * np.cos(t), t * np.sin(t)], 1) / 10
data = np.concatenate([spiral, -spiral]).astype("float32") + rng.randn(400, 2).astype("float32") * 0.02
labels = np.repeat([0, 1], 200)


class Net(nn.Module):
    def __init__(self, hidden=32):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(2, hidden), nn.Tanh(), nn.Linear(hidden, hidden), nn.ReLU())
        self.head = nn.Linear(hidden, 2)

    def forward(self, x):
        return self.head(self.body(x))


def weights(module):
    if isinstance(module, nn.Linear):
        with torch.no_grad():
            module.weight.copy_(torch.from_numpy(rng.randn(*module.weight.shape)) / math.sqrt(module.in_features))
            module.bias.zero_()


model = Net().apply(weights)
print(model)
print(sum(p.numel() for p in model.parameters() if p.requires_grad))
criterion = nn.CrossEntropyLoss(label_smoothing=0.05)
optimizer = optim.Adam(model.parameters(), lr=1e-2, weight_decay=1e-4)
scheduler = StepLR(optimizer, step_size=2, gamma=0.7)
x, y = torch.from_numpy(data), torch.tensor(labels)

for epoch in range(6):
    order = torch.from_numpy(rng.permutation(len(x)))
    total = 0.0
    for batch in order.split(80):
        optimizer.zero_grad()
        loss = criterion(model(x[batch]), y[batch])
        loss.backward()
        optimizer.step()
        total += loss.item() * len(batch)
    scheduler.step()
    with torch.no_grad():
        accuracy = (model(x).argmax(dim=1) == y).float().mean()
    print(f"{epoch} {total / len(x):.3f} {scheduler.get_last_lr()[0]:.5f} {accuracy:.2f}")

path = os.path.join(tempfile.mkdtemp(), "net.pt")
torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, path)
again = Net()
checkpoint = torch.load(path)
print(again.load_state_dict(checkpoint["model"]))
optimizer.load_state_dict(checkpoint["optimizer"])
print(bool((again(x) == model(x)).all()), sorted(checkpoint["optimizer"]["state"][0]))

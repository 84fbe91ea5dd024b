"""A small residual CNN: batch norm in both modes, SGD with momentum, cosine schedule, freezing. Plain PyTorch."""

import copy

import numpy as np
import torch
from torch import nn, optim
from torch.nn import functional as F


class Residual(nn.Module):
    expansion = 1

    def __init__(self, cin, cout, stride=1):
        super().__init__()
        self.conv1 = nn.Conv2d(cin, cout, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(cout)
        self.conv2 = nn.Conv2d(cout, cout, kernel_size=3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(cout)
        self.shortcut = nn.Sequential()
        if stride != 1 or cin != cout:
            self.shortcut = nn.Sequential(nn.Conv2d(cin, cout, 1, stride=stride, bias=False), nn.BatchNorm2d(cout))
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += self.shortcut(x)
        return self.relu(out)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer1 = Residual(1, 8)
        self.layer2 = Residual(8, 16, stride=2)
        self.pool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(16, 4)

    def forward(self, x):
        x = F.max_pool2d(self.layer2(self.layer1(x)), 2)
        return self.fc(torch.flatten(self.pool(x), 1))


rng = np.random.RandomState(2)
net = Net()
for p in net.parameters():
    if p.ndim > 1:
        p.data = torch.tensor(rng.randn(*p.shape) * (2.0 / p[0].numel()) ** 0.5, dtype=p.dtype)
nn.init.zeros_(net.fc.bias)
images = rng.randn(64, 1, 12, 12).astype(np.float32)
targets = np.abs(images.reshape(64, 2, 6, 2, 6).mean((2, 4))).reshape(64, 4).argmax(1)
optimizer = optim.SGD(net.parameters(), lr=0.05, momentum=0.9, nesterov=True, weight_decay=5e-4)
scheduler = optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=12)
best, kept = float("inf"), None
for epoch in range(4):
    net.train()
    running = 0.0
    for i in range(0, 64, 32):
        inputs, labels = torch.from_numpy(images[i : i + 32]), torch.from_numpy(targets[i : i + 32])
        optimizer.zero_grad()
        outputs = net(inputs)
        loss = nn.CrossEntropyLoss()(outputs, labels)
        loss.backward()
        optimizer.step()
        scheduler.step()
        running += loss.item()
    net.eval()
    with torch.no_grad():
        held = F.cross_entropy(net(torch.from_numpy(images)), torch.from_numpy(targets)).item()
    if running < best:
        best, kept = running, copy.deepcopy(net.state_dict())
    print(epoch, round(running, 2), round(held, 2))
print(len(kept), net.layer1.bn1.num_batches_tracked, f"{net.layer1.bn1.running_mean.abs().mean():.3f}")
for name, p in net.named_parameters():
    p.requires_grad = name.startswith("fc")
out = net(torch.from_numpy(images[:4]))
out.logsumexp(1).sum().backward()
print([n for n, p in net.named_parameters() if p.grad is not None and p.requires_grad])

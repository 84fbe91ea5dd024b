"""k-means, histograms, sorting, and writing through indices. Plain PyTorch."""

import numpy as np
import torch

rng = np.random.RandomState(4)
points = torch.from_numpy(np.concatenate([rng.randn(30, 2) + c for c in ([0, 0], [6, 6], [-6, 6])]))
centers = points[[0, 35, 70]].clone()
for _ in range(5):
    nearest = torch.cdist(points, centers).argmin(dim=1)
    sums = torch.zeros_like(centers).index_add_(0, nearest, points)
    counts = torch.zeros(3, dtype=points.dtype).scatter_add_(0, nearest, torch.ones(len(points), dtype=points.dtype))
    centers = sums / counts.unsqueeze(1)
print(nearest.bincount(), centers)

m = torch.arange(20).reshape(4, 5)
m[m % 3 == 0] = -1
m[:, ::2] += 100
m[[0, 2], 1] = torch.tensor([7, 8])
print(m, m[..., -1], m[None, 1:3, [0, 1]].shape, m.dtype)
values, indices = torch.sort(m.flatten(), descending=True)
print(values[:5], torch.topk(m.float(), 2, dim=1).values)
print(torch.unique(m, return_counts=True))
print(torch.where(m > 0, m, torch.zeros_like(m)).sum(), (m > 100).nonzero().tolist()[:3])
print(torch.einsum("ij,kj->ik", m.double(), m.double()).trace())
onehot = torch.zeros(4, 6).scatter_(1, torch.tensor([[1], [5], [0], [2]]), 1.0)
print(onehot.argmax(1), torch.nn.functional.one_hot(torch.tensor([2, 0])))
b = torch.tensor([True, False, True])
print(b.any(), (~b).sum(), b & torch.tensor([True, True, False]), b.nonzero(as_tuple=True))
print(torch.cat([torch.ones(2), torch.zeros(1)]).cumsum(0), torch.linspace(0, 1, 5), 7 // torch.tensor(2))
print(torch.stack([points.mean(0), points.std(0), points.median(0).values]))
print(np.asarray(m).sum(), m.numpy().shape, torch.tensor(np.float32(2.5)), float(m[0, 0]), int(m.max()))
q = torch.full((2, 2), 3.14159)
print(q, f"{q[0, 0]:.2f}", q.tolist(), repr(q.sum()), q.half().dtype, q.to(torch.int32))

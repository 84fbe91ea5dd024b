"""Several threads may record and run at once."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

import rustorch as torch
import rustorch.nn as nn


def test_eight_threads_forward_and_backward():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 1))
    data = torch.from_numpy(np.random.default_rng(0).normal(size=(8, 5, 6)).astype(np.float32))

    def gradient(worker, factor):
        x = data[worker] * factor
        x = x.detach().requires_grad_()
        loss = (model(x) ** 2).sum()
        (g,) = torch.autograd.grad(loss, x)
        return loss.item(), g.numpy().copy()

    expected = {(w, k): gradient(w, 1.0 + k) for w in range(8) for k in range(4)}

    def work(worker):
        wrong = 0
        for i in range(200):
            loss, g = gradient(worker, 1.0 + i % 4)
            want_loss, want = expected[worker, i % 4]
            wrong += not (np.isclose(loss, want_loss, rtol=1e-5) and np.allclose(g, want, rtol=1e-4, atol=1e-6))
        return wrong

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(8))) == [0] * 8


def test_grad_mode_is_per_thread():
    with torch.no_grad(), ThreadPoolExecutor(1) as pool:
        assert pool.submit(torch.is_grad_enabled).result()
        assert not torch.is_grad_enabled()

"""``jit.trace(step, steps=K)``: K steps in one program do what K calls do."""

import numpy as np
import pytest

import rustorch as torch
import rustorch.nn as nn
import rustorch.nn.functional as F
from rustorch.lowering import counters


def numbers(seed, *shape):
    return torch.tensor(np.random.default_rng(seed).standard_normal(shape).astype(np.float32))


class Job:
    def __init__(self):
        torch.manual_seed(0)
        # No bias before the norm: its gradient is rounding noise, which Adam would blow up.
        first = nn.Linear(5, 8, bias=False)
        self.net = nn.Sequential(first, nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 1))
        self.optimizer = torch.optim.Adam(self.net.parameters(), lr=0.05)
        self.scheduler = torch.optim.lr_scheduler.StepLR(self.optimizer, 3, 0.7)
        self.mean = torch.zeros(())

    def step(self, x, y):
        self.optimizer.zero_grad()
        loss = F.mse_loss(self.net(x), y)
        loss.backward()
        nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        self.optimizer.step()
        self.scheduler.step()
        self.mean = 0.9 * self.mean + 0.1 * loss.detach()
        return {"loss": loss.detach(), "size": x.shape[0]}


def close(a, b):
    np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-4, atol=1e-5)


def test_equal_to_single_steps():
    plain, many = Job(), Job()
    step = torch.jit.trace(many.step, steps=4, fullgraph=True)
    xs, ys = numbers(0, 19, 6, 5), numbers(1, 19, 6, 1)
    torch.manual_seed(2)
    expected = [plain.step(x, y)["loss"] for x, y in zip(xs, ys)]
    torch.manual_seed(2)
    got = []
    for at in range(0, 19, 4):  # the last block is shorter
        out = step(xs[at : at + 4], ys[at : at + 4])
        assert out["size"] == 6
        got.extend(out["loss"])
    for a, b in zip(got, expected, strict=True):
        close(a, b)
    for a, b in zip(many.net.state_dict().values(), plain.net.state_dict().values()):
        close(a, b)
    for p, q in zip(many.net.parameters(), plain.net.parameters()):
        close(p.grad, q.grad)
    close(many.mean, plain.mean)
    assert many.scheduler.get_last_lr() == plain.scheduler.get_last_lr()
    saved = many.optimizer.state_dict()["state"][0], plain.optimizer.state_dict()["state"][0]
    assert saved[0]["step"] == saved[1]["step"] == 19


def test_one_dispatch_a_block():
    job = Job()
    step = torch.jit.trace(job.step, steps=5)
    blocks = [(numbers(i, 5, 6, 5), numbers(i + 9, 5, 6, 1)) for i in range(5)]
    step(*blocks[0]), step(*blocks[1])
    before = counters()
    for x, y in blocks[2:]:
        step(x, y)
    after = counters()
    assert after["dispatched"] - before["dispatched"] == 3 and after["compiled"] == before["compiled"], step.explain()


def test_guards_hold_for_blocks_too():
    scale = {"k": 1.0}
    w = torch.zeros(2)

    def f(x):
        w.add_(x * scale["k"])
        return w.sum()

    step = torch.jit.trace(f, steps=3)
    out = [step(torch.ones(3, 2)) for _ in range(3)]
    scale["k"] = 10.0
    out.append(step(torch.ones(3, 2)))
    w.zero_()
    out.append(step(torch.ones(2, 2)))
    assert [o.tolist() for o in out] == [[2, 4, 6], [8, 10, 12], [14, 16, 18], [38, 58, 78], [20, 40]]
    assert w.tolist() == [20, 20]


def test_what_cannot_be_looped_is_taken_step_by_step():
    step = torch.jit.trace(lambda x: x * 2 if x.sum() > 0 else x, steps=4)
    for _ in range(3):
        assert step(torch.tensor([1.0, -1.0, 2.0])).tolist() == [2, -1, 4]


def test_wrong_blocks():
    step = torch.jit.trace(lambda x, y: x + y, steps=4)
    for x, y in (
        (torch.ones(5, 2), torch.ones(5, 2)),
        (torch.ones(2, 2), torch.ones(3, 2)),
        (torch.tensor(1.0), torch.ones(2)),
    ):
        with pytest.raises(RuntimeError, match="steps=4"):
            step(x, y)


def test_blocks_of_a_loader():
    batches = [(np.full((3, 2), i, np.float32), {"y": torch.ones(3)}) for i in range(7)] + [
        (np.zeros((1, 2), np.float32), {"y": torch.ones(1)})
    ]
    got = list(torch.jit.blocks(batches, 3))
    assert [tuple(x.shape) for x, _ in got] == [(3, 3, 2), (3, 3, 2), (1, 3, 2), (1, 1, 2)]
    assert got[1][0][2, 0, 0].item() == 5 and got[2][1]["y"].shape == (1, 3)


def test_blocks_hand_over_errors_and_stop():
    def loader():
        yield torch.ones(2)
        raise ValueError("disk")

    with pytest.raises(ValueError, match="disk"):
        list(torch.jit.blocks(loader(), 1))
    endless = torch.jit.blocks(iter(lambda: torch.ones(2), None), 2)
    assert next(endless).shape == (2, 2)
    endless.close()

"""Traced training steps do what the same steps do untraced: over 50 steps, state, results and Python numbers."""

import copy

import numpy as np
import pytest

import rustorch as torch
import rustorch.nn as nn
import rustorch.nn.functional as F
from rustorch.lowering import counters

STEPS = 50


def numbers(seed, *shape):
    return torch.tensor(np.random.default_rng(seed).standard_normal(shape).astype(np.float32))


def labels(seed, n, classes):
    return torch.tensor(np.random.default_rng(seed).integers(0, classes, n))


class Job:
    """A model, what holds its state, a step, and the arguments of each call."""

    def __init__(self, step, state, calls, extra=lambda: ()):
        self.step, self.state, self.calls, self.extra = step, state, calls, extra


def mlp():
    net = nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 3))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)

    def step(x, y):
        optimizer.zero_grad()
        loss = F.cross_entropy(net(x), y)
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        return loss

    return Job(step, [net], [(numbers(i, 8, 6), labels(i, 8, 3)) for i in range(STEPS)])


def cnn():
    net = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.3), nn.Flatten(), nn.Linear(64, 3)
    )  # fmt: skip
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)

    def step(x, y):
        optimizer.zero_grad()
        out = net(x)
        loss = F.cross_entropy(out, y)
        loss.backward()
        optimizer.step()
        return loss.detach(), (out.argmax(1) == y).float().mean()

    return Job(step, [net], [(numbers(i, 6, 1, 8, 8), labels(i, 6, 3)) for i in range(STEPS)])


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width), nn.Dropout(0.1))

    def forward(self, x):
        b, t, c = x.shape
        q, k, v = (
            z.view(b, t, self.heads, c // self.heads).transpose(1, 2) for z in self.qkv(self.norm1(x)).split(c, 2)
        )
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(y.transpose(1, 2).reshape(b, t, c))
        return x + self.mlp(self.norm2(x))


class Gpt(nn.Module):
    def __init__(self):
        super().__init__()
        self.token, self.place = nn.Embedding(11, 16), nn.Embedding(8, 16)
        self.blocks = nn.ModuleList(Block(16, 2) for _ in range(2))
        self.head = nn.Linear(16, 11, bias=False)
        self.head.weight = self.token.weight  # tied

    def forward(self, ids):
        x = self.token(ids) + self.place(torch.arange(ids.shape[1]))
        for block in self.blocks:
            x = block(x)
        return self.head(x)


def gpt_with_tied_weights():
    net = Gpt()
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-3)

    def step(ids):
        optimizer.zero_grad(set_to_none=True)
        loss = F.cross_entropy(net(ids[:, :-1]).reshape(-1, 11), ids[:, 1:].reshape(-1))
        loss.backward()
        optimizer.step()
        return loss

    return Job(step, [net], [(torch.tensor(np.random.default_rng(i).integers(0, 11, (4, 9))),) for i in range(STEPS)])


class Lstm(nn.Module):
    """A cell, unrolled."""

    def __init__(self, inputs, hidden):
        super().__init__()
        self.hidden = hidden
        self.gates = nn.Linear(inputs + hidden, 4 * hidden)

    def forward(self, x):
        h = c = torch.zeros(x.shape[0], self.hidden)
        for t in range(x.shape[1]):
            i, f, g, o = self.gates(torch.cat([x[:, t], h], 1)).chunk(4, 1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
        return h


def lstm():
    net = nn.ModuleDict({"rnn": Lstm(4, 8), "head": nn.Linear(8, 2)})
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)

    def step(x, y):
        loss = F.mse_loss(net["head"](net["rnn"](x)), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return Job(step, [net], [(numbers(i, 5, 5, 4), numbers(i, 5, 2)) for i in range(STEPS)])


def lstm_layers():
    net = nn.ModuleDict({"rnn": nn.LSTM(4, 6, 2, batch_first=True, dropout=0.2), "head": nn.Linear(6, 2)})
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)

    def step(x, y):
        loss = F.mse_loss(net["head"](net["rnn"](x)[0][:, -1]), y)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 0.5)
        optimizer.step()
        return loss

    return Job(step, [net], [(numbers(i, 5, 5, 4), numbers(i, 5, 2)) for i in range(STEPS)])


def gan_with_two_optimizers():
    make, judge = (
        nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2)),
        nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 1)),
    )
    first, second = torch.optim.Adam(make.parameters(), lr=1e-3), torch.optim.Adam(judge.parameters(), lr=2e-3)

    def step(real):
        fake = make(torch.randn(real.shape[0], 4))
        second.zero_grad()
        ones, zeros = torch.ones(real.shape[0], 1), torch.zeros(real.shape[0], 1)
        loss_d = F.binary_cross_entropy_with_logits(judge(real), ones) + F.binary_cross_entropy_with_logits(
            judge(fake.detach()), zeros
        )
        loss_d.backward()
        second.step()
        first.zero_grad()
        loss_g = F.binary_cross_entropy_with_logits(judge(fake), ones)
        loss_g.backward()
        first.step()
        return {"d": loss_d.detach(), "g": loss_g.detach()}

    return Job(step, [make, judge], [(numbers(i, 8, 2),) for i in range(STEPS)])


def gradient_accumulation():
    net = nn.Linear(4, 1)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05)

    def step(x, y, last):
        loss = F.mse_loss(net(x), y) / 4
        loss.backward()
        if last:
            optimizer.step()
            optimizer.zero_grad()
        return loss.detach()

    return Job(step, [net], [(numbers(i, 3, 4), numbers(i, 3, 1), i % 4 == 3) for i in range(STEPS)])


def moving_average():
    net = nn.Linear(4, 2)
    average = copy.deepcopy(net).requires_grad_(False)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)

    def step(x):
        optimizer.zero_grad()
        loss = net(x).square().mean()
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            for a, p in zip(average.parameters(), net.parameters()):
                a.lerp_(p, 0.1)
        return loss

    return Job(step, [net, average], [(numbers(i, 3, 4),) for i in range(STEPS)])


class Averaged:
    """State in attributes and dicts that are bound anew at each step."""

    def __init__(self):
        self.net = nn.Linear(4, 2)
        self.optimizer = torch.optim.SGD(self.net.parameters(), lr=0.1)
        self.running = torch.zeros(())
        self.shadow = {name: p.detach().clone() for name, p in self.net.named_parameters()}

    def step(self, x):
        self.optimizer.zero_grad()
        loss = self.net(x).square().mean()
        loss.backward()
        self.optimizer.step()
        self.running = 0.9 * self.running + 0.1 * loss.detach()
        for name, p in self.net.named_parameters():
            self.shadow[name] = 0.5 * self.shadow[name] + 0.5 * p.detach()
        return loss


def rebound_attributes():
    job = Averaged()
    return Job(
        job.step, [job.net], [(numbers(i, 3, 4),) for i in range(STEPS)], lambda: (job.running, *job.shadow.values())
    )


def maml():
    flat = [numbers(i, *s).requires_grad_() for i, s in enumerate([(1, 8), (8,), (8, 1), (1,)])]
    optimizer = torch.optim.Adam(flat, lr=1e-2)

    def loss_of(flat, x, y):
        return (torch.tanh(x @ flat[0] + flat[1]) @ flat[2] + flat[3] - y).square().mean()

    def step(x, y):
        inner = torch.autograd.grad(loss_of(flat, x, y), flat, create_graph=True)
        loss = loss_of([p - 0.1 * g for p, g in zip(flat, inner)], x, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return Job(step, [], [(numbers(i, 6, 1), numbers(i + 1, 6, 1)) for i in range(STEPS)], lambda: flat)


def pinn_with_lbfgs():
    net = nn.Sequential(nn.Linear(1, 8), nn.Tanh(), nn.Linear(8, 1))
    optimizer = torch.optim.LBFGS(net.parameters(), lr=0.5, max_iter=2)
    x = numbers(0, 12, 1).requires_grad_()

    def closure():
        optimizer.zero_grad()
        u = net(x)
        (du,) = torch.autograd.grad(u.sum(), x, create_graph=True)
        (ddu,) = torch.autograd.grad(du.sum(), x, create_graph=True)
        loss = (ddu + u).square().mean()
        loss.backward()
        return loss

    return Job(lambda run=closure: optimizer.step(run), [net], [() for _ in range(8)])


def frozen_layers():
    net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    net[0].requires_grad_(False)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)

    def step(x):
        optimizer.zero_grad()
        loss = net(x).square().mean()
        loss.backward()
        optimizer.step()
        return loss

    return Job(step, [net], [(numbers(i, 3, 4),) for i in range(STEPS)])


def scheduler_inside():
    net = nn.Linear(4, 2)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-1)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 7, 0.5)

    def step(x):
        optimizer.zero_grad()
        loss = net(x).square().mean()
        loss.backward()
        optimizer.step()
        scheduler.step()
        return loss

    return Job(
        step, [net], [(numbers(i, 3, 4),) for i in range(STEPS)], lambda: (torch.tensor(scheduler.get_last_lr()),)
    )


def mixed_precision():
    net = nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 3))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)

    def step(x, y):
        optimizer.zero_grad()
        half = [p.bfloat16() for p in net.parameters()]
        out = torch.tanh(x.bfloat16() @ half[0].t() + half[1]) @ half[2].t() + half[3]
        loss = F.cross_entropy(out.float(), y)
        loss.backward()
        optimizer.step()
        return loss

    return Job(step, [net], [(numbers(i, 8, 6), labels(i, 8, 3)) for i in range(STEPS)])


JOBS = [mlp, cnn, gpt_with_tied_weights, lstm, lstm_layers, gan_with_two_optimizers, gradient_accumulation, moving_average, rebound_attributes,
        maml, pinn_with_lbfgs, frozen_layers, scheduler_inside, mixed_precision]  # fmt: skip


def flat(x):
    if isinstance(x, torch.Tensor):
        return [x.detach().float().numpy().copy()]
    return [a for item in (x.values() if isinstance(x, dict) else x) for a in flat(item)]


def close(a, b):
    for x, y in zip(a, b, strict=True):
        np.testing.assert_allclose(x, y, rtol=2e-5, atol=1e-6)


def run(job, step):
    torch.manual_seed(7)
    return [flat(step(*args)) for args in job.calls]


@pytest.mark.parametrize("make", JOBS, ids=lambda f: f.__name__)
@pytest.mark.filterwarnings("ignore:.*runs as an ordinary function")
def test_fifty_steps(make):
    torch.manual_seed(0)
    plain = make()
    torch.manual_seed(0)
    traced = make()
    expected = run(plain, plain.step)
    got = run(traced, torch.jit.trace(traced.step))
    for a, b in zip(expected, got, strict=True):
        close(a, b)
    for a, b in zip(plain.state, traced.state):
        close(flat(a.state_dict()), flat(b.state_dict()))
        for p, q in zip(a.parameters(), b.parameters()):
            assert (p.grad is None) == (q.grad is None)
            if p.grad is not None:
                close(flat(p.grad), flat(q.grad))
    close(flat(plain.extra()), flat(traced.extra()))


@pytest.mark.parametrize("make", [mlp, cnn, gpt_with_tied_weights, lstm, lstm_layers, gan_with_two_optimizers, moving_average, rebound_attributes,
                                  maml, frozen_layers, scheduler_inside, mixed_precision], ids=lambda f: f.__name__)  # fmt: skip
def test_one_program_and_no_recording(make):
    job = make()
    step = torch.jit.trace(job.step, fullgraph=True)
    for args in job.calls[:4]:
        step(*args)
    before = counters()
    for args in job.calls[4:10]:
        step(*args)
    after = counters()
    assert after["compiled"] == before["compiled"], step.explain()
    assert after["dispatched"] - before["dispatched"] == 6, step.explain()
    assert sum(v.runs for vs in step.variants.values() for v in vs) >= 6


def test_train_and_eval_between_calls():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Dropout(0.5))
    other = copy.deepcopy(net)
    traced = torch.jit.trace(lambda x: net(x).detach())
    torch.manual_seed(1)
    a = [flat((net.train(i % 3 > 0), traced(numbers(i, 6, 4)))[1]) for i in range(12)]
    torch.manual_seed(1)
    b = [flat((other.train(i % 3 > 0), other(numbers(i, 6, 4)))[1]) for i in range(12)]
    for x, y in zip(a, b):
        close(x, y)
    close(flat(net.state_dict()), flat(other.state_dict()))


def test_a_last_smaller_batch():
    torch.manual_seed(0)
    a = mlp()
    torch.manual_seed(0)
    b = mlp()
    traced = torch.jit.trace(a.step)
    for i in range(12):
        n = 3 if i % 4 == 3 else 8
        x, y = numbers(i, n, 6), labels(i, n, 3)
        close(flat(traced(x, y)), flat(b.step(x, y)))
    close(flat(a.state[0].state_dict()), flat(b.state[0].state_dict()))


def test_a_scheduler_outside_needs_no_new_recording():
    torch.manual_seed(0)
    a = mlp()
    torch.manual_seed(0)
    net = nn.Linear(4, 2)
    optimizer = torch.optim.SGD(net.parameters(), lr=1.0)
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)

    def step(x):
        optimizer.zero_grad()
        (net(x).sum()).backward()
        optimizer.step()

    traced, x = torch.jit.trace(step), torch.ones(1, 4)
    for _ in range(4):
        traced(x)
        scheduler.step()
    recorded = len(traced.explain().partition("history:")[2].splitlines())
    before = net.bias.detach().clone()
    for _ in range(3):
        traced(x)
        scheduler.step()
    assert len(traced.explain().partition("history:")[2].splitlines()) == recorded
    np.testing.assert_allclose((before - net.bias).detach().numpy(), 1 / 16 + 1 / 32 + 1 / 64, rtol=1e-5)
    assert a is not None


def test_derivatives_flow_through_a_traced_module():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
    traced = torch.jit.trace(net, torch.ones(2, 3))
    x = numbers(0, 5, 3).requires_grad_()
    for _ in range(3):
        x.grad = None
        net.zero_grad()
        y = traced(x)
        (g,) = torch.autograd.grad(y.sum(), x, create_graph=True)
        g.square().sum().backward()
    expected = torch.func.grad(lambda x: torch.func.grad(lambda x: net(x).sum())(x).square().sum())(x.detach())
    close(flat(x.grad), flat(expected))
    assert list(traced.state_dict()) == list(net.state_dict())
    assert traced[0].weight is net[0].weight
    assert traced.eval().training is False

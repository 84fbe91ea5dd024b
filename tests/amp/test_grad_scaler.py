"""``GradScaler`` beside PyTorch: scales, skipped steps, step counts; one program a step; traced steps."""

import pickle
import warnings

import numpy as np
import pytest
import torch

import rustorch
from rustorch.lowering import counters

BOTH = (torch, rustorch)
SHAPES = [(8, 4), (8,), (2, 8), (2,)]


def model_of(lib):
    rng = np.random.default_rng(0)
    model = lib.nn.Sequential(lib.nn.Linear(4, 8), lib.nn.Tanh(), lib.nn.Linear(8, 2))
    with lib.no_grad():
        for p, shape in zip(model.parameters(), SHAPES):
            p.copy_(lib.tensor((0.3 * rng.normal(size=shape)).astype(np.float32)))
    return model


class Run:
    """A training loop with autocast and a scaler; steps in ``bad`` overflow."""

    def __init__(self, lib, method, dtype="float16", clip=False, traced=False, bad=(5, 6, 17), options=None, **scaler):
        self.lib, self.clip, self.bad, self.rng, self.i = lib, clip, bad, np.random.default_rng(1), 0
        self.model, self.dtype = model_of(lib), getattr(lib, dtype)
        self.optimizer = getattr(lib.optim, method)(self.model.parameters(), **(options or {"lr": 0.01}))
        self.scaler = lib.amp.GradScaler("cpu", **{"init_scale": 1024.0, "growth_interval": 4, **scaler})
        self.call = lib.jit.trace(self.body) if traced else self.body

    def body(self, x, y, factor):
        self.optimizer.zero_grad()
        with self.lib.autocast("cpu", self.dtype):
            loss = ((self.model(x).float() - y) ** 2).mean() * factor
        self.scaler.scale(loss).backward()
        if self.clip:
            self.scaler.unscale_(self.optimizer)
            self.lib.nn.utils.clip_grad_norm_(self.model.parameters(), 0.3)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        return loss

    def step(self):
        arrays = [self.rng.normal(size=(16, n)).astype(np.float32) for n in (4, 2)]
        factor = np.float32("inf") if self.i in self.bad else np.float32(1)
        self.i += 1
        return self.call(*[self.lib.tensor(a) for a in (*arrays, factor)])

    def parameters(self):
        return [p.detach().numpy().copy() for p in self.model.parameters()]

    def train(self, steps):
        """The scales, and which steps left the parameters as they were."""
        scales, skipped, before = [], [], self.parameters()
        for i in range(steps):
            self.step()
            now = self.parameters()
            scales.append((self.scaler.get_scale(), self.scaler._get_growth_tracker()))
            if all(np.array_equal(a, b) for a, b in zip(before, now)):
                skipped.append(i)
            before = now
        return scales, skipped

    def counts(self):
        return [float(s["step"]) for s in self.optimizer.state_dict()["state"].values() if "step" in s]


def agree(a, b, tolerance=2e-3):
    for x, y in zip(a.parameters(), b.parameters()):
        np.testing.assert_allclose(x, y, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("clip", [False, True])
@pytest.mark.parametrize(
    "method, options",
    [("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.1}), ("Adam", {"lr": 0.01}), ("AdamW", {"amsgrad": True})],
)
def test_training(method, options, clip):
    runs = [Run(lib, method, clip=clip, options=options, bad=(0, 5, 6, 17)) for lib in BOTH]
    (scales, skipped), ours = [run.train(30) for run in runs]
    assert ours == (scales, skipped) and {0, 5, 6, 17} <= set(skipped)
    agree(*runs)
    assert runs[0].counts() == runs[1].counts()


def test_factors_that_are_no_powers_of_two():
    options = {"growth_factor": 1.3, "backoff_factor": 0.7, "growth_interval": 2, "init_scale": 1000.0}
    runs = [Run(lib, "SGD", "bfloat16", **options) for lib in BOTH]
    assert runs[0].train(12) == runs[1].train(12)


def test_the_scale_stays_finite():
    def program(lib):
        w, seen = lib.ones(1, requires_grad=True), []
        optimizer, scaler = lib.optim.SGD([w], lr=0.5), lib.amp.GradScaler("cpu", 1e38, 1.5, growth_interval=1)
        for _ in range(4):
            optimizer.zero_grad()
            scaler.scale((w * 1e-3).sum()).backward()
            scaler.step(optimizer)
            scaler.update()
            seen.append((scaler.get_scale(), scaler._get_growth_tracker(), round(w.item(), 6)))
        return seen

    assert program(torch) == program(rustorch)


@pytest.mark.parametrize("look", [False, True])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_a_step_is_one_program(dtype, look):
    run = Run(rustorch, "Adam", dtype, clip=True)
    for _ in range(4):
        run.step()
    before = counters()
    for _ in range(16):
        loss = run.step()
        if look:
            loss.item()
    after = counters()
    assert after["compiled"] == before["compiled"], rustorch.lowering.explain()
    assert after["dispatched"] - before["dispatched"] == 16


@pytest.mark.parametrize("dtype, method", [("float16", "Adam"), ("bfloat16", "SGD")])
def test_a_traced_step(dtype, method):
    runs = [Run(rustorch, method, dtype, clip=method == "SGD", traced=traced) for traced in (False, True)]
    for i in range(50):
        losses = [run.step() for run in runs]
        np.testing.assert_array_equal(*[loss.detach().numpy() for loss in losses])
        if i == 9:
            before = counters()["compiled"]
    assert counters()["compiled"] == before
    agree(*runs, tolerance=0)
    assert runs[0].scaler.state_dict() == runs[1].scaler.state_dict()
    assert runs[0].counts() == runs[1].counts() and all(n < 50 for n in runs[0].counts())
    assert "one program" in runs[1].call.explain()


def test_many_traced_steps_in_one_program():
    runs = [Run(rustorch, "Adam") for _ in range(2)]
    many = rustorch.jit.trace(runs[1].body, steps=8)
    for _ in range(3):
        blocks = [runs[0].rng.normal(size=(8, 16, n)).astype(np.float32) for n in (4, 2)]
        blocks.append(np.where(np.arange(8) == 3, np.inf, 1.0).astype(np.float32))
        losses = [runs[0].call(*[rustorch.tensor(b[i]) for b in blocks]).item() for i in range(8)]
        np.testing.assert_array_equal(losses, many(*[rustorch.tensor(b) for b in blocks]).detach().numpy())
    agree(*runs, tolerance=0)
    assert runs[0].counts() == runs[1].counts() and runs[0].scaler.state_dict() == runs[1].scaler.state_dict()


def test_two_optimizers():
    def program(lib):
        a, b = lib.ones(2, requires_grad=True), lib.ones(2, requires_grad=True)
        optimizers = [lib.optim.SGD([p], lr=0.1) for p in (a, b)]
        scaler, seen = lib.amp.GradScaler("cpu", init_scale=8.0, growth_interval=2), []
        for i in range(5):
            a.grad = b.grad = None
            losses = [(a * a).sum(), (b * b).sum() * (float("inf") if i == 1 else 1.0)]
            for loss in scaler.scale(losses):
                loss.backward()
            for optimizer in optimizers:
                scaler.step(optimizer)
            scaler.update()
            seen.append((scaler.get_scale(), [round(x, 5) for x in a.tolist() + b.tolist()]))
        return seen

    assert program(torch) == program(rustorch)


def test_counts_of_parameters_that_rest():
    def program(lib):
        a, b = lib.ones(2, requires_grad=True), lib.ones(2, requires_grad=True)
        optimizer, scaler = lib.optim.Adam([a, b]), lib.amp.GradScaler("cpu", init_scale=4.0)
        seen = []
        for i in range(6):
            optimizer.zero_grad()
            loss = (a * a).sum() + ((b * b).sum() if i not in (1, 2) else 0)
            scaler.scale(loss * (float("inf") if i == 3 else 1.0)).backward()
            scaler.step(optimizer)
            scaler.update()
            seen.append([float(optimizer.state[p]["step"]) for p in (a, b)])
        optimizer.zero_grad()
        (a * b).sum().backward()
        optimizer.step()  # without the scaler it goes on
        return [*seen, *[float(optimizer.state[p]["step"]) for p in (a, b)]], a.tolist(), b.tolist()

    (counts, *theirs), (ours_counts, *ours) = [program(lib) for lib in BOTH]
    assert counts == ours_counts
    np.testing.assert_allclose(theirs, ours, rtol=1e-5)


def test_states_go_on_elsewhere():
    runs = [Run(lib, "Adam") for lib in BOTH]
    for run in runs:
        run.train(8)
    saved = runs[1].optimizer.state_dict(), runs[1].scaler.state_dict()
    assert saved[1] == runs[0].scaler.state_dict()
    again = Run(rustorch, "Adam")
    again.model.load_state_dict(runs[1].model.state_dict())
    again.optimizer.load_state_dict(saved[0])
    again.scaler.load_state_dict(saved[1])
    again.rng, again.i = np.random.default_rng(5), 8
    runs[1].rng = np.random.default_rng(5)
    assert again.train(10) == runs[1].train(10)
    agree(again, runs[1], tolerance=0)
    copies = [pickle.loads(pickle.dumps(run.scaler)) for run in runs]
    assert copies[1].state_dict() == runs[1].scaler.state_dict() and set(copies[0].__dict__) == set(copies[1].__dict__)


def test_what_python_has_to_see_is_looked_at():
    def program(lib):
        class Own(lib.optim.SGD):
            def step(self, closure=None):
                calls.append("own")
                return super().step(closure)

        calls, seen = [], []
        for kind in (lib.optim.SGD, Own):
            w = lib.ones(1, requires_grad=True)
            optimizer, scaler = kind([w], lr=0.1), lib.amp.GradScaler("cpu", init_scale=8.0)
            if kind is lib.optim.SGD:
                optimizer.register_step_post_hook(lambda *args: calls.append("hook"))
            scheduler = lib.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
            for i in range(3):
                optimizer.zero_grad()
                scaler.scale((w * w).sum() * (float("inf") if i == 1 else 1.0)).backward()
                scaler.step(optimizer)
                scaler.update()
                scheduler.step()
                seen.append(round(w.item(), 5))
        return calls, seen

    assert program(torch) == program(rustorch)


def test_scaling_and_settings():
    def program(lib):
        scaler = lib.amp.GradScaler("cpu", init_scale=4.0)
        one = lib.ones(1)
        nested = scaler.scale([one, (one * 2, [one * 3])])
        lazy = scaler.scale(x for x in (one, one))
        seen = [type(nested).__name__, type(nested[1]).__name__, nested[1][1][0].tolist(), [t.tolist() for t in lazy]]
        seen.append(str(scaler.scale(lib.ones((), dtype=lib.float16)).dtype))
        scaler.set_growth_factor(3.0)
        scaler.set_backoff_factor(0.25)
        scaler.set_growth_interval(7)
        seen += [scaler.get_growth_factor(), scaler.get_backoff_factor(), scaler.get_growth_interval()]
        scaler.update(16.0)
        seen.append(scaler.get_scale())
        scaler.update(lib.tensor(32.0))
        seen += [scaler.get_scale(), scaler.is_enabled(), scaler.state_dict(), str(scaler._scale.dtype)]
        off = lib.amp.GradScaler("cpu", enabled=False)
        w = lib.ones(1, requires_grad=True)
        off.scale((w * w).sum()).backward()
        off.step(lib.optim.SGD([w], lr=0.5))
        off.update()
        off.load_state_dict({})
        return [*seen, w.tolist(), off.get_scale(), off.state_dict(), off.is_enabled(), off._get_growth_tracker()]

    assert program(torch) == program(rustorch)


def test_gradients_are_left_unscaled():
    def program(lib):
        w = lib.ones(2, requires_grad=True)
        half = lib.ones(2, dtype=lib.bfloat16, requires_grad=True)
        optimizer, scaler = lib.optim.SGD([w, half], lr=0.5), lib.amp.GradScaler("cpu", init_scale=8.0)
        scaler.scale((w * half).sum()).backward()
        grad = w.grad
        scaler.unscale_(optimizer)
        found = [t.item() for t in scaler._found_inf_per_device(optimizer).values()]
        scaler.step(optimizer)
        return grad.tolist(), w.grad.tolist(), half.grad.float().tolist(), found, w.tolist()

    assert program(torch) == program(rustorch)


def messages(lib):
    """A call for each message."""
    w = lib.ones(1, requires_grad=True)
    made = {}

    def fresh(scaled=True, backward=True):
        optimizer, scaler = lib.optim.SGD([w], lr=0.0), lib.amp.GradScaler("cpu", init_scale=2.0)
        optimizer.zero_grad()
        if scaled:
            loss = scaler.scale((w * w).sum())
            if backward:
                loss.backward()
        made.update(o=optimizer, s=scaler)
        return scaler, optimizer

    def twice(first, second):
        scaler, optimizer = fresh()
        getattr(scaler, first)(optimizer)
        getattr(scaler, second)(optimizer)

    def half():
        v = lib.ones(1, dtype=lib.float16, requires_grad=True)
        scaler = lib.amp.GradScaler("cpu", init_scale=2.0)
        scaler.scale((v * v).sum()).backward()
        scaler.unscale_(lib.optim.SGD([v], lr=0.1))

    def pickled():
        scaler, optimizer = fresh()
        scaler.unscale_(optimizer)
        pickle.dumps(scaler)

    return [
        lambda: twice("unscale_", "unscale_"),
        lambda: twice("step", "unscale_"),
        lambda: twice("step", "step"),
        lambda: fresh()[0].step(made["o"], closure=lambda: 1),
        lambda: fresh(scaled=False)[0].step(made["o"]),
        lambda: fresh(scaled=False)[0].unscale_(made["o"]),
        lambda: fresh(scaled=False)[0].update(),
        lambda: fresh()[0].update(),
        lambda: fresh(backward=False)[0].step(made["o"]),
        lambda: fresh()[0].update(lib.ones(2)),
        lambda: fresh()[0].load_state_dict({}),
        lambda: fresh()[0].scale(3),
        lambda: lib.amp.GradScaler("cpu", growth_factor=1.0),
        lambda: lib.amp.GradScaler("cpu", backoff_factor=1.0),
        half,
        pickled,
    ]


@pytest.mark.parametrize("i", range(16))
def test_messages(i):
    said = []
    for lib in BOTH:
        with pytest.raises(Exception) as e:
            messages(lib)[i]()
        said.append((next(t for t in type(e.value).__mro__ if t.__module__ == "builtins"), str(e.value)))
    assert said[0] == said[1]


def test_without_a_gpu_it_is_off():
    said = []
    for lib in BOTH:
        with warnings.catch_warnings(record=True) as found:
            warnings.simplefilter("always")
            said.append((lib.amp.GradScaler().is_enabled(), [str(w.message) for w in found]))
    assert said[0] == said[1] or rustorch.cuda.is_available()


def test_a_refused_sparse_step_leaves_a_tensor_count():
    table = rustorch.nn.Parameter(rustorch.ones(4, 2))
    optimizer, scaler = rustorch.optim.Adam([table]), rustorch.amp.GradScaler("cpu", init_scale=4.0)
    scaler.scale(table.sum()).backward()
    scaler.step(optimizer)
    before = optimizer.state[table]["step"]
    assert isinstance(before, rustorch.Tensor)
    count = before.item()
    optimizer.zero_grad()
    rustorch.nn.functional.embedding(rustorch.tensor([1, 2]), table, sparse=True).sum().backward()
    with pytest.raises(RuntimeError, match="does not support sparse gradients"):
        optimizer.step()
    assert optimizer.state[table]["step"].item() == count == 1

"""Every optimizer with every option that PyTorch's own tests list, beside PyTorch.

All options of an optimizer go into one program per step: compile time is test time.
"""

import re
import warnings

import numpy as np
import pytest
import torch
from optim_oracle import INFOS, in_library, options_of
from torch.testing._internal.common_optimizers import OptimizerErrorEnum

import rustorch
from rustorch.lowering import counters
from rustorch.optim import optimizer as base

FUSED = [name for name in INFOS if name not in ("LBFGS", "SparseAdam")]


def shapes_of(name):
    return [(3, 2), (2, 4)] if name == "Muon" else [(3, 2), (4,)]


class Run:
    """Optimizers of one kind, one for each list of options, each with parameters of its own."""

    def __init__(self, lib, name, options, start=None):
        self.lib, rng = lib, np.random.default_rng(0)
        self.params, self.optimizers, self.targets = [], [], []
        complexes = [(2,)] if INFOS[name].supports_complex and name != "Muon" else []
        for k, kwargs in enumerate(options):
            values = [rng.normal(size=s) for s in shapes_of(name)]
            values += [rng.normal(size=s) + 1j * rng.normal(size=s) for s in complexes]
            params = [lib.tensor(v if start is None else start[k][i]) for i, v in enumerate(values)]
            self.targets.append([lib.tensor(rng.normal(size=v.shape)) for v in values])
            self.params.append([p.requires_grad_() for p in params])
            groups = [{"params": params[:1]}, {"params": params[1:], "lr": 0.02}]
            self.optimizers.append(getattr(lib.optim, name)(groups, **in_library(lib, kwargs)))

    def train(self, steps):
        for _ in range(steps):
            for optimizer, params, targets in zip(self.optimizers, self.params, self.targets):
                for p, t in zip(params, targets):
                    d = p.detach() - t
                    p.grad = d / (1 + (d * d.conj() if p.is_complex() else d * d))  # bounded: some options ascend
                optimizer.step()
            if self.lib is rustorch:
                base.flush()
        return self

    def values(self):
        return [[p.detach().numpy() for p in params] for params in self.params]


@pytest.fixture
def together(monkeypatch):
    """A step starts no program: the test does, once for all optimizers."""
    monkeypatch.setattr(base, "step_done", lambda nodes: None)


def assert_equal(one, other, options):
    for a, b, kwargs in zip(one.values(), other.values(), options, strict=True):
        for p, q in zip(a, b, strict=True):
            np.testing.assert_allclose(p, q, rtol=1e-9, atol=1e-9, err_msg=str(kwargs))


def state_for(lib, saved):
    """What was saved, for the other library: PyTorch's tensors are taken as they are."""
    if lib is torch:
        moved = {k: {n: torch.from_numpy(v.numpy().copy()) for n, v in s.items()} for k, s in saved["state"].items()}
        groups = [
            {k: torch.tensor(v.item()) if isinstance(v, rustorch.Tensor) else v for k, v in g.items()}
            for g in saved["param_groups"]
        ]
        return {"state": moved, "param_groups": groups}
    return {"state": saved["state"], "param_groups": [in_library(lib, g) for g in saved["param_groups"]]}


@pytest.mark.parametrize("name", FUSED)
def test_thirty_steps_and_state_both_ways(name, together):
    options = options_of(name)
    ours, theirs = (Run(lib, name, options).train(30) for lib in (rustorch, torch))
    assert_equal(ours, theirs, options)
    start = theirs.values()
    runs = [Run(lib, name, options, start) for lib in (rustorch, torch, torch)]
    for run, source in zip(runs, (theirs, ours, theirs)):
        for optimizer, old, reference in zip(run.optimizers, source.optimizers, theirs.optimizers):
            saved, wanted = old.state_dict(), reference.state_dict()
            assert {k: set(v) for k, v in saved["state"].items()} == {k: set(v) for k, v in wanted["state"].items()}
            assert [set(g) for g in saved["param_groups"]] == [set(g) for g in wanted["param_groups"]]
            for key, entry in wanted["state"].items():
                for n, v in entry.items():
                    assert str(saved["state"][key][n].dtype) == str(v.dtype) and saved["state"][key][n].shape == v.shape
            optimizer.load_state_dict(saved if source.lib is run.lib else state_for(run.lib, saved))
        run.train(5)
    assert_equal(runs[0], runs[2], options)
    assert_equal(runs[1], runs[2], options)


@pytest.mark.parametrize("name", [*FUSED, "LBFGS"])
def test_errors_are_torchs(name):
    for case in INFOS[name].optim_error_inputs_func("cpu", torch.float32):
        given, kwargs = case.optimizer_error_input.params, in_library(rustorch, case.optimizer_error_input.kwargs)
        copies = {}

        def moved(x):
            if isinstance(x, torch.Tensor):
                if id(x) not in copies:
                    copies[id(x)] = rustorch.tensor(x.detach().numpy())
                    if x.grad is not None:
                        copies[id(x)].grad = rustorch.tensor(x.grad.numpy())
                return copies[id(x)]
            if isinstance(x, dict):
                return {k: moved(v) for k, v in x.items()}
            return type(x)(map(moved, x)) if isinstance(x, (list, tuple)) else x

        def fail():
            params = [rustorch.ones(2, 3)] if given is None else moved(given)
            optimizer = getattr(rustorch.optim, name)(params, **kwargs)
            if case.error_on is OptimizerErrorEnum.STEP_ERROR:
                optimizer.step()

        caught = pytest.warns if issubclass(case.error_type, Warning) else pytest.raises
        with caught(case.error_type, match=case.error_regex):
            fail()


@pytest.mark.parametrize("make", [
    lambda m, p: m.optim.SGD([p], fused=True, differentiable=True), lambda m, p: m.optim.Adam([p], fused=True, foreach=True),
    lambda m, p: m.optim.Adagrad([p], fused=True, foreach=True), lambda m, p: m.optim.Adagrad([p], eps=-1),
    lambda m, p: m.optim.RMSprop([p], alpha=-1), lambda m, p: m.optim.Muon([p], lr=-1), lambda m, p: m.optim.Muon([p], momentum=-1),
    lambda m, p: m.optim.Muon([p], weight_decay=-1), lambda m, p: m.optim.Adafactor([p], lr=-1), lambda m, p: m.optim.Rprop([p], lr=-1),
    lambda m, p: m.optim.Adafactor([p], eps=(1, -1)), lambda m, p: m.optim.Adafactor([p], weight_decay=-1),
    lambda m, p: m.optim.ASGD([p], lr=-1), lambda m, p: m.optim.Adadelta([p], eps=-1), lambda m, p: m.optim.Adadelta([p], weight_decay=-1),
    lambda m, p: m.optim.Adagrad([p], initial_accumulator_value=-1), lambda m, p: m.optim.SGD([p], lr=m.tensor(-1.0)),
    lambda m, p: m.optim.NAdam([p], eps=-1),
])  # fmt: skip
def test_more_errors(make):
    with pytest.raises(Exception) as want:
        make(torch, torch.ones(2, 3))
    with pytest.raises(want.type, match="^" + re.escape(str(want.value))):
        make(rustorch, rustorch.ones(2, 3))


# ------------------------------------------------------------ steps of every optimizer


def small(lib, name, **options):
    rng = np.random.default_rng(3)
    params = [lib.tensor(rng.normal(size=s).astype(np.float32), requires_grad=True) for s in shapes_of(name)[:2]]
    return params, getattr(lib.optim, name)(params, **options)


def step_of(params, optimizer):
    def closure():
        optimizer.zero_grad()
        loss = sum((p**4).sum() for p in params)
        loss.backward()
        return loss

    return lambda: optimizer.step(closure)


def test_one_program_a_step_and_traced_steps():
    eager = {name: small(rustorch, name) for name in FUSED}
    for name, (params, optimizer) in eager.items():
        step = step_of(params, optimizer)
        step()
        before = counters()
        for _ in range(5):
            step()
        after = counters()
        assert after["dispatched"] - before["dispatched"] == 5, name
        assert after["compiled"] == before["compiled"], name
    twins = {name: small(rustorch, name) for name in FUSED}
    steps = [step_of(*twin) for twin in twins.values()]

    @rustorch.jit.trace
    def all_steps():
        return sum(step() for step in steps)

    for _ in range(6):
        all_steps()
    for name, (params, _) in twins.items():
        for p, q in zip(params, eager[name][0]):
            np.testing.assert_allclose(p.tolist(), q.tolist(), rtol=2e-6, atol=1e-7, err_msg=name)


def test_scaled_steps(together):
    """The step that overflows leaves parameters, state and counts alone."""
    results = {}
    for lib in (torch, rustorch):
        runs = {name: small(lib, name) for name in FUSED}
        scalers = {name: lib.amp.GradScaler("cpu", init_scale=16.0, growth_interval=3) for name in FUSED}
        for i in range(6):
            factor = lib.tensor(float("inf") if i == 2 else 1.0)
            for name, (params, optimizer) in runs.items():
                optimizer.zero_grad()
                scalers[name].scale(sum((p**4).sum() for p in params) * factor).backward()
                scalers[name].step(optimizer)
                scalers[name].update()
            if lib is rustorch:
                base.flush()
        results[lib] = {
            name: [p.tolist() for p in params]
            + [float(s["step"]) for s in optimizer.state_dict()["state"].values() if "step" in s]
            for name, (params, optimizer) in runs.items()
        }
    for name in FUSED:
        for ours, theirs in zip(results[rustorch][name], results[torch][name], strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=2e-5, err_msg=name)


def differentiated(lib, name, options, tensors, steps):
    """Derivatives of what the steps give, in the first parameters, both gradients, and options that are tensors."""
    rng = np.random.default_rng(4)
    start, *grads = [lib.tensor(rng.normal(size=(3, 2)), requires_grad=True) for _ in range(3)]
    options = dict(options)
    for key, value in tensors.items():
        values = value if isinstance(value, tuple) else (value,)
        made = tuple(lib.tensor(x, dtype=lib.float64, requires_grad=True) for x in values)
        options[key] = made if isinstance(value, tuple) else made[0]
        grads.extend(made)
    p = start.clone()
    optimizer = getattr(lib.optim, name)([p], differentiable=True, **options)
    for grad in grads[:steps]:
        p.grad = grad * 1.0
        optimizer.step()
    return lib.autograd.grad((p**2).sum(), [start, *grads], allow_unused=True)


def by_torch(*case):
    """Derivatives of two steps, or of one where PyTorch overwrites what it needs; and the number of steps."""
    try:
        return differentiated(torch, *case, 2), 2
    except RuntimeError as e:
        assert "modified by an inplace operation" in str(e)
        return differentiated(torch, *case, 1), 1


def test_differentiable_steps():
    cases = [(n, k, {}) for n in FUSED if "differentiable" in INFOS[n].supported_impls for k in options_of(n)[:6]]
    cases = [
        c for c in cases if not c[1].get("foreach") and not any(isinstance(v, torch.Tensor) for v in c[1].values())
    ]
    cases += [("SGD", dict(momentum=0.9), dict(lr=0.1, weight_decay=0.2)), ("SGD", {}, dict(lr=0.1))]
    cases += [("Adam", {}, dict(lr=0.1, weight_decay=0.2, betas=(0.8, 0.9))), ("AdamW", {}, dict(lr=0.1))]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs, steps = zip(*[by_torch(*case) for case in cases])
        ours = [differentiated(rustorch, *case, n) for case, n in zip(cases, steps)]
    with rustorch.no_grad():  # one look for all
        rustorch.stack([g.sum() for gs in ours for g in gs if g is not None]).tolist()
    for case, one, other in zip(cases, ours, theirs):
        for a, b in zip(one, other, strict=True):
            wanted = np.zeros((3, 2)) if b is None else b.numpy()
            found = np.zeros(wanted.shape) if a is None else a.numpy()
            # PyTorch's counts are float32 tensors here, and so are its bias corrections.
            np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-6, err_msg=str(case))
    leaf = rustorch.ones(2, requires_grad=True)
    leaf.grad = rustorch.ones(2)
    with pytest.raises(
        RuntimeError, match="a leaf Variable that requires grad is being used in an in-place operation."
    ):
        rustorch.optim.RMSprop([leaf], differentiable=True).step()


def test_spellings():
    assert rustorch.optim.AdaGrad is rustorch.optim.Adagrad
    _, optimizer = small(rustorch, "RMSprop", lr=0.1)
    assert optimizer.lr == optimizer.learning_rate == 0.1
    optimizer.set_lr(0.2)
    assert optimizer.param_groups[0]["lr"] == 0.2
    optimizer.set_learning_rate(0.3)
    optimizer.learning_rate = optimizer.lr * 2
    assert optimizer.lr == 0.6


def test_a_parameter_twice():
    found = []
    for lib in (torch, rustorch):
        p = lib.tensor([1.0, 2.0], requires_grad=True)
        with pytest.warns(UserWarning, match="duplicate parameters"):
            optimizer = lib.optim.Adam([p, p], lr=0.1)
        for _ in range(3):
            p.grad = lib.tensor([1.0, -3.0])
            optimizer.step()
        found.append(p.tolist())
    np.testing.assert_allclose(*found, rtol=1e-5)

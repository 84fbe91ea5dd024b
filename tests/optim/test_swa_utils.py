"""``optim.swa_utils`` beside PyTorch; an update is part of the step's program."""

import numpy as np
import pytest
import torch

import rustorch
from rustorch.lowering import counters

BOTH = (torch, rustorch)


def model_of(lib):
    model = lib.nn.Sequential(lib.nn.Linear(3, 4), lib.nn.BatchNorm1d(4), lib.nn.Linear(4, 1))
    rng = np.random.default_rng(0)
    with lib.no_grad():
        for p in model.parameters():
            p.copy_(lib.tensor(rng.normal(size=tuple(p.shape)).astype(np.float32)))
    return model


AVERAGES = {
    "equal": lambda swa: {},
    "swa": lambda swa: {"avg_fn": swa.get_swa_avg_fn()},
    "ema": lambda swa: {"avg_fn": swa.get_ema_avg_fn(0.7)},
    "multi ema": lambda swa: {"multi_avg_fn": swa.get_ema_multi_avg_fn(0.7)},
    "multi swa": lambda swa: {"multi_avg_fn": swa.get_swa_multi_avg_fn()},
    "buffers": lambda swa: {"use_buffers": True},
    "ema of buffers": lambda swa: {"multi_avg_fn": swa.get_ema_multi_avg_fn(0.7), "use_buffers": True},
}


class Run:
    def __init__(self, lib, kind):
        self.lib, self.rng, self.model = lib, np.random.default_rng(1), model_of(lib)
        swa = lib.optim.swa_utils
        self.averaged = swa.AveragedModel(self.model, **AVERAGES[kind](swa))
        self.optimizer = lib.optim.SGD(self.model.parameters(), lr=0.1)

    def step(self):
        self.optimizer.zero_grad()
        self.model(self.lib.tensor(self.rng.normal(size=(8, 3)).astype(np.float32))).square().mean().backward()
        self.optimizer.step()
        self.averaged.update_parameters(self.model)


@pytest.mark.parametrize("kind", AVERAGES)
def test_averages(kind):
    runs = [Run(lib, kind) for lib in BOTH]
    for i in range(6):
        for run in runs:
            run.step()
            if i == 3:
                run.averaged.n_averaged.zero_()  # begin again
    states = [run.averaged.state_dict() for run in runs]
    assert list(states[0]) == list(states[1])
    for name, value in states[0].items():
        ours = states[1][name]
        assert str(value.dtype) == str(ours.dtype)
        np.testing.assert_allclose(value.numpy(), ours.numpy(), rtol=1e-4, atol=1e-5, err_msg=name)


def test_an_update_is_part_of_the_step():
    run = Run(rustorch, "ema")
    for _ in range(4):
        run.step()
    before = counters()
    for _ in range(8):
        run.step()
    after = counters()
    assert after["compiled"] == before["compiled"] and after["dispatched"] - before["dispatched"] == 8


def test_a_saved_average_goes_on():
    run, again = Run(rustorch, "equal"), Run(rustorch, "equal")
    for _ in range(3):
        run.step()
    again.averaged.load_state_dict(run.averaged.state_dict())
    for averaged in (run.averaged, again.averaged):
        averaged.update_parameters(model_of(rustorch))
    for a, b in zip(run.averaged.parameters(), again.averaged.parameters()):
        np.testing.assert_array_equal(a.detach().numpy(), b.detach().numpy())


def test_batch_statistics():
    batches = np.random.default_rng(2).normal(1.0, 2.0, size=(3, 8, 3)).astype(np.float32)

    def program(lib):
        model = model_of(lib).eval()
        lib.optim.swa_utils.update_bn([(lib.tensor(b), None) for b in batches[:2]] + [lib.tensor(batches[2])], model)
        lib.optim.swa_utils.update_bn([], lib.nn.Linear(2, 2))
        norm = model[1]
        return norm.running_mean, norm.running_var, norm.num_batches_tracked, norm.momentum, model.training

    (*theirs, momentum, mode), (*ours, momentum_, mode_) = [program(lib) for lib in BOTH]
    assert (momentum, mode) == (momentum_, mode_)
    for a, b in zip(theirs, ours):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-5)


@pytest.mark.parametrize("strategy, epochs", [("cos", 4), ("linear", 4), ("cos", 0), ("linear", 1)])
def test_rates(strategy, epochs):
    def program(lib):
        groups = [{"params": [lib.ones(1, requires_grad=True)], "lr": lr} for lr in (1.0, 0.1)]
        optimizer = lib.optim.SGD(groups)
        other = lib.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)
        scheduler = lib.optim.swa_utils.SWALR(optimizer, [0.5, 0.01], epochs, strategy)
        seen = []
        for i in range(7):
            optimizer.step()
            (other if i < 2 else scheduler).step()
            seen.append([g["lr"] for g in optimizer.param_groups])
        state = scheduler.state_dict()
        scheduler.load_state_dict(state)
        return seen, state["swa_lr"] if "swa_lr" in state else None, state["anneal_epochs"], state["_anneal_strategy"]

    (rates, *theirs), (ours_rates, *ours) = [program(lib) for lib in BOTH]
    np.testing.assert_allclose(rates, ours_rates, rtol=1e-12)
    assert theirs == ours


@pytest.mark.parametrize("i", range(6))
def test_messages(i):
    said = []
    for lib in BOTH:
        swa = lib.optim.swa_utils
        optimizer = lib.optim.SGD([lib.ones(1, requires_grad=True)], lr=0.1)
        calls = [
            lambda: swa.get_ema_avg_fn(1.5),
            lambda: swa.get_ema_multi_avg_fn(-0.1),
            lambda: swa.AveragedModel(lib.nn.Linear(1, 1), avg_fn=min, multi_avg_fn=min),
            lambda: swa.SWALR(optimizer, 0.1, anneal_strategy="steps"),
            lambda: swa.SWALR(optimizer, 0.1, anneal_epochs=-1),
            lambda: swa.SWALR(optimizer, [0.1, 0.2]),
        ]
        with pytest.raises(Exception) as e:
            calls[i]()
        said.append((type(e.value), str(e.value)))
    assert said[0] == said[1]

"""Every scheduler against torch: the rates and momenta of a run, saving, messages."""

import math
import pickle
import warnings

import pytest
import torch

import rustorch


class Decay:
    """A callable object, whose attributes a scheduler saves."""

    def __init__(self, rate):
        self.rate = rate

    def __call__(self, epoch):
        return self.rate**epoch


def warm_restart(S, opt):
    return S.CosineAnnealingWarmRestarts(opt, T_0=3, T_mult=2, eta_min=0.01)


def sequence(S, opt):
    return S.SequentialLR(
        opt,
        [S.ConstantLR(opt, 0.1, 2), S.LinearLR(opt, 0.5, 1.0, 3), S.ExponentialLR(opt, 0.9)],
        milestones=[3, 7],
    )


def sequence_of_chains(S, opt):
    inner = S.SequentialLR(opt, [S.LinearLR(opt, total_iters=2), S.StepLR(opt, 2)], [3])
    return S.ChainedScheduler([inner, S.ExponentialLR(opt, 0.95)])


SCHEDULERS = {
    "lambda": lambda S, opt: S.LambdaLR(opt, lambda e: 1 / (1 + e)),
    "lambdas": lambda S, opt: S.LambdaLR(opt, [lambda e: 0.9**e, Decay(0.8)]),
    "multiplicative": lambda S, opt: S.MultiplicativeLR(opt, lambda e: 0.95),
    "step": lambda S, opt: S.StepLR(opt, 3, 0.5),
    "multistep": lambda S, opt: S.MultiStepLR(opt, [2, 5, 5], 0.3),
    "constant": lambda S, opt: S.ConstantLR(opt, 0.25, 4),
    "linear": lambda S, opt: S.LinearLR(opt, 0.2, 0.9, 6),
    "exponential": lambda S, opt: S.ExponentialLR(opt, 0.9),
    "polynomial": lambda S, opt: S.PolynomialLR(opt, 6, 2.0),
    "cosine": lambda S, opt: S.CosineAnnealingLR(opt, 4, 0.01),
    "warm restarts": warm_restart,
    "cyclic": lambda S, opt: S.CyclicLR(opt, 0.01, 0.5, 3, 2),
    "cyclic 2": lambda S, opt: S.CyclicLR(opt, [0.01, 0.02], 0.5, 2, mode="triangular2"),
    "cyclic exp": lambda S, opt: S.CyclicLR(opt, 0.01, 0.5, 2, mode="exp_range", gamma=0.9),
    "cyclic custom": lambda S, opt: S.CyclicLR(opt, 0.01, 0.5, 2, scale_fn=Decay(0.7)),
    "one cycle": lambda S, opt: S.OneCycleLR(opt, 0.5, total_steps=14),
    "one cycle linear": lambda S, opt: S.OneCycleLR(
        opt, [0.5, 0.3], epochs=2, steps_per_epoch=7, anneal_strategy="linear", three_phase=True
    ),
    "sequence": sequence,
    "chain": lambda S, opt: S.ChainedScheduler([S.ConstantLR(opt, 0.1, 2), S.ExponentialLR(opt, 0.9)]),
    "nested": sequence_of_chains,
}


def optimizer_of(xp, kind="SGD", lr=0.2):
    groups = [
        {"params": [xp.nn.Parameter(xp.zeros(1))]},
        {"params": [xp.nn.Parameter(xp.zeros(1))], "lr": 0.1},
    ]
    options = {"momentum": 0.9} if kind == "SGD" else {}
    return getattr(xp.optim, kind)(groups, lr=lr, **options)


def observed(optimizer, scheduler):
    extra = [g.get("momentum", g.get("betas")) for g in optimizer.param_groups]
    rates = [float(g["lr"]) for g in optimizer.param_groups]
    assert rates == [float(rate) for rate in scheduler.get_last_lr()]
    return rates, extra


def run(xp, make, kind="SGD", steps=13, **options):
    optimizer = optimizer_of(xp, kind, **options)
    scheduler = make(xp.optim.lr_scheduler, optimizer)
    seen = [observed(optimizer, scheduler)]
    for _ in range(steps):
        optimizer.step()
        scheduler.step()
        seen.append(observed(optimizer, scheduler))
    return optimizer, scheduler, seen


def assert_close(actual, expected):
    for (rates, extra), (wanted, wanted_extra) in zip(actual, expected, strict=True):
        assert rates == pytest.approx(wanted, abs=1e-12, rel=1e-12)
        for one, other in zip(extra, wanted_extra):
            assert one == pytest.approx(other, abs=1e-12)


@pytest.mark.parametrize("kind", ["SGD", "Adam"])
@pytest.mark.parametrize("make", SCHEDULERS.values(), ids=SCHEDULERS)
def test_sequences(make, kind):
    assert_close(run(rustorch, make, kind)[2], run(torch, make, kind)[2])


@pytest.mark.parametrize("make", SCHEDULERS.values(), ids=SCHEDULERS)
def test_saved_states(make):
    _, reference, _ = run(torch, make, steps=5)
    optimizer, scheduler, _ = run(rustorch, make, steps=5)
    saved, wanted = scheduler.state_dict(), reference.state_dict()
    assert set(saved) == set(wanted)
    for key in ("last_epoch", "_step_count", "base_lrs", "_last_lr"):
        assert saved.get(key) == pytest.approx(wanted.get(key))
    pickle.dumps(saved)
    group_state = [{k: v for k, v in g.items() if k != "params"} for g in optimizer.param_groups]
    expected = continue_for(optimizer, scheduler)
    optimizer, scheduler, _ = run(rustorch, make, steps=0)
    for group, state in zip(optimizer.param_groups, group_state):
        group.update(state)
    scheduler.load_state_dict(saved)
    assert continue_for(optimizer, scheduler) == expected


def continue_for(optimizer, scheduler, steps=5):
    seen = []
    for _ in range(steps):
        optimizer.step()
        scheduler.step()
        seen.append(observed(optimizer, scheduler))
    return seen


@pytest.mark.parametrize("name", ["step", "multistep", "exponential", "cosine", "linear", "polynomial", "constant"])
def test_jumping_to_an_epoch(name):
    def jump(xp):
        optimizer, scheduler, _ = run(xp, SCHEDULERS[name], steps=2)
        with pytest.warns(UserWarning, match="epoch parameter"):
            scheduler.step(5)
        return [observed(optimizer, scheduler)]

    assert_close(jump(rustorch), jump(torch))


@pytest.mark.parametrize("epoch", [0.5, 2.75, 3, 8.5])
def test_warm_restarts_take_fractions(epoch):
    def jump(xp):
        optimizer, scheduler, _ = run(xp, warm_restart, steps=1)
        scheduler.step(epoch)
        return [observed(optimizer, scheduler)]

    assert_close(jump(rustorch), jump(torch))


@pytest.mark.parametrize("name", ["step", "cosine", "exponential", "multiplicative", "linear", "polynomial"])
def test_resuming(name):
    def resume(xp):
        optimizer, _, _ = run(xp, SCHEDULERS[name], steps=3)
        S = xp.optim.lr_scheduler
        make = {
            "step": lambda: S.StepLR(optimizer, 3, 0.5, last_epoch=3),
            "cosine": lambda: S.CosineAnnealingLR(optimizer, 4, 0.01, last_epoch=3),
            "exponential": lambda: S.ExponentialLR(optimizer, 0.9, last_epoch=3),
            "multiplicative": lambda: S.MultiplicativeLR(optimizer, lambda e: 0.9, last_epoch=3),
            "linear": lambda: S.LinearLR(optimizer, 0.2, 0.9, 6, last_epoch=3),
            "polynomial": lambda: S.PolynomialLR(optimizer, 6, 2.0, last_epoch=3),
        }[name]
        scheduler = make()
        seen = [observed(optimizer, scheduler)]
        optimizer.step()
        scheduler.step()
        return [*seen, observed(optimizer, scheduler)]

    assert_close(resume(rustorch), resume(torch))


METRICS = [1.0, 0.9, 0.9, 0.9, 0.89, 0.9, 0.9, 0.9, 0.9, 0.9, 0.5, 0.6, 0.6, 0.6, float("nan")]


@pytest.mark.parametrize(
    "options",
    [
        dict(patience=1),
        dict(patience=0, cooldown=2, factor=0.5),
        dict(patience=1, mode="max", threshold=0.1),
        dict(patience=0, threshold=0.05, threshold_mode="abs", min_lr=[0.05, 0.01]),
        dict(patience=0, mode="max", threshold_mode="abs", eps=0.01),
    ],
)
def test_plateau(options):
    def rates(xp):
        optimizer = optimizer_of(xp)
        scheduler = xp.optim.lr_scheduler.ReduceLROnPlateau(optimizer, **options)
        seen = []
        for metric in METRICS:
            scheduler.step(xp.tensor(metric, dtype=xp.float64))
            seen.append(observed(optimizer, scheduler))
        state = scheduler.state_dict()
        other = xp.optim.lr_scheduler.ReduceLROnPlateau(optimizer_of(xp))
        other.load_state_dict(state)
        assert other.num_bad_epochs == scheduler.num_bad_epochs
        return seen, sorted(state)

    mine, reference = rates(rustorch), rates(torch)
    assert_close(mine[0], reference[0])
    assert mine[1] == reference[1]


@pytest.mark.parametrize("name", ["step", "cosine", "one cycle", "lambda", "sequence"])
def test_tensor_rates_are_updated_in_place(name):
    def make(xp):
        group = {"params": [xp.nn.Parameter(xp.zeros(1))]}
        optimizer = xp.optim.SGD([group], lr=xp.tensor(0.2, dtype=xp.float64), momentum=0.9)
        rate = optimizer.param_groups[0]["lr"]
        scheduler = SCHEDULERS[name](xp.optim.lr_scheduler, optimizer)
        seen = []
        for _ in range(6):
            scheduler.step()
            assert optimizer.param_groups[0]["lr"] is rate
            seen.append(rate.item())
        return seen

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert make(rustorch) == pytest.approx(make(torch), rel=1e-9)


ERRORS = {
    "not an optimizer": lambda S, opt: S.StepLR(1, 1),
    "resume": lambda S, opt: S.StepLR(opt, 1, last_epoch=2),
    "lambdas": lambda S, opt: S.LambdaLR(opt, [len]),
    "multiplicative": lambda S, opt: S.MultiplicativeLR(opt, 1),
    "constant": lambda S, opt: S.ConstantLR(opt, 2),
    "linear start": lambda S, opt: S.LinearLR(opt, 0),
    "linear end": lambda S, opt: S.LinearLR(opt, 1, 2),
    "restarts T_0": lambda S, opt: S.CosineAnnealingWarmRestarts(opt, 0),
    "restarts T_mult": lambda S, opt: S.CosineAnnealingWarmRestarts(opt, 1, 0),
    "restarts eta": lambda S, opt: S.CosineAnnealingWarmRestarts(opt, 1, 1, "a"),
    "restarts epoch": lambda S, opt: S.CosineAnnealingWarmRestarts(opt, 1).step(-1),
    "cyclic mode": lambda S, opt: S.CyclicLR(opt, 0, 1, mode="x"),
    "cyclic lengths": lambda S, opt: S.CyclicLR(opt, [0], 1),
    "one cycle nothing": lambda S, opt: S.OneCycleLR(opt, 1),
    "one cycle total": lambda S, opt: S.OneCycleLR(opt, 1, total_steps=0),
    "one cycle epochs": lambda S, opt: S.OneCycleLR(opt, 1, epochs=1.5, steps_per_epoch=1),
    "one cycle pct": lambda S, opt: S.OneCycleLR(opt, 1, total_steps=5, pct_start=2.0),
    "one cycle anneal": lambda S, opt: S.OneCycleLR(opt, 1, total_steps=5, anneal_strategy="x"),
    "one cycle too far": lambda S, opt: [
        scheduler.step() for scheduler in [S.OneCycleLR(opt, 1, total_steps=2)] for _ in range(4)
    ],
    "sequence empty": lambda S, opt: S.SequentialLR(opt, [], []),
    "sequence milestones": lambda S, opt: S.SequentialLR(opt, [S.StepLR(opt, 1)], [1]),
    "sequence plateau": lambda S, opt: S.SequentialLR(opt, [S.ReduceLROnPlateau(opt)], []),
    "chain empty": lambda S, opt: S.ChainedScheduler([]),
    "chain type": lambda S, opt: S.ChainedScheduler([1], opt),
    "plateau factor": lambda S, opt: S.ReduceLROnPlateau(opt, factor=1.0),
    "plateau mode": lambda S, opt: S.ReduceLROnPlateau(opt, mode="x"),
    "plateau threshold": lambda S, opt: S.ReduceLROnPlateau(opt, threshold_mode="x"),
    "plateau min_lr": lambda S, opt: S.ReduceLROnPlateau(opt, min_lr=[1]),
    "get_lr": lambda S, opt: S.LRScheduler.get_lr(S.StepLR(opt, 1)),
}


@pytest.mark.parametrize("call", ERRORS.values(), ids=ERRORS)
def test_errors(call):
    def message(xp):
        with pytest.raises(Exception) as caught, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            call(xp.optim.lr_scheduler, optimizer_of(xp))
        return caught.type, str(caught.value)

    assert message(rustorch) == message(torch)


def test_no_momentum_to_cycle():
    def message(xp):
        optimizer = xp.optim.Adagrad([xp.nn.Parameter(xp.zeros(1))])
        with pytest.raises(ValueError) as caught:
            xp.optim.lr_scheduler.CyclicLR(optimizer, 0, 1)
        return str(caught.value)

    if not hasattr(rustorch.optim, "Adagrad"):
        pytest.skip("no optimizer without momentum yet")
    assert message(rustorch) == message(torch)


def wrong_order(S, opt):
    S.StepLR(opt, 1).step()


def overridden_step(S, opt):
    scheduler = S.StepLR(opt, 1)
    opt.step = lambda: None
    scheduler.step()


def get_lr_outside(S, opt):
    S.StepLR(opt, 1).get_lr()


@pytest.mark.parametrize("call", [wrong_order, overridden_step, get_lr_outside])
def test_warnings(call):
    def caught(xp):
        with warnings.catch_warnings(record=True) as found:
            warnings.simplefilter("always")
            call(xp.optim.lr_scheduler, optimizer_of(xp))
        return [(w.category, str(w.message)) for w in found]

    assert caught(rustorch) == caught(torch)


def test_right_order_is_silent():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        optimizer, scheduler, _ = run(rustorch, SCHEDULERS["step"], steps=3)
    assert math.isclose(scheduler.get_last_lr()[0], 0.1)

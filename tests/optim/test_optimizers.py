"""SGD, Adam and AdamW against torch: 30 steps in float64, every option; state both ways."""

import numpy as np
import pytest
import torch

import rustorch
from rustorch.eager.show import show_stablehlo

OPTIONS = [
    ("SGD", dict(lr=0.1)), ("SGD", dict(lr=0.1, momentum=0.9)), ("SGD", dict(lr=0.1, momentum=0.9, dampening=0.3)),
    ("SGD", dict(lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01)), ("SGD", dict(lr=0.1, maximize=True, weight_decay=0.1)),
    ("Adam", dict()), ("Adam", dict(lr=0.05, betas=(0.8, 0.95), eps=1e-6, weight_decay=0.1)), ("Adam", dict(lr=0.05, amsgrad=True)),
    ("Adam", dict(lr=0.05, maximize=True)), ("Adam", dict(lr=0.05, weight_decay=0.1, decoupled_weight_decay=True)),
    ("AdamW", dict(lr=0.05)), ("AdamW", dict(lr=0.05, weight_decay=0.2, amsgrad=True)),
]  # fmt: skip


def problem(lib, name, options):
    rng = np.random.default_rng(0)
    params = [lib.tensor(rng.normal(size=s), requires_grad=True) for s in [(3, 2), (4,), ()]]
    groups = [{"params": params[:2]}, {"params": params[2:], "lr": 0.02}]
    optimizer = getattr(lib.optim, name)(groups, **options)
    target = [lib.tensor(rng.normal(size=tuple(p.shape))) for p in params]

    def closure():
        optimizer.zero_grad()
        loss = sum(((p - t) ** 4).sum() for p, t in zip(params, target))
        loss.backward()
        return loss

    return params, optimizer, closure


def advance(lib, optimizer, closure, params, steps):
    for i in range(steps):
        if i % 7 == 3:  # a parameter without gradient keeps its own step count
            closure()
            params[1].grad = None
            optimizer.step()
        else:
            optimizer.step(closure)


@pytest.mark.parametrize("name,options", OPTIONS)
def test_thirty_steps(name, options):
    ours, theirs = problem(rustorch, name, options), problem(torch, name, options)
    for lib, (params, optimizer, closure) in ((rustorch, ours), (torch, theirs)):
        advance(lib, optimizer, closure, params, 30)
    for p, q in zip(ours[0], theirs[0]):
        np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name,options", [OPTIONS[1], OPTIONS[7], OPTIONS[10]])
def test_state_moves_both_ways(name, options):
    ours, theirs = problem(rustorch, name, options), problem(torch, name, options)
    for lib, (params, optimizer, closure) in ((rustorch, ours), (torch, theirs)):
        advance(lib, optimizer, closure, params, 5)
    saved, saved_t = ours[1].state_dict(), theirs[1].state_dict()
    assert saved["state"].keys() == saved_t["state"].keys()
    for key in saved["state"]:
        assert saved["state"][key].keys() == saved_t["state"][key].keys()
    fresh, fresh_t = problem(rustorch, name, options), problem(torch, name, options)
    to_ours = {"state": saved_t["state"], "param_groups": saved_t["param_groups"]}
    to_theirs = {
        "state": {
            k: {n: torch.from_numpy(np.array(v.tolist(), dtype=v.numpy().dtype)) for n, v in s.items()}
            for k, s in saved["state"].items()
        },
        "param_groups": saved["param_groups"],
    }
    fresh[1].load_state_dict(to_ours)
    fresh_t[1].load_state_dict(to_theirs)
    for source, target in ((theirs, fresh), (ours, fresh_t)):
        for p, q in zip(source[0], target[0]):
            q.data.copy_((rustorch if target is fresh else torch).tensor(p.detach().numpy().copy()))
    for lib, (params, optimizer, closure) in ((rustorch, fresh), (torch, fresh_t), (torch, theirs)):
        for _ in range(5):
            optimizer.step(closure)
    for p, q, r in zip(fresh[0], fresh_t[0], theirs[0]):
        np.testing.assert_allclose(p.detach().numpy(), r.detach().numpy(), rtol=1e-9)
        np.testing.assert_allclose(q.detach().numpy(), r.detach().numpy(), rtol=1e-9)


@pytest.mark.parametrize(
    "make",
    [
        lambda m: m.optim.SGD([], lr=0.1), lambda m: m.optim.SGD(m.ones(2), lr=0.1), lambda m: m.optim.SGD([m.ones(2)], lr=-1),
        lambda m: m.optim.Adam([m.ones(2)], betas=(1.5, 0.9)), lambda m: m.optim.SGD([m.ones(2)], nesterov=True),
        lambda m: m.optim.SGD([m.ones(2, requires_grad=True) * 2], lr=0.1), lambda m: m.optim.SGD(["a"], lr=0.1),
    ],
)  # fmt: skip
def test_errors(make):
    with pytest.raises(Exception) as want:
        make(torch)
    with pytest.raises(want.type) as got:
        make(rustorch)
    assert str(got.value)[:40] == str(want.value)[:40]


def test_hooks_and_added_groups():
    a, b = (rustorch.ones(1, requires_grad=True) for _ in range(2))
    optimizer = rustorch.optim.SGD([a], lr=0.1)
    optimizer.add_param_group({"params": [b], "lr": 1.0})
    seen = []
    optimizer.register_step_pre_hook(lambda *x: seen.append("before"))
    optimizer.register_step_post_hook(lambda *x: seen.append("after"))
    (a + b).backward()
    optimizer.step()
    assert seen == ["before", "after"] and a.item() == pytest.approx(0.9) and b.item() == 0.0
    assert "Parameter Group 1" in repr(optimizer)


def test_clip_grad_norm():
    for norm in (2.0, 1.0, float("inf")):
        results = []
        for lib in (rustorch, torch):
            ps = [lib.tensor([3.0, -4.0], requires_grad=True), lib.tensor([[12.0]], requires_grad=True)]
            sum((p * p).sum() for p in ps).backward()
            total = lib.nn.utils.clip_grad_norm_(ps, 1.5, norm)
            results.append([total.item()] + [x for p in ps for x in p.grad.flatten().tolist()])
        np.testing.assert_allclose(*results, rtol=1e-6)


@pytest.mark.parametrize(
    "name", ["Adadelta", "Adagrad", "Adam", "AdamW", "Adamax", "NAdam", "RAdam", "RMSprop", "Rprop", "SGD", "ASGD"]
)
def test_large_small_and_complex_parameters(name):
    """Small ones are updated as one long array, the others one by one."""
    found = []
    for lib in (torch, rustorch):
        rng = np.random.default_rng(0)
        params = [
            lib.tensor(rng.normal(size=s), requires_grad=True) for s in [(5,), (60, 50), (2, 3), (), (0, 2), (4,)]
        ]
        params.append(lib.tensor(rng.normal(size=3) + 1j * rng.normal(size=3), requires_grad=True))
        params.append(lib.tensor(rng.normal(size=6).astype(np.float32), requires_grad=True))
        optimizer = getattr(lib.optim, name)(params, lr=0.1)
        for _ in range(4):
            optimizer.zero_grad()
            sum((p.abs() ** 3).sum() for p in params).backward()
            optimizer.step()
        found.append([p.detach().numpy() for p in params])
    for theirs, ours in zip(*found):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9 if ours.dtype != np.float32 else 1e-5)


def test_small_parameters_share_their_loops():
    params = [rustorch.zeros(3, requires_grad=True) for _ in range(20)] + [rustorch.zeros(70, 70, requires_grad=True)]
    optimizer = rustorch.optim.Adam(params)
    sum(p.sum() for p in params).backward()
    with rustorch.no_grad():
        optimizer._record(differentiable=False)
        text = show_stablehlo(sum(p.sum() for p in params))
    # The correction and the formula, for what is together and for the large one.
    assert text.count("stablehlo.sqrt") == 4

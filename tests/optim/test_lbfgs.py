"""L-BFGS against torch: the same iterates and closure calls in float64; state both ways; how many programs."""

import copy

import numpy as np
import pytest
import torch
from optim_oracle import in_library, options_of

import rustorch
from rustorch.lowering import counters


def rosenbrock(lib):
    x = lib.tensor(np.array([-1.2, 1.0]), requires_grad=True)
    return [x], lambda: (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


def regression(lib):
    params, data = network(lib)
    return params, lambda: fit(params, *data)


def network(lib):
    rng = np.random.default_rng(0)
    params = [
        lib.tensor(rng.normal(size=s) * 0.5, requires_grad=True) for s in [(8, 2), (8,), (8, 8), (8,), (1, 8), (1,)]
    ]
    return params, (lib.tensor(rng.normal(size=(32, 2))), lib.tensor(rng.normal(size=(32, 1))))


def fit(params, x, y):
    for w, b in zip(params[::2], params[1::2]):
        x = x @ w.T + b
        x = x if w is params[-2] else x.tanh()
    return ((x - y) ** 2).mean()


class Run:
    """A problem, its optimizer, and every point at which the closure was called."""

    def __init__(self, lib, problem, **options):
        self.params, loss = problem(lib)
        self.optimizer = lib.optim.LBFGS(self.params, **in_library(lib, options))
        self.visited = []

        def closure():
            self.optimizer.zero_grad()
            value = loss()
            value.backward()
            self.visited.append(self.flat())
            return value

        self.closure = closure

    def flat(self):
        return np.concatenate([p.detach().numpy().ravel() for p in self.params])

    def steps(self, n):
        return [float(self.optimizer.step(self.closure)) for _ in range(n)]


OPTIONS = [
    (rosenbrock, dict(lr=0.2, max_iter=4)), (rosenbrock, dict(line_search_fn="strong_wolfe", max_iter=3)),
    (rosenbrock, dict(line_search_fn="strong_wolfe", max_iter=1, lr=1e-4)),
    (rosenbrock, dict(line_search_fn="strong_wolfe", lr=50.0, max_iter=2, history_size=2)),
    (regression, dict(lr=0.1, max_iter=2, history_size=5)), (regression, dict(lr=0.5, max_iter=1)),
    (regression, dict(line_search_fn="strong_wolfe", max_iter=2, history_size=10)),
    (regression, dict(line_search_fn="strong_wolfe", max_eval=2)),
]  # fmt: skip
OPTIONS += [(regression, dict(max_iter=1, **options)) for options in options_of("LBFGS")]


def close(a, b, tolerance=1e-9):
    np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("problem,options", OPTIONS)
def test_thirty_steps(problem, options):
    ours, theirs = (Run(lib, problem, **options) for lib in (rustorch, torch))
    losses = ours.steps(30), theirs.steps(30)
    assert len(ours.visited) == len(theirs.visited)
    close(ours.visited[:30], theirs.visited[:30])
    tolerance = 1e-6 if problem is rosenbrock else 1e-9  # its valley makes rounding grow
    close(ours.visited, theirs.visited, tolerance)
    close(*losses, tolerance)
    close(ours.flat(), theirs.flat(), tolerance)
    mine, other = (next(iter(r.optimizer.state_dict()["state"].values())) for r in (ours, theirs))
    assert mine.keys() == other.keys() and mine["func_evals"] == other["func_evals"]
    assert mine["n_iter"] == other["n_iter"] and len(mine["old_dirs"]) == len(other["old_dirs"])


def arrays(entry):
    """A state entry with tensors of either library as arrays."""
    if isinstance(entry, list):
        return [arrays(x) for x in entry]
    return np.array(entry.tolist()) if hasattr(entry, "tolist") else entry


@pytest.mark.parametrize("search", [None, "strong_wolfe"])
def test_state_moves_both_ways(search):
    options = dict(lr=0.3, max_iter=3, history_size=4, line_search_fn=search)
    first, first_t = (Run(lib, regression, **options) for lib in (rustorch, torch))
    for run in (first, first_t):
        run.steps(4)
    saved, saved_t = first.optimizer.state_dict(), first_t.optimizer.state_dict()
    for name, want in saved_t["state"][0].items():
        got = saved["state"][0][name]
        if name == "al":  # only scratch space: its length counts
            assert len(got) == len(want)
        elif isinstance(want, list):
            assert len(got) == len(want) == 4
            close(arrays(got), arrays(want))
        else:
            close(arrays(got), arrays(want))
    second, second_t = (Run(lib, regression, **options) for lib in (rustorch, torch))
    second.optimizer.load_state_dict(saved_t)
    second_t.optimizer.load_state_dict(
        {
            "state": {0: {k: to_torch(v) for k, v in saved["state"][0].items()}},
            "param_groups": saved["param_groups"],
        }
    )
    for lib, source, target in ((rustorch, first_t, second), (torch, first, second_t)):
        for p, q in zip(source.params, target.params):
            q.data.copy_(lib.tensor(p.detach().numpy().copy()))
        target.steps(4)
    first_t.steps(4)
    close(second.flat(), first_t.flat())
    close(second_t.flat(), first_t.flat())


def to_torch(entry):
    if isinstance(entry, list):
        return [to_torch(x) for x in entry]
    return torch.tensor(entry.tolist(), dtype=torch.float64) if isinstance(entry, rustorch.Tensor) else entry


@pytest.mark.parametrize("search", [None, "strong_wolfe"])
def test_one_program_for_any_history(search):
    params, data = network(rustorch)
    optimizer = rustorch.optim.LBFGS(params, lr=0.3, max_iter=4, history_size=6, line_search_fn=search)
    calls = 0

    def closure():
        nonlocal calls
        optimizer.zero_grad()
        loss = fit(params, *data)
        loss.backward()
        calls += 1
        return loss

    for _ in range(2):
        optimizer.step(closure)
    before, calls = counters(), 0
    for _ in range(8):
        optimizer.step(closure)
    after = counters()
    assert after["compiled"] == before["compiled"], rustorch.lowering.explain()
    moves = 0 if search else 8  # without a search the last move of a step is not followed by a look
    assert after["dispatched"] - before["dispatched"] == calls + moves
    assert after["forced"] - before["forced"] == calls
    memory = optimizer.state[params[0]]["memory"]
    ring = memory.steps._storage.node.value
    assert memory.count == 6
    optimizer.step(closure)
    assert ring.is_deleted()  # the history is updated in place


def test_kinds_of_parameters_and_losses():
    """A complex parameter, one without gradient, several dtypes, and a loss that is a Python number."""
    for search in (None, "strong_wolfe"):
        results = []
        for lib in (rustorch, torch):
            z = lib.tensor([1.0 + 2.0j, -0.5j], dtype=lib.complex128, requires_grad=True)
            unused = lib.ones(2, dtype=lib.float64, requires_grad=True)
            x = lib.tensor([[0.5], [2.0]], dtype=lib.float32, requires_grad=True)
            optimizer = lib.optim.LBFGS([z, unused, x], lr=0.5, max_iter=5, line_search_fn=search)

            def closure():
                optimizer.zero_grad()
                value = ((z - 1.0).abs() ** 4).sum() + ((x - 3.0) ** 2).sum()
                value.backward()
                return value.item()

            first = [optimizer.step(closure) for _ in range(3)]
            results.append([first, z.detach().tolist(), unused.tolist(), x.detach().flatten().tolist()])
        for got, want in zip(*results):
            np.testing.assert_allclose(got, want, rtol=1e-5)


def test_a_smaller_history_and_a_copy():
    run = Run(rustorch, regression, max_iter=8, line_search_fn="strong_wolfe", history_size=5)
    run.steps(1)
    newest = arrays(run.optimizer.state_dict()["state"][0]["old_dirs"])[-2:]
    run.optimizer.param_groups[0]["history_size"] = 2
    run.optimizer._memory(run.optimizer.state[run.params[0]])
    close(arrays(run.optimizer.state_dict()["state"][0]["old_dirs"]), newest)
    before = copy.deepcopy(run.optimizer).state_dict()["state"][0]
    run.steps(1)
    assert run.optimizer.state_dict()["state"][0]["n_iter"] > before["n_iter"]


@pytest.mark.parametrize(
    "make",
    [
        lambda m, x: m.optim.LBFGS([{"params": [x]}, {"params": [m.ones(1)]}]), lambda m, x: m.optim.LBFGS([x], lr=-1.0),
        lambda m, x: m.optim.LBFGS([x]).step(), lambda m, x: m.optim.LBFGS([x], lr=m.ones(2)),
        lambda m, x: m.optim.LBFGS([x], line_search_fn="armijo").step(lambda: (x * x).sum().backward() or 1.0),
    ],
)  # fmt: skip
def test_errors(make):
    with pytest.raises(Exception) as want:
        make(torch, torch.ones(1, requires_grad=True))
    with pytest.raises(want.type) as got:
        make(rustorch, rustorch.ones(1, requires_grad=True))
    assert str(got.value) == str(want.value)


def test_infinite_losses_on_the_way():
    """A first try far outside where the loss is finite."""
    results = []
    for lib in (rustorch, torch):
        x = lib.tensor([1.5, 0.1], dtype=lib.float64, requires_grad=True)
        optimizer = lib.optim.LBFGS([x], lr=500.0, line_search_fn="strong_wolfe")

        def closure():
            optimizer.zero_grad()
            value = (x.exp() - x).sum()
            value.backward()
            return value

        for _ in range(3):
            optimizer.step(closure)
        results.append([x.tolist(), optimizer.state[x]["func_evals"]])
    np.testing.assert_allclose(results[0][0], results[1][0], atol=1e-7)
    assert results[0][1] == results[1][1]

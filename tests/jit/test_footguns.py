"""What goes silently wrong in other tracers. Each case is a little program that is run as it is and with a traced
function in it; ``trace`` is the identity or ``rustorch.jit.trace``, and both must give the same list of values."""

import functools
import random
import time
import types
import warnings
from dataclasses import dataclass

import numpy as np
import pytest

import rustorch as torch
import rustorch.nn as nn

CASES = []
SCALE = 2.0
TABLE = torch.tensor([1.0, 2.0])
COUNT = 0


def case(fn):
    CASES.append(fn)
    return fn


def ones(n=2):
    return torch.ones(n)


def fill(x, n=3):
    return torch.full((n,), float(x))


# --- branches and looks ----------------------------------------------------------------------------------


@case
def branch_on_data(trace):
    f = trace(lambda x: x * 2 if x.sum() > 0 else x - 1)
    return [f(fill(v)) for v in (1, 1, 1, -1, 1, -1, 0, 2)]


@case
def branch_on_item(trace):
    f = trace(lambda x: x + (10 if x.max().item() > 3 else 20))
    return [f(fill(v)) for v in (1, 1, 1, 5, 5, 1)]


@case
def loop_bound_from_data(trace):
    def f(x, n):
        for _ in range(int(n)):
            x = x * 2
        return x

    f = trace(f)
    return [f(ones(), torch.tensor(n)) for n in (1, 1, 1, 3, 3, 2, 1)]


@case
def returned_item(trace):
    f = trace(lambda x: (x * 3).sum().item())
    return [f(fill(v)) for v in (1, 1, 2, 3, 4)]


@case
def index_from_data(trace):
    f = trace(lambda x: TABLE[int(x.argmax())] * ones())
    return [f(torch.tensor(v)) for v in ([1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [0.0, 1.0])]


@case
def tolist_of_data(trace):
    f = trace(lambda x: sum(x.tolist()) * ones())
    return [f(fill(v)) for v in (1, 1, 1, 2)]


@case
def data_dependent_shape(trace):
    f = trace(lambda x: x[x > 0] * 2)
    return [f(torch.tensor(v)) for v in ([1.0, -1.0], [1.0, -1.0], [1.0, -2.0], [1.0, 3.0], [-1.0, -1.0])]


@case
def assertion_on_data(trace):
    def f(x):
        assert torch.isfinite(x).all(), "not finite"
        return x * 2

    f, out = trace(f), []
    for v in (1.0, 1.0, 1.0, float("nan"), 2.0):
        try:
            out.append(f(fill(v)))
        except AssertionError as error:
            out.append(str(error))
    return out


# --- Python values outside ----------------------------------------------------------------------------------


@case
def closed_over_number(trace):
    k = 2.0

    def f(x):
        return x * k

    f, out = trace(f), []
    for k in (2.0, 2.0, 2.0, 3.0, 2.0):
        out.append(f(ones()))
    return out


@case
def closed_over_list(trace):
    weights = [1.0, 2.0]
    f = trace(lambda x: sum(w * x for w in weights))
    out = [f(ones()) for _ in range(3)]
    weights.append(5.0)
    out.append(f(ones()))
    weights[0] = 7.0
    out.append(f(ones()))
    return out


@case
def nested_dict(trace):
    config = {"model": {"scale": 2.0, "flags": [True]}}
    f = trace(lambda x: x * config["model"]["scale"] if config["model"]["flags"][0] else x)
    out = [f(ones()) for _ in range(3)]
    config["model"]["scale"] = 4.0
    out.append(f(ones()))
    config["model"]["flags"][0] = False
    return [*out, f(ones())]


@case
def global_number(trace):
    global SCALE
    SCALE = 2.0
    f = trace(lambda x: x * SCALE)
    out = [f(ones()) for _ in range(3)]
    SCALE = 5.0
    return [*out, f(ones())]


@case
def global_tensor_rebound(trace):
    global TABLE
    before, f = TABLE, trace(lambda x: x + TABLE)
    out = [f(ones()) for _ in range(3)]
    TABLE = torch.tensor([10.0, 20.0])
    out.append(f(ones()))
    TABLE.mul_(2)
    out.append(f(ones()))
    TABLE = before
    return out


@case
def attribute_of_an_object(trace):
    @dataclass
    class Config:
        rate: float = 1.0
        kind: str = "add"

    config = Config()
    f = trace(lambda x: x + config.rate if config.kind == "add" else x * config.rate)
    out = [f(ones()) for _ in range(3)]
    config.rate = 3.0
    out.append(f(ones()))
    config.kind = "mul"
    return [*out, f(ones())]


@case
def class_attribute(trace):
    class Config:
        rate = 1.0

    config = Config()
    f = trace(lambda x: x * config.rate)
    out = [f(ones()) for _ in range(3)]
    Config.rate = 2.0
    out.append(f(ones()))
    config.rate = 3.0
    return [*out, f(ones())]


@case
def default_argument(trace):
    def f(x, k=2.0):
        return x * k

    g = trace(f)
    out = [g(ones()) for _ in range(3)]
    f.__defaults__ = (4.0,)
    return [*out, g(ones()), g(ones(), 5.0), g(ones(), k=6.0)]


@case
def helper_replaced(trace):
    space = types.SimpleNamespace(act=torch.relu)
    f = trace(lambda x: space.act(x - 2))
    out = [f(ones()) for _ in range(3)]
    space.act = torch.abs
    return [*out, f(ones())]


@case
def partial_arguments(trace):
    held = {"k": 2.0}
    f = trace(functools.partial(lambda x, table: x * table["k"], table=held))
    out = [f(ones()) for _ in range(3)]
    held["k"] = 3.0
    return [*out, f(ones())]


@case
def numpy_array_outside(trace):
    a = np.array([1.0, 2.0], np.float32)
    f = trace(lambda x: x + torch.tensor(a))
    out = [f(ones()) for _ in range(3)]
    a[0] = 9.0
    return [*out, f(ones())]


@case
def numbers_as_arguments(trace):
    f = trace(lambda x, k, flag: x * k if flag else x + k)
    return [
        f(ones(), k, flag)
        for k, flag in ((1, True), (1, True), (1, True), (2, True), (1.0, True), (1, False), (2.5, False))
    ]


@case
def nested_arguments(trace):
    f = trace(lambda batch: batch["x"] * batch["scale"][0] + batch["scale"][1])
    return [f({"x": ones(), "scale": (k, 1)}) for k in (1, 1, 1, 3)]


# --- state that the function changes --------------------------------------------------------------------------


@case
def list_appended(trace):
    seen = []

    def f(x):
        seen.append(x.shape[0])
        return x * len(seen)

    f = trace(f)
    return [*[f(ones()) for _ in range(6)], len(seen)]


@case
def counter_with_branch(trace):
    state = {"calls": 0}

    def f(x):
        state["calls"] += 1
        return x * 10 if state["calls"] % 5 == 0 else x

    f = trace(f)
    return [*[f(ones()) for _ in range(11)], state["calls"]]


@case
def global_counter(trace):
    def f(x):
        global COUNT
        COUNT += 1
        return x * COUNT

    global COUNT
    COUNT = 0
    f = trace(f)
    return [*[f(ones()) for _ in range(6)], COUNT]


@case
def tensors_appended(trace):
    history = []

    def f(x):
        y = x * 2
        history.append(y)
        return y.sum()

    f = trace(f)
    out = [f(fill(i)) for i in range(6)]
    return [*out, *history]


@case
def attribute_made_at_first(trace):
    class Lazy:
        def step(self, x):
            if not hasattr(self, "mean"):
                self.mean = torch.zeros_like(x)
            self.mean = 0.5 * self.mean + x
            return self.mean * 1

    lazy = Lazy()
    f = trace(lazy.step)
    out = [f(fill(i)) for i in range(5)]
    lazy.mean = torch.full((3,), 100.0)
    return [*out, f(fill(1)), lazy.mean]


@case
def nonlocal_tensor(trace):
    h = torch.zeros(3)

    def f(x):
        nonlocal h
        h = torch.tanh(h + x)
        return h

    f = trace(f)
    out = [f(fill(i / 10)) for i in range(5)]
    h = torch.zeros(3)
    return [*out, f(fill(1)), h]


@case
def output_kept_across_calls(trace):
    buffer = torch.zeros(3)

    def f(x):
        buffer.add_(x)
        return buffer * 2

    f = trace(f)
    kept = [f(fill(i)) for i in range(5)]
    view = buffer[:2]
    f(fill(1))
    return [*kept, view, buffer]


@case
def returned_state_itself(trace):
    w = torch.zeros(3)

    def f(x):
        w.add_(x)
        return w

    f = trace(f)
    out = [f(fill(1)) for _ in range(4)]
    out[0].add_(100)
    return [*out, w, out[0] is w]


@case
def somebody_holds_the_old_value(trace):
    w = torch.zeros(3)

    def f(x):
        w.add_(x)

    f, lazy = trace(f), []
    for i in range(5):
        f(fill(i))
        lazy.append(w * 10)  # pending: must see the value of now
        lazy.append(w.clone())
        lazy.append(w.numpy().copy())
    return lazy


@case
def argument_changed_in_place(trace):
    f = trace(lambda x: x.mul_(2).sum())
    out = []
    for i in range(4):
        x = fill(i)
        out += [f(x), x]
    base = torch.arange(6.0).view(2, 3)
    return [*out, f(base[0]), base, f(base[1]), base]


@case
def two_arguments_that_share_data(trace):
    def f(a, b):
        a.add_(1)
        return a + b

    f = trace(f)
    out = [f(ones(), ones()) for _ in range(3)]
    x = ones()
    return [*out, f(x, x), f(x, x.detach()), f(ones(), ones())]


@case
def data_swapped_under_a_parameter(trace):
    w = nn.Parameter(torch.ones(2))
    f = trace(lambda x: (x * w).detach())
    out = [f(ones()) for _ in range(3)]
    w.data = torch.full((2,), 5.0)
    out.append(f(ones()))
    with torch.no_grad():
        w.fill_(7)
    return [*out, f(ones())]


@case
def print_inside(trace):
    def f(x):
        print(end="")
        return x * 2

    f = trace(f)
    return [f(fill(i)) for i in range(4)]


@case
def exception_half_way(trace):
    w, bad = torch.zeros(2), {"now": False}

    def f(x):
        w.add_(x)
        if bad["now"]:
            raise ValueError("stop")
        w.mul_(2)
        return w.sum()

    f, out = trace(f), []
    for i in range(7):
        bad["now"] = i in (0, 4)
        try:
            out.append(f(ones()))
        except ValueError as error:
            out.append(str(error))
        out.append(w.clone())
    return out


# --- shapes, dtypes, modes ------------------------------------------------------------------------------------


@case
def shape_change(trace):
    f = trace(lambda x: x.sum() / x.shape[0])
    return [f(torch.ones(n)) for n in (2, 2, 2, 3, 4, 2)]


@case
def dtype_change(trace):
    f = trace(lambda x: x / 2)
    return [f(x) for x in (ones(), ones(), ones(), ones().int(), ones().double(), ones())]


@case
def requires_grad_change(trace):
    f = trace(lambda x: (x * 3).sum())
    out = [f(ones()).requires_grad for _ in range(3)]
    x = ones().requires_grad_()
    y = f(x)
    y.backward()
    return [*out, y.requires_grad, x.grad, f(ones()).requires_grad]


@case
def no_grad_around(trace):
    w = torch.ones(2, requires_grad=True)
    f = trace(lambda x: x * w)
    out = [f(ones()).requires_grad for _ in range(3)]
    with torch.no_grad():
        out.append(f(ones()).requires_grad)
    with torch.inference_mode():
        out.append(f(ones()).is_inference())
    return [*out, f(ones()).requires_grad]


@case
def default_dtype_change(trace):
    f = trace(lambda x: x.sum() * torch.tensor(0.1))
    out = [f(ones()) for _ in range(3)]
    torch.set_default_dtype(torch.float64)
    try:
        out.append(f(ones()))
    finally:
        torch.set_default_dtype(torch.float32)
    return out


@case
def non_contiguous_argument(trace):
    f = trace(lambda x: x.reshape(-1) * torch.arange(4.0))
    x = torch.arange(4.0).view(2, 2)
    return [f(x), f(x), f(x), f(x.t()), f(x.t().contiguous())]


# --- random numbers and clocks -------------------------------------------------------------------------------


@case
def dropout_differs(trace):
    torch.manual_seed(3)
    f = trace(lambda x: nn.functional.dropout(x, 0.5))
    return [f(torch.ones(20)) for _ in range(5)]


@case
def seeds_and_states(trace):
    f = trace(lambda: torch.rand(3))
    torch.manual_seed(1)
    out = [f() for _ in range(3)]
    torch.manual_seed(1)
    out += [f(), torch.rand(2), f()]
    state = torch.get_rng_state()
    out.append(f())
    torch.set_rng_state(state)
    return [*out, f()]


@case
def own_generator(trace):
    g = torch.Generator().manual_seed(5)
    f = trace(lambda: torch.randn(3, generator=g))
    out = [f() for _ in range(4)]
    g.manual_seed(5)
    return [*out, f()]


@case
def seed_inside(trace):
    def f():
        torch.manual_seed(4)
        return torch.rand(2)

    f = trace(f)
    return [f() for _ in range(4)] + [torch.rand(1)]


@case
def python_random(trace):
    random.seed(0)
    f = trace(lambda x: x * random.random())
    return [f(ones()) for _ in range(4)]


@case
def numpy_random(trace):
    rng = np.random.default_rng(0)
    f = trace(lambda x: x * float(rng.random()))
    return [f(ones()) for _ in range(4)]


@case
def numpy_global_random(trace):
    np.random.seed(0)
    f = trace(lambda x: x * float(np.random.rand()))
    return [f(ones()) for _ in range(4)]


@case
def clock(trace):
    f = trace(lambda x: (x * 0, time.perf_counter()))
    times = [f(ones())[1] for _ in range(5)]
    return [all(a < b for a, b in zip(times, times[1:]))]


@case
def iterator_inside(trace):
    batches = iter(range(10))
    f = trace(lambda x: x * next(batches))
    return [f(ones()) for _ in range(5)]


# --- modules, methods, nesting --------------------------------------------------------------------------------


def small():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Dropout(0.5))


@case
def training_flag(trace):
    net = small()
    f = trace(net)
    torch.manual_seed(1)
    out = [f(torch.ones(4, 2)).detach() for _ in range(3)]
    net.eval()
    out += [f(torch.ones(4, 2)).detach() for _ in range(2)]
    net[2].train()
    return [*out, f(torch.ones(4, 2)).detach()]


@case
def module_swapped(trace):
    net = small().eval()
    f = trace(lambda x: net(x).detach())
    out = [f(ones()) for _ in range(3)]
    net[1] = nn.Tanh()
    out.append(f(ones()))
    net.append(nn.Softmax(0))
    return [*out, f(ones())]


@case
def parameter_replaced(trace):
    net = small().eval()
    f = trace(lambda x: net(x).detach())
    out = [f(ones()) for _ in range(3)]
    net[0].weight = nn.Parameter(torch.eye(2) * 3)
    out.append(f(ones()))
    net.load_state_dict({"0.weight": torch.eye(2), "0.bias": torch.zeros(2)})
    return [*out, f(ones())]


@case
def hook_added(trace):
    net = small().eval()
    f = trace(lambda x: net(x).detach())
    out = [f(ones()) for _ in range(3)]
    handle = net[0].register_forward_hook(lambda module, args, y: y * 10)
    out.append(f(ones()))
    handle.remove()
    return [*out, f(ones())]


@case
def gradient_hook_added(trace):
    w = torch.ones(2, requires_grad=True)

    def f(x):
        w.grad = None
        (w * x).sum().backward()
        return w.grad.clone()

    f = trace(f)
    out = [f(ones()) for _ in range(3)]
    handle = w.register_hook(lambda g: g * 5)
    out.append(f(ones()))
    handle.remove()
    return [*out, f(ones())]


@case
def frozen_later(trace):
    net = nn.Linear(2, 2)
    with torch.no_grad():
        net.weight.fill_(1), net.bias.fill_(0)

    def f(x):
        net.zero_grad()
        net(x).sum().backward()
        return [None if p.grad is None else p.grad.clone() for p in net.parameters()]

    f = trace(f)
    out = [f(ones()) for _ in range(3)]
    net.weight.requires_grad_(False)
    return [*out, f(ones())]


@case
def two_instances_one_method(trace):
    class Scaler:
        def __init__(self, k):
            self.k = torch.tensor(k)
            self.bias = 1.0

    Scaler.apply = trace(lambda self, x: x * self.k + self.bias)
    a, b = Scaler(2.0), Scaler(3.0)
    out = [s.apply(ones()) for s in (a, b, a, b, a, b)]
    a.bias = 7.0
    return [*out, a.apply(ones()), b.apply(ones())]


@case
def traced_in_traced(trace):
    state = {"k": 2.0}
    inner = trace(lambda x: x * state["k"])
    outer = trace(lambda x: inner(x) + inner(x * 2))
    out = [outer(ones()) for _ in range(3)]
    state["k"] = 3.0
    return [*out, outer(ones()), inner(ones())]


@case
def recursion(trace):
    def f(x, depth):
        return x if depth == 0 else g(x * 2, depth - 1)

    g = trace(f)
    return [g(ones(), d) for d in (1, 1, 1, 3, 2, 0)]


@case
def gradients_kept_from_outside(trace):
    w = torch.ones(2, requires_grad=True)

    def f(x):
        (w * x).sum().backward()

    f, out = trace(f), []
    for i in range(6):
        f(fill(i, 2))
        out.append(w.grad.clone())
        if i == 3:
            w.grad = None
        if i == 4:
            w.grad.zero_()
    return out


@case
def learning_rate_read_by_the_step(trace):
    w = torch.ones(2, requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=0.5)

    def f():
        optimizer.zero_grad()
        w.sum().backward()
        optimizer.step()
        return optimizer.param_groups[0]["lr"]

    f, out = trace(f), []
    for i in range(6):
        out += [f(), w.detach().clone()]
        if i > 2:
            optimizer.param_groups[0]["lr"] *= 0.5
    return out


@case
def optimizer_options_changed(trace):
    w = torch.ones(2, requires_grad=True)
    optimizer = torch.optim.Adam([w], lr=0.1)

    def f():
        optimizer.zero_grad()
        (w * w).sum().backward()
        optimizer.step()
        return w.detach().clone()

    f = trace(f)
    out = [f() for _ in range(4)]
    optimizer.param_groups[0]["weight_decay"] = 0.1
    out.append(f())
    optimizer.param_groups[0]["maximize"] = True
    out.append(f())
    optimizer.param_groups[0]["betas"] = (0.5, 0.5)
    return [*out, f()]


@case
def optimizer_state_loaded(trace):
    w = torch.ones(2, requires_grad=True)
    optimizer = torch.optim.Adam([w], lr=0.1)

    def f():
        optimizer.zero_grad()
        (w * w).sum().backward()
        optimizer.step()
        return w.detach().clone()

    f = trace(f)
    out = [f() for _ in range(3)]
    saved = optimizer.state_dict()
    saved = {**saved, "state": {k: {n: t.clone() for n, t in s.items()} for k, s in saved["state"].items()}}
    out += [f() for _ in range(2)]
    optimizer.load_state_dict(saved)
    out += [f(), optimizer.state_dict()["state"][0]["step"]]
    optimizer.state.clear()
    return [*out, f(), f(), optimizer.state_dict()["state"][0]["step"]]


@case
def parameter_group_added(trace):
    a, b = (torch.ones(2, requires_grad=True) for _ in range(2))
    optimizer = torch.optim.SGD([a], lr=0.1)

    def f():
        optimizer.zero_grad()
        (a * b).sum().backward()
        optimizer.step()
        return a.detach().clone(), b.detach().clone()

    f = trace(f)
    out = [f() for _ in range(4)]
    optimizer.add_param_group({"params": [b], "lr": 0.5})
    return [*out, *[f() for _ in range(3)]]


@case
def custom_function_inside(trace):
    class Cube(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        def backward(ctx, g):
            return 3 * ctx.saved_tensors[0] ** 2 * g

    f = trace(lambda x: Cube.apply(x).sum())
    out = []
    for i in range(4):
        x = fill(i).requires_grad_()
        y = f(x)
        y.backward()
        out += [y.detach(), x.grad]
    return out


@case
def backward_twice_outside(trace):
    w = torch.ones(2, requires_grad=True)

    def f(x):
        loss = (w * w * x).sum()
        loss.backward()
        return loss

    f, out = trace(f), []
    for _ in range(4):
        loss = f(ones())
        try:
            loss.backward()
        except RuntimeError as error:
            out.append(str(error)[:30])
        out.append(w.grad.clone())
    return out


@case
def argument_that_is_state(trace):
    w = torch.ones(3)
    f = trace(lambda x: x + w)
    out = [f(w) for _ in range(3)] + [f(fill(5)), f(w), f(w[:])]

    def g(x):
        w.add_(1)
        return x * 2

    g = trace(g)
    return [*out, *[g(fill(1)) for _ in range(3)], g(w), g(w[1:]), w]


@case
def argument_changed_that_is_state(trace):
    w = torch.ones(3)
    f = trace(lambda x: (x.mul_(2), w + x)[1])
    return [*[f(fill(1)) for _ in range(3)], f(w), w]


@case
def requires_grad_set_inside(trace):
    def f(x):
        x.requires_grad_(True)
        (x * x).sum().backward()
        return x.grad

    f, out = trace(f), []
    for i in range(5):
        x = fill(i)
        out += [f(x), x.requires_grad, x.grad]
    return out


@case
def frozen_for_a_part_of_the_step(trace):
    a, b = nn.Linear(2, 2), nn.Linear(2, 2)
    with torch.no_grad():
        [p.fill_(0.5) for m in (a, b) for p in m.parameters()]

    def f(x):
        a.zero_grad(), b.zero_grad()
        b.requires_grad_(False)
        b(a(x)).sum().backward()
        b.requires_grad_(True)
        return a.weight.grad.clone(), b.weight.grad is None, b.weight.requires_grad

    f = trace(f)
    return [f(ones()) for _ in range(5)]


@case
def data_swapped_inside(trace):
    w = nn.Parameter(torch.ones(2))

    def f(x):
        w.data = w.data + x
        return w.detach() * 2

    f = trace(f)
    return [*[f(ones()) for _ in range(5)], w.detach()]


@case
def attribute_of_a_tensor(trace):
    w = torch.ones(2)
    w.scale = 2.0
    f = trace(lambda x: x * w.scale)
    out = [f(ones()) for _ in range(3)]
    w.scale = 3.0
    return [*out, f(ones())]


@case
def own_generator_seeded_inside(trace):
    g = torch.Generator()

    def f():
        g.manual_seed(3)
        return torch.rand(2, generator=g)

    f = trace(f)
    return [f() for _ in range(4)]


@case
def step_count_read_by_the_step(trace):
    w = torch.ones(2, requires_grad=True)
    optimizer = torch.optim.Adam([w], lr=0.1)

    def f():
        optimizer.zero_grad()
        w.sum().backward()
        optimizer.step()
        return int(optimizer.state[w]["step"])

    f = trace(f)
    return [f() for _ in range(5)]


@case
def hook_registered_inside(trace):
    w, seen = torch.ones(2, requires_grad=True), []

    def f(x):
        handle = w.register_hook(lambda g: g * 3)
        w.grad = None
        (w * x).sum().backward()
        handle.remove()
        return w.grad.clone()

    f = trace(f)
    return [f(ones()) for _ in range(5)] + seen


@case
def iteration_over_rows(trace):
    f = trace(lambda x: sum(row * i for i, row in enumerate(x)))
    return [f(torch.arange(6.0).view(3, 2)) for _ in range(3)] + [f(torch.arange(4.0).view(2, 2))]


@case
def gradient_read(trace):
    w = torch.ones(2, requires_grad=True)
    w.grad = torch.ones(2)
    f = trace(lambda x: x if w.grad is None else x + w.grad)
    out = [f(ones()) for _ in range(3)]
    w.grad = torch.full((2,), 5.0)
    out.append(f(ones()))
    w.grad = None
    return [*out, f(ones())]


@case
def look_that_fails_leaves_gradients(trace):
    w = torch.ones(2, requires_grad=True)

    def f(x):
        (w * x).sum().backward()
        return w.grad * 1 if x.sum() > 0 else w.grad * 2

    f = trace(f)
    return [f(fill(v, 2)) for v in (1, 1, 1, -1, 1, -1, -1, 2)]


@case
def look_that_fails_before_gradients_are_replaced(trace):
    w = torch.ones(2, requires_grad=True)

    def f(x):
        if x.sum() < 0:
            return w.grad * 2
        w.grad = None
        (w * x).sum().backward()
        return x * 1

    f = trace(f)
    return [f(fill(v, 2)) for v in (1, 2, 3, 4, -1, 5, 6, -1, -1, 7)]


@case
def literal_changed_in_place_beside_state(trace):
    total, held = torch.zeros(3), types.SimpleNamespace(m=None)

    def f(x):
        total.add_(x)
        m = torch.tensor([1.0, 2.0, 3.0])
        m.add_(x)
        held.m = m
        return m * 2

    f = trace(f)
    return [*[f(fill(i, 3)) for i in range(6)], total, held.m]


@case
def buffers_swapped(trace):
    state = {"a": torch.zeros(2), "b": torch.ones(2)}

    def f(x):
        state["a"], state["b"] = state["b"], state["a"]
        state["a"].add_(x)
        return state["a"] - state["b"]

    f = trace(f)
    return [*[f(fill(i, 2)) for i in range(6)], state["a"], state["b"]]


@case
def previous_weights_kept(trace):
    w, old = torch.ones(2), torch.zeros(2)

    def f(x):
        old.copy_(w)
        w.mul_(2).add_(x)
        return w - old

    f = trace(f)
    return [*[f(fill(i, 2)) for i in range(5)], w, old]


def plain(x):
    if isinstance(x, torch.Tensor):
        return x.dtype, x.detach().double().numpy().copy()
    if isinstance(x, (list, tuple)):
        return [plain(v) for v in x]
    return x


def assert_same(a, b):
    """Equal, but for the last bit of floats: one program rounds as several do not."""
    assert type(a) is type(b), (a, b)
    if isinstance(a, (list, tuple)):
        assert len(a) == len(b)
        for x, y in zip(a, b):
            assert_same(x, y)
    elif isinstance(a, np.ndarray):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7)
    else:
        assert a == b


@pytest.mark.parametrize("program", CASES, ids=lambda f: f.__name__)
def test_never_stale(program):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = plain(program(lambda f: f))
        got = plain(program(torch.jit.trace))
    assert_same(got, expected)


def test_there_are_at_least_forty():
    assert len(CASES) >= 40

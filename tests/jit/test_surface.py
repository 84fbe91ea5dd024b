"""PyTorch's spellings, strictness, and what ``explain`` says."""

import copy
import cProfile
import gc
import os
import pickle
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
from jax import monitoring

import rustorch as torch
import rustorch.nn as nn
from rustorch.lowering import counters


def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))


def test_a_traced_module_is_the_module():
    model = net()
    traced = torch.jit.trace(model, torch.ones(2, 3))
    assert isinstance(traced, nn.Sequential) and isinstance(traced, torch.jit.ScriptModule)
    assert [n for n, _ in traced.named_parameters()] == [n for n, _ in model.named_parameters()]
    assert traced.original_module is model and len(traced) == 3
    assert "linear" in traced.graph and "def Sequential" in traced.code
    traced.eval()
    assert not model.training
    with torch.no_grad():
        model[0].weight.zero_()
    np.testing.assert_allclose(traced(torch.ones(2, 3)).detach().numpy(), model(torch.ones(2, 3)).detach().numpy())
    assert type(copy.deepcopy(traced)) is nn.Sequential
    again = pickle.loads(pickle.dumps(traced))
    assert torch.equal(again[0].bias, model[0].bias)


def test_compile_is_a_call_and_a_decorator():
    @torch.compile
    def f(x):
        return x * 2

    @torch.compile(fullgraph=True, dynamic=True, mode="max-autotune")
    def g(x):
        return x * 3

    for _ in range(3):
        assert f(torch.ones(1)).item() == 2 and g(torch.ones(1)).item() == 3
    assert torch.compile(f, disable=True) is f
    assert f.__name__ == "f"
    with pytest.raises(RuntimeError, match="Unrecognized mode"):
        torch.compile(lambda x: x, mode="fastest")


def test_scripts_decorators():
    class M(nn.Module):
        @torch.jit.export
        def more(self, x):
            return x + 1

        @torch.jit.ignore
        def log(self, x):
            return None

        @torch.jit.unused
        def never(self):
            return 0

        def forward(self, x):
            y = torch.jit.annotate(torch.Tensor, self.more(x))
            return y if torch.jit.isinstance(y, torch.Tensor) and not torch.jit.is_scripting() else x

    m = torch.jit.script(M())
    assert m(torch.ones(1)).item() == 2 and m.more(torch.ones(1)).item() == 2
    assert torch.jit.script(m) is m


def test_trace_module_traces_methods():
    class M(nn.Module):
        def __init__(self):
            super().__init__()
            self.k = nn.Parameter(torch.ones(1))

        def forward(self, x):
            return x * self.k

        def twice(self, x):
            return 2 * x * self.k

    m = torch.jit.trace_module(M(), {"forward": torch.ones(1), "twice": torch.ones(1)})
    for _ in range(3):
        assert m(torch.ones(1)).item() == 1 and m.twice(torch.ones(1)).item() == 2


def test_freeze_and_inference():
    traced = torch.jit.trace(net(), torch.ones(2, 3))
    with pytest.raises(RuntimeError, match="eval mode"):
        torch.jit.freeze(traced)
    frozen = torch.jit.optimize_for_inference(torch.jit.freeze(traced.eval()))
    assert not frozen(torch.ones(2, 3)).requires_grad
    with pytest.raises(RuntimeError, match="ScriptModule"):
        torch.jit.freeze(net())


def test_fork_and_wait():
    future = torch.jit.fork(lambda x: x + 1, torch.ones(1))
    assert torch.jit.wait(future).item() == 2


def test_is_tracing():
    seen = []
    f = torch.jit.trace(lambda x: (seen.append(torch.jit.is_tracing()), x)[1])
    f(torch.ones(1))
    assert seen == [True] and not torch.jit.is_tracing()


def test_strict_names_what_changed():
    config = {"k": 2.0}
    f = torch.jit.trace(lambda x: x * config["k"], strict=True)
    for _ in range(3):
        f(torch.ones(2))
    config["k"] = 3.0
    with pytest.raises(RuntimeError, match=r"config\['k'\] \(2.0 then, 3.0 now\)"):
        f(torch.ones(2))
    config["k"] = 2.0
    with pytest.raises(RuntimeError, match="arguments"):
        f(torch.ones(3))


def test_fullgraph_names_the_line():
    def f(x):
        return x * 2 if x.sum().item() > 1.5 else x

    f = torch.jit.trace(f, fullgraph=True)
    with pytest.raises(RuntimeError, match="another value"):
        for i in range(40):
            f(torch.full((2,), float(i)))

    def g(x):
        print(end="")
        return x

    with pytest.raises(RuntimeError, match=r"test_surface.py:\d+ calls builtins.print"):
        torch.jit.trace(g, fullgraph=True)(torch.ones(1))


def test_one_warning_with_the_reason():
    seen = []

    def f(x):
        seen.append(1)
        return x

    f = torch.jit.trace(f)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(8):
            f(torch.ones(1))
    assert len(caught) == 1 and "seen" in str(caught[0].message) and caught[0].filename == __file__
    assert len(seen) == 8 and "ordinary function" in f.explain()


def test_check_trace():
    torch.jit.trace(lambda x: x * 2, torch.ones(2), check_trace=True, check_inputs=[torch.ones(3)])
    with pytest.raises(RuntimeError, match="sanity"):
        torch.jit.trace(lambda x: x * torch.rand(2), torch.ones(2), check_trace=True)


def test_recordings_are_bounded():
    f = torch.jit.trace(lambda x: x.sum())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for n in range(1, 60):
            assert f(torch.ones(n)).item() == n
    assert sum(map(len, f.variants.values())) <= 16


def test_buffers_are_reused_and_the_graph_does_not_grow():
    w = torch.ones(1000, requires_grad=True)
    optimizer = torch.optim.Adam([w], lr=0.1)

    def step():
        optimizer.zero_grad()
        (w * w).sum().backward()
        optimizer.step()

    f = torch.jit.trace(step, fullgraph=True)
    for _ in range(4):
        f()
    pointers = {w.data_ptr(), w.grad.data_ptr()}
    for _ in range(4):
        f()
    assert {w.data_ptr(), w.grad.data_ptr()} == pointers
    assert w._storage.node.inputs == ()


def test_threads_call_one_traced_function():
    f = torch.jit.trace(lambda x: x * 2 + 1)
    f(torch.ones(2)), f(torch.ones(2))
    out = {}

    def work(k):
        out[k] = [f(torch.full((2,), float(k + i))).sum().item() for i in range(20)]

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert all(out[k] == [2 * (2 * (k + i) + 1) for i in range(20)] for k in range(4))


def test_a_recording_costs_no_second_program():
    model = net()
    optimizer = torch.optim.Adam(model.parameters())

    def step(x):
        optimizer.zero_grad()
        model(x).square().sum().backward()
        optimizer.step()

    x = torch.ones(5, 3)
    torch.lowering.counters()
    x.sum().item()
    before = counters()["compiled"]
    f = torch.jit.trace(step)
    for _ in range(6):
        f(x)
    assert counters()["compiled"] - before == 1, f.explain()


def test_guards_of_a_module_compare_identities_only():
    model, x = net(), torch.ones(2, 3)
    traced = torch.jit.trace(model, x)
    for _ in range(3):
        traced(x)
    assert traced._traced[0].latest().guards.hold()


def test_a_step_is_compiled_once_by_jax_too():
    model = net()
    optimizer = torch.optim.Adam(model.parameters())

    def step(x):
        optimizer.zero_grad()
        model(x).square().sum().backward()
        optimizer.step()

    f, x = torch.jit.trace(step, fullgraph=True), torch.ones(4, 3)
    f(x), f(x)
    compiled = []

    def listen(name, *_, **__):
        compiled.append(name)

    monitoring.register_event_duration_secs_listener(listen)
    try:
        for _ in range(5):
            f(x)
    finally:
        monitoring.unregister_event_duration_listener(listen)
    assert not [name for name in compiled if "compile" in name]


def test_a_garbage_collection_is_not_the_functions_doing():
    def callback(phase, info):
        time.perf_counter()

    gc.callbacks.append(callback)
    before = gc.get_threshold()
    gc.set_threshold(1, 1, 1)
    try:
        f = torch.jit.trace(lambda x: [x * i for i in range(50)][-1], fullgraph=True)
        for _ in range(3):
            f(torch.ones(2))
    finally:
        gc.set_threshold(*before)
        gc.callbacks.remove(callback)
    assert f.latest().runs == 2 and gc.isenabled()


def test_a_profiler_may_listen_too():
    f, x, profiler = torch.jit.trace(lambda x: x * 2), torch.ones(3), cProfile.Profile()
    profiler.enable()
    try:
        assert f(x).tolist() == [2.0] * 3
        assert f(x).tolist() == [2.0] * 3
    finally:
        profiler.disable()
    assert profiler.getstats()


def test_where_the_package_lies_does_not_matter(tmp_path):
    """A path with ".." in it, and a script beside it in a folder whose name begins with the package's."""
    (tmp_path / "rustorch").symlink_to(Path(torch.__file__).parent)
    script = tmp_path / "rustorch-demo" / "step.py"
    script.parent.mkdir()
    script.write_text(
        "import sys\n"
        "sys.path.insert(0, sys.argv[1])\n"
        "import rustorch as torch\n"
        "assert '..' in torch.__file__, torch.__file__\n"
        "step = torch.jit.trace(lambda x: (x * 2).sum(), fullgraph=True)\n"
        "print([step(torch.ones(3)).item() for _ in range(3)])\n"
        "print(torch.lowering.explain())\n"
    )
    run = subprocess.run(
        [sys.executable, script, f"{script.parent}/.."],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": ""},
    )
    assert run.stdout.startswith("[6.0, 6.0, 6.0]"), run.stderr
    assert f"x {script}:6" in run.stdout

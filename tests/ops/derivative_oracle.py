"""One call in both libraries: values, first and second gradients against PyTorch, forward against reverse mode.

PyTorch's own samples (``op_db``) become calls of rustorch. Everything that one op needs is recorded first and read
afterwards, so that an op is one program.
"""

import warnings
from contextlib import contextmanager

import numpy as np
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

import rustorch


def lookup(name: str):
    """rustorch's function (or method) of a dotted name, or None."""
    return _under(rustorch, name)


def _under(lib, name: str):
    """A function of a library, a method, or an operation of its ``ops.aten``."""
    found = lib
    for part in name.removeprefix("torch.").split("."):
        found = getattr(found, part, None)
    if callable(found):
        return found
    return getattr(lib.Tensor, name, None) or getattr(lib.ops.aten, name, None)


class Call:
    """One call of one op, and what to make of its results."""

    def __init__(self, name, args=(), kwargs=None, *, wrap=None, finish=None, ours=None, theirs=None):
        self.name, self.args, self.kwargs = name, args, dict(kwargs or {})
        self.wrap = wrap or (lambda fn, *args, **kwargs: fn(*args, **kwargs))
        self.finish = finish or (lambda out: out)
        self.ours, self.theirs = ours or lookup(name), theirs or _torch(name)

    def on(self, lib):
        """``(function of the leaves, leaves)`` in a library: leaves are the tensors that require grad."""
        leaves = []
        args, kwargs = _convert(lib, self.args, leaves), _convert(lib, self.kwargs, leaves)
        fn = self.ours if lib is rustorch else self.theirs

        def call(*values):
            given = dict(zip(map(id, leaves), values))
            out = self.finish(self.wrap(fn, *_swap(args, given), **_swap(kwargs, given)))
            return [t for t in _flat(out) if isinstance(t, lib.Tensor)]

        return call, leaves


def _torch(name):
    found = _under(torch, name)
    assert found is not None, name
    return found


def _flat(out):
    if isinstance(out, (tuple, list)):
        return [t for x in out for t in _flat(x)]
    return [out]


def to_rustorch(t):
    """A rustorch tensor of a PyTorch one."""
    if "float8" in str(t.dtype) or "bfloat16" in str(t.dtype):  # NumPy has none
        return rustorch.tensor(t.detach().float().numpy()).to(getattr(rustorch, str(t.dtype)[6:]))
    return rustorch.tensor(np.array(t.detach().resolve_conj().resolve_neg().numpy()))


def _convert(lib, x, leaves):
    if isinstance(x, torch.Tensor):
        made = x.detach().clone() if lib is torch else to_rustorch(x)
        if x.requires_grad:
            leaves.append(made.requires_grad_(True))
        return made
    if isinstance(x, dict):
        return {k: _convert(lib, v, leaves) for k, v in x.items()}
    if isinstance(x, torch.Size):
        return tuple(x)
    if isinstance(x, (tuple, list)):
        return type(x)(_convert(lib, y, leaves) for y in x) if type(x) in (tuple, list) else x
    if lib is rustorch:
        if isinstance(x, torch.dtype):
            return getattr(rustorch, str(x).split(".")[1])
        if isinstance(x, torch.device):
            return rustorch.device(str(x))
        if isinstance(x, torch.memory_format | torch.layout):
            return getattr(rustorch, str(x).split(".")[1])
        if isinstance(x, torch.nn.PairwiseDistance):
            return rustorch.nn.PairwiseDistance(x.norm, x.eps, x.keepdim)
        if callable(x) and getattr(torch.nn.functional, getattr(x, "__name__", "?"), None) is x:
            return getattr(rustorch.nn.functional, x.__name__)
    return x


def _swap(x, given):
    if isinstance(x, dict):
        return {k: _swap(v, given) for k, v in x.items()}
    if isinstance(x, (tuple, list)) and type(x) in (tuple, list):
        return type(x)(_swap(y, given) for y in x)
    return given.get(id(x), x)


def weights(lib, t, seed):
    """Random numbers shaped as a tensor."""
    rng = np.random.default_rng(seed)
    w = rng.uniform(0.5, 1.5, tuple(t.shape)) * rng.choice([-1.0, 1.0], tuple(t.shape))
    if t.dtype.is_complex:
        w = w + 1j * rng.uniform(-1.5, 1.5, tuple(t.shape))
    return lib.tensor(w).to(t.dtype)


def _moving(lib, tensors):
    return [i for i, t in enumerate(tensors) if t is not None and t.requires_grad]


def derivatives(lib, call: Call, order=2):
    """``(results, [first gradients, second gradients])``; None where there is none."""
    function, leaves = call.on(lib)
    out = function(*leaves)
    found = []
    ends, sources = out, leaves
    for level in range(order):
        live = _moving(lib, ends)
        if not live or not leaves:
            break
        cts = [weights(lib, ends[i], 100 * level + i) for i in live]
        if level + 1 < order:
            cts = [c.requires_grad_(True) for c in cts]
        ends = lib.autograd.grad(
            [ends[i] for i in live], sources, cts, create_graph=level + 1 < order, allow_unused=True
        )
        found.append(list(ends))
        sources = [*sources, *cts]
    return out, found


def both_modes(call: Call, seed=0):
    """The same number by forward and by reverse mode: ``<ct, J v>`` and ``<Jᵀ ct, v>``; None if not differentiable."""
    function, leaves = call.on(rustorch)
    rustorch.manual_seed(seed)
    out = function(*leaves)
    live = _moving(rustorch, out)
    if not live or not leaves:
        return None
    cts = [weights(rustorch, out[i], i) for i in live]
    grads = rustorch.autograd.grad([out[i] for i in live], leaves, cts, allow_unused=True)
    moves = [weights(rustorch, t, 50 + i) for i, t in enumerate(leaves)]
    rustorch.manual_seed(seed)
    points = tuple(t.detach() for t in leaves)
    _, tangents = rustorch.func.jvp(lambda *values: [function(*values)[i] for i in live], points, tuple(moves))
    return _dot(tangents, cts), _dot(grads, moves)


def _dot(xs, ys):
    """The real inner product of two lists of tensors."""
    terms = [(x.conj() * y).sum().real for x, y in zip(xs, ys) if x is not None]
    return sum(terms[1:], terms[0]) if terms else rustorch.zeros((), dtype=rustorch.float64)


def numpy_of(t):
    """A NumPy array of a tensor of either library."""
    t = t.float() if "bfloat16" in str(t.dtype) or "float8" in str(t.dtype) else t
    return np.asarray(t.detach().resolve_conj().resolve_neg().numpy(force=True))


def close(ours, theirs, what, rtol=1e-7):
    """Equal shape, dtype and, to ``rtol`` of the largest, values; NaN equals NaN."""
    assert tuple(ours.shape) == tuple(theirs.shape), f"{what}: shape {ours.shape} instead of {theirs.shape}"
    assert str(ours.dtype) == str(theirs.dtype), f"{what}: {ours.dtype} instead of {theirs.dtype}"
    a, b = numpy_of(ours), numpy_of(theirs)
    if a.dtype.kind not in "fc":
        np.testing.assert_array_equal(a, b, err_msg=what)
        return
    if a.dtype.itemsize // (2 if a.dtype.kind == "c" else 1) < 8:
        rtol = max(rtol, 2e-5)
    size = np.abs(b[np.isfinite(b)]).max(initial=1e-3)
    np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol * size, equal_nan=True, err_msg=what)


def close_or_zero(ours, theirs, what, rtol):
    """As ``close``, where None stands for zeros."""
    if ours is None or theirs is None:
        kept = ours if theirs is None else theirs
        assert kept is None or not numpy_of(kept).any(), f"{what}: {ours} instead of {theirs}"
    else:
        close(ours, theirs, what, rtol)


@contextmanager
def quiet():
    """No warnings; attention without its fused kernel, which has no second derivative in PyTorch."""
    with warnings.catch_warnings(), sdpa_kernel(SDPBackend.MATH):
        warnings.simplefilter("ignore")
        yield


def check(calls, *, order=2, forward=True, values=True, rtol=1e-7, finite=False):
    """Compare some calls with PyTorch; everything of ours is recorded before anything is read.

    ``finite``: where PyTorch's second gradient is NaN, ours may be a number.
    """
    with quiet():
        ours = [derivatives(rustorch, c, order) if values else None for c in calls]
        modes = [both_modes(c) if forward else None for c in calls]
        theirs = [derivatives(torch, c, order) if values else None for c in calls]
        wrong = []
        for k, (c, a, b, m) in enumerate(zip(calls, ours, theirs, modes)):
            what = f"{c.name} sample {k} {_show(c)}"
            if values:
                wrong += _wrong(_compare, a, b, what, rtol, finite)
            if m is not None:
                wrong += _wrong(_agree, m, what, rtol if _double((c.args, c.kwargs)) else 2e-5)
    assert not wrong, "\n".join(wrong)


def _double(x):
    """Is no tensor in ``x`` less precise than float64?"""
    if isinstance(x, torch.Tensor):
        return x.dtype not in (torch.float32, torch.float16, torch.bfloat16)
    if isinstance(x, dict):
        x = list(x.values())
    return all(map(_double, x)) if isinstance(x, (tuple, list)) else True


def _wrong(comparison, *args):
    try:
        comparison(*args)
    except AssertionError as e:
        return [str(e)]
    return []


def _agree(modes, what, rtol):
    push, pull = (float(x) for x in modes)
    rtol = max(rtol, {4: 2e-5, 2: 2e-2}.get(modes[0].dtype.itemsize, 0))
    np.testing.assert_allclose(push, pull, rtol=rtol, atol=rtol, err_msg=f"{what}: forward and reverse mode")


def _compare(ours, theirs, what, rtol, finite):
    (out, grads), (expected, expected_grads) = ours, theirs
    assert len(out) == len(expected), f"{what}: {len(out)} results instead of {len(expected)}"
    for i, (a, b) in enumerate(zip(out, expected)):
        close(a, b, f"{what}: result {i}", rtol)
        assert a.requires_grad == b.requires_grad, f"{what}: result {i} requires_grad {a.requires_grad}"
    for level in range(max(len(grads), len(expected_grads))):
        found = grads[level] if level < len(grads) else [None] * len(expected_grads[level])
        wanted = expected_grads[level] if level < len(expected_grads) else [None] * len(found)
        found, wanted = found + [None] * (len(wanted) - len(found)), wanted + [None] * (len(found) - len(wanted))
        for i, (a, b) in enumerate(zip(found, wanted)):
            where = f"{what}: {('first', 'second')[level]} gradient {i}"
            if finite and level and a is not None and b is not None and b.isnan().any():
                a, b = (t.nan_to_num() * rest for t, rest in zip((a, b), _without_nan(b)))
            close_or_zero(a, b, where, 10 * rtol)


def _without_nan(t):
    """1 where ``t`` is a number, 0 where it is NaN: for rustorch and for PyTorch."""
    rest = (~t.isnan()).to(t.dtype)
    return to_rustorch(rest), rest


def _show(call):
    def one(x):
        if isinstance(x, torch.Tensor):
            return f"{str(x.dtype)[6:]}{list(x.shape)}"
        if isinstance(x, (tuple, list)):
            return "(" + ", ".join(map(one, x)) + ")"
        return repr(x)

    return "(" + ", ".join([*map(one, call.args), *(f"{k}={one(v)}" for k, v in call.kwargs.items())]) + ")"

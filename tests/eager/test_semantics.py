"""Small programs that must do under rustorch exactly what they do under torch."""

import copy
import pickle

import numpy as np
import pytest
import torch

import rustorch
from rustorch.autograd.transfer import ToCopy


def plain(x):
    """A result as comparable Python data."""
    if isinstance(x, (torch.Tensor, rustorch.Tensor)):
        d = x.detach()
        return (
            "tensor",
            tuple(d.shape),
            str(d.dtype),
            d.tolist(),
            x.requires_grad,
            tuple(d.stride()) if d.numel() > 1 else (),
        )
    if isinstance(x, (tuple, list)):
        return [plain(y) for y in x]
    if isinstance(x, (torch.dtype, rustorch.dtype, torch.device, rustorch.Device)):
        return repr(x)
    if isinstance(x, np.ndarray):
        return (x.dtype, x.tolist())
    return x


def same(program):
    """Run a program under both libraries; results, or error types and messages, must be equal."""
    try:
        want = plain(program(torch))
    except Exception as e:
        with pytest.raises(type(e)) as got:
            program(rustorch)
        first = str(e).split("\n")[0]
        assert str(got.value).split("\n")[0].startswith(first[:60]), f"{got.value}\n{e}"
        return
    got = plain(program(rustorch))
    np.testing.assert_equal(got, want)


def base(m):
    return m.arange(24.0).reshape(2, 3, 4)


READS = [
    lambda x, m: x[0], lambda x, m: x[-1, 1:], lambda x, m: x[..., 2], lambda x, m: x[:, ::2, None], lambda x, m: x[1, 2, 3],
    lambda x, m: x[None], lambda x, m: x[:, -2:, 1:3], lambda x, m: x[[0, 1]], lambda x, m: x[:, [2, 0]], lambda x, m: x[[0, 1], [1, 2]],
    lambda x, m: x[m.tensor([1, 0])], lambda x, m: x[m.tensor([[1, 0], [0, 0]])], lambda x, m: x[:, m.tensor([0, -1]), 1:],
    lambda x, m: x[0, m.tensor([0, 1]), m.tensor([2, 3])], lambda x, m: x[m.tensor([0, 1]), :, m.tensor([2, 3])],
    lambda x, m: x[x > 5], lambda x, m: x[m.tensor([True, False])], lambda x, m: x[:, m.tensor([True, False, True])],
    lambda x, m: x[m.tensor([True, False]), 1], lambda x, m: x[True], lambda x, m: x[np.array([1, 0])], lambda x, m: x[np.int64(1)],
    lambda x, m: x[5], lambda x, m: x[0, 0, 0, 0], lambda x, m: x[m.tensor([2])], lambda x, m: x["a"], lambda x, m: x[m.tensor([0.5])],
    lambda x, m: x[::-1], lambda x, m: x[m.tensor(1)], lambda x, m: x[1:1], lambda x, m: x[:, :, 10:], lambda x, m: x[m.tensor([True, False, True])],
    lambda x, m: x[range(2)], lambda x, m: x[[]], lambda x, m: x[()], lambda x, m: x[0][1][2], lambda x, m: x[..., m.tensor([1, 1])],
]  # fmt: skip


@pytest.mark.parametrize("k", range(len(READS)))
def test_indexing_reads(k):
    same(lambda m: READS[k](base(m), m))


def written(x, key, value, m):
    x[key(x, m)] = value(m)
    return x


KEYS = [
    lambda x, m: 0, lambda x, m: (slice(None), 1), lambda x, m: (Ellipsis, slice(1, 3)), lambda x, m: (0, [0, 2]), lambda x, m: x > 7,
    lambda x, m: m.tensor([1, 0]), lambda x, m: (slice(None), m.tensor([True, False, True])), lambda x, m: (1, 2, 3),
    lambda x, m: (m.tensor([0, 1]), m.tensor([1, 1]), m.tensor([0, 0])), lambda x, m: slice(None), lambda x, m: 7,
]  # fmt: skip
VALUES = [lambda m: 1.5, lambda m: m.tensor(-1.0), lambda m: m.ones(4), lambda m: 3, lambda m: m.ones(5)]


@pytest.mark.parametrize("k", range(len(KEYS)))
@pytest.mark.parametrize("v", range(len(VALUES)))
def test_indexing_writes(k, v):
    same(lambda m: written(base(m), KEYS[k], VALUES[v], m))


VIEWS = {
    "slice": lambda x, m: x[:, 1:], "select": lambda x, m: x.select(1, 2), "view": lambda x, m: x.view(6, 4), "reshape": lambda x, m: x.reshape(4, 6),
    "transpose": lambda x, m: x.transpose(0, 2), "permute": lambda x, m: x.permute(2, 0, 1), "expand": lambda x, m: x[:, :1].expand(2, 3, 4)[0, 0],
    "diagonal": lambda x, m: x.diagonal(0, 1, 2), "unbind": lambda x, m: x.unbind(1)[1], "chunk": lambda x, m: x.chunk(2, 2)[1],
    "split": lambda x, m: x.split([1, 2], 1)[1], "squeeze": lambda x, m: x[:1].squeeze(), "unsqueeze": lambda x, m: x.unsqueeze(1),
    "narrow": lambda x, m: x.narrow(2, 1, 2), "detach": lambda x, m: x.detach(), "data": lambda x, m: x.data, "flatten": lambda x, m: x.flatten(1),
    "unflatten": lambda x, m: x.unflatten(2, (2, 2)), "movedim": lambda x, m: x.movedim(0, 2), "unfold": lambda x, m: x.unfold(2, 2, 2),
    "view_as": lambda x, m: x.view_as(m.zeros(24)), "T": lambda x, m: x[0].T, "mT": lambda x, m: x.mT, "tensor_split": lambda x, m: x.tensor_split(2, 2)[0],
    "as_strided": lambda x, m: x.as_strided((2, 2), (12, 5), 1), "view_dtype": lambda x, m: x.view(m.int32).view(m.float32), "ravel": lambda x, m: x.ravel(),
    "swapaxes": lambda x, m: x.swapaxes(0, 1), "hsplit": lambda x, m: m.hsplit(x, 3)[1], "reshape_copy": lambda x, m: x.transpose(0, 2).reshape(-1),
    "contiguous": lambda x, m: x.contiguous(), "adjoint": lambda x, m: x.mH, "view_as_complex": lambda x, m: m.view_as_real(m.view_as_complex(x.view(2, 3, 2, 2))),
}  # fmt: skip


@pytest.mark.parametrize("name", VIEWS)
def test_views_alias_their_base(name):
    def program(m):
        x = base(m)
        v = VIEWS[name](x, m)
        before = (v.shape == v.shape, v.storage_offset())
        v.mul_(-2)
        x[0, 0] = 100.0
        return before, x, v

    same(program)


@pytest.mark.parametrize("part", ["real", "imag"])
def test_complex_parts_alias(part):
    def program(m):
        x = m.tensor([1 + 2j, 3 - 4j])
        getattr(x, part).mul_(10)
        return x, getattr(x, part)

    same(program)


DTYPES = "bool uint8 int8 int16 int32 int64 float16 bfloat16 float32 float64 complex64 complex128".split()


@pytest.mark.parametrize("a", DTYPES)
def test_promotion(a):
    """Tensor with tensor, 0-dim tensor, and Python number, in both orders."""
    with rustorch.lowering.interpret():
        for b in DTYPES:
            if a == "float16" and b.startswith("complex"):
                continue  # XLA has no half complex; see docs/differences.md

            def dtypes(m, b=b):
                x, y = m.ones(2, dtype=getattr(m, a)), m.ones(2, dtype=getattr(m, b))
                z = m.ones((), dtype=getattr(m, b))
                return [
                    (x + y).dtype,
                    (x * z).dtype,
                    (z * x).dtype,
                    (x == y).dtype,
                    m.promote_types(x.dtype, y.dtype),
                    m.can_cast(x.dtype, y.dtype),
                ]

            same(dtypes)
        for number in (True, 2, 2.5, 1j):
            if a == "float16" and number == 1j:
                continue  # XLA has no half complex; see docs/differences.md
            same(lambda m, number=number: (m.ones(2, dtype=getattr(m, a)) * number).dtype)
            same(lambda m, number=number: (m.ones((), dtype=getattr(m, a)) * number).dtype)


def grow(m):
    x = m.zeros(2)
    x += m.ones(3, 2)


def no_cast(m):
    x = m.zeros(2, dtype=m.int64)
    x += 0.5


def leaf_inplace(m):
    x = m.zeros(2, requires_grad=True)
    x.add_(1)


def leaf_view_inplace(m):
    x = m.zeros(2, requires_grad=True)
    x[0] = 1


def twice(m):
    x = m.ones(2, requires_grad=True)
    y = (x * x).sum()
    y.backward()
    y.backward()


def unused(m):
    x, z = m.ones(2, requires_grad=True), m.ones(2, requires_grad=True)
    m.autograd.grad((x * 2).sum(), z)


ERRORS = [
    grow, no_cast, leaf_inplace, leaf_view_inplace, twice, unused,
    lambda m: m.ones(2, 3) @ m.ones(2, 3), lambda m: m.ones(2) + m.ones(3), lambda m: m.ones(2, 3).view(4), lambda m: m.ones(2, 3).t().view(6),
    lambda m: m.ones(2).backward(), lambda m: m.ones(2, requires_grad=True).backward(), lambda m: m.ones(2).item(), lambda m: bool(m.ones(2)),
    lambda m: m.tensor([1, 2], requires_grad=True), lambda m: m.tensor([[1], [1, 2]]), lambda m: m.tensor("a"), lambda m: len(m.tensor(1)),
    lambda m: m.ones(2, requires_grad=True).numpy(), lambda m: m.ones(2, 3).transpose(0, 5), lambda m: m.ones(2).expand(3), lambda m: m.ones(2, 2).squeeze(4),
    lambda m: m.cat([m.ones(2, 2), m.ones(3, 3)]), lambda m: m.stack([m.ones(2), m.ones(3)]), lambda m: iter(m.tensor(1)),
    lambda m: m.ones(2, dtype=m.int64).mean(), lambda m: m.ones(3).expand(2, 3).add_(1), lambda m: m.nn.Linear(2, 3)(m.ones(1, 5)), lambda m: m.ones(2).foo,
    lambda m: m.ones(2, 3).split([1, 1], 1), lambda m: m.ones(2).copy_(m.ones(3)), lambda m: m.set_default_dtype(m.int64), lambda m: m.arange(0, 5, -1),
    lambda m: m.ones(2).requires_grad_(True).mul(2).requires_grad_(False), lambda m: m.ones(2, dtype=m.bool) - m.ones(2, dtype=m.bool),
    lambda m: m.nn.functional.cross_entropy(m.ones(2, 3), m.ones(3, dtype=m.int64)), lambda m: m.nn.functional.conv2d(m.ones(1, 2, 4, 4), m.ones(1, 3, 2, 2)),
]  # fmt: skip


@pytest.mark.parametrize("k", range(len(ERRORS)))
def test_errors(k):
    same(ERRORS[k])


def test_failed_calls_change_nothing():
    x = rustorch.zeros(2)
    y = x * 1
    for bad in (lambda: x.add_(rustorch.ones(3, 2)), lambda: x.copy_(rustorch.ones(5)), lambda: x.__setitem__(9, 1.0)):
        with pytest.raises((RuntimeError, IndexError)):
            bad()
    assert x.tolist() == y.tolist() == [0.0, 0.0] and x._version == 0


REPRS = [
    lambda m: m.ones(2, 2), lambda m: m.tensor([1.5, float("nan"), float("inf")]), lambda m: m.ones(2, requires_grad=True),
    lambda m: m.ones(2, requires_grad=True) * 2, lambda m: m.ones(2, requires_grad=True).sum(), lambda m: m.arange(3), lambda m: m.tensor(1.0),
    lambda m: m.ones(2, dtype=m.float64), lambda m: m.zeros(0, 3), lambda m: m.arange(2000.0), lambda m: m.ones(3, requires_grad=True)[1:],
    lambda m: m.ones(3, requires_grad=True)[0], lambda m: m.ones(2, 2, requires_grad=True) @ m.ones(2, 2), lambda m: m.ones(2, requires_grad=True).exp(),
    lambda m: m.ones(4, requires_grad=True).view(2, 2), lambda m: m.ones(2, 3, requires_grad=True).t(), lambda m: m.ones(2, requires_grad=True).mean(),
    lambda m: m.nn.functional.relu(m.ones(2, requires_grad=True)), lambda m: m.ones(2).to(m.bfloat16), lambda m: m.tensor([True, False]),
    lambda m: m.max(m.tensor([1.0, 2.0]), 0), lambda m: m.nn.Parameter(m.ones(2)), lambda m: m.ones(2, 3).shape, lambda m: m.device("cpu"), lambda m: m.float32,
]  # fmt: skip


@pytest.mark.parametrize("k", range(len(REPRS)))
def test_repr(k):
    assert repr(REPRS[k](rustorch)) == repr(REPRS[k](torch))


def test_python_protocols():
    same(
        lambda m: [
            float(m.tensor(1.5)),
            int(m.tensor(2)),
            bool(m.tensor(0.0)),
            len(m.ones(3, 2)),
            2.0 in m.tensor([1.0, 2.0]),
            list(range(3))[m.tensor(1)],
        ]
    )
    same(lambda m: [x for x in m.arange(3)])
    same(
        lambda m: [
            m.ones(2) == 1,
            m.ones(2) != m.zeros(2),
            -m.ones(2),
            abs(-m.ones(2)),
            2 / m.ones(2),
            2 ** m.ones(2),
            7 % m.tensor([4, 5]),
            7 // m.tensor([2, 3]),
        ]
    )
    same(
        lambda m: [
            ~m.tensor([True]),
            m.tensor([5]) & 3,
            m.tensor([5]) | 2,
            m.tensor([5]) ^ 1,
            m.tensor([1]) << 2,
            1 - m.tensor([3.0]),
        ]
    )
    same(lambda m: f"{m.tensor(1.23456):.2f}")


def test_copies():
    for clone in (copy.copy, copy.deepcopy, lambda t: pickle.loads(pickle.dumps(t))):
        t = rustorch.arange(4.0, requires_grad=True)
        other = clone(t)
        assert other.tolist() == t.tolist() and other.requires_grad and other.is_leaf
    model = rustorch.nn.Sequential(rustorch.nn.Linear(2, 2), rustorch.nn.BatchNorm1d(2))
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert all(rustorch.equal(a, b) for a, b in zip(model.state_dict().values(), other.state_dict().values()))
        assert other[0].weight is not model[0].weight
    with pytest.raises(RuntimeError, match="created explicitly by the user"):
        copy.deepcopy(rustorch.ones(2, requires_grad=True) * 2)


def test_default_dtype_and_devices():
    def program(m):
        before = m.get_default_dtype()
        try:
            m.set_default_dtype(m.float64)
            return m.tensor(1.5).dtype, m.ones(2).dtype, (m.tensor([1, 2]) / 2).dtype, (m.arange(3) * 1.5).dtype
        finally:
            m.set_default_dtype(before)

    same(program)
    same(
        lambda m: [
            m.device("cuda", 1).index,
            m.device("cpu") == m.device("cpu"),
            str(m.device("cuda:0")),
            m.ones(2).device.type,
        ]
    )
    assert rustorch.Device.default().is_cpu() and not rustorch.Device.default().is_on_gpu()
    if not rustorch.cuda.is_available():
        for call in (
            lambda: rustorch.ones(2, device="cuda"),
            lambda: rustorch.ones(2).cuda(),
            lambda: rustorch.ones(2).to("cuda:0"),
        ):
            with pytest.raises(RuntimeError, match="CUDA|NVIDIA"):
                call()


def test_random_state():
    rustorch.manual_seed(3)
    state = rustorch.get_rng_state()
    a, b = rustorch.rand(3), rustorch.rand(3)
    rustorch.set_rng_state(state)
    assert rustorch.equal(rustorch.rand(3), a) and not rustorch.equal(a, b)
    g, h = rustorch.Generator().manual_seed(1), rustorch.Generator().manual_seed(1)
    assert rustorch.equal(rustorch.randn(4, generator=g), rustorch.randn(4, generator=h))
    rustorch.manual_seed(3)
    assert rustorch.equal(rustorch.rand(3), a)


def hooks(m):
    log = []
    x = m.tensor([1.0, 2.0], requires_grad=True)
    y = x * 2
    y.retain_grad()
    handle = y.register_hook(lambda g: log.append(g.tolist()) or g * 10)
    x.register_hook(lambda g: log.append(g.tolist()))
    x.register_post_accumulate_grad_hook(lambda t: log.append(t.grad.tolist()))
    (y * y).sum().backward()
    handle.remove()
    (x * 3).sum().backward()
    return log, x.grad, y.grad


def accumulates(m):
    x = m.tensor([1.0, 2.0], requires_grad=True)
    for _ in range(3):
        (x * x).sum().backward()
    first = x.grad
    x.grad.zero_()
    (x * 2).sum().backward()
    return x.grad, first is x.grad


def higher(m):
    x = m.tensor(2.0, requires_grad=True)
    out, values = x**5, []
    for _ in range(5):
        (out,) = m.autograd.grad(out, x, create_graph=True)
        values.append(out.item())
    return values


def no_grad_update(m):
    w = m.tensor([1.0, 2.0], requires_grad=True)
    for _ in range(3):
        loss = (w**2).sum()
        loss.backward()
        with m.no_grad():
            w -= 0.1 * w.grad
            w.grad.zero_()
    return w, w.is_leaf, w._version


def detached_change(m):
    x = m.ones(3, requires_grad=True)
    y = x * 2
    d = y.detach()
    d[0] = 50.0
    z = y * m.tensor([1.0, 2.0, 3.0])
    z.sum().backward()
    return y, d, x.grad


def set_data(m):
    p = m.nn.Parameter(m.zeros(2))
    p.data = m.ones(2)
    (p * 3).sum().backward()
    return p.data, p.grad, p.requires_grad


def variadic(m):
    x = m.ones(2, 3, requires_grad=True)
    g = m.autograd.grad(x.sum(), [x], m.tensor(2.0))
    h = m.autograd.grad((x * 2).sum(), [x, m.ones(1, requires_grad=True)], allow_unused=True)
    return g[0].clone(), h[0].clone(), h[1]


@pytest.mark.parametrize("program", [hooks, accumulates, higher, no_grad_update, detached_change, set_data, variadic])
def test_autograd_programs(program):
    same(program)


def test_grad_modes_decorate():
    def program(m):
        @m.no_grad()
        def f(x):
            return (x * 2).requires_grad

        x = m.ones(1, requires_grad=True)
        with m.no_grad(), m.enable_grad():
            inner = (x * 2).requires_grad
        m.set_grad_enabled(False)
        off = (x * 2).requires_grad
        m.set_grad_enabled(True)
        with m.set_grad_enabled(False):
            off2 = (x * 2).requires_grad
        return f(x), inner, off, off2, m.is_grad_enabled()

    same(program)


def test_custom_function_second_derivative():
    def program(m):
        class Cube(m.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                ctx.save_for_backward(x)
                return x**3

            @staticmethod
            def backward(ctx, g):
                (x,) = ctx.saved_tensors
                return 3 * x * x * g

        x = m.tensor([1.0, 2.0], requires_grad=True)
        (g,) = m.autograd.grad(Cube.apply(x).sum(), x, create_graph=True)
        (h,) = m.autograd.grad(g.sum(), x)
        return g.detach(), h

    same(program)


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int32", "int64", "float16", "bfloat16", "complex64"])
@pytest.mark.parametrize("name", ["unfold", "diagonal", "permute", "slice", "unsqueeze", "as_strided"])
def test_writes_through_views_of_every_dtype(dtype, name):
    def program(m):
        x = (m.arange(24).reshape(2, 3, 4) * (2**37 + 1 if dtype == "int64" else 1)).to(getattr(m, dtype))
        v = VIEWS[name](x, m)
        v.copy_(-v if dtype not in ("bool", "uint8") else ~v)
        values = np.array(x.tolist())
        return values if dtype in ("bool", "int64") else values + 0j  # + 0: signs of zeros aside

    same(program)


def test_gradients_travel_back_between_devices():
    """Only one device here: the rule that ``to(device)`` uses between two is applied by hand."""
    x = rustorch.ones(3, requires_grad=True)
    y = ToCopy.apply(x * 2, rustorch.device("cpu"))
    assert y.grad_fn.name() == "ToCopyBackward"
    (y * rustorch.arange(3.0)).sum().backward()
    assert x.grad.tolist() == [0, 2, 4]
    (g,) = rustorch.autograd.grad((ToCopy.apply(x, x.device) ** 3).sum(), x, create_graph=True)
    assert rustorch.autograd.grad(g.sum(), x)[0].tolist() == [6, 6, 6]


@pytest.mark.parametrize("name", ["l1_loss", "normalize"])
def test_subgradients_at_zero(name):
    def program(m):
        x = m.tensor([0.0, -2.0, 3.0], requires_grad=True)
        F = m.nn.functional
        y = F.l1_loss(x, m.zeros(3)) if name == "l1_loss" else F.normalize(x, 1, 0)[1]
        return m.autograd.grad(y, x)[0]

    same(program)


def test_requires_grad_is_set_without_a_look():
    x = rustorch.arange(3.0) * 2
    before = rustorch.lowering.counters()["dispatched"]
    x.requires_grad = True
    x.requires_grad = False
    assert rustorch.lowering.counters()["dispatched"] == before
    assert not x.requires_grad


@pytest.mark.parametrize("fill", ["uniform_", "normal_", "zero_", "exponential_", "bernoulli_"])
def test_a_fill_stops_the_gradient(fill):
    def program(m):
        x = m.ones(3, requires_grad=True)
        y = x * 2
        getattr(y, fill)()
        (y + x).sum().backward()
        return x.grad

    same(program)


def test_a_detached_alias_made_before_the_leaf_was_used_stays_detached():
    x = rustorch.tensor([2.0], requires_grad=True)
    d = x.detach()
    (x.sin() * d).sum().backward()
    assert not d.requires_grad
    assert x.grad.tolist() == pytest.approx([2 * np.cos(2)])

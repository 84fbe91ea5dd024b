"""Every kernel against torch: values and gradients, then second derivatives against JAX's own.

One row is one case: (kernel, its gradient, torch's function, array shapes, options).
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from torch.nn import functional as F

from rustorch.lowering import kernels as K
from rustorch.lowering.platform import images, on_cpu, platform
from rustorch.lowering.settings import QUICK

program = functools.partial(jax.jit, compiler_options=QUICK)


@pytest.fixture(autouse=True)
def x64():
    with jax.enable_x64(True):
        yield


def _pool(x, k, stride=None, padding=0, ceil=False, dilation=1):
    f = {3: F.max_pool1d, 4: F.max_pool2d, 5: F.max_pool3d}[x.ndim]
    return f(x, k, stride, padding, dilation, ceil)


def _conv(x, w, b=None, **kw):
    return {3: F.conv1d, 4: F.conv2d, 5: F.conv3d}[x.ndim](x, w, b, **kw)


def conv(name, shapes, **kw):
    return (f"conv-{name}", K.conv, K.conv_vjp, _conv, shapes, kw, kw)


def pool(name, shape, k, **kw):
    ours = {"ceil_mode" if a == "ceil" else a: v for a, v in kw.items()} | {"window": k}
    return (f"pool-{name}", K.max_pool, K.max_pool_vjp, _pool, [shape], ours, kw | {"k": k})


def _attention(q, k, v, mask=None, causal=False, scale=None):
    return F.scaled_dot_product_attention(q, k, v, mask, is_causal=causal, scale=scale)


def _batch_norm(x, w=None, b=None):
    return F.batch_norm(x, None, None, w, b, training=True)


def _as_they_come(f):
    def run(*args, **kwargs):
        with images(last=False):
            return f(*args, **kwargs)

    return run


def first(f):
    return lambda *a, **k: f(*a, **k)[0]


CASES = [
    conv("1", [(2, 3, 9), (4, 3, 3), (4,)], padding=1, stride=2),
    conv("same", [(2, 8, 6, 5), (4, 8, 3, 3), (4,)], padding=1),
    conv("one-channel", [(2, 1, 6, 5), (4, 1, 3, 3), (4,)], padding=1),
    conv("stride", [(2, 3, 9, 8), (4, 3, 3, 2), (4,)], padding=(1, 0), stride=(2, 3)),
    conv("dilated", [(2, 3, 9, 8), (4, 3, 3, 2)], padding=2, dilation=(2, 1)),
    conv("pointwise", [(2, 3, 5, 4), (4, 3, 1, 1), (4,)], stride=2),
    conv("groups", [(2, 4, 6, 6), (6, 2, 3, 3), (6,)], groups=2, padding=1),
    conv("depthwise", [(2, 4, 6, 6), (4, 1, 3, 3), (4,)], groups=4, padding=1, stride=2),
    conv("3", [(1, 2, 5, 4, 6), (3, 2, 2, 3, 2), (3,)], padding=1, stride=(1, 2, 1)),
    pool("2", (2, 3, 6, 4), 2),
    pool("crop", (2, 3, 7, 5), 2),
    pool("overlap", (2, 3, 7, 8), 3, stride=2, padding=1),
    pool("dilated", (2, 3, 9, 8), (2, 3), stride=1, dilation=2),
    pool("ceil", (2, 3, 7, 6), 3, stride=2, ceil=True),
    pool("1", (2, 3, 8), 2),
    pool("3", (1, 2, 4, 4, 6), 2),
    ("erf", K.erf, K.erf_vjp, torch.erf, [(50,)], {}, {}),
    ("gelu", K.gelu, K.gelu_vjp, F.gelu, [(50,)], {}, {}),
    ("gelu-tanh", K.gelu, K.gelu_vjp, F.gelu, [(50,)], *[{"approximate": "tanh"}] * 2),
    ("layer_norm", K.layer_norm, K.layer_norm_vjp,
     lambda x, w, b: F.layer_norm(x, w.shape, w, b), [(3, 4, 5), (4, 5), (4, 5)], {"dims": 2}, {}),
    ("layer_norm-bare", K.layer_norm, K.layer_norm_vjp,
     lambda x: F.layer_norm(x, (6,)), [(3, 4, 6)], {}, {}),
    ("batch_norm", first(K.batch_norm), K.batch_norm_vjp, _batch_norm,
     [(5, 3, 4, 2), (3,), (3,)], {}, {}),
    ("batch_norm-first", _as_they_come(first(K.batch_norm)), _as_they_come(K.batch_norm_vjp), _batch_norm,
     [(3, 2, 8, 9), (2,), (2,)], {}, {}),
    ("batch_norm-1d", first(K.batch_norm), K.batch_norm_vjp, _batch_norm, [(5, 3)], {}, {}),
    ("linear", K.linear, K.linear_vjp, F.linear, [(2, 3, 4), (5, 4), (5,)], {}, {}),
    ("linear-vector", K.linear, K.linear_vjp, F.linear, [(4,), (5, 4)], {}, {}),
    ("softmax", K.softmax, K.softmax_vjp, F.softmax, [(3, 4, 5)], {"axis": 1}, {"dim": 1}),
    ("log_softmax", K.log_softmax, K.log_softmax_vjp, F.log_softmax, [(3, 4)],
     {"axis": 0}, {"dim": 0}),
    ("attention", K.attention, K.attention_vjp, _attention, [(2, 3, 4, 5)] * 3, {}, {}),
    ("attention-causal", K.attention, K.attention_vjp, _attention,
     [(2, 4, 5), (2, 6, 5), (2, 6, 3)], *[{"causal": True, "scale": 0.3}] * 2),
    ("attention-mask", K.attention, functools.partial(K.attention_vjp, needs=(True,) * 4),
     _attention, [(2, 3, 4, 5), (2, 3, 6, 5), (2, 3, 6, 5), (4, 6)], {}, {}),
]  # fmt: skip


def _arrays(shapes, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(s) for s in shapes]


def _program(case, dtype):
    """Everything one case compares, as one jitted function of (ct, inputs, directions)."""
    _, forward, backward, _, _, options, _ = case
    ours, pull = (functools.partial(f, **options) for f in (forward, backward))

    def closed(ct, *a):
        return tuple(pull(ct, *a))[: len(a)]

    def derived(ct, *a):
        return jax.vjp(ours, *a)[1](ct)

    def run(point, directions):
        out = {"value": ours(*point[1:]), "gradients": closed(*point)}
        if dtype == "float64":
            for name, f in (("closed", closed), ("derived", derived)):
                _, forward_over = jax.jvp(f, point, directions)
                first, back = jax.vjp(f, *point)
                out[name] = (first, forward_over, back(directions[1:]))
        return out

    return program(run)


@pytest.mark.parametrize("case", CASES, ids=[c[0] for c in CASES])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_value_and_gradients(case, dtype):
    _, _, _, theirs, shapes, _, options = case
    tol = 1e-9 if dtype == "float64" else 3e-5
    check = functools.partial(np.testing.assert_allclose, rtol=tol, atol=tol)
    arrays = [a.astype(dtype) for a in _arrays(shapes)]
    tensors = [torch.tensor(a, requires_grad=True) for a in arrays]
    want = theirs(*tensors, **options)
    ct = _arrays([want.shape], seed=1)[0].astype(dtype)
    directions = [a.astype(dtype) for a in _arrays([ct.shape, *shapes], seed=2)]
    got = _program(case, dtype)((ct, *arrays), tuple(directions))
    assert got["value"].dtype == dtype
    check(got["value"], want.detach())
    wanted = torch.autograd.grad(want, tensors, torch.tensor(ct))
    jax.tree.map(check, got["gradients"], tuple(g.numpy() for g in wanted))
    if dtype == "float64":
        assert all(np.isfinite(a).all() for a in jax.tree.leaves(got["closed"]))
        check = functools.partial(np.testing.assert_allclose, rtol=1e-7, atol=1e-8)
        jax.tree.map(check, got["closed"], got["derived"])


@pytest.mark.parametrize("name", ["gpu", "tpu"])
def test_other_platforms_mean_the_same(name):
    x, w, b = (jnp.asarray(a) for a in _arrays([(2, 3, 6, 6), (4, 3, 3, 3), (4,)]))

    def both(x, w, b):
        y = K.conv(x, w, b, padding=1)
        return y, *K.conv_vjp(y, x, w, b, padding=1)

    here = jax.jit(both)(x, w, b)
    with platform(name):
        assert not on_cpu()
        there = jax.jit(lambda *a: both(*a))(x, w, b)
    for a, c in zip(here, there, strict=True):
        np.testing.assert_allclose(a, c, rtol=1e-9, atol=1e-9)


LOSSES = [
    ((5, 4), {}), ((4,), {}), ((3, 4, 2, 2), {"reduction": "sum"}),
    ((5, 4), {"reduction": "none", "label_smoothing": 0.2}),
    ((5, 4), {"ignore_index": 1, "weighted": True}),
    ((6, 4), {"label_smoothing": 0.1, "ignore_index": 2, "weighted": True}),
    ((3, 4, 2, 2), {"ignore_index": 1, "weighted": True, "reduction": "none"}),
]  # fmt: skip


@pytest.mark.parametrize(("shape", "options"), LOSSES)
def test_cross_entropy(shape, options):
    options = dict(options)
    (x,) = _arrays([shape])
    classes = shape[0] if len(shape) == 1 else shape[1]
    t = np.random.default_rng(3).integers(0, classes, () if len(shape) == 1 else shape[:1] + shape[2:])
    weighted = options.pop("weighted", False)
    w = np.linspace(0.5, 2, classes) if weighted else None
    tx = torch.tensor(x, requires_grad=True)
    want = F.cross_entropy(tx, torch.tensor(t), None if w is None else torch.tensor(w), **options)
    jw = None if w is None else jnp.asarray(w)
    (ct,) = _arrays([want.shape], seed=1)
    ours = lambda x: K.cross_entropy(x, jnp.asarray(t), jw, **options)

    @program
    def run(ct, x, v):
        pull = lambda x: K.cross_entropy_vjp(ct, x, jnp.asarray(t), jw, **options)[0]
        derived = lambda x: jax.vjp(ours, x)[1](ct)[0]
        return ours(x), pull(x), *[jax.jvp(f, (x,), (v,))[1] for f in (pull, derived)]

    value, gradient, closed, derived = run(ct, x, _arrays([shape], 5)[0])
    np.testing.assert_allclose(value, want.detach(), rtol=1e-10)
    np.testing.assert_allclose(gradient, torch.autograd.grad(want, tx, torch.tensor(ct))[0], atol=1e-12)
    np.testing.assert_allclose(closed, derived, atol=1e-12)


def test_cross_entropy_sums_over_classes_for_the_softmax_only():
    """Loss and gradient: a maximum and a sum each, which XLA merges; the target's distribution is never summed."""
    x, t = jnp.zeros((5, 4)), jnp.zeros(5, jnp.int32)
    text = str(jax.make_jaxpr(lambda x: (K.cross_entropy(x, t), K.cross_entropy_vjp(1.0 * x[0, 0], x, t)))(x))
    assert text.count("reduce_max[") == 2
    assert text.count("reduce_sum[axes=(1,)") == 2


def test_max_pool_ties_nans_and_indices():
    x = np.array([[[[1, 1, 2, 0], [1, 1, 2, 2], [np.nan, 0, 5, np.nan], [3, np.nan, 1, 2]]]])
    tx = torch.tensor(x, requires_grad=True)
    for kw, theirs in (({}, {}), ({"stride": 1, "padding": 1}, {"stride": 1, "padding": 1})):
        y, i = F.max_pool2d(tx, 2, return_indices=True, **theirs)
        ct = np.arange(1.0, y.numel() + 1).reshape(y.shape)

        @program
        def run(x, ct, kw=kw):
            return *K.max_pool_with_indices(x, 2, **kw), K.max_pool_vjp(ct, x, 2, **kw)[0]

        mine, places, gradient = run(x, ct)
        np.testing.assert_array_equal(mine, y.detach())
        np.testing.assert_array_equal(places, i)
        assert places.dtype == jnp.int64
        want = torch.autograd.grad(y, tx, torch.tensor(ct))[0]
        np.testing.assert_array_equal(gradient, want)


AVERAGES = [
    dict(kernel_size=2), dict(kernel_size=3, stride=2, padding=1),
    dict(kernel_size=3, stride=2, padding=1, count_include_pad=False, ceil_mode=True),
    dict(kernel_size=(2, 3), stride=(1, 2), ceil_mode=True), dict(kernel_size=2, divisor_override=3),
]  # fmt: skip


@pytest.mark.parametrize("kw", AVERAGES)
def test_average_pool(kw):
    (x,) = _arrays([(2, 3, 7, 8)])
    names = {"kernel_size": "window", "divisor_override": "divisor"}
    ours = {names.get(k, k): v for k, v in kw.items()}
    tx = torch.tensor(x, requires_grad=True)
    want = F.avg_pool2d(tx, **kw)
    (ct,) = _arrays([want.shape], 1)

    @program
    def run(x, ct):
        value, pull = jax.vjp(lambda x: K.avg_pool(x, **ours), x)
        return value, *pull(ct)

    got, gradient = run(x, ct)
    np.testing.assert_allclose(got, want.detach(), atol=1e-12)
    wanted = torch.autograd.grad(want, tx, torch.tensor(ct))[0]
    np.testing.assert_allclose(gradient, wanted, atol=1e-12)


@pytest.mark.parametrize("size", [1, (3, 4), (7, 3), (None, 5)])
def test_adaptive_average_pool(size):
    (x,) = _arrays([(2, 3, 7, 8)])
    got = program(lambda x: K.adaptive_avg_pool(x, size))(x)
    np.testing.assert_allclose(got, F.adaptive_avg_pool2d(torch.tensor(x), size), atol=1e-12)


def test_float32_erf_is_within_a_few_ulp():
    x = np.linspace(-6, 6, 200_001, dtype=np.float32)
    want = torch.erf(torch.tensor(x).double()).numpy()
    got = np.asarray(jax.jit(K.erf)(x), np.float64)
    assert np.abs(got / np.where(want == 0, 1, want) - 1)[want != 0].max() < 1e-6
    assert got[0] == -1 and got[-1] == 1 and np.isnan(K.erf(jnp.float32(np.nan)))
    np.testing.assert_allclose(jax.jit(K.gelu)(x), F.gelu(torch.tensor(x)), rtol=1e-6, atol=3e-6)


def test_attention_row_that_sees_nothing():
    q, k, v = (jnp.asarray(a) for a in _arrays([(2, 3, 4)] * 3))
    mask = np.array([[True, False, True], [False] * 3, [True] * 3])
    want = F.scaled_dot_product_attention(*(torch.tensor(np.array(a)) for a in (q, k, v)), torch.tensor(mask))
    np.testing.assert_allclose(K.attention(q, k, v, jnp.asarray(mask)), want, atol=1e-12)
    assert all(np.isfinite(g).all() for g in K.attention_vjp(v, q, k, v, jnp.asarray(mask))[:3])


def test_embedding():
    w, ct = _arrays([(7, 3), (2, 4, 3)])
    i = np.array([[0, 1, 1, 6], [2, 1, 0, 0]])
    tw = torch.tensor(w, requires_grad=True)
    want = F.embedding(torch.tensor(i), tw, padding_idx=1)
    np.testing.assert_array_equal(K.embedding(jnp.asarray(w), jnp.asarray(i)), want.detach())
    got = K.embedding_vjp(jnp.asarray(ct), jnp.asarray(w), jnp.asarray(i), padding_idx=1)[0]
    np.testing.assert_allclose(got, torch.autograd.grad(want, tw, torch.tensor(ct))[0], atol=1e-12)


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16])
def test_half_precision_keeps_its_dtype(dtype):
    x, g = (jnp.asarray(a, dtype) for a in _arrays([(4, 8), (4, 8)]))
    w = jnp.ones(8, dtype)
    image, kernel = (jnp.asarray(a, dtype) for a in _arrays([(2, 8, 6, 6), (4, 8, 3, 3)]))

    @jax.jit
    def run(x, g, w, image, kernel):
        return [
            K.gelu(x), *K.gelu_vjp(g, x), K.layer_norm(x, w, w), *K.layer_norm_vjp(g, x, w, w),
            K.softmax(x), *K.softmax_vjp(g, x), K.attention(x, x, x), *K.attention_vjp(g, x, x, x)[:3],
            K.linear(x, g, w[:4]), *K.linear_vjp(x[:, :4], x, x[:4], w[:4]), K.max_pool(image, 2),
            K.conv(image, kernel), *K.conv_vjp(K.conv(image, kernel), image, kernel)[:2],
            K.batch_norm(image)[0], K.batch_norm_vjp(image, image)[0], K.avg_pool(image, 2),
        ]  # fmt: skip

    out = run(x, g, w, image, kernel)
    assert [o.dtype for o in out] == [dtype] * len(out)
    assert all(np.isfinite(np.asarray(o, np.float32)).all() for o in out)


# --- random numbers: output i is a function of (key, counter, i) ------------------------------

KEY = np.array([7, 11], np.uint32)
N = 1 << 18


def _bits(key=KEY, counter=0, n=N):
    return np.asarray(jax.jit(K.random_bits, static_argnums=2)(jnp.asarray(key), counter, (n,)))


def test_random_bits_repeat_and_differ():
    assert (_bits() == _bits()).all()
    for other in (
        _bits(counter=1),
        _bits([8, 11]),
        _bits([7, 12]),
        _bits(counter=np.uint64(1) << 32),
    ):
        assert (_bits() == other).sum() <= 2
        flips = np.unpackbits((_bits() ^ other).view(np.uint8)).mean()
        assert abs(flips - 0.5) < 1e-3  # standard deviation 1.7e-4


@pytest.mark.parametrize("counter", [0, 1, 2, 12345])
def test_random_bits_look_random(counter):
    b = _bits(counter=counter)
    ones = ((b[:, None] >> np.arange(32, dtype=np.uint32)) & 1).mean(0)
    assert np.abs(ones - 0.5).max() < 5e-3  # each bit; sd 9.8e-4
    for word in (b & 0xFF, b >> 24, (b >> 12) & 0xFF):
        counts = np.bincount(word, minlength=256)
        chi2 = ((counts - N / 256) ** 2 / (N / 256)).sum()
        assert 150 < chi2 < 370  # 255 degrees of freedom, sd 22.6
    u = b / 2**32 - 0.5
    across = _bits(counter=counter + 1) / 2**32 - 0.5
    for pair in ((u[:-1], u[1:]), (u[:-28], u[28:]), (u[:-1024], u[1024:]), (u, across)):
        assert abs(np.corrcoef(*pair)[0, 1]) < 0.01  # sd 2e-3
    flips = np.unpackbits((b[:-1] ^ b[1:]).view(np.uint8)).mean()
    assert abs(flips - 0.5) < 1e-3
    repeats = N - len(np.unique(b))
    assert abs(repeats - N * N / 2**33) < 20  # 8 expected: a function, not a permutation


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_uniform_and_normal(dtype):
    u = np.asarray(K.uniform(jnp.asarray(KEY), 3, (N,), dtype))
    assert u.dtype == dtype and u.min() >= 0 and u.max() < 1
    assert abs(u.mean() - 0.5) < 3e-3 and abs(u.var() - 1 / 12) < 1e-3
    z = np.asarray(K.normal(jnp.asarray(KEY), 3, (N - 1,), dtype), np.float64)
    moments = [(z**p).mean() for p in (1, 2, 3, 4)]
    np.testing.assert_allclose(moments, [0, 1, 0, 3], atol=0.06)
    assert abs(np.corrcoef(z[: N // 2 - 1], z[N // 2 :])[0, 1]) < 0.012


def test_dropout():
    x = jnp.ones((512, 128))
    for p in (0.0, 0.25, 0.5, 1.0):
        y = np.asarray(jax.jit(K.dropout)(x, jnp.asarray(KEY), 5, p))
        assert abs((y == 0).mean() - p) < 0.01
        np.testing.assert_allclose(y[y != 0], 1 / (1 - p) if p < 1 else 0, rtol=1e-6)
        np.testing.assert_array_equal(K.dropout_vjp(x, x, jnp.asarray(KEY), 5, p)[0], y)


def test_once_is_a_boundary_for_fusion():
    f = jax.jit(lambda x: K.once(x + 1) * 2)
    assert "conditional(" in f.lower(jnp.ones((256, 256))).compile().as_text()
    np.testing.assert_array_equal(jax.vmap(f)(jnp.ones((2, 256, 256))), 4)

"""Every Taylor rule agrees with nested forward mode, also where coefficients of the curve are zero."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from rustorch.lowering.taylor import taylor

ORDER = 3
A = np.random.default_rng(0).uniform(0.2, 0.9, (3, 4))
B = np.random.default_rng(1).uniform(0.2, 0.9, (3, 4))
W = np.random.default_rng(2).standard_normal((4, 4))
IMAGE = np.random.default_rng(3).standard_normal((1, 2, 6))
KERNEL = np.random.default_rng(4).standard_normal((2, 2, 3))


def conv(x, k):
    return lax.conv_general_dilated(x, k, (1,), "VALID")


@jax.custom_jvp
def custom(x):
    return x * jnp.sin(x)


CASES = {
    **{name: (getattr(jnp, name), (A,)) for name in """abs arccos arcsin arctan arctanh cbrt ceil cos cosh cumsum
        cumprod exp exp2 expm1 fliplr floor log log1p max min negative prod round sign sin sinh sort sqrt square sum
        tan tanh""".split()},
    **{name: (getattr(jax.scipy.special, name), (A,)) for name in "erf erfc erfinv gammaln digamma logsumexp i0e".split()},
    **{name: (getattr(jnp, name), (A, B)) for name in "add subtract multiply divide power arctan2 maximum minimum".split()},
    "rsqrt": (lax.rsqrt, (A,)), "logistic": (jax.nn.sigmoid, (A,)), "softmax": (jax.nn.softmax, (A,)),
    "x**5": (lambda x: x**5, (A,)), "x**-3": (lambda x: x**-3, (A,)), "x**0": (lambda x: x**0 * x, (A,)),
    "x**2.5": (lambda x: x**2.5, (A,)),
    "2.5**x": (lambda x: 2.5**x, (A,)), "const / x": (lambda x: 2 / x, (A,)), "x / const": (lambda x: x / 3, (A,)),
    "clip": (lambda x: jnp.clip(x, 0.4, 0.6), (A,)), "clip by curves": (lambda x, y: lax.clamp(y - 2, x, y), (A, B)),
    "where": (lambda x, y: jnp.where(x > 0.5, x * y, y), (A, B)),
    "x @ w": (lambda x: x @ W, (A,)), "w @ x": (lambda x: x.T @ x, (A,)), "x @ y": (lambda x, y: x @ y.T, (A, B)),
    "conv": (conv, (IMAGE, KERNEL)), "conv of the image": (lambda x: conv(x, KERNEL), (IMAGE,)),
    "conv by the kernel": (lambda k: conv(IMAGE, k), (KERNEL,)),
    "index": (lambda x: x[jnp.array([2, 0]), 1:], (A,)), "slice": (lambda x: x[:, 1], (A,)),
    "update": (lambda x, y: x.at[1].set(y[0]), (A, B)), "add at": (lambda x, y: x.at[jnp.array([1, 1])].add(y[:2]), (A, B)),
    "dynamic": (lambda x, y: lax.dynamic_update_slice(x, y[:1] ** 2, (1, 0)), (A, B)),
    "shapes": (lambda x: jnp.pad(x.T.reshape(2, 6)[None].squeeze(0), 1) ** 2, (A,)),
    "cat and split": (lambda x, y: jnp.concatenate([s * 2 for s in jnp.split(x, 2, 1)] + [y[:, :2]]), (A, B)),
    "fft": (lambda x: jnp.abs(jnp.fft.rfft(x)) ** 2, (A,)), "complex": (lambda x, y: (lax.complex(x, y) ** 3).imag, (A, B)),
    "scan": (lambda x: lax.scan(lambda c, r: (c * r, c + r), x[0], x)[1], (A,)), "jit": (jax.jit(lambda x: jnp.sin(x) * x), (A,)),
    "solve": (lambda x: jnp.linalg.solve(x[:, :3] + jnp.eye(3), x[:, 3]), (A,)), "custom": (custom, (A,)),
    "no dependence": (lambda x: jnp.ones(3), (A,)), "integers": (lambda x: jnp.argmax(x, 1) + (x > 0.5).sum(1) * 1.0 * x[:, 0], (A,)),
}  # fmt: skip
custom.defjvp(lambda x, t: (custom(x[0]), t[0] * (jnp.sin(x[0]) + x[0] * jnp.cos(x[0]))))


def nested(f, curves):
    """Derivatives of ``f`` along the curve at 0, over factorials."""
    g = lambda t: f(*[sum(c * t**k for k, c in enumerate(each) if c is not None) for each in curves])
    found = []
    for k in range(ORDER + 1):
        found.append(g(0.0) / math.factorial(k))
        g = (lambda h: lambda t: jax.jvp(h, (t,), (1.0,))[1])(g)
    return found


@pytest.mark.parametrize("name", CASES)
def test_rule(name):
    f, args = CASES[name]
    rng = np.random.default_rng(5)
    with jax.enable_x64(True):
        curves = [[jnp.asarray(a), *[jnp.asarray(rng.uniform(-1, 1, a.shape)) for _ in range(ORDER)]] for a in args]
        curves[0][2] = None  # and a zero in between
        found, expected = jax.jit(lambda curves: (taylor(f, curves, ORDER)[0], nested(f, curves)))(curves)
        for a, b in zip(found, expected):
            np.testing.assert_allclose(0 if a is None else a, b, rtol=1e-8, atol=1e-9)


def test_a_power_at_zero():
    with jax.enable_x64(True):
        x = [jnp.zeros(2), jnp.ones(2), jnp.ones(2), None, None]
        found = taylor(lambda x: lax.pow(x, jnp.full_like(x, 3.0)), [x], 4)[0]
    assert [np.asarray(c).tolist() for c in found[1:]] == [[0, 0], [0, 0], [1, 1], [3, 3]]  # (t + t²)³


def test_zeros_stay_zeros():
    with jax.enable_x64(True):
        x = [jnp.asarray(A), jnp.ones(A.shape), None, None, None]
        assert [c is None for c in taylor(lambda x: (x * 2 + 1) @ W, [x], 4)[0]] == [False, False, True, True, True]
        assert [c is None for c in taylor(lambda x: x**2, [x], 4)[0]] == [False, False, False, True, True]

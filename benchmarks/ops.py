"""Sixty common operations at three sizes, forward and forward with backward: rustorch, PyTorch and jitted jax.numpy.

    python benchmarks/ops.py [--ops sort conv2d] [--sizes large] [--rounds 5]

One process, turns taken within each round; every result is waited for. A row gives milliseconds and the ratios of
medians taken round by round. rustorch records and dispatches the operation at each call, as a script does.
The ten worst against PyTorch at the largest size come last.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import time
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import torch

import rustorch
from rustorch.eager.recorder import value_of

SIZES = {"small": 1, "medium": 8, "large": 32}
rng = np.random.default_rng(0)


def normal(*shape):
    return rng.standard_normal(shape).astype(np.float32)


def ints(high, *shape):
    return rng.integers(0, high, shape)


def square(n):
    return (normal(32 * n, 32 * n),)


def unary(name, jax_name=None, data=square):
    return name, data, lambda lib, x: getattr(lib, name)(x), jax_fn(jax_name or name)


def jax_fn(name):
    found = jnp
    for part in name.split("."):
        found = getattr(found, part, None) or getattr(jax, part)
    return found


def functional(lib):
    return lib.nn.functional


def spd(n):
    a = normal(8 * n, 8 * n)
    return (a @ a.T + 8 * n * np.eye(8 * n, dtype=np.float32),)


def images(n, channels=16):
    return (normal(4, channels, 4 * n, 4 * n),)


def nchw(x, w, **options):
    return jax.lax.conv_general_dilated(x, w, **{"window_strides": (1, 1), "padding": "SAME", **options})


def pool(x, init, op):
    return jax.lax.reduce_window(x, init, op, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")


def layer_norm(x, w, b):
    c = x - x.mean(-1, keepdims=True)
    return c * jax.lax.rsqrt((c * c).mean(-1, keepdims=True) + 1e-5) * w + b


def attention(q, k, v):
    return jnp.einsum("bhst,bhtd->bhsd", jax.nn.softmax(jnp.einsum("bhsd,bhtd->bhst", q, k) / q.shape[-1] ** 0.5), v)


def cross_entropy(x, y):
    return -jnp.take_along_axis(jax.nn.log_softmax(x), y[:, None], 1).mean()


# (name, data of a size, the call in rustorch and PyTorch, the call in jax.numpy)
CASES = [
    ("add", lambda n: (*square(n), *square(n)), lambda lib, x, y: x + y, lambda x, y: x + y),
    ("mul", lambda n: (*square(n), *square(n)), lambda lib, x, y: x * y, lambda x, y: x * y),
    ("div", lambda n: (*square(n), *square(n)), lambda lib, x, y: x / y, lambda x, y: x / y),
    *map(unary, ("exp", "sin", "tanh", "sqrt", "abs")),
    unary("erf", "scipy.special.erf"),
    unary("sigmoid", "nn.sigmoid"),
    unary("log1p"),
    ("pow", square, lambda lib, x: x**3, lambda x: x**3),
    ("relu", square, lambda lib, x: functional(lib).relu(x), jax.nn.relu),
    ("gelu", square, lambda lib, x: functional(lib).gelu(x), partial(jax.nn.gelu, approximate=False)),
    ("silu", square, lambda lib, x: functional(lib).silu(x), jax.nn.silu),
    ("softmax", square, lambda lib, x: lib.softmax(x, -1), jax.nn.softmax),
    ("log_softmax", square, lambda lib, x: lib.log_softmax(x, -1), jax.nn.log_softmax),
    ("logsumexp", square, lambda lib, x: lib.logsumexp(x, -1), lambda x: jax.nn.logsumexp(x, -1)),
    ("sum", square, lambda lib, x: x.sum(), jnp.sum),
    ("sum rows", square, lambda lib, x: x.sum(0), lambda x: x.sum(0)),
    ("mean", square, lambda lib, x: x.mean(-1), lambda x: x.mean(-1)),
    ("var", square, lambda lib, x: x.var(-1), lambda x: x.var(-1, ddof=1)),
    ("max", square, lambda lib, x: x.max(-1)[0], lambda x: x.max(-1)),
    ("argmax", square, lambda lib, x: x.argmax(-1), lambda x: x.argmax(-1)),
    ("norm", square, lambda lib, x: lib.linalg.norm(x), jnp.linalg.norm),
    ("cumsum", square, lambda lib, x: x.cumsum(-1), lambda x: x.cumsum(-1)),
    ("sort", square, lambda lib, x: lib.sort(x, -1)[0], lambda x: jnp.sort(x, -1)),
    ("argsort", square, lambda lib, x: lib.argsort(x, -1), lambda x: jnp.argsort(x, -1)),
    ("topk", square, lambda lib, x: lib.topk(x, 10)[0], lambda x: jax.lax.top_k(x, 10)[0]),
    ("matmul", lambda n: (*square(n), *square(n)), lambda lib, x, y: x @ y, lambda x, y: x @ y),
    ("bmm", lambda n: (normal(8, 16 * n, 16 * n), normal(8, 16 * n, 16 * n)), lambda lib, x, y: lib.bmm(x, y), jnp.matmul),
    ("einsum", lambda n: (normal(8, 8 * n, 32), normal(8, 8 * n, 32)), lambda lib, x, y: lib.einsum("bid,bjd->bij", x, y),
     lambda x, y: jnp.einsum("bid,bjd->bij", x, y)),
    ("linear", lambda n: (normal(32 * n, 256), normal(256, 256), normal(256)),
     lambda lib, x, w, b: functional(lib).linear(x, w, b), lambda x, w, b: x @ w.T + b),
    ("cdist", lambda n: (normal(32 * n, 16), normal(32 * n, 16)), lambda lib, x, y: lib.cdist(x, y),
     lambda x, y: jnp.sqrt(((x[:, None] - y[None]) ** 2).sum(-1))),
    ("conv1d", lambda n: (normal(4, 16, 64 * n), normal(32, 16, 3)), lambda lib, x, w: functional(lib).conv1d(x, w, padding=1),
     lambda x, w: nchw(x, w, window_strides=(1,))),
    ("conv2d", lambda n: (*images(n), normal(32, 16, 3, 3)), lambda lib, x, w: functional(lib).conv2d(x, w, padding=1), nchw),
    ("conv2d strided", lambda n: (*images(n), normal(32, 16, 3, 3)),
     lambda lib, x, w: functional(lib).conv2d(x, w, stride=2, padding=1),
     lambda x, w: nchw(x, w, window_strides=(2, 2), padding=((1, 1), (1, 1)))),
    ("conv2d depthwise", lambda n: (*images(n), normal(16, 1, 3, 3)),
     lambda lib, x, w: functional(lib).conv2d(x, w, padding=1, groups=16), lambda x, w: nchw(x, w, feature_group_count=16)),
    ("conv_transpose2d", lambda n: (*images(n), normal(16, 16, 2, 2)),
     lambda lib, x, w: functional(lib).conv_transpose2d(x, w, stride=2),
     lambda x, w: jax.lax.conv_transpose(x, w, (2, 2), "VALID", dimension_numbers=("NCHW", "IOHW", "NCHW"))),
    ("max_pool2d", images, lambda lib, x: functional(lib).max_pool2d(x, 2), lambda x: pool(x, -jnp.inf, jax.lax.max)),
    ("avg_pool2d", images, lambda lib, x: functional(lib).avg_pool2d(x, 2), lambda x: pool(x, 0.0, jax.lax.add) / 4),
    ("interpolate", images, lambda lib, x: functional(lib).interpolate(x, scale_factor=2, mode="bilinear"),
     lambda x: jax.image.resize(x, (*x.shape[:2], 2 * x.shape[2], 2 * x.shape[3]), "bilinear")),
    ("batch_norm", images, lambda lib, x: functional(lib).batch_norm(x, None, None, training=True),
     lambda x: (x - x.mean((0, 2, 3), keepdims=True)) * jax.lax.rsqrt(x.var((0, 2, 3), keepdims=True) + 1e-5)),
    ("layer_norm", lambda n: (*square(n), normal(32 * n), normal(32 * n)),
     lambda lib, x, w, b: functional(lib).layer_norm(x, (x.shape[-1],), w, b), layer_norm),
    ("group_norm", images, lambda lib, x: functional(lib).group_norm(x, 4),
     lambda x: layer_norm(x.reshape(x.shape[0], 4, -1), 1.0, 0.0).reshape(x.shape)),
    ("embedding", lambda n: (normal(1000, 16 * n), ints(1000, 64 * n)), lambda lib, w, i: functional(lib).embedding(i, w), lambda w, i: w[i]),
    ("gather", lambda n: (*square(n), ints(32 * n, 32 * n, 32 * n)), lambda lib, x, i: x.gather(1, i),
     lambda x, i: jnp.take_along_axis(x, i, 1)),
    ("index_select", lambda n: (*square(n), ints(32 * n, 32 * n)), lambda lib, x, i: x.index_select(0, i), lambda x, i: x[i]),
    ("scatter_add", lambda n: (*square(n), ints(32 * n, 32 * n, 32 * n), *square(n)),
     lambda lib, x, i, s: x.scatter_add(1, i, s), lambda x, i, s: x.at[jnp.arange(x.shape[0])[:, None], i].add(s)),
    ("index_add", lambda n: (*square(n), ints(32 * n, 32 * n), *square(n)), lambda lib, x, i, s: x.index_add(0, i, s),
     lambda x, i, s: x.at[i].add(s)),
    ("where", lambda n: (*square(n), *square(n)), lambda lib, x, y: lib.where(x > 0, x, y), lambda x, y: jnp.where(x > 0, x, y)),
    ("masked_fill", square, lambda lib, x: x.masked_fill(x > 0, 0.0), lambda x: jnp.where(x > 0, 0.0, x)),
    ("cat", lambda n: (*square(n), *square(n)), lambda lib, x, y: lib.cat([x, y], 1), lambda x, y: jnp.concatenate([x, y], 1)),
    ("transpose", square, lambda lib, x: x.t().contiguous(), lambda x: x.T + 0.0),
    ("roll", square, lambda lib, x: x.roll(3, 1), lambda x: jnp.roll(x, 3, 1)),
    ("flip", square, lambda lib, x: x.flip(1), lambda x: jnp.flip(x, 1)),
    ("tril", square, lambda lib, x: x.tril(), jnp.tril),
    ("pad", images, lambda lib, x: functional(lib).pad(x, (1, 1, 1, 1)), lambda x: jnp.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))),
    ("cross_entropy", lambda n: (normal(32 * n, 100), ints(100, 32 * n)), lambda lib, x, y: functional(lib).cross_entropy(x, y), cross_entropy),
    ("mse_loss", lambda n: (*square(n), *square(n)), lambda lib, x, y: functional(lib).mse_loss(x, y), lambda x, y: ((x - y) ** 2).mean()),
    ("attention", lambda n: tuple(normal(2, 4, 16 * n, 32) for _ in range(3)),
     lambda lib, q, k, v: functional(lib).scaled_dot_product_attention(q, k, v), attention),
    ("fft", square, lambda lib, x: lib.fft.rfft(x).abs(), lambda x: jnp.abs(jnp.fft.rfft(x))),
    ("solve", lambda n: (*spd(n), normal(8 * n, 4)), lambda lib, a, b: lib.linalg.solve(a, b), jnp.linalg.solve),
    ("cholesky", spd, lambda lib, a: lib.linalg.cholesky(a), jnp.linalg.cholesky),
    ("svdvals", spd, lambda lib, a: lib.linalg.svdvals(a), lambda a: jnp.linalg.svd(a, compute_uv=False)),
    ("randn", square, lambda lib, x: lib.randn(*x.shape), lambda x: jax.random.normal(jax.random.key(0), x.shape)),
    ("dropout", square, lambda lib, x: functional(lib).dropout(x, 0.5),
     lambda x: jnp.where(jax.random.bernoulli(jax.random.key(0), 0.5, x.shape), x * 2, 0)),
]  # fmt: skip
NO_GRADIENT = {"argmax", "argsort", "randn"}


def contestants(case, n: int, backward: bool):
    """Functions that compute once and wait."""
    _, data, call, jax_call = case
    arrays = data(n)

    def tensors(lib):
        made = [lib.from_numpy(a) for a in arrays]
        return [t.requires_grad_() if backward and a.dtype.kind == "f" else t for t, a in zip(made, arrays)]

    ours, theirs, given = tensors(rustorch), tensors(torch), [jnp.asarray(a) for a in arrays]
    places = tuple(i for i, a in enumerate(arrays) if a.dtype.kind == "f")
    # The gradient that arrives is no constant: XLA would compute with it when it compiles, for minutes.
    one = {lib: lib.ones(()) for lib in (rustorch, torch)}
    weight = jnp.ones(())

    def run(lib, args):
        out = call(lib, *args)
        if not backward:
            return [out]
        return lib.autograd.grad((out * one[lib]).sum(), [args[i] for i in places])

    def rustorch_once():
        with rustorch.set_grad_enabled(backward):
            found = run(rustorch, ours)
        jax.block_until_ready([value_of(t) for t in found])

    def torch_once():
        with torch.set_grad_enabled(backward):
            run(torch, theirs)

    if backward:
        f = jax.jit(jax.grad(lambda w, *a: (jax_call(*a) * w).sum(), argnums=tuple(i + 1 for i in places)))
        given.insert(0, weight)
    else:
        f = jax.jit(jax_call)
    return {"rustorch": rustorch_once, "torch": torch_once, "jnp": lambda: jax.block_until_ready(f(*given))}


def race(case, size: str, backward: bool, rounds: int) -> dict:
    """Median milliseconds by contestant, and rustorch's ratios."""
    times = {}
    runs = contestants(case, SIZES[size], backward)
    repeats = {}
    for who, once in runs.items():
        for _ in range(4):  # a program is loaded again when somebody looks at it for the second time
            once()
        start = time.perf_counter()
        once()
        repeats[who] = max(1, min(200, int(0.02 / (time.perf_counter() - start + 1e-7))))
        times[who] = []
    for _ in range(rounds):
        for who, once in runs.items():
            time.sleep(0.01)  # PyTorch's threads go on spinning for a while, at the cost of whoever is next
            once()
            start = time.perf_counter()
            for _ in range(repeats[who]):
                once()
            times[who].append((time.perf_counter() - start) / repeats[who])
    found = {who: statistics.median(t) * 1e3 for who, t in times.items()}
    for peer in ("torch", "jnp"):
        found["/ " + peer] = statistics.median(a / b for a, b in zip(times["rustorch"], times[peer]))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--ops", nargs="+")
    parser.add_argument("--sizes", nargs="+", default=list(SIZES))
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    print(f"{platform.machine()}, torch {torch.__version__}, jax {jax.__version__}; median of {args.rounds} rounds")
    print(
        f"{'':20s} {'size':7s} {'':9s} {'ms':>9s} {'torch':>9s} {'jnp':>9s} {'/ torch':>8s} {'/ jnp':>8s}", flush=True
    )
    largest = {}
    for case in CASES:
        name = case[0]
        if args.ops and name not in args.ops:
            continue
        for size in args.sizes:
            for backward in (False, True):
                if backward and name in NO_GRADIENT:
                    continue
                found = race(case, size, backward, args.rounds)
                kind = "backward" if backward else "forward"
                print(f"{name:20s} {size:7s} {kind:9s} " + " ".join(f"{found[k]:9.3f}" for k in ("rustorch", "torch", "jnp"))
                      + f" {found['/ torch']:8.2f} {found['/ jnp']:8.2f}", flush=True)  # fmt: skip
                if size == args.sizes[-1]:
                    largest[name, kind] = found["/ torch"]
    print("\nworst against PyTorch at the largest size:")
    for (name, kind), ratio in sorted(largest.items(), key=lambda x: -x[1])[:10]:
        print(f"  {name} {kind}: {ratio:.2f}")


if __name__ == "__main__":
    main()

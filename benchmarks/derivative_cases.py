"""The work of ``derivatives.py``: nine cases, each for rustorch, torch.autograd, torch.func and jitted JAX.

``torch_case(name, torch)`` gives ``{form: step}`` for PyTorch or, passed ``rustorch``, the same program there;
``jax_case(name)`` gives a step. A step takes nothing and returns arrays; sizes are in the docstrings.
"""

from __future__ import annotations

import math

import numpy as np

RNG = np.random.default_rng(0)
ORDERS = (2, 4, 6, 8)
CASES = ("batched hessian", "hvp", "full hessian", "laplacian", *[f"d{n}/dx{n}" for n in ORDERS],
         "per-sample gradients", "jacobian of a conv net", "pinn step", "maml step")  # fmt: skip


def layers(*sizes):
    """Weights (out, in) and biases of an MLP, for every contestant the same."""
    rng = np.random.default_rng(sum(sizes))
    return [(rng.standard_normal((o, i)).astype(np.float32) / math.sqrt(i), rng.standard_normal(o).astype(np.float32) * 0.1)
            for i, o in zip(sizes, sizes[1:])]  # fmt: skip


def normal(*shape):
    """Fixed inputs."""
    return np.random.default_rng(len(shape) + sum(shape)).standard_normal(shape).astype(np.float32)


def torch_case(name: str, torch):
    """Steps of one case by form: ``autograd`` and ``func`` (one of them may be missing)."""
    case = TORCH.get(name) or (lambda lib: d_n(lib, int(name[1])))
    return case(torch)


# --- PyTorch's programs ----------------------------------------------------------------------


def tensors(lib, tree):
    return [tuple(lib.tensor(a) for a in pair) for pair in tree]


def mlp(lib, params, x):
    """A tanh MLP."""
    for i, (w, b) in enumerate(params):
        x = lib.nn.functional.linear(x, w, b)
        if i < len(params) - 1:
            x = lib.tanh(x)
    return x


def batched_hessian(lib):
    """Hessians of an MLP 10-64-64-1 at 1,024 points."""
    params, x = tensors(lib, layers(10, 64, 64, 1)), lib.tensor(normal(1024, 10))
    hessian = lib.vmap(lib.func.hessian(lambda p: mlp(lib, params, p)[0]))

    def autograd():
        z = x.clone().requires_grad_()
        (g,) = lib.autograd.grad(mlp(lib, params, z).sum(), z, create_graph=True)
        return lib.stack([lib.autograd.grad(g[:, i].sum(), z, retain_graph=True)[0] for i in range(10)], 1)

    return {"func": lambda: hessian(x), "autograd": autograd}


def hvp(lib):
    """Hessian times vector of the cross-entropy of an MLP 784-64-10 (50,890 parameters), batch 512."""
    flat = [lib.tensor(a) for pair in layers(784, 64, 10) for a in pair]
    v = [lib.tensor(normal(*a.shape)) for a in flat]
    x, y = lib.tensor(normal(512, 784)), lib.tensor(np.arange(512) % 10)

    def loss(*flat):
        return lib.nn.functional.cross_entropy(mlp(lib, list(zip(flat[::2], flat[1::2])), x), y)

    def autograd():
        p = [a.detach().requires_grad_() for a in flat]
        g = lib.autograd.grad(loss(*p), p, create_graph=True)
        return lib.autograd.grad(g, p, v)

    def func():
        return lib.func.jvp(lib.func.grad(loss, tuple(range(4))), tuple(flat), tuple(v))[1]

    return {"func": func, "autograd": autograd}


def energy(lib, x, eye):
    """Lennard-Jones energy of 100 particles in the plane, ``x`` of 200 coordinates."""
    p = x.reshape(100, 2)
    d2 = ((p[:, None] - p[None]) ** 2).sum(-1) + eye
    s6 = 1 / d2**3
    return ((s6 * s6 - s6) * (1 - eye)).sum() * 2


def grid():
    """Particles on a lattice, slightly moved."""
    return (np.stack(np.meshgrid(np.arange(10.0), np.arange(10.0)), -1).reshape(-1) + 0.05 * normal(200)).astype(
        np.float32
    )


def full_hessian(lib):
    """The 200 × 200 Hessian of the energy of 100 particles in the plane (Lennard-Jones)."""
    x, eye = lib.tensor(grid()), lib.eye(100)
    f = lambda x: energy(lib, x, eye)
    return {
        "func": lambda: lib.func.hessian(f)(x),
        "autograd": lambda: lib.autograd.functional.hessian(f, x),
        "autograd, vectorized": lambda: lib.autograd.functional.hessian(f, x, vectorize=True),
    }


def laplacian(lib):
    """Laplacian of an MLP 100-128-128-1 at 64 points: forward Laplacian here, traces of Hessians in torch."""
    params, x = tensors(lib, layers(100, 128, 128, 1)), lib.tensor(normal(64, 100))
    f = lambda p: mlp(lib, params, p)[0]
    if hasattr(lib.func, "laplacian"):
        return {"func": lambda: lib.vmap(lambda p: lib.func.laplacian(f, p)[1])(x)}
    hessian = lib.vmap(lib.func.hessian(f))

    def autograd():
        z = x.clone().requires_grad_()
        (g,) = lib.autograd.grad(mlp(lib, params, z).sum(), z, create_graph=True)
        return sum(lib.autograd.grad(g[:, i].sum(), z, retain_graph=True)[0][:, i] for i in range(100))

    return {"func": lambda: hessian(x).diagonal(0, 1, 2).sum(-1), "autograd": autograd}


def d_n(lib, n):
    """dⁿ/dxⁿ of a tanh MLP 1-64-64-1 at 1,024 points (for n = 8 torch takes them in four parts: 20 GB else)."""
    params, x = tensors(lib, layers(1, 64, 64, 1)), lib.tensor(normal(1024, 1))
    parts = x.split(256) if n == 8 and not hasattr(lib.func, "taylor") else [x]

    def derivative(part):
        z = part.clone().requires_grad_()
        y = mlp(lib, params, z)
        for k in range(n):
            (y,) = lib.autograd.grad(y.sum(), z, create_graph=k < n - 1)
        return y

    def autograd():
        return [derivative(part) for part in parts]

    def nested():
        f = lambda p: mlp(lib, params, p[None])[0]
        for _ in range(n):
            f = lib.func.grad(f)
        return [lib.vmap(f)(part[:, 0]) for part in parts]

    forms = {"autograd": autograd, "func": nested}
    if hasattr(lib.func, "taylor"):
        forms["taylor"] = lambda: lib.func.taylor(lambda z: mlp(lib, params, z), x, n)[n]
    return forms


def convnet(lib, params, x):
    """Two convolutions, a pool and a linear layer: (N, 1, 16, 16) to (N, 10)."""
    F = lib.nn.functional
    (c1, b1), (c2, b2), (w, b) = params
    x = F.max_pool2d(lib.tanh(F.conv2d(x, c1, b1, padding=1)), 2)
    x = F.max_pool2d(lib.tanh(F.conv2d(x, c2, b2, padding=1)), 2)
    return F.linear(x.flatten(1), w, b)


def conv_params():
    """Weights and biases of ``convnet``."""
    return [(normal(8, 1, 3, 3) / 3, normal(8) * 0.1), (normal(16, 8, 3, 3) / 9, normal(16) * 0.1), (normal(10, 256) / 16, normal(10) * 0.1)]  # fmt: skip


def per_sample_gradients(lib):
    """The gradient of each of 64 samples' losses in all parameters of an MLP 784-128-10."""
    params, x, y = tensors(lib, layers(784, 128, 10)), lib.tensor(normal(64, 784)), lib.tensor(np.arange(64) % 10)

    def loss(p, x, y):
        return lib.nn.functional.cross_entropy(mlp(lib, p, x[None]), y[None])

    each = lib.vmap(lib.func.grad(loss), in_dims=(None, 0, 0))

    def autograd():
        flat = [a.detach().requires_grad_() for pair in params for a in pair]
        p = list(zip(flat[::2], flat[1::2]))
        rows = [lib.autograd.grad(loss(p, x[i], y[i]), flat) for i in range(64)]
        return [lib.stack(c) for c in zip(*rows)]

    return {"func": lambda: each(params, x, y), "autograd": autograd}


def conv_jacobian(lib):
    """Jacobians (10 × 256) of a small conv net at 64 images of 16 × 16."""
    params, x = tensors(lib, conv_params()), lib.tensor(normal(64, 1, 16, 16))
    each = lib.vmap(lib.func.jacrev(lambda image: convnet(lib, params, image[None])[0]))

    def autograd():
        z = x.clone().requires_grad_()
        y = convnet(lib, params, z)
        return lib.stack([lib.autograd.grad(y[:, i].sum(), z, retain_graph=True)[0] for i in range(10)], 1)

    return {"func": lambda: each(x), "autograd": autograd}


def pinn_step(lib):
    """One Adam step on the residual of Burgers' equation at 1,024 points, MLP 2-32-32-32-1."""
    flat = [lib.tensor(a, requires_grad=True) for pair in layers(2, 32, 32, 32, 1) for a in pair]
    optimizer = lib.optim.Adam(flat, lr=1e-4)
    points = normal(1024, 2)
    x, t = lib.tensor(points[:, :1], requires_grad=True), lib.tensor(points[:, 1:], requires_grad=True)

    def loss_of(flat):
        u = mlp(lib, list(zip(flat[::2], flat[1::2])), lib.cat([x, t], 1))
        one = lib.ones_like(u)
        u_x, u_t = lib.autograd.grad(u, (x, t), one, create_graph=True)
        (u_xx,) = lib.autograd.grad(u_x, x, one, create_graph=True)
        return ((u_t + u * u_x - 0.01 / math.pi * u_xx) ** 2).mean()

    def step():
        loss = loss_of(flat)
        optimizer.zero_grad()
        loss.backward(inputs=flat)
        optimizer.step()
        return loss

    return {"autograd": step}


def sine_tasks():
    """Support and query sets of 32 sine waves, 10 points each."""
    rng = np.random.default_rng(1)
    x = rng.uniform(-5, 5, (32, 2, 10, 1))
    y = rng.uniform(0.1, 5, (32, 1, 1, 1)) * np.sin(x + rng.uniform(0, math.pi, (32, 1, 1, 1)))
    return x.astype(np.float32), y.astype(np.float32)


def maml_step(lib):
    """One Adam step of MAML: 32 sine tasks, one inner step, MLP 1-40-40-1, second derivatives kept."""
    flat = [lib.tensor(a, requires_grad=True) for pair in layers(1, 40, 40, 1) for a in pair]
    optimizer = lib.optim.Adam(flat, lr=1e-3)
    x, y = map(lib.tensor, sine_tasks())

    def loss(flat, x, y):
        return ((mlp(lib, list(zip(flat[::2], flat[1::2])), x) - y) ** 2).mean()

    def after(flat, x, y):
        g = lib.func.grad(loss)(flat, x[0], y[0])
        return loss([p - 0.01 * d for p, d in zip(flat, g)], x[1], y[1])

    def loss_of(flat):
        return lib.vmap(after, in_dims=(None, 0, 0))(flat, x, y).mean()

    def func():
        total = loss_of(flat)
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        return total

    def autograd():
        total = 0
        for i in range(32):
            g = lib.autograd.grad(loss(flat, x[i, 0], y[i, 0]), flat, create_graph=True)
            total = total + loss([p - 0.01 * d for p, d in zip(flat, g)], x[i, 1], y[i, 1])
        optimizer.zero_grad()
        (total / 32).backward()
        optimizer.step()
        return total

    return {"func": func, "autograd": autograd}


TORCH = {
    "batched hessian": batched_hessian, "hvp": hvp, "full hessian": full_hessian, "laplacian": laplacian,
    "per-sample gradients": per_sample_gradients, "jacobian of a conv net": conv_jacobian, "pinn step": pinn_step,
    "maml step": maml_step,
}  # fmt: skip


# --- the same maths, written and jitted by hand in JAX -----------------------------------------


def jax_case(name: str):
    """A step of one case; the arrays that a program varies are arguments, not constants."""
    import jax
    import jax.numpy as jnp
    import optax
    from jax.experimental.jet import jet

    def arrays(tree):
        return jax.tree.map(jnp.asarray, tree)

    def net(params, x):
        for i, (w, b) in enumerate(params):
            x = x @ w.T + b
            if i < len(params) - 1:
                x = jnp.tanh(x)
        return x

    def bound(f, *args):
        f, args = jax.jit(f), arrays(args)
        return lambda: f(*args)

    def cross_entropy(logits, y):
        return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean()

    def trained(loss, params, rate):
        optimizer = optax.adam(rate)

        @jax.jit
        def step(params, state):
            value, g = jax.value_and_grad(loss)(params)
            updates, state = optimizer.update(g, state)
            return optax.apply_updates(params, updates), state, value

        box = [arrays(params), optimizer.init(arrays(params))]

        def run():
            box[0], box[1], value = step(*box)
            return value

        return run

    if name == "batched hessian":
        f = lambda params, x: jax.vmap(jax.hessian(lambda p: net(params, p)[0]))(x)
        return bound(f, layers(10, 64, 64, 1), normal(1024, 10))
    if name == "hvp":
        params = layers(784, 64, 10)
        v = [tuple(normal(*a.shape) for a in pair) for pair in params]

        def product(params, v, x, y):
            return jax.jvp(jax.grad(lambda p: cross_entropy(net(p, x), y)), (params,), (v,))[1]

        return bound(product, params, v, normal(512, 784), np.arange(512) % 10)
    if name == "full hessian":
        return bound(
            lambda x, eye: jax.hessian(lambda x: energy(jnp, x, eye))(x), grid(), np.eye(100, dtype=np.float32)
        )
    if name == "laplacian":

        def one(params, p):
            second = lambda v: jet(lambda p: net(params, p)[0], (p,), ((v, jnp.zeros_like(v)),))[1][1]
            return jax.vmap(second)(jnp.eye(100, dtype=p.dtype)).sum()

        return bound(lambda params, x: jax.vmap(lambda p: one(params, p))(x), layers(100, 128, 128, 1), normal(64, 100))
    if name.startswith("d"):
        n = int(name[1])

        def highest(params, x):
            return jet(lambda z: net(params, z), (x,), ((jnp.ones_like(x), *[jnp.zeros_like(x)] * (n - 1)),))[1][-1]

        return bound(highest, layers(1, 64, 64, 1), normal(1024, 1))
    if name == "per-sample gradients":
        each = jax.vmap(jax.grad(lambda p, x, y: cross_entropy(net(p, x[None]), y[None])), (None, 0, 0))
        return bound(each, layers(784, 128, 10), normal(64, 784), np.arange(64) % 10)
    if name == "jacobian of a conv net":

        def conv(x, w, b):
            y = jax.lax.conv_general_dilated(x, w, (1, 1), "SAME")
            y = jnp.tanh(y + b[:, None, None])
            n, c, h, k = y.shape
            return y.reshape(n, c, h // 2, 2, k // 2, 2).max((3, 5))

        def convnet(params, image):
            (c1, b1), (c2, b2), (w, b) = params
            x = conv(conv(image[None], c1, b1), c2, b2)
            return (x.reshape(1, -1) @ w.T + b)[0]

        each = lambda params, x: jax.vmap(jax.jacrev(lambda image: convnet(params, image)))(x)
        return bound(each, conv_params(), normal(64, 1, 16, 16))
    if name == "pinn step":
        points = normal(1024, 2)

        def loss(params):
            u = lambda x, t: net(params, jnp.stack([x, t]))[0]
            u_x = jax.grad(u)

            def residual(x, t):
                value, (slope, u_t) = jax.value_and_grad(u, (0, 1))(x, t)
                return u_t + value * slope - 0.01 / math.pi * jax.jvp(lambda x: u_x(x, t), (x,), (1.0,))[1]

            return (jax.vmap(residual)(points[:, 0], points[:, 1]) ** 2).mean()

        return trained(loss, layers(2, 32, 32, 32, 1), 1e-4)
    if name == "maml step":
        x, y = sine_tasks()

        def error(params, x, y):
            return ((net(params, x) - y) ** 2).mean()

        def after(params, x, y):
            g = jax.grad(error)(params, x[0], y[0])
            return error(jax.tree.map(lambda p, d: p - 0.01 * d, params, g), x[1], y[1])

        return trained(lambda p: jax.vmap(after, (None, 0, 0))(p, x, y).mean(), layers(1, 40, 40, 1), 1e-3)
    raise ValueError(name)

"""The same three models in flax + optax and in PyTorch, as the peers of ``train_step.py``.

``mlp``  784-128-10, batch 64.
``gpt``  character GPT: 4 pre-norm blocks, width 128, 4 heads, 64 tokens, batch 12, exact GELU.
``cnn``  MNIST-style CNN: two conv-BN-ReLU-pool-dropout stages and two linear layers, batch 64.

Each is written the way its own library's users write it: flax with NHWC convolutions,
``nn.max_pool`` and ``nn.MultiHeadDotProductAttention``, the whole step jitted with the state
donated; PyTorch with ``nn.Module`` and ``optim.Adam``, eagerly or under ``torch.compile``.
All train with Adam at 1e-3 on one fixed batch.

    step, state = flax_step("gpt")      # state, loss = step(state): the batch is bound
    step = torch_step("gpt")            # loss = step()
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

MODELS = ("mlp", "gpt", "cnn")
VOCAB, BLOCK, WIDTH, HEADS, LAYERS, BATCH = 96, 64, 128, 4, 4, 12
LEARNING_RATE = 1e-3


def batch(name: str) -> tuple[np.ndarray, np.ndarray]:
    """One fixed batch (inputs, integer targets); images are NCHW, as PyTorch has them."""
    rng = np.random.default_rng(0)
    if name == "gpt":
        text = rng.integers(0, VOCAB, (BATCH, BLOCK + 1))
        return text[:, :-1].astype(np.int32), text[:, 1:].astype(np.int32)
    shape = (64, 784) if name == "mlp" else (64, 1, 28, 28)
    return rng.standard_normal(shape, np.float32), rng.integers(0, 10, 64).astype(np.int32)


# --- flax ------------------------------------------------------------------------------------


def flax_model(name: str):
    """The flax.linen module of one model; call it as ``apply(vars, x, train=True)``."""
    import flax.linen as nn
    import jax.numpy as jnp

    class MLP(nn.Module):
        @nn.compact
        def __call__(self, x, train):
            return nn.Dense(10)(nn.relu(nn.Dense(128)(x)))

    class Block(nn.Module):
        @nn.compact
        def __call__(self, x, mask):
            h = nn.LayerNorm(epsilon=1e-5)(x)
            x = x + nn.MultiHeadDotProductAttention(num_heads=HEADS)(h, mask=mask)
            h = nn.LayerNorm(epsilon=1e-5)(x)
            h = nn.gelu(nn.Dense(4 * WIDTH)(h), approximate=False)
            return x + nn.Dense(WIDTH)(h)

    class GPT(nn.Module):
        @nn.compact
        def __call__(self, tokens, train):
            x = nn.Embed(VOCAB, WIDTH)(tokens)
            x = x + nn.Embed(BLOCK, WIDTH)(jnp.arange(tokens.shape[1]))
            mask = nn.make_causal_mask(tokens)
            for _ in range(LAYERS):
                x = Block()(x, mask)
            return nn.Dense(VOCAB, use_bias=False)(nn.LayerNorm(epsilon=1e-5)(x))

    class CNN(nn.Module):
        @nn.compact
        def __call__(self, x, train):
            norm = partial(nn.BatchNorm, use_running_average=not train, momentum=0.9)
            drop = partial(nn.Dropout, deterministic=not train)
            for width in (32, 64):
                x = nn.relu(norm()(nn.Conv(width, (3, 3), padding=1)(x)))
                x = drop(0.25)(nn.max_pool(x, (2, 2), strides=(2, 2)))
            x = x.reshape(x.shape[0], -1)
            x = drop(0.5)(nn.relu(norm()(nn.Dense(128)(x))))
            return nn.Dense(10)(x)

    return {"mlp": MLP, "gpt": GPT, "cnn": CNN}[name]()


def flax_step(name: str, seed: int = 0) -> tuple[Callable, Any]:
    """``step(state) -> (state, loss)``, jitted with the state donated, and the first state."""
    import jax
    import jax.numpy as jnp
    import optax

    x, y = batch(name)
    if name == "cnn":
        x = x.transpose(0, 2, 3, 1)
    x, y = jnp.asarray(x), jnp.asarray(y)
    model, optimizer = flax_model(name), optax.adam(LEARNING_RATE)
    key = jax.random.key(seed)
    variables = model.init({"params": key, "dropout": key}, x, train=True)
    params, stats = variables["params"], variables.get("batch_stats", {})

    def loss_of(params, stats, key):
        logits, new = model.apply(
            {"params": params, "batch_stats": stats},
            x,
            train=True,
            rngs={"dropout": key},
            mutable=["batch_stats"],
        )
        loss = optax.softmax_cross_entropy_with_integer_labels(logits, y).mean()
        return loss, new.get("batch_stats", stats)

    @partial(jax.jit, donate_argnums=0)
    def train(state, x, y):
        params, stats, moments, key = state
        key, drop = jax.random.split(key)
        (loss, stats), grads = jax.value_and_grad(loss_of, has_aux=True)(params, stats, drop)
        updates, moments = optimizer.update(grads, moments, params)
        return (optax.apply_updates(params, updates), stats, moments, key), loss

    return lambda state: train(state, x, y), (params, stats, optimizer.init(params), key)


# --- PyTorch ---------------------------------------------------------------------------------


def torch_model(name: str, torch):
    """The ``torch.nn`` module of one model; ``torch`` is PyTorch or rustorch."""
    nn, F = torch.nn, torch.nn.functional

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
            self.qkv, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
            self.mlp = nn.Sequential(nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Linear(4 * WIDTH, WIDTH))

        def forward(self, x):
            b, t, c = x.shape
            heads = self.qkv(self.norm1(x)).view(b, t, 3, HEADS, c // HEADS)
            q, k, v = heads.permute(2, 0, 3, 1, 4).unbind(0)
            a = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + self.out(a.transpose(1, 2).reshape(b, t, c))
            return x + self.mlp(self.norm2(x))

    class GPT(nn.Module):
        def __init__(self):
            super().__init__()
            self.tokens, self.places = nn.Embedding(VOCAB, WIDTH), nn.Embedding(BLOCK, WIDTH)
            self.blocks = nn.Sequential(*[Block() for _ in range(LAYERS)])
            self.norm, self.head = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, VOCAB, bias=False)

        def forward(self, tokens):
            x = self.tokens(tokens) + self.places(torch.arange(tokens.shape[1]))
            return self.head(self.norm(self.blocks(x))).flatten(0, 1)

    if name == "mlp":
        return nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
    if name == "gpt":
        return GPT()

    def stage(inputs, outputs):
        conv, norm = nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs)
        return [conv, norm, nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.25)]

    return nn.Sequential(
        *stage(1, 32), *stage(32, 64), nn.Flatten(),
        nn.Linear(3136, 128), nn.BatchNorm1d(128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, 10),
    )  # fmt: skip


def torch_step(name: str, seed: int = 0, compiled: bool = False, torch=None) -> Callable:
    """``step() -> loss`` on PyTorch (or what is given as ``torch``), with ``torch.compile`` if asked for."""
    if torch is None:
        import torch
    F = torch.nn.functional

    torch.manual_seed(seed)
    x, y = (torch.from_numpy(a) for a in batch(name))
    x, y = (x.long() if name == "gpt" else x), y.long().flatten()
    model = torch_model(name, torch).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    forward = torch.compile(model) if compiled else model

    def step():
        optimizer.zero_grad()
        loss = F.cross_entropy(forward(x), y)
        loss.backward()
        optimizer.step()
        return loss.detach()

    return step


def main() -> None:
    """Time both peers, interleaved, and print one row a model."""
    import statistics
    import time

    import jax

    for name in MODELS:
        step, state = flax_step(name)
        eager = torch_step(name)
        inner = 50 if name == "mlp" else 3
        times: dict[str, list[float]] = {"flax": [], "torch": []}
        for _ in range(12):
            start = time.perf_counter()
            for _ in range(inner):
                state, loss = step(state)
            jax.block_until_ready((state, loss))
            middle = time.perf_counter()
            for _ in range(inner):
                loss = eager()
            loss.item()
            times["flax"].append((middle - start) / inner)
            times["torch"].append((time.perf_counter() - middle) / inner)
        flax, torch = (statistics.median(times[k][2:]) * 1e3 for k in ("flax", "torch"))
        print(f"{name}: flax+optax {flax:.2f} ms, PyTorch eager {torch:.2f} ms a step")


if __name__ == "__main__":
    main()

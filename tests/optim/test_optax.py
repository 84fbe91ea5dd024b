"""``optim.from_optax`` beside optax itself, and ``optim.to_optax`` beside the optimizer's own steps."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import rustorch
from rustorch.lowering import counters

START = {"b": np.array([0.5, -1.0, 2.0]), "w": np.arange(6.0).reshape(3, 2) / 3 - 0.7}


def everything():
    """A chain with a global norm, a schedule, masks and moments."""
    return optax.chain(
        optax.clip_by_global_norm(0.5),
        optax.masked(optax.add_decayed_weights(0.1), {"b": False, "w": True}),
        optax.adamw(optax.cosine_decay_schedule(0.1, 20)),
    )


def made(transformation, named=True):
    params = {k: rustorch.tensor(v, requires_grad=True) for k, v in START.items()}
    return params, rustorch.optim.from_optax(transformation, params.items() if named else list(params.values()))


def step_of(params, optimizer):
    def step():
        optimizer.zero_grad()
        loss = sum((p**4).sum() for p in params.values())
        loss.backward()
        optimizer.step()
        return loss.detach()

    return step


def with_optax(transformation, steps):
    params = {k: jnp.asarray(v) for k, v in START.items()}
    state = transformation.init(params)

    @jax.jit
    def step(params, state):
        updates, state = transformation.update({k: 4 * v**3 for k, v in params.items()}, state, params)
        return optax.apply_updates(params, updates), state

    for _ in range(steps):
        params, state = step(params, state)
    return params


def assert_close(params, wanted):
    for name, p in params.items():
        np.testing.assert_allclose(p.tolist(), np.asarray(wanted[name]), rtol=1e-10, atol=1e-12)


def test_steps_state_and_trace():
    with jax.enable_x64():
        wanted = with_optax(everything(), 12)
    rule = everything()
    params, optimizer = made(rule)
    step = step_of(params, optimizer)
    step()
    before = counters()
    for _ in range(5):
        step()
    after = counters()
    assert after["dispatched"] - before["dispatched"] == 5 and after["compiled"] == before["compiled"]
    saved = optimizer.state_dict()
    assert saved["state"][0]["[2][0].count"].item() == 6
    other, twin = made(rule)  # from the saved state, and traced
    with rustorch.no_grad():
        for p, q in zip(other.values(), params.values()):
            p.copy_(q)
    twin.load_state_dict(saved)
    traced = rustorch.jit.trace(step_of(other, twin))
    for _ in range(6):
        step(), traced()
    assert_close(params, wanted)
    assert_close(other, wanted)
    with pytest.raises(ValueError, match="another transformation"):
        made(optax.sgd(0.1, momentum=0.9))[1].load_state_dict(saved)


def test_no_state_missing_gradients_and_skipped_steps():
    params, optimizer = made(optax.sgd(0.5), named=False)
    params["w"].grad = rustorch.ones_like(params["w"])
    optimizer.step()
    assert_close(params, {"b": START["b"], "w": START["w"] - 0.5})
    params, optimizer = made(optax.adam(0.1), named=False)
    scaler = rustorch.amp.GradScaler("cpu", init_scale=4.0)
    for factor in (1.0, float("inf"), 1.0):
        optimizer.zero_grad()
        scaler.scale(sum((p**4).sum() for p in params.values()) * factor).backward()
        scaler.step(optimizer)
        scaler.update()
    with jax.enable_x64():
        assert_close(params, with_optax(optax.adam(0.1), 2))


def test_refusals():
    p, q = rustorch.ones(1, requires_grad=True), rustorch.ones(1, requires_grad=True)
    with pytest.raises(ValueError, match="parameter groups"):
        rustorch.optim.from_optax(optax.sgd(0.1), [{"params": [p]}, {"params": [q]}])
    with pytest.raises(TypeError, match="LBFGS has no formula per parameter"):
        rustorch.optim.to_optax(rustorch.optim.LBFGS([p]))
    rule = rustorch.optim.to_optax(rustorch.optim.SGD([{"params": [p]}, {"params": [q], "lr": 1.0}]))
    with pytest.raises(ValueError, match="have 2 parameters, the tree has 1"):
        rule.init(jnp.ones(1))
    with pytest.raises(ValueError, match="needs the parameters"):
        rule.update([jnp.ones(1)] * 2, rule.init([jnp.ones(1)] * 2))


METHODS = {
    "SGD": dict(lr=0.1, momentum=0.9, dampening=0.1), "Adam": dict(lr=0.1, amsgrad=True), "AdamW": {}, "Adadelta": {},
    "Adafactor": {}, "Adagrad": dict(initial_accumulator_value=0.1), "Adamax": {}, "ASGD": dict(t0=2), "NAdam": {},
    "RAdam": dict(betas=(0.9, 0.8)), "RMSprop": dict(centered=True, momentum=0.5), "Rprop": {},
}  # fmt: skip


def test_to_optax():
    runs, rules = {}, {}
    for name, options in METHODS.items():
        params = {k: rustorch.tensor(v, requires_grad=True) for k, v in START.items()}
        groups = [{"params": [params["b"]], **({} if name == "Rprop" else {"lr": 0.05})}, {"params": [params["w"]]}]
        optimizer = getattr(rustorch.optim, name)(groups, **options)
        runs[name], rules[name] = (params, optimizer), rustorch.optim.to_optax(optimizer)

    @rustorch.jit.trace
    def all_steps():
        return sum(step_of(*run)() for run in runs.values())

    with jax.enable_x64():
        trees = {name: {k: jnp.asarray(v) for k, v in START.items()} for name in rules}
        states = {name: rule.init(trees[name]) for name, rule in rules.items()}

        @jax.jit
        def step(trees, states):
            for name, rule in rules.items():
                grads = {k: 4 * v**3 for k, v in trees[name].items()}
                updates, state = rule.update(grads, states[name], trees[name])
                trees, states = {**trees, name: optax.apply_updates(trees[name], updates)}, {**states, name: state}
            return trees, states

        for _ in range(5):
            all_steps()
            trees, states = step(trees, states)
    for name, (params, _) in runs.items():
        assert_close(params, trees[name])

"""Gradient scaling: what ``amp.GradScaler`` computes, without looking at a value."""

from __future__ import annotations

import jax.numpy as jnp

from rustorch.lowering.table import Number, op


@op(function=False, method=False, out=False, differentiable=False)
def amp_unscale(grads: tuple, scale):
    """Gradients divided by ``scale``, and whether one was infinite or NaN: ``(1.0 or 0.0, *unscaled)``."""
    finite = jnp.stack([jnp.isfinite(g).all() for g in grads]).all()
    # Divided, since the inverse of a large scale is subnormal, which XLA takes for zero; a half as a float32.
    return jnp.where(finite, 0.0, 1.0).astype(scale.dtype), *((g / scale).astype(g.dtype) for g in grads)


@op(function=False, method=False, out=False, differentiable=False)
def amp_update_scale(scale, tracker, found: tuple, growth: Number, backoff: Number, interval: Number):
    """The next scale and the number of good steps in a row: ``(scale, tracker)``.

    After a bad step the scale shrinks by ``backoff``; after ``interval`` good ones it grows by ``growth``, unless it
    would no longer be finite.
    """
    bad = sum(found) > 0
    exact = scale.astype(jnp.float64)
    good = tracker + 1
    due = good == interval
    grown = (exact * growth).astype(scale.dtype)
    grown = jnp.where(due & jnp.isfinite(grown), grown, scale)
    scale = jnp.where(bad, (exact * backoff).astype(scale.dtype), grown)
    return scale, jnp.where(bad | due, 0, good).astype(tracker.dtype)

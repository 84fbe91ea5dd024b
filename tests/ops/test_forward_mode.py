"""Forward mode of op bodies agrees with reverse mode: the rules and the derived derivatives are one."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import rustorch  # noqa: F401  (fills the table)
from rustorch.lowering.table import TABLE

X = np.random.default_rng(2).uniform(0.2, 0.9, (3, 5))
CALLS = {
    **{n: () for n in "sin cos sigmoid erf lgamma digamma i0 abs sqrt special.entr special.erfcx special.i1e sum mean prod std_dims max_all median_all nansum".split()},
    "pow": (2.5,), "clamp": (0.4, 0.6), "xlogy": (X[0],), "hypot": (X[0],), "atan2": (X[1],), "std_dims": (1,), "var_dims": (0,), "logsumexp": (1,),
    "cumsum": (1,), "cumprod": (0,), "max_dim": (1,), "median_dim": (1,), "cummax": (0,), "p_norm_dims": (2, 1), "amax": (1,), "quantile": (0.3, 1), "mode": (1,),
}  # fmt: skip


# The derivative sweep takes every op forward: here a third, and all in the slow run.
SOME = [name if i % 3 == 0 else pytest.param(name, marks=pytest.mark.slow) for i, name in enumerate(CALLS)]


@pytest.mark.parametrize("name", SOME)
def test_forward_is_reverse(name):
    op = TABLE[name]
    rng = np.random.default_rng(4)
    with jax.enable_x64(True):
        args = [jnp.asarray(a) if isinstance(a, np.ndarray) else a for a in CALLS[name]]

        def f(x):
            out = op(x, *args)
            return out[0] if isinstance(out, tuple) else out

        x, dx = jnp.asarray(X), jnp.asarray(rng.standard_normal(X.shape))
        y, dy = jax.jvp(f, (x,), (dx,))
        ct = jnp.asarray(rng.standard_normal(y.shape))
        if op.vjp_rule is None:
            (g,) = jax.vjp(f, x)[1](ct)
        else:
            out = op(x, *args)
            head = (out,) if op.vjp_uses_output else ()
            cts = (ct, None) if isinstance(out, tuple) else ct
            g = op.vjp_rule((True,), cts, *head, x, *args)[0]
        np.testing.assert_allclose(jnp.sum(dy * ct), jnp.sum(dx * g), rtol=1e-9)

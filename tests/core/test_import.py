"""Importing rustorch is a good citizen."""

import subprocess
import sys

SCRIPT = """
import jax
before = dict(jax.config.values)
import rustorch
x = rustorch.ones(3, dtype=rustorch.float64).sum().item()
after = dict(jax.config.values)
changed = {k: (before[k], after.get(k)) for k in before if before[k] != after.get(k)}
assert not changed, changed
import jax.numpy as jnp
assert jnp.arange(3).dtype == "int32" and jnp.ones(2, "float64").dtype == "float32"
import sys
late = {"torch", "flax", "scipy.special", "scipy.sparse"} & set(sys.modules)
assert not late, late
"""


def test_import_changes_no_jax_setting_and_brings_nothing_dear():
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", SCRIPT], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr

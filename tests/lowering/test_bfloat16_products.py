"""Products of 16-bit numbers: the same whether the processor has instructions for them or not."""

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest

from rustorch.lowering.kernels import products
from rustorch.lowering.platform import platform

FORMS = {  # shapes, contracted dimensions, batch
    "rows by columns": ((4, 6), (6, 3), 1, 0, ()),
    "rows by rows": ((4, 6), (3, 6), 1, 1, ()),
    "columns by columns": ((6, 4), (6, 3), 0, 0, ()),
    "columns by rows": ((6, 4), (3, 6), 0, 1, ()),
    "an odd number of them": ((5, 4), (5, 3), 0, 0, ()),
    "none of them": ((0, 4), (0, 3), 0, 0, ()),
    "a vector": ((6,), (6, 3), 0, 0, ()),
    "more dimensions": ((6, 4, 5), (6, 3), 0, 0, ()),
    "batches": ((2, 6, 4), (2, 3, 6), 1, 2, (0,)),
    "batches of batches": ((2, 3, 6, 4), (2, 3, 6, 5), 2, 2, (0, 1)),
}


@pytest.mark.parametrize("native", [True, False])
@pytest.mark.parametrize("dtype", [ml_dtypes.bfloat16, np.float16, np.float32, np.int32])
@pytest.mark.parametrize("form", FORMS)
def test_rounded_once(monkeypatch, form, dtype, native):
    monkeypatch.setattr(products, "multiplies_bfloat16", lambda: native)
    left, right, i, j, batch = FORMS[form]
    chance = np.random.default_rng(0)
    a, b = [(chance.standard_normal(shape) * 3).astype(dtype) for shape in (left, right)]
    with platform("cpu"):
        got = products.contract(jnp.asarray(a), jnp.asarray(b), i, j, batch)
        sums = products.contract(jnp.asarray(a), jnp.asarray(b), i, j, batch, products.unrounded(dtype))
    exact = jax.lax.dot_general(a.astype(np.float64), b.astype(np.float64), (((i,), (j,)), (batch, batch)))
    assert got.dtype == dtype and sums.dtype == (np.float32 if dtype in (ml_dtypes.bfloat16, np.float16) else dtype)
    np.testing.assert_allclose(np.asarray(sums, np.float64), exact, rtol=1e-4, atol=1e-4)
    step = 2.0**-8 if dtype == ml_dtypes.bfloat16 else 2.0**-11
    np.testing.assert_allclose(np.asarray(got, np.float64), exact, rtol=step * 1.01, atol=1e-4)


def test_what_the_processors_instructions_are_given(monkeypatch):
    """Both factors as they lie, the left one's rows whole, and sums in float32."""
    monkeypatch.setattr(products, "multiplies_bfloat16", lambda: True)
    g, x = jnp.ones((8, 4), jnp.bfloat16), jnp.ones((8, 3), jnp.bfloat16)
    with platform("cpu"):
        text = str(jax.make_jaxpr(lambda g, x: products.contract(g, x, 0, 0))(g, x))
    assert "dimension_numbers=(([1], [0]), ([], []))" in text and "preferred_element_type=float32" in text
    with platform("gpu"):
        text = str(jax.make_jaxpr(lambda g, x: products.contract(g, x, 0, 0))(g, x))
    assert "dimension_numbers=(([0], [0]), ([], []))" in text and "preferred_element_type=bfloat16" in text

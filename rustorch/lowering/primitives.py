"""What every reader of a jaxpr must know of JAX's primitives."""

from __future__ import annotations

# Those that work element by element, on operands of one shape (or scalars).
ELEMENTWISE = frozenset(
    """abs acos acosh add add_any and asin asinh atan atan2 atanh bessel_i0e bessel_i1e cbrt ceil clamp complex conj
    convert_element_type copy copy_p cos cosh digamma div eq erf erf_inv erfc exp exp2 expm1 floor ge gt igamma igammac
    imag integer_pow is_finite le lgamma log log1p logistic lt max min mul ne neg nextafter not optimization_barrier or
    polygamma pow real reduce_precision regularized_incomplete_beta rem round rsqrt select_n sign sin sinh sqrt square
    sub tan tanh xor zeta""".split()
)
# Those that only call a jaxpr, and the parameter that holds it.
CALLS = {"jit": "jaxpr", "pjit": "jaxpr", "closed_call": "call_jaxpr", "custom_jvp_call": "call_jaxpr",
          "custom_vjp_call": "call_jaxpr", "remat2": "jaxpr", "checkpoint": "jaxpr"}  # fmt: skip

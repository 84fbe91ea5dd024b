import jax.numpy as jnp
from rustorch.lowering.table import *
from rustorch.lowering.table import Number, TABLE
def P(name, f, **k):
    if name not in TABLE:
        f.__name__ = name
        pointwise(f, **k)
def _b(fn):
    def f(input, other: Number): return fn(input, other)
    return f
def _u(fn):
    def f(input): return fn(input)
    return f
import glob, os
if not glob.glob(os.path.dirname(__file__)+"/pointwise*"):
    def add(input, other: Number, *, alpha: Number = 1): return input + alpha * other
    pointwise(add, saves=False)
    for n, fn in dict(sub=jnp.subtract, mul=jnp.multiply, pow=jnp.power, floor_divide=jnp.floor_divide, remainder=jnp.remainder,bitwise_and=jnp.bitwise_and,bitwise_or=jnp.bitwise_or,bitwise_xor=jnp.bitwise_xor,bitwise_left_shift=jnp.left_shift,bitwise_right_shift=jnp.right_shift).items(): P(n, _b(fn))
    P("rsub", _b(lambda a,b: b-a)); P("div", _b(jnp.divide), promote="float")
    for n in "lt le gt ge eq ne".split():
        P(n, _b({"lt":jnp.less,"le":jnp.less_equal,"gt":jnp.greater,"ge":jnp.greater_equal,"eq":jnp.equal,"ne":jnp.not_equal}[n]), promote="bool")
    for n,fn in dict(neg=jnp.negative, abs=jnp.abs, bitwise_not=jnp.bitwise_not, reciprocal=jnp.reciprocal, clone=lambda x:x).items(): P(n,_u(fn))
    for n,fn in dict(exp=jnp.exp, tanh=jnp.tanh, sin=jnp.sin,relu=lambda x: jnp.maximum(x,0)).items(): P(n,_u(fn),promote="float")
    def sum(input, dim=None, keepdim=False): return jnp.sum(input, dim, keepdims=keepdim)
    reduction(sum, saves=False)
    def matmul(input, other): return input @ other
    op(matmul, dear=True)
    def stack(tensors, dim=0): return jnp.stack(tensors, dim)
    if "stack" not in TABLE: op(stack, method=False)

"""Custom ``Function``s under forward mode and over batches."""

import pytest
import torch as oracle

import rustorch


def cube(m):
    class Cube(m.autograd.Function):
        generate_vmap_rule = True

        @staticmethod
        def forward(x, w):
            return x**3 * w

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(*inputs)
            ctx.save_for_forward(*inputs)

        @staticmethod
        def backward(ctx, g):
            x, w = ctx.saved_tensors
            return 30 * g * x**2 * w, 10 * g * x**3  # ten times too large, to tell it from the derived gradient

        @staticmethod
        def jvp(ctx, dx, dw):
            x, w = ctx.saved_tensors
            return 7 * dx * x**2 * w

    return Cube.apply


def ramp(m, *shape):
    return m.arange(1.0, 1.0 + m.Size(shape).numel(), dtype=m.float64).reshape(shape)


PROGRAMS = {
    "vmap": lambda m, F, f: F.vmap(f)(ramp(m, 3), ramp(m, 3)),
    "vmap of grad": lambda m, F, f: F.vmap(F.grad(f, argnums=(0, 1)))(ramp(m, 3), ramp(m, 3)),
    "grad of vmap": lambda m, F, f: F.grad(lambda x, w: F.vmap(f)(x, w).sum(), argnums=(0, 1))(ramp(m, 3), ramp(m, 3)),
    "grad of vmap, shared": lambda m, F, f: F.grad(
        lambda x, w: F.vmap(f, in_dims=(0, None))(x, w).sum(), argnums=(0, 1)
    )(ramp(m, 3), ramp(m, 1)[0]),
    "second order": lambda m, F, f: F.vmap(F.grad(F.grad(f)))(ramp(m, 3), ramp(m, 3)),
    "jvp": lambda m, F, f: F.jvp(lambda x: f(x, ramp(m, 3)), (ramp(m, 3),), (ramp(m, 3),)),
    "jacrev": lambda m, F, f: F.jacrev(lambda x: f(x, ramp(m, 3)))(ramp(m, 3)),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_same_numbers(name):
    def numbers(m):
        out = PROGRAMS[name](m, m.func, cube(m))
        return [t.tolist() for t in out] if isinstance(out, tuple) else out.tolist()

    ours, theirs = numbers(rustorch), numbers(oracle)
    assert ours == [pytest.approx(t) for t in theirs]


def test_without_jvp():
    class Plain(rustorch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g * 2

    with pytest.raises(NotImplementedError, match="You must implement the jvp function"):
        rustorch.func.jvp(Plain.apply, (rustorch.ones(1),), (rustorch.ones(1),))

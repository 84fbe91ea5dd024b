"""``autograd.Function``: its protocol and its errors beside the oracle's."""

import pytest
from autograd_oracle import same

import rustorch


def made(m, **methods):
    """A ``Function`` with the given static methods."""
    return type("My", (m.autograd.Function,), {k: staticmethod(f) if callable(f) else f for k, f in methods.items()})


def leaf(m):
    return m.tensor([1.0, 2.0], requires_grad=True)


def applied(forward=None, backward=None, more=(), **methods):
    """The gradient through a ``Function`` of these methods, which get the library too."""

    def program(m):
        given = {k: f for k, f in methods.items()}
        if forward is not None:
            given["forward"] = lambda ctx, *a, **k: forward(m, ctx, *a, **k)
        if backward is not None:
            given["backward"] = lambda ctx, *g: backward(m, ctx, *g)
        x = leaf(m)
        out = made(m, **given).apply(x, *more)
        outs = out if isinstance(out, tuple) else (out,)
        first = next(t for t in outs if isinstance(t, m.Tensor) and t.requires_grad)
        first.sum().backward()
        return out, x.grad

    return program


def double(m, ctx, x, *rest):
    return x * 2


def keep(f):
    return lambda m, ctx, x, *rest: (f(m, ctx, x), x * 2)[1]


def dirty(m, start=lambda x: x * 1):
    def forward(ctx, x):
        ctx.mark_dirty(x)
        return x.mul_(2)

    x = leaf(m)
    y = start(x)
    out = made(m, forward=forward, backward=lambda ctx, g: g * 20).apply(y)
    out.sum().backward()
    return out is y, out.grad_fn.name(), x.grad


def not_differentiable(m):
    def forward(ctx, x):
        y = x * 2
        ctx.mark_non_differentiable(y)
        return y, x * 3

    x = leaf(m)
    seen = []
    y, z = made(m, forward=forward, backward=lambda ctx, g, h: seen.append((g.tolist(), h.tolist())) or h * 7).apply(x)
    z.sum().backward()
    return y, x.grad, seen


def materialized(flag):
    def program(m):
        seen = []

        def forward(ctx, x):
            ctx.set_materialize_grads(flag)
            return x * 2, x * 3, x.long(), None, "text"

        def backward(ctx, *grads):
            seen.append([g if g is None else g.tolist() for g in grads])
            return grads[0]

        x = leaf(m)
        made(m, forward=forward, backward=backward).apply(x)[0].sum().backward()
        return seen, x.grad

    return program


def saved_results(m):
    class Exp(m.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            y = x.exp()
            ctx.save_for_backward(y)
            return y

        @staticmethod
        def backward(ctx, g):
            return g * ctx.saved_tensors[0]

    x = leaf(m)
    (g,) = m.autograd.grad(Exp.apply(x).sum(), x, create_graph=True)
    (h,) = m.autograd.grad(g.sum(), x, create_graph=True)
    return g, h, m.autograd.grad(h.sum(), x)


def freed(saves):
    def program(m):
        def forward(ctx, x):
            if saves:
                ctx.save_for_backward(x)
            return x * 2

        x = leaf(m)
        y = made(m, forward=forward, backward=lambda ctx, g: g * 2).apply(x)
        y.backward(m.ones(2))
        y.backward(m.ones(2))
        return x.grad, y.grad_fn.saved_tensors

    return program


def context(m):
    def forward(ctx, x, n, k, *, extra=1):
        ctx.note, ctx.n = "hello", n
        ctx.save_for_backward(x)
        return x * n

    x = leaf(m)
    y = made(m, forward=forward, backward=lambda ctx, g: (g * ctx.n, None, None)).apply(x, 3, m.ones(1))
    step = y.grad_fn
    return [
        step.note, step.needs_input_grad, step.saved_tensors, step.saved_tensors[0] is x, type(step).__name__, step.name(),
        [f.name() for f, _ in step.next_functions], isinstance(step, m.autograd.function.BackwardCFunction),
    ]  # fmt: skip


def separate(m):
    class Scale(m.autograd.Function):
        @staticmethod
        def forward(x, n=3):
            return x * n, x + n

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.n = inputs[1]
            ctx.save_for_backward(inputs[0], output[0])

        @staticmethod
        def backward(ctx, g, h):
            x, y = ctx.saved_tensors
            return ctx.n * g * y + h * x, None

    x = leaf(m)
    first = m.autograd.grad(Scale.apply(x)[0].sum(), x)
    return first, m.autograd.grad(Scale.apply(x, n=4)[1].sum(), x)


def once(with_gradient):
    def program(m):
        backward = m.autograd.function.once_differentiable(lambda ctx, g: g * 2)
        f = made(m, forward=lambda ctx, x: x * 2, backward=backward)
        x, w = leaf(m), m.ones(2, requires_grad=with_gradient)
        (g,) = m.autograd.grad(f.apply(x), x, w, create_graph=True)
        first = g.requires_grad, g.tolist()
        g.sum().backward()
        return first

    return program


def jvp(rule, **kwargs):
    def program(m):
        methods = {"forward": lambda ctx, x, y, n: (x * y, x + y), "backward": lambda ctx, g, h: (g, h, None)}
        fw = m.autograd.forward_ad
        with fw.dual_level():
            x = fw.make_dual(m.ones(2), m.tensor([2.0, 3.0]))
            outs = made(m, jvp=rule, **methods).apply(x, m.ones(2), 5)
            return [fw.unpack_dual(o).tangent for o in outs]

    return program


def mapped(**methods):
    def program(m):
        f = made(
            m,
            forward=lambda x, n: x * 2,
            setup_context=lambda ctx, i, o: None,
            backward=lambda ctx, g: (g * 2, None),
            **methods,
        )
        return m.vmap(f.apply, in_dims=(0, None))(m.ones(3, 2), 5)

    return program


def mapped_gradient(m):
    """The gradient of a ``vmap`` rule goes through what the rule calls."""

    class Triple(m.autograd.Function):
        @staticmethod
        def forward(x):
            return x * 3

        @staticmethod
        def setup_context(ctx, inputs, output):
            pass

        @staticmethod
        def backward(ctx, g):
            return g * 30

        @staticmethod
        def vmap(info, in_dims, x):
            return Triple.apply(x), in_dims[0]

    x = m.ones(3, 2, requires_grad=True)
    out = m.vmap(Triple.apply, in_dims=1)(x)
    out.sum().backward()
    return out, x.grad


def alone(f):
    return lambda m: f(m.autograd.function, m)


one = lambda m, ctx, g, *rest: g
PROGRAMS = {
    "nothing": lambda m: made(m).apply(leaf(m)),
    "no backward": applied(double),
    "no backward, no gradient": lambda m: made(m, forward=lambda ctx, x: x * 2).apply(m.ones(2)),
    "one gradient too many": applied(double, lambda m, ctx, g: (g, g)),
    "a None too many": applied(double, lambda m, ctx, g: (g, None)),
    "one gradient too few": applied(double, lambda m, ctx, g: (g,), (3,)),
    "a gradient for a number": applied(double, lambda m, ctx, g: (g, g), (3,)),
    "another shape": applied(double, lambda m, ctx, g: g.new_ones(3)),
    "a larger gradient": applied(lambda m, ctx, x: x.sum(), lambda m, ctx, g: g.new_ones(5, 2)),
    "a smaller gradient": applied(lambda m, ctx, x: x.sum(), lambda m, ctx, g: g),
    "another dtype": applied(double, lambda m, ctx, g: g.double()),
    "no tensor as gradient": applied(double, lambda m, ctx, g: 3),
    "no tensor as result": lambda m: made(m, forward=lambda ctx, x: 3, backward=one).apply(leaf(m)),
    "a list as result": lambda m: made(m, forward=lambda ctx, x: [x * 2], backward=one).apply(leaf(m)),
    "mixed results": applied(lambda m, ctx, x: (3, x * 2, None), lambda m, ctx, a, g, b: g),
    "saving a number": applied(keep(lambda m, ctx, x: ctx.save_for_backward(3)), one),
    "saving a list": applied(keep(lambda m, ctx, x: ctx.save_for_backward([x])), one),
    "saving for jvp a number": applied(keep(lambda m, ctx, x: ctx.save_for_forward(3)), one),
    "saving None": applied(keep(lambda m, ctx, x: ctx.save_for_backward(None, x)), lambda m, ctx, g: g * ctx.saved_tensors[1]),
    "two gradient methods": applied(double, one, vjp=lambda ctx, g: g),
    "vjp": applied(double, vjp=lambda ctx, g: g * 7),
    "dirty": dirty, "dirty leaf": lambda m: dirty(m, lambda x: x),
    "dirty, not returned": applied(keep(lambda m, ctx, x: ctx.mark_dirty(x)), one),
    "dirty, no input": applied(keep(lambda m, ctx, x: ctx.mark_dirty(m.ones(1))), one),
    "not differentiable": not_differentiable, "materialized": materialized(True), "not materialized": materialized(False),
    "saved results": saved_results, "freed": freed(True), "nothing to free": freed(False), "context": context,
    "separate": separate, "once": once(False), "once, then again": once(True),
    "jvp": jvp(lambda ctx, a, b, n: (a + 10 * b, a)), "jvp, too few": jvp(lambda ctx, a, b, n: a),
    "jvp, no tensor": jvp(lambda ctx, a, b, n: (a, 3)),
    "vmap rule": mapped(vmap=lambda info, dims, x, n: (x * info.batch_size * n, 0)),
    "two vmap rules": mapped(vmap=lambda info, dims, x, n: (x, 0), generate_vmap_rule=True),
    "generated rule": mapped(generate_vmap_rule=True), "gradient of a rule": mapped_gradient,
    "instance": alone(lambda f, m: made(m, forward=lambda ctx, x: x)()(m.ones(1))),
    "in place": alone(lambda f, m: f.InplaceFunction(True).inplace),
    "nested": alone(lambda f, m: f.NestedIOFunction().forward_extended(1)),
    "base: jvp": alone(lambda f, m: f.Function.jvp(1, 2)), "base: vmap": alone(lambda f, m: f.Function.vmap(1, 2)),
    "base: setup": alone(lambda f, m: f.Function.setup_context(1, 2, 3)),
    "names": alone(lambda f, m: sorted(set(f.__all__))),
}  # fmt: skip


@pytest.mark.parametrize("name", PROGRAMS)
def test_same_as_the_oracle(name):
    same(PROGRAMS[name])


def test_saved_values_are_those_of_the_call():
    """The oracle refuses this program; here recorded values do not change."""

    class Square(rustorch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, g):
            return 2 * g * ctx.saved_tensors[0]

    x = rustorch.tensor([3.0], requires_grad=True)
    y = x * 1
    z = Square.apply(y)
    y.add_(100)
    z.sum().backward()
    assert x.grad.tolist() == [6.0]


def test_functions_need_no_more_under_transforms():
    """Where the oracle asks for ``setup_context`` and a rule for ``vmap``, a recorded forward is enough."""
    f = made(rustorch, forward=lambda ctx, x: x * 2, backward=lambda ctx, g: g * 20).apply
    x = rustorch.ones(2)
    assert rustorch.func.grad(lambda t: f(t).sum())(x).tolist() == [20.0, 20.0]
    assert rustorch.vmap(rustorch.func.grad(f))(x).tolist() == [20.0, 20.0]

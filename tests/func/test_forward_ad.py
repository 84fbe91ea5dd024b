"""Dual tensors: the same tangents and the same errors as the oracle's."""

import pytest
from autograd_oracle import same as both

import rustorch


def same(program):
    both(lambda m: program(m, m.autograd.forward_ad))


def pair(m):
    return m.tensor([1.0, 2.0, 3.0]), m.tensor([3.0, 1.0, -2.0])


def dual(f):
    """A program that gives the parts of ``f`` of a dual tensor."""

    def program(m, fw):
        with fw.dual_level():
            out = f(m, fw.make_dual(*pair(m)), fw)
            outs = out if isinstance(out, tuple) else (out,)
            return [tuple(fw.unpack_dual(t)) for t in outs]

    return program


def layer(m):
    linear = m.nn.Linear(3, 2)
    with m.no_grad():
        linear.weight.copy_(m.arange(6.0).reshape(2, 3))
        linear.bias.fill_(0.5)
    return linear


def mutated(m, x, fw):
    y = x * 2
    y.mul_(x)
    y[1] = x[0]
    return y, x


def written_base(m, x, fw):
    base = m.zeros(2, 3)
    base[0] = x
    base[:, 1].mul_(2)
    return base, base.t()[1]


def under_no_grad(m, x, fw):
    with m.no_grad():
        return (x * 3)[1:], x.exp()


def after_a_look(m, x, fw):
    y = x.sin()
    y.tolist()
    z = (y * x).cumsum(0)
    z.tolist()
    return z * 2, y


def function(m):
    class Cube(m.autograd.Function):
        @staticmethod
        def forward(ctx, x, w):
            ctx.save_for_forward(x, w)
            return x**3 * w, x + 1

        @staticmethod
        def backward(ctx, g, h):
            return g, g

        @staticmethod
        def jvp(ctx, dx, dw):
            x, w = ctx.saved_tensors
            return 7 * dx * x**2 * w + dw, dx

    return Cube.apply


PROGRAMS = {
    "itself": lambda m, x, fw: x,
    "chain": lambda m, x, fw: (x.sin() * x).sum(),
    "several results": lambda m, x, fw: x.sort()[0],
    "max": lambda m, x, fw: tuple(x.max(0)),
    "integers": lambda m, x, fw: x.argmax(),
    "independent": lambda m, x, fw: m.ones(3),
    "views": lambda m, x, fw: (x.view(3, 1).expand(3, 2), x[1:], x.unbind(0)[2]),
    "in place": mutated,
    "written into": written_base,
    "no_grad": under_no_grad,
    "detached": lambda m, x, fw: (x * 2).detach(),
    "data": lambda m, x, fw: (x * 2).data,
    "a look between": after_a_look,
    "layer": lambda m, x, fw: layer(m)(x).relu(),
    "function": lambda m, x, fw: function(m)(x, m.ones(3)),
    "primal carries none": lambda m, x, fw: fw.unpack_dual(x * 2).primal * 3,
    "where": lambda m, x, fw: m.where(x > 1.5, x, x * x),
    "copied": lambda m, x, fw: m.zeros(3).copy_(x),
    "cloned": lambda m, x, fw: x.clone(),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_same_tangents(name):
    same(dual(PROGRAMS[name]))


def test_switched_off():
    def program(m, fw):
        with fw.dual_level():
            x = fw.make_dual(*pair(m))
            with fw._set_fwd_grad_enabled(False):
                y = x * 2
            return [tuple(fw.unpack_dual(t)) for t in (y, x * 2)]

    same(program)


def test_writing_the_original_leaves_the_tangent():
    def program(m, fw):
        x, t = pair(m)
        with fw.dual_level():
            d = fw.make_dual(x, t)
            x.add_(1)
            first = [part.tolist() for part in fw.unpack_dual(d)]
            d.mul_(2)
            return first, tuple(fw.unpack_dual(d)), tuple(fw.unpack_dual(x))

    same(program)


def test_gradients_through_tangents():
    """Reverse over forward: the derivative of a directional derivative, by point and by direction."""

    def program(m, fw):
        x = m.tensor([1.0, 2.0, 3.0], requires_grad=True)
        t = m.tensor([3.0, 1.0, -2.0], requires_grad=True)
        with fw.dual_level():
            d = fw.make_dual(x, t)
            primal, tangent = fw.unpack_dual((d**3).sum())
            flags = d.requires_grad, d.is_leaf, primal.requires_grad, fw.unpack_dual(d).tangent is t
            first = m.autograd.grad(tangent, (x, t), retain_graph=True)
            second = m.autograd.grad(primal, x)
        return flags, first, second

    same(program)


def test_forward_over_reverse():
    def program(m, fw):
        x = m.tensor([1.0, 2.0, 3.0], requires_grad=True)
        with fw.dual_level():
            d = fw.make_dual(x, m.tensor([3.0, 1.0, -2.0]))
            loss = (d**3).sum()
            loss.detach().item()
            (g,) = m.autograd.grad(loss, d, create_graph=True)
            primal, tangent = fw.unpack_dual(g)
        return primal.detach(), tangent.detach()

    same(program)


def test_parameters_of_a_module():
    """The documented way: dual tensors in place of a module's parameters."""

    def program(m, fw):
        linear = layer(m)
        directions = {"weight": m.ones(2, 3), "bias": m.tensor([1.0, -1.0])}
        with fw.dual_level():
            duals = {k: fw.make_dual(p, directions[k]) for k, p in linear.named_parameters()}
            out = m.func.functional_call(linear, duals, (pair(m)[0],))
            primal, tangent = fw.unpack_dual(out)
            return primal.detach(), tangent.detach()

    same(program)


def test_func_transforms_inside_a_level():
    def program(m, fw):
        with fw.dual_level():
            d = fw.make_dual(*pair(m))
            g = m.func.grad(lambda x: (x**3).sum())(d)
            return [tuple(fw.unpack_dual(t)) for t in (g, m.vmap(lambda r: r * r)(d))]

    same(program)


def test_a_level_ends():
    def program(m, fw):
        with fw.dual_level():
            d = fw.make_dual(*pair(m)) * 2
        return d.tolist(), fw.unpack_dual(d).tangent

    same(program)
    assert rustorch.lowering.plan.KEPT == []


def test_as_decorator():
    def program(m, fw):
        @fw.dual_level()
        def f(x):
            return fw.unpack_dual(fw.make_dual(x, m.ones(3)) ** 2)

        return tuple(f(pair(m)[0]))

    same(program)


def level(f):
    def program(m, fw):
        with fw.dual_level():
            return f(m, fw, *pair(m))

    return program


def nested(m, fw):
    with fw.dual_level(), fw.dual_level():
        pass


def no_jvp(m, fw, x, t):
    class Plain(m.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g

    return tuple(fw.unpack_dual(Plain.apply(fw.make_dual(x, t))))


ERRORS = [
    lambda m, fw: fw.make_dual(*pair(m)),
    lambda m, fw: fw.exit_dual_level(),
    nested,
    level(lambda m, fw, x, t: fw.make_dual(x, t[:2])),
    level(lambda m, fw, x, t: fw.make_dual(x.long(), t)),
    level(lambda m, fw, x, t: fw.make_dual(x, t.long())),
    level(lambda m, fw, x, t: fw.make_dual(fw.make_dual(x, t) * 1, t)),
    level(lambda m, fw, x, t: fw.make_dual(x, t, level=5)),
    level(lambda m, fw, x, t: fw.unpack_dual(x, level=5)),
    level(lambda m, fw, x, t: fw.unpack_dual(3)),
    level(lambda m, fw, x, t: fw.exit_dual_level(level=3)),
    level(no_jvp),
]


@pytest.mark.parametrize("k", range(len(ERRORS)))
def test_errors(k):
    same(ERRORS[k])


def test_nothing_is_kept_or_started_without_need():
    fw = rustorch.autograd.forward_ad
    before = rustorch.lowering.counters()["dispatched"]
    with fw.dual_level():
        d = fw.make_dual(rustorch.ones(3), rustorch.ones(3))
        fw.unpack_dual((d * d).sum())
    assert rustorch.lowering.counters()["dispatched"] == before

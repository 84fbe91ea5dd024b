"""``autograd.grad`` and ``backward``: batched cotangents, unused inputs, freed graphs, inside ``vmap``."""

import pytest
from autograd_oracle import same

import rustorch


def pair(m):
    return m.tensor([1.0, 2.0, 3.0], requires_grad=True), m.tensor([2.0, -1.0, 0.5], requires_grad=True)


def grads(f, **kwargs):
    """The gradients of ``f(x, w)`` for the rows of an identity."""

    def program(m):
        x, w = pair(m)
        return m.autograd.grad(f(x, w), (x, w), m.eye(3), is_grads_batched=True, **kwargs)

    return program


def plainly(f):
    """``f(grad, x, w, m)``."""
    return lambda m: f(m.autograd.grad, *pair(m), m)


def hessian(m):
    x, w = pair(m)
    (g,) = m.autograd.grad((x**3 * w).sum(), x, create_graph=True)
    return m.autograd.grad(g, (x, w), m.eye(3), is_grads_batched=True)


def third(m):
    x, _ = pair(m)
    (rows,) = m.autograd.grad(x**3, x, m.eye(3), is_grads_batched=True, create_graph=True)
    return rows, m.autograd.grad(rows.sum(), x)


def hook(m):
    x, _ = pair(m)
    y, seen = x * 2, []
    y.register_hook(lambda g: seen.append(tuple(g.shape)) or g * 3)
    return m.autograd.grad(y * y, x, m.eye(3), is_grads_batched=True), seen


def function(m):
    class Square(m.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**2

        @staticmethod
        def backward(ctx, g):
            return 2 * g * ctx.saved_tensors[0]

    x, _ = pair(m)
    return m.autograd.grad(Square.apply(x), x, m.eye(3), is_grads_batched=True)


def twice(retain):
    def program(m):
        x, _ = pair(m)
        y = x**2
        m.autograd.grad(y, x, m.eye(3), is_grads_batched=True, retain_graph=retain)
        return m.autograd.grad(y, x, m.eye(3), is_grads_batched=True)

    return program


def layer(m):
    linear = m.nn.Linear(3, 2)
    with m.no_grad():
        for p in linear.parameters():
            p.copy_(m.arange(float(p.numel())).reshape(p.shape) / 10)  # tanh far from its ends
    y = linear(m.ones(4, 3)).tanh().sum(0)
    return m.autograd.grad(y, list(linear.parameters()), m.eye(2), is_grads_batched=True)


def shared_part(retain):
    def program(m):
        x, w = pair(m)
        h = x.sin()
        a, b = (h * w).sum(), (h + w).sum()
        a.backward(retain_graph=retain)
        b.backward()
        return x.grad, w.grad

    return program


def freed_below(m):
    """A sum saves nothing, but what is below it was freed."""
    x, _ = pair(m)
    y = (x * x).sum()
    m.autograd.grad(y, x)
    m.autograd.grad(y, x)


def nothing_saved(m):
    x, w = pair(m)
    y = (x + w).sum()
    return [m.autograd.grad(y, x), m.autograd.grad(y, x)]


def only_what_ran_is_freed(m):
    x, w = pair(m)
    h = x.exp()
    y = (h * 2).sum()
    m.autograd.grad(y, h)
    return m.autograd.grad(h.sum(), x)


BATCHED = {
    "two inputs": grads(lambda x, w: x**2 * w),
    "linear": grads(lambda x, w: x * 2 + w),
    "unused": grads(lambda x, w: x**2),
    "unused, allowed": grads(lambda x, w: x**2, allow_unused=True),
    "unused, zeros": grads(lambda x, w: x**2, materialize_grads=True),
    "created": grads(lambda x, w: x**2 * w, create_graph=True),
    "hessian": hessian, "third": third, "hook": hook, "function": function, "freed": twice(False),
    "retained": twice(True), "layer": layer,
    "two outputs": plainly(lambda g, x, w, m: g((x**2, w * 3), (x, w), (m.eye(3), m.ones(3, 3)), is_grads_batched=True)),
}  # fmt: skip


@pytest.mark.parametrize("name", BATCHED)
def test_batched_cotangents(name):
    same(BATCHED[name])


def test_one_backward_pass_for_all_rows():
    calls = []
    x = rustorch.ones(50, requires_grad=True)
    y = x.sin()
    y.register_hook(lambda g: calls.append(tuple(g.shape)))
    before = rustorch.lowering.counters()
    (rows,) = rustorch.autograd.grad(y * y, x, rustorch.eye(50), is_grads_batched=True)
    rows.tolist()
    after = rustorch.lowering.counters()
    assert calls == [(50,)]
    assert after["dispatched"] - before["dispatched"] == 1 and after["recorded"] - before["recorded"] < 30


def test_a_row_of_another_shape():
    x = rustorch.ones(3, requires_grad=True)
    with pytest.raises(RuntimeError, match="If `is_grads_batched=True`, we interpret the first dimension"):
        rustorch.autograd.grad(x * 2, x, rustorch.ones(2, 4), is_grads_batched=True)


SEMANTICS = {
    "unused": plainly(lambda g, x, w, m: g(x.sum(), (x, w))),
    "unused, allowed": plainly(lambda g, x, w, m: g(x.sum(), (x, w), allow_unused=True)),
    "unused, zeros": plainly(lambda g, x, w, m: g(x.sum(), (x, w), materialize_grads=True)),
    "zeros, but not unused": plainly(lambda g, x, w, m: g(x.sum(), w, materialize_grads=True, allow_unused=False)),
    "only_inputs": plainly(lambda g, x, w, m: (g(x.sum(), x, only_inputs=True), w.grad)),
    "no gradient": plainly(lambda g, x, w, m: g(x.sum(), m.ones(1))),
    "no inputs": plainly(lambda g, x, w, m: g(x.sum(), ())),
    "no inputs, backward": plainly(lambda g, x, w, m: x.sum().backward(inputs=[])),
    "not scalar": plainly(lambda g, x, w, m: g(x * 2, x)),
    "another shape": plainly(lambda g, x, w, m: g(x * 2, x, m.ones(2))),
    "too few cotangents": plainly(lambda g, x, w, m: g((x * 2, w * 3), x, (m.ones(3),))),
    "both spellings": plainly(lambda g, x, w, m: m.autograd.backward(x.sum(), m.ones(()), grad_variables=m.ones(()))),
    "the old spelling": plainly(lambda g, x, w, m: (m.autograd.backward(x.sum(), grad_variables=m.tensor(2.0)), x.grad)),
    "a complex output": plainly(lambda g, x, w, m: (x * 1j).sum().backward()),
    "a complex cotangent": plainly(lambda g, x, w, m: g(x.sum(), x, m.tensor(1j))),
    "a double cotangent": plainly(lambda g, x, w, m: g(x.sum(), x, m.tensor(2.0, dtype=m.float64))),
    "an integer cotangent": plainly(lambda g, x, w, m: g(x.sum(), x, m.tensor(2))),
    "an integer result": plainly(lambda g, x, w, m: (x.long() * 2).sum().backward()),
    "an index": plainly(lambda g, x, w, m: x.argmax().backward()),
    "a differentiable cotangent": plainly(lambda g, x, w, m: g(x * 2, x, w, create_graph=True)),
    "an input twice": plainly(lambda g, x, w, m: g((x * w).sum(), (x, x))),
    "an output as input": plainly(lambda g, x, w, m: g(y := x * w, y, m.ones(3))),
    "a leaf as output": plainly(lambda g, x, w, m: g(x, x, m.ones(3))),
    "into an intermediate": plainly(lambda g, x, w, m: ((y := x * w).sum().backward(inputs=[y]), y.grad, x.grad)),
    "retained": shared_part(True), "freed": shared_part(False), "freed below": freed_below,
    "nothing saved": nothing_saved, "only what ran is freed": only_what_ran_is_freed,
}  # fmt: skip


@pytest.mark.parametrize("name", SEMANTICS)
def test_semantics(name):
    same(SEMANTICS[name])


def test_grad_inside_vmap():
    """The oracle refuses ``autograd.grad`` there; the transform of the same function gives its numbers."""
    w = rustorch.tensor([2.0, -1.0, 0.5], requires_grad=True)
    rows = rustorch.arange(6.0).reshape(2, 3)

    def own(r):
        r = r.detach().requires_grad_()
        return rustorch.autograd.grad((r**2 * w).sum(), r)[0]

    def of_outside(r):
        return rustorch.autograd.grad((r * w**2).sum(), w)[0]

    assert rustorch.vmap(own)(rows).tolist() == (2 * rows * w).tolist()
    assert rustorch.vmap(of_outside)(rows).tolist() == (2 * rows * w).tolist()


def test_backward_inside_vmap():
    """Leaves of the function's own get their gradients; a leaf from outside cannot have one per row."""
    rows = rustorch.arange(6.0).reshape(2, 3)

    def own(r):
        r = r.detach().requires_grad_()
        (r**2).sum().backward()
        return r.grad

    assert rustorch.vmap(own)(rows).tolist() == (2 * rows).tolist()

    def outside(m):
        w = m.ones(3, requires_grad=True)
        m.vmap(lambda r: (r * w).sum().backward())(m.ones(2, 3))

    same(outside)

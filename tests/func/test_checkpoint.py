"""Checkpoints give the same gradients, draws and errors, and really need less memory."""

import gc
import weakref

import pytest
from autograd_oracle import same as both

import rustorch
from rustorch.eager.views import node_of
from rustorch.lowering.compile import lowered


def same(program):
    both(lambda m: program(m, m.utils.checkpoint), warned=True)


def weights(m):
    x = m.tensor([0.5, -1.0, 2.0], requires_grad=True)
    return x, m.tensor([1.0, 3.0, -2.0], requires_grad=True)


def body(w):
    return lambda a: ((a * w).sin() * a.exp()).cumsum(0)


def backward(reentrant):
    def program(m, c):
        x, w = weights(m)
        y = c.checkpoint(body(w), x, use_reentrant=reentrant)
        (y * y).sum().backward()
        return x.grad, w.grad, y

    return program


def several(reentrant):
    def program(m, c):
        x, w = weights(m)
        a, b, n = c.checkpoint(
            lambda a, b, k, extra: (a * b + k, a.sin(), extra), x, w, 2.0, None, use_reentrant=reentrant
        )
        (a * b).sum().backward()
        return x.grad, w.grad, n

    return program


def nested(reentrant):
    def program(m, c):
        x, w = weights(m)

        def outer(a):
            h = c.checkpoint(body(w), a.tanh(), use_reentrant=reentrant)
            return c.checkpoint(body(w), h, use_reentrant=reentrant) * a

        c.checkpoint(outer, x, use_reentrant=reentrant).sum().backward()
        return x.grad, w.grad

    return program


def twice(m, c):
    x, w = weights(m)
    y = c.checkpoint(body(w), x, use_reentrant=False).sum()
    (first,) = m.autograd.grad(y, x, create_graph=True)
    return first, m.autograd.grad(first.sum(), (x, w))


def retained(m, c):
    x, w = weights(m)
    y = c.checkpoint(body(w), x, use_reentrant=False).sum()
    y.backward(retain_graph=True)
    y.backward()
    return x.grad, w.grad


def freed(m, c):
    x, w = weights(m)
    y = c.checkpoint(body(w), x, use_reentrant=False).sum()
    y.backward()
    y.backward()


def function_inside(m, c):
    class Square(m.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            ctx.save_for_backward(a)
            return a * a

        @staticmethod
        def backward(ctx, g):
            return 2 * ctx.saved_tensors[0] * g

    x, w = weights(m)
    y = c.checkpoint(lambda a: Square.apply((a * w).sin()), x, use_reentrant=False).sum()
    (g,) = m.autograd.grad(y, x, create_graph=True)
    return g, m.autograd.grad(g.sum(), w)


def in_place(m, c):
    x, w = weights(m)

    def f(a):
        h = a * w
        h.mul_(a)
        h[0] = a[1]
        return h.sin()

    c.checkpoint(f, x, use_reentrant=False).sum().backward()
    return x.grad, w.grad


def looked(m, c):
    x, w = weights(m)
    y = c.checkpoint(body(w), c.checkpoint(body(w), x, use_reentrant=False), use_reentrant=False)
    value = y.sum().item()
    y.sum().backward()
    return value, x.grad, w.grad


def sequential(m, c):
    x, w = weights(m)
    y = c.checkpoint_sequential([m.sin, m.cos, body(w), m.tanh, m.exp], 2, x, use_reentrant=False)
    y.sum().backward()
    return y, x.grad, w.grad


def contexts(m, c):
    log = []

    class Note:
        def __init__(self, name):
            self.name = name

        def __enter__(self):
            log.append(self.name)

        def __exit__(self, *exc):
            pass

    x, w = weights(m)
    y = c.checkpoint(body(w), x, use_reentrant=False, context_fn=lambda: (Note("call"), Note("again")))
    before = list(log)
    y.sum().backward()
    return before, log


def names(m, c):
    x, w = weights(m)
    f = lambda a: (a * w).sin()
    return [
        c.checkpoint(f, x, use_reentrant=False).grad_fn.name(),
        c.checkpoint(f, x, use_reentrant=True).grad_fn.name(),
        c.checkpoint(f, x.detach(), use_reentrant=True).requires_grad,
    ]


PROGRAMS = {
    "backward": backward(False), "backward, reentrant": backward(True), "several": several(False),
    "several, reentrant": several(True), "nested": nested(False), "nested, reentrant": nested(True), "twice": twice,
    "retained": retained, "freed": freed, "function inside": function_inside, "in place": in_place, "looked": looked,
    "sequential": sequential, "contexts": contexts, "names": names,
    "not said which": lambda m, c: c.checkpoint(m.sin, weights(m)[0]),
    "keywords": lambda m, c: c.checkpoint(lambda a, b=1: a * b, weights(m)[0], b=3, use_reentrant=False),
    "keywords, reentrant": lambda m, c: c.checkpoint(m.sin, weights(m)[0], b=3, use_reentrant=True),
    "context, reentrant": lambda m, c: c.checkpoint(m.sin, weights(m)[0], use_reentrant=True, debug=True),
    "grad, reentrant": lambda m, c: m.autograd.grad(c.checkpoint(m.sum, (x := weights(m)[0]), use_reentrant=True), x),
    "no gradient": lambda m, c: c.checkpoint(lambda a: a.detach(), weights(m)[0], use_reentrant=True).sum().backward(),
    "sequential, unknown": lambda m, c: c.checkpoint_sequential([m.sin], 1, weights(m)[0], use_reentrant=False, foo=1),
    "detach_variable": lambda m, c: [t.requires_grad for t in c.detach_variable(weights(m))],
    "check": lambda m, c: c.check_backward_validity([m.ones(1)]),
    "bad policy": lambda m, c: c.create_selective_checkpoint_contexts(3),
}  # fmt: skip


@pytest.mark.parametrize("name", PROGRAMS)
def test_same_as_the_oracle(name):
    same(PROGRAMS[name])


@pytest.mark.parametrize("reentrant", [False, True])
def test_the_same_draws(reentrant):
    grads = []
    for checkpointed in (False, True):
        rustorch.manual_seed(3)
        x = rustorch.ones(200, requires_grad=True)
        f = lambda a: rustorch.nn.functional.dropout(a * a, 0.5)
        y = rustorch.utils.checkpoint.checkpoint(f, x, use_reentrant=reentrant) if checkpointed else f(x)
        y.sum().backward()
        grads.append((x.grad.tolist(), rustorch.rand(3).tolist()))
    assert grads[0] == grads[1] and 0.0 in grads[0][0]


def test_under_transforms():
    w = rustorch.tensor([1.0, 3.0, -2.0])
    inner = lambda a: (body(w)(a) ** 2).sum()
    outer = lambda a: rustorch.utils.checkpoint.checkpoint(inner, a, use_reentrant=False)
    x = rustorch.tensor([0.5, -1.0, 0.2])
    for transform in (rustorch.func.grad, lambda f: rustorch.func.jacfwd(rustorch.func.grad(f))):
        assert rustorch.allclose(transform(outer)(x), transform(inner)(x), rtol=1e-4)
    rows = rustorch.stack([x, 2 * x])
    per_row = [rustorch.vmap(rustorch.func.grad(f))(rows) for f in (outer, inner)]
    assert rustorch.allclose(*per_row, rtol=1e-4)


def temporaries(form, policy=None, blocks=4, depth=3, width=64, rows=1024):
    """Bytes of XLA's temporary memory for the gradients of a deep network."""
    rustorch.manual_seed(0)
    x = rustorch.randn(rows, width, requires_grad=True)
    ws = [rustorch.randn(width, width, requires_grad=True) for _ in range(blocks)]

    def block(w):
        def f(h):
            for _ in range(depth):
                h = ((h @ w) * 0.1).tanh()
            return h

        return f

    x.tolist(), [w.tolist() for w in ws]
    h, run = x, rustorch.utils.checkpoint.checkpoint
    extra = {"context_fn": policy} if policy else {}
    for w in ws:
        f = block(w)
        if form == "nested":
            h = run(lambda a, f=f: run(f, a, use_reentrant=False), h, use_reentrant=False)
        else:
            h = f(h) if form is None else run(f, h, use_reentrant=form, **extra)
    loss = (h**2).mean()
    if form is True:
        loss.backward()
        grads = [w.grad for w in ws]
    else:
        grads = rustorch.autograd.grad(loss, ws)
    total = sum((g**2).sum() for g in grads)
    memory = lowered(node_of(total)).compile().memory_analysis().temp_size_in_bytes
    return memory, total.item()


def test_memory_is_really_saved():
    whole, value = temporaries(None)
    activation = 1024 * 64 * 4
    assert whole > 11 * activation
    for form in (False, True, "nested"):
        saved, other = temporaries(form)
        assert other == pytest.approx(value, rel=1e-5)
        assert saved < 0.75 * whole
    keep = lambda: rustorch.utils.checkpoint.create_selective_checkpoint_contexts([rustorch.tanh])
    saved, _ = temporaries(False)
    kept, other = temporaries(False, keep)
    assert other == pytest.approx(value, rel=1e-5) and kept > saved


def test_between_programs_only_the_inputs_are_stored():
    """A look at the loss ends a program; of a checkpoint it leaves the inputs, not what is dear to recompute."""
    w = rustorch.randn(4, 4, requires_grad=True)
    x = rustorch.randn(4, 4)
    run = lambda h: rustorch.utils.checkpoint.checkpoint(lambda a: (a @ w).tanh() @ w, h, use_reentrant=False)
    first = run(x)
    second = run(first)
    node = node_of(first)
    del first
    loss = second.sum()
    loss.item()
    assert node.value is not None
    stack, values = [node_of(second)], 0
    while stack:
        n = stack.pop()
        if n is not node:
            values += n.value is not None and n.sig.op.name == "matmul" and n.seq > node.seq
            stack.extend(n.inputs)
    assert values <= 1  # the result itself
    loss.backward()
    expected = rustorch.func.grad(lambda v: ((((x @ v).tanh() @ v) @ v).tanh() @ v).sum())(w.detach())
    assert rustorch.allclose(w.grad, expected, rtol=1e-4, atol=1e-4)


def test_a_policy_is_asked_about_operations():
    c = rustorch.utils.checkpoint
    asked = []

    def policy(ctx, op, *args):
        asked.append((op, ctx.is_recompute))
        return c.CheckpointPolicy.MUST_SAVE if op is rustorch.sin else c.CheckpointPolicy.PREFER_RECOMPUTE

    x = rustorch.ones(3, requires_grad=True)
    f = lambda a: (a * a).sin().exp()
    y = c.checkpoint(f, x, use_reentrant=False, context_fn=lambda: c.create_selective_checkpoint_contexts(policy))
    assert [op for op, _ in asked] == [rustorch.mul, rustorch.sin, rustorch.exp] and not any(
        again for _, again in asked
    )
    (g,) = rustorch.autograd.grad(y.sum(), x)
    assert rustorch.allclose(g, rustorch.func.grad(lambda a: f(a).sum())(x.detach()))


def test_a_finished_backward_pass_leaves_nothing_behind():
    """Not even until the garbage collector runs: references keep buffers from being reused."""
    gc.disable()
    try:
        x, w = weights(rustorch)
        y = rustorch.utils.checkpoint.checkpoint(body(w), x, use_reentrant=False)
        seen = weakref.ref(node_of(y).inputs[0])
        y.sum().backward()
        x.grad.tolist(), w.grad.tolist()
        del y
        assert seen() is None
    finally:
        gc.enable()

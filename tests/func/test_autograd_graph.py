"""Saved-tensor hooks, gradient edges, and hooks on tensors and steps, in the oracle's order and with its errors."""

import pytest
from autograd_oracle import same

import rustorch


def pair(m):
    return m.tensor([1.0, 2.0], requires_grad=True), m.tensor([3.0, -1.0], requires_grad=True)


def counted(f):
    """How many tensors ``f`` packs and unpacks, their shapes, and its gradients."""

    def program(m):
        a, b = pair(m)
        log = []

        def pack(t):
            log.append(tuple(t.shape))
            return t

        def unpack(t):
            log.append("unpack")
            return t

        with m.autograd.graph.saved_tensors_hooks(pack, unpack):
            y = f(a, b, m)
        saved = sorted(log)
        log.clear()
        y.sum().backward()
        return saved, log, a.grad, b.grad

    return program


SAVES = {
    "mul": lambda a, b, m: a * b, "by a number": lambda a, b, m: a * 2, "add": lambda a, b, m: a + b,
    "exp": lambda a, b, m: a.exp(), "sin": lambda a, b, m: a.sin(), "relu": lambda a, b, m: a.relu(),
    "square": lambda a, b, m: a**2, "with itself": lambda a, b, m: a * a, "sum": lambda a, b, m: a.sum(),
    "sigmoid": lambda a, b, m: a.sigmoid(), "div": lambda a, b, m: a / b, "one side": lambda a, b, m: a * b.detach(),
    "matmul": lambda a, b, m: a[None] @ b[:, None], "chain": lambda a, b, m: (a * b).sin() * a,
    "views": lambda a, b, m: a.view(2, 1).t() + b, "in place": lambda a, b, m: (a * b).mul_(a),
}  # fmt: skip


@pytest.mark.parametrize("name", SAVES)
def test_what_is_saved(name):
    same(counted(SAVES[name]))


def hooked(pack, unpack, f=lambda m, x: x * x):
    def program(m):
        x, _ = pair(m)
        with m.autograd.graph.saved_tensors_hooks(lambda t: pack(m, t), lambda p: unpack(m, p)):
            y = f(m, x)
        (g,) = m.autograd.grad(y.sum(), x, create_graph=True)
        return g, m.autograd.grad(g.sum(), x, allow_unused=True)

    return program


def function(m):
    class Cube(m.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x, None)
            return x**3

        @staticmethod
        def backward(ctx, g):
            x, nothing = ctx.saved_tensors
            assert nothing is None
            return 3 * x * x * g

    return Cube.apply


def nested(m):
    log = []
    note = lambda name: lambda t: log.append(name) or t
    x, _ = pair(m)
    hooks = m.autograd.graph.saved_tensors_hooks
    with hooks(note("outer"), note("outer back")):
        with hooks(note("inner"), note("inner back")):
            y = x.sin()
        z = y.sin()
    z.sum().backward()
    return log


def disabled(m):
    x, _ = pair(m)
    with m.autograd.graph.disable_saved_tensors_hooks("not here"):
        x.sin()
        with m.autograd.graph.saved_tensors_hooks(lambda t: t, lambda t: t):
            pass


def disabled_inside(m):
    with m.autograd.graph.saved_tensors_hooks(lambda t: t, lambda t: t):
        with m.autograd.graph.disable_saved_tensors_hooks("not here"):
            pass


def on_cpu(m):
    x, w = pair(m)
    with m.autograd.graph.save_on_cpu():
        y = (x * w).sin() * x
    y.sum().backward()
    return x.grad, w.grad


def retained(m):
    x, _ = pair(m)
    log = []
    with m.autograd.graph.saved_tensors_hooks(lambda t: t, lambda t: log.append(1) or t):
        y = x.sin().sum()
    y.backward(retain_graph=True)
    y.backward()
    return log, x.grad


def mutated(m):
    with m.autograd.graph.allow_mutation_on_saved_tensors():
        x, w = pair(m)
        y = x.clone()
        z = y**2 * w
        y.sin_()
        z.sum().backward()
    return x.grad, w.grad


def mutated_twice(m):
    allow = m.autograd.graph.allow_mutation_on_saved_tensors
    with allow(), allow():
        pass


def versions(m):
    x = m.ones(2)
    m.autograd.graph.increment_version(x)
    m.autograd.graph.increment_version([x, m.ones(1)])
    return x._version


SAVED = {
    "other values": hooked(lambda m, t: 1, lambda m, p: m.full((2,), 10.0)),
    "doubled": hooked(lambda m, t: t.tolist(), lambda m, p: 2 * m.tensor(p), lambda m, x: x.sin()),
    "function": hooked(lambda m, t: t.tolist(), lambda m, p: m.tensor(p), lambda m, x: function(m)(x)),
    "no tensor": hooked(lambda m, t: t, lambda m, p: 3),
    "writes": hooked(lambda m, t: t.add_(1), lambda m, p: p),
    "nested": nested, "disabled": disabled, "disabled inside": disabled_inside, "on cpu": on_cpu,
    "retained": retained, "mutated": mutated, "mutated twice": mutated_twice, "versions": versions,
}  # fmt: skip


@pytest.mark.parametrize("name", SAVED)
def test_saved_tensor_hooks(name):
    same(SAVED[name])


def test_without_hooks_the_short_way_is_taken():
    assert not rustorch.eager.state.local.careful
    with rustorch.autograd.graph.save_on_cpu():
        assert rustorch.eager.state.local.careful
    assert not rustorch.eager.state.local.careful


def edges(m):
    x, w = pair(m)
    y = x * w
    edge = m.autograd.graph.get_gradient_edge(y)
    z = (y * 3).sum()
    leaf = m.autograd.graph.get_gradient_edge(x)
    first = m.autograd.grad(z, (edge, leaf), retain_graph=True)
    second = m.autograd.grad(edge, w, m.ones(2), retain_graph=True)
    z.backward(inputs=[leaf])
    return first, second, x.grad, w.grad, edge.output_nr, edge.node.name(), leaf.node.variable is x


def multi(mode):
    def program(m):
        leaves, out = [m.ones(2, requires_grad=True) for _ in range(3)], []
        handle = m.autograd.graph.register_multi_grad_hook(leaves, lambda g: out.append(g), mode=mode)
        (leaves[0] * 2 + leaves[1] * 3).sum().backward()
        (leaves[2] * 2).sum().backward()
        (leaves[0] * leaves[2]).sum().backward(inputs=leaves[:1])
        handle.remove()
        (leaves[2] * 2).sum().backward()
        return out

    return program


EDGES = {
    "edges": edges, "all": multi("all"), "any": multi("any"), "other": multi("other"),
    "without gradient": lambda m: m.autograd.graph.get_gradient_edge(m.ones(1)),
    "not scalar": lambda m: m.autograd.grad(m.autograd.graph.get_gradient_edge(pair(m)[0] * 2), m.ones(1, requires_grad=True)),
    "node": lambda m: [isinstance(f, m.autograd.graph.Node) for f in ((pair(m)[0] * 2).grad_fn, function(m)(pair(m)[0]).grad_fn, 3)],
}  # fmt: skip


@pytest.mark.parametrize("name", EDGES)
def test_edges(name):
    same(EDGES[name])


def order(m):
    log = []
    note = lambda *what: log.append(what)
    a, b = pair(m)
    y = a * b
    y.register_hook(lambda g: note("tensor", g.tolist()))
    y.retain_grad()
    y.register_hook(lambda g: note("tensor again", g.tolist()) or g * 2)
    y.grad_fn.register_prehook(lambda gs: note("before", [g.tolist() for g in gs]))
    y.grad_fn.register_hook(
        lambda gi, go: note("after", [g.tolist() for g in gi], [g.tolist() for g in go]) or (gi[0] * 10, gi[1])
    )
    y.grad_fn.register_hook(lambda gi, go: note("after again", [g.tolist() for g in gi]))
    a.register_hook(lambda g: note("leaf", g.tolist()))
    a.register_post_accumulate_grad_hook(lambda p: note("accumulated", p.grad.tolist()))
    accumulate = y.grad_fn.next_functions[0][0]
    accumulate.register_prehook(lambda gs: note("before the leaf", [g.tolist() for g in gs]))
    accumulate.register_hook(lambda gi, go: note("after the leaf", gi, [g.tolist() for g in go]))
    y.sum().backward()
    return log, y.grad, a.grad, b.grad


def step_hook(kind, hook):
    def program(m):
        a, b = pair(m)
        y = a * b
        handle = getattr(y.grad_fn, kind)(hook)
        y.sum().backward(retain_graph=True)
        grads = a.grad, b.grad
        handle.remove()
        y.sum().backward()
        return grads, a.grad

    return program


def tensor_hook(hook):
    def program(m):
        a, _ = pair(m)
        y = a * 2
        y.register_hook(hook)
        y.sum().backward()
        return a.grad

    return program


def several_results(m):
    log = []
    a = m.tensor([[1.0, 3.0, 2.0], [4.0, 0.0, 5.0]], requires_grad=True)
    values, _ = a.sort(1)
    values.grad_fn.register_hook(lambda gi, go: log.append([g.tolist() for g in (*gi, *go)]))
    (values * a).sum().backward()
    return log, a.grad


def capture(m):
    a, _ = pair(m)
    log = []
    y = a.sin()
    y.register_hook(lambda g: log.append("tensor"))
    y.grad_fn.register_prehook(lambda g: log.append("before"))
    y.grad_fn.register_hook(lambda g, h: log.append("after"))
    m.autograd.grad((y * 3).sum(), y, retain_graph=True)
    first = list(log)
    m.autograd.grad((y * 3).sum(), a)
    return first, log


def graph_of(m):
    a, b = pair(m)
    y = (a * b).sin()
    step = y.grad_fn
    return [
        step.name(), type(step).__name__, [(f.name(), n) for f, n in step.next_functions], a.grad_fn,
        [f.name() for f, _ in step.next_functions[0][0].next_functions], step.metadata,
        m.where(a > 0, a, b).grad_fn.next_functions[1][0].name(), len(m.cat([a, b, a]).grad_fn.next_functions),
        step == y.grad_fn,
    ]  # fmt: skip


HOOKS = {
    "order": order,
    "one too few": step_hook("register_hook", lambda gi, go: (gi[0],)),
    "a tensor": step_hook("register_hook", lambda gi, go: gi[0]),
    "numbers": step_hook("register_hook", lambda gi, go: (3, 3)),
    "none": step_hook("register_hook", lambda gi, go: (None, gi[1])),
    "another size": step_hook("register_hook", lambda gi, go: (gi[0].sum(), gi[1])),
    "scaled": step_hook("register_hook", lambda gi, go: (gi[0] * 5, gi[1])),
    "before: one too many": step_hook("register_prehook", lambda go: (go[0], go[0])),
    "before: a tensor": step_hook("register_prehook", lambda go: go[0]),
    "before: a number": step_hook("register_prehook", lambda go: (3,)),
    "before: scaled": step_hook("register_prehook", lambda go: (go[0] * 5,)),
    "tensor: another size": tensor_hook(lambda g: g[0]),
    "tensor: a number": tensor_hook(lambda g: 3),
    "tensor: another type": tensor_hook(lambda g: g.double()),
    "several results": several_results, "capture": capture, "graph": graph_of,
}  # fmt: skip


@pytest.mark.parametrize("name", HOOKS)
def test_hooks(name):
    same(HOOKS[name])

"""Grad modes as contexts, decorators and on generators; inference tensors; module hooks in the oracle's order."""

import gc

import pytest
from autograd_oracle import same

import rustorch


def made(m):
    with m.inference_mode():
        return m.tensor([1.0, 2.0])


def leaf(m):
    return m.tensor([3.0, 4.0], requires_grad=True)


def inside(f):
    def program(m):
        with m.inference_mode():
            return f(m, leaf(m) if False else m.tensor([1.0, 2.0]))

    return program


def flags(m):
    n, i = m.ones(2), made(m)
    with m.inference_mode():
        inner = (
            (n * 2).is_inference(),
            n.view(-1).is_inference(),
            n.add_(1).is_inference(),
            m.is_inference_mode_enabled(),
        )
        with m.inference_mode(False):
            off = (
                m.is_inference_mode_enabled(),
                m.is_grad_enabled(),
                m.ones(1).is_inference(),
                (leaf(m) * 2).requires_grad,
            )
        with m.enable_grad():
            on = (leaf(m) * 2).requires_grad
    outer = (i * 2).is_inference(), i[0].is_inference(), i.clone().is_inference(), i.view(-1).is_inference()
    return inner, off, on, outer, i.detach().is_inference(), m.is_inference(i), m.is_inference_mode_enabled(), i.is_leaf


def written_inside(m):
    x, i = leaf(m), made(m)
    with m.inference_mode():
        x.add_(1)
        i.mul_(5)
    return x, i, x.is_inference()


def generator(m):
    x = leaf(m)

    @m.no_grad()
    def numbers(n):
        for k in range(n):
            sent = yield (x * k).requires_grad
            if sent:
                yield "sent"
        return "end"

    def outer():
        result = yield from numbers(3)
        yield result

    gen = outer()
    out = [next(gen), m.is_grad_enabled(), (x * 2).requires_grad, gen.send(True)]
    return out + list(gen)


def thrown(m):
    @m.no_grad()
    def f():
        try:
            yield m.is_grad_enabled()
        except KeyError:
            yield "caught", m.is_grad_enabled()

    gen = f()
    return next(gen), gen.throw(KeyError("x")), m.is_grad_enabled()


def decorated(m):
    x = leaf(m)
    out = []
    for mode in (m.no_grad(), m.enable_grad(), m.inference_mode(), m.set_grad_enabled(False)):
        f = mode(lambda: (x * 2).requires_grad)
        out.append((f(), m.is_grad_enabled()))
    bare = m.no_grad(lambda: (x * 2).requires_grad)
    return out, bare(), m.is_grad_enabled()


def nested(m):
    x = leaf(m)
    out = []
    with m.no_grad():
        with m.enable_grad():
            out.append((x * 2).requires_grad)
            with m.set_grad_enabled(False):
                out.append((x * 2).requires_grad)
            out.append((x * 2).requires_grad)
        out.append((x * 2).requires_grad)
    try:
        with m.no_grad():
            raise KeyError
    except KeyError:
        out.append(m.is_grad_enabled())
    return out


def threads(m):
    with m.autograd.set_multithreading_enabled(False):
        x = leaf(m)
        (x * 2).sum().backward()
    return x.grad


PROGRAMS = {
    "flags": flags, "written inside": written_inside, "generator": generator, "thrown": thrown, "decorated": decorated,
    "nested": nested, "threads": threads,
    "saved": lambda m: made(m) * leaf(m),
    "saved by a layer": lambda m: m.nn.functional.linear(leaf(m)[None], made(m)[None]),
    "saved by a matmul": lambda m: leaf(m)[None] @ made(m)[:, None],
    "not saved": lambda m: (made(m) + leaf(m), m.cat([made(m), leaf(m)]), m.where(made(m) > 1, made(m), leaf(m))),
    "cloned": lambda m: made(m).clone() * leaf(m),
    "requires grad": lambda m: made(m).requires_grad_(),
    "a parameter": lambda m: m.nn.Parameter(made(m)),
    "written": lambda m: made(m).mul_(2),
    "written by index": lambda m: made(m).__setitem__(0, 5.0),
    "version": lambda m: made(m)._version,
    "copied from": lambda m: m.zeros(2).copy_(made(m)),
    "a hook": lambda m: made(m).register_hook(print),
    "a number": lambda m: m.set_grad_enabled(3),
}  # fmt: skip


@pytest.mark.parametrize("name", PROGRAMS)
def test_same_as_the_oracle(name):
    same(PROGRAMS[name])


def test_recording_is_short_again_when_inference_tensors_are_gone():
    state = rustorch.eager.state.local
    kept = made(rustorch)
    assert state.careful
    del kept
    gc.collect()  # what earlier errors still hold
    leaf(rustorch) * 2 + leaf(rustorch)
    assert not state.careful


def module_hooks(m):
    log = []
    note = lambda *what: log.append(what)
    plain = lambda gs: [None if g is None else g.tolist() for g in gs]
    linear = m.nn.Linear(2, 2)
    with m.no_grad():
        linear.weight.copy_(m.arange(4.0).reshape(2, 2))
        linear.bias.zero_()
    linear.register_full_backward_pre_hook(lambda mod, go: note("pre", plain(go)) or (go[0] * 2,))
    linear.register_full_backward_hook(lambda mod, gi, go: note("full", plain(gi), plain(go)) or (gi[0] * 10,))
    linear.register_full_backward_hook(lambda mod, gi, go: note("full again", plain(gi)))
    linear.weight.register_hook(lambda g: note("weight", g.tolist()))
    linear.weight.register_post_accumulate_grad_hook(lambda p: note("accumulated", p.grad.tolist()))
    x = m.tensor([[1.0, 2.0]], requires_grad=True)
    y = x * 1
    y.register_hook(lambda g: note("input", g.tolist()))
    out = linear(y)
    out.register_hook(lambda g: note("output", g.tolist()))
    out.sum().backward()
    return sorted(log, key=str), [k for k, *_ in log if k in ("output", "pre", "full", "full again", "input")], x.grad


def test_module_hooks():
    same(module_hooks)

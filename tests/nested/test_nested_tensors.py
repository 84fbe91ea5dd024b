"""Nested tensors beside PyTorch's: construction, facts, operations on both layouts, gradients, messages."""

import numpy as np
import pytest
import torch

import rustorch

rng = np.random.default_rng(0)
A, B, C = (rng.normal(size=s).astype(np.float32) for s in ((2, 3), (4, 3), (1, 3)))
W, V = rng.normal(size=(5, 3)).astype(np.float32), rng.normal(size=(3,)).astype(np.float32)
LAYOUTS = ["strided", "jagged"]


def nested(T, layout, arrays=(A, B, C), **kwargs):
    return T.nested.nested_tensor([T.tensor(a) for a in arrays], layout=getattr(T, layout), **kwargs)


def pieces(x):
    return [np.asarray(p.detach().numpy()) for p in x.unbind()] if x.is_nested else [np.asarray(x.detach().numpy())]


def same(ours, theirs):
    if isinstance(theirs, tuple):
        assert len(ours) == len(theirs)
        return [same(a, b) for a, b in zip(ours, theirs)]
    if not isinstance(theirs, torch.Tensor):
        assert str(ours).replace("rustorch", "torch") == str(theirs)
        return None
    assert ours.is_nested == theirs.is_nested and str(ours.dtype).split(".")[1] == str(theirs.dtype).split(".")[1]
    if ours.is_nested:
        assert str(ours.layout) == str(theirs.layout)
    a, b = pieces(ours), pieces(theirs)
    assert len(a) == len(b)
    for x, y in zip(a, b):
        assert x.shape == y.shape
        np.testing.assert_allclose(x, y, rtol=2e-5, atol=1e-6)
    return None


OPERATIONS = {
    "number": lambda T, x: (2 * x + 1) / 3 - x,
    "nested": lambda T, x: x * x - x.sin(),
    "zero-dim": lambda T, x: x + T.tensor(2.0),
    "unary": lambda T, x: T.cos(x).abs().neg(),
    "activations": lambda T, x: T.nn.functional.gelu(T.nn.functional.silu(x.relu() + x.tanh())),
    "linear": lambda T, x: T.nn.functional.linear(x, T.tensor(W), T.ones(5)),
    "module": lambda T, x: filled(T, T.nn.Linear(3, 4))(x),
    "softmax": lambda T, x: x.softmax(-1),
    "ragged softmax": lambda T, x: T.softmax(x, 1),
    "layer_norm": lambda T, x: T.nn.functional.layer_norm(x, (3,), T.tensor(V), T.tensor(V)),
    "norm module": lambda T, x: T.nn.LayerNorm(3)(x),
    "bmm": lambda T, x: T.bmm(x, T.ones(3, 3, 2)),
    "transpose": lambda T, x: x.transpose(1, 2).transpose(1, 2),
    "unsqueeze": lambda T, x: x.unsqueeze(-1),
    "chunk": lambda T, x: x.chunk(3, -1),
    "sum": lambda T, x: x.sum(-1, keepdim=True),
    "padded": lambda T, x: x.to_padded_tensor(-1.0),
    "padded more": lambda T, x: T.nested.to_padded_tensor(x, 0.0, (3, 5, 3)),
    "unbind": lambda T, x: x.unbind(),
    "piece": lambda T, x: x[1],
    "dtype": lambda T, x: x.to(T.float64),
    "dropout": lambda T, x: T.nn.functional.dropout(x, 0.5, training=False),
    "clone": lambda T, x: x.clone().detach().contiguous(),
    "in place": lambda T, x: x.clone().relu_().mul_(2),
    "ones": lambda T, x: T.ones_like(x),
}


def filled(T, module):
    for p in module.parameters():
        p.data.fill_(0.5)
    return module


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", OPERATIONS)
def test_operation(name, layout):
    do = OPERATIONS[name]
    same(do(rustorch, nested(rustorch, layout)), do(torch, nested(torch, layout)))


FACTS = {
    "dim": lambda x: x.dim(),
    "pieces": lambda x: x.size(0),
    "last": lambda x: (x.size(-1), x.size(2)),
    "numel": lambda x: x.numel(),
    "is_nested": lambda x: x.is_nested,
    "is_leaf": lambda x: (x.is_leaf, x.requires_grad),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", FACTS)
def test_fact(name, layout):
    ask = FACTS[name]
    assert ask(nested(rustorch, layout)) == ask(nested(torch, layout))


@pytest.mark.parametrize(
    "do",
    [
        lambda T, x: (x * x).to_padded_tensor(0.0).sum(),
        lambda T, x: T.nn.functional.linear(x, T.tensor(W)).softmax(-1).to_padded_tensor(0.0).square().sum(),
        lambda T, x: sum(p.sin().sum() for p in x.unbind()),
    ],
)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_gradient(layout, do):
    grads = []
    for T in (rustorch, torch):
        x = nested(T, layout, requires_grad=True)
        do(T, x).backward()
        grads.append(x.grad)
    same(*grads)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_gradient_of_what_it_is_made_of(layout):
    grads = []
    for T in (rustorch, torch):
        leaves = [T.tensor(a, requires_grad=True) for a in (A, B)]
        x = T.nested.as_nested_tensor(leaves, layout=getattr(T, layout))
        (x * x).to_padded_tensor(0.0).sum().backward()
        grads.append([t.grad.numpy() for t in leaves])
    for a, b in zip(*grads):
        np.testing.assert_allclose(a, b, rtol=1e-6)


def test_jagged():
    for T in (rustorch, torch):
        x = T.nested.nested_tensor_from_jagged(T.arange(10.0).reshape(5, 2), T.tensor([0, 2, 5]))
        assert x.offsets().tolist() == [0, 2, 5] and x.values().tolist() == T.arange(10.0).reshape(5, 2).tolist()
        assert x.shape[0] == 2 and x.shape[2] == 2 and x.size(1) == (x * 2).size(1)
        assert str(x.shape[1]).startswith("j")
        assert (x + T.ones(2)).values().sum().item() == 55.0
        assert (x * T.tensor([[[2.0]], [[0.0]]])).sum().item() == 12.0


def test_second_gradient_and_vmap_see_ordinary_operations():
    x = nested(rustorch, "strided", requires_grad=True)
    y = (x * x * x).to_padded_tensor(0.0).sum()
    (g,) = rustorch.autograd.grad(y, [x._values_], create_graph=True)
    (h,) = rustorch.autograd.grad(g.sum(), [x._values_])
    np.testing.assert_allclose(h.numpy(), 6 * x._values_.detach().numpy(), rtol=1e-6)


def test_attention():
    results = []
    for T in (rustorch, torch):
        q = T.nested.nested_tensor([T.tensor(x.reshape(-1, 1, 3)) for x in (A, B)]).transpose(1, 2).contiguous()
        results.append(T.nn.functional.scaled_dot_product_attention(q, q, q))
    same(*results)


def test_embedding():
    for layout in LAYOUTS[1:]:
        results = [
            T.nn.functional.embedding(
                T.nested.nested_tensor([T.tensor([0, 2]), T.tensor([4])], layout=getattr(T, layout)), T.tensor(W)
            )
            for T in (rustorch, torch)
        ]
        same(*results)


@pytest.mark.parametrize("layout", LAYOUTS[:1])
def test_printed(layout):
    for do in (lambda x: x, lambda x: x * 2):
        ours, theirs = (repr(do(nested(T, layout, requires_grad=True))) for T in (rustorch, torch))
        assert ours == theirs


REFUSED = {
    "shape": lambda T, x: x.shape,
    "ragged size": lambda T, x: x.size(1),
    "other sizes": lambda T, x: x + nested(T, "strided", (B, A, C)),
    "dense": lambda T, x: x + T.ones(3),
    "sum": lambda T, x: x.sum(-1),
    "softmax": lambda T, x: x.softmax(0),
    "matmul": lambda T, x: x @ T.ones(3, 2),
    "norm": lambda T, x: T.nn.functional.layer_norm(x, (3,)),
    "room": lambda T, x: x.to_padded_tensor(0.0, (3, 3, 3)),
    "numpy": lambda T, x: T.nested.nested_tensor([T.ones(2), T.ones(1, 1)]),
    "one": lambda T, x: x.item(),
    "no list": lambda T, x: T.nested.nested_tensor(T.ones(2)),
    "no kernel": lambda T, x: x.cumsum(0),
    "weight": lambda T, x: T.nn.functional.linear(x, T.ones(2, 3, 3)),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    do = REFUSED[name]
    errors = []
    for T in (rustorch, torch):
        with pytest.raises(Exception) as info:
            do(T, nested(T, "strided"))
        errors.append(info.value)
    ours, theirs = errors
    assert isinstance(ours, type(theirs))
    assert str(ours)[:60] == str(theirs)[:60]

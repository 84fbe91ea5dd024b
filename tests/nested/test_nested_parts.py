"""Parts of nested and dense tensors as nested tensors, beside PyTorch's: narrow, masked_select, chunk; ``del x.grad``."""

import numpy as np
import pytest
import torch

import rustorch

X = np.arange(20, dtype=np.float32).reshape(2, 5, 2)
MASK = np.array([[1, 0, 1], [0, 0, 0], [1, 1, 1]], bool)
BOTH = (rustorch, torch)


def told(x):
    """What can be compared of a result."""
    if isinstance(x, (tuple, list)):
        return [told(e) for e in x]
    if getattr(x, "is_nested", False):
        facts = [str(x.layout), x.numel(), told(x.unbind())]
        if str(x.layout).endswith("jagged"):
            facts += [told(x.offsets()), told(x.lengths()), told(x.values()) if x.ndim == 3 else None]
        return facts
    return x.tolist() if hasattr(x, "tolist") else x


def nested(T, layout, **kwargs):
    pieces = [T.arange(8.0).reshape(2, 4), T.arange(12.0).reshape(3, 4), T.ones(1, 4)]
    return T.nested.nested_tensor(pieces, layout=getattr(T, layout), **kwargs)


def jagged(T, start, length, x=X):
    start, length = (T.tensor(n) if isinstance(n, list) else n for n in (start, length))
    return T.nested.narrow(T.tensor(x), 1, start, length, layout=T.jagged)


def packed_for(T, x):
    """PyTorch refuses some operations on tensors with holes."""
    return x.contiguous() if T is torch else x


RESULTS = {
    "tensors": lambda T: jagged(T, [0, 1], [2, 3]),
    "number, tensor": lambda T: jagged(T, 1, [2, 3]),
    "tensor, number": lambda T: jagged(T, [1, 2], 2),
    "numbers": lambda T: jagged(T, 1, 2),
    "flat": lambda T: jagged(T, [0, 1], [2, 3], X[..., 0].copy()).unbind(),
    "whole": lambda T: jagged(T, 0, 5).unbind(),
    "touching": lambda T: jagged(T, [3, 0], [2, 2]).unbind(),
    "strided": lambda T: T.nested.narrow(T.tensor(X), 0, 1, 1),
    "strided from the end": lambda T: T.nested.narrow(T.tensor(X), 0, -2, 1),
    "holes: contiguous": lambda T: (jagged(T, [0, 1], [2, 3]).contiguous(), jagged(T, 1, 2).is_contiguous()),
    "holes: pointwise": lambda T: jagged(T, [0, 1], [2, 3]).mul(2).relu() + 1,
    "holes: sum": lambda T: jagged(T, [0, 1], [2, 3]).sum(-1).unbind(),
    "holes: linear": lambda T: T.nn.functional.linear(packed_for(T, jagged(T, [0, 1], [2, 3])), T.ones(3, 2)).unbind(),
    "holes: softmax": lambda T: jagged(T, [0, 1], [2, 3]).clone().softmax(-1),
    "holes from offsets": lambda T: T.nested.nested_tensor_from_jagged(
        T.tensor(X[0]), T.tensor([0, 2, 5]), T.tensor([1, 2])
    ),
    "masked": lambda T: T.nested.masked_select(T.tensor(X[0, :3, :1]).expand(3, 3), T.tensor(MASK)),
    "masked, three dimensions": lambda T: T.nested.masked_select(T.arange(18).reshape(2, 3, 3), T.tensor(MASK)),
    "masked, broadcast": lambda T: T.nested.masked_select(T.arange(6.0).reshape(3, 2), T.tensor([True, False])),
    "masked, nothing": lambda T: T.nested.masked_select(T.ones(3, 2), T.tensor([False])).unbind(),
    "chunk": lambda T: T.chunk(nested(T, "strided"), 2, -1),
    "chunk method": lambda T: nested(T, "strided").chunk(4, dim=2),
    "chunk jagged": lambda T: [c.unbind() for c in T.chunk(nested(T, "jagged"), dim=-1, chunks=3)],
    "chunk into pieces": lambda T: nested(T, "jagged").chunk(2),
    "chunk into more pieces": lambda T: T.chunk(nested(T, "jagged"), 5, 0),
    "narrow method": lambda T: T.narrow(nested(T, "strided"), 0, 1, 2),
    "narrow jagged": lambda T: nested(T, "jagged").narrow(2, 1, 2).unbind(),
    "padded": lambda T: T.Tensor.to_padded_tensor(nested(T, "jagged"), 7.0, output_size=(3, 2, 4)),
}


@pytest.mark.parametrize("name", RESULTS)
def test_result(name):
    ours, theirs = (told(RESULTS[name](T)) for T in BOTH)
    assert ours == theirs


REFUSED = {
    "start": lambda T: T.nested.narrow(T.tensor(X), 0, "a", 1),
    "length": lambda T: T.nested.narrow(T.tensor(X), 0, 1, "a"),
    "strided tensors": lambda T: T.nested.narrow(T.tensor(X), 0, T.tensor([1]), 1),
    "strided dim": lambda T: T.nested.narrow(T.tensor(X), 1, 1, 1),
    "strided length": lambda T: T.nested.narrow(T.tensor(X), 0, 1, 2),
    "strided start": lambda T: T.nested.narrow(T.tensor(X), 0, 3, 0),
    "negative": lambda T: T.nested.narrow(T.tensor(X), 0, 0, -1),
    "layout": lambda T: T.nested.narrow(T.tensor(X), 0, 1, 1, layout=T.sparse_coo),
    "jagged dim": lambda T: T.nested.narrow(T.tensor(X), 2, 1, 1, layout=T.jagged),
    "broadcast": lambda T: jagged(T, 0, [2, 3, 4]),
    "no view": lambda T: T.nested.narrow(T.tensor(X).transpose(0, 1), 1, 0, 1, layout=T.jagged),
    "one dimension": lambda T: T.nested.narrow(T.ones(3), 1, 1, 1, layout=T.jagged),
    "holes padded": lambda T: jagged(T, [0, 1], [2, 3]).to_padded_tensor(0.0),
    "padded dense": lambda T: T.ones(2).to_padded_tensor(0.0),
    "padded length": lambda T: nested(T, "strided").to_padded_tensor(0.0, (3, 3)),
    "mask of a nested tensor": lambda T: T.nested.masked_select(nested(T, "strided"), T.tensor(MASK)),
    "mask of a jagged tensor": lambda T: T.nested.masked_select(nested(T, "jagged"), T.tensor(MASK)),
    "sparse mask": lambda T: T.nested.masked_select(T.ones(3, 3), T.tensor(MASK).to_sparse()),
    "mask's shape": lambda T: T.nested.masked_select(T.arange(4.0), T.tensor(MASK)),
    "mask's dtype": lambda T: T.nested.masked_select(T.arange(3.0), T.ones(3)),
    "chunk dim": lambda T: nested(T, "strided").chunk(2, 1),
    "chunk batch": lambda T: nested(T, "strided").chunk(2),
    "chunk remainder": lambda T: T.chunk(nested(T, "strided"), 3, -1),
    "chunk none": lambda T: T.chunk(nested(T, "jagged"), 0),
    "chunk range": lambda T: nested(T, "strided").chunk(2, 5),
    "chunk ragged": lambda T: nested(T, "jagged").chunk(2, 1),
    "chunk widths": lambda T: T.nested.nested_tensor([T.ones(2), T.ones(3)]).chunk(1, -1),
    "narrow batch": lambda T: nested(T, "jagged").narrow(0, 0, 1),
    "narrow ragged": lambda T: nested(T, "jagged").narrow(1, 0, 1),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    errors = []
    for T in BOTH:
        with pytest.raises(Exception) as info:
            REFUSED[name](T)
        errors.append(info.value)
    ours, theirs = errors
    assert isinstance(ours, type(theirs)), (ours, theirs)
    assert str(ours)[:60] == str(theirs)[:60]


GRADIENTS = {
    "narrow": lambda T, x: T.nested.narrow(x, 1, T.tensor([0, 1]), T.tensor([2, 3]), layout=T.jagged).unbind()[1],
    "pointwise": lambda T, x: T.nested.narrow(x, 1, 0, T.tensor([2, 3]), layout=T.jagged).sin().unbind()[1],
    "masked": lambda T, x: T.nested.masked_select(x[0, :3, :1].expand(3, 3), T.tensor(MASK)).cos().values(),
}


@pytest.mark.parametrize("name", GRADIENTS)
def test_gradient(name):
    grads = []
    for T in BOTH:
        x = T.tensor(X, requires_grad=True)
        GRADIENTS[name](T, x).square().sum().backward()
        grads.append(x.grad.numpy())
    np.testing.assert_allclose(*grads, rtol=1e-5)


def test_gradient_of_chunks():
    grads = []
    for T in BOTH:
        x = nested(T, "jagged", requires_grad=True)
        (x.chunk(2, -1)[0].values().square().sum() + x.chunk(2)[1].values().sum()).backward()
        grads.append(told(x.grad.unbind()))
    assert grads[0] == grads[1]


def test_writes_into_a_narrowed_tensor_show_in_what_it_is_of():
    seen = []
    for T in BOTH:
        x = T.tensor(X)
        y = T.nested.narrow(x, 1, T.tensor([0, 1]), T.tensor([2, 3]), layout=T.jagged)
        y.mul_(2)
        seen.append(x.tolist())
    assert seen[0] == seen[1]


@pytest.mark.parametrize("kind", ["sparse", "strided", "jagged"])
def test_the_gradient_is_deleted(kind):
    for T in BOTH:
        if kind == "sparse":
            x = T.eye(2).to_sparse().requires_grad_()
            x.to_dense().sum().backward()
        else:
            x = nested(T, kind, requires_grad=True)
            x.unbind()[0].sum().backward()
        assert x.grad is not None
        del x.grad
        assert x.grad is None
        del x.grad

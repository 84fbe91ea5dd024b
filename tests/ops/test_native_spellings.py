"""Layers and losses by their lower-level signatures: values, gradients and errors against PyTorch."""

import pickle
from functools import partial

import numpy as np
import pytest
import torch
from derivative_oracle import Call, _convert, check, close, numpy_of, to_rustorch

import rustorch

_rng = np.random.default_rng(7)


def X(*shape, grad=True):
    """Normal numbers."""
    return torch.tensor(_rng.standard_normal(shape), requires_grad=grad)


def P(*shape, grad=True):
    """Numbers from 0.1 to 0.9."""
    return torch.tensor(_rng.uniform(0.1, 0.9, shape), requires_grad=grad)


def signs(*shape):
    """Ones and minus ones."""
    return torch.tensor(np.sign(_rng.standard_normal(shape)))


def _first(lib_fn):
    return lambda *args: lib_fn(*args)[0]


_log = X(6, 2, 4, grad=False).log_softmax(-1).requires_grad_(True)
_labels = torch.tensor([[1, 2, 1], [3, 3, 2]])
_index, _starts = torch.tensor([0, 2, 2, 5, 1, 4]), torch.tensor([0, 3, 3])
_image, _signal, _volume = X(2, 2, 5, 6), X(2, 2, 7), X(1, 2, 3, 4, 3)
_mean, _var = X(2, grad=False), P(2, grad=False)

ROWS = [
    ("batch_norm", _image, X(2), X(2), None, None, True, 0.1, 1e-5, True),
    ("batch_norm", _image, X(2), None, _mean, _var, False, 0.1, 1e-5, False),
    ("batch_norm", X(1, 3), None, None, None, None, True, 0.1, 1e-5, True),
    ("instance_norm", _image, X(2), X(2), None, None, True, 0.1, 1e-5, True),
    ("instance_norm", _image, None, None, _mean, _var, False, 0.1, 1e-5, True),
    ("instance_norm", X(2, 3, 1), None, None, None, None, True, 0.1, 1e-5, True),
    ("rrelu", X(3, 4), 0.2, 0.4),
    ("ctc_loss", _log, _labels, [6, 5], [3, 2]),
    ("ctc_loss", _log, _labels, torch.tensor([6, 5]), torch.tensor([3, 2]), 0, 0),
    ("ctc_loss", _log, _labels, [6, 1], [3, 2], 0, 2, True),
    ("convolution", _image, X(3, 2, 3, 3), X(3), [1], [0], [1], False, [0], 1),
    ("convolution", _image, X(4, 1, 2, 3), None, [2, 1], [1, 1], [1, 2], False, [0, 0], 2),
    ("convolution", _image, X(2, 3, 3, 3), X(3), [2, 2], [1], [1], True, [1, 0], 1),
    ("convolution", _signal, X(3, 2, 3), None, [1], [1], [2], False, [0], 1),
    ("convolution", _signal, X(2, 3, 3), None, [2], [0], [1], True, [0], 1),
    ("convolution", _volume, X(2, 2, 2, 2, 2), X(2), [1], [1], [1], False, [0], 1),
    ("affine_grid_generator", X(2, 2, 3), [2, 1, 3, 4], False),
    ("affine_grid_generator", X(1, 3, 4), [1, 1, 2, 3, 2], True),
    ("poisson_nll_loss", X(2, 3), P(2, 3), True, False, 1e-8, 1),
    ("poisson_nll_loss", P(2, 3), P(2, 3), False, True, 1e-3, 0),
]
_pair, _hinge = (X(4, 3), X(4, 3)), signs(4, 3)
for _how in (0, 1, 2):
    ROWS += [
        ("binary_cross_entropy_with_logits", X(3, 2), P(3, 2), P(2, grad=False), P(2, grad=False), _how),
        ("binary_cross_entropy_with_logits", X(1, 2, grad=False), P(3, 2, grad=False), None, None, _how),
        ("cosine_embedding_loss", *_pair, signs(4), 0.1, _how),
        ("hinge_embedding_loss", _pair[0], _hinge, 0.5, _how),
        ("kl_div", _pair[0], P(4, 3), _how),
        ("margin_ranking_loss", *_pair, _hinge, 0.2, _how),
        ("triplet_margin_loss", *_pair, X(4, 3), 1.0, 2.0, 1e-6, True, _how),
    ]


def test_values_and_gradients():
    check([Call(name, args) for name, *args in ROWS], order=1, forward=False)


def test_defaults_and_names():
    calls = [
        Call("kl_div", _pair, {"log_target": True}),
        Call("hinge_embedding_loss", (), {"input": _pair[0], "target": _hinge}),
        Call("triplet_margin_loss", (*_pair, X(4, 3)), {"margin": -1.0}),
        Call("cosine_embedding_loss", (*_pair, signs(4))),
        Call("margin_ranking_loss", (*_pair, _hinge)),
        Call("binary_cross_entropy_with_logits", (X(2, 3), P(2, 3)), {"pos_weight": P(3, grad=False)}),
    ]
    check(calls, order=1, forward=False)


def test_running_statistics():
    for name in ("batch_norm", "instance_norm"):
        ends = []
        for lib in (rustorch, torch):
            mean, var = _convert(lib, (_mean, _var), [])
            getattr(lib, name)(_convert(lib, _image, []), None, None, mean, var, True, 0.3, 1e-5, True)
            ends.append((mean, var))
        for ours, theirs in zip(*ends):
            close(ours, theirs, name)


BAGS = [(mode, last, padding) for mode in (0, 1, 2) for last in (False, True) for padding in (None, 2)]


def test_embedding_bag():
    table = X(6, 3)
    for mode, last, padding in BAGS:
        args = (table, _index, _starts, False, mode, False, None, last)
        args = args if padding is None else (*args, padding)
        check([Call("embedding_bag", args, ours=_first(rustorch.embedding_bag), theirs=_first(torch.embedding_bag))],
              order=1, forward=False)  # fmt: skip
        ours, theirs = rustorch.embedding_bag(*_convert(rustorch, args, [])), torch.embedding_bag(*args)
        if mode:  # of sums, which of PyTorch's results are empty depends on the kernel
            for i, (a, b) in enumerate(zip(ours[1:], theirs[1:])):
                close(a, b, f"result {i + 1} of {mode, last, padding}")
    weights = P(6)
    check([Call("embedding_bag", (table, _index, _starts, False, 0, False, weights),
                ours=_first(rustorch.embedding_bag), theirs=_first(torch.embedding_bag))],
          order=1, forward=False)  # fmt: skip


@pytest.mark.parametrize("mode", ["sum", "mean"])
def test_embedding_bag_of_16_bits_rounds_once(mode):
    rustorch.manual_seed(0)
    table, index, starts = rustorch.randn(9, 50).bfloat16(), rustorch.arange(9), rustorch.tensor([0, 7])
    weights = rustorch.randn(9).bfloat16() if mode == "sum" else None
    bag = partial(rustorch.nn.functional.embedding_bag, index, offsets=starts, mode=mode)
    exact = bag(table.double(), per_sample_weights=None if weights is None else weights.double())
    assert rustorch.equal(bag(table, per_sample_weights=weights), exact.bfloat16())


def test_embedding_bag_by_frequency():
    ours, theirs = to_rustorch(X(6, 3).detach()).requires_grad_(True), X(6, 3)
    ct = X(2, 3, grad=False)
    index, starts = _convert(rustorch, (torch.tensor([0, 2, 4, 2, 4, 2]), torch.tensor([0, 3])), [])
    rustorch.embedding_bag(ours, index, starts, True)[0].backward(to_rustorch(ct))
    # PyTorch's own bags divide by the counts of other rows; its `embedding` does not.
    rows = torch.nn.functional.embedding(torch.tensor([[0, 2, 4], [2, 4, 2]]), theirs, scale_grad_by_freq=True)
    rows.sum(1).backward(ct)
    close(ours.grad, theirs.grad, "gradient")


def test_embedding_bag_of_one_row_each():
    args = (X(6, 3), _index, torch.arange(6), False, 2)
    for i, (a, b) in enumerate(zip(rustorch.embedding_bag(*_convert(rustorch, args, [])), torch.embedding_bag(*args))):
        close(a, b, f"result {i}")


def test_embedding_renorm():
    table, index = X(4, 3, grad=False) * 3, torch.tensor([[0, 2], [2, 0]])
    for p in (2.0, 1.0):
        theirs, ours = table.clone(), to_rustorch(table)
        torch.embedding_renorm_(theirs, index, 1.0, p)
        assert rustorch.embedding_renorm_(ours, to_rustorch(index), 1.0, p) is ours
        close(ours, theirs, "the table")


def test_native_norm():
    dense = X(3, 4, grad=False)
    for args in ((), (3,), (float("inf"),), (2, [0, 1], False, None), (2, [], False, None)):
        ours = rustorch.native_norm(to_rustorch(dense).to_sparse(), *args)
        close(ours, torch.native_norm(dense.to_sparse(), *args), f"native_norm{args}")


DROPOUTS = ("dropout", "alpha_dropout", "feature_dropout", "feature_alpha_dropout")


@pytest.mark.parametrize("name", DROPOUTS)
def test_dropout(name):
    drop, change = getattr(rustorch, name), getattr(rustorch, name + "_")
    x = rustorch.ones(40, 30, 2)
    assert drop(x, 0.3, False) is x and drop(x, 0.0, True) is x and drop(x[:0], 0.3, True).shape == (0, 30, 2)
    out = drop(x, 0.25, True).numpy()
    kept = out == out.max()
    assert 0.65 < kept.mean() < 0.85 and len(np.unique(out)) == 2
    if name.startswith("feature"):
        assert (kept == kept[..., :1]).all()
    if "alpha" not in name:
        np.testing.assert_allclose(out.max(), 1 / 0.75, rtol=1e-6)
        assert out.min() == 0
    assert not drop(x, 1.0, True).any()
    rustorch.manual_seed(3)
    first = drop(x, 0.5, True)
    rustorch.manual_seed(3)
    y = rustorch.ones(40, 30, 2)
    assert change(y, 0.5, True) is y and rustorch.allclose(first, y)
    leaf = rustorch.ones(4, 3, requires_grad=True)
    drop(leaf, 0.5, True).sum().backward()
    assert len(set(leaf.grad.reshape(-1).tolist())) <= 2


def test_rrelu_draws_from_a_generator():
    x = -rustorch.ones(50)
    a, b = (rustorch.rrelu(x, 0.1, 0.5, True, rustorch.Generator().manual_seed(5)) for _ in range(2))
    assert rustorch.allclose(a, b) and a.max() <= -0.1 and a.min() >= -0.5 and len(set(a.tolist())) > 40
    y = x.clone()
    assert rustorch.rrelu_(y, 0.1, 0.5, True, rustorch.Generator().manual_seed(5)) is y and rustorch.allclose(y, a)
    close(rustorch.rrelu_(to_rustorch(torch.tensor([-2.0, 1.0]))), torch.rrelu_(torch.tensor([-2.0, 1.0])), "rrelu_")


_one, _three, _row = torch.ones(2, 3), torch.ones(3, requires_grad=True), torch.ones(2, 2, requires_grad=True)
_picture, _kernel = torch.ones(1, 2, 5, 5), torch.ones(3, 2, 3, 3)
WRONG = [
    *[(name, _one, 2.0, False) for name in DROPOUTS],
    *[(name, torch.arange(6).reshape(2, 3), 0.5, True) for name in DROPOUTS],
    *[(name + "_", _row, 0.5, True) for name in DROPOUTS],
    ("feature_dropout", torch.ones(3), 0.5, True),
    ("rrelu", _one, 0.5, 0.2),
    ("batch_norm", _one, None, None, None, None, False, 0.1, 1e-5, True),
    ("instance_norm", _picture, None, None, None, None, False, 0.1, 1e-5, True),
    ("embedding_bag", torch.ones(6, 2), _index, _starts, False, 3),
    ("embedding_bag", torch.ones(6, 2), _index, None),
    ("embedding_bag", torch.ones(6, 2), _index, _starts, False, 1, False, torch.ones(6)),
    ("embedding_renorm_", _three, torch.tensor([0]), 1.0, 2.0),
    ("embedding_renorm_", torch.ones(3), torch.tensor([0]), 1.0, 2.0),
    ("embedding_renorm_", _row, torch.tensor([0]), 1.0, 2.0),
    ("embedding_renorm_", _one, torch.tensor([0.0]), 1.0, 2.0),
    ("binary_cross_entropy_with_logits", _one, torch.ones(1, 3)),
    ("convolution", _picture, _kernel, None, 1, [0], [1], False, [0], 1),
    ("convolution", _picture[0], _kernel, None, [1], [0], [1], False, [0], 1),
    ("convolution", _picture, _kernel[0, 0], None, [1], [0], [1], False, [0], 1),
    ("convolution", _picture, _kernel, None, [1, 1, 1], [0], [1], False, [0], 1),
    ("convolution", _picture, _kernel, None, [0], [0], [1], False, [0], 1),
    ("convolution", _picture, _kernel, None, [1], [-1], [1], False, [0], 1),
    ("convolution", _picture, _kernel, torch.ones(2), [1], [0], [1], False, [0], 1),
    ("affine_grid_generator", torch.ones(1, 2, 3), [1, 2, 3], False),
    ("native_norm", torch.eye(2).to_sparse(), 2, [0], False, None),
    ("native_norm", torch.eye(2).to_sparse(), 2, [], True, None),
    ("native_norm", torch.eye(2).to_sparse(), 2, [], False, torch.float64),
]


@pytest.mark.parametrize("case", range(len(WRONG)), ids=lambda i: f"{i}-{WRONG[i][0]}")
def test_errors(case):
    name, *args = WRONG[case]
    with pytest.raises(Exception) as theirs:
        getattr(torch, name)(*args)
    sparse = name == "native_norm"
    ours = [rustorch.eye(2).to_sparse(), *_convert(rustorch, args[1:], [])] if sparse else _convert(rustorch, args, [])
    with pytest.raises(type(theirs.value)) as raised:
        getattr(rustorch, name)(*ours)
    assert str(raised.value) == str(theirs.value)


def test_arguments_are_needed():
    for call in (
        lambda: rustorch.dropout(rustorch.ones(2)),
        lambda: rustorch.poisson_nll_loss(rustorch.ones(2), rustorch.ones(2)),
        lambda: rustorch.batch_norm(rustorch.ones(2, 2), None, None, None, None, True, 0.1, 1e-5),
    ):
        with pytest.raises(TypeError):
            call()
    with pytest.raises(TypeError, match=r"kl_div\(\): argument 'reduction' must be int, not str"):
        rustorch.kl_div(rustorch.ones(2), rustorch.ones(2), reduction="mean")
    with pytest.raises(NotImplementedError):
        rustorch.native_norm(rustorch.ones(2))


def test_functional_still_refuses_one_value():
    for name, x in (("batch_norm", _one[:1]), ("instance_norm", torch.ones(2, 3, 1))):
        for lib in (rustorch, torch):
            rest = (None, None, None, None, True) if name == "batch_norm" else ()
            with pytest.raises(ValueError, match="^Expected more than 1"):
                getattr(lib.nn.functional, name)(_convert(lib, x, []), *rest)


def test_found_by_aten_and_by_pickle():
    a, b = to_rustorch(_pair[0]), to_rustorch(P(4, 3))
    assert rustorch.equal(rustorch.ops.aten.kl_div(a, b, 2), rustorch.kl_div(a, b, 2))
    assert rustorch.allclose(rustorch.ops.aten.kl_div(a, b), rustorch.kl_div(a, b, 1))  # by default the mean
    assert rustorch.kl_div(a, b).shape == torch.kl_div(_pair[0], _hinge).shape == (4, 3)  # by default unreduced
    assert pickle.loads(pickle.dumps(rustorch.convolution)) is rustorch.convolution


def test_half_precision_under_autocast():
    with rustorch.autocast("cpu", dtype=rustorch.bfloat16):
        x, w = to_rustorch(_image.detach()).float(), rustorch.ones(3, 2, 3, 3)
        out = rustorch.convolution(x, w, None, [1], [0], [1], False, [0], 1)
    assert out.dtype is rustorch.bfloat16
    assert numpy_of(out).shape == (2, 3, 3, 4)

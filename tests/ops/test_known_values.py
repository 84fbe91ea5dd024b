"""Wrong values that the host knows when an op is recorded: PyTorch's error at the same line."""

import pytest
import torch as oracle

import rustorch

CASES = {
    "embedding": lambda m: m.nn.functional.embedding(m.tensor([1, 7]), m.ones(3, 2)),
    "embedding of -1": lambda m: m.nn.functional.embedding(m.tensor([-1]), m.ones(3, 2)),
    "embedding_bag": lambda m: m.nn.functional.embedding_bag(m.tensor([[1, 7]]), m.ones(3, 2)),
    "gather": lambda m: m.ones(4, 2).gather(0, m.tensor([[9]])),
    "gather of -1": lambda m: m.ones(4, 2).gather(1, m.tensor([[-1]])),
    "index_select": lambda m: m.ones(4, 2).index_select(0, m.tensor([0, 4])),
    "take": lambda m: m.ones(4).take(m.tensor([4])),
    "take of -5": lambda m: m.ones(4).take(m.tensor([-5])),
    "scatter": lambda m: m.zeros(3).scatter(0, m.tensor([3]), 1.0),
    "scatter_": lambda m: m.zeros(3).scatter_(0, m.tensor([3]), m.ones(1)),
    "scatter_add_": lambda m: m.zeros(3).scatter_add_(0, m.tensor([3]), m.ones(1)),
    "scatter_reduce": lambda m: m.zeros(3).scatter_reduce(0, m.tensor([-1]), m.ones(1), "sum"),
    "index_add": lambda m: m.zeros(3, 2).index_add(0, m.tensor([3]), m.ones(1, 2)),
    "index_copy": lambda m: m.zeros(3, 2).index_copy(0, m.tensor([3]), m.ones(1, 2)),
    "index_fill": lambda m: m.zeros(3, 2).index_fill(0, m.tensor([3]), 1.0),
    "index_reduce": lambda m: m.zeros(3, 2).index_reduce(0, m.tensor([3]), m.ones(1, 2), "prod"),
    "index_put": lambda m: m.zeros(3, 2).index_put((m.tensor([3]),), m.ones(1)),
    "x[i] = v": lambda m: m.zeros(3, 2).__setitem__(m.tensor([3]), 1.0),
    "x[i]": lambda m: m.zeros(3, 2)[m.tensor([-4])],
    "put_": lambda m: m.zeros(3).put_(m.tensor([3]), m.ones(1)),
    "cross_entropy": lambda m: m.nn.functional.cross_entropy(m.ones(2, 3), m.tensor([1, 5])),
    "nll_loss of -1": lambda m: m.nn.functional.nll_loss(m.ones(2, 3), m.tensor([1, -1])),
    "nll_loss of images": lambda m: m.nn.functional.nll_loss(m.ones(2, 3, 2), m.tensor([[1, 5], [0, 0]])),
    "multi_margin_loss": lambda m: m.nn.functional.multi_margin_loss(m.ones(2, 3), m.tensor([1, 5])),
    "multinomial": lambda m: m.multinomial(m.tensor([-1.0, 1.0]), 1),
    "multinomial of zeros": lambda m: m.multinomial(m.tensor([0.0, 0.0]), 1),
}


@pytest.mark.parametrize("name", CASES)
def test_same_error(name):
    with pytest.raises(Exception) as theirs:
        CASES[name](oracle)
    with pytest.raises(theirs.type) as ours:
        CASES[name](rustorch)
    assert str(ours.value).split("\n")[0] == str(theirs.value).split("\n")[0]


def test_a_failed_write_changes_nothing():
    x = rustorch.zeros(3)
    with pytest.raises(RuntimeError):
        x.scatter_(0, rustorch.tensor([3]), 1.0)
    assert x.tolist() == [0, 0, 0]


def test_pending_values_are_not_waited_for():
    before = rustorch.lowering.counters()["dispatched"]
    index = rustorch.tensor([1, 2]) + 1
    y = rustorch.ones(4, 2).gather(0, index[:, None])
    assert rustorch.lowering.counters()["dispatched"] == before
    assert y.shape == (2, 1)


def test_the_ignored_class_passes():
    target = rustorch.tensor([1, -100])
    assert rustorch.nn.functional.cross_entropy(rustorch.ones(2, 3), target).item() == pytest.approx(1.0986, abs=1e-4)

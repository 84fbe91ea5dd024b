"""Recurrent networks beside torch: values, gradients of two orders, packed sequences, errors, programs."""

import copy
import pickle

import numpy as np
import pytest
import torch
from nn_oracle import assert_same, assert_same_error, copy_state, numbers, ours

import rustorch
from rustorch.lowering import counters

pytestmark = [pytest.mark.filterwarnings("ignore:.*LSTM with projections")]
RNG = np.random.default_rng(0)


def normal(*shape):
    return RNG.standard_normal(shape)


def leaves(tree):
    """The tensors in nested tuples."""
    if isinstance(tree, (tuple, list)):
        return [t for item in tree for t in leaves(item)]
    return [] if tree is None else [tree]


def mirrored(tree):
    """A tree of torch tensors as one of rustorch tensors."""
    if isinstance(tree, torch.Tensor):
        mine = ours(tree)
        return mine.requires_grad_() if tree.requires_grad else mine
    return tuple(mirrored(t) for t in tree) if isinstance(tree, (tuple, list)) else tree


def weighted(tensors, make):
    """A scalar that depends on every element of the floating tensors, each in another way."""
    found = [t for t in tensors if t.is_floating_point()]
    return sum((t * make(np.cos(np.arange(t.numel()) + 1.0).reshape(tuple(t.shape)))).sum() for t in found)


class Pair:
    """The same network in both libraries, in float64."""

    def __init__(self, name, *args, **kwargs):
        self.torch = getattr(torch.nn, name)(*args, **kwargs).double()
        self.ours = getattr(rustorch.nn, name)(*args, **kwargs).double()
        assert repr(self.ours) == repr(self.torch)
        copy_state(self.torch, self.ours)

    def gradients(self, theirs, mine, inputs=(), copies=(), second=True):
        """Pairs of gradients of a weighted sum of outputs, and of the sum of the first ones' squares."""
        found = []
        sides = (
            (torch, torch.tensor, theirs, [*inputs, *self.torch.parameters()]),
            (rustorch, rustorch.tensor, mine, [*copies, *self.ours.parameters()]),
        )
        for library, make, outs, where in sides:
            first = library.autograd.grad(weighted(leaves(outs), make), where, create_graph=second)
            rest = library.autograd.grad(sum((g * g).sum() for g in first), where) if second else ()
            found.append([*first, *rest])
        return list(zip(*found, strict=True))


def same(pairs):
    for expected, actual in pairs:
        assert tuple(expected.shape) == tuple(actual.shape)
        assert_same(actual, expected, 1e-9)


# One shape for all, so that the programs below are few.
T, N, I, H = 4, 3, 2, 3
KINDS = [
    ("LSTM", {}),
    ("LSTM", dict(bidirectional=True, proj_size=2)),
    ("GRU", dict(bidirectional=True)),
    ("RNN", dict(nonlinearity="relu", bidirectional=True)),
    ("RNN", dict(batch_first=True)),
]
STACKS = [("LSTM", {}), ("LSTM", dict(num_layers=2, bidirectional=True, proj_size=2)), *KINDS[2:4]]


def states_of(net):
    """First states that need gradients, as arrays."""
    layers = net.num_layers * (2 if net.bidirectional else 1)
    sizes = [net.proj_size or H, H] if net.mode == "LSTM" else [H]
    return [normal(layers, N, size) for size in sizes]


def given(arrays, make):
    tensors = [make(a).requires_grad_() for a in arrays]
    return tensors, tuple(tensors) if len(tensors) == 2 else tensors[0]


@pytest.mark.parametrize("name, options", KINDS, ids=lambda x: x if isinstance(x, str) else ",".join(x))
def test_gradients_of_both_orders(name, options):
    pair = Pair(name, I, H, **options)
    x = normal(N, T, I) if pair.torch.batch_first else normal(T, N, I)
    states = states_of(pair.torch)
    firsts, hx = given(states, torch.tensor)
    mine, hx_mine = given(states, rustorch.tensor)
    a, b = torch.tensor(x).requires_grad_(), rustorch.tensor(x).requires_grad_()
    expected, actual = pair.torch(a, hx), pair.ours(b, hx_mine)
    same(
        [
            *zip(leaves(expected), leaves(actual), strict=True),
            *pair.gradients(expected, actual, [a, *firsts], [b, *mine]),
        ]
    )
    assert leaves(actual)[0].stride() == leaves(expected)[0].stride()


LENGTHS = [2, 4, 1]


@pytest.mark.parametrize("name, options", STACKS, ids=lambda x: x if isinstance(x, str) else ",".join(x))
def test_packed(name, options):
    pair, found = Pair(name, I, H, **options), []
    x, states = normal(T, N, I), states_of(pair.torch)
    for library, net in ((torch, pair.torch), (rustorch, pair.ours)):
        rnn = library.nn.utils.rnn
        leaf = library.tensor(x).requires_grad_()
        firsts, hx = given(states, library.tensor)
        packed = rnn.pack_padded_sequence(leaf, LENGTHS, enforce_sorted=False)
        out, last = net(packed, hx)
        padded, lengths = rnn.pad_packed_sequence(out, padding_value=-1.0, total_length=5)
        found.append((leaf, firsts, (out.data, padded, last), lengths, out.batch_sizes, out.sorted_indices))
    (a, firsts, expected, *theirs), (b, mine, actual, *own) = found
    second = name == "LSTM" and not options
    pairs = pair.gradients(expected, actual, [a, *firsts], [b, *mine], second)
    same([*zip(leaves(expected), leaves(actual), strict=True), *pairs])
    assert [t.tolist() for t in theirs] == [t.tolist() for t in own]
    assert actual[1].stride() == expected[1].stride()


def test_packed_without_state_and_with_equal_lengths():
    pair = Pair("GRU", I, H)
    for lengths in ([4, 2, 2], [4, 4, 4]):
        x, outs = normal(N, T, I), []
        for library, net in ((torch, pair.torch), (rustorch, pair.ours)):
            rnn = library.nn.utils.rnn
            out, last = net(rnn.pack_padded_sequence(library.tensor(x), library.tensor(lengths), batch_first=True))
            outs.append((*rnn.pad_packed_sequence(out, batch_first=True), last, out.data))
        same(zip(*outs))


def test_helpers_of_sequences():
    arrays = [normal(3, 2), normal(1, 2), normal(2, 2)]
    found = []
    for library in (torch, rustorch):
        rnn = library.nn.utils.rnn
        sequences = [library.tensor(a) for a in arrays]
        packed = rnn.pack_sequence(sequences, enforce_sorted=False)
        padded = rnn.pad_sequence(sequences, batch_first=True)
        lengths = library.tensor([3, 1, 2])
        turned = padded.transpose(0, 1).clone()
        found.append(
            [
                packed.data,
                packed.batch_sizes,
                packed.sorted_indices,
                packed.unsorted_indices,
                padded,
                rnn.pad_sequence(sequences, padding_value=2.5),
                rnn.pad_sequence(sequences, padding_side="left"),
                *rnn.unpad_sequence(padded, lengths, batch_first=True),
                *rnn.unpad_sequence(turned, lengths),
                turned,
                *rnn.unpack_sequence(packed),
                rnn.invert_permutation(library.tensor([2, 0, 1])),
                packed.float().data,
                packed.to(library.float32).double().data,
                packed.cpu().data,
                *rnn.PackedSequence((packed.data, packed.batch_sizes))[:2],
            ]
        )
        assert rnn.invert_permutation(None) is None
        assert packed.to(packed.data.dtype) is packed and not packed.is_cuda
        assert type(copy.deepcopy(packed)) is rnn.PackedSequence
        assert packed.int().data.dtype is library.int32
    same(zip(*found, strict=True))
    text = [repr(lib.nn.utils.rnn.pack_sequence([lib.zeros(2, 1), lib.ones(1, 1)])) for lib in (torch, rustorch)]
    assert text[0] == text[1]


def test_dropout_is_between_layers_and_only_in_training():
    rustorch.manual_seed(0)
    net = rustorch.nn.LSTM(4, 8, 2, dropout=0.5)
    x = rustorch.ones(2, 8, 4)
    first, second = net(x)[0], net(x)[0]
    assert (first != second).any() and (first != 0).all()  # never after the last layer
    net.eval()
    reference = torch.nn.LSTM(4, 8, 2, dropout=0.5).eval()
    reference.load_state_dict({k: torch.tensor(v.numpy()) for k, v in net.state_dict().items()})
    assert_same(net(x)[0], reference(torch.ones(2, 8, 4))[0])
    ones = rustorch.nn.RNN(1, 2, 2, dropout=1.0)
    assert_same(ones(rustorch.ones(1, 1, 1))[0], rustorch.tanh(ones.bias_ih_l1 + ones.bias_hh_l1)[None, None])


def test_parameters_and_copies():
    reference = torch.nn.LSTM(5, 100, 2, bidirectional=True, proj_size=2)
    net = rustorch.nn.LSTM(5, 100, 2, bidirectional=True, proj_size=2)
    assert [(k, tuple(v.shape)) for k, v in net.state_dict().items()] == [
        (k, tuple(v.shape)) for k, v in reference.state_dict().items()
    ]
    everything = np.concatenate([numbers(p).ravel() for p in net.parameters()])
    assert abs(everything).max() <= 0.1 and abs(everything.std() - 0.1 / 3**0.5) < 0.002
    assert [len(w) for w in net.all_weights] == [5] * 4 and net.all_weights[1][0] is net.weight_ih_l0_reverse
    net.flatten_parameters()
    small, x = rustorch.nn.GRU(2, 3), rustorch.ones(2, 1, 2)
    for other in (copy.deepcopy(small), pickle.loads(pickle.dumps(small))):
        assert_same(other(x)[0], small(x)[0])
        other.weight_ih_l0 = rustorch.nn.Parameter(rustorch.zeros(9, 2))
        assert other._flat_weights[0] is other.weight_ih_l0
        assert (other(x)[0] != small(x)[0]).any()
    swapped = rustorch.func.functional_call(small, {k: v * 0 for k, v in small.state_dict().items()}, (x,))[0]
    assert (swapped == 0).all()
    back = torch.nn.GRU(2, 3)
    back.load_state_dict({k: torch.tensor(v.numpy()) for k, v in small.state_dict().items()})
    assert_same(small(x)[0], back(torch.ones(2, 1, 2))[0])
    assert small.bfloat16()(x.bfloat16())[0].dtype is rustorch.bfloat16


def test_vmap_and_forward_mode():
    pair = Pair("LSTM", I, H)
    x, v = normal(5, T, N, I), normal(T, N, I)
    rows = rustorch.vmap(lambda x: pair.ours(x)[0])(rustorch.tensor(x))
    same(zip([pair.torch(torch.tensor(r))[0] for r in x], rows))

    def loss(x):
        return (pair.ours(x)[0] ** 2).sum()

    per_row = rustorch.vmap(rustorch.func.grad(loss))(rustorch.tensor(x))
    a = torch.tensor(x).requires_grad_()
    sum((pair.torch(r)[0] ** 2).sum() for r in a).backward()
    same([(a.grad, per_row)])
    _, moved = rustorch.func.jvp(loss, (rustorch.tensor(x[0]),), (rustorch.tensor(v),))
    same([((a.grad[0] * torch.tensor(v)).sum(), moved)])
    _, product = rustorch.func.jvp(rustorch.func.grad(loss), (rustorch.tensor(x[0]),), (rustorch.tensor(v),))
    expected = torch.autograd.functional.hvp(
        lambda x: (pair.torch(x)[0] ** 2).sum(), torch.tensor(x[0]), torch.tensor(v)
    )
    same([(expected[1], product)])


def test_functions():
    pair = Pair("LSTM", I, H)
    rest = (True, 1, 0.0, False, False)
    x, h = normal(T, N, I), normal(1, N, H)
    found = []
    for library, net in ((torch, pair.torch), (rustorch, pair.ours)):
        weights, hx = net._flat_weights, (library.tensor(h), library.tensor(h))
        data, sizes = library.tensor(x).reshape(-1, I)[:8], library.tensor([3, 3, 2])
        found.append(
            [
                *library.lstm(library.tensor(x), hx, weights, *rest, False),
                *library.lstm(data, sizes, hx, weights, *rest),
                *library.lstm(input=library.tensor(x), hx=hx, params=weights, has_biases=True, num_layers=1, dropout=0.0,
                              train=False, bidirectional=False, batch_first=False),
                *library.lstm_cell(library.tensor(x[0]), (hx[0][0], hx[1][0]), *weights),
                library.rnn_tanh_cell(library.tensor(x[0]), hx[0][0], weights[0][:H], weights[1][:H]),
                *library.rnn_relu(library.tensor(x), hx[0], [w[:H] for w in weights], *rest, False),
                *library.gru(data, sizes, hx[0], [w[: 3 * H] for w in weights], *rest),
            ]
        )  # fmt: skip
    same(zip(*found, strict=True))


def test_one_program_a_step():
    rustorch.manual_seed(0)
    net, head = rustorch.nn.LSTM(3, 4, 2, dropout=0.1), rustorch.nn.Linear(4, 2)
    optimizer = rustorch.optim.Adam([*net.parameters(), *head.parameters()])

    def step(x):
        optimizer.zero_grad()
        loss = head(net(x)[0]).square().mean()
        loss.backward()
        optimizer.step()
        return loss.item()

    x = rustorch.ones(5, 2, 3)
    for _ in range(3):
        step(x)
    before = counters()
    losses = [step(x) for _ in range(3)]
    after = counters()
    assert after["compiled"] == before["compiled"]
    assert after["dispatched"] - before["dispatched"] == 3
    assert losses[2] < losses[0]


def test_packed_sequences_do_not_cut_the_step():
    net = rustorch.nn.GRU(2, 3)
    optimizer = rustorch.optim.SGD(net.parameters(), lr=0.1)
    rnn = rustorch.nn.utils.rnn

    def step(x):
        optimizer.zero_grad()
        packed = rnn.pack_padded_sequence(x * 2, [1, 3], enforce_sorted=False)
        loss = rnn.pad_packed_sequence(net(packed)[0])[0].square().mean()
        loss.backward()
        optimizer.step()
        return loss.item()

    x = rustorch.ones(3, 2, 2)
    for _ in range(3):
        step(x)
    before = counters()
    step(x), step(x)
    after = counters()
    assert (after["compiled"], after["dispatched"]) == (before["compiled"], before["dispatched"] + 2)


def zeros(lib, *shape, **options):
    return lib.zeros(*shape, **options)


def packed(lib):
    return lib.nn.utils.rnn.pack_padded_sequence(lib.zeros(4, 2, 3), [4, 2])


def same_weights(lib, **change):
    net = lib.nn.LSTM(3, 4)
    h = lib.zeros(1, 2, 4)
    given = dict(input=lib.zeros(5, 2, 3), hx=(h, h), params=net._flat_weights, has_biases=True, num_layers=1, dropout=0.0,
                 train=False, bidirectional=False, batch_first=False)  # fmt: skip
    return lib.lstm(*{**given, **change}.values())


ERRORS = [
    lambda lib: lib.nn.LSTM(3, 4, dropout=2.0),
    lambda lib: lib.nn.LSTM(3, 4, dropout=True),
    lambda lib: lib.nn.LSTM(3, 4, bias=1),
    lambda lib: lib.nn.LSTM(3, 4, batch_first=1),
    lambda lib: lib.nn.LSTM(3.0, 4),
    lambda lib: lib.nn.LSTM(0, 4),
    lambda lib: lib.nn.LSTM(3, 4.0),
    lambda lib: lib.nn.LSTM(3, 0),
    lambda lib: lib.nn.LSTM(3, 4, 0),
    lambda lib: lib.nn.LSTM(3, 4, proj_size=-1),
    lambda lib: lib.nn.LSTM(3, 4, proj_size=4),
    lambda lib: lib.nn.GRU(3, 4, proj_size=2),
    lambda lib: lib.nn.RNN(3, 4, proj_size=2),
    lambda lib: lib.nn.RNN(3, 4, nonlinearity="selu"),
    lambda lib: lib.nn.RNNBase("LSTN", 3, 4),
    lambda lib: lib.nn.RNN(3, 4)(zeros(lib, 3)),
    lambda lib: lib.nn.GRU(3, 4)(zeros(lib, 3)),
    lambda lib: lib.nn.LSTM(3, 4)(zeros(lib, 3)),
    lambda lib: lib.nn.GRU(3, 4)(zeros(lib, 5, 2, 2)),
    lambda lib: lib.nn.GRU(3, 4)(zeros(lib, 5, 2, 3).double()),
    lambda lib: lib.nn.GRU(3, 4)(zeros(lib, 5, 2, 3).long()),
    lambda lib: lib.nn.GRU(3, 4)(zeros(lib, 0, 2, 3)),
    lambda lib: lib.nn.GRU(3, 4)(zeros(lib, 5, 2, 3), zeros(lib, 1, 3, 4)),
    lambda lib: lib.nn.GRU(3, 4)(zeros(lib, 5, 2, 3), zeros(lib, 1, 4)),
    lambda lib: lib.nn.GRU(3, 4)(zeros(lib, 5, 3), zeros(lib, 1, 1, 4)),
    lambda lib: lib.nn.GRU(3, 4)(zeros(lib, 5, 2, 3), zeros(lib, 1, 2, 4).double()),
    lambda lib: lib.nn.LSTM(3, 4)(zeros(lib, 5, 2, 3), (zeros(lib, 1, 4), zeros(lib, 1, 2, 4))),
    lambda lib: lib.nn.LSTM(3, 4)(zeros(lib, 5, 3), (zeros(lib, 1, 4), zeros(lib, 1, 2, 4))),
    lambda lib: lib.nn.LSTM(3, 4)(zeros(lib, 5, 2, 3), (zeros(lib, 1, 2, 5), zeros(lib, 1, 2, 4))),
    lambda lib: lib.nn.LSTM(3, 4)(zeros(lib, 5, 2, 3), (zeros(lib, 1, 2, 4), zeros(lib, 2, 2, 4))),
    lambda lib: lib.nn.GRU(3, 4)(packed(lib), zeros(lib, 1, 3, 4)),
    lambda lib: lib.nn.GRU(2, 4)(packed(lib)),
    lambda lib: same_weights(lib, hx=(zeros(lib, 1, 2, 4),)),
    lambda lib: same_weights(lib, params=lib.nn.LSTM(3, 4)._flat_weights[:3]),
    lambda lib: same_weights(lib, num_layers=2),
    lambda lib: lib.nn.RNNCell(3, 4)(zeros(lib, 1, 1, 3)),
    lambda lib: lib.nn.RNNCell(3, 4)(zeros(lib, 1, 3), zeros(lib, 1, 1, 4)),
    lambda lib: lib.nn.RNNCell(3, 4, nonlinearity="selu")(zeros(lib, 1, 3)),
    lambda lib: lib.nn.RNNCell(3, 4)(zeros(lib, 2, 3).double()),
    lambda lib: lib.nn.LSTMCell(3, 4)(zeros(lib, 1, 3), (zeros(lib, 1, 4), zeros(lib, 1, 1, 4))),
    lambda lib: lib.nn.LSTMCell(3, 4)(zeros(lib, 1, 3), (zeros(lib, 1, 4), zeros(lib, 2, 4))),
    lambda lib: lib.nn.LSTMCell(3, 4)(zeros(lib, 1, 3), (zeros(lib, 1, 4), zeros(lib, 1, 5))),
    lambda lib: lib.nn.GRUCell(3, 4)(zeros(lib, 2, 5)),
    lambda lib: lib.nn.GRUCell(3, 4)(zeros(lib, 2, 3), zeros(lib, 3, 4)),
    lambda lib: lib.nn.GRUCell(3, 4)(zeros(lib, 2, 3), zeros(lib, 2, 5)),
    lambda lib: lib.lstm_cell(zeros(lib, 2, 3), (zeros(lib, 2, 4),), zeros(lib, 16, 3), zeros(lib, 16, 4)),
    lambda lib: lib.nn.utils.rnn.pack_padded_sequence(zeros(lib, 5, 2, 3), [3]),
    lambda lib: lib.nn.utils.rnn.pack_padded_sequence(zeros(lib, 5, 2, 3), [3, 0]),
    lambda lib: lib.nn.utils.rnn.pack_padded_sequence(zeros(lib, 5, 2, 3), [3, 4]),
    lambda lib: lib.nn.utils.rnn.pack_padded_sequence(zeros(lib, 0, 2, 3), [3, 4]),
    lambda lib: lib.nn.utils.rnn.pack_padded_sequence(zeros(lib, 5, 2, 3), lib.tensor([[5, 4]])),
    lambda lib: lib.nn.utils.rnn.pad_packed_sequence(packed(lib), total_length=2),
    lambda lib: lib.nn.utils.rnn.pad_sequence([]),
    lambda lib: lib.nn.utils.rnn.pad_sequence([zeros(lib, 2)], padding_side="up"),
    lambda lib: lib.nn.utils.rnn.pad_sequence([zeros(lib, 2, 3), zeros(lib, 2, 4)]),
    lambda lib: lib.nn.utils.rnn.pad_sequence(3),
    lambda lib: lib.nn.utils.rnn.unpad_sequence(zeros(lib, 3, 2), lib.tensor([1])),
    lambda lib: lib.nn.utils.rnn.PackedSequence(zeros(lib, 3)),
]


@pytest.mark.parametrize("call", ERRORS, ids=range(len(ERRORS)))
def test_errors_are_torchs(call):
    assert_same_error(lambda: call(torch), lambda: call(rustorch))


def test_warning_for_a_dropout_that_does_nothing():
    for lib in (torch, rustorch):
        with pytest.warns(UserWarning, match="dropout option adds dropout after all but last recurrent layer"):
            lib.nn.LSTM(3, 4, dropout=0.5)

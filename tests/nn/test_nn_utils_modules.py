"""Parametrizations, weight and spectral norm, pruning, fusion and other helpers of ``nn.utils`` beside torch."""

import copy
import pickle

import numpy as np
import pytest
import torch
import torch.nn.utils.prune
from nn_oracle import assert_same, assert_same_error, copy_state

import rustorch

pytestmark = [pytest.mark.filterwarnings("ignore::FutureWarning")]
RNG = np.random.default_rng(0)
LIBRARIES = torch, rustorch


def pair(make):
    """A module of each library after ``make(library)``, with equal state."""
    torch.manual_seed(0)
    reference, module = make(torch), make(rustorch)
    assert repr(module) == repr(reference)
    state, own = reference.state_dict(), module.state_dict()
    assert list(own) == list(state)
    assert [tuple(own[k].shape) for k in own] == [tuple(state[k].shape) for k in state]
    copy_state(reference, module)
    return reference, module


def both(reference, module, shape, tolerance=1e-5):
    """Equal output and gradients; the modules' buffers after it, too."""
    x = RNG.standard_normal(shape).astype("float32")
    found = []
    for lib, net in zip(LIBRARIES, (reference, module)):
        out = net(lib.tensor(x))
        parameters = dict(net.named_parameters())
        cts = lib.tensor(np.cos(np.arange(out.numel())).reshape(tuple(out.shape)).astype("float32"))
        grads = lib.autograd.grad((out * cts).sum(), list(parameters.values()), allow_unused=True)
        found.append((list(parameters), [out, *grads, *net.buffers()]))
    (names, theirs), (own, mine) = found
    assert own == names
    for a, b in zip(mine, theirs, strict=True):
        if b is not None:
            assert_same(a, b, tolerance)


def symmetric(lib):
    class Symmetric(lib.nn.Module):
        def forward(self, x):
            return x.triu() + x.triu(1).transpose(-1, -2)

        def right_inverse(self, x):
            return x.triu()

    return Symmetric()


def twice(lib):
    class Twice(lib.nn.Module):
        def forward(self, x):
            return 2 * x

    return Twice()


def split(lib):
    class Split(lib.nn.Module):
        def forward(self, a, b):
            return a + b

        def right_inverse(self, x):
            return x * 0.25, x * 0.75

    return Split()


def parametrized(*makes, layer=lambda lib: lib.nn.Linear(3, 3)):
    def make(lib):
        module = layer(lib)
        for kind in makes:
            lib.nn.utils.parametrize.register_parametrization(module, "weight", kind(lib))
        return module

    return make


def normed(name, layer, /, **options):
    return lambda lib: getattr(lib.nn.utils.parametrizations, name)(layer(lib), **options)


def hooked(name, layer, /, **options):
    return lambda lib: getattr(lib.nn.utils, name)(layer(lib), **options)


LINEAR = lambda lib: lib.nn.Linear(4, 3)
CONV = lambda lib: lib.nn.Conv1d(4, 3, 2)
TRANSPOSED = lambda lib: lib.nn.ConvTranspose1d(4, 3, 2)
CASES = {
    "symmetric": (parametrized(symmetric), (2, 3)),
    "two": (parametrized(symmetric, twice), (2, 3)),
    "split": (parametrized(split), (2, 3)),
    "weight_norm": (normed("weight_norm", LINEAR), (2, 4)),
    "weight_norm of all": (normed("weight_norm", LINEAR, dim=None), (2, 4)),
    "weight_norm dim 1": (normed("weight_norm", CONV, dim=1), (2, 4, 5)),
    "spectral_norm": (normed("spectral_norm", LINEAR), (2, 4)),
    "spectral_norm of a transposed convolution": (normed("spectral_norm", TRANSPOSED, n_power_iterations=2), (2, 4, 5)),
    "spectral_norm of a bias": (normed("spectral_norm", LINEAR, name="bias"), (2, 4)),
    "matrix_exp": (normed("orthogonal", lambda lib: lib.nn.Linear(3, 3)), (2, 3)),
    "cayley": (normed("orthogonal", LINEAR, orthogonal_map="cayley"), (2, 4)),
    "householder": (normed("orthogonal", LINEAR), (2, 4)),
    "householder alone": (normed("orthogonal", LINEAR, use_trivialization=False), (2, 4)),
    "exp alone": (normed("orthogonal", LINEAR, orthogonal_map="matrix_exp", use_trivialization=False), (2, 4)),
    "old weight_norm": (hooked("weight_norm", CONV), (2, 4, 5)),
    "old weight_norm of all": (hooked("weight_norm", LINEAR, dim=None), (2, 4)),
    "old spectral_norm": (hooked("spectral_norm", TRANSPOSED), (2, 4, 5)),
}


@pytest.mark.parametrize("make, shape", CASES.values(), ids=CASES)
def test_normalized(make, shape):
    reference, module = pair(make)
    both(reference, module, shape)
    if hasattr(module, "parametrizations"):  # the older forms hold a computed tensor, which PyTorch copies neither
        copied = copy.deepcopy(module)
        assert repr(copied) == repr(module) and list(copied.state_dict()) == list(module.state_dict())
    reference.eval(), module.eval()
    both(reference, module, shape)


def test_parametrize_assign_and_remove():
    weight = RNG.standard_normal((3, 3)).astype("float32")
    found = []
    for lib in LIBRARIES:
        P = lib.nn.utils.parametrize
        module = parametrized(symmetric)(lib)
        parameter = module.parametrizations.weight.original
        module.weight = lib.tensor(weight)
        results = [module.weight, parameter]
        assert P.is_parametrized(module) and P.is_parametrized(module, "weight")
        assert not P.is_parametrized(module, "bias") and P.type_before_parametrizations(module) is lib.nn.Linear
        assert isinstance(module, lib.nn.Linear) and type(module).__name__ == "ParametrizedLinear"
        with P.cached():
            assert module.weight is module.weight
        assert module.weight is not module.weight
        other = lib.nn.Linear(3, 3)
        P.transfer_parametrizations_and_params(module, other)
        results.append(other.weight)
        P.remove_parametrizations(module, "weight")
        assert type(module) is lib.nn.Linear and module.weight is parameter and not P.is_parametrized(module)
        results.append(module.weight)
        raw = parametrized(symmetric)(lib)
        raw.weight = lib.tensor(weight)
        P.remove_parametrizations(raw, "weight", leave_parametrized=False)
        results.append(raw.weight)
        several = parametrized(split)(lib)
        several.weight = lib.tensor(weight)
        P.remove_parametrizations(several, "weight")
        assert isinstance(several.weight, lib.nn.Parameter)
        results.append(several.weight)
        found.append(results)
    for theirs, mine in zip(*found):
        assert_same(mine, theirs)
    with pytest.raises(RuntimeError, match="only supported through state_dict"):
        pickle.dumps(parametrized(symmetric)(rustorch))


def test_orthogonal_right_inverse_assigns():
    q = np.linalg.qr(RNG.standard_normal((4, 3)))[0].astype("float32")
    for options in ({}, {"use_trivialization": False}, {"orthogonal_map": "cayley"}):
        layer = rustorch.nn.utils.parametrizations.orthogonal(rustorch.nn.Linear(3, 4), **options)
        layer.weight = rustorch.tensor(q)
        np.testing.assert_allclose(layer.weight.detach().numpy(), q, atol=1e-5)


def test_removed_hooks_leave_the_weight():
    for name, remove in (("weight_norm", "remove_weight_norm"), ("spectral_norm", "remove_spectral_norm")):
        reference, module = pair(hooked(name, LINEAR))
        for lib, net in zip(LIBRARIES, (reference, module)):
            getattr(lib.nn.utils, remove)(net)
        assert sorted(module.state_dict()) == sorted(reference.state_dict()) == ["bias", "weight"]
        both(reference, module, (2, 4))


def test_checkpoints_of_the_older_forms():
    old = rustorch.nn.utils.weight_norm(rustorch.nn.Linear(4, 3))
    new = rustorch.nn.utils.parametrizations.weight_norm(rustorch.nn.Linear(4, 3))
    new.load_state_dict(old.state_dict())
    assert_same(new.weight, old.weight)
    found = []
    weight, u = RNG.standard_normal((4, 3)).astype("float32"), np.eye(4, dtype="float32")[0]
    for lib in LIBRARIES:  # the first version of spectral_norm saved no v
        module = lib.nn.utils.spectral_norm(lib.nn.Linear(3, 4))
        state = {"bias": lib.zeros(4), "weight_orig": lib.tensor(weight), "weight_u": lib.tensor(u)}
        module.load_state_dict({**state, "weight": lib.tensor(weight / 2)})
        found.append(module.weight_v)
        assert module.state_dict()._metadata[""]["spectral_norm"] == {"weight.version": 1}
    assert_same(found[1], found[0], 1e-4)


def mask(lib):
    return lib.tensor([[1.0, 0, 1, 1], [0, 1, 1, 1], [1, 1, 1, 0]])


PRUNINGS = {
    "identity": [lambda p, lib, m: p.identity(m, "weight")],
    "l1": [lambda p, lib, m: p.l1_unstructured(m, "weight", 3)],
    "l1 share": [lambda p, lib, m: p.l1_unstructured(m, "weight", 0.5)],
    "nothing": [lambda p, lib, m: p.l1_unstructured(m, "weight", 0)],
    "scores": [lambda p, lib, m: p.l1_unstructured(m, "weight", 2, importance_scores=lib.arange(12.0).view(3, 4))],
    "ln": [lambda p, lib, m: p.ln_structured(m, "weight", 1, n=2, dim=0)],
    "ln of columns": [lambda p, lib, m: p.ln_structured(m, "weight", 0.5, n=1, dim=-1)],
    "mask": [lambda p, lib, m: p.custom_from_mask(m, "weight", mask(lib))],
    "twice": [
        lambda p, lib, m: p.l1_unstructured(m, "weight", 3),
        lambda p, lib, m: p.l1_unstructured(m, "weight", 4),
        lambda p, lib, m: p.ln_structured(m, "weight", 1, n=2, dim=1),
        lambda p, lib, m: p.custom_from_mask(m, "weight", mask(lib)),
    ],
    "global": [
        lambda p, lib, m: p.global_unstructured([(m, "weight"), (m, "bias")], p.L1Unstructured, amount=6),
    ],
}


@pytest.mark.parametrize("steps", PRUNINGS.values(), ids=PRUNINGS)
def test_prune(steps):
    reference, module = pair(LINEAR)
    for lib, net in zip(LIBRARIES, (reference, module)):
        for step in steps:
            step(lib.nn.utils.prune, lib, net)
        assert lib.nn.utils.prune.is_pruned(net)
    assert list(module.state_dict()) == list(reference.state_dict())
    both(reference, module, (2, 4))
    for lib, net in zip(LIBRARIES, (reference, module)):
        lib.nn.utils.prune.remove(net, "weight")
    assert list(module.state_dict()) == list(reference.state_dict())
    assert_same(module.weight, reference.weight)


def test_prune_at_random():
    P, layer = rustorch.nn.utils.prune, rustorch.nn.Linear(8, 6)
    assert int((P.random_unstructured(layer, "weight", 0.25).weight == 0).sum()) == 12
    P.random_structured(layer, "weight", amount=2, dim=0)
    rows = (layer.weight == 0).all(1)
    assert int(rows.sum()) == 2 and layer.weight.numel() == 48
    assert isinstance(next(iter(layer._forward_pre_hooks.values())), P.PruningContainer)


def test_fusion():
    def made(lib, layer, norm):
        torch.manual_seed(1)
        net = lib.nn.Sequential(layer(lib), norm(lib))
        return net

    for layer, norm, shape, transpose in (
        (CONV, lambda lib: lib.nn.BatchNorm1d(3), (2, 4, 5), False),
        (TRANSPOSED, lambda lib: lib.nn.BatchNorm1d(3, affine=False), (2, 4, 5), True),
        (LINEAR, lambda lib: lib.nn.BatchNorm1d(3), (2, 4), None),
    ):
        reference, module = pair(lambda lib: made(lib, layer, norm))
        both(reference, module, shape)  # training: statistics move
        fused = []
        for lib, net in zip(LIBRARIES, (reference.eval(), module.eval())):
            U = lib.nn.utils
            fused.append(U.fuse_linear_bn_eval(*net) if transpose is None else U.fuse_conv_bn_eval(*net, transpose))
        both(*fused, shape)
        x = rustorch.tensor(RNG.standard_normal(shape).astype("float32"))
        assert_same(fused[1](x), module(x))
        assert fused[1].bias.requires_grad == fused[0].bias.requires_grad


def test_other_helpers():
    state = rustorch.get_rng_state().tolist()
    layer = rustorch.nn.utils.skip_init(rustorch.nn.Linear, 4, 3, dtype=rustorch.float64)
    assert layer.weight.dtype is rustorch.float64 and rustorch.get_rng_state().tolist() == state
    conv = rustorch.nn.Conv2d(2, 3, 2)
    before = conv.weight.detach().clone()
    assert rustorch.nn.utils.convert_conv2d_weight_memory_format(conv, rustorch.channels_last) is conv
    assert rustorch.equal(conv.weight.detach(), before)
    with pytest.warns(FutureWarning, match="stateless.functional_call"):
        zeros = {"weight": rustorch.zeros(3, 4), "bias": rustorch.ones(3)}
        out = rustorch.nn.utils.stateless.functional_call(rustorch.nn.Linear(4, 3), zeros, rustorch.ones(4))
    assert out.tolist() == [1.0] * 3
    parallel = rustorch.nn.DataParallel(rustorch.nn.Linear(4, 3))
    reference = torch.nn.DataParallel(torch.nn.Linear(4, 3))
    assert repr(parallel) == repr(reference) and list(parallel.state_dict()) == list(reference.state_dict())
    assert parallel(rustorch.ones(2, 4)).shape == (2, 3)


@pytest.mark.parametrize("options", [{}, {"head_bias": True, "div_value": 2.0}], ids=["default", "bias"])
def test_adaptive_log_softmax(options):
    reference, module = pair(lambda lib: lib.nn.AdaptiveLogSoftmaxWithLoss(8, 20, [5, 10, 15], **options))
    x, target = RNG.standard_normal((6, 8)).astype("float32"), np.array([0, 4, 5, 12, 19, 10])
    found = []
    for lib, net in zip(LIBRARIES, (reference, module)):
        leaf = lib.tensor(x).requires_grad_()
        output, loss = net(leaf, lib.tensor(target))
        single = net(lib.tensor(x[0]), lib.tensor(7))
        grads = lib.autograd.grad(loss, [leaf, *net.parameters()], create_graph=True)
        second = lib.autograd.grad(sum((g * g).sum() for g in grads), [leaf])
        found.append([output, loss, *single, *grads, *second, net.log_prob(leaf), net.predict(leaf)])
    for theirs, mine in zip(*found, strict=True):
        assert tuple(mine.shape) == tuple(theirs.shape)
        assert_same(mine, theirs)


def linear(lib, *sizes):
    return lib.nn.Linear(*(sizes or (4, 3)))


ERRORS = [
    lambda lib: lib.nn.utils.parametrize.register_parametrization(linear(lib), "nothing", twice(lib)),
    lambda lib: lib.nn.utils.parametrize.ParametrizationList([], lib.zeros(2)),
    lambda lib: lib.nn.utils.parametrize.register_parametrization(linear(lib), "weight", lib.nn.Flatten(0)),
    lambda lib: lib.nn.utils.parametrize.remove_parametrizations(linear(lib), "weight"),
    lambda lib: lib.nn.utils.parametrize.remove_parametrizations(parametrized(split)(lib), "weight", False),
    lambda lib: setattr(parametrized(twice)(lib), "weight", lib.zeros(3, 3)),
    lambda lib: lib.nn.utils.parametrizations.orthogonal(linear(lib), "bias"),
    lambda lib: lib.nn.utils.parametrizations.orthogonal(linear(lib), "nothing"),
    lambda lib: lib.nn.utils.parametrizations.orthogonal(linear(lib), orthogonal_map="qr"),
    lambda lib: lib.nn.utils.parametrizations.spectral_norm(linear(lib), dim=2),
    lambda lib: lib.nn.utils.parametrizations.spectral_norm(linear(lib), n_power_iterations=0),
    lambda lib: lib.nn.utils.spectral_norm(linear(lib), n_power_iterations=0),
    lambda lib: lib.nn.utils.weight_norm(lib.nn.utils.weight_norm(linear(lib))),
    lambda lib: lib.nn.utils.remove_weight_norm(linear(lib)),
    lambda lib: lib.nn.utils.remove_spectral_norm(linear(lib)),
    lambda lib: lib.nn.utils.prune.l1_unstructured(linear(lib), "weight", amount=1.5),
    lambda lib: lib.nn.utils.prune.l1_unstructured(linear(lib), "weight", amount="x"),
    lambda lib: lib.nn.utils.prune.l1_unstructured(linear(lib), "weight", amount=13),
    lambda lib: lib.nn.utils.prune.ln_structured(linear(lib), "bias", amount=1, n=2, dim=0),
    lambda lib: lib.nn.utils.prune.ln_structured(linear(lib), "weight", amount=1, n=2, dim=2),
    lambda lib: lib.nn.utils.prune.remove(linear(lib), "weight"),
    lambda lib: lib.nn.utils.prune.global_unstructured(3, lib.nn.utils.prune.L1Unstructured, amount=1),
    lambda lib: lib.nn.utils.fuse_conv_bn_eval(CONV(lib), lib.nn.BatchNorm1d(3)),
    lambda lib: lib.nn.utils.fuse_linear_bn_eval(linear(lib).eval(), lib.nn.BatchNorm1d(4).eval()),
    lambda lib: lib.nn.AdaptiveLogSoftmaxWithLoss(8, 20, []),
    lambda lib: lib.nn.AdaptiveLogSoftmaxWithLoss(8, 20, [5, 5]),
    lambda lib: lib.nn.AdaptiveLogSoftmaxWithLoss(8, 20, [5, 20]),
    lambda lib: lib.nn.AdaptiveLogSoftmaxWithLoss(8, 20, [5])(lib.zeros(2, 8), lib.tensor([0, 1, 2])),
    lambda lib: lib.nn.AdaptiveLogSoftmaxWithLoss(8, 20, [5])(lib.zeros(2, 2, 8), lib.tensor([0, 1])),
    lambda lib: lib.nn.AdaptiveLogSoftmaxWithLoss(8, 20, [5])(lib.zeros(2, 8), lib.tensor(1)),
    lambda lib: lib.nn.AdaptiveLogSoftmaxWithLoss(8, 20, [5])(lib.zeros(2, 8), lib.tensor([1, 20])),
]


@pytest.mark.parametrize("call", ERRORS, ids=range(len(ERRORS)))
def test_errors_are_torchs(call):
    assert_same_error(lambda: call(torch), lambda: call(rustorch))

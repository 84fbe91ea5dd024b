"""``Module`` itself: attributes, walking, hooks, saving, moving; each rule against torch."""

import copy
import pickle
import warnings
from collections import OrderedDict

import numpy as np
import pytest
import torch
from nn_oracle import assert_same, assert_same_error, copy_state, ours

import rustorch

BOTH = pytest.mark.parametrize("xp", [torch, rustorch], ids=["torch", "rustorch"])


def tree(xp):
    """A module with nesting, a shared layer, a buffer of each kind and a missing child."""
    nn = xp.nn

    class Tree(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.Linear(3, 3)
            self.block = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3))
            self.again = self.first
            self.none = None
            self.missing = nn.Identity()
            self.missing = None
            self.scale = nn.Parameter(xp.ones(3))
            self.register_parameter("absent", None)
            self.register_buffer("kept", xp.zeros(2))
            self.register_buffer("dropped", xp.zeros(2), persistent=False)

        def forward(self, x):
            return self.again(self.block(self.first(x))) * self.scale

    return Tree()


def names(pairs):
    return [name for name, _ in pairs]


def test_walking_is_torchs():
    mine, reference = tree(rustorch), tree(torch)
    assert repr(mine) == repr(reference)
    assert list(mine.state_dict()) == list(reference.state_dict())
    for method in ("named_parameters", "named_buffers"):
        for options in (
            {},
            {"recurse": False},
            {"prefix": "net"},
            {"remove_duplicate": False},
        ):
            assert names(getattr(mine, method)(**options)) == names(getattr(reference, method)(**options))
    assert names(mine.named_children()) == names(reference.named_children())
    for options in ({}, {"prefix": "net"}, {"remove_duplicate": False}):
        assert names(mine.named_modules(**options)) == names(reference.named_modules(**options))
    assert len(list(mine.modules())) == len(list(reference.modules()))
    assert mine.get_submodule("block.0") is mine.block[0]
    assert mine.get_submodule("") is mine
    assert mine.get_parameter("block.0.weight") is mine.block[0].weight
    assert mine.get_buffer("block.1.running_mean") is mine.block[1].running_mean
    mine.set_submodule("block.0", rustorch.nn.Linear(3, 3, bias=False))
    assert mine.block[0].bias is None
    assert {"first", "scale", "kept"} <= set(dir(mine))


def outside_init(xp):
    class Early(xp.nn.Module):
        def __init__(self, value):
            self.value = value

    return Early


class NotAModule:
    pass


ERRORS = {
    "no forward": lambda xp: xp.nn.Module()(1),
    "unknown attribute": lambda xp: tree(xp).nothing,
    "parameter before init": lambda xp: outside_init(xp)(xp.nn.Parameter(xp.ones(1))),
    "module before init": lambda xp: outside_init(xp)(xp.nn.ReLU()),
    "keyword to init": lambda xp: xp.nn.Module(a=1),
    "argument to init": lambda xp: xp.nn.Module(1),
    "tensor as parameter": lambda xp: setattr(tree(xp), "scale", xp.ones(3)),
    "number as parameter": lambda xp: setattr(tree(xp), "scale", 1),
    "number as module": lambda xp: setattr(tree(xp), "first", 1),
    "number as buffer": lambda xp: setattr(tree(xp), "kept", 1),
    "register tensor as parameter": lambda xp: tree(xp).register_parameter("a", xp.ones(1)),
    "non-leaf parameter": lambda xp: tree(xp).register_parameter("a", xp.nn.Parameter(xp.ones(1)) * 1),
    "parameter name type": lambda xp: tree(xp).register_parameter(1, None),
    "parameter name dot": lambda xp: tree(xp).register_parameter("a.b", None),
    "parameter name empty": lambda xp: tree(xp).register_parameter("", None),
    "parameter name taken": lambda xp: tree(xp).register_parameter("first", None),
    "buffer type": lambda xp: tree(xp).register_buffer("a", 1),
    "buffer name type": lambda xp: tree(xp).register_buffer(1, None),
    "buffer name dot": lambda xp: tree(xp).register_buffer("a.b", None),
    "buffer name empty": lambda xp: tree(xp).register_buffer("", None),
    "buffer name taken": lambda xp: tree(xp).register_buffer("forward", None),
    "module type": lambda xp: tree(xp).add_module("a", 1),
    "module name type": lambda xp: tree(xp).add_module(1, xp.nn.ReLU()),
    "module name dot": lambda xp: tree(xp).add_module("a.b", xp.nn.ReLU()),
    "module name empty": lambda xp: tree(xp).add_module("", xp.nn.ReLU()),
    "module name taken": lambda xp: tree(xp).add_module("scale", xp.nn.ReLU()),
    "no submodule": lambda xp: tree(xp).get_submodule("block.7"),
    "not a submodule": lambda xp: tree(xp).get_submodule("scale.x"),
    "no parameter": lambda xp: tree(xp).get_parameter("first.none"),
    "not a parameter": lambda xp: tree(xp).get_parameter("kept"),
    "no buffer": lambda xp: tree(xp).get_buffer("none_such"),
    "not a buffer": lambda xp: tree(xp).get_buffer("scale"),
    "set_submodule empty": lambda xp: tree(xp).set_submodule("", xp.nn.ReLU()),
    "train mode": lambda xp: tree(xp).train(1),
    "to integer": lambda xp: tree(xp).to(xp.int32),
    "load non-mapping": lambda xp: tree(xp).load_state_dict([]),
    "load missing and unexpected": lambda xp: tree(xp).load_state_dict({"x": 1, "first.y": 2}),
    "load wrong sizes": lambda xp: xp.nn.Linear(2, 2).load_state_dict({"weight": xp.ones(3, 2), "bias": xp.ones(3)}),
    "load non-tensor": lambda xp: xp.nn.Linear(2, 2, bias=False).load_state_dict({"weight": 1}),
    "mixed backward hooks": lambda xp: [
        (m.register_full_backward_hook(print), m.register_backward_hook(print)) for m in [xp.nn.ReLU()]
    ],
    "pre-hook result": lambda xp: hooked(xp, lambda m, a, k: 1, with_kwargs=True)(xp.ones(1)),
    "sequential index": lambda xp: xp.nn.Sequential(xp.nn.ReLU())[3],
    "sequential insert": lambda xp: xp.nn.Sequential().insert(2, xp.nn.ReLU()),
    "sequential times": lambda xp: xp.nn.Sequential() * 0,
    "sequential plus": lambda xp: xp.nn.Sequential() + 1,
    "modulelist extend": lambda xp: xp.nn.ModuleList().extend(1),
    "modulelist index": lambda xp: xp.nn.ModuleList()[0],
    "moduledict update": lambda xp: xp.nn.ModuleDict().update(1),
    "parameterlist index": lambda xp: xp.nn.ParameterList()[0],
    "parameterlist extend": lambda xp: xp.nn.ParameterList().extend(1),
    "parameterlist call": lambda xp: xp.nn.ParameterList()(),
    "bilinear size": lambda xp: xp.nn.Bilinear(0, 1, 1),
    "conv groups": lambda xp: xp.nn.Conv2d(3, 4, 1, groups=2),
    "conv groups out": lambda xp: xp.nn.Conv2d(4, 3, 1, groups=2),
    "conv groups positive": lambda xp: xp.nn.Conv2d(4, 3, 1, groups=0),
    "conv same stride": lambda xp: xp.nn.Conv2d(4, 4, 1, padding="same", stride=2),
    "conv transpose mode": lambda xp: xp.nn.ConvTranspose2d(4, 4, 1, padding_mode="reflect"),
    "conv transpose size": lambda xp: xp.nn.ConvTranspose1d(1, 1, 3, stride=2)(xp.ones(1, 1, 3), output_size=(20,)),
    "dropout p": lambda xp: xp.nn.Dropout(1.5),
    "functional dropout p": lambda xp: xp.nn.functional.dropout(xp.ones(1), -1.0),
    "dropout1d rank": lambda xp: xp.nn.functional.dropout1d(xp.ones(1)),
    "embedding padding": lambda xp: xp.nn.Embedding(3, 2, padding_idx=3),
    "embedding weight": lambda xp: xp.nn.Embedding(3, 2, _weight=xp.ones(2, 2)),
    "embedding_bag mode": lambda xp: xp.nn.EmbeddingBag(3, 2, mode="x")(xp.zeros(1, 1, dtype=xp.int64)),
    "batchnorm rank": lambda xp: xp.nn.BatchNorm2d(3)(xp.ones(2, 3)),
    "batchnorm single": lambda xp: xp.nn.BatchNorm1d(3)(xp.ones(1, 3)),
    "instancenorm rank": lambda xp: xp.nn.InstanceNorm2d(3)(xp.ones(2, 3)),
    "instancenorm single": lambda xp: xp.nn.InstanceNorm1d(3)(xp.ones(2, 3, 1)),
    "groupnorm groups": lambda xp: xp.nn.GroupNorm(2, 3),
    "lrn rank": lambda xp: xp.nn.LocalResponseNorm(2)(xp.ones(2, 3)),
    "softmax2d rank": lambda xp: xp.nn.Softmax2d()(xp.ones(2)),
    "hardtanh limits": lambda xp: xp.nn.Hardtanh(1.0, 0.0),
    "unflatten": lambda xp: xp.nn.Unflatten(1, 3),
    "attention heads": lambda xp: xp.nn.MultiheadAttention(5, 2),
    "attention sizes": lambda xp: xp.nn.MultiheadAttention(0, 2),
    "attention mask shape": lambda xp: xp.nn.MultiheadAttention(4, 2)(*[xp.ones(3, 1, 4)] * 3, attn_mask=xp.ones(2, 2)),
    "attention causal": lambda xp: xp.nn.MultiheadAttention(4, 2)(*[xp.ones(3, 1, 4)] * 3, is_causal=True),
    "attention ranks": lambda xp: xp.nn.MultiheadAttention(4, 2)(xp.ones(4), xp.ones(4), xp.ones(4)),
    "multi-margin p": lambda xp: xp.nn.MultiMarginLoss(p=3),
    "triplet margin": lambda xp: xp.nn.TripletMarginLoss(margin=0),
    "reduction": lambda xp: xp.nn.functional.poisson_nll_loss(xp.ones(1), xp.ones(1), reduction="some"),
    "bce sizes": lambda xp: xp.nn.BCELoss()(xp.ones(2), xp.ones(3)),
    "bce logits sizes": lambda xp: xp.nn.BCEWithLogitsLoss()(xp.ones(2), xp.ones(3)),
    "gaussian variance": lambda xp: xp.nn.GaussianNLLLoss()(xp.ones(2), xp.ones(2), -xp.ones(2)),
    "huber delta": lambda xp: xp.nn.HuberLoss(delta=0)(xp.ones(2), xp.ones(2)),
    "margin ranking sizes": lambda xp: xp.nn.MarginRankingLoss()(xp.ones(2), xp.ones(2), xp.ones(2, 2)),
}


def hooked(xp, hook, **options):
    module = xp.nn.ReLU()
    module.register_forward_pre_hook(hook, **options)
    return module


@pytest.mark.parametrize("call", ERRORS.values(), ids=ERRORS)
def test_errors(call):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert_same_error(lambda: call(torch), lambda: call(rustorch))


def forward_log(xp):
    """Every kind of forward hook, and what it saw, in the order of running."""
    log = []
    module = xp.nn.ReLU()
    x = xp.tensor([1.0, -2.0])
    handles = [
        module.register_forward_pre_hook(lambda m, a: log.append(("pre", len(a)))),
        module.register_forward_pre_hook(lambda m, a: (a[0] * 2,), prepend=True),
        module.register_forward_pre_hook(lambda m, a, k: log.append(("pre kwargs", dict(k))), with_kwargs=True),
        module.register_forward_hook(lambda m, a, o: o + 1),
        module.register_forward_hook(lambda m, a, o: log.append(("post", o.tolist()))),
        module.register_forward_hook(
            lambda m, a, k, o: log.append(("first", o.tolist())), prepend=True, with_kwargs=True
        ),
        xp.nn.modules.module.register_module_forward_pre_hook(
            lambda m, a: log.append(("global pre", type(m).__name__))
        ),
        xp.nn.modules.module.register_module_forward_hook(lambda m, a, o: log.append(("global post", o.tolist()))),
    ]
    try:
        log.append(module(x).tolist())
    finally:
        for handle in handles:
            handle.remove()
            handle.remove()
    log.append(module(x).tolist())
    with module.register_forward_hook(lambda m, a, o: o * 0):
        log.append(module(x).tolist())
    log.append(module(x).tolist())
    return log


def failing_log(xp):
    """An always-call hook runs when ``forward`` raises."""
    log = []

    class Fails(xp.nn.Module):
        def forward(self, x):
            raise ValueError("no")

    module = Fails()
    module.register_forward_hook(lambda m, a, o: log.append("usual"))
    module.register_forward_hook(lambda m, a, o: log.append(("always", o)), always_call=True)
    with pytest.raises(ValueError, match="no"):
        module(1)
    return log


def backward_log(xp):
    """Full backward hooks of a layer with two inputs, one of them not differentiated."""
    log = []

    class Product(xp.nn.Module):
        def forward(self, a, b):
            return a * b, a + b

    def seen(name):
        def hook(module, grad_input, grad_output):
            as_list = [None if g is None else g.tolist() for g in (*grad_input, *grad_output)]
            log.append((name, as_list))

        return hook

    module = Product()
    module.register_full_backward_hook(seen("one"))
    module.register_full_backward_hook(lambda m, gi, go: tuple(g and g * 10 if g is None else g * 10 for g in gi))
    module.register_full_backward_hook(seen("first"), prepend=True)
    module.register_full_backward_pre_hook(lambda m, go: tuple(g * 3 for g in go))
    a = xp.tensor([1.0, 2.0], requires_grad=True)
    b = xp.tensor([3.0, 4.0])
    product, total = module(a, b)
    (product.sum() + (total * 2).sum()).backward()
    log.append(a.grad.tolist())

    layer = xp.nn.ReLU()
    layer.register_full_backward_hook(seen("global-ish"))
    x = xp.tensor([1.0], requires_grad=True)
    layer(x).sum().backward()
    linear = xp.nn.Linear(1, 1, bias=False)
    linear.register_full_backward_hook(seen("no input"))
    linear(xp.ones(1)).sum().backward()
    log.append(linear.weight.grad.tolist())
    return log


def state_dict_log(xp):
    """State-dict hooks of every kind, extra state, strictness, assign."""
    log = []

    class Extra(xp.nn.Linear):
        def get_extra_state(self):
            return {"version": 7}

        def set_extra_state(self, state):
            log.append(state)

    model = xp.nn.Sequential(Extra(1, 1), xp.nn.Linear(1, 1, bias=False))
    model[0].register_state_dict_pre_hook(lambda m, prefix, keep: log.append(("pre", prefix, keep)))
    model.register_state_dict_post_hook(lambda m, sd, prefix, meta: log.append(("post", list(sd))))
    state = model.state_dict()
    log.append((list(state), dict(state._metadata)))
    log.append(list(model.state_dict(prefix="a.", keep_vars=True)))
    model.register_load_state_dict_pre_hook(
        lambda m, sd, prefix, meta, strict, missing, unexpected, errors: sd.pop("1.weight")
    )
    model.register_load_state_dict_post_hook(lambda m, keys: log.append(("post load", repr(keys))))
    log.append(repr(model.load_state_dict(state, strict=False)))
    plain = xp.nn.Linear(1, 1)
    log.append(repr(plain.load_state_dict(plain.state_dict())))
    weight, fresh = plain.weight, {"weight": xp.zeros(1, 1), "bias": xp.zeros(1)}
    plain.load_state_dict(fresh)
    log.append((plain.weight is weight, plain.weight.tolist()))
    plain.load_state_dict(fresh, assign=True)
    log.append((plain.weight is weight, plain.weight.requires_grad, type(plain.weight).__name__))
    plain.load_state_dict({"weight": xp.ones(1, 1)}, strict=False)
    log.append(plain.weight.tolist())
    scalar = xp.nn.Module()
    scalar.register_buffer("x", xp.tensor(0.0))
    scalar.load_state_dict({"x": xp.tensor([5.0])})
    log.append(scalar.x.tolist())
    return log


def registration_log(xp):
    log = []
    module = xp.nn.modules.module
    handles = [
        module.register_module_parameter_registration_hook(lambda m, n, v: log.append(("p", n))),
        module.register_module_buffer_registration_hook(lambda m, n, v: log.append(("b", n))),
        module.register_module_module_registration_hook(lambda m, n, v: log.append(("m", n))),
    ]
    try:
        xp.nn.Sequential(xp.nn.Linear(1, 1), xp.nn.BatchNorm1d(1))
    finally:
        for handle in handles:
            handle.remove()
    return [entry for entry in log if entry[0] != "b"]


def container_log(xp):
    nn = xp.nn
    layers = [nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1)]
    model = nn.Sequential(*layers)
    log = [repr(model), repr(model[1:]), repr(model[-1]), len(model), list(model.state_dict())]
    model.insert(1, nn.Tanh())
    model.append(nn.ReLU())
    model += nn.Sequential(nn.Sigmoid())
    log.append(repr(model + nn.Sequential(nn.Tanh())))
    log.append(repr(nn.Sequential(nn.ReLU()) * 2))
    log.append(repr(model.pop(-1)))
    del model[0]
    model[0] = nn.GELU()
    log.append(repr(model))
    log.append(repr(nn.Sequential(OrderedDict(a=nn.ReLU(), b=nn.Tanh()))))
    listed = nn.ModuleList([nn.Linear(2, 2) for _ in range(3)] + [nn.ReLU()])
    listed.insert(0, nn.Tanh())
    log += [repr(listed), repr(listed[1:3]), repr(nn.ModuleList()), list(listed.state_dict())]
    listed += [nn.ReLU()]
    log += [repr(listed + listed[:1]), repr(listed.pop(0)), len(listed)]
    named = nn.ModuleDict({"b": nn.ReLU(), "a": nn.Tanh()})
    named.update([("c", nn.Sequential(nn.ReLU()))])
    log += [repr(named), list(named), "a" in named, repr(named.pop("a")), list(named.keys())]
    values = nn.ParameterList([xp.zeros(2), xp.zeros(1, 3)])
    values.append(xp.zeros(1, dtype=xp.float64))
    log += [repr(values), list(values.state_dict()), len(values[1:]), len(list(values.parameters()))]
    table = nn.ParameterDict({"x": xp.zeros(2), "y": xp.zeros(1)})
    table["z"] = xp.zeros(3)
    log += [repr(table), list(table), list(table.state_dict()), len(table | {"w": xp.zeros(1)})]
    table.pop("x")
    log += [list(table.keys()), table.get("none"), table.popitem()[0]]
    return log


@pytest.mark.parametrize(
    "log",
    [
        forward_log,
        failing_log,
        backward_log,
        state_dict_log,
        registration_log,
        container_log,
    ],
)
def test_same_log(log):
    expected = log(torch)
    assert log(rustorch) == expected


def test_parameter():
    p = rustorch.nn.Parameter(rustorch.tensor([1.0, 2.0]))
    assert repr(p) == repr(torch.nn.Parameter(torch.tensor([1.0, 2.0])))
    assert p.requires_grad and p.is_leaf and isinstance(p, rustorch.Tensor)
    assert not rustorch.nn.Parameter(rustorch.zeros(1), requires_grad=False).requires_grad
    base = rustorch.zeros(2)
    rustorch.nn.Parameter(base).data.fill_(3.0)
    assert base.tolist() == [3.0, 3.0]
    for made in (copy.deepcopy(p), pickle.loads(pickle.dumps(p))):
        assert type(made) is rustorch.nn.Parameter and made is not p and made.requires_grad
        assert made.tolist() == [1.0, 2.0]
    assert rustorch.nn.Parameter().numel() == 0


def test_buffer():
    module = rustorch.nn.Module()
    module.kept = rustorch.nn.Buffer(rustorch.zeros(2))
    module.dropped = rustorch.nn.Buffer(rustorch.zeros(2), persistent=False)
    assert list(module.state_dict()) == ["kept"] and len(list(module.buffers())) == 2


def test_copy_and_pickle():
    model = rustorch.nn.Sequential(rustorch.nn.Linear(2, 2), rustorch.nn.BatchNorm1d(2))
    x = rustorch.randn(4, 2)
    expected = model(x)
    for made in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert made[0].weight is not model[0].weight
        assert_same(made.eval()(x), copy.deepcopy(model).eval()(x))
    assert expected.shape == x.shape
    shared = rustorch.nn.Sequential(rustorch.nn.Linear(2, 2))
    shared.append(shared[0])
    copied = copy.deepcopy(shared)
    assert copied[0] is copied[1] and copied[0] is not shared[0]


def test_conversions_keep_identity_and_share():
    model = tree(rustorch)
    weight, optimizer_view = model.first.weight, [*model.parameters()]
    x = rustorch.randn(4, 3)
    model(x).sum().backward()
    assert model.double() is model
    assert model.first.weight is weight and weight.dtype is rustorch.float64
    assert weight.grad.dtype is rustorch.float64
    assert model.block[1].num_batches_tracked.dtype is rustorch.int64
    assert [*map(id, model.parameters())] == [*map(id, optimizer_view)]
    model.to(rustorch.float32).to("cpu").to(x).to("cpu", rustorch.bfloat16)
    assert weight.dtype is rustorch.bfloat16
    model.float().half()
    assert model.kept.dtype is rustorch.float16
    assert model.to_empty(device="cpu") is model
    model.requires_grad_(False)
    assert not any(p.requires_grad for p in model.parameters())
    assert model.eval().training is False and model.block[1].training is False
    seen = []
    model.apply(lambda m: seen.append(type(m).__name__))
    assert seen == ["Linear", "Linear", "BatchNorm1d", "Sequential", "Tree"]


def test_padding_words():
    # torch prints a set, whose order changes from run to run
    with pytest.raises(ValueError, match="Invalid padding string 'some', should be one of"):
        rustorch.nn.Conv2d(4, 4, 1, padding="some")
    with pytest.raises(ValueError, match="padding_mode must be one of"):
        rustorch.nn.Conv2d(4, 4, 1, padding_mode="some")


def test_zero_grad():
    layer = rustorch.nn.Linear(1, 1)
    layer(rustorch.ones(1)).sum().backward()
    layer.zero_grad(set_to_none=False)
    assert layer.weight.grad.tolist() == [[0.0]]
    layer.zero_grad()
    assert layer.weight.grad is None


def test_old_batchnorm_checkpoint_loads():
    state = {name: rustorch.ones(2) for name in ("weight", "bias", "running_mean", "running_var")}
    rustorch.nn.BatchNorm1d(2).load_state_dict(state)


def test_sync_batchnorm_conversion():
    model = rustorch.nn.Sequential(rustorch.nn.Linear(2, 2), rustorch.nn.BatchNorm1d(2))
    converted = rustorch.nn.SyncBatchNorm.convert_sync_batchnorm(model)
    assert type(converted[1]).__name__ == "SyncBatchNorm"
    assert converted[1].weight is model[1].weight


@BOTH
def test_positional_bias_and_unbatched_input(xp):
    layer = xp.nn.Linear(2, 4, True)
    assert layer(xp.ones(2)).shape == (4,)
    assert xp.nn.Conv2d(1, 2, 2)(xp.ones(1, 3, 3)).shape == (2, 2, 2)


def test_a_training_run_is_torchs():
    def run(xp, model, x, y):
        losses = []
        optimizer = xp.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        for _ in range(4):
            optimizer.zero_grad()
            loss = xp.nn.functional.cross_entropy(model(x), y)
            loss.backward()
            xp.nn.utils.clip_grad_norm_(model.parameters(), 0.5)
            optimizer.step()
            losses.append(loss.item())
        return losses

    def build(nn):
        return nn.Sequential(
            nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(16, 3)
        )

    rng = np.random.default_rng(0)
    x = rng.standard_normal((8, 1, 6, 6)).astype("float32")
    y = rng.integers(0, 3, 8)
    reference, mine = build(torch.nn), build(rustorch.nn)
    copy_state(reference, mine)
    expected = run(torch, reference, torch.tensor(x), torch.tensor(y))
    np.testing.assert_allclose(run(rustorch, mine, ours(x), ours(y)), expected, rtol=1e-4)
    for (key, value), own in zip(reference.state_dict().items(), mine.state_dict().values()):
        np.testing.assert_allclose(own.numpy(), value.numpy(), rtol=1e-3, atol=1e-5, err_msg=key)


def test_global_hooks_under_their_private_names():
    ours_, theirs = rustorch.nn.modules.module, torch.nn.modules.module
    names = [n for n in dir(theirs) if n.startswith("_global_") and n != "_global_is_full_backward_hook"]
    assert all(isinstance(getattr(ours_, n), dict) for n in names) and not ours_._has_any_global_hook()
    handle = ours_.register_module_forward_hook(lambda *_: None)
    assert len(ours_._global_forward_hooks) == 1 and ours_._has_any_global_hook()
    handle.remove()
    assert rustorch.nn.Identity()._wrapped_call_impl(3) == 3

"""Every layer against torch: repr, state-dict keys, initial shapes, forward and gradients."""

import warnings

import numpy as np
import pytest
import torch
from nn_oracle import compare_layer, copy_state

import rustorch

RNG = np.random.default_rng(0)


def f(*shape):
    """A float input."""
    return ("float", shape)


def p(*shape):
    """A float input without ties or zeros, in (0.1, 0.9)."""
    return ("unit", shape)


def i(high, *shape):
    """An integer input below ``high``."""
    return ("int", shape, high)


def made(spec):
    kind, shape, *rest = spec
    if kind == "int":
        return RNG.integers(0, rest[0], shape)
    if kind == "unit":
        return RNG.uniform(0.1, 0.9, shape).astype("float32")
    return RNG.standard_normal(shape).astype("float32")


IMAGE = f(2, 4, 6, 6)
SEQUENCE = f(2, 4, 6)
VOLUME = f(2, 4, 4, 4, 4)
ROWS = f(3, 4)

# (constructor, inputs, evaluation mode)
LAYERS = [
    (lambda nn: nn.Identity(54, unused=1), [ROWS], False),
    (lambda nn: nn.Linear(4, 5), [ROWS], False),
    (lambda nn: nn.Linear(4, 5, bias=False), [f(2, 3, 4)], False),
    (lambda nn: nn.Bilinear(4, 4, 3), [ROWS, ROWS], False),
    (lambda nn: nn.Conv1d(4, 6, 3), [SEQUENCE], False),
    (lambda nn: nn.Conv1d(4, 6, 3, padding=2, dilation=2, groups=2, bias=False), [SEQUENCE], False),
    (lambda nn: nn.Conv2d(4, 6, 3), [IMAGE], False),
    (lambda nn: nn.Conv2d(4, 6, (3, 2), stride=2, padding=(1, 0)), [IMAGE], False),
    (lambda nn: nn.Conv2d(4, 6, 4, padding="same"), [IMAGE], False),
    (lambda nn: nn.Conv2d(4, 6, 3, padding="valid"), [IMAGE], False),
    (lambda nn: nn.Conv2d(4, 6, 3, padding=1, padding_mode="reflect"), [IMAGE], False),
    (lambda nn: nn.Conv2d(4, 6, 3, padding=1, padding_mode="replicate"), [IMAGE], False),
    (lambda nn: nn.Conv2d(4, 6, 4, padding="same", padding_mode="circular"), [IMAGE], False),
    (lambda nn: nn.Conv3d(4, 2, 2), [VOLUME], False),
    (lambda nn: nn.ConvTranspose1d(4, 2, 3, stride=2), [SEQUENCE], False),
    (lambda nn: nn.ConvTranspose2d(4, 2, 3, stride=2, padding=1, output_padding=1), [IMAGE], False),
    (lambda nn: nn.ConvTranspose3d(4, 2, 2, groups=2), [VOLUME], False),
    (lambda nn: nn.BatchNorm1d(4), [ROWS], False),
    (lambda nn: nn.BatchNorm1d(4), [SEQUENCE], True),
    (lambda nn: nn.BatchNorm2d(4), [IMAGE], False),
    (lambda nn: nn.BatchNorm2d(4, momentum=None), [IMAGE], False),
    (lambda nn: nn.BatchNorm2d(4, affine=False), [IMAGE], False),
    (lambda nn: nn.BatchNorm2d(4, track_running_stats=False), [IMAGE], True),
    (lambda nn: nn.BatchNorm3d(4), [VOLUME], False),
    (lambda nn: nn.InstanceNorm1d(4), [SEQUENCE], False),
    (lambda nn: nn.InstanceNorm2d(4, affine=True, track_running_stats=True), [IMAGE], False),
    (lambda nn: nn.InstanceNorm3d(4), [VOLUME], False),
    (lambda nn: nn.LayerNorm(4), [ROWS], False),
    (lambda nn: nn.LayerNorm((6, 6), bias=False), [IMAGE], False),
    (lambda nn: nn.LayerNorm(4, elementwise_affine=False), [ROWS], False),
    (lambda nn: nn.RMSNorm(4), [ROWS], False),
    (lambda nn: nn.GroupNorm(2, 4), [IMAGE], False),
    (lambda nn: nn.GroupNorm(4, 4, affine=False), [SEQUENCE], False),
    (lambda nn: nn.LocalResponseNorm(3), [IMAGE], False),
    (lambda nn: nn.Dropout(0.3), [ROWS], True),
    (lambda nn: nn.Dropout1d(), [SEQUENCE], True),
    (lambda nn: nn.Dropout2d(0.25), [IMAGE], True),
    (lambda nn: nn.Dropout3d(), [VOLUME], True),
    (lambda nn: nn.AlphaDropout(), [ROWS], True),
    (lambda nn: nn.FeatureAlphaDropout(), [ROWS], True),
    (lambda nn: nn.Embedding(10, 4), [i(10, 2, 3)], False),
    (lambda nn: nn.Embedding(10, 4, padding_idx=-1), [i(10, 2, 3)], False),
    (lambda nn: nn.Embedding(10, 4, max_norm=1.0), [i(10, 2, 3)], False),
    (lambda nn: nn.EmbeddingBag(10, 4), [i(10, 2, 3)], False),
    (lambda nn: nn.EmbeddingBag(10, 4, mode="sum", padding_idx=3), [i(10, 2, 3)], False),
    (lambda nn: nn.EmbeddingBag(10, 4, mode="max"), [i(10, 2, 3)], False),
    (lambda nn: nn.MaxPool1d(2), [SEQUENCE], False),
    (lambda nn: nn.MaxPool2d(3, stride=2, padding=1), [IMAGE], False),
    (lambda nn: nn.MaxPool2d(2, return_indices=True), [IMAGE], False),
    (lambda nn: nn.MaxPool2d(3, stride=2, ceil_mode=True), [IMAGE], False),
    (lambda nn: nn.MaxPool3d(2), [VOLUME], False),
    (lambda nn: nn.AvgPool1d(2), [SEQUENCE], False),
    (lambda nn: nn.AvgPool2d(3, stride=2, padding=1), [IMAGE], False),
    (lambda nn: nn.AvgPool2d(3, padding=1, count_include_pad=False), [IMAGE], False),
    (lambda nn: nn.AvgPool3d(2), [VOLUME], False),
    (lambda nn: nn.LPPool2d(2, 2), [IMAGE], False),
    (lambda nn: nn.AdaptiveAvgPool1d(4), [SEQUENCE], False),
    (lambda nn: nn.AdaptiveAvgPool2d((3, None)), [IMAGE], False),
    (lambda nn: nn.AdaptiveAvgPool2d(1), [IMAGE], False),
    (lambda nn: nn.AdaptiveMaxPool2d((4, 3)), [IMAGE], False),
    (lambda nn: nn.Flatten(), [IMAGE], False),
    (lambda nn: nn.Unflatten(1, (2, 2)), [IMAGE], False),
    (lambda nn: nn.ConstantPad1d(1, 2.0), [SEQUENCE], False),
    (lambda nn: nn.ZeroPad2d((1, 0, 2, 1)), [IMAGE], False),
    (lambda nn: nn.ReflectionPad2d(2), [IMAGE], False),
    (lambda nn: nn.ReplicationPad2d(2), [IMAGE], False),
    (lambda nn: nn.CircularPad2d(2), [IMAGE], False),
    (lambda nn: nn.PixelShuffle(2), [IMAGE], False),
    (lambda nn: nn.PixelUnshuffle(2), [IMAGE], False),
    (lambda nn: nn.ChannelShuffle(2), [IMAGE], False),
    (lambda nn: nn.Upsample(scale_factor=2), [IMAGE], False),
    (lambda nn: nn.Upsample(size=(9, 5), mode="bilinear"), [IMAGE], False),
    (lambda nn: nn.Unfold(2), [IMAGE], False),
    (lambda nn: nn.Fold((4, 4), 2), [f(2, 4, 9)], False),
    (lambda nn: nn.CosineSimilarity(), [ROWS, ROWS], False),
    (lambda nn: nn.PairwiseDistance(), [ROWS, ROWS], False),
    (lambda nn: nn.ReLU(), [ROWS], False),
    (lambda nn: nn.ReLU(inplace=True), [ROWS], None),
    (lambda nn: nn.ReLU6(), [ROWS], False),
    (lambda nn: nn.ELU(0.5), [ROWS], False),
    (lambda nn: nn.SELU(), [ROWS], False),
    (lambda nn: nn.CELU(0.5), [ROWS], False),
    (lambda nn: nn.GELU(), [ROWS], False),
    (lambda nn: nn.GELU("tanh"), [ROWS], False),
    (lambda nn: nn.SiLU(), [ROWS], False),
    (lambda nn: nn.Mish(), [ROWS], False),
    (lambda nn: nn.Hardswish(), [ROWS], False),
    (lambda nn: nn.Hardsigmoid(), [ROWS], False),
    (lambda nn: nn.Hardtanh(-0.5, 0.5), [ROWS], False),
    (lambda nn: nn.Hardshrink(), [ROWS], False),
    (lambda nn: nn.Softshrink(), [ROWS], False),
    (lambda nn: nn.Tanhshrink(), [ROWS], False),
    (lambda nn: nn.Softsign(), [ROWS], False),
    (lambda nn: nn.Softplus(2.0, 1.0), [ROWS], False),
    (lambda nn: nn.Sigmoid(), [ROWS], False),
    (lambda nn: nn.LogSigmoid(), [ROWS], False),
    (lambda nn: nn.Tanh(), [ROWS], False),
    (lambda nn: nn.Threshold(0.1, 20.0), [ROWS], False),
    (lambda nn: nn.LeakyReLU(0.2), [ROWS], False),
    (lambda nn: nn.RReLU(), [ROWS], True),
    (lambda nn: nn.PReLU(), [ROWS], False),
    (lambda nn: nn.PReLU(4), [IMAGE], False),
    (lambda nn: nn.GLU(), [ROWS], False),
    (lambda nn: nn.Softmax(dim=1), [ROWS], False),
    (lambda nn: nn.LogSoftmax(dim=-1), [ROWS], False),
    (lambda nn: nn.Softmin(dim=0), [ROWS], False),
    (lambda nn: nn.Softmax2d(), [IMAGE], False),
    (lambda nn: nn.L1Loss(), [ROWS, ROWS], False),
    (lambda nn: nn.MSELoss(), [ROWS, ROWS], False),
    (lambda nn: nn.MSELoss(reduction="none"), [ROWS, ROWS], False),
    (lambda nn: nn.SmoothL1Loss(beta=0.5), [ROWS, ROWS], False),
    (lambda nn: nn.HuberLoss(delta=0.5, reduction="sum"), [ROWS, ROWS], False),
    (lambda nn: nn.BCELoss(), [p(3, 4), p(3, 4)], False),
    (lambda nn: nn.BCEWithLogitsLoss(), [ROWS, p(3, 4)], False),
    (lambda nn: nn.KLDivLoss(reduction="batchmean"), [ROWS, p(3, 4)], False),
    (lambda nn: nn.KLDivLoss(reduction="sum", log_target=True), [ROWS, ROWS], False),
    (lambda nn: nn.PoissonNLLLoss(full=True), [ROWS, p(3, 4)], False),
    (lambda nn: nn.GaussianNLLLoss(full=True), [ROWS, ROWS, p(3, 4)], False),
    (lambda nn: nn.SoftMarginLoss(), [ROWS, i(2, 3, 4)], False),
    (lambda nn: nn.CrossEntropyLoss(), [ROWS, i(4, 3)], False),
    (lambda nn: nn.CrossEntropyLoss(label_smoothing=0.1, ignore_index=1), [ROWS, i(4, 3)], False),
    (lambda nn: nn.CrossEntropyLoss(reduction="none"), [IMAGE, i(4, 2, 6, 6)], False),
    (lambda nn: nn.CrossEntropyLoss(), [ROWS, p(3, 4)], False),
    (lambda nn: nn.NLLLoss(reduction="sum"), [ROWS, i(4, 3)], False),
    (lambda nn: nn.MultiLabelSoftMarginLoss(), [ROWS, p(3, 4)], False),
    (lambda nn: nn.MultiLabelMarginLoss(), [ROWS, i(4, 3, 4)], False),
    (lambda nn: nn.MultiMarginLoss(p=2), [ROWS, i(4, 3)], False),
    (lambda nn: nn.MarginRankingLoss(0.5), [f(3), f(3), f(3)], False),
    (lambda nn: nn.HingeEmbeddingLoss(), [ROWS, ROWS], False),
    (lambda nn: nn.TripletMarginLoss(swap=True), [ROWS, ROWS, ROWS], False),
    (lambda nn: nn.TripletMarginWithDistanceLoss(), [ROWS, ROWS, ROWS], False),
    (lambda nn: nn.MultiheadAttention(4, 2), [f(3, 2, 4)] * 3, False),
    (lambda nn: nn.MultiheadAttention(4, 2, batch_first=True, bias=False), [f(2, 3, 4)] * 3, False),
    (
        lambda nn: nn.MultiheadAttention(4, 2, add_bias_kv=True, add_zero_attn=True, kdim=3, vdim=5),
        [f(3, 2, 4), f(6, 2, 3), f(6, 2, 5)],
        False,
    ),
    (lambda nn: nn.MultiheadAttention(4, 2), [f(3, 4)] * 3, False),
]


BLOCKS = [
    lambda nn, **o: nn.TransformerEncoderLayer(8, 2, 12, **o),
    lambda nn, **o: nn.TransformerDecoderLayer(8, 2, 12, **o),
    lambda nn, **o: nn.Transformer(8, 2, 1, 2, 12, **o),
    lambda nn, **o: nn.TransformerEncoder(
        nn.TransformerEncoderLayer(8, 2, 12, **o), 2, nn.LayerNorm(8), enable_nested_tensor=False
    ),
]
OPTIONS = [{}, {"norm_first": True, "activation": "gelu", "batch_first": True, "bias": False}]


@pytest.mark.parametrize("options", OPTIONS, ids=["default", "norm first"])
@pytest.mark.parametrize("make", BLOCKS, ids=["encoder layer", "decoder layer", "transformer", "encoder"])
def test_transformer(make, options):
    options = {"dropout": 0.0, **options}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        reference, module = make(torch.nn, **options), make(rustorch.nn, **options)
    assert repr(module) == repr(reference)
    copy_state(reference, module)
    inputs = [made(f(3, 2, 8))]
    if not type(module).__name__.startswith("TransformerEncoder"):
        inputs.append(made(f(3, 2, 8)))
    compare_layer(reference, module, inputs, 5e-5)


def test_subsequent_mask():
    mask = rustorch.nn.Transformer.generate_square_subsequent_mask(3)
    assert mask.tolist() == torch.nn.Transformer.generate_square_subsequent_mask(3).tolist()


def _name(case):
    return repr(case[0](torch.nn)).split("\n")[0]


@pytest.mark.parametrize("make, inputs, evaluate", LAYERS, ids=map(_name, LAYERS))
def test_layer(make, inputs, evaluate):
    reference, module = make(torch.nn), make(rustorch.nn)
    assert repr(module) == repr(reference)
    state, own = reference.state_dict(), module.state_dict()
    assert list(own) == list(state)
    assert own._metadata == state._metadata
    for key in state:
        assert tuple(own[key].shape) == tuple(state[key].shape)
        assert str(own[key].dtype) == str(state[key].dtype)
    copy_state(reference, module)
    if evaluate:
        reference.eval(), module.eval()
    if evaluate is None:  # in place: the input must not be a leaf
        reference = torch.nn.Sequential(torch.nn.Softsign(), reference)
        module = rustorch.nn.Sequential(rustorch.nn.Softsign(), module)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        compare_layer(reference, module, [made(spec) for spec in inputs], 2e-5)
    for (key, value), (_, mine) in zip(reference.named_buffers(), module.named_buffers()):
        np.testing.assert_allclose(mine.numpy(), value.numpy(), rtol=1e-5, atol=1e-6, err_msg=key)


MASKS = {
    "bool attn": dict(attn_mask=lambda xp: xp.ones(3, 3, dtype=xp.bool).triu(1)),
    "float attn": dict(attn_mask=lambda xp: xp.full((3, 3), 0.5).triu(1)),
    "per head": dict(attn_mask=lambda xp: xp.full((4, 3, 3), 0.5).triu(1)),
    "padding": dict(key_padding_mask=lambda xp: xp.tensor([[False, False, True]] * 2)),
    "both": dict(
        attn_mask=lambda xp: xp.ones(3, 3, dtype=xp.bool).triu(1),
        key_padding_mask=lambda xp: xp.tensor([[False, False, True]] * 2),
    ),
    "per-head weights": dict(average_attn_weights=lambda xp: False),
    "no weights": dict(need_weights=lambda xp: False),
    "causal": dict(
        attn_mask=lambda xp: xp.ones(3, 3, dtype=xp.bool).triu(1),
        is_causal=lambda xp: True,
        need_weights=lambda xp: False,
    ),
}


@pytest.mark.parametrize("options", MASKS.values(), ids=MASKS)
def test_attention_masks(options):
    reference = torch.nn.MultiheadAttention(4, 2, batch_first=True)
    module = rustorch.nn.MultiheadAttention(4, 2, batch_first=True)
    copy_state(reference, module)

    class WithMasks:
        def __init__(self, layer, xp):
            self.layer = layer
            self.options = {name: make(xp) for name, make in options.items()}
            self.named_parameters = layer.named_parameters

        def __call__(self, x):
            return self.layer(x, x, x, **self.options)

    compare_layer(WithMasks(reference, torch), WithMasks(module, rustorch), [made(f(2, 3, 4))])


def test_embedding_bag_with_offsets():
    reference = torch.nn.EmbeddingBag(10, 4, mode="sum")
    module = rustorch.nn.EmbeddingBag(10, 4, mode="sum")
    copy_state(reference, module)
    index, offsets = np.array([1, 2, 4, 5, 4, 3]), np.array([0, 4, 4])
    compare_layer(reference, module, [index, offsets])


@pytest.mark.parametrize("name", ["Dropout", "Dropout2d", "AlphaDropout", "FeatureAlphaDropout"])
def test_dropout_draws_anew_and_keeps_the_moments(name):
    rustorch.manual_seed(0)
    layer = getattr(rustorch.nn, name)(0.25)
    x = rustorch.randn(64, 32, 4, 4)
    first, second = layer(x).numpy(), layer(x).numpy()
    assert (first != second).any()
    if not name.startswith("Feature"):
        assert abs(first.mean()) < 0.1
    if name == "Dropout":
        dropped = first == 0
        assert abs(dropped.mean() - 0.25) < 0.02
        np.testing.assert_allclose(first[~dropped], x.numpy()[~dropped] / 0.75, rtol=1e-6)
    if name == "Dropout2d":
        whole = (first == 0).reshape(64, 32, -1)
        assert (whole.all(-1) == whole.any(-1)).all()
        assert abs(whole.all(-1).mean() - 0.25) < 0.05
    if name == "AlphaDropout":
        assert abs(first.std() - 1) < 0.05


@pytest.mark.parametrize(
    "make, x",
    [
        (lambda nn: nn.LazyLinear(3), f(2, 4)),
        (lambda nn: nn.LazyConv2d(3, 2), IMAGE),
        (lambda nn: nn.LazyConvTranspose1d(3, 2), SEQUENCE),
        (lambda nn: nn.LazyBatchNorm2d(), IMAGE),
        (lambda nn: nn.LazyInstanceNorm1d(), SEQUENCE),
    ],
)
def test_lazy_layers_become_ordinary(make, x):
    x = made(x)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        reference, module = make(torch.nn), make(rustorch.nn)
    assert repr(reference) == repr(module)
    reference(torch.tensor(x)), module(rustorch.tensor(x))
    assert type(module).__name__ == type(reference).__name__
    assert repr(module) == repr(reference)
    copy_state(reference, module)
    compare_layer(reference, module, [x])


@pytest.mark.parametrize("shape", [(0, 3), (0, 3, 4), (0, 3, 8, 9)])
def test_an_empty_batch_leaves_running_statistics_alone(shape):
    kind = "BatchNorm1d" if len(shape) < 4 else "BatchNorm2d"
    ours, theirs = getattr(rustorch.nn, kind)(3), getattr(torch.nn, kind)(3)
    assert tuple(ours(rustorch.zeros(shape)).shape) == tuple(theirs(torch.zeros(shape)).shape)
    for name, expected in theirs.state_dict().items():
        assert ours.state_dict()[name].tolist() == expected.tolist(), name


@pytest.mark.parametrize("conv", [False, True])
def test_a_batch_norm_is_the_same_with_and_without_convolutions(conv):
    """Without any, images stay as they come; in a program with one they are turned to channels last."""
    x = np.random.default_rng(0).standard_normal((4, 3, 9, 8)).astype(np.float32)
    found = []
    for lib in (rustorch, torch):
        norm, image = lib.nn.BatchNorm2d(3), lib.from_numpy(x).requires_grad_()
        out = norm(image)
        if conv:
            out = lib.nn.functional.conv2d(out, lib.ones(2, 3, 3, 3))
        (out**3).mean().backward()
        found.append([t.detach().numpy() for t in (out, image.grad, norm.weight.grad, norm.running_var)])
    for a, b in zip(*found):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)

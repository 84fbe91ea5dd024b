"""``nn.functional`` against PyTorch: value, dtype, shape, gradient, and a sample of second gradients."""

import math
import warnings
from contextlib import nullcontext

import numpy as np
import pytest
import torch as oracle
from nn_functional_cases import FAMILIES, Fixed, P, X
from torch.nn.attention import SDPBackend, sdpa_kernel

import rustorch

# Second gradients cost a compilation each: only the functions with rules of their own.
SECOND = {
    "batch_norm", "binary_cross_entropy", "conv2d", "conv_transpose2d", "cosine_similarity", "cross_entropy", "elu",
    "gelu", "group_norm", "instance_norm", "layer_norm", "linear", "log_softmax", "max_pool2d", "mish", "normalize",
    "pairwise_distance", "rms_norm", "scaled_dot_product_attention", "silu", "softmax", "softplus",
}  # fmt: skip
# PyTorch's own second derivative fails without a weight.
NO_SECOND_ROWS = {("norm", 2)}

ROWS = [
    pytest.param(name, args, kwargs, name in SECOND and (family, i) not in NO_SECOND_ROWS, id=f"{family}-{i}-{name}")
    for family, rows in FAMILIES.items()
    for i, (name, args, kwargs) in enumerate(rows)
]


def tensor_of(lib, value):
    """``value`` as the library's tensor; other arguments as they are."""
    if isinstance(value, Fixed):
        return lib.tensor(value.value)
    if isinstance(value, np.ndarray):
        t = lib.tensor(value)
        return t.requires_grad_() if t.is_floating_point() else t
    return value


def call(lib, name, args, kwargs):
    """The results, and the tensors that require a gradient."""
    args = leaves = [tensor_of(lib, a) for a in args]
    kwargs = {k: tensor_of(lib, v) for k, v in kwargs.items()}
    if name == "ctc_loss":  # PyTorch's gradient assumes that log_softmax made the probabilities
        args = [args[0].log_softmax(-1), *args[1:]]
    # The fused attention of PyTorch has no second derivative.
    plain = sdpa_kernel(SDPBackend.MATH) if lib is oracle else nullcontext()
    with warnings.catch_warnings(), plain:
        warnings.simplefilter("ignore")
        out = getattr(lib.nn.functional, name)(*args, **kwargs)
    wanted = [t for t in (*leaves, *kwargs.values()) if isinstance(t, lib.Tensor) and t.requires_grad]
    return (out if isinstance(out, tuple) else (out,)), wanted


def grads(lib, out, wanted, weights, **options):
    """Gradients of the weighted sum of ``out``; zeros where there is none."""
    total = sum((o * lib.tensor(w)).sum() for o, w in zip(out, weights) if o.requires_grad)
    found = lib.autograd.grad(total, wanted, allow_unused=True, **options)
    return [lib.zeros_like(t) if g is None else g for g, t in zip(found, wanted)]


def close(ours, theirs, rtol=1e-3, atol=5e-5):
    """Equal shape, dtype and, nearly, values."""
    assert tuple(ours.shape) == tuple(theirs.shape)
    assert str(ours.dtype) == str(theirs.dtype)
    a, b = ours.detach().numpy(), theirs.detach().numpy(force=True)
    size = np.abs(b[np.isfinite(b)]).max(initial=1.0)
    np.testing.assert_allclose(a, b, rtol=rtol, atol=atol * size, equal_nan=True)


def normals(shapes):
    """Fixed random weights for a list of shapes."""
    rng = np.random.default_rng(3)
    return [rng.standard_normal(tuple(s)).astype("float32") for s in shapes]


@pytest.mark.parametrize(("name", "args", "kwargs", "second"), ROWS)
def test_against_pytorch(name, args, kwargs, second):
    ours, theirs = (record(lib, name, args, kwargs, second) for lib in (rustorch, oracle))
    for order, (mine, its) in enumerate(zip(ours, theirs, strict=True)):
        for a, b in zip(mine, its, strict=True):
            close(a, b, *((5e-3, 5e-4) if order == 2 else ()))


def record(lib, name, args, kwargs, second):
    """Results, gradients and second gradients: all recorded before one is looked at, so they are one program."""
    out, wanted = call(lib, name, args, kwargs)
    if not wanted:
        return [out]
    first = grads(lib, out[:1], wanted, normals(o.shape for o in out), create_graph=second)
    if not second:
        return [out, first]
    return [out, first, grads(lib, first, wanted, normals(g.shape for g in first))]


HALF = [
    ("linear", (X(4, 6), X(5, 6), X(5)), {}),
    ("softmax", (X(4, 6), 1), {}),
    ("gelu", (X(4, 6),), {}),
    ("layer_norm", (X(4, 6), (6,), X(6), X(6)), {}),
    ("mse_loss", (X(4, 6), X(4, 6)), {}),
    ("conv2d", (X(2, 3, 5, 5), X(4, 3, 3, 3), X(4)), {}),
    ("max_pool2d", (X(2, 3, 5, 5), 2), {}),
    ("cross_entropy", (X(4, 6), np.array([0, 5, 2, 3])), {}),
]


@pytest.mark.parametrize("dtype", ["bfloat16", "float64"])
@pytest.mark.parametrize(("name", "args", "kwargs"), [pytest.param(*row, id=row[0]) for row in HALF])
def test_dtypes(name, args, kwargs, dtype):
    def of(lib):
        cast = [
            lib.tensor(a).to(getattr(lib, dtype)) if isinstance(a, np.ndarray) and a.dtype == np.float32
            else tensor_of(lib, a)
            for a in args
        ]  # fmt: skip
        x = cast[0].requires_grad_()
        out = getattr(lib.nn.functional, name)(*cast, **kwargs)
        (g,) = lib.autograd.grad(out.sum(), x)
        return out, g

    tolerance = 5e-2 if dtype == "bfloat16" else 1e-9
    for a, b in zip(of(rustorch), of(oracle)):
        assert str(a.dtype) == str(b.dtype)
        np.testing.assert_allclose(
            a.detach().double().numpy(), b.detach().double().numpy(), rtol=tolerance, atol=tolerance
        )


def z(*shape, dtype="float32"):
    return np.zeros(shape, dtype)


ERRORS = [
    ("linear", (z(5, 3), z(2, 4)), {}),
    ("linear", (z(2, 5, 3), z(2, 4), z(2)), {}),
    ("linear", (z(5, 4, dtype="float64"), z(2, 4)), {}),
    ("conv2d", (z(1, 2, 5, 5), z(4, 3, 3, 3)), {}),
    ("conv2d", (z(2, 5), z(4, 3, 3, 3)), {}),
    ("conv2d", (z(1, 3, 2, 2), z(4, 3, 3, 3)), {}),
    ("conv2d", (z(1, 3, 5, 5), z(4, 3, 3, 3), z(3)), {}),
    ("conv2d", (z(1, 3, 5, 5), z(4, 3, 3, 3)), {"stride": 2, "padding": "same"}),
    ("conv2d", (z(1, 4, 5, 5), z(3, 2, 3, 3)), {"groups": 2}),
    ("conv_transpose2d", (z(1, 4, 5, 5), z(3, 2, 3, 3)), {}),
    ("conv_transpose2d", (z(1, 4, 5, 5), z(4, 2, 3, 3)), {"stride": 2, "output_padding": 2}),
    ("max_pool2d", (z(1, 1, 2, 2), 3), {}),
    ("max_pool2d", (z(1, 1, 5, 5), 3), {"padding": 2}),
    ("avg_pool2d", (z(1, 1, 2, 2), 3), {}),
    ("elu", (z(2, 2, dtype="int64"),), {}),
    ("softmax", (z(2, 2, dtype="int64"), 1), {}),
    ("softmax", (z(3, 3), 3), {}),
    ("glu", (z(3, 3),), {}),
    ("prelu", (z(2, 3), z(2)), {}),
    ("layer_norm", (z(2, 3), (4,)), {}),
    ("layer_norm", (z(2, 3), (3,), z(2)), {}),
    ("group_norm", (z(2, 3), 2), {}),
    ("batch_norm", (z(1, 3), None, None), {"training": True}),
    ("batch_norm", (z(2, 3), z(2), z(3)), {}),
    ("batch_norm", (z(2, 3), None, None), {}),
    ("mse_loss", (z(2, 3), z(3, 4)), {}),
    ("mse_loss", (z(2, 3), z(2, 3)), {"reduction": "x"}),
    ("cross_entropy", (z(2, 3), z(3, dtype="int64")), {}),
    ("cross_entropy", (z(2, 3, 4), z(2, 3, dtype="int64")), {}),
    ("cross_entropy", (z(2, 3), z(2)), {}),
    ("binary_cross_entropy", (z(2, 3), z(3)), {}),
    ("binary_cross_entropy_with_logits", (z(2, 3), z(3)), {}),
    ("pdist", (z(2),), {}),
    ("embedding", (z(2), z(3, 2)), {}),
    ("embedding", (z(2, dtype="int64"), z(3, 2), 7), {}),
    ("scaled_dot_product_attention", (z(1, 3, 4), z(1, 3, 4, dtype="float64"), z(1, 3, 4)), {}),
    ("scaled_dot_product_attention", (z(4), z(4), z(4)), {}),
    ("pixel_shuffle", (z(1, 3, 2, 2), 2), {}),
    ("channel_shuffle", (z(1, 3, 3, 3), 2), {}),
    ("interpolate", (z(1, 3, 3),), {"size": (2, 2)}),
    ("interpolate", (z(1, 3, 3),), {"size": (2,), "mode": "bilinear"}),
    ("fold", (z(1, 3, 3), (4, 4), (2, 2)), {}),
    ("grid_sample", (z(1, 3, 3, 3), z(2, 3, 3, 2)), {"align_corners": False}),
]


@pytest.mark.parametrize(
    ("name", "args", "kwargs"), [pytest.param(*row, id=f"{i}-{row[0]}") for i, row in enumerate(ERRORS)]
)
def test_errors_are_pytorchs(name, args, kwargs):
    with pytest.raises(Exception) as theirs:
        call(oracle, name, args, kwargs)
    with pytest.raises(theirs.type) as ours:
        call(rustorch, name, args, kwargs)
    assert str(ours.value).split("\n")[0] == str(theirs.value).split("\n")[0]


def test_shape_errors_hold_the_shapes():
    with pytest.raises(rustorch.errors.ShapeMismatchError) as e:
        rustorch.nn.functional.linear(rustorch.zeros(5, 3), rustorch.zeros(2, 4))
    assert (tuple(e.value.shape1), tuple(e.value.shape2)) == ((5, 3), (2, 4))


@pytest.mark.parametrize(
    "name", ["relu", "elu", "gelu", "silu", "softplus", "hardtanh", "leaky_relu", "hardswish", "logsigmoid"]
)
def test_activations_of_zero_infinity_and_nan(name):
    # PyTorch's gelu of infinity is nan in its vectorised loop, infinity elsewhere.
    big = 1e20 if name == "gelu" else np.inf
    values = np.array([0.0, -0.0, big, -np.inf, np.nan, 1e30, -1e30, 1e-30], "float32")
    ours, (x,) = call(rustorch, name, (values,), {})
    theirs, (y,) = call(oracle, name, (values,), {})
    close(ours[0], theirs[0])
    for lib, out, at in ((rustorch, ours[0], x), (oracle, theirs[0], y)):
        out.sum().backward()
    np.testing.assert_allclose(x.grad.numpy()[:2], y.grad.numpy()[:2], rtol=1e-6)


def test_batch_norm_moves_the_running_statistics():
    images = X(4, 3, 5)
    found = []
    for lib in (rustorch, oracle):
        mean, var = lib.zeros(3), lib.ones(3)
        for _ in range(2):
            lib.nn.functional.batch_norm(lib.tensor(images), mean, var, training=True, momentum=0.3)
        found.append((mean, var))
    for a, b in zip(*found):
        close(a, b)


def test_dropout_shares_its_mask_with_the_gradient():
    F = rustorch.nn.functional
    x = rustorch.ones(200, 50, requires_grad=True)
    y = F.dropout(x, 0.3)
    y.sum().backward()
    assert (y == x.grad).all()
    assert abs((y == 0).float().mean().item() - 0.3) < 0.03
    assert not (F.dropout(x, 0.3) == y).all()
    channels = F.dropout2d(rustorch.ones(20, 30, 4, 4), 0.5)
    assert ((channels == 0).float().mean((2, 3)) % 1 == 0).all()
    normal = F.alpha_dropout(rustorch.randn(200, 200), 0.4, training=True)
    assert abs(normal.mean().item()) < 0.03
    assert abs(normal.std().item() - 1) < 0.03


def test_attention_dropout_keeps_the_mean():
    q = rustorch.tensor(X(2, 4, 6))
    v = rustorch.ones(2, 4, 8)
    out = rustorch.nn.functional.scaled_dot_product_attention(q, q, v, dropout_p=0.5)
    assert 0.3 < out.mean().item() < 1.7
    assert out.std().item() > 0.05


def test_a_row_that_attends_to_nothing_is_zero():
    mask = np.ones((4, 4), bool)
    mask[1] = False
    args = (X(2, 4, 6), X(2, 4, 6), X(2, 4, 6), mask)
    (ours,), mine = call(rustorch, "scaled_dot_product_attention", args, {})
    (theirs,), its = call(oracle, "scaled_dot_product_attention", args, {})
    close(ours, theirs)
    ours.sum().backward()
    assert all(np.isfinite(t.grad.numpy()).all() for t in mine)


def test_a_pending_target_that_names_no_class_gives_nan():
    target = rustorch.tensor([1, 5]) + 0
    loss = rustorch.nn.functional.cross_entropy(rustorch.zeros(2, 3), target)
    assert math.isnan(loss.item())


def test_softmax_of_a_shared_definition():
    x = P(4, 6)
    for of in (lambda t: t.softmax(1), lambda t: t.log_softmax(-1), lambda t: t.relu(), lambda t: t.prelu(t[0, :1])):
        close(of(rustorch.tensor(x)), of(oracle.tensor(x)))
    for name in ("softmax", "log_softmax"):
        close(
            getattr(rustorch, name)(rustorch.tensor(x), dim=0, dtype=rustorch.float64),
            getattr(oracle, name)(oracle.tensor(x), dim=0, dtype=oracle.float64),
        )


def test_clipping_by_the_total_norm():
    grads = [X(3, 4) * 5, X(6)]
    for norm_type in (2.0, 1.0, 3.0, math.inf):
        found = []
        for lib in (rustorch, oracle):
            parameters = [lib.zeros(*g.shape, requires_grad=True) for g in grads]
            for p, g in zip(parameters, grads):
                p.grad = lib.tensor(g)
            norm = lib.nn.utils.clip_grad_norm_(parameters, 1.5, norm_type)
            found.append((norm, *(p.grad for p in parameters)))
        for a, b in zip(*found):
            close(a, b)

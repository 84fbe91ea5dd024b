"""First and second derivatives where a formula divides by zero, ties or leaves its domain: PyTorch's numbers there."""

import numpy as np
import pytest
import torch
from derivative_oracle import Call, check

import rustorch

inf, nan = float("inf"), float("nan")


def T(*values, grad=True):
    """A float64 tensor that requires grad."""
    return torch.tensor(np.array(values[0] if len(values) == 1 else values, dtype="float64"), requires_grad=grad)


def row(name, *args, fn=None, forward=True, order=2, finite=False, **kwargs):
    """One call, ``fn(lib)`` where it is not the op by its name, and how to check it.

    ``forward``: compare the modes too. ``finite``: where the second derivative of PyTorch's formula is NaN by its
    construction alone (the function has one), ours is a number.
    """
    both = {} if fn is None else {"ours": fn(rustorch), "theirs": fn(torch)}
    return Call(name, args, kwargs, **both), (order, forward, finite)


_rows = [[0.0, 0.0, 0.0], [1.0, -2.0, 0.0]]
_ties = [[1.0, 3.0, 3.0], [2.0, 2.0, 2.0], [nan, 1.0, nan]]
_zeros = [[2.0, 0.0, 3.0, -1.5], [0.0, 2.0, 0.0, 4.0], [0.0, 0.0, 0.0, 1.0], [1.0, 2.0, 3.0, 4.0]]
_edges = [-3.0, -2.5, -1.0, -0.5, 0.0, 0.5, 1.0, 2.5, 3.0, 6.0]
_hidden = [[-inf, -inf, -inf], [0.5, -inf, 1.0], [inf, 0.0, 1.0]]


CASES = {
    "norm": [
        *(row("linalg.vector_norm", T(_rows), p, -1) for p in (0, 1, 2, inf, -inf)),
        *(row("linalg.vector_norm", T(_rows), p, -1, finite=True) for p in (0.5, 1.5, 3, 4.5, -1)),
        *(row("linalg.vector_norm", T(_rows), p) for p in (1, 2, 3, inf)),
        *(row("norm", T(_rows), p, 1) for p in (1, 2, inf)),
        row("norm", T(_rows)),
        *(row("linalg.norm", T([[0.0, 0.0], [0.0, 0.0]]), o) for o in ("fro", 1, inf)),
    ],
    "nn-norm": [
        row("nn.functional.normalize", T(_rows)),
        row("nn.functional.pairwise_distance", T(_rows), T([[0.0, 0.0, 0.0], [1.0, 2.0, 0.0]]), 2.0, 0.0),
        row("nn.functional.cosine_similarity", T(_rows), T([[1.0, 2.0, 0.5], [1.0, 2.0, 0.0]])),
        row("dist", T(_rows), T(_rows)),
        row("renorm", T(_rows), 2, 0, 1.0),
    ],
    "pow": [
        *(row("pow", T([0.0, -0.0, 2.0, -1.5]), p) for p in (0, 1, 2, 3, -1, 0.0, 1.0, 2.0)),
        *(row("pow", T([0.0, 2.0, -1.5]), p) for p in (0.5, 1.5)),
        row("pow", T([0.0, 0.0, 0.0, 2.0]), T([0.0, 1.0, 2.0, 0.0]), finite=True),
        row("pow", T([0.0, 2.0]), T([0.5, 0.0]), order=1),
        row("pow", 0, T([0.0, 1.0, 2.0]), finite=True),
        row("pow", 2.0, T([0.0, 1.0, -2.0])),
        row("float_power", T([0.0, 2.0]), 2),
    ],
    "prod": [
        row("prod", T(_zeros), 1),
        row("prod", T(_zeros), 1, True),
        *(row("prod", T(r)) for r in _zeros[:3]),
        row("cumprod", T(_zeros), 1),
    ],
    "where": [
        row("where", torch.tensor([True, False]), T([1.0, nan]), T([nan, 2.0])),
        row("where", T([0.0, 4.0]), fn=lambda lib: lambda x: lib.where(x > 0, lib.sqrt(x), x), forward=False),
        row("where", T([0.0, 4.0]), fn=lambda lib: lambda x: lib.where(x > 0, 1 / x, x), forward=False),
        row("masked_fill", T([nan, 1.0]), torch.tensor([True, False]), 0.0),
        row("nan_to_num", T([nan, inf, -inf, 1.0])),
        row("nansum", T([nan, 1.0])),
        row("nanmean", T([nan, 1.0, 2.0])),
    ],
    "roots": [
        *(row(n, T([0.0, 1.0, 4.0]), forward=False) for n in ("sqrt", "rsqrt", "log", "log2", "log10", "reciprocal")),
        row("log1p", T([-1.0, 0.0]), forward=False),
        row("xlogy", T([0.0, 0.0, 1.0]), T([0.0, 2.0, 0.0]), forward=False),
        row("special.xlog1py", T([0.0, 0.0, 1.0]), T([-1.0, 2.0, 0.0]), forward=False),
        row("special.entr", T([0.0, 1.0, -1.0]), forward=False),
        row("asin", T([-1.0, 0.0, 1.0]), forward=False),
        row("acosh", T([1.0, 2.0]), forward=False),
        row("atanh", T([-1.0, 0.0, 1.0]), forward=False),
        row("logit", T([0.0, 0.5, 1.0]), forward=False),
        row("logit", T([0.0, 0.5, 1.0]), 0.1, finite=True),
        row("atan2", T([0.0, 0.0, 1.0]), T([0.0, 1.0, 0.0]), forward=False, finite=True),
        row("hypot", T([0.0, 0.0, 3.0]), T([0.0, 1.0, 4.0]), forward=False),
        row("sinc", T([0.0, 0.5, 1.0]), finite=True),
        row("div", T([0.0, 1.0]), T([0.0, 0.0]), forward=False),
        row("lerp", T([0.0, 1.0]), T([1.0, 3.0]), T([0.5, 0.0])),
    ],
    "signs": [row(n, T([-2.0, -0.0, 0.0, 2.0])) for n in ("abs", "sign", "sgn", "trunc", "frac", "angle", "relu", "square")]
    + [row("copysign", T([-2.0, 0.0, 1.0]), T([1.0, -1.0, 0.0]), finite=True), row("fmod", T([3.0, -3.0, 0.5]), T([2.0, 2.0, 0.5]))],
    "extremes": [
        *(row(n, T(_ties), 1) for n in ("max", "min", "median", "nanmedian", "cummax", "cummin")),
        *(row(n, T(_ties), 1, order=1) for n in ("amax", "amin")),
        *(row(n, T(_ties[:2]), 1) for n in ("amax", "amin", "mode")),
        *(row(n, T(_ties[:2])) for n in ("amax", "amin", "max", "min", "median", "nanmedian")),
        row("aminmax", T(_ties[:2]), dim=1),
        row("aminmax", T(_ties[:2])),
        row("amax", T(_ties[:2]), (0, 1)),
        row("kthvalue", T(_ties[:1]), 2),
        row("quantile", T(_ties[:2]), 0.5, 1),
    ],
    "two": [
        *(row(n, T([1.0, 2.0, nan, 0.0]), T([1.0, 3.0, 1.0, -0.0])) for n in ("maximum", "minimum", "fmax", "fmin", "max")),
        row("clamp", T(_edges), -1.0, 1.0),
        row("clamp", T(_edges), T(-1.0), T(1.0)),
        row("clamp", T([0.0, 1.0, 2.0]), T([0.0, 2.0, 3.0]), T([0.0, 1.0, 2.0])),
        row("clamp_min", T(_edges), 0.5),
        row("clamp_min", T(_edges), T(0.5)),
        row("clamp_max", T(_edges), T(0.5)),
        row("clamp", T([nan, 1.0]), 0.0, 0.5),
    ],
    "order": [
        row("sort", T(_ties[:2]), stable=True),
        row("msort", T([[1.0, 2.0], [1.0, 0.0]])),
        row("topk", T([3.0, 1.0, 2.0]), 2),
        row("unique", T([3.0, 1.0, 1.0]), fn=lambda lib: lambda x: x.sort().values.diff()),
        row("nn.functional.max_pool1d", T([[[1.0, 1.0, 0.0, 0.0]]]), 2),
        row("scatter_reduce", T([1.0, 2.0]), 0, torch.tensor([0, 0, 1]), T([1.0, 1.0, 2.0]), "amax"),
        row("scatter_reduce", T([1.0, 0.0]), 0, torch.tensor([0, 0, 1]), T([0.0, 3.0, 2.0]), "prod"),
        row("scatter_reduce", T([1.0, 0.0]), 0, torch.tensor([0, 0, 1]), T([0.0, 3.0, 2.0]), "mean"),
    ],
    "spread": [
        *(row(n, T([[1.0, 1.0, 1.0], [1.0, 2.0, 4.0]]), 1, finite=True) for n in ("std", "var", "std_mean", "var_mean")),
        row("std", T([1.0]), forward=False),
        row("nn.functional.layer_norm", T([[1.0, 1.0, 1.0], [1.0, 2.0, 4.0]]), (3,)),
        row("corrcoef", T([[1.0, 2.0, 4.0], [2.0, 1.0, 0.0]])),
    ],
    "cdist": [
        *(row("cdist", T(_rows), T(_rows), p, order=1) for p in (0.5, 1.0, 2.0, 3.0, inf)),
        *(row("nn.functional.pdist", T([[0.0, 1.0], [0.0, 1.0], [2.0, 1.0]]), p, order=1) for p in (1.0, 2.0, 3.0, inf)),
    ],
    "exponentials": [
        row("logsumexp", T(_hidden[:2]), 1),
        row("logsumexp", T(_hidden), 1, forward=False),
        row("logaddexp", T([-inf, -inf, 0.0, inf]), T([-inf, 0.0, 0.0, 0.0]), forward=False),
        row("logaddexp2", T([0.0, 1.0]), T([0.0, -inf]), forward=False),
        row("softmax", T(_hidden), 1, forward=False),
        row("log_softmax", T(_hidden), 1, forward=False),
        row("softmax", T(_hidden[1]), 0),
        row("nn.functional.softplus", T([-100.0, 0.0, 20.0, 100.0])),
        row("nn.functional.logsigmoid", T([-1000.0, 0.0, 1000.0])),
        row("sigmoid", T([-1000.0, 0.0, 1000.0])),
        row("tanh", T([-1000.0, 0.0, 1000.0])),
    ],
    "activations": [
        *(row(f"nn.functional.{n}", T(_edges)) for n in (
            "relu", "relu6", "hardtanh", "leaky_relu", "elu", "selu", "celu", "gelu", "silu", "mish", "softplus", "softsign",
            "tanhshrink", "softshrink", "hardshrink", "hardswish", "logsigmoid", "rrelu",
        )),
        row("nn.functional.hardsigmoid", T(_edges), order=1),
        row("nn.functional.threshold", T(_edges), 0.5, 2.0),
        row("nn.functional.prelu", T([x for x in _edges if x]), T(0.25)),
    ],
    "losses": [
        row("nn.functional.l1_loss", T([0.0, 1.0]), T([0.0, 3.0])),
        *(row(f"nn.functional.{n}", T([0.0, 1.0, 5.0]), T([0.0, 2.0, 1.0])) for n in ("smooth_l1_loss", "huber_loss", "mse_loss")),
        row("nn.functional.binary_cross_entropy", T([0.0, 0.5, 1.0]), T([0.0, 1.0, 1.0], grad=False), order=1),
        row("nn.functional.kl_div", T([-1.0, -2.0]), T([0.0, 0.5])),
        row("nn.functional.hinge_embedding_loss", T([1.0, 0.0]), T([-1.0, 1.0], grad=False)),
        row("nn.functional.margin_ranking_loss", T([1.0, 0.0]), T([1.0, 1.0]), T([1.0, -1.0], grad=False)),
    ],
    "matrices": [
        row("linalg.eigh", T([[2.0, 1.0, 0.3], [0.0, 5.0, 0.7], [0.2, 0.1, 9.0]]), fn=lambda lib: lambda x: lib.linalg.eigh(x + x.mT)[0]),
        row("linalg.eigh", T([[2.0, 1.0, 0.3], [0.0, 5.0, 0.7], [0.2, 0.1, 9.0]]), fn=lambda lib: lambda x: lib.linalg.eigh(x + x.mT)[1].abs()),
        row("linalg.eigvalsh", T(np.diag([1.0, 1.0, 2.0])), order=1),
        row("linalg.svdvals", T(np.diag([2.0, 2.0, 1.0])), order=1),
        row("linalg.svdvals", T([[1.0, 2.0, 0.5], [0.0, 3.0, 1.0]])),
        row("linalg.svd", T([[1.0, 2.0, 0.5], [0.0, 3.0, 1.0]]), fn=lambda lib: lambda x: [t.abs() for t in lib.linalg.svd(x, full_matrices=False)]),
        row("linalg.matrix_norm", T(np.diag([2.0, 2.0, 1.0])), "nuc", order=1),
        row("linalg.matrix_norm", T(np.diag([3.0, 2.0, 1.0])), 2),
        row("linalg.det", T(np.zeros((2, 2))), order=1),
        row("linalg.slogdet", T([[1.0, 2.0], [0.5, 4.0]])),
        row("linalg.qr", T([[1.0, 2.0], [0.5, 4.0], [1.0, 1.0]])),
        row("linalg.cholesky", T([[2.0, 0.5], [0.5, 1.0]])),
        row("linalg.pinv", T([[1.0, 2.0, 0.5], [0.0, 3.0, 1.0]])),
        row("linalg.matrix_exp", T(np.zeros((2, 2)))),
    ],
}  # fmt: skip


@pytest.mark.parametrize("family", CASES)
def test_pytorchs_numbers(family):
    ways = {}
    for call, way in CASES[family]:
        ways.setdefault(way, []).append(call)
    for (order, forward, finite), calls in ways.items():
        check(calls, order=order, forward=forward, finite=finite)

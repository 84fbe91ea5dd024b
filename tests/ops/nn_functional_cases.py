"""One row per call of ``nn.functional``: the same arguments for rustorch and for PyTorch.

A row is ``(name, args, kwargs)``. Arrays are NumPy and become tensors of the library under
test; floating ones require a gradient. Rows share shapes where they can, since every new graph
is one more compilation.
"""

import numpy as np

_SEED = np.random.default_rng(7)


def X(*shape, dtype="float32"):
    """Normal numbers."""
    return _SEED.standard_normal(shape).astype(dtype)


def P(*shape):
    """Probabilities, away from 0 and 1."""
    return _SEED.uniform(0.05, 0.95, shape).astype("float32")


def L(*shape):
    """Log-probabilities along the last axis."""
    x = X(*shape).astype("float64")
    return (x - np.log(np.exp(x).sum(-1, keepdims=True))).astype("float32")


def I(high, *shape):
    """Class indices."""
    return _SEED.integers(0, high, shape)


def S(*shape):
    """Targets of 1 and -1."""
    return (_SEED.integers(0, 2, shape) * 2 - 1).astype("float32")


class Fixed:
    """An array that requires no gradient."""

    def __init__(self, value):
        self.value = value


def spaced(*shape):
    """Distinct numbers, well apart, in random order: no ties for maxima, no corner hit."""
    n = int(np.prod(shape))
    return (_SEED.permutation(n).reshape(shape) * 0.37 - n * 0.17).astype("float32")


_x, _a, _b = X(4, 6), X(4, 6), X(4, 6)
_edges = np.array([[-9, -3.5, -1, -0.5, -0.1, 0.25], [0.4, 1.2, 2.9, 6.5, 7, 25]], "float32")
_images, _signal, _volume = spaced(2, 4, 6, 7), spaced(2, 4, 9), spaced(2, 4, 4, 5, 4)

ACTIVATIONS = [
    *((name, (x,), {}) for x in (_edges,) for name in (
        "relu", "relu6", "hardtanh", "leaky_relu", "elu", "selu", "celu", "gelu", "silu", "mish", "softplus",
        "softsign", "tanhshrink", "softshrink", "hardshrink", "hardsigmoid", "hardswish", "logsigmoid", "rrelu",
        "sigmoid", "tanh",
    )),
    ("hardtanh", (_edges, -0.5, 3.0), {}),
    ("leaky_relu", (_edges, 0.2), {}),
    ("elu", (_edges, 1.5), {}),
    ("celu", (_edges,), {"alpha": 0.7}),
    ("gelu", (_edges,), {"approximate": "tanh"}),
    ("softplus", (_edges,), {"beta": 2, "threshold": 5}),
    ("softshrink", (_edges, 1.0), {}),
    ("hardshrink", (_edges, 1.0), {}),
    ("threshold", (_edges, 0.5, -2.0), {}),
    ("glu", (_x,), {}),
    ("glu", (_x, 0), {}),
    ("prelu", (_x, X(6)), {}),
    ("prelu", (_x, X(1)), {}),
    ("softmax", (_x, 1), {}),
    ("softmax", (_x, 0), {}),
    ("softmin", (_x, -1), {}),
    ("log_softmax", (_x, 1), {}),
    ("log_softmax", (_images,), {"dim": 1}),
    ("normalize", (_x,), {}),
    ("normalize", (_x,), {"p": 3.0, "dim": 0}),
    ("normalize", (_x, 1.0), {}),
    ("normalize", (_x,), {"p": float("inf")}),
]  # fmt: skip

_w, _bias = X(5, 6), X(5)
LINEAR = [
    ("linear", (_x, _w, _bias), {}),
    ("linear", (_x, _w), {}),
    ("linear", (X(2, 4, 6), _w, _bias), {}),
    ("linear", (X(6), _w, _bias), {}),
    ("linear", (_x, X(6)), {}),
    ("bilinear", (_x, X(4, 3), X(5, 6, 3), _bias), {}),
    ("embedding", (I(5, 3, 4), _w), {}),
    ("embedding", (I(5, 3, 4), _w), {"padding_idx": 2}),
    ("embedding", (I(5, 3, 4), _w), {"padding_idx": -1, "scale_grad_by_freq": True}),
    ("embedding_bag", (I(5, 3, 4), _w), {}),
    ("embedding_bag", (I(5, 3, 4), _w), {"mode": "sum", "per_sample_weights": X(3, 4)}),
    ("embedding_bag", (I(5, 7), _w, np.array([0, 2, 2, 5])), {"mode": "mean"}),
    ("embedding_bag", (I(5, 7), _w, np.array([0, 2, 5])), {"mode": "max"}),
    (
        "embedding_bag",
        (I(5, 7), _w, np.array([0, 2, 7])),
        {"mode": "sum", "include_last_offset": True, "padding_idx": 1},
    ),
    ("scaled_dot_product_attention", (X(2, 3, 4, 6), X(2, 3, 5, 6), X(2, 3, 5, 7)), {}),
    ("scaled_dot_product_attention", (X(2, 3, 4, 6), X(2, 3, 4, 6), X(2, 3, 4, 6)), {"is_causal": True}),
    (
        "scaled_dot_product_attention",
        (X(2, 3, 4, 6), X(2, 3, 5, 6), X(2, 3, 5, 7)),
        {"attn_mask": X(4, 5), "scale": 0.3},
    ),
    ("scaled_dot_product_attention", (X(2, 3, 4, 6), X(2, 3, 5, 6), X(2, 3, 5, 7)), {"attn_mask": X(2, 1, 4, 5) > 0}),
    ("scaled_dot_product_attention", (X(2, 4, 4, 6), X(2, 2, 5, 6), X(2, 2, 5, 7)), {"enable_gqa": True}),
    ("scaled_dot_product_attention", (X(4, 6), X(5, 6), X(5, 7)), {}),
]

CONV = [
    ("conv1d", (_signal, X(6, 4, 3), X(6)), {"padding": 1}),
    ("conv1d", (_signal[0], X(6, 4, 3)), {"stride": 2, "dilation": 2}),
    ("conv2d", (_images, X(6, 4, 3, 3), X(6)), {"stride": 2, "padding": (1, 0)}),
    ("conv2d", (_images, X(6, 2, 3, 2), X(6)), {"groups": 2, "padding": "same", "dilation": 2}),
    ("conv2d", (_images, X(8, 1, 3, 3)), {"groups": 4, "padding": "valid"}),
    ("conv2d", (_images, X(6, 4, 1, 1), X(6)), {}),
    ("conv2d", (_images[:, :1], X(6, 1, 3, 3), X(6)), {}),
    ("conv3d", (_volume, X(3, 4, 2, 3, 2), X(3)), {"padding": 1}),
    ("conv_transpose1d", (_signal, X(4, 3, 3), X(3)), {"stride": 2, "padding": 1, "output_padding": 1}),
    ("conv_transpose1d", (_signal, X(4, 3, 3)), {"dilation": 3, "output_padding": 2}),
    ("conv_transpose2d", (_images, X(4, 3, 3, 2), X(6)), {"stride": (2, 1), "groups": 2, "padding": 1}),
    ("conv_transpose2d", (_images[0], X(4, 3, 3, 2), X(3)), {}),
    ("conv_transpose3d", (_volume, X(4, 3, 2, 2, 2), X(3)), {"stride": 2}),
]

POOL = [
    ("max_pool1d", (_signal, 3), {}),
    ("max_pool1d", (_signal, 3), {"stride": 2, "padding": 1, "return_indices": True}),
    ("max_pool2d", (_images, 2), {}),
    ("max_pool2d", (_images, (3, 2)), {"stride": 1, "padding": 1, "ceil_mode": True}),
    ("max_pool2d", (_images, 2), {"stride": 2, "dilation": 2, "return_indices": True}),
    ("max_pool2d", (_images[0], 2), {"ceil_mode": True, "return_indices": True}),
    ("max_pool3d", (_volume, 2), {"return_indices": True}),
    ("avg_pool1d", (_signal, 3), {"stride": 2, "padding": 1}),
    ("avg_pool2d", (_images, 2), {}),
    ("avg_pool2d", (_images, 3), {"stride": 2, "padding": 1, "ceil_mode": True}),
    ("avg_pool2d", (_images, 3), {"stride": 2, "padding": 1, "ceil_mode": True, "count_include_pad": False}),
    ("avg_pool2d", (_images[0], (2, 3)), {"divisor_override": 5}),
    ("avg_pool3d", (_volume, 2), {"padding": 1}),
    ("adaptive_avg_pool1d", (_signal, 4), {}),
    ("adaptive_avg_pool2d", (_images, (3, None)), {}),
    ("adaptive_avg_pool2d", (_images, 1), {}),
    ("adaptive_avg_pool3d", (_volume, (2, 3, 1)), {}),
    ("adaptive_max_pool1d", (_signal, 4), {"return_indices": True}),
    ("adaptive_max_pool2d", (_images, (4, 3)), {}),
    ("adaptive_max_pool3d", (_volume, (2, 3, 1)), {"return_indices": True}),
    ("lp_pool1d", (abs(_signal) + 1, 3, 2), {}),
    ("lp_pool2d", (abs(_images) + 1, 2.0, 2), {"stride": 1}),
    ("max_unpool2d", (X(1, 1, 2, 2), np.array([[[[0, 3], [9, 14]]]]), 2), {}),
    ("max_unpool1d", (X(1, 1, 2), np.array([[[1, 3]]]), 2), {"output_size": (5,)}),
]

NORM = [
    ("layer_norm", (_x, (6,), X(6), X(6)), {}),
    ("layer_norm", (_x, (4, 6)), {"eps": 1e-3}),
    ("layer_norm", (_x, (6,)), {"bias": X(6)}),
    ("rms_norm", (_x, (6,), X(6)), {}),
    ("rms_norm", (_x, (6,)), {"eps": 1e-3}),
    ("group_norm", (_images, 2, X(4), X(4)), {}),
    ("group_norm", (_images, 4), {}),
    ("local_response_norm", (_images, 3), {"alpha": 0.1, "k": 2.0}),
    ("batch_norm", (_images, None, None, X(4), X(4)), {"training": True}),
    ("batch_norm", (_x, None, None), {"training": True}),
    ("batch_norm", (_images, Fixed(X(4)), Fixed(P(4)), X(4), X(4)), {}),
    ("instance_norm", (_images,), {"weight": X(4), "bias": X(4)}),
]

_p, _q = P(4, 6), P(4, 6)
_classes = I(6, 4)
_dense = I(6, 4, 3)
LOSS = [
    *(
        (name, (_a, _b), {"reduction": r})
        for name in ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss")
        for r in ("mean", "sum", "none")
    ),
    ("mse_loss", (_a, _b), {"weight": Fixed(_p)}),
    ("smooth_l1_loss", (_a, _b), {"beta": 0.3}),
    ("smooth_l1_loss", (_a, _b), {"beta": 0.0}),
    ("huber_loss", (_a, _b), {"delta": 0.3}),
    ("cross_entropy", (_x, _classes), {}),
    ("cross_entropy", (_x, _classes, Fixed(P(6))), {"label_smoothing": 0.1}),
    ("cross_entropy", (_x, _classes), {"reduction": "sum", "ignore_index": int(_classes[0])}),
    ("cross_entropy", (_x, _classes), {"reduction": "none"}),
    ("cross_entropy", (X(6), np.array(2)), {}),
    ("cross_entropy", (X(4, 6, 3), _dense, Fixed(P(6))), {"ignore_index": 1}),
    ("cross_entropy", (_x, _p), {}),
    ("cross_entropy", (_x, _p, Fixed(P(6))), {"label_smoothing": 0.2, "reduction": "none"}),
    ("nll_loss", (_x, _classes), {}),
    ("nll_loss", (_x, _classes, Fixed(P(6))), {"ignore_index": 2}),
    ("nll_loss", (X(4, 6, 3), _dense), {"reduction": "none"}),
    ("binary_cross_entropy", (_p, _q), {}),
    ("binary_cross_entropy", (_p, Fixed(_q)), {"weight": Fixed(P(6)), "reduction": "none"}),
    ("binary_cross_entropy_with_logits", (_x, _p), {}),
    (
        "binary_cross_entropy_with_logits",
        (_x, Fixed(_p)),
        {"pos_weight": Fixed(P(6)), "weight": Fixed(P(6)), "reduction": "sum"},
    ),
    ("kl_div", (_x, _p), {}),
    ("kl_div", (_x, _a), {"log_target": True, "reduction": "batchmean"}),
    ("poisson_nll_loss", (_x, _p * 4), {"full": True}),
    ("poisson_nll_loss", (_p, _q), {"log_input": False, "eps": 1e-3, "reduction": "none"}),
    ("gaussian_nll_loss", (_a, _b, _p), {}),
    ("gaussian_nll_loss", (_a, _b, P(4)), {"full": True, "reduction": "sum"}),
    ("gaussian_nll_loss", (_a, _b, _p), {"eps": 0.5, "reduction": "none"}),
    ("hinge_embedding_loss", (_a, Fixed(S(4, 6))), {"margin": 0.7}),
    ("soft_margin_loss", (_a, Fixed(S(4, 6))), {}),
    ("margin_ranking_loss", (_a, _b, Fixed(S(4, 6))), {"margin": 0.2}),
    ("cosine_embedding_loss", (_a, _b, Fixed(S(4))), {"margin": 0.1}),
    ("cosine_embedding_loss", (X(6), X(6), Fixed(np.float32(1))), {"reduction": "none"}),
    ("triplet_margin_loss", (_a, _b, _x), {}),
    ("triplet_margin_loss", (_a, _b, _x), {"swap": True, "p": 1.0, "margin": 0.3, "reduction": "none"}),
    ("multi_margin_loss", (_x, _classes), {}),
    ("multi_margin_loss", (_x, _classes), {"p": 2, "margin": 0.4, "weight": Fixed(P(6)), "reduction": "none"}),
    (
        "multilabel_margin_loss",
        (_x, np.array([[0, 2, -1, 0, 1, 2], [5, 4, 3, 2, 1, 0], [-1, 1, 1, 1, 1, 1], [3, -1, 0, 0, 0, 0]])),
        {},
    ),
    ("multilabel_soft_margin_loss", (_x, Fixed(_p)), {"weight": Fixed(P(6))}),
    ("cosine_similarity", (_a, _b), {}),
    ("cosine_similarity", (_a, X(6)), {"dim": 0}),
    ("pairwise_distance", (_a, _b), {}),
    ("pairwise_distance", (_a, _b), {"p": 3.0, "keepdim": True}),
    ("pairwise_distance", (_a, _b, float("inf")), {}),
    ("pdist", (_x,), {}),
    ("pdist", (_x, 1.0), {}),
    ("ctc_loss", (L(7, 3, 5), I(4, 3, 4) + 1, np.array([7, 6, 7]), np.array([3, 2, 0])), {"reduction": "none"}),
    ("ctc_loss", (L(7, 3, 5), I(4, 6) + 1, np.array([7, 6, 7]), np.array([3, 2, 1])), {}),
]

_grid, _grid3 = X(2, 3, 5, 2) * 0.7, X(2, 2, 3, 2, 3) * 0.7
SPATIAL = [
    ("pixel_shuffle", (_images, 2), {}),
    ("pixel_unshuffle", (X(2, 3, 6, 4), 2), {}),
    ("channel_shuffle", (_images, 2), {}),
    ("unfold", (_images, (2, 3)), {"padding": 1, "stride": 2}),
    ("unfold", (_images[0], 2), {"dilation": 2}),
    ("fold", (X(2, 12, 12), (4, 5), 2), {}),
    ("fold", (X(12, 9), (4, 5), (2, 3)), {"padding": 1, "stride": 2}),
    ("interpolate", (_signal, 5), {}),
    ("interpolate", (_images,), {"scale_factor": 2}),
    ("interpolate", (_images,), {"scale_factor": (1.6, 0.7), "mode": "nearest-exact"}),
    ("interpolate", (_volume, (3, 7, 4)), {}),
    ("interpolate", (_signal, 5), {"mode": "linear"}),
    ("interpolate", (_images, (9, 5)), {"mode": "bilinear"}),
    ("interpolate", (_images, (9, 5)), {"mode": "bilinear", "align_corners": True}),
    ("interpolate", (_images,), {"scale_factor": (1.6, 0.7), "mode": "bilinear"}),
    ("interpolate", (_images,), {"scale_factor": (1.6, 0.7), "mode": "bilinear", "recompute_scale_factor": True}),
    ("interpolate", (_images, (9, 5)), {"mode": "bicubic"}),
    ("interpolate", (_images, (9, 5)), {"mode": "bicubic", "align_corners": True}),
    ("interpolate", (_images, (3, 4)), {"mode": "bilinear", "antialias": True}),
    ("interpolate", (_images, (3, 9)), {"mode": "bicubic", "antialias": True}),
    ("interpolate", (_images, (4, 3)), {"mode": "area"}),
    ("interpolate", (_volume, (3, 7, 4)), {"mode": "trilinear"}),
    *(("grid_sample", (_images, _grid), {"mode": m, "padding_mode": p, "align_corners": p == "border"})
      for m in ("bilinear", "nearest", "bicubic") for p in ("zeros", "border", "reflection")),
    ("grid_sample", (_volume, _grid3), {"align_corners": False}),
    ("affine_grid", (X(2, 2, 3), (2, 1, 4, 5)), {"align_corners": False}),
    ("affine_grid", (X(2, 3, 4), (2, 1, 3, 4, 5)), {"align_corners": True}),
]  # fmt: skip

FAMILIES = {
    "activation": ACTIVATIONS, "linear": LINEAR, "conv": CONV, "pool": POOL, "norm": NORM, "loss": LOSS, "spatial": SPATIAL,
}  # fmt: skip

"""Calls for the ops that PyTorch's op database does not reach."""

import numpy as np
import torch
from derivative_oracle import Call

import rustorch

_rng = np.random.default_rng(11)


def X(*shape, grad=True):
    """Normal numbers."""
    return torch.tensor(_rng.standard_normal(shape), requires_grad=grad)


def P(*shape, grad=True):
    """Numbers from 0.5 to 2."""
    return torch.tensor(_rng.uniform(0.5, 2, shape), requires_grad=grad)


def C(*shape):
    """Complex numbers."""
    return torch.tensor(_rng.standard_normal(shape) + 1j * _rng.standard_normal(shape), requires_grad=True)


def row(name, *args, fn=None, order=2, **kwargs):
    """One call and how often it can be differentiated; ``fn(lib)`` where it is not the op by its name."""
    both = {} if fn is None else {"ours": fn(rustorch), "theirs": fn(torch)}
    return Call(name, args, kwargs, **both), order


def _written(x, value):
    out = x.clone()
    out.copy_(value)
    return out


def _masked(x, value):
    out = x.clone()
    out[out > 0] = value
    return out


def _spectrum(lib):
    return lambda x: lib.istft(lib.view_as_complex(x), 8, window=lib.hann_window(8, dtype=lib.float64))


_image, _volume = X(2, 2, 6, 6), X(1, 2, 4, 4, 4)

ROWS = [
    row("chain_matmul", X(2, 3), X(3, 4), X(4, 2)),
    row("conj", C(3), fn=lambda lib: lambda x: x.conj() * 2),
    row("real", C(3), fn=lambda lib: lambda x: x.real * x.imag),
    row("view_as_real", C(3)),
    row("conv_tbc", X(5, 2, 3), X(3, 3, 4), X(4), 1),
    row("copy_", X(2, 3), X(3), fn=lambda lib: _written),
    row("masked_write", X(2, 3), X(1), fn=lambda lib: lambda x, v: _masked(x, v.reshape(()))),
    row("reshape", X(2, 3), fn=lambda lib: lambda x: x.t().reshape(6) ** 2),
    row("contiguous", X(2, 3), fn=lambda lib: lambda x: x.t().contiguous() ** 2),
    row("det", X(3, 3)),
    row("slogdet", X(3, 3)),
    row("inverse", X(3, 3)),
    row("matrix_power", X(3, 3), 3),
    row("linalg.matmul", X(2, 3), X(3, 2)),
    row("linalg.matrix_exp", X(2, 2)),
    row("orgqr", X(4, 3), P(3)),
    row("embedding", X(5, 2), torch.tensor([1, 0, 4, 1]), fn=lambda lib: lambda w, i: lib.embedding(w, i)),
    row("istft", X(5, 4, 2), fn=_spectrum),
    row("max_pool1d_with_indices", X(2, 2, 6), 2, fn=lambda lib: lib.max_pool1d_with_indices),
    row(
        "nn.functional.max_pool1d_with_indices", X(2, 2, 6), 2, fn=lambda lib: lib.nn.functional.max_pool1d_with_indices
    ),
    row("nn.functional.max_pool2d_with_indices", _image, 2, fn=lambda lib: lib.nn.functional.max_pool2d_with_indices),
    row("nn.functional.max_pool3d_with_indices", _volume, 2, fn=lambda lib: lib.nn.functional.max_pool3d_with_indices),
    row(
        "nn.functional.adaptive_max_pool1d_with_indices",
        X(2, 2, 6),
        3,
        fn=lambda lib: lib.nn.functional.adaptive_max_pool1d_with_indices,
    ),
    row(
        "nn.functional.adaptive_max_pool2d_with_indices",
        _image,
        3,
        fn=lambda lib: lib.nn.functional.adaptive_max_pool2d_with_indices,
    ),
    row(
        "nn.functional.adaptive_max_pool3d_with_indices",
        _volume,
        2,
        fn=lambda lib: lib.nn.functional.adaptive_max_pool3d_with_indices,
    ),
    row("nn.functional.lp_pool1d", P(2, 2, 6), 2.0, 2),
    row("nn.functional.lp_pool2d", P(2, 2, 4, 4), 2.0, 2),
    row("nn.functional.lp_pool3d", P(1, 2, 4, 4, 4), 2.0, 2),
    row("nn.functional.fold", X(2, 8, 4), (3, 3), (2, 2)),
    row("nn.functional.affine_grid", X(1, 2, 3), (1, 2, 3, 3)),
    row("nn.functional.log_softmax", X(2, 3), 1),
    row(
        "_log_softmax_backward_data",
        X(2, 3),
        X(2, 3),
        fn=lambda lib: lambda g, y: lib._log_softmax_backward_data(g, y, 1, lib.float64),
    ),
    row("special.expit", X(3)),
    row("special.gammaln", P(3)),
    row("special.psi", P(3)),
    row("special.multigammaln", P(3) + 2, 2, fn=lambda lib: lambda x, p: lib.special.multigammaln(x, p)),
    row("igamma", P(3, grad=False), P(3)),
    row("igammac", P(3, grad=False), P(3)),
    row("special.gammainc", P(3, grad=False), P(3)),
    row("special.gammaincc", P(3, grad=False), P(3)),
    row("special.zeta", torch.tensor([2.0, 3.0, 2.5], dtype=torch.float64), P(3)),
]

# These draw, or PyTorch's own gradient fails (vander): only forward against reverse mode.
MODES = [
    row("vander", X(4), 3),
    row("nn.functional.gumbel_softmax", X(2, 3)),
    row("nn.functional.alpha_dropout", X(2, 3), 0.5, True),
    row("nn.functional.scaled_dot_product_attention", X(2, 3, 4), X(2, 3, 4), X(2, 3, 4), dropout_p=0.5),
    row("nn.functional.rrelu", X(2, 3), training=True),
    row("normal", P(3), fn=lambda lib: lambda std: lib.normal(0.5, std)),
    row("_standard_gamma", P(3), fn=lambda lib: lib._standard_gamma),
]  # fmt: skip

# Derivatives that other files test: recurrent layers, draws of distributions, products with sparse matrices.
ELSEWHERE = {
    "gru_cell", "lstm_cell", "rnn_relu_cell", "rnn_tanh_cell", "nn.functional.gru_layer", "nn.functional.lstm_layer", "nn.functional.grouped_mm",
    "nn.functional.rnn_layer", "sample_dirichlet", "sparse_dots", "sparse_product",
}  # fmt: skip
# Ops on the tape in name only: their results are integers, or PyTorch refuses their derivative.
NO_DERIVATIVE = {
    "bitwise_and", "bitwise_left_shift", "bitwise_not", "bitwise_or", "bitwise_right_shift", "bitwise_xor", "gcd", "lcm",
    "_chunk_cat", "linalg.ldl_factor", "linalg.ldl_factor_ex", "linalg.ldl_solve",
    "floor_divide", "geqrf", "heaviside", "native_channel_shuffle",
    "nn.functional.native_channel_shuffle",
    "positive",  # the public function gives its input itself
}  # fmt: skip

"""Which operations autocast computes in which dtype: one table, PyTorch's, by device type.

Rules: ``LOWER`` casts every eligible argument to autocast's dtype, ``FLOAT`` to float32, ``WIDEST`` to float32 if one of
them is float32 and to autocast's dtype otherwise; ``UNLESS_GIVEN`` is ``FLOAT`` unless the call states a dtype, and
``REFUSED`` raises. What no row names computes in the dtypes that it is given. PyTorch's table is of its own operations;
a row here also has those of ours that PyTorch composes of operations in its table.

Source: the list in PyTorch's documentation, "Autocast Op Reference", and the operators registered for autocast.
"""

from __future__ import annotations

from rustorch.lowering.table import TABLE, Op

LOWER, FLOAT, WIDEST, UNLESS_GIVEN, REFUSED = "lower", "float", "widest", "unless given", "refused"


# Rules that depend on the call: by the values of the parameters that it gives.


def _pad(given):
    """Padding that reads the input at its edges, for the ranks that have an operator of their own."""
    mode, spatial = given.get("mode", "constant"), len(given["pad"]) // 2
    return FLOAT if mode == "replicate" or mode == "reflect" and spatial < 3 else None


def _resampled(given):
    return FLOAT if given.get("mode") != "area" else None


def _pooled(given):
    return None if given.get("return_indices") else FLOAT


def _unweighted(given):
    """A weighted loss is composed of differences."""
    return FLOAT if given.get("weight") is None else None


def _normalized(given):
    """Images and volumes are averaged by ``avg_pool3d``, sequences are not."""
    return FLOAT if given["input"].ndim > 3 else None


def _inner(given):
    """A contraction, unless it is only a dot product or a product with a number."""
    a, b = given["input"].ndim, given["other"].ndim
    return LOWER if a and b and a + b > 2 else None


def _contraction(given):
    """An index that two operands share and the result lacks is summed by a matrix product."""
    *inputs, result = _terms(given["equation"])
    return LOWER if any(sum(i in term for term in inputs) > 1 for i in set().union(*inputs) - set(result)) else None


def _terms(equation: str) -> list[list]:
    """The indices of ``einsum``'s operands and of its result."""
    left, arrow, right = equation.replace(" ", "").replace("...", ".").partition("->")
    inputs = [list(term) for term in left.split(",")]
    if arrow:
        return [*inputs, list(right)]
    every = [i for term in inputs for i in term]
    return [*inputs, [i for i in every if i == "." or every.count(i) == 1]]


_LOSSES = """cosine_embedding_loss hinge_embedding_loss huber_loss kl_div margin_ranking_loss
    multi_margin_loss multilabel_margin_loss nll_loss poisson_nll_loss smooth_l1_loss soft_margin_loss triplet_margin_loss
    binary_cross_entropy_with_logits"""
_PRODUCTS = """addbmm addmm baddbmm bmm matmul linalg.matmul mm linalg.vecdot chain_matmul linalg.multi_dot conv1d conv2d conv3d
    conv_tbc conv_transpose1d conv_transpose2d conv_transpose3d prelu nn.functional.linear
    nn.functional.scaled_dot_product_attention nn.functional.attention_core"""


def _functional(names: str) -> str:
    return " ".join("nn.functional." + name for name in names.split())


ROWS = {
    "cpu": [
        (LOWER, _PRODUCTS),
        (LOWER, "tensordot nn.functional.affine_grid"),
        (LOWER, "nn.functional.lstm_layer nn.functional.rnn_layer rnn_tanh_cell rnn_relu_cell"),
        (_contraction, "einsum"),
        (_inner, "inner"),
        (FLOAT, _functional(_LOSSES)),
        (_unweighted, _functional("mse_loss l1_loss")),
        (FLOAT, _functional("""cross_entropy binary_cross_entropy ctc_loss avg_pool3d adaptive_avg_pool3d
            adaptive_max_pool3d adaptive_max_pool3d_with_indices max_unpool1d max_unpool2d max_unpool3d grid_sample""")),
        (_pooled, "nn.functional.max_pool3d"),
        (_normalized, "nn.functional.local_response_norm"),
        (_pad, "nn.functional.pad"),
        (FLOAT, """cdist polar prod quantile nanquantile stft trace view_as_complex cholesky cholesky_inverse
            cholesky_solve inverse lu_solve orgqr geqrf pinverse qr svd lu triangular_solve"""),
        (FLOAT, " ".join("fft." + kind + form for form in ("fft", "fft2", "fftn") for kind in ("", "i", "r", "ir"))),
        (FLOAT, "fft.hfft fft.ihfft"),
        (FLOAT, """linalg.cond linalg.matrix_rank linalg.solve linalg.cholesky linalg.cholesky_ex linalg.svd
            linalg.svdvals linalg.eig linalg.eigh linalg.eigvals linalg.eigvalsh linalg.inv linalg.inv_ex linalg.qr
            linalg.lstsq linalg.householder_product linalg.tensorinv linalg.tensorsolve"""),
        (WIDEST, "cat stack index_copy"),
    ],
    "cuda": [
        (LOWER, _PRODUCTS),
        (LOWER, "einsum addmv addr mv"),
        (LOWER, _functional("lstm_layer gru_layer rnn_layer")),
        (LOWER, "lstm_cell gru_cell rnn_tanh_cell rnn_relu_cell"),
        (FLOAT, _functional(_LOSSES)),
        (FLOAT, _functional("mse_loss cross_entropy multilabel_soft_margin_loss pairwise_distance cosine_similarity")),
        (_unweighted, _functional("l1_loss")),
        (FLOAT, _functional("layer_norm rms_norm group_norm local_response_norm normalize softplus lp_pool1d lp_pool2d lp_pool3d")),
        (FLOAT, """acos asin cosh erfinv exp expm1 log log10 log2 log1p reciprocal rsqrt sinh tan pow square
            cdist pdist dist renorm nuclear_norm logsumexp trapezoid cumulative_trapezoid sum_to_size"""),
        (_resampled, "nn.functional.interpolate_to"),
        (UNLESS_GIVEN, """prod cumprod cumsum sum softmax log_softmax p_norm_dims linalg.matrix_norm linalg.norm
            nn.functional.softmax nn.functional.log_softmax nn.functional.softmin"""),
        (WIDEST, """addcdiv addcmul atan2 cross linalg.cross dot vdot index_put scatter_add tensordot bilinear
            nn.functional.grid_sample"""),
        (REFUSED, "nn.functional.binary_cross_entropy"),
    ],
}  # fmt: skip
# Another device's rows serve it: what XLA computes on a TPU is nearest to CUDA's choice.
SAME = {"tpu": "cuda"}


def attach(composed: dict) -> dict:
    """Write the rows into the op table; what they say of functions composed of ops is the result, as ops of their names.

    ``composed`` are those functions by name; every other name has to be in the table.
    """
    beside: dict[str, Op] = {}
    for device, rows in ROWS.items():
        for rule, names in rows:
            for name in names.split():
                op = beside.get(name) or TABLE.get(name)
                if op is None:
                    op = beside[name] = Op(composed[name], "op", name=name)
                if op.autocast is None:
                    op.autocast = {}
                op.autocast[device] = rule
    return beside

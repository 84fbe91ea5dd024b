"""The layers as functions of their parameters, under PyTorch's names.

Most are recorded operations, taken over from ``eager.ops.nn_functional`` as they are; those that
also check arguments, keep state or draw noise come from ``nn/_functional``.
"""

from rustorch.eager.ops import nn_functional as _F
from rustorch.nn._functional.activation import (
    celu as celu,
    elu as elu,
    gumbel_softmax as gumbel_softmax,
    hardsigmoid as hardsigmoid,
    hardswish as hardswish,
    hardtanh as hardtanh,
    leaky_relu as leaky_relu,
    log_softmax as log_softmax,
    mish as mish,
    relu as relu,
    relu6 as relu6,
    rrelu as rrelu,
    rrelu_ as rrelu_,
    selu as selu,
    sigmoid as sigmoid,
    silu as silu,
    softmax as softmax,
    softmin as softmin,
    tanh as tanh,
    threshold as threshold,
)
from rustorch.nn._functional.attention import (
    multi_head_attention_forward as multi_head_attention_forward,
    scaled_dot_product_attention as scaled_dot_product_attention,
)
from rustorch.nn._functional.dropout import (
    alpha_dropout as alpha_dropout,
    dropout as dropout,
    dropout1d as dropout1d,
    dropout2d as dropout2d,
    dropout3d as dropout3d,
    feature_alpha_dropout as feature_alpha_dropout,
)
from rustorch.nn._functional.fractional import (
    fractional_max_pool2d as fractional_max_pool2d,
    fractional_max_pool2d_with_indices as fractional_max_pool2d_with_indices,
    fractional_max_pool3d as fractional_max_pool3d,
    fractional_max_pool3d_with_indices as fractional_max_pool3d_with_indices,
)
from rustorch.nn._functional.linear_loss import linear_cross_entropy as linear_cross_entropy
from rustorch.nn._functional.loss import (
    binary_cross_entropy as binary_cross_entropy,
    binary_cross_entropy_with_logits as binary_cross_entropy_with_logits,
    cosine_embedding_loss as cosine_embedding_loss,
    cross_entropy as cross_entropy,
    gaussian_nll_loss as gaussian_nll_loss,
    hinge_embedding_loss as hinge_embedding_loss,
    huber_loss as huber_loss,
    kl_div as kl_div,
    l1_loss as l1_loss,
    margin_ranking_loss as margin_ranking_loss,
    mse_loss as mse_loss,
    multi_margin_loss as multi_margin_loss,
    multilabel_margin_loss as multilabel_margin_loss,
    multilabel_soft_margin_loss as multilabel_soft_margin_loss,
    nll_loss as nll_loss,
    poisson_nll_loss as poisson_nll_loss,
    smooth_l1_loss as smooth_l1_loss,
    soft_margin_loss as soft_margin_loss,
    triplet_margin_loss as triplet_margin_loss,
    triplet_margin_with_distance_loss as triplet_margin_with_distance_loss,
)
from rustorch.nn._functional.norm import (
    batch_norm as batch_norm,
    instance_norm as instance_norm,
)
from rustorch.nn._functional.resample import (
    affine_grid as affine_grid,
    grid_sample as grid_sample,
    interpolate as interpolate,
    upsample as upsample,
    upsample_bilinear as upsample_bilinear,
    upsample_nearest as upsample_nearest,
)
from rustorch.nn._functional.scaled import (
    ScalingType as ScalingType,
    SwizzleType as SwizzleType,
    scaled_mm as scaled_mm,
)
from rustorch.nn._functional.sparse import (
    embedding as embedding,
    embedding_bag as embedding_bag,
    one_hot as one_hot,
)

# Recorded operations that need nothing from Python.
_AS_RECORDED = """
    linear bilinear gelu glu grouped_mm logsigmoid prelu softplus softsign tanhshrink hardshrink softshrink
    relu_ elu_ celu_ selu_ leaky_relu_ hardtanh_ threshold_
    conv1d conv2d conv3d conv_tbc conv_transpose1d conv_transpose2d conv_transpose3d unfold fold
    max_pool1d max_pool2d max_pool3d
    max_pool1d_with_indices max_pool2d_with_indices max_pool3d_with_indices
    max_unpool1d max_unpool2d max_unpool3d
    avg_pool1d avg_pool2d avg_pool3d lp_pool1d lp_pool2d lp_pool3d
    adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d
    adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d
    adaptive_max_pool1d_with_indices adaptive_max_pool2d_with_indices
    adaptive_max_pool3d_with_indices
    layer_norm rms_norm group_norm local_response_norm normalize
    pad pixel_shuffle pixel_unshuffle channel_shuffle native_channel_shuffle
    cosine_similarity pairwise_distance pdist ctc_loss
"""
globals().update({name: getattr(_F, name) for name in _AS_RECORDED.split()})

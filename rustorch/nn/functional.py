"""The layers as functions of their parameters, under PyTorch's names.

Most are recorded operations, taken over from ``eager.ops.nn_functional`` as they are; those that
also check arguments, keep state or draw noise come from ``nn/_functional``.
"""

from rustorch.eager.ops import nn_functional as _F
from rustorch.nn._functional.activation import (
    celu as celu,
)
from rustorch.nn._functional.activation import (
    elu as elu,
)
from rustorch.nn._functional.activation import (
    gumbel_softmax as gumbel_softmax,
)
from rustorch.nn._functional.activation import (
    hardsigmoid as hardsigmoid,
)
from rustorch.nn._functional.activation import (
    hardswish as hardswish,
)
from rustorch.nn._functional.activation import (
    hardtanh as hardtanh,
)
from rustorch.nn._functional.activation import (
    leaky_relu as leaky_relu,
)
from rustorch.nn._functional.activation import (
    log_softmax as log_softmax,
)
from rustorch.nn._functional.activation import (
    mish as mish,
)
from rustorch.nn._functional.activation import (
    relu as relu,
)
from rustorch.nn._functional.activation import (
    relu6 as relu6,
)
from rustorch.nn._functional.activation import (
    rrelu as rrelu,
)
from rustorch.nn._functional.activation import (
    rrelu_ as rrelu_,
)
from rustorch.nn._functional.activation import (
    selu as selu,
)
from rustorch.nn._functional.activation import (
    sigmoid as sigmoid,
)
from rustorch.nn._functional.activation import (
    silu as silu,
)
from rustorch.nn._functional.activation import (
    softmax as softmax,
)
from rustorch.nn._functional.activation import (
    softmin as softmin,
)
from rustorch.nn._functional.activation import (
    tanh as tanh,
)
from rustorch.nn._functional.activation import (
    threshold as threshold,
)
from rustorch.nn._functional.attention import (
    multi_head_attention_forward as multi_head_attention_forward,
)
from rustorch.nn._functional.attention import (
    scaled_dot_product_attention as scaled_dot_product_attention,
)
from rustorch.nn._functional.dropout import (
    alpha_dropout as alpha_dropout,
)
from rustorch.nn._functional.dropout import (
    dropout as dropout,
)
from rustorch.nn._functional.dropout import (
    dropout1d as dropout1d,
)
from rustorch.nn._functional.dropout import (
    dropout2d as dropout2d,
)
from rustorch.nn._functional.dropout import (
    dropout3d as dropout3d,
)
from rustorch.nn._functional.dropout import (
    feature_alpha_dropout as feature_alpha_dropout,
)
from rustorch.nn._functional.loss import (
    binary_cross_entropy as binary_cross_entropy,
)
from rustorch.nn._functional.loss import (
    binary_cross_entropy_with_logits as binary_cross_entropy_with_logits,
)
from rustorch.nn._functional.loss import (
    cosine_embedding_loss as cosine_embedding_loss,
)
from rustorch.nn._functional.loss import (
    cross_entropy as cross_entropy,
)
from rustorch.nn._functional.loss import (
    gaussian_nll_loss as gaussian_nll_loss,
)
from rustorch.nn._functional.loss import (
    hinge_embedding_loss as hinge_embedding_loss,
)
from rustorch.nn._functional.loss import (
    huber_loss as huber_loss,
)
from rustorch.nn._functional.loss import (
    kl_div as kl_div,
)
from rustorch.nn._functional.loss import (
    l1_loss as l1_loss,
)
from rustorch.nn._functional.loss import (
    margin_ranking_loss as margin_ranking_loss,
)
from rustorch.nn._functional.loss import (
    mse_loss as mse_loss,
)
from rustorch.nn._functional.loss import (
    multi_margin_loss as multi_margin_loss,
)
from rustorch.nn._functional.loss import (
    multilabel_margin_loss as multilabel_margin_loss,
)
from rustorch.nn._functional.loss import (
    multilabel_soft_margin_loss as multilabel_soft_margin_loss,
)
from rustorch.nn._functional.loss import (
    nll_loss as nll_loss,
)
from rustorch.nn._functional.loss import (
    poisson_nll_loss as poisson_nll_loss,
)
from rustorch.nn._functional.loss import (
    smooth_l1_loss as smooth_l1_loss,
)
from rustorch.nn._functional.loss import (
    soft_margin_loss as soft_margin_loss,
)
from rustorch.nn._functional.loss import (
    triplet_margin_loss as triplet_margin_loss,
)
from rustorch.nn._functional.loss import (
    triplet_margin_with_distance_loss as triplet_margin_with_distance_loss,
)
from rustorch.nn._functional.norm import (
    batch_norm as batch_norm,
)
from rustorch.nn._functional.norm import (
    instance_norm as instance_norm,
)
from rustorch.nn._functional.resample import (
    affine_grid as affine_grid,
)
from rustorch.nn._functional.resample import (
    grid_sample as grid_sample,
)
from rustorch.nn._functional.resample import (
    interpolate as interpolate,
)
from rustorch.nn._functional.resample import (
    upsample as upsample,
)
from rustorch.nn._functional.resample import (
    upsample_bilinear as upsample_bilinear,
)
from rustorch.nn._functional.resample import (
    upsample_nearest as upsample_nearest,
)
from rustorch.nn._functional.sparse import (
    embedding as embedding,
)
from rustorch.nn._functional.sparse import (
    embedding_bag as embedding_bag,
)
from rustorch.nn._functional.sparse import (
    one_hot as one_hot,
)

# Recorded operations that need nothing from Python.
_AS_RECORDED = """
    linear bilinear gelu glu logsigmoid prelu softplus softsign tanhshrink hardshrink softshrink
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

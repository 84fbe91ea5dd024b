"""The dear operations, each in the shape that XLA's CPU backend runs well.

A kernel is a pure function on ``jax.Array``s that JAX can differentiate in both modes. Where a
closed form beats what JAX derives, ``<name>_vjp(ct, *inputs, needs=...)`` gives the gradients
(None for those not needed); it recomputes what it wants of the forward with the forward's own
expressions, which XLA merges, and it can itself be differentiated again.
"""

from .attention import attention as attention
from .attention import attention_vjp as attention_vjp
from .attention import log_softmax as log_softmax
from .attention import log_softmax_vjp as log_softmax_vjp
from .attention import softmax as softmax
from .attention import softmax_vjp as softmax_vjp
from .conv import conv as conv
from .conv import conv_input_gradient as conv_input_gradient
from .conv import conv_vjp as conv_vjp
from .embedding import embedding as embedding
from .embedding import embedding_vjp as embedding_vjp
from .gelu import erf as erf
from .gelu import erf_vjp as erf_vjp
from .gelu import gelu as gelu
from .gelu import gelu_vjp as gelu_vjp
from .linear import linear as linear
from .linear import linear_vjp as linear_vjp
from .loss import cross_entropy as cross_entropy
from .loss import cross_entropy_vjp as cross_entropy_vjp
from .norm import batch_norm as batch_norm
from .norm import batch_norm_vjp as batch_norm_vjp
from .norm import layer_norm as layer_norm
from .norm import layer_norm_vjp as layer_norm_vjp
from .pool import adaptive_avg_pool as adaptive_avg_pool
from .pool import avg_pool as avg_pool
from .pool import max_pool as max_pool
from .pool import max_pool_vjp as max_pool_vjp
from .pool import max_pool_with_indices as max_pool_with_indices
from .random import bernoulli as bernoulli
from .random import dropout as dropout
from .random import dropout_vjp as dropout_vjp
from .random import normal as normal
from .random import random_bits as random_bits
from .random import uniform as uniform
from .sums import column_sum as column_sum
from .sums import once as once
from .sums import row_sum as row_sum

"""The dear operations, each in the shape that XLA's CPU backend runs well.

A kernel is a pure function on ``jax.Array``s that JAX can differentiate in both modes. Where a
closed form beats what JAX derives, ``<name>_vjp(ct, *inputs, needs=...)`` gives the gradients
(None for those not needed); it recomputes what it wants of the forward with the forward's own
expressions, which XLA merges, and it can itself be differentiated again.
"""

from .attention import (
    attention as attention,
    attention_vjp as attention_vjp,
    log_softmax as log_softmax,
    log_softmax_vjp as log_softmax_vjp,
    softmax as softmax,
    softmax_vjp as softmax_vjp,
)
from .conv import (
    conv as conv,
    conv_input_gradient as conv_input_gradient,
    conv_vjp as conv_vjp,
    in_full as in_full,
)
from .embedding import embedding as embedding, embedding_vjp as embedding_vjp
from .gelu import erf as erf, erf_vjp as erf_vjp, gelu as gelu, gelu_vjp as gelu_vjp
from .linear import linear as linear, linear_vjp as linear_vjp
from .loss import cross_entropy as cross_entropy, cross_entropy_vjp as cross_entropy_vjp, poisoned as poisoned
from .norm import (
    batch_norm as batch_norm,
    batch_norm_vjp as batch_norm_vjp,
    layer_norm as layer_norm,
    layer_norm_vjp as layer_norm_vjp,
)
from .pool import (
    adaptive_avg_pool as adaptive_avg_pool,
    avg_pool as avg_pool,
    max_pool as max_pool,
    max_pool_vjp as max_pool_vjp,
    max_pool_with_indices as max_pool_with_indices,
)
from .random import (
    bernoulli as bernoulli,
    dropout as dropout,
    dropout_vjp as dropout_vjp,
    normal as normal,
    random_bits as random_bits,
    uniform as uniform,
)
from .recurrent import (
    from_inputs as from_inputs,
    gru as gru,
    gru_step as gru_step,
    gru_vjp as gru_vjp,
    lstm as lstm,
    lstm_step as lstm_step,
    lstm_vjp as lstm_vjp,
    rnn as rnn,
    rnn_step as rnn_step,
    rnn_vjp as rnn_vjp,
    total_bias as total_bias,
)
from .sums import column_sum as column_sum, once as once, row_sum as row_sum

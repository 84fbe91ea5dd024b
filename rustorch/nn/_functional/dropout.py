"""Dropout: a mask is drawn as a node of its own, then applied.

Masks come from the generator, which is state of the program: every call draws anew, and the
backward pass uses the mask of the forward pass.
"""

import warnings

from rustorch.nn._functional.pieces import noise, piece

_dropout_mask = noise("dropout_mask")
_feature_dropout_mask = noise("feature_dropout_mask")
_dropout_apply = piece("dropout_apply")
_alpha_dropout_apply = piece("alpha_dropout_apply")


def _applied(input, p, training, inplace, mask=_dropout_mask, apply=_dropout_apply):
    if p < 0.0 or p > 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
    if not training or p == 0:
        return input
    p = float(p)
    result = apply(input, mask(input, tuple(input.shape), p), p)
    return input.copy_(result) if inplace else result


def dropout(input, p=0.5, training=True, inplace=False):
    """Zero each element with probability p, scale the rest by 1/(1-p); off unless training."""
    return _applied(input, p, training, inplace)


def attention_mask(query, key, p):
    """The elements that attention dropout keeps: a mask of shape (..., L, S)."""
    return _dropout_mask(query, (*query.shape[:-1], key.shape[-2]), float(p))


def _channels(input, p, training, inplace, batched, **options):
    """Dropout over whole channels, of a single sample if not ``batched``."""
    if batched or not training:
        return _applied(input, p, training, inplace, _feature_dropout_mask, **options)
    result = _applied(input.unsqueeze(0), p, training, False, _feature_dropout_mask, **options)
    return input.copy_(result.squeeze(0)) if inplace else result.squeeze(0)


def _warn_about_rank(name, input, spatial):
    if input.ndim not in (spatial + 1, spatial + 2):
        warnings.warn(
            f"{name}: Received a {input.ndim}-D input to {name}, which is deprecated and will "
            "result in an error in a future release. To retain the behavior and silence this "
            "warning, please use dropout instead. Note that "
            f"{name} exists to provide channel-wise dropout on inputs with {spatial} spatial "
            "dimensions, a channel dimension, and an optional batch dimension (i.e. "
            f"{spatial + 1}D or {spatial + 2}D inputs).",
            stacklevel=3,
        )


def dropout1d(input, p=0.5, training=True, inplace=False):
    """Zero whole channels of (N, C, L) or (C, L)."""
    if p < 0.0 or p > 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
    if input.ndim not in (2, 3):
        raise RuntimeError(
            f"dropout1d: Expected 2D or 3D input, but received a {input.ndim}D input. "
            "Note that dropout1d exists to provide channel-wise dropout on inputs with 1 "
            "spatial dimension, a channel dimension, and an optional batch dimension "
            "(i.e. 2D or 3D inputs)."
        )
    return _channels(input, p, training, inplace, input.ndim == 3)


def dropout2d(input, p=0.5, training=True, inplace=False):
    """Zero whole channels of (N, C, H, W)."""
    _warn_about_rank("dropout2d", input, 2)
    if input.ndim == 3:
        warnings.warn(
            "dropout2d: Received a 3D input to dropout2d and assuming that channel-wise "
            "1D dropout behavior is desired - input is interpreted as shape (N, C, L), where C "
            "is the channel dim. This behavior will change in a future release to interpret the "
            "input as one without a batch dimension, i.e. shape (C, H, W). To maintain the 1D "
            "channel-wise dropout behavior, please switch to using dropout1d instead.",
            stacklevel=2,
        )
    return _channels(input, p, training, inplace, True)


def dropout3d(input, p=0.5, training=True, inplace=False):
    """Zero whole channels of (N, C, D, H, W) or (C, D, H, W)."""
    _warn_about_rank("dropout3d", input, 3)
    return _channels(input, p, training, inplace, input.ndim != 4)


def alpha_dropout(input, p=0.5, training=False, inplace=False):
    """Dropout that keeps mean 0 and variance 1: dropped elements take SELU's lower limit."""
    return _applied(input, p, training, inplace, apply=_alpha_dropout_apply)


def feature_dropout(input, p=0.5, training=True, inplace=False):
    """Zero whole channels of (N, C, ...) with probability p, scale the rest by 1/(1-p)."""
    return _channels(input, p, training, inplace, True)


def feature_alpha_dropout(input, p=0.5, training=False, inplace=False):
    """``alpha_dropout`` over whole channels of (N, C, ...)."""
    return _channels(input, p, training, inplace, True, apply=_alpha_dropout_apply)

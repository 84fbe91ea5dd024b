"""The norms that keep running statistics: the op returns their new values, written here."""

import math

from rustorch.autograd.modes import no_grad
from rustorch.eager.inplace import assign
from rustorch.errors import ArgumentValueError, check
from rustorch.nn._functional.pieces import piece

_native_batch_norm = piece("native_batch_norm")
_native_instance_norm = piece("native_instance_norm")


def _write(running, new):
    if running is not None:
        with no_grad():
            assign(running, new.detach())


def batch_norm(
    input,
    running_mean,
    running_var,
    weight=None,
    bias=None,
    training=False,
    momentum=0.1,
    eps=1e-5,
):
    """(x - mean)/√(var + eps) · weight + bias per channel (dim 1).

    While ``training`` the statistics are the batch's, and the running ones, if given, move
    towards them by ``momentum`` (the variance unbiased); otherwise they are the running ones.
    """
    if training:
        check(
            input.ndim < 2 or not input.numel() or input.numel() > input.shape[1],
            f"Expected more than 1 value per channel when training, got input size torch.Size({list(input.shape)})",
            ArgumentValueError,
        )
        check(eps > 0.0, f"batch_norm eps must be positive during training, but got {eps}", ArgumentValueError)
    return batch_normed(input, running_mean, running_var, weight, bias, training, momentum, eps)


def batch_normed(input, running_mean, running_var, weight, bias, training, momentum, eps):
    """``batch_norm`` of any batch and ``eps``."""
    output, mean, var = _native_batch_norm(input, weight, bias, running_mean, running_var, training, momentum, eps)
    if training:
        _write(running_mean, mean)
        _write(running_var, var)
    return output


def instance_norm(
    input,
    running_mean=None,
    running_var=None,
    weight=None,
    bias=None,
    use_input_stats=True,
    momentum=0.1,
    eps=1e-5,
):
    """Batch norm of every sample by itself; running statistics average over the samples."""
    check(
        not use_input_stats or input.ndim < 2 or math.prod(input.shape[2:]) > 1,
        f"Expected more than 1 spatial element when training, got input size torch.Size({list(input.shape)})",
        ArgumentValueError,
    )
    return instance_normed(input, running_mean, running_var, weight, bias, use_input_stats, momentum, eps)


def instance_normed(input, running_mean, running_var, weight, bias, use_input_stats, momentum, eps):
    """``instance_norm`` of samples of any size."""
    output, mean, var = _native_instance_norm(
        input, weight, bias, running_mean, running_var, use_input_stats, momentum, eps
    )
    if use_input_stats:
        _write(running_mean, mean)
        _write(running_var, var)
    return output

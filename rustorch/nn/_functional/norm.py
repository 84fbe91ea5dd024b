"""The norms that keep running statistics: the op returns their new values, written here."""

from rustorch.autograd.modes import no_grad
from rustorch.eager.inplace import assign
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
    if training and eps <= 0.0:
        raise ValueError(f"batch_norm eps must be positive during training, but got {eps}")
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
    output, mean, var = _native_instance_norm(
        input, weight, bias, running_mean, running_var, use_input_stats, momentum, eps
    )
    if use_input_stats:
        _write(running_mean, mean)
        _write(running_var, var)
    return output

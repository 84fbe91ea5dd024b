"""Gradient clipping without looking at a gradient.

The coefficient min(1, max_norm/(norm+1e-6)) stays a tensor, so clipping is part of the training
step's program and forces no synchronisation.
"""

import math
import types
import warnings

from rustorch.autograd.modes import no_grad
from rustorch.eager import ops as T
from rustorch.eager.convert import tensor as make_tensor
from rustorch.eager.inplace import assign
from rustorch.eager.recorder import apply
from rustorch.eager.tensor import Tensor
from rustorch.lowering.table import TABLE

_CLIP = TABLE["nn.utils.clip_by_total_norm"]


def _norm_of(tensors, norm_type):
    """The p-norm of all ``tensors`` taken as one vector."""
    return apply(_CLIP, (tuple(tensors), math.inf, norm_type))[0]


def _clipped_(tensors, max_norm, norm_type):
    """Scale ``tensors`` in place, one recorded op for all; their norm before."""
    norm, *scaled = apply(_CLIP, (tuple(tensors), max_norm, norm_type))
    for tensor, new in zip(tensors, scaled):
        assign(tensor, new)
    return norm


def _grads(parameters):
    return [parameter.grad for parameter in parameters if parameter.grad is not None]


def _as_list(tensors):
    return [tensors] if isinstance(tensors, Tensor) else list(tensors)


def get_total_norm(tensors, norm_type=2.0, error_if_nonfinite=False, foreach=None):
    """The norm of all ``tensors`` taken as one vector, as a 0-d tensor.

    Arguments:
        tensors: a tensor or an iterable of tensors of any shapes.
        norm_type: order of the norm; ``inf`` for the largest magnitude.
        error_if_nonfinite: raise ``RuntimeError`` if it is NaN or infinite. This looks at the
            value, and so waits for it.
        foreach: accepted for compatibility.

    >>> import rustorch as torch
    >>> torch.nn.utils.get_total_norm([torch.tensor([3.0]), torch.tensor([4.0])]).item()
    5.0
    """
    tensors = _as_list(tensors)
    norm_type = float(norm_type)
    if not tensors:
        return make_tensor(0.0)
    with no_grad():
        total_norm = _norm_of(tensors, norm_type)
    if error_if_nonfinite:
        _require_finite(total_norm, norm_type)
    return total_norm


def _require_finite(total_norm, norm_type):
    if not bool(total_norm.isfinite()):
        raise RuntimeError(
            f"The total norm of order {norm_type} for gradients from "
            "`parameters` is non-finite, so it cannot be clipped. To disable "
            "this error and scale the gradients by the non-finite norm anyway, "
            "set `error_if_nonfinite=False`"
        )


def clip_grads_with_norm_(parameters, max_norm, total_norm, foreach=None):
    """Scale the gradients in place by min(1, max_norm/(total_norm+1e-6))."""
    grads = _grads(_as_list(parameters))
    if not grads:
        return
    with no_grad():
        factor = T.clamp_max(float(max_norm) / (total_norm + 1e-6), 1.0)
        for grad in grads:
            grad.mul_(factor.to(grad.device))


def clip_grad_norm_(parameters, max_norm, norm_type=2.0, error_if_nonfinite=False, foreach=None):
    """Scale the gradients in place so that their common norm is at most ``max_norm``.

    Arguments:
        parameters: a tensor or an iterable of tensors; those without ``grad`` are skipped.
        max_norm: largest norm allowed.
        norm_type: order of the norm; ``inf`` for the largest magnitude.
        error_if_nonfinite: raise ``RuntimeError`` if the norm is NaN or infinite.
        foreach: accepted for compatibility.

    Returns the norm before clipping, as a 0-d tensor. Source: PyTorch definition.

    >>> import rustorch as torch
    >>> w = torch.nn.Parameter(torch.ones(1)); w.grad = torch.tensor([10.0])
    >>> torch.nn.utils.clip_grad_norm_([w], 1.0).item()
    10.0
    """
    empty_generator = isinstance(parameters, types.GeneratorType)
    parameters = _as_list(parameters)
    if empty_generator and not parameters:
        warnings.warn("`parameters` is an empty generator, no gradient clipping will occur.", stacklevel=2)
    grads = _grads(parameters)
    norm_type = float(norm_type)
    if not grads or error_if_nonfinite or len({grad.device for grad in grads}) > 1:
        total_norm = get_total_norm(grads, norm_type, error_if_nonfinite, foreach)
        clip_grads_with_norm_(parameters, max_norm, total_norm, foreach)
        return total_norm
    with no_grad():
        return _clipped_(grads, float(max_norm), norm_type)


def clip_grad_norm(parameters, max_norm, norm_type=2.0, error_if_nonfinite=False, foreach=None):
    """Deprecated name of ``clip_grad_norm_``."""
    warnings.warn(
        "`torch.nn.utils.clip_grad_norm` is now deprecated in favor of `torch.nn.utils.clip_grad_norm_`.",
        FutureWarning,
        stacklevel=2,
    )
    return clip_grad_norm_(parameters, max_norm, norm_type, error_if_nonfinite, foreach)


def clip_grad_value_(parameters, clip_value, foreach=None):
    """Clamp every gradient element in place to [-clip_value, clip_value]."""
    clip_value = float(clip_value)
    with no_grad():
        for grad in _grads(_as_list(parameters)):
            grad.clamp_(min=-clip_value, max=clip_value)

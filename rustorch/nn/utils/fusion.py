"""Batch norm in evaluation mode folded into the layer before it."""

import copy

from rustorch.eager import ops as T
from rustorch.nn.parameter import Parameter


def _eval_only(*modules):
    if any(module.training for module in modules):
        raise AssertionError("Fusion only for eval!")


def _with_statistics(bn):
    if bn.running_mean is None or bn.running_var is None:
        raise AssertionError("bn.running_mean and bn.running_var must not be None")
    return bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias


def fuse_conv_bn_eval(conv, bn, transpose=False):
    """A copy of ``conv`` that does what ``bn(conv(x))`` does; ``transpose`` for transposed convolutions.

    Raises:
        AssertionError: one of them is in training mode, or ``bn`` has no running statistics.

    >>> import rustorch as torch
    >>> conv, bn = torch.nn.Conv2d(2, 3, 1).eval(), torch.nn.BatchNorm2d(3).eval()
    >>> x = torch.ones(1, 2, 2, 2)
    >>> torch.allclose(torch.nn.utils.fuse_conv_bn_eval(conv, bn)(x), bn(conv(x)), atol=1e-6)
    True
    """
    _eval_only(conv, bn)
    fused = copy.deepcopy(conv)
    fused.weight, fused.bias = fuse_conv_bn_weights(fused.weight, fused.bias, *_with_statistics(bn), transpose)
    return fused


def fuse_conv_bn_weights(conv_w, conv_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b, transpose=False):
    """Weight w·γ/√(σ² + ε) and bias (b - μ)·γ/√(σ² + ε) + β, as parameters."""
    bias = T.zeros_like(bn_rm) if conv_b is None else conv_b
    scale = T.rsqrt(bn_rv + bn_eps) if bn_w is None else bn_w * T.rsqrt(bn_rv + bn_eps)
    shape = [1] * conv_w.ndim
    shape[1 if transpose else 0] = -1
    weight = (conv_w * scale.reshape(shape)).to(conv_w.dtype)
    moved = (bias - bn_rm) * scale
    moved = (moved if bn_b is None else moved + bn_b).to(conv_w.dtype if conv_b is None else conv_b.dtype)
    return Parameter(weight.detach(), conv_w.requires_grad), Parameter(moved.detach(), bias.requires_grad)


def fuse_linear_bn_eval(linear, bn):
    """A copy of ``linear`` that does what ``bn(linear(x))`` does.

    Raises:
        AssertionError: one of them is in training mode, ``bn`` has no running statistics or another size.
    """
    _eval_only(linear, bn)
    if linear.out_features != bn.num_features and bn.num_features != 1:
        raise AssertionError(
            "To fuse, linear.out_features == bn.num_features or bn.num_features == 1, "
            f"got linear.out_features={linear.out_features} and bn.num_features={bn.num_features}"
        )
    fused = copy.deepcopy(linear)
    fused.weight, fused.bias = fuse_linear_bn_weights(fused.weight, fused.bias, *_with_statistics(bn))
    return fused


def fuse_linear_bn_weights(linear_w, linear_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b):
    """As ``fuse_conv_bn_weights``, for a matrix."""
    bias = T.zeros_like(bn_rm) if linear_b is None else linear_b
    scale = bn_w * T.rsqrt(bn_rv + bn_eps)
    weight = linear_w * scale.unsqueeze(-1).to(linear_w.dtype)
    moved = ((bias - bn_rm) * scale + bn_b).to(linear_w.dtype if linear_b is None else linear_b.dtype)
    return Parameter(weight.detach(), linear_w.requires_grad), Parameter(moved.detach(), bias.requires_grad)

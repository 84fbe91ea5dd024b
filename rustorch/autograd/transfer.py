"""Moving a tensor to another device, with a gradient that travels back."""

from __future__ import annotations

from rustorch.autograd.function import Function
from rustorch.eager import convert


class ToCopy(Function):
    """``x.to(device)`` of a tensor that requires grad: programs are per device, so this computes ``x``."""

    @staticmethod
    def forward(ctx, x, device):
        ctx.source = x.device
        return convert.transfer(x.detach(), device)

    @staticmethod
    def backward(ctx, grad):
        return grad.to(ctx.source), None


convert.on_transfer(ToCopy.apply)

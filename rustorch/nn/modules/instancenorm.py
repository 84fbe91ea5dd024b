"""Normalisation of each sample's channels over their own positions."""

from rustorch.nn import functional as F
from rustorch.nn.modules.batchnorm import _NormBase


class _InstanceNorm(_NormBase):
    """The forward pass that the instance norms share; a subclass names its ranks."""

    _batched_ndim = None

    def __init__(
        self,
        num_features,
        eps=1e-5,
        momentum=0.1,
        affine=False,
        track_running_stats=False,
        device=None,
        dtype=None,
        *,
        bias=True,
    ):
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)

    def _check_input_dim(self, input):
        batched = self._batched_ndim
        if input.ndim not in (batched - 1, batched):
            raise ValueError(f"expected {batched - 1}D or {batched}D input (got {input.ndim}D input)")

    def forward(self, input):
        self._check_input_dim(input)
        unbatched = input.ndim == self._batched_ndim - 1
        channels = input.shape[0 if unbatched else 1]
        if channels != self.num_features and self.affine:
            raise ValueError(
                f"expected input's size at dim={0 if unbatched else 1} to match num_features "
                f"({self.num_features}), but got: {channels}."
            )
        output = F.instance_norm(
            input.unsqueeze(0) if unbatched else input,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or not self.track_running_stats,
            0.0 if self.momentum is None else self.momentum,
            self.eps,
        )
        return output.squeeze(0) if unbatched else output


class InstanceNorm1d(_InstanceNorm):
    """y = (x - mean)/√(var + eps) · weight + bias, per sample and channel.

    Arguments as ``BatchNorm1d``, with ``affine`` and ``track_running_stats`` off by default.
    Shapes: (N, C, L) or (C, L), kept.
    Errors: ``ValueError`` for other ranks.
    Source: Ulyanov et al., 2016.

    >>> import rustorch as torch
    >>> torch.nn.InstanceNorm1d(3)(torch.randn(2, 3, 8)).shape
    torch.Size([2, 3, 8])
    """

    _batched_ndim = 3


class InstanceNorm2d(_InstanceNorm):
    """``InstanceNorm1d`` for images (N, C, H, W) or (C, H, W).

    >>> import rustorch as torch
    >>> torch.nn.InstanceNorm2d(3)(torch.randn(2, 3, 4, 4)).shape
    torch.Size([2, 3, 4, 4])
    """

    _batched_ndim = 4


class InstanceNorm3d(_InstanceNorm):
    """``InstanceNorm1d`` for volumes (N, C, D, H, W) or (C, D, H, W).

    >>> import rustorch as torch
    >>> torch.nn.InstanceNorm3d(3)(torch.randn(2, 3, 2, 2, 2)).shape
    torch.Size([2, 3, 2, 2, 2])
    """

    _batched_ndim = 5

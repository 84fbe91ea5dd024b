"""Convolutions and norms that take their channel count from the first input."""

from rustorch.nn.modules.batchnorm import BatchNorm1d, BatchNorm2d, BatchNorm3d
from rustorch.nn.modules.conv import Conv1d, Conv2d, Conv3d
from rustorch.nn.modules.conv_transpose import (
    ConvTranspose1d,
    ConvTranspose2d,
    ConvTranspose3d,
)
from rustorch.nn.modules.instancenorm import InstanceNorm1d, InstanceNorm2d, InstanceNorm3d
from rustorch.nn.modules.lazy import LazyModuleMixin
from rustorch.nn.parameter import UninitializedBuffer, UninitializedParameter


class _LazyConv(LazyModuleMixin):
    """Infers ``in_channels`` from dim 1 of a batch (dim 0 of a single sample)."""

    def __init__(self, out_channels, kernel_size, *args, bias=True, **kwargs):
        like = {name: kwargs.get(name) for name in ("device", "dtype")}
        # Nothing to draw yet: the smallest legal layer, whose parameters are then replaced.
        kwargs["groups"], groups = 1, kwargs.get("groups", 1)
        super().__init__(1, 1, kernel_size, *args, bias=False, **kwargs)
        self.in_channels = 0
        self.out_channels = out_channels
        self.groups = groups
        self.weight = UninitializedParameter(**like)
        if bias:
            self.bias = UninitializedParameter(**like)

    def reset_parameters(self):
        if not self.has_uninitialized_params() and self.in_channels != 0:
            super().reset_parameters()

    def initialize_parameters(self, input, *args, **kwargs):
        """Make the parameters fit ``input``."""
        if not self.has_uninitialized_params():
            return
        rank = len(self.kernel_size)
        if input.ndim not in (rank + 1, rank + 2):
            raise RuntimeError(
                f"Expected {rank + 1}D (unbatched) or {rank + 2}D (batched) input "
                f"to {type(self).__name__}, but got input of size: {input.shape}"
            )
        self.in_channels = input.shape[-rank - 1]
        if self.in_channels % self.groups != 0:
            raise ValueError("in_channels must be divisible by groups")
        if self.transposed:
            channels = (self.in_channels, self.out_channels // self.groups)
        else:
            channels = (self.out_channels, self.in_channels // self.groups)
        self.weight.materialize((*channels, *self.kernel_size))
        if self.bias is not None:
            self.bias.materialize((self.out_channels,))
        self.reset_parameters()


class LazyConv1d(_LazyConv, Conv1d):
    """A ``Conv1d`` without in_channels; it becomes one at the first call."""

    cls_to_become = Conv1d


class LazyConv2d(_LazyConv, Conv2d):
    """A ``Conv2d`` without in_channels; it becomes one at the first call."""

    cls_to_become = Conv2d


class LazyConv3d(_LazyConv, Conv3d):
    """A ``Conv3d`` without in_channels; it becomes one at the first call."""

    cls_to_become = Conv3d


class LazyConvTranspose1d(_LazyConv, ConvTranspose1d):
    """A ``ConvTranspose1d`` without in_channels; it becomes one at the first call."""

    cls_to_become = ConvTranspose1d


class LazyConvTranspose2d(_LazyConv, ConvTranspose2d):
    """A ``ConvTranspose2d`` without in_channels; it becomes one at the first call."""

    cls_to_become = ConvTranspose2d


class LazyConvTranspose3d(_LazyConv, ConvTranspose3d):
    """A ``ConvTranspose3d`` without in_channels; it becomes one at the first call."""

    cls_to_become = ConvTranspose3d


class _LazyNorm(LazyModuleMixin):
    """Infers ``num_features`` from dim 1 of the input."""

    def __init__(
        self,
        eps=1e-5,
        momentum=0.1,
        affine=True,
        track_running_stats=True,
        device=None,
        dtype=None,
        *,
        bias=True,
    ):
        super().__init__(0, eps, momentum, False, False, device, dtype)
        like = {"device": device, "dtype": dtype}
        self.affine = affine
        self.track_running_stats = track_running_stats
        if affine:
            self.weight = UninitializedParameter(**like)
            if bias:
                self.bias = UninitializedParameter(**like)
        if track_running_stats:
            self._buffers["running_mean"] = UninitializedBuffer(**like)
            self._buffers["running_var"] = UninitializedBuffer(**like)
            self._buffers["num_batches_tracked"] = self._new_count(device)

    def reset_parameters(self):
        if not self.has_uninitialized_params() and self.num_features != 0:
            super().reset_parameters()

    def initialize_parameters(self, input):
        """Make the parameters and statistics fit ``input``."""
        if not self.has_uninitialized_params():
            return
        self.num_features = input.shape[1]
        for value in (self.weight, self.bias, self.running_mean, self.running_var):
            if value is not None:
                value.materialize((self.num_features,))
        self.reset_parameters()


class LazyBatchNorm1d(_LazyNorm, BatchNorm1d):
    """A ``BatchNorm1d`` without num_features; it becomes one at the first call."""

    cls_to_become = BatchNorm1d


class LazyBatchNorm2d(_LazyNorm, BatchNorm2d):
    """A ``BatchNorm2d`` without num_features; it becomes one at the first call."""

    cls_to_become = BatchNorm2d


class LazyBatchNorm3d(_LazyNorm, BatchNorm3d):
    """A ``BatchNorm3d`` without num_features; it becomes one at the first call."""

    cls_to_become = BatchNorm3d


class LazyInstanceNorm1d(_LazyNorm, InstanceNorm1d):
    """An ``InstanceNorm1d`` without num_features; it becomes one at the first call."""

    cls_to_become = InstanceNorm1d


class LazyInstanceNorm2d(_LazyNorm, InstanceNorm2d):
    """An ``InstanceNorm2d`` without num_features; it becomes one at the first call."""

    cls_to_become = InstanceNorm2d


class LazyInstanceNorm3d(_LazyNorm, InstanceNorm3d):
    """An ``InstanceNorm3d`` without num_features; it becomes one at the first call."""

    cls_to_become = InstanceNorm3d

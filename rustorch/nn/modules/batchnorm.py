"""Normalisation over the batch, with running statistics for evaluation."""

from rustorch.dtypes import int64
from rustorch.eager import ops as T
from rustorch.nn import functional as F, init
from rustorch.nn.modules.module import Module
from rustorch.nn.parameter import Parameter


class _NormBase(Module):
    """Per-channel scale and shift, and running mean and variance."""

    _version = 2
    __constants__ = ["track_running_stats", "momentum", "eps", "num_features", "affine"]

    def __init__(
        self,
        num_features,
        eps=1e-5,
        momentum=0.1,
        affine=True,
        track_running_stats=True,
        device=None,
        dtype=None,
        *,
        bias=True,
    ):
        super().__init__()
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        like = {"device": device, "dtype": dtype}
        for name, wanted in (("weight", affine), ("bias", affine and bias)):
            self.register_parameter(name, Parameter(T.empty(num_features, **like)) if wanted else None)
        tracked = track_running_stats
        self.register_buffer("running_mean", T.zeros(num_features, **like) if tracked else None)
        self.register_buffer("running_var", T.ones(num_features, **like) if tracked else None)
        self.register_buffer("num_batches_tracked", self._new_count(device) if tracked else None)
        self.reset_parameters()

    @staticmethod
    def _new_count(device):
        return T.zeros((), dtype=int64, device=device)

    def reset_running_stats(self):
        """Forget every batch seen: mean 0, variance 1."""
        if self.track_running_stats:
            self.running_mean.zero_()
            self.running_var.fill_(1)
            self.num_batches_tracked.zero_()

    def reset_parameters(self):
        """Forget the statistics and set scale 1, shift 0."""
        self.reset_running_stats()
        if self.affine:
            init.ones_(self.weight)
            if self.bias is not None:
                init.zeros_(self.bias)

    def _check_input_dim(self, input):
        raise NotImplementedError

    def extra_repr(self):
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, "
            f"affine={self.affine}, bias={self.bias is not None}, "
            f"track_running_stats={self.track_running_stats}"
        )

    def _load_from_state_dict(
        self, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
    ):
        version = local_metadata.get("version", None)
        if (version is None or version < 2) and self.track_running_stats:
            # Version 1 had no batch count.
            key = prefix + "num_batches_tracked"
            if key not in state_dict:
                state_dict[key] = (
                    self.num_batches_tracked
                    if self.num_batches_tracked is not None and self.num_batches_tracked.device.type != "meta"
                    else T.tensor(0, dtype=int64)
                )
        super()._load_from_state_dict(
            state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
        )


class _BatchNorm(_NormBase):
    """The forward pass that the batch norms share."""

    batch_statistics = True  # samples of a batch meet, which `func.replace_all_batch_norm_modules_` asks

    def forward(self, input):
        self._check_input_dim(input)
        factor = 0.0 if self.momentum is None else self.momentum
        if self.training and self.track_running_stats and self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
            if self.momentum is None:
                # Cumulative average. The count stays a tensor: reading it would wait for it.
                factor = 1.0 / self.num_batches_tracked.to(self.running_mean.dtype)
        no_statistics = self.running_mean is None and self.running_var is None
        use_running = not self.training or self.track_running_stats
        return F.batch_norm(
            input,
            self.running_mean if use_running else None,
            self.running_var if use_running else None,
            self.weight,
            self.bias,
            self.training or no_statistics,
            factor,
            self.eps,
        )


class BatchNorm1d(_BatchNorm):
    """y = (x - mean)/√(var + eps) · weight + bias, over the batch, per channel.

    Arguments:
        num_features: channels C.
        momentum: share of the new batch in the running statistics; ``None`` averages all.
        affine: whether weight and bias exist.
        track_running_stats: whether evaluation uses running statistics.

    Shapes: (N, C) or (N, C, L), kept. Buffers running_mean, running_var (unbiased),
    num_batches_tracked.
    Errors: ``ValueError`` for other ranks, or when training sees one value per channel.
    Source: Ioffe & Szegedy, 2015.

    >>> import rustorch as torch
    >>> torch.nn.BatchNorm1d(3)(torch.randn(8, 3)).shape
    torch.Size([8, 3])
    """

    def _check_input_dim(self, input):
        if input.ndim not in (2, 3):
            raise ValueError(f"expected 2D or 3D input (got {input.ndim}D input)")


class BatchNorm2d(_BatchNorm):
    """``BatchNorm1d`` for images (N, C, H, W).

    >>> import rustorch as torch
    >>> torch.nn.BatchNorm2d(3)(torch.randn(8, 3, 4, 4)).shape
    torch.Size([8, 3, 4, 4])
    """

    def _check_input_dim(self, input):
        if input.ndim != 4:
            raise ValueError(f"expected 4D input (got {input.ndim}D input)")


class BatchNorm3d(_BatchNorm):
    """``BatchNorm1d`` for volumes (N, C, D, H, W).

    >>> import rustorch as torch
    >>> torch.nn.BatchNorm3d(3)(torch.randn(8, 3, 2, 2, 2)).shape
    torch.Size([8, 3, 2, 2, 2])
    """

    def _check_input_dim(self, input):
        if input.ndim != 5:
            raise ValueError(f"expected 5D input (got {input.ndim}D input)")


class SyncBatchNorm(_BatchNorm):
    """Batch norm whose statistics are over the whole batch of all devices.

    One program computes the statistics of the array it is given, which XLA may shard, so this is
    plain batch norm. Takes any input with at least two dimensions.
    """

    def __init__(
        self,
        num_features,
        eps=1e-5,
        momentum=0.1,
        affine=True,
        track_running_stats=True,
        process_group=None,
        device=None,
        dtype=None,
    ):
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype)
        self.process_group = process_group

    def _check_input_dim(self, input):
        if input.ndim < 2:
            raise ValueError(f"expected at least 2D input (got {input.ndim}D input)")

    @classmethod
    def convert_sync_batchnorm(cls, module, process_group=None):
        """Replace every batch norm below ``module`` by a ``SyncBatchNorm`` with its state."""
        converted = module
        if isinstance(module, _BatchNorm) and not isinstance(module, SyncBatchNorm):
            converted = cls(
                module.num_features,
                module.eps,
                module.momentum,
                module.affine,
                module.track_running_stats,
                process_group,
            )
            converted._parameters.update(module._parameters)
            converted._buffers.update(module._buffers)
            converted.training = module.training
        for name, child in list(module.named_children()):
            converted.add_module(name, cls.convert_sync_batchnorm(child, process_group))
        return converted

"""Weights of convolutions in another memory format: accepted, as XLA lays arrays out itself and strides stay dense."""

from rustorch.nn.modules.conv import Conv2d, Conv3d
from rustorch.nn.modules.conv_transpose import ConvTranspose2d, ConvTranspose3d


def _convert(module, memory_format, kinds):
    for found in module.modules():
        if isinstance(found, kinds):
            found.weight.data = found.weight.detach().clone(memory_format=memory_format)
    return module


def convert_conv2d_weight_memory_format(module, memory_format):
    """Convert the weights of all ``Conv2d`` and ``ConvTranspose2d`` in ``module``, and hand it back."""
    return _convert(module, memory_format, (Conv2d, ConvTranspose2d))


def convert_conv3d_weight_memory_format(module, memory_format):
    """Convert the weights of all ``Conv3d`` and ``ConvTranspose3d`` in ``module``, and hand it back."""
    return _convert(module, memory_format, (Conv3d, ConvTranspose3d))

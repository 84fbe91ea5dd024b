"""Weights of convolutions in another memory format: accepted, as XLA lays arrays out itself and strides stay dense.

A copy with the format's strides would lose them at the optimizer's next step, and cost a program for each kind of stride.
"""

from rustorch.errors import check
from rustorch.nn.modules.conv import Conv2d, Conv3d
from rustorch.nn.modules.conv_transpose import ConvTranspose2d, ConvTranspose3d

_RANKS = {"channels_last": 4, "channels_last_3d": 5}


def _in_format(weight, memory_format):
    name = str(memory_format).removeprefix("torch.")
    check(weight.ndim == _RANKS.get(name, weight.ndim), f"required rank {_RANKS.get(name)} tensor to use {name} format")
    return weight.detach().clone(memory_format=memory_format)


def _convert(module, memory_format, kinds):
    for found in module.modules():
        if isinstance(found, kinds):
            found.weight.data = _in_format(found.weight, memory_format)
    return module


def convert_conv2d_weight_memory_format(module, memory_format):
    """Convert the weights of all ``Conv2d`` and ``ConvTranspose2d`` in ``module``, and hand it back.

    Raises:
        RuntimeError: the format is for weights of another number of dimensions.
    """
    return _convert(module, memory_format, (Conv2d, ConvTranspose2d))


def convert_conv3d_weight_memory_format(module, memory_format):
    """Convert the weights of all ``Conv3d`` and ``ConvTranspose3d`` in ``module``, and hand it back.

    Raises:
        RuntimeError: the format is for weights of another number of dimensions.
    """
    return _convert(module, memory_format, (Conv3d, ConvTranspose3d))

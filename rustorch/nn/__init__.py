"""Layers, losses and containers, under PyTorch's names."""

from rustorch.nn import attention as attention, functional as functional, init as init, utils as utils
from rustorch.nn.factory import factory_kwargs as factory_kwargs
from rustorch.nn.modules import *  # noqa: F403  (the list is modules/__init__.py)
from rustorch.nn.parameter import (
    Buffer as Buffer,
    Parameter as Parameter,
    UninitializedBuffer as UninitializedBuffer,
    UninitializedParameter as UninitializedParameter,
)

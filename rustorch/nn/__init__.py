"""Layers, losses and containers, under PyTorch's names."""

from rustorch.nn import functional as functional
from rustorch.nn import init as init
from rustorch.nn import utils as utils
from rustorch.nn.modules import *  # noqa: F403  (the list is modules/__init__.py)
from rustorch.nn.parameter import (
    Buffer as Buffer,
)
from rustorch.nn.parameter import (
    Parameter as Parameter,
)
from rustorch.nn.parameter import (
    UninitializedBuffer as UninitializedBuffer,
)
from rustorch.nn.parameter import (
    UninitializedParameter as UninitializedParameter,
)

"""rustorch: PyTorch's eager front end on XLA. ``import rustorch as torch`` and keep your code.

Operations are recorded into a graph; looking at a value (or an optimizer's step) compiles what
is pending into one XLA program and runs it. ``docs/one_step.md`` follows one step through.
"""

from math import e as e
from math import inf as inf
from math import nan as nan
from math import pi as pi

from rustorch.size import Size as Size  # isort: skip
from rustorch import dtypes as _dtypes
from rustorch import errors as errors
from rustorch.devices import Device as Device
from rustorch.devices import device as device
from rustorch.devices import get_default_device as get_default_device
from rustorch.devices import set_default_device as set_default_device
from rustorch.dtypes import DType as dtype
from rustorch.dtypes import can_cast as can_cast
from rustorch.dtypes import get_default_dtype as get_default_dtype
from rustorch.dtypes import promote_types as promote_types
from rustorch.eager import methods as _methods
from rustorch.eager import operators as _operators
from rustorch.eager import ops as _ops
from rustorch.eager.convert import as_tensor as as_tensor
from rustorch.eager.convert import asarray as asarray
from rustorch.eager.convert import from_dlpack as from_dlpack
from rustorch.eager.convert import from_numpy as from_numpy
from rustorch.eager.convert import frombuffer as frombuffer
from rustorch.eager.convert import tensor as tensor
from rustorch.eager.defaults import set_default_dtype as set_default_dtype
from rustorch.eager.defaults import set_default_tensor_type as set_default_tensor_type
from rustorch.eager.generator import Generator as Generator
from rustorch.eager.generator import default_generator as default_generator
from rustorch.eager.generator import get_rng_state as get_rng_state
from rustorch.eager.generator import initial_seed as initial_seed
from rustorch.eager.generator import manual_seed as manual_seed
from rustorch.eager.generator import seed as seed
from rustorch.eager.generator import set_rng_state as set_rng_state
from rustorch.eager.printing import set_printoptions as set_printoptions
from rustorch.eager.show import show_graph as show_graph
from rustorch.eager.show import show_stablehlo as show_stablehlo
from rustorch.eager.tensor import Tensor as Tensor

for _d in _dtypes.ALL:
    globals()[_d.name] = _d
half, float, double = _dtypes.float16, _dtypes.float32, _dtypes.float64
short, int, long = _dtypes.int16, _dtypes.int32, _dtypes.int64
cfloat, cdouble = _dtypes.complex64, _dtypes.complex128
strided, contiguous_format, preserve_format, channels_last = (
    "torch.strided", "torch.contiguous_format", "torch.preserve_format", "torch.channels_last"
)  # fmt: skip

newaxis = None

globals().update(_ops.NAMESPACES["torch"])

from rustorch import autograd as autograd  # noqa: E402
from rustorch import cuda as cuda  # noqa: E402
from rustorch import fft as fft  # noqa: E402
from rustorch import interop as interop  # noqa: E402
from rustorch import linalg as linalg  # noqa: E402
from rustorch import lowering as lowering  # noqa: E402
from rustorch import nn as nn  # noqa: E402
from rustorch import optim as optim  # noqa: E402
from rustorch import random as random  # noqa: E402
from rustorch import signal as signal  # noqa: E402
from rustorch import special as special  # noqa: E402
from rustorch.autograd import Variable as Variable  # noqa: E402
from rustorch.autograd import enable_grad as enable_grad  # noqa: E402
from rustorch.autograd import grad as grad  # noqa: E402
from rustorch.autograd import inference_mode as inference_mode  # noqa: E402
from rustorch.autograd import is_grad_enabled as is_grad_enabled  # noqa: E402
from rustorch.autograd import no_grad as no_grad  # noqa: E402
from rustorch.autograd import set_grad_enabled as set_grad_enabled  # noqa: E402
from rustorch.nn import functional as functional  # noqa: E402
from rustorch.nn.modules.activation import ReLU as ReLU  # noqa: E402
from rustorch.optim import SGD as SGD  # noqa: E402
from rustorch.optim import Adam as Adam  # noqa: E402
from rustorch.serialization import load as load  # noqa: E402
from rustorch.serialization import save as save  # noqa: E402

for _name in [
    "Linear",
    "Conv1d",
    "Conv2d",
    "MaxPool2d",
    "AvgPool2d",
    "BatchNorm1d",
    "BatchNorm2d",
    "LayerNorm",
    "Dropout",
    "Embedding",
    "Flatten",
    "Sigmoid",
    "Tanh",
    "Softmax",
    "Sequential",
    "Module",
    "MSELoss",
    "L1Loss",
    "CrossEntropyLoss",
    "BCELoss",
    "NLLLoss",
]:
    globals()[_name] = getattr(nn, _name)  # the documents write these at top level

__version__ = "0.1.0"

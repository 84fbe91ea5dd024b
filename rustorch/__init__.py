"""rustorch: PyTorch's eager front end on XLA. ``import rustorch as torch`` and keep your code.

Operations are recorded into a graph; looking at a value (or an optimizer's step) compiles what
is pending into one XLA program and runs it. ``docs/one_step.md`` follows one step through.
"""

from math import e as e, inf as inf, nan as nan, pi as pi

from rustorch.size import Size as Size  # isort: skip
from rustorch import absent as _absent, dtypes as _dtypes, errors as errors
from rustorch.as_torch import (
    install_as_torch as install_as_torch,
    uninstall_as_torch as uninstall_as_torch,
)
from rustorch.devices import (
    Device as Device,
    device as device,
    get_default_device as get_default_device,
    set_default_device as set_default_device,
)
from rustorch.dtypes import (
    DType as dtype,
    can_cast as can_cast,
    get_default_dtype as get_default_dtype,
    promote_types as promote_types,
)
from rustorch.eager import methods as _methods, operators as _operators, ops as _ops
from rustorch.eager.autocast import (
    autocast_decrement_nesting as autocast_decrement_nesting,
    autocast_increment_nesting as autocast_increment_nesting,
    clear_autocast_cache as clear_autocast_cache,
    get_autocast_dtype as get_autocast_dtype,
    is_autocast_cache_enabled as is_autocast_cache_enabled,
    is_autocast_enabled as is_autocast_enabled,
    set_autocast_cache_enabled as set_autocast_cache_enabled,
    set_autocast_dtype as set_autocast_dtype,
    set_autocast_enabled as set_autocast_enabled,
)
from rustorch.eager.convert import (
    as_tensor as as_tensor,
    asarray as asarray,
    from_dlpack as from_dlpack,
    from_file as from_file,
    from_numpy as from_numpy,
    frombuffer as frombuffer,
    tensor as tensor,
)
from rustorch.eager.defaults import (
    set_default_dtype as set_default_dtype,
    set_default_tensor_type as set_default_tensor_type,
)
from rustorch.eager.generator import (
    Generator as Generator,
    default_generator as default_generator,
    get_rng_state as get_rng_state,
    initial_seed as initial_seed,
    manual_seed as manual_seed,
    seed as seed,
    set_rng_state as set_rng_state,
)
from rustorch.eager.legacy import types_of as _types_of
from rustorch.eager.printing import set_printoptions as set_printoptions
from rustorch.eager.show import show_graph as show_graph, show_stablehlo as show_stablehlo
from rustorch.eager.storages import (
    STORAGES as _STORAGES,
    TypedStorage as TypedStorage,
    UntypedStorage as UntypedStorage,
)
from rustorch.eager.tensor import Tensor as Tensor
from rustorch.layouts import (
    channels_last as channels_last,
    contiguous_format as contiguous_format,
    jagged as jagged,
    layout as layout,
    memory_format as memory_format,
    preserve_format as preserve_format,
    sparse_bsc as sparse_bsc,
    sparse_bsr as sparse_bsr,
    sparse_coo as sparse_coo,
    sparse_csc as sparse_csc,
    sparse_csr as sparse_csr,
    strided as strided,
)

for _d in _dtypes.ALL:
    globals()[_d.name] = _d
half, float, double = _dtypes.float16, _dtypes.float32, _dtypes.float64
short, int, long = _dtypes.int16, _dtypes.int32, _dtypes.int64
cfloat, cdouble = _dtypes.complex64, _dtypes.complex128
chalf = complex32 = _dtypes.complex64  # XLA has no half-precision complex numbers
newaxis = None
globals().update(_types_of("cpu"))
globals().update(_STORAGES["cpu"])
Storage = _STORAGES["cpu"]["FloatStorage"]

globals().update(_ops.NAMESPACES["torch"])

from rustorch import (
    amp as amp,
    autograd as autograd,
    backends as backends,
    cpu as cpu,
    cuda as cuda,
    distributions as distributions,
    fft as fft,
    func as func,
    interop as interop,
    jit as jit,
    linalg as linalg,
    lowering as lowering,
    masked as masked,
    nested as nested,
    nn as nn,
    ops as ops,
    optim as optim,
    random as random,
    return_types as return_types,
    signal as signal,
    sparse as sparse,
    special as special,
    storage as storage,
    testing as testing,
    torch_version as torch_version,
    utils as utils,
    version as version,
)
from rustorch.amp import autocast as autocast
from rustorch.amp._old_names import (
    get_autocast_cpu_dtype as get_autocast_cpu_dtype,
    get_autocast_gpu_dtype as get_autocast_gpu_dtype,
    is_autocast_cpu_enabled as is_autocast_cpu_enabled,
    set_autocast_cpu_dtype as set_autocast_cpu_dtype,
    set_autocast_cpu_enabled as set_autocast_cpu_enabled,
    set_autocast_gpu_dtype as set_autocast_gpu_dtype,
)
from rustorch.amp.grad_scaler import GradScaler as GradScaler
from rustorch.autograd import (
    Variable as Variable,
    enable_grad as enable_grad,
    grad as grad,
    inference_mode as inference_mode,
    is_anomaly_check_nan_enabled as is_anomaly_check_nan_enabled,
    is_anomaly_enabled as is_anomaly_enabled,
    is_grad_enabled as is_grad_enabled,
    is_inference_mode_enabled as is_inference_mode_enabled,
    no_grad as no_grad,
    set_anomaly_enabled as set_anomaly_enabled,
    set_grad_enabled as set_grad_enabled,
)
from rustorch.backends import (
    are_deterministic_algorithms_enabled as are_deterministic_algorithms_enabled,
    get_deterministic_debug_mode as get_deterministic_debug_mode,
    get_device_module as get_device_module,
    get_float32_matmul_precision as get_float32_matmul_precision,
    get_num_interop_threads as get_num_interop_threads,
    get_num_threads as get_num_threads,
    is_deterministic_algorithms_warn_only_enabled as is_deterministic_algorithms_warn_only_enabled,
    is_warn_always_enabled as is_warn_always_enabled,
    set_deterministic_debug_mode as set_deterministic_debug_mode,
    set_float32_matmul_precision as set_float32_matmul_precision,
    set_flush_denormal as set_flush_denormal,
    set_num_interop_threads as set_num_interop_threads,
    set_num_threads as set_num_threads,
    set_warn_always as set_warn_always,
    use_deterministic_algorithms as use_deterministic_algorithms,
)
from rustorch.errors import AcceleratorError as AcceleratorError, OutOfMemoryError as OutOfMemoryError
from rustorch.func import cond as cond, vmap as vmap, while_loop as while_loop
from rustorch.jit.scripting import compile as compile, fork as fork, wait as wait
from rustorch.limits import finfo as finfo, iinfo as iinfo
from rustorch.nn import functional as functional
from rustorch.nn._functional.native import NATIVE as _NATIVE
from rustorch.nn.modules.activation import ReLU as ReLU
from rustorch.optim import (
    SGD as SGD,
    Adam as Adam,
)
from rustorch.serialization import (
    load as load,
    save as save,
)
from rustorch.sparse import hspmm as hspmm, smm as smm, sspaddmm as sspaddmm
from rustorch.sparse.construct import (
    sparse_bsc_tensor as sparse_bsc_tensor,
    sparse_bsr_tensor as sparse_bsr_tensor,
    sparse_compressed_tensor as sparse_compressed_tensor,
    sparse_coo_tensor as sparse_coo_tensor,
    sparse_csc_tensor as sparse_csc_tensor,
    sparse_csr_tensor as sparse_csr_tensor,
)
from rustorch.sparse.older import (
    ccol_indices_copy as ccol_indices_copy,
    col_indices_copy as col_indices_copy,
    crow_indices_copy as crow_indices_copy,
    dsmm as dsmm,
    hsmm as hsmm,
    indices_copy as indices_copy,
    resize_as_sparse_ as resize_as_sparse_,
    row_indices_copy as row_indices_copy,
    saddmm as saddmm,
    spmm as spmm,
    values_copy as values_copy,
)

globals().update(_NATIVE)

# What PyTorch is built with: LAPACK and Fourier transforms come with XLA.
has_lapack = has_spectral = True
has_mkl = has_openmp = False

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

__version__ = version.__version__


def __getattr__(name: str):
    reason = _absent.reason_for(name)
    raise AttributeError(f"module 'rustorch' has no attribute {name!r}" + (f" ({reason})" if reason else ""))

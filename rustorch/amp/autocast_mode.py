"""``autocast``: a region in which operations choose their dtype, and the decorators for functions of one's own."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Iterable, Mapping

import numpy as np

from rustorch.dtypes import DType, bfloat16, float16, float64
from rustorch.eager.autocast import (
    autocast_decrement_nesting,
    autocast_increment_nesting,
    clear_autocast_cache,
    get_autocast_dtype,
    is_autocast_available as is_autocast_available,
    is_autocast_cache_enabled,
    is_autocast_enabled,
    set_autocast_cache_enabled,
    set_autocast_dtype,
    set_autocast_enabled,
)
from rustorch.eager.tensor import Tensor
from rustorch.errors import RustorchRuntimeError
from rustorch.lowering.placement import devices_of

_SUPPORTED = (bfloat16, float16)


def _typed(device_type) -> None:
    if not isinstance(device_type, str):
        raise ValueError(f"Expected `device_type` of type `str`, got: `{type(device_type)}`")


class autocast:
    """A context or decorator in which each operation computes in the dtype that suits it.

    Matrix products, convolutions and attention compute in ``dtype``, losses and (on CUDA) exponentials and norms in
    float32, ``cat`` and the like in the widest dtype given; the rest as it is given. Parameters stay float32 and so do
    their gradients. The lists are PyTorch's, by device type (`rustorch.lowering.autocast`). Run the backward pass outside.

    Args:
        device_type: "cpu", "cuda", "tpu", ...
        dtype: bfloat16 or float16; by default bfloat16 on CPU and TPU, float16 on CUDA.
        enabled: off inside an outer region.
        cache_enabled: remembered; equal casts are merged by the compiler.

    Raises:
        ValueError: ``device_type`` is no string.
        RuntimeError: a type of device without autocast.

    Source: Micikevicius et al., "Mixed Precision Training", 2017.

    Example:
        >>> import rustorch
        >>> linear = rustorch.nn.Linear(2, 2)
        >>> with rustorch.autocast("cpu", rustorch.bfloat16):
        ...     y = linear(rustorch.ones(1, 2))
        >>> y.dtype, linear.weight.dtype
        (torch.bfloat16, torch.float32)
    """

    def __init__(self, device_type: str, dtype: DType | None = None, enabled: bool = True, cache_enabled=None):
        _typed(device_type)
        self.fast_dtype = get_autocast_dtype(device_type) if dtype is None else dtype
        self.device = device_type
        if not is_autocast_available(device_type):
            raise RustorchRuntimeError(f"User specified an unsupported autocast device_type '{device_type}'")
        self._cache_enabled = is_autocast_cache_enabled() if cache_enabled is None else cache_enabled
        if enabled and device_type == "cuda" and not devices_of("cuda"):
            warnings.warn("CUDA is not available or torch_xla is imported. Disabling autocast.", stacklevel=2)
            enabled = False
        elif enabled and device_type != "cuda" and self.fast_dtype not in _SUPPORTED:
            name = device_type.upper()
            warnings.warn(
                f"In {name} autocast, but the target dtype is not supported. Disabling autocast.\n"
                f"{name} Autocast only supports dtypes of {', '.join(map(str, _SUPPORTED))} currently.",
                stacklevel=2,
            )
            enabled = False
        self._enabled = enabled
        self._before: list = []

    def __enter__(self):
        self._before.append(
            (is_autocast_enabled(self.device), get_autocast_dtype(self.device), is_autocast_cache_enabled())
        )
        set_autocast_enabled(self.device, self._enabled)
        set_autocast_dtype(self.device, self.fast_dtype)
        autocast_increment_nesting()
        set_autocast_cache_enabled(self._cache_enabled)
        return self

    def __exit__(self, *exc):
        if autocast_decrement_nesting() == 0:
            clear_autocast_cache()
        enabled, dtype, cache = self._before.pop()
        set_autocast_enabled(self.device, enabled)
        set_autocast_dtype(self.device, dtype)
        set_autocast_cache_enabled(cache)
        return False

    def __call__(self, func):
        if not callable(func):
            raise TypeError(
                f"autocast()(func) requires a callable, but got {type(func).__name__}. Did you mean to use autocast as a "
                "context manager? For example:\n    with torch.autocast(device_type=...):\n        output = model(input)"
            )
        return autocast_decorator(self, func)


def autocast_decorator(autocast_instance, func):
    """``func``, called inside ``autocast_instance``."""

    @functools.wraps(func)
    def decorate_autocast(*args, **kwargs):
        with autocast_instance:
            return func(*args, **kwargs)

    return decorate_autocast


def _cast(value, device_type: str, dtype: DType):
    """``value`` with the floating tensors in it cast, except doubles."""
    if isinstance(value, Tensor):
        eligible = value.is_floating_point() and value.device.type == device_type and value.dtype is not float64
        return value.to(dtype) if eligible else value
    if isinstance(value, (str, bytes, np.ndarray)):
        return value
    if isinstance(value, Mapping):
        return {_cast(k, device_type, dtype): _cast(v, device_type, dtype) for k, v in value.items()}
    if isinstance(value, Iterable):
        items = (_cast(v, device_type, dtype) for v in value)
        return type(value)(items) if isinstance(value, (list, tuple)) else items
    return value


def custom_fwd(fwd=None, *, device_type: str, cast_inputs: DType | None = None):
    """Decorate the ``forward`` of an ``autograd.Function`` that is to be used under autocast.

    Args:
        device_type: whose autocast.
        cast_inputs: under autocast, cast floating tensors to this dtype and run ``forward`` with autocast off.

    Raises:
        ValueError: ``device_type`` is no string.

    Example:
        >>> import rustorch
        >>> class Double(rustorch.autograd.Function):
        ...     @staticmethod
        ...     @rustorch.amp.custom_fwd(device_type="cpu", cast_inputs=rustorch.float32)
        ...     def forward(ctx, x):
        ...         return x * 2
        ...     @staticmethod
        ...     @rustorch.amp.custom_bwd(device_type="cpu")
        ...     def backward(ctx, grad):
        ...         return grad * 2
        >>> with rustorch.autocast("cpu"):
        ...     Double.apply(rustorch.ones(2, dtype=rustorch.bfloat16)).dtype
        torch.float32
    """
    _typed(device_type)
    if fwd is None:
        return functools.partial(custom_fwd, device_type=device_type, cast_inputs=cast_inputs)

    @functools.wraps(fwd)
    def decorate_fwd(*args, **kwargs):
        ctx, on = args[0], is_autocast_enabled(device_type)
        ctx._dtype = get_autocast_dtype(device_type)
        ctx._fwd_used_autocast = on and cast_inputs is None
        if cast_inputs is None or not on:
            return fwd(*args, **kwargs)
        with autocast(device_type, enabled=False):
            rest = _cast(args[1:], device_type, cast_inputs)
            return fwd(ctx, *rest, **_cast(kwargs, device_type, cast_inputs))

    return decorate_fwd


def custom_bwd(bwd=None, *, device_type: str):
    """Decorate the ``backward`` that belongs to a ``custom_fwd``: it runs under the autocast that ``forward`` had.

    Raises:
        ValueError: ``device_type`` is no string.
    """
    _typed(device_type)
    if bwd is None:
        return functools.partial(custom_bwd, device_type=device_type)

    @functools.wraps(bwd)
    def decorate_bwd(*args, **kwargs):
        ctx = args[0]
        with autocast(device_type, ctx._dtype, enabled=ctx._fwd_used_autocast):
            return bwd(*args, **kwargs)

    return decorate_bwd

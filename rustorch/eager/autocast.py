"""Autocast's state in a thread, and what it does to the arguments of an op that is about to be recorded.

While autocast is off nothing of this is reached: recording asks one flag that it asks anyway (``local.careful``).
A cast is a node like others. A weight that is cast for several ops is cast once by the program, since XLA merges equal
nodes, and its gradient comes back through the casts in the weight's own dtype.
"""

from __future__ import annotations

from rustorch import dtypes
from rustorch.dtypes import DType
from rustorch.eager.nodes import apply_node
from rustorch.eager.recorder import wrap
from rustorch.eager.state import local, look_closely
from rustorch.eager.tensor import Tensor
from rustorch.eager.views import node_of
from rustorch.errors import RustorchRuntimeError
from rustorch.lowering.autocast import FLOAT, LOWER, REFUSED, SAME, UNLESS_GIVEN, WIDEST
from rustorch.lowering.ops.cast import to_dtype as CAST
from rustorch.lowering.template import ARRAY

_HALF, _BRAIN = dtypes.float16, dtypes.bfloat16
# The dtype that autocast takes unless told, for the device types that have autocast.
DEFAULTS = {
    "cpu": _BRAIN, "cuda": _HALF, "tpu": _BRAIN, "mps": _HALF, "xpu": _HALF, "xla": _BRAIN, "hpu": _BRAIN, "ipu": _HALF,
    "mtia": _HALF, "maia": _BRAIN, "privateuseone": _HALF,
}  # fmt: skip
_OTHER_TYPES = ("mkldnn", "opengl", "opencl", "ideep", "hip", "ve", "fpga", "lazy", "vulkan", "meta")
_WIDE = (dtypes.float64,)
_UNSAFE = (
    "torch.nn.functional.binary_cross_entropy and torch.nn.BCELoss are unsafe to autocast.\n"
    "Many models use a sigmoid layer right before the binary cross entropy layer.\n"
    "In this case, combine the two layers using torch.nn.functional.binary_cross_entropy_with_logits\n"
    "or torch.nn.BCEWithLogitsLoss.  binary_cross_entropy_with_logits and BCEWithLogits are\n"
    "safe to autocast."
)


# ------------------------------------------------------------ state


def is_autocast_available(device_type: str) -> bool:
    """Can autocast be asked for on this type of device?

    Raises:
        RuntimeError: no such type of device.

    Example:
        >>> import rustorch
        >>> rustorch.amp.is_autocast_available("cpu")
        True
    """
    if device_type in DEFAULTS:
        return True
    if device_type in _OTHER_TYPES:
        return False
    known = ", ".join(dict.fromkeys((*DEFAULTS, *_OTHER_TYPES)))
    raise RustorchRuntimeError(f"Expected one of {known} device type at start of device string: {device_type}")


def _of(device_type: str) -> tuple[bool, DType]:
    for name, enabled, dtype in local.autocast or ():
        if name == device_type:
            return enabled, dtype
    if not is_autocast_available(device_type):
        raise RustorchRuntimeError("unsupported scalarType")
    return False, DEFAULTS[device_type]


def _set(device_type: str, enabled: bool, dtype: DType) -> None:
    now = [entry for entry in local.autocast or () if entry[0] != device_type]
    if enabled or dtype is not DEFAULTS[device_type]:
        now.append((device_type, enabled, dtype))
    _put(tuple(sorted(now, key=lambda entry: entry[0])) or None)


def _put(state) -> None:
    local.autocast = state
    local.casting = cast_arguments if any(enabled for _, enabled, _ in state or ()) else None
    look_closely()


def is_autocast_enabled(device_type: str = "cuda") -> bool:
    """Is autocast on in this thread for ``device_type``?"""
    return _of(device_type)[0]


def get_autocast_dtype(device_type: str) -> DType:
    """The dtype in which autocast computes on ``device_type``."""
    return _of(device_type)[1]


def set_autocast_enabled(device_type, enabled: bool | None = None) -> None:
    """Switch autocast on or off in this thread; ``autocast`` does it for a region.

    Raises:
        TypeError: ``enabled`` is no bool.
    """
    if enabled is None:
        device_type, enabled = "cuda", device_type
    if not isinstance(enabled, bool):
        raise TypeError(
            f"set_autocast_enabled(): argument 'enabled' (position 2) must be bool, not {type(enabled).__name__}"
        )
    _set(device_type, enabled, _of(device_type)[1])


def set_autocast_dtype(device_type: str, dtype: DType) -> None:
    """Choose the dtype in which autocast computes on ``device_type``.

    Raises:
        TypeError: ``dtype`` is none.
    """
    if not isinstance(dtype, DType):
        raise TypeError(
            f"set_autocast_dtype(): argument 'dtype' (position 2) must be torch.dtype, not {type(dtype).__name__}"
        )
    _set(device_type, _of(device_type)[0], dtype)


def is_autocast_cache_enabled() -> bool:
    """Whether casts of weights may be kept: remembered, for programs that ask; XLA merges equal casts."""
    return local.autocast_cache


def set_autocast_cache_enabled(enabled: bool) -> None:
    """Remember whether casts of weights may be kept."""
    if not isinstance(enabled, bool):
        raise TypeError(f"enabled must be a bool (got {type(enabled).__name__})")
    local.autocast_cache = enabled


def clear_autocast_cache() -> None:
    """Forget the casts of weights: none are kept."""


def autocast_increment_nesting() -> int:
    """Count one more autocast region around this; how many there are."""
    local.autocast_nesting += 1
    return local.autocast_nesting


def autocast_decrement_nesting() -> int:
    """Count one autocast region less; how many there are."""
    local.autocast_nesting -= 1
    return local.autocast_nesting


class resumed:
    """A context with the autocast of another place, which ``local.autocast`` was there."""

    def __init__(self, state):
        self.state = state

    def __enter__(self):
        self.before = local.autocast
        _put(self.state)

    def __exit__(self, *exc):
        _put(self.before)


# ------------------------------------------------------------ casts


def cast_arguments(op, args, kwargs):
    """The arguments that are recorded instead of ``args`` and ``kwargs``.

    Raises:
        RuntimeError: the op is not safe in low precision, or mixes dtypes that autocast does not.
    """
    for device_type, enabled, dtype in local.autocast:
        rule = op.autocast.get(SAME.get(device_type, device_type)) if enabled else None
        if rule is None:
            continue
        found = [node_of(t).aval for t in _tensors((*args, *kwargs.values()) if kwargs else args)]
        if not any(a.device.type == device_type for a in found):
            continue
        if callable(rule):
            rule = rule(_given(op, args, kwargs))
        elif rule == UNLESS_GIVEN:
            rule = FLOAT if _given(op, args, kwargs).get("dtype") is None else None
        target = _target(rule, [a.dtype for a in found if a.device.type == device_type], dtype)
        if target is not None:
            args = [_cast(a, device_type, target) for a in args]
            kwargs = {k: _cast(a, device_type, target) for k, a in kwargs.items()} if kwargs else kwargs
    return args, kwargs


def _given(op, args, kwargs) -> dict:
    """The values that a call gives, by parameter."""
    return dict(zip(op.params, op.bind(args, kwargs or {})))


def _target(rule, found, dtype):
    """The dtype to cast to; None for none."""
    if rule == LOWER:
        return dtype
    if rule == FLOAT:
        return dtypes.float32
    if rule == WIDEST:
        return _widest(found, dtype)
    if rule == REFUSED:
        raise RustorchRuntimeError(_UNSAFE)
    return None


def _widest(found, dtype):
    wide = dtype
    for d in found:
        if not d.is_floating_point or d in _WIDE:
            continue
        if wide is dtypes.float32 or d is dtypes.float32:
            wide = dtypes.float32
        elif d is not dtype:
            raise RustorchRuntimeError("Unexpected floating ScalarType in at::autocast::prioritize")
    return wide


def _tensors(args):
    for a in args:
        if isinstance(a, Tensor):
            yield a
        elif isinstance(a, (tuple, list)):
            yield from _tensors(a)


def _cast(a, device_type: str, dtype: DType):
    if isinstance(a, Tensor):
        node = node_of(a)
        aval = node.aval
        if aval.dtype is dtype or aval.device.type != device_type:
            return a
        if not aval.dtype.is_floating_point or aval.dtype in _WIDE:
            return a
        return wrap(apply_node(CAST, (ARRAY, dtype), (node,)))
    if isinstance(a, (tuple, list)) and any(True for _ in _tensors(a)):
        return tuple([_cast(x, device_type, dtype) for x in a])
    return a

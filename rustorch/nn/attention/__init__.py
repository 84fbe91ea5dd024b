"""Choice of attention kernels, under PyTorch's names, and attention with a score function (``flex_attention``)."""

from contextlib import contextmanager
from contextvars import ContextVar
from enum import IntEnum

from rustorch.nn.attention import bias as bias, flex_attention as flex_attention


class SDPBackend(IntEnum):
    """PyTorch's attention kernels. XLA compiles attention into the program around it, whatever is asked for."""

    ERROR = -1
    MATH = 0
    FLASH_ATTENTION = 1
    EFFICIENT_ATTENTION = 2
    CUDNN_ATTENTION = 3
    OVERRIDEABLE = 4


_ALL = [SDPBackend.CUDNN_ATTENTION, SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH]
_chosen: ContextVar = ContextVar("sdpa_backends", default=_ALL)


def _cur_sdpa_kernel_backends(with_priority=False):
    return list(_chosen.get())


@contextmanager
def sdpa_kernel(backends, set_priority=False):
    """Accept a choice of kernels inside the block; results do not depend on it.

    Raises:
        AssertionError: not an ``SDPBackend`` or a list of them.

    >>> import rustorch as torch
    >>> from rustorch.nn.attention import SDPBackend, sdpa_kernel
    >>> with sdpa_kernel(SDPBackend.MATH):
    ...     torch.nn.functional.scaled_dot_product_attention(*[torch.ones(1, 1, 1)] * 3)
    tensor([[[1.]]])
    """
    if not isinstance(backends, (list, SDPBackend)):
        raise AssertionError(
            "Backend must be an instance of SDPBackend or a list of SDPBackend instances, "
            f"got {type(backends).__name__}"
        )
    token = _chosen.set([backends] if isinstance(backends, SDPBackend) else list(dict.fromkeys(backends)))
    try:
        yield {}
    finally:
        _chosen.reset(token)

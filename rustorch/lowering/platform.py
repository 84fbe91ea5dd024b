"""Which machine a program is being lowered for.

A kernel has one meaning and may have two shapes: one that XLA's CPU backend runs well, and the
plain ``lax`` form that GPUs and TPUs want. The kernel asks ``on_cpu()`` while it is traced.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import jax

_images_last: ContextVar[bool] = ContextVar("rustorch_lowering_images_last", default=True)
_target: ContextVar[str | None] = ContextVar("rustorch_lowering_platform", default=None)


def target() -> str:
    """What is being lowered for: the platform set around us, else JAX's default backend."""
    return _target.get() or jax.default_backend()


def on_cpu() -> bool:
    """True while lowering for the CPU."""
    return target() == "cpu"


@contextmanager
def platform(name: str) -> Iterator[None]:
    """Lower what is traced inside for ``"cpu"``, ``"gpu"`` or ``"tpu"``.

    The setting belongs to the current thread (or task), so programs for different devices may
    be traced at once. It is read at trace time: keep one compiled program per platform.
    """
    token = _target.set(name)
    try:
        yield
    finally:
        _target.reset(token)


def images_last() -> bool:
    """True while lowering a program whose convolutions or pools want images channels last, as far as is known."""
    return _images_last.get()


@contextmanager
def images(last: bool) -> Iterator[None]:
    """Lower what is traced inside for images that come channels last, or as PyTorch has them."""
    token = _images_last.set(last)
    try:
        yield
    finally:
        _images_last.reset(token)

"""How methods come to ``Tensor``."""

from __future__ import annotations

from rustorch.eager.tensor import Tensor


def method(fn):
    """Hang a function on ``Tensor`` under its own name."""
    setattr(Tensor, fn.__name__, fn)
    return fn


def prop(fn):
    """Hang a read-only property on ``Tensor``."""
    setattr(Tensor, fn.__name__, property(fn))
    return fn

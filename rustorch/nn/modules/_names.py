"""How a value's type is called in an error message."""

from rustorch.eager.tensor import Tensor


def typename(value):
    """``torch.FloatTensor`` for a tensor, the qualified class name for anything else.

    A class or function is called by its own name, as PyTorch does.
    """
    if isinstance(value, Tensor):
        return value.type()
    if hasattr(value, "__module__") and value.__module__ not in ("", "builtins", "__builtin__"):
        module = value.__module__ + "."
    else:
        module = ""
    if isinstance(value, type) or callable(value) and hasattr(value, "__qualname__"):
        return module + value.__qualname__
    return module + type(value).__name__

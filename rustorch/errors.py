"""One family of exceptions; each is also the built-in type that PyTorch raises.

Example:
    >>> import rustorch
    >>> try:
    ...     rustorch.ones(2, 3) @ rustorch.ones(2, 3)
    ... except rustorch.errors.ShapeMismatchError as e:
    ...     print(e.shape1, e.shape2)
    (2, 3) (2, 3)
"""

from __future__ import annotations


class RustorchError(Exception):
    """Base class of every error that rustorch raises on purpose."""


class RustorchRuntimeError(RustorchError, RuntimeError):
    """A rule was broken for which PyTorch raises ``RuntimeError``."""


class ShapeMismatchError(RustorchRuntimeError):
    """Two shapes that an operation cannot combine; ``shape1`` and ``shape2`` hold them."""

    def __init__(self, message: str, shape1=None, shape2=None):
        super().__init__(message)
        self.shape1 = shape1
        self.shape2 = shape2

    def __reduce__(self):
        return type(self), (str(self), self.shape1, self.shape2)


class DTypeError(RustorchRuntimeError):
    """A dtype that an operation does not take, or a cast that would lose the kind of number."""


class DeviceError(RustorchRuntimeError):
    """Tensors on different devices, or a device that this machine does not have."""


class NoDerivativeError(RustorchRuntimeError, NotImplementedError):
    """A derivative that PyTorch does not have either."""


class StorageError(RustorchRuntimeError, NotImplementedError):
    """A tensor that is not one array was asked for its storage."""


class GraphFreedError(RustorchRuntimeError):
    """``backward`` through a graph that an earlier ``backward`` already released."""


class IndexOutOfRangeError(RustorchError, IndexError):
    """An index or dimension outside the tensor."""


class ArgumentTypeError(RustorchError, TypeError):
    """An argument of a type that the function does not take."""


class ArgumentValueError(RustorchError, ValueError):
    """An argument of the right type with a value that the function does not take."""


class OutOfMemoryError(RustorchRuntimeError):
    """The device has no room for a result."""


class AcceleratorError(RustorchRuntimeError):
    """A program failed on a GPU or TPU."""


class LinAlgError(RustorchRuntimeError):
    """A matrix for which a decomposition or solution does not exist."""


def check(condition: bool, message: str, error: type[Exception] = RustorchRuntimeError) -> None:
    """Raise ``error(message)`` unless ``condition`` holds."""
    if not condition:
        raise error(message)


def wrap_dim(dim: int, ndim: int) -> int:
    """Map a possibly negative dimension into ``[0, ndim)``; a 0-dim tensor takes -1 and 0.

    Raises:
        IndexOutOfRangeError: ``dim`` lies outside, with PyTorch's message.
    """
    size = ndim or 1
    if not -size <= dim < size:
        raise IndexOutOfRangeError(
            f"Dimension out of range (expected to be in range of [{-size}, {size - 1}], but got {dim})"
        )
    return dim % size

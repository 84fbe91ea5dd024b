"""Functions that ask about tensors and types: ``is_tensor``, ``numel``, ``result_type``, ..."""

from __future__ import annotations

import jax

from rustorch.dtypes import DType
from rustorch.eager import methods as _methods  # noqa: F401 - hangs the methods that are published here
from rustorch.eager.publish import overload
from rustorch.eager.storages import TypedStorage, UntypedStorage
from rustorch.eager.tensor import Tensor
from rustorch.errors import ArgumentTypeError, RustorchRuntimeError
from rustorch.lowering import promote


def _asking(name: str) -> None:
    """Publish a method as the function of that name, which takes only a tensor."""
    method = getattr(Tensor, name)

    def ask(input):
        if not isinstance(input, Tensor):
            raise ArgumentTypeError(
                f"{name}(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}"
            )
        return method(input)

    ask.__name__ = ask.__qualname__ = name
    ask.__doc__ = method.__doc__
    overload(ask, method=False)


for _name in (
    "is_floating_point", "is_complex", "is_signed", "is_conj", "is_neg", "is_inference", "numel", "get_device",
    "resolve_conj", "resolve_neg", "detach", "detach_",
):  # fmt: skip
    _asking(_name)


@overload(method=False)
def is_tensor(obj) -> bool:
    """Is ``obj`` a tensor?"""
    return isinstance(obj, Tensor)


@overload(method=False)
def is_storage(obj) -> bool:
    """Is ``obj`` what ``untyped_storage()`` or ``storage()`` gives?"""
    return isinstance(obj, (UntypedStorage, TypedStorage))


@overload
def is_nonzero(input) -> bool:
    """Is the only element of ``input`` different from zero?

    Raises:
        RuntimeError: there is not exactly one element.
    """
    if input.numel() != 1:
        some = "more than one value" if input.numel() else "no values"
        raise RustorchRuntimeError(f"Boolean value of Tensor with {some} is ambiguous")
    return bool(input)


@overload
def is_same_size(input, other) -> bool:
    """Do two tensors have the same shape?"""
    return input.shape == other.shape


@overload(method=False)
def result_type(tensor1, tensor2) -> DType:
    """The dtype of an operation on two tensors or numbers, by PyTorch's promotion.

    Example:
        >>> import rustorch
        >>> rustorch.result_type(rustorch.tensor([1, 2], dtype=rustorch.int32), 1.0)
        torch.float32
    """
    return promote.result_dtype(*[_like(t) if isinstance(t, Tensor) else t for t in (tensor1, tensor2)])


def _like(t: Tensor) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(tuple(t.shape), t.dtype.numpy)


@overload(method=False)
def typename(obj) -> str:
    """The name of an object's type; of a tensor, its dtype and device as ``torch.FloatTensor``."""
    if isinstance(obj, Tensor):
        return obj.type()
    of = obj if isinstance(obj, type) or hasattr(obj, "__qualname__") else type(obj)
    return f"{of.__module__}.{of.__qualname__}"

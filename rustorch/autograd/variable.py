"""``Variable``: the documents' name for a tensor with a gradient flag."""

from __future__ import annotations

from rustorch.eager.convert import require_grad, tensor
from rustorch.eager.tensor import Tensor
from rustorch.eager.views import share


class _VariableType(type):
    def __instancecheck__(cls, instance):
        return isinstance(instance, Tensor)


class Variable(metaclass=_VariableType):
    """``Variable(data, requires_grad)`` gives a tensor that shares ``data``'s storage.

    Example:
        >>> import rustorch
        >>> x = rustorch.Variable(rustorch.tensor([2.0]), requires_grad=True)
        >>> x.requires_grad, x.data
        (True, tensor([2.]))
    """

    def __new__(cls, data, requires_grad: bool = False):
        out = share(data) if isinstance(data, Tensor) else tensor(data)
        return require_grad(out) if requires_grad else out

"""Python operators on tensors."""

from __future__ import annotations

import numpy as np

from rustorch.dtypes import of_number
from rustorch.eager import ops as F
from rustorch.eager.recorder import from_host
from rustorch.eager.tensor import Tensor

_NUMBERS = (int, float, complex)


def _operand(x):
    """A value that a binary operator takes, or ``NotImplemented``."""
    if isinstance(x, (Tensor, *_NUMBERS)):
        return x
    if isinstance(x, np.generic):
        return x.item()
    if isinstance(x, np.ndarray):
        return from_host(x)
    return NotImplemented


def _hang(name: str, fn, reflected=None, inplace=None) -> None:
    if fn is None:
        return

    def forward(self, other):
        if not isinstance(other, (Tensor, int, float)):
            other = _operand(other)
            if other is NotImplemented:
                return NotImplemented
        return fn(self, other)

    setattr(Tensor, f"__{name}__", forward)
    if reflected is not None:

        def backward(self, other):
            if not isinstance(self, Tensor):
                raise TypeError(
                    f"descriptor '__r{name}__' for 'Tensor' objects doesn't apply to a '{type(self).__name__}' object"
                )
            other = _operand(other)
            return NotImplemented if other is NotImplemented else reflected(self, other)

        setattr(Tensor, f"__r{name}__", backward)
    if inplace is not None:
        change = getattr(Tensor, inplace)

        def assign(self, other):
            other = _operand(other)
            return NotImplemented if other is NotImplemented else change(self, other)

        setattr(Tensor, f"__i{name}__", assign)


def scalar(value, like: Tensor) -> Tensor:
    """A number as a 0-dim tensor beside ``like``; a tensor as it is."""
    if isinstance(value, Tensor):
        return value
    return from_host(np.asarray(value, of_number(value).numpy), like.device)


_hang("add", F.add, F.add, "add_")
_hang("sub", F.sub, F.rsub, "sub_")
_hang("mul", F.mul, F.mul, "mul_")
_hang("truediv", F.div, lambda s, o: F.mul(F.reciprocal(s), o), "div_")
_hang("floordiv", F.floor_divide, lambda s, o: F.floor_divide(scalar(o, s), s), "floor_divide_")
_hang("mod", F.remainder, lambda s, o: F.remainder(scalar(o, s), s), "remainder_")
_hang("pow", F.pow, lambda s, o: F.pow(o, s), "pow_")
_hang("matmul", F.matmul, lambda s, o: F.matmul(o, s))
_hang("and", F.bitwise_and, F.bitwise_and, "bitwise_and_")
_hang("or", F.bitwise_or, F.bitwise_or, "bitwise_or_")
_hang("xor", F.bitwise_xor, F.bitwise_xor, "bitwise_xor_")
_hang("lshift", F.bitwise_left_shift, lambda s, o: F.bitwise_left_shift(scalar(o, s), s), "bitwise_left_shift_")
_hang("rshift", F.bitwise_right_shift, lambda s, o: F.bitwise_right_shift(scalar(o, s), s), "bitwise_right_shift_")
for _name, _fn in {"lt": F.lt, "le": F.le, "gt": F.gt, "ge": F.ge, "eq": F.eq, "ne": F.ne}.items():
    _hang(_name, _fn)


Tensor.__neg__ = F.neg
Tensor.__pos__ = F.positive
Tensor.__abs__ = F.abs
Tensor.__invert__ = F.bitwise_not
Tensor.__hash__ = lambda self: id(self)


def _rdiv(self, other):
    """``other / self``, under the name from Python 2 that PyTorch kept."""
    return F.mul(self.reciprocal(), other)


Tensor.__rdiv__ = _rdiv

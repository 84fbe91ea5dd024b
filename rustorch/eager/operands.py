"""Which arguments may be Python numbers. The op's own line says it: those annotated ``Number``, or with another type.

Asked once per new kind of call, where its ``Sig`` is made; a call that is refused never has one.
"""

from __future__ import annotations

from rustorch.eager.tensor import Tensor
from rustorch.errors import ArgumentTypeError

_NUMBERS = (bool, int, float, complex)


def check_operands(op, args) -> None:
    """Raise PyTorch's error for a Python number where ``op`` takes a tensor only.

    Raises:
        TypeError: the number stands for a parameter that is not annotated, or all operands are numbers.
    """
    overloaded = any(op.lifts[i] for i in op.operands)
    for i in op.tensors:
        if i < len(args) and isinstance(args[i], _NUMBERS):
            raise ArgumentTypeError(_combination(op, args) if overloaded else _must_be_tensor(op, i, args[i]))
    given = [args[i] for i in op.operands if i < len(args)]
    if given and not op.numbers and all(isinstance(a, _NUMBERS) for a in given):
        raise ArgumentTypeError(_combination(op, args))


def _must_be_tensor(op, i: int, a) -> str:
    return f"{_plain(op)}(): argument '{op.params[i]}' (position {i + 1}) must be Tensor, not {type(a).__name__}"


def _combination(op, args) -> str:
    given = ", ".join("Tensor" if isinstance(a, Tensor) else type(a).__name__ for a in args[: len(op.operands)])
    names = [f"{'Number' if op.lifts[i] else 'Tensor'} {op.params[i]}" for i in op.operands]
    return (
        f"{_plain(op)}() received an invalid combination of arguments - got ({given}), "
        f"but expected ({', '.join(names)}) with at least one Tensor"
    )


def _plain(op) -> str:
    return op.qualified.replace(".", "_")

"""What remains: rules of functions that are written in Python, methods, and how transforms see sparse tensors."""

from __future__ import annotations

from rustorch.eager import ops as T
from rustorch.eager.dynamic import host
from rustorch.eager.foreign import PARTS, RULES, rule
from rustorch.eager.tensor import Tensor
from rustorch.errors import RustorchRuntimeError
from rustorch.sparse import pointwise, products, reduce, shape as _shape  # noqa: F401 - they register their rules
from rustorch.sparse.compressed import SparseCompressed
from rustorch.sparse.coo import SparseCoo
from rustorch.sparse.interop import to_scipy
from rustorch.sparse.tensor import SparseTensor

for _kind in (SparseCoo, SparseCompressed):
    PARTS[_kind] = (lambda t: (t._parts(), t._rest()), _kind._build)


@rule()
def equal(input, other) -> bool:
    """Same size, same stored places, same values?"""
    if input.layout != other.layout or tuple(input.shape) != tuple(other.shape):
        return False
    pairs = [t.coalesce() if isinstance(t, SparseCoo) else t for t in (input, other)]
    return all(
        a.shape == b.shape and bool((host(a.detach()) == host(b.detach())).all())
        for a, b in zip(*[p._parts() for p in pairs])
    )


@rule()
def allclose(input, other, rtol=1e-05, atol=1e-08, equal_nan=False) -> bool:
    """Are the elements close, stored or not?"""
    return T.allclose(input.to_dense(), other.to_dense(), rtol, atol, equal_nan)


def _view_as(self, *sizes):
    raise RustorchRuntimeError("reshape is not implemented for sparse tensors")


RULES["reshape"] = _view_as


def _method(name: str) -> None:
    fn = RULES[name]

    def method(self, *args, **kwargs):
        return fn(self, *args, **kwargs)

    method.__name__, method.__doc__ = name, fn.__doc__
    setattr(SparseTensor, name, method)


# Methods of these are found before those of dense tensors, which would look at the storage.
for _name in list(RULES):
    if _name not in ("clone", "cat", "stack", "concat", "concatenate", "to_dtype") and not hasattr(
        SparseCoo, "_" + _name + "_"
    ):
        if _name in vars(SparseCoo) or _name in vars(SparseTensor):
            continue
        _method(_name)


def _permute(self, *dims):
    return RULES["permute"](self, dims[0] if len(dims) == 1 and isinstance(dims[0], (tuple, list)) else dims)


def _transposed(self):
    return self if self.ndim < 2 else RULES["t"](self)


SparseTensor.permute = _permute
SparseTensor.T = property(_transposed)
SparseTensor.mT = SparseTensor.H = SparseTensor.mH = property(lambda self: RULES["transpose"](self, -2, -1))
SparseTensor.__neg__ = lambda self: RULES["neg"](self)
SparseTensor.__abs__ = lambda self: RULES["abs"](self)
for _op in ("add", "sub", "mul"):
    # Python asks the right operand first if its type is more special than the left one's.
    setattr(SparseTensor, f"__r{_op}__", lambda self, other, fn=RULES[_op]: fn(other, self))
SparseTensor.__rmatmul__ = lambda self, other: products.matmul(other, self)
Tensor.to_scipy = to_scipy
for _name in ("mul_", "add_", "sub_", "div_", "neg_"):
    assert _name in RULES

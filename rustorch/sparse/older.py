"""Further names: products that PyTorch also has under older ones, and copies of a sparse tensor's parts."""

from __future__ import annotations

from rustorch.eager import ops as T
from rustorch.eager.inplace import write_out
from rustorch.eager.tensor import Tensor
from rustorch.errors import check
from rustorch.sparse.products import hspmm, smm, sspaddmm
from rustorch.sparse.resize import resize_as_sparse_ as resize_as_sparse_
from rustorch.sparse.tensor import SparseTensor

dsmm = spmm = T.mm
hsmm, saddmm = hspmm, sspaddmm


def _method(name: str, product) -> None:
    def method(self, *args, **kwargs):
        check(isinstance(self, SparseTensor), "tensor.sspaddmm(...) can only be called on sparse tensors")
        return product(self, *args, **kwargs)

    method.__name__, method.__doc__ = name, product.__doc__
    setattr(Tensor, name, method)


_method("smm", smm)
_method("sspaddmm", sspaddmm)


def _copy_form(name: str):
    def copied(input, *, out=None):
        part = getattr(input, name)().clone()
        return part if out is None else write_out(out, part, copied.__name__)

    copied.__name__ = copied.__qualname__ = name + "_copy"
    copied.__doc__ = f"A copy of ``input.{name}()``."
    return copied


values_copy, indices_copy, crow_indices_copy, col_indices_copy, ccol_indices_copy, row_indices_copy = map(
    _copy_form, ("values", "indices", "crow_indices", "col_indices", "ccol_indices", "row_indices")
)

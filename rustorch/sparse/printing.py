"""How sparse tensors print: their parts, then size and what the values cannot show."""

from __future__ import annotations

import numpy as np

from rustorch import dtypes
from rustorch.eager import printing
from rustorch.eager.methods import grad_name
from rustorch.eager.recorder import value_of
from rustorch.eager.views import node_of
from rustorch.layouts import sparse_coo
from rustorch.sparse.compressed import ROW_LAYOUTS
from rustorch.sparse.tensor import SparseTensor


def _part(name: str, t, indent: int) -> str:
    """``name=tensor(...)`` as it stands in the middle of a line; sizes of empty parts are shown, dtypes are not."""
    array = np.asarray(value_of(t.detach()))
    head = f"{name}=tensor("
    column = indent + len(head)
    text = head + printing._contents(array, t.dtype.name, column)
    return text + (f", size={tuple(array.shape)})" if array.size == 0 else ")")


def sparse_repr(s: SparseTensor) -> str:
    """The text of a sparse tensor."""
    indent = len("tensor(")
    if s.layout is sparse_coo:
        names = ("indices",)
    else:
        names = ("crow_indices", "col_indices") if s.layout in ROW_LAYOUTS else ("ccol_indices", "row_indices")
    gap = ",\n" + " " * indent
    text = gap.join(_part(n, t, indent) for n, t in zip((*names, "values"), s._parts()))
    text = "tensor(" + text
    suffixes = [] if s.device.type == "cpu" else [f"device='{s.device}'"]
    suffixes += [f"size={tuple(s.shape)}", f"nnz={s._nnz()}"]
    if s.dtype is not dtypes.get_default_dtype() and s.dtype.name not in ("int64", "bool", "complex64"):
        suffixes.append(f"dtype={s.dtype}")
    suffixes.append(f"layout={s.layout}")
    node = node_of(s._values_)
    if node.tape and not s.is_leaf:
        suffixes.append(f"grad_fn=<{grad_name(node)}>")
    elif node.tape:
        suffixes.append("requires_grad=True")
    return printing._with_suffixes(text, suffixes, indent, break_first=s.layout is sparse_coo)


def _repr(self, *, tensor_contents=None) -> str:
    return sparse_repr(self)


SparseTensor.__repr__ = SparseTensor.__str__ = _repr
SparseTensor.__format__ = lambda self, spec: object.__format__(self, spec) if spec else str(self)

"""Sparse tensors: coordinates (COO), compressed rows and columns (CSR, CSC, BSR, BSC).

A sparse tensor's parts are ordinary tensors and its operations are gathers and sums by index on them, so that
gradients of any order, tracing and the transforms need nothing of their own.
"""

from rustorch.sparse import older as _older, rules as _rules
from rustorch.sparse.checks import check_sparse_tensor_invariants as check_sparse_tensor_invariants
from rustorch.sparse.compressed import SparseCompressed as SparseCompressed
from rustorch.sparse.construct import LEGACY as _LEGACY
from rustorch.sparse.coo import SparseCoo as SparseCoo
from rustorch.sparse.interop import from_scipy as from_scipy, to_scipy as to_scipy
from rustorch.sparse.printing import sparse_repr as _sparse_repr
from rustorch.sparse.products import (
    addmm as addmm,
    hspmm as hspmm,
    mm as mm,
    sampled_addmm as sampled_addmm,
    smm as smm,
    sspaddmm as sspaddmm,
)
from rustorch.sparse.reduce import (
    log_softmax as log_softmax,
    softmax as softmax,
    spdiags as spdiags,
    sum as sum,
)
from rustorch.sparse.tensor import SparseTensor as SparseTensor

globals().update(_LEGACY)

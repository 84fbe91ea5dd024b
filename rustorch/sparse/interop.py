"""SciPy's sparse matrices and arrays, both ways. SciPy comes with JAX."""

from __future__ import annotations

import numpy as np

from rustorch.eager.convert import tensor
from rustorch.eager.dynamic import host
from rustorch.errors import check
from rustorch.later import Later
from rustorch.layouts import sparse_bsr, sparse_coo, sparse_csc, sparse_csr
from rustorch.sparse.compressed import SparseCompressed
from rustorch.sparse.convert import coo_of
from rustorch.sparse.coo import SparseCoo
from rustorch.sparse.tensor import SparseTensor

matrices = Later("scipy.sparse")


def from_scipy(matrix, *, dtype=None, device=None, requires_grad=False) -> SparseTensor:
    """A SciPy sparse matrix or array in its own layout: COO, CSR, CSC or BSR; others by coordinates.

    Args:
        matrix: anything of ``scipy.sparse``. dtype: of the result; default: the matrix's.

    Raises:
        TypeError: not a sparse matrix.

    Example:
        >>> import rustorch, scipy.sparse
        >>> rustorch.sparse.from_scipy(scipy.sparse.csr_matrix([[1, 0, 2], [0, 0, 3]])).to_dense()
        tensor([[1, 0, 2],
                [0, 0, 3]])
    """
    if not matrices.issparse(matrix):
        raise TypeError(f"from_scipy(): argument 'matrix' must be a SciPy sparse matrix, not {type(matrix).__name__}")
    layout = {"csr": sparse_csr, "csc": sparse_csc, "bsr": sparse_bsr}.get(matrix.format)

    def part(array, dtype=None):
        return tensor(np.array(array), dtype=dtype, device=device)

    if layout is None:
        matrix = matrix.tocoo()
        where = part(np.stack([np.asarray(c, np.int64) for c in matrix.coords]))
        made = SparseCoo._new(where, part(matrix.data, dtype), matrix.shape, False)
        return made.requires_grad_(requires_grad)
    ends, plain = part(matrix.indptr.astype(np.int64)), part(matrix.indices.astype(np.int64))
    made = SparseCompressed._new(ends, plain, part(matrix.data, dtype), matrix.shape, layout)
    return made.requires_grad_(requires_grad)


def to_scipy(input):
    """A matrix as SciPy's sparse array of the same layout; a dense one by coordinates. Values are copied.

    Raises:
        RuntimeError: batch or dense dimensions, which SciPy does not have.

    Example:
        >>> import rustorch
        >>> rustorch.sparse.to_scipy(rustorch.eye(2).to_sparse_csr()).toarray()
        array([[1., 0.],
               [0., 1.]], dtype=float32)
    """
    s = input.detach() if isinstance(input, SparseTensor) else coo_of(input.detach())
    check(
        s.dense_dim() == 0 and (s.layout is sparse_coo or s.ndim == 2),
        f"to_scipy(): expects a matrix without batch and dense dimensions. Received: {list(s.shape)}",
    )
    parts = [np.array(host(t)) for t in s._parts()]
    shape = tuple(s.shape)
    if s.layout is sparse_coo:
        return matrices.coo_array((parts[1], tuple(parts[0])), shape=shape)
    kinds = {sparse_csr: matrices.csr_array, sparse_csc: matrices.csc_array, sparse_bsr: matrices.bsr_array}
    if s.layout not in kinds:
        return to_scipy(coo_of(s))
    ends, plain, values = parts
    return kinds[s.layout]((values, plain, ends), shape=shape)

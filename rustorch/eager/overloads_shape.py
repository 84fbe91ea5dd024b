"""Functions of shape, products and linear algebra that need Python before an op is chosen."""

from __future__ import annotations

import math
import warnings

import numpy as np

from rustorch import dtypes
from rustorch.eager.inplace import write_out
from rustorch.eager.publish import overload, put
from rustorch.eager.recorder import apply, from_host
from rustorch.eager.tensor import Tensor
from rustorch.eager.variants import return_type
from rustorch.errors import ArgumentTypeError, check
from rustorch.lowering.ops import (
    compare_sets,
    einsum as products,
    linalg_decomp,
    linalg_norm,
    linalg_solve,
    matmul,
    shape,
)


def _listed(tensors):
    """Tensors given one by one or as one list."""
    return tuple(tensors[0]) if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)) else tensors


@overload(method=False)
def block_diag(*tensors):
    """Places matrices along the diagonal of a zero matrix."""
    return apply(shape.block_diag, (tensors,))


@overload(method=False)
def cartesian_prod(*tensors):
    """All tuples with one element from each vector, one tuple a row."""
    return apply(shape.cartesian_prod, (_listed(tensors),))


@overload(method=False)
def chain_matmul(*matrices, out=None):
    """The product of several matrices, in the order that needs the fewest multiplications."""
    return put(apply(matmul.chain_matmul, (_listed(matrices),)), out, "chain_matmul")


@overload(method=False)
def einsum(*args):
    """Sums products over named dimensions: ``einsum("ij,jk->ik", a, b)`` is the matrix product.

    Also takes ``einsum(a, [0, 1], b, [1, 2], [0, 2])`` with numbers for names.
    """
    check(
        len(args) >= 2,
        "einsum(): must specify the equation string and at least one operand, or at least one operand and its subscripts list",
        ValueError,
    )
    if isinstance(args[0], str):
        return apply(products.einsum, (args[0], _listed(args[1:])))
    operands, terms = args[0 : len(args) // 2 * 2 : 2], args[1::2]
    equation = ",".join(_letters(t) for t in terms)
    if len(args) % 2:
        equation += "->" + _letters(args[-1])
    return apply(products.einsum, (equation, operands))


def _letters(labels) -> str:
    for n in labels:
        check(n is Ellipsis or 0 <= n < 52, "einsum(): subscript out of range: labels must be in [0, 52)", ValueError)
    return "".join("..." if n is Ellipsis else chr(65 + n) if n < 26 else chr(71 + n) for n in labels)


def order(p):
    """A norm's order as ops take it: an int or "inf" (known), a string, or a float (runtime)."""
    if isinstance(p, Tensor):
        p = p.item()
    if isinstance(p, (bool, str)) or p is None:
        return p
    if isinstance(p, (float, np.floating)):
        if math.isinf(p):
            return "inf" if p > 0 else "-inf"
        return int(p) if p == int(p) else float(p)
    return int(p)


# Above this many rows PyTorch gets Euclidean distances from a matrix product.
_MANY = 25


@overload(method=False)
def cdist(x1, x2, p=2.0, compute_mode="use_mm_for_euclid_dist_if_necessary"):
    """Distances in the ``p``-norm between all rows of ``x1`` and all rows of ``x2``."""
    modes = ("use_mm_for_euclid_dist_if_necessary", "use_mm_for_euclid_dist", "donot_use_mm_for_euclid_dist")
    check(compute_mode in modes, f"{compute_mode} is not a valid value for compute_mode", ValueError)
    check(p >= 0, "cdist only supports non-negative p values")
    many = x1.ndim >= 2 and x2.ndim >= 2 and (x1.shape[-2] > _MANY or x2.shape[-2] > _MANY)
    by_product = compute_mode == modes[1] or (compute_mode == modes[0] and many)
    return apply(products.cdist, (x1, x2, order(p), by_product))


@overload(namespaces=("torch", "nn.functional"), method=False)
def pdist(input, p=2.0):
    """Distances in the ``p``-norm between all pairs of rows."""
    check(p >= 0, "pdist only supports non-negative p values")
    return apply(products.pdist, (input, order(p)))


@overload(namespaces=("linalg",), method=False)
def matrix_norm(A, ord="fro", dim=(-2, -1), keepdim=False, *, dtype=None, out=None):
    """A norm of matrices: "fro", "nuc", or induced by 1, 2, inf (negative: the smallest ratio)."""
    return put(apply(linalg_norm.matrix_norm, (A, order(ord), tuple(dim), keepdim, dtype)), out, "matrix_norm")


@overload(namespaces=("linalg",), name="linalg.norm", method=False)
def norm(A, ord=None, dim=None, keepdim=False, *, out=None, dtype=None):
    """Vector or matrix norm, after the number of dimensions; by default the 2-norm of all elements."""
    dim = tuple(dim) if isinstance(dim, (list, tuple)) else dim
    return put(apply(linalg_norm.norm, (A, order(ord), dim, keepdim, dtype)), out, "norm")


@overload(namespaces=("linalg",), method=False)
def cond(A, p=None, *, out=None):
    """Condition number of matrices: ``norm(A) * norm(inverse(A))``, by default in the 2-norm."""
    return put(apply(linalg_norm.cond, (A, order(p))), out, "cond")


def _several(op, args, out, constant):
    """Results as a named tuple; those at ``constant`` carry no gradient."""
    results = [r.detach() if i in constant else r for i, r in enumerate(apply(op, args))]
    if out is not None:
        results = [write_out(o, r, op.name) for o, r in zip(out, results)]
    return return_type(f"linalg_{op.name}", op.fields)(*results)


@overload(namespaces=("linalg",), method=False)
def lu(A, *, pivot=True, out=None):
    """``A = P L U``: a permutation, a unit lower and an upper triangular matrix."""
    return _several(linalg_decomp.lu, (A, pivot), out, (0,))


@overload(namespaces=("linalg",), method=False)
def lstsq(A, B, rcond=None, *, driver=None, out=None):
    """X that makes ``norm(A X - B)`` smallest, with residuals, rank and singular values."""
    return _several(linalg_solve.lstsq, (A, B, rcond, driver), out, (3,))


@overload(namespaces=("linalg",), name="linalg.diagonal", method=False)
def matrix_diagonal(A, *, offset=0, dim1=-2, dim2=-1):
    """A view of the diagonals of matrices."""
    return A.diagonal(offset, dim1, dim2)


@overload(namespaces=("linalg",), method=False)
def lu_factor_ex(A, *, pivot=True, check_errors=False, out=None):
    """``lu_factor``, and for each matrix the position (from 1) of the first zero on U's diagonal, or 0."""
    packed, pivots = apply(linalg_decomp.lu_factor, (A,), {"pivot": pivot})
    results = packed, pivots, apply(linalg_decomp.first_zero_pivot, (packed,))
    if out is not None:
        results = tuple(write_out(o, r, "lu_factor_ex") for o, r in zip(out, results))
    return return_type("linalg_lu_factor_ex", ("LU", "pivots", "info"))(*results)


@overload(method=True, name="torch.lu")
def packed_lu(A, pivot=True, get_infos=False, out=None):
    """The packed LU form and the row exchanges, and with ``get_infos`` whether a pivot was zero."""
    results = tuple(lu_factor_ex(A, pivot=pivot))[: 3 if get_infos else 2]
    return results if out is None else tuple(write_out(o, r, "lu") for o, r in zip(out, results))


@overload(method=False)
def unravel_index(indices, shape):
    """The coordinates in a tensor of ``shape`` of flat positions, one tensor per dimension."""
    sizes, coordinates = (shape,) if isinstance(shape, int) else tuple(shape), []
    indices = indices.to(dtypes.int64)
    for n in reversed(sizes):
        coordinates.append(indices % n)
        indices = indices // n
    return tuple(reversed(coordinates))


@overload(method=False)
def isin(elements, test_elements, *, assume_unique=False, invert=False, out=None):
    """Whether each of ``elements`` occurs among ``test_elements``."""
    given = elements if isinstance(elements, Tensor) else test_elements
    if not isinstance(given, Tensor):
        raise ArgumentTypeError("isin(): one of the arguments must be a Tensor")
    a, b = (
        t if isinstance(t, Tensor) else from_host(np.asarray(t, dtypes.of_number(t).numpy), given.device)
        for t in (elements, test_elements)
    )
    return put(apply(compare_sets.isin, (a, b, bool(invert))), out, "isin")


@overload(method=False)
def meshgrid(*tensors, indexing=None):
    """Coordinate grids of vectors: views, expanded to the shape of all sizes.

    ``indexing="ij"`` puts the first vector along the first dimension, ``"xy"`` the first two the other way round.

    Raises:
        RuntimeError: a tensor with more than one dimension, or different dtypes.
    """
    vectors = list(_listed(tensors))
    check(len(vectors) > 0, "meshgrid expects a non-empty TensorList")
    if indexing is None:
        warnings.warn(
            "torch.meshgrid: in an upcoming release, it will be required to pass the indexing argument.", stacklevel=2
        )
    check(
        indexing in (None, "ij", "xy"),
        f'torch.meshgrid: indexing must be one of "xy" or "ij", but received: {indexing}',
    )
    for t in vectors:
        check(t.ndim <= 1, f"torch.meshgrid: Expected 0D or 1D tensor in the tensor list but got:  {list(t.shape)}")
        check(t.dtype is vectors[0].dtype, "meshgrid expects all tensors to have the same dtype")
        check(t.device == vectors[0].device, "meshgrid expects all tensors to have the same device")
    swapped = indexing == "xy" and len(vectors) > 1
    if swapped:
        vectors[:2] = vectors[1::-1]
    sizes, n = [t.numel() for t in vectors], len(vectors)
    grids = [t.reshape((1,) * i + (-1,) + (1,) * (n - 1 - i)).expand(sizes) for i, t in enumerate(vectors)]
    if swapped:
        grids[:2] = grids[1::-1]
    return tuple(grids)


def _at_least(n: int, widen):
    def widened(*tensors):
        out = tuple(t if t.ndim >= n else widen(t) for t in _listed(tensors))
        return out[0] if len(tensors) == 1 and not isinstance(tensors[0], (list, tuple)) else out

    widened.__doc__ = f"Views with at least {n} dimension{'s' if n > 1 else ''}."
    overload(widened, method=False, name=f"atleast_{n}d")


_at_least(1, lambda t: t.reshape(1))
_at_least(2, lambda t: t.reshape(1, -1))
_at_least(3, lambda t: t.reshape(1, -1, 1) if t.ndim < 2 else t.unsqueeze(-1))

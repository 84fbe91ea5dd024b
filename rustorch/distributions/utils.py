"""Small pieces that the distributions share: broadcasting, probabilities and logits, lazy properties."""

from functools import update_wrapper
from numbers import Number

from rustorch.autograd import enable_grad
from rustorch.dtypes import get_default_dtype
from rustorch.eager import ops as T
from rustorch.eager.convert import tensor
from rustorch.eager.tensor import Tensor
from rustorch.errors import ArgumentValueError
from rustorch.limits import finfo
from rustorch.nn import functional as F

euler_constant = 0.57721566490153286060
tiny = {}  # the smallest positive normal number of each dtype, filled as they come


def smallest(dtype) -> float:
    """The smallest positive normal number of a floating dtype."""
    if dtype not in tiny:
        tiny[dtype] = finfo(dtype).tiny
    return tiny[dtype]


def is_tensor_like(value) -> bool:
    """Is ``value`` a tensor, or an object that stands in for one?"""
    return isinstance(value, Tensor) or hasattr(value, "__torch_function__")


def broadcast_all(*values):
    """Tensors of one shape for tensors and numbers; numbers take the first tensor's dtype and device.

    Errors: ``ValueError`` for anything else.

    >>> import rustorch as torch
    >>> from rustorch.distributions.utils import broadcast_all
    >>> [tuple(t.shape) for t in broadcast_all(1.0, torch.zeros(2, 1), torch.ones(3))]
    [(2, 3), (2, 3), (2, 3)]
    """
    if not all(isinstance(v, Number) or is_tensor_like(v) for v in values):
        raise ArgumentValueError(
            "Input arguments must all be instances of Number, torch.Tensor or objects implementing __torch_function__."
        )
    like = next((v for v in values if isinstance(v, Tensor)), None)
    kind = {"dtype": get_default_dtype()} if like is None else {"dtype": like.dtype, "device": like.device}
    values = [v if is_tensor_like(v) else tensor(v, **kind) for v in values]
    if all(v.shape == values[0].shape for v in values):
        return values
    return list(T.broadcast_tensors(*values))


def batch_shape_of(tensors, *given):
    """The batch shape of parameters: none if all were given as numbers."""
    return () if all(isinstance(g, Number) for g in given) else tensors[0].shape


def sum_rightmost(value, dim: int):
    """The sum over the last ``dim`` dimensions; ``value`` may be a number if ``dim`` is 0."""
    return value if dim == 0 else value.reshape(value.shape[: value.ndim - dim] + (-1,)).sum(-1)


_sum_rightmost = sum_rightmost


def standard_normal(shape, dtype, device):
    """Draws from N(0, 1)."""
    return T.randn(tuple(shape), dtype=dtype, device=device)


_standard_normal = standard_normal


def logits_to_probs(logits, is_binary: bool = False):
    """Probabilities for log-odds (binary) or unnormalised log-probabilities (over the last dimension)."""
    return T.sigmoid(logits) if is_binary else F.softmax(logits, -1)


def clamp_probs(probs):
    """Probabilities kept one rounding step away from 0 and 1."""
    eps = finfo(probs.dtype).eps
    return probs.clamp(min=eps, max=1 - eps)


def probs_to_logits(probs, is_binary: bool = False):
    """Log-odds (binary) or log-probabilities for probabilities, finite also at 0 and 1."""
    kept = clamp_probs(probs)
    return T.log(kept) - T.log1p(-kept) if is_binary else T.log(kept)


def one_of_probs_and_logits(probs, logits) -> bool:
    """Were ``probs`` given (else ``logits``)?

    Errors: ``ValueError`` if both or neither were.
    """
    if (probs is None) == (logits is None):
        raise ArgumentValueError("Either `probs` or `logits` must be specified, but not both.")
    return probs is not None


class lazy_property:
    """A value computed when first read, with gradients, and kept in the instance's ``__dict__``."""

    def __init__(self, wrapped):
        self.wrapped = wrapped
        update_wrapper(self, wrapped)

    def __get__(self, instance, owner=None):
        if instance is None:
            return self
        with enable_grad():
            value = self.wrapped(instance)
        instance.__dict__[self.wrapped.__name__] = value
        return value


def tril_matrix_to_vec(mat, diag: int = 0):
    """The lower triangle (from the ``diag``-th diagonal down) of (..., D, D) row by row: (..., D(D+1)/2 for diag 0).

    Errors: ``ValueError`` if ``diag`` is not in [-D, D).

    >>> import rustorch as torch
    >>> torch.distributions.utils.tril_matrix_to_vec(torch.tensor([[1.0, 0.0], [2.0, 3.0]]))
    tensor([1., 2., 3.])
    """
    n = mat.shape[-1]
    if not -n <= diag < n:
        raise ArgumentValueError(f"diag ({diag}) provided is outside [{-n}, {n - 1}].")
    rows, columns = T.tril_indices(n, n, diag).unbind(0)
    return mat[..., rows, columns]


def vec_to_tril_matrix(vec, diag: int = 0):
    """The inverse of ``tril_matrix_to_vec``: (..., K) to (..., D, D), zero above the diagonal.

    Errors: ``ValueError`` if no D fits K.

    >>> import rustorch as torch
    >>> torch.distributions.utils.vec_to_tril_matrix(torch.tensor([1.0, 2.0, 3.0]))
    tensor([[1., 0.],
            [2., 3.]])
    """
    size = vec.shape[-1]
    n = (-(1 + 2 * diag) + ((1 + 2 * diag) ** 2 + 8 * size + 4 * abs(diag) * (diag + 1)) ** 0.5) / 2
    if abs(n - round(n)) > finfo(vec.dtype).eps:
        raise ArgumentValueError(
            f"The size of last dimension is {size} which cannot be expressed as the lower triangular part of a square D x D matrix."
        )
    n = round(n)
    # Where each matrix element comes from; those above the diagonal read a zero in front.
    place, k = [[0] * n for _ in range(n)], 0
    for i in range(n):
        for j in range(min(i + diag + 1, n)):
            k += 1
            place[i][j] = k
    padded = T.cat([vec.new_zeros(vec.shape[:-1] + (1,)), vec], -1)
    return padded[..., tensor([p for row in place for p in row], device=vec.device)].reshape(vec.shape[:-1] + (n, n))

"""Transforms of vectors and matrices."""

import math

from rustorch import linalg
from rustorch.distributions import constraints
from rustorch.distributions.transforms._base import Transform
from rustorch.distributions.transforms._elementwise import _Same, clipped_sigmoid
from rustorch.distributions.utils import smallest, tril_matrix_to_vec, vec_to_tril_matrix
from rustorch.eager import ops as T
from rustorch.errors import ArgumentValueError
from rustorch.limits import finfo
from rustorch.nn import functional as F
from rustorch.size import Size


def _at_least(shape, n: int) -> None:
    if len(shape) < n:
        raise ArgumentValueError("Too few dimensions on input")


class SoftmaxTransform(_Same):
    """y = exp(x) / Σ exp(x); not bijective (x + c gives the same), its inverse is log y.

    >>> import rustorch as torch
    >>> torch.distributions.SoftmaxTransform()(torch.zeros(4))
    tensor([0.2500, 0.2500, 0.2500, 0.2500])
    """

    domain = constraints.real_vector
    codomain = constraints.simplex

    def _call(self, x):
        return F.softmax(x, -1)

    def _inverse(self, y):
        return y.log()

    def forward_shape(self, shape):
        """Kept."""
        _at_least(shape, 1)
        return shape

    inverse_shape = forward_shape


def _last(shape, change: int):
    _at_least(shape, 1)
    return Size(tuple(shape[:-1]) + (shape[-1] + change,))


class StickBreakingTransform(_Same):
    """From (..., k) real numbers to the simplex of (..., k + 1): each breaks its share off what is left.

    >>> import rustorch as torch
    >>> torch.distributions.StickBreakingTransform()(torch.zeros(2))
    tensor([0.3333, 0.3333, 0.3333])
    """

    domain = constraints.real_vector
    codomain = constraints.simplex
    bijective = True

    @staticmethod
    def _offset(x, k: int):
        """log of the number of pieces that are left: 0 in, equal pieces out."""
        return T.arange(k, 0, -1, dtype=x.dtype, device=x.device).log()

    def _call(self, x):
        share = clipped_sigmoid(x - self._offset(x, x.shape[-1]))
        left = (1 - share).cumprod(-1)
        return F.pad(share, [0, 1], value=1) * F.pad(left, [1, 0], value=1)

    def _inverse(self, y):
        pieces = y[..., :-1]
        left = (1 - pieces.cumsum(-1)).clamp(min=smallest(y.dtype))
        return pieces.log() - left.log() + self._offset(y, y.shape[-1] - 1)

    def log_abs_det_jacobian(self, x, y):
        """Σ log(piece) + log(1 - share)."""
        x = x - self._offset(x, x.shape[-1])
        return (-x + F.logsigmoid(x) + y[..., :-1].log()).sum(-1)

    def forward_shape(self, shape):
        """One more in the last dimension."""
        return _last(shape, 1)

    def inverse_shape(self, shape):
        """One less in the last dimension."""
        return _last(shape, -1)


class CorrCholeskyTransform(Transform):
    """From (..., k(k - 1)/2) real numbers to (..., k, k) Cholesky factors of correlation matrices.

    tanh(x) are canonical partial correlations; each row breaks its unit length with them.

    >>> import rustorch as torch
    >>> torch.distributions.CorrCholeskyTransform()(torch.zeros(1))
    tensor([[1., 0.],
            [0., 1.]])
    """

    domain = constraints.real_vector
    codomain = constraints.corr_cholesky
    bijective = True

    def _call(self, x):
        eps = finfo(x.dtype).eps
        r = vec_to_tril_matrix(T.tanh(x).clamp(min=-1 + eps, max=1 - eps), diag=-1)
        left = (1 - r.square()).sqrt().cumprod(-1)
        r = r + T.eye(r.shape[-1], dtype=r.dtype, device=r.device)
        return r * F.pad(left[..., :-1], [1, 0], value=1)

    def _inverse(self, y):
        left = F.pad((1 - y.square().cumsum(-1))[..., :-1], [1, 0], value=1)
        t = tril_matrix_to_vec(y, diag=-1) / tril_matrix_to_vec(left, diag=-1).sqrt()
        return (t.log1p() - T.log1p(-t)) / 2

    def log_abs_det_jacobian(self, x, y):
        """½ Σ log of the squared lengths that are left, and tanh's."""
        left = tril_matrix_to_vec(1 - y.square().cumsum(-1), diag=-2)
        breaking = 0.5 * left.log().sum(-1)
        return breaking - 2 * (x + F.softplus(-2 * x) - math.log(2.0)).sum(-1)

    def forward_shape(self, shape):
        """(..., k(k - 1)/2) to (..., k, k)."""
        _at_least(shape, 1)
        n = shape[-1]
        k = round((0.25 + 2 * n) ** 0.5 + 0.5)
        if k * (k - 1) // 2 != n:
            raise ArgumentValueError("Input is not a flattened lower-diagonal number")
        return Size(tuple(shape[:-1]) + (k, k))

    def inverse_shape(self, shape):
        """(..., k, k) to (..., k(k - 1)/2)."""
        _at_least(shape, 2)
        if shape[-2] != shape[-1]:
            raise ArgumentValueError("Input is not square")
        k = shape[-1]
        return Size(tuple(shape[:-2]) + (k * (k - 1) // 2,))


class LowerCholeskyTransform(_Same):
    """From square matrices to lower triangular ones with positive diagonal: exp on the diagonal, zeros above.

    >>> import rustorch as torch
    >>> torch.distributions.LowerCholeskyTransform()(torch.zeros(2, 2))
    tensor([[1., 0.],
            [0., 1.]])
    """

    domain = constraints.independent(constraints.real, 2)
    codomain = constraints.lower_cholesky

    def _call(self, x):
        return x.tril(-1) + x.diagonal(dim1=-2, dim2=-1).exp().diag_embed()

    def _inverse(self, y):
        return y.tril(-1) + y.diagonal(dim1=-2, dim2=-1).log().diag_embed()


class PositiveDefiniteTransform(_Same):
    """From square matrices to positive definite ones: L Lᵀ with L of ``LowerCholeskyTransform``.

    >>> import rustorch as torch
    >>> torch.distributions.PositiveDefiniteTransform()(torch.zeros(2, 2))
    tensor([[1., 0.],
            [0., 1.]])
    """

    domain = constraints.independent(constraints.real, 2)
    codomain = constraints.positive_definite

    def _call(self, x):
        factor = LowerCholeskyTransform()(x)
        return factor @ factor.mT

    def _inverse(self, y):
        return LowerCholeskyTransform().inv(linalg.cholesky(y))


class ReshapeTransform(Transform):
    """Events of ``in_shape`` in ``out_shape``.

    Errors: ``ValueError`` if these have different numbers of elements, or a shape does not end in them.

    >>> import rustorch as torch
    >>> torch.distributions.ReshapeTransform((2, 3), (6,))(torch.zeros(4, 2, 3)).shape
    torch.Size([4, 6])
    """

    bijective = True

    def __init__(self, in_shape, out_shape, cache_size: int = 0):
        self.in_shape = Size(in_shape)
        self.out_shape = Size(out_shape)
        if self.in_shape.numel() != self.out_shape.numel():
            raise ArgumentValueError("in_shape, out_shape have different numbers of elements")
        super().__init__(cache_size=cache_size)

    @constraints.dependent_property
    def domain(self):
        """Real arrays of ``in_shape``."""
        return constraints.independent(constraints.real, len(self.in_shape))

    @constraints.dependent_property
    def codomain(self):
        """Real arrays of ``out_shape``."""
        return constraints.independent(constraints.real, len(self.out_shape))

    def with_cache(self, cache_size: int = 1):
        """The same transform with another ``cache_size``."""
        if self._cache_size == cache_size:
            return self
        return ReshapeTransform(self.in_shape, self.out_shape, cache_size=cache_size)

    def _batch(self, shape, ending):
        return tuple(shape[: len(shape) - len(ending)])

    def _call(self, x):
        return x.reshape(self._batch(x.shape, self.in_shape) + self.out_shape)

    def _inverse(self, y):
        return y.reshape(self._batch(y.shape, self.out_shape) + self.in_shape)

    def log_abs_det_jacobian(self, x, y):
        """0."""
        return x.new_zeros(self._batch(x.shape, self.in_shape))

    def _changed(self, shape, old, new):
        _at_least(shape, len(old))
        cut = len(shape) - len(old)
        if tuple(shape[cut:]) != tuple(old):
            raise ArgumentValueError(f"Shape mismatch: expected {shape[cut:]} but got {old}")
        return Size(tuple(shape[:cut]) + tuple(new))

    def forward_shape(self, shape):
        """The ending replaced."""
        return self._changed(shape, self.in_shape, self.out_shape)

    def inverse_shape(self, shape):
        """The ending put back."""
        return self._changed(shape, self.out_shape, self.in_shape)

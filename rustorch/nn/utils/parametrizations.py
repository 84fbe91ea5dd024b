"""Parametrizations ready to use: ``orthogonal``, ``weight_norm``, ``spectral_norm``."""

from enum import Enum, auto

from rustorch import linalg
from rustorch.autograd.modes import no_grad
from rustorch.eager import ops as T
from rustorch.eager.tensor import Tensor
from rustorch.limits import finfo
from rustorch.nn import functional as F
from rustorch.nn.modules.conv_transpose import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from rustorch.nn.modules.module import Module
from rustorch.nn.utils import parametrize
from rustorch.nn.utils._except_dim import norm_except_dim, scaled


def _eye(n, like):
    return T.eye(n, dtype=like.dtype, device=like.device)


def _is_orthogonal(q):
    n, k = q.shape[-2:]
    return T.allclose(q.mH @ q, _eye(k, q), atol=10.0 * n * finfo(q.dtype).eps)


def _make_orthogonal(a):
    """The Q of A = QR whose R has a positive diagonal."""
    reflectors, tau = T.geqrf(a)
    q = linalg.householder_product(reflectors, tau)
    return q * reflectors.diagonal(dim1=-2, dim2=-1).sgn().unsqueeze(-2)


class _OrthMaps(Enum):
    matrix_exp = auto()
    cayley = auto()
    householder = auto()


class _Orthogonal(Module):
    """A free matrix as one with orthonormal columns (rows, if it is wide)."""

    def __init__(self, weight, orthogonal_map, *, use_trivialization=True):
        super().__init__()
        if weight.is_complex() and orthogonal_map is _OrthMaps.householder:
            raise ValueError("The householder parametrization does not support complex tensors.")
        self.shape = weight.shape
        self.orthogonal_map = orthogonal_map
        if use_trivialization:
            self.register_buffer("base", None)

    def forward(self, X):
        wide = X.shape[-2] < X.shape[-1]
        if wide:
            X = X.mT
        n, k = X.shape[-2:]
        if self.orthogonal_map is _OrthMaps.householder:
            reflectors = X.tril(-1)
            tau = 2.0 / (1.0 + (reflectors * reflectors).sum(-2))
            q = linalg.householder_product(reflectors, tau)
            q = q * X.diagonal(dim1=-2, dim2=-1).int().unsqueeze(-2)
        else:
            X = X.tril()
            if n != k:
                X = T.cat([X, X.new_zeros(n, n - k).expand(*X.shape[:-2], -1, -1)], -1)
            skew = X - X.mH
            if self.orthogonal_map is _OrthMaps.matrix_exp:
                q = T.matrix_exp(skew)
            else:
                one = _eye(n, skew)
                q = linalg.solve(one - 0.5 * skew, one + 0.5 * skew)
            q = q[..., :k] if n != k else q
        if hasattr(self, "base"):
            q = self.base @ q
        return q.mT if wide else q

    def right_inverse(self, Q):
        with no_grad():
            return self._right_inverse(Q)

    def _right_inverse(self, Q):
        if Q.shape != self.shape:
            raise ValueError(
                f"Expected a matrix or batch of matrices of shape {self.shape}. Got a tensor of shape {Q.shape}."
            )
        given = Q
        wide = Q.shape[-2] < Q.shape[-1]
        if wide:
            Q = Q.mT
        n, k = Q.shape[-2:]
        if not hasattr(self, "base"):
            if self.orthogonal_map is not _OrthMaps.householder:
                raise NotImplementedError(
                    "It is not possible to assign to the matrix exponential "
                    "or the Cayley parametrizations when use_trivialization=False."
                )
            reflectors, tau = T.geqrf(Q)
            signs = reflectors.diagonal(dim1=-2, dim2=-1).sign()
            signs = T.where(tau == 0, -signs, signs)
            diagonal = F.pad(T.diag_embed(signs), (0, 0, 0, n - k))
            reflectors = reflectors.tril(-1) + reflectors.triu(1) + diagonal
            return reflectors.mT if wide else reflectors
        if n == k:
            q = Q.clone() if _is_orthogonal(Q) else _make_orthogonal(Q)
        else:
            noise = T.randn(*Q.shape[:-2], n, n - k, dtype=Q.dtype, device=Q.device)
            q = _make_orthogonal(T.cat([Q, noise], -1))
        self.base = q
        start = T.zeros_like(given)
        start.diagonal(dim1=-2, dim2=-1).fill_(-1.0)
        return start


def _tensor_of(module, name):
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ValueError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    return weight


def orthogonal(module, name="weight", orthogonal_map=None, *, use_trivialization=True):
    """Keep a matrix, or batch of matrices, orthogonal: QᵀQ = 1 (QQᵀ = 1 if it is wide).

    Arguments:
        orthogonal_map: "matrix_exp" (Q = exp(A)), "cayley" (Q = (1 + A/2)(1 - A/2)⁻¹), both with skew A, or
            "householder" (a product of reflections); default the first for square and complex ones, else the last.
        use_trivialization: multiply a fixed orthogonal matrix by the map, so that training starts anywhere.

    Raises:
        ValueError: no such tensor, fewer than two dimensions, or another map.

    Source: Lezcano-Casado, Martínez-Rubio (2019), "Cheap orthogonal constraints in neural networks".

    >>> import rustorch as torch
    >>> layer = torch.nn.utils.parametrizations.orthogonal(torch.nn.Linear(3, 5))
    >>> torch.allclose(layer.weight.T @ layer.weight, torch.eye(3), atol=1e-5)
    True
    """
    weight = _tensor_of(module, name)
    if weight.ndim < 2:
        raise ValueError(f"Expected a matrix or batch of matrices. Got a tensor of {weight.ndim} dimensions.")
    if orthogonal_map is None:
        square = weight.shape[-2] == weight.shape[-1]
        orthogonal_map = "matrix_exp" if square or weight.is_complex() else "householder"
    chosen = getattr(_OrthMaps, orthogonal_map, None)
    if chosen is None:
        raise ValueError(
            f'orthogonal_map has to be one of "matrix_exp", "cayley", "householder". Got: {orthogonal_map}'
        )
    made = _Orthogonal(weight, chosen, use_trivialization=use_trivialization)
    return parametrize.register_parametrization(module, name, made, unsafe=True)


class _WeightNorm(Module):
    """Norms and directions as a weight."""

    def __init__(self, dim=0):
        super().__init__()
        self.dim = -1 if dim is None else dim

    def forward(self, weight_g, weight_v):
        return scaled(weight_v, weight_g, self.dim)

    def right_inverse(self, weight):
        return norm_except_dim(weight, self.dim), weight


def weight_norm(module, name="weight", dim=0):
    """Train size and direction apart: w = g · v/‖v‖, one norm for each index along ``dim`` (``None``: one for all).

    ``original0`` is g, ``original1`` is v; checkpoints of ``nn.utils.weight_norm`` are understood.

    Source: Salimans, Kingma (2016), "Weight normalization".

    >>> import rustorch as torch
    >>> layer = torch.nn.utils.parametrizations.weight_norm(torch.nn.Linear(3, 5))
    >>> layer.parametrizations.weight.original0.shape
    torch.Size([5, 1])
    """
    parametrize.register_parametrization(module, name, _WeightNorm(dim), unsafe=True)

    def rename(state_dict, prefix, *_):
        old = [f"{prefix}{name}_g", f"{prefix}{name}_v"]
        if all(key in state_dict for key in old):
            for i, key in enumerate(old):
                state_dict[f"{prefix}parametrizations.{name}.original{i}"] = state_dict.pop(key)

    module._register_load_state_dict_pre_hook(rename)
    return module


class _SpectralNorm(Module):
    """A weight divided by its largest singular value, which power iteration follows during training."""

    def __init__(self, weight, n_power_iterations=1, dim=0, eps=1e-12):
        super().__init__()
        ndim = weight.ndim
        if not -ndim <= dim < ndim:
            raise IndexError(f"Dimension out of range (expected to be in range of [-{ndim}, {ndim - 1}] but got {dim})")
        if n_power_iterations <= 0:
            raise ValueError(
                f"Expected n_power_iterations to be positive, but got n_power_iterations={n_power_iterations}"
            )
        self.dim = dim % ndim
        self.eps = eps
        if ndim > 1:
            self.n_power_iterations = n_power_iterations
            matrix = self._matrix(weight.detach())
            for key, size in zip(("_u", "_v"), matrix.shape):
                self.register_buffer(key, F.normalize(matrix.new_empty(size).normal_(), dim=0, eps=eps))
            self._power_method(matrix, 15)

    def _matrix(self, weight):
        return weight.movedim(self.dim, 0).flatten(1)

    def _power_method(self, matrix, steps):
        with no_grad():
            for _ in range(steps):
                self._u.copy_(F.normalize(T.mv(matrix, self._v), dim=0, eps=self.eps))
                self._v.copy_(F.normalize(T.mv(matrix.mH, self._u), dim=0, eps=self.eps))

    def forward(self, weight):
        if weight.ndim == 1:
            return F.normalize(weight, dim=0, eps=self.eps)  # its singular value is its norm
        matrix = self._matrix(weight)
        if self.training:
            self._power_method(matrix, self.n_power_iterations)
        return weight / T.vdot(self._u.clone(), T.mv(matrix, self._v.clone()))

    def right_inverse(self, value):
        return value


def _channel_dim(module, dim):
    """The dimension that counts the outputs: the second in transposed convolutions."""
    if dim is not None:
        return dim
    return 1 if isinstance(module, (ConvTranspose1d, ConvTranspose2d, ConvTranspose3d)) else 0


def spectral_norm(module, name="weight", n_power_iterations=1, eps=1e-12, dim=None):
    """Keep the largest singular value σ of a weight at one: w / σ, with σ = uᵀ W v by power iteration.

    Arguments:
        n_power_iterations: steps at each use in training mode.
        dim: the dimension that the matrix has as rows; default the outputs'.

    Source: Miyato et al. (2018), "Spectral normalization for generative adversarial networks".

    >>> import rustorch as torch
    >>> layer = torch.nn.utils.parametrizations.spectral_norm(torch.nn.Linear(3, 5))
    >>> sorted(layer.state_dict())[1:]
    ['parametrizations.weight.0._u', 'parametrizations.weight.0._v', 'parametrizations.weight.original']
    """
    weight = _tensor_of(module, name)
    made = _SpectralNorm(weight, n_power_iterations, _channel_dim(module, dim), eps)
    return parametrize.register_parametrization(module, name, made)

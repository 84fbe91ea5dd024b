"""Curvature without its matrix: ``ggn_vp`` and ``laplacian``."""

from __future__ import annotations

from rustorch.autograd.transforms.batch import vmap
from rustorch.autograd.transforms.forward import jvp
from rustorch.autograd.transforms.products import as_tuple
from rustorch.autograd.transforms.reverse import grad, vjp
from rustorch.eager import ops as T
from rustorch.func.taylor import taylor


def ggn_vp(model, loss, primals, tangents):
    """``Jᵀ H_loss J v``, the generalised Gauss–Newton matrix of ``loss(model(*primals))`` times a vector.

    Args:
        model: ``primals`` to outputs; ``loss``: those outputs to a scalar.

    Source:
        Schraudolph (2002), "Fast curvature matrix-vector products for second-order gradient descent".

    Example:
        >>> import rustorch
        >>> w = rustorch.ones(2)
        >>> rustorch.func.ggn_vp(lambda w: w * 3, lambda y: (y**2).sum(), w, w)
        tensor([18., 18.])
    """
    single = not isinstance(primals, tuple)
    primals, tangents = as_tuple(primals), as_tuple(tangents)
    out, moved = jvp(model, primals, tangents)
    _, curved = jvp(grad(loss), (out,), (moved,))
    _, pull = vjp(model, *primals)
    found = pull(curved)
    return found[0] if single else found


def laplacian(func, x, chunk_size: int | None = None):
    """``(func(x), Δ func(x))``: the sum of second derivatives over all elements of ``x``.

    One second-order Taylor pass along each axis, all axes as one batch; no Hessian is formed.

    Args:
        func: a tensor to a tensor of any shape; the Laplacian has that shape.
        chunk_size: how many axes at once.

    Example:
        >>> import rustorch
        >>> rustorch.func.laplacian(lambda x: (x**2).sum(), rustorch.ones(3))
        (tensor(3.), tensor(6.))
    """
    n = x.numel()
    axes = T.eye(n, dtype=x.dtype, device=x.device).reshape(n, *x.shape)
    second = vmap(lambda v: taylor(func, x, 2, v)[2], chunk_size=chunk_size)(axes)
    return func(x), second.sum(0)

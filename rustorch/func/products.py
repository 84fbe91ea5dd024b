"""Products with second derivatives, none of which forms the matrix: ``hvp``, ``vhp``, ``ggn_vp``, ``laplacian``."""

from __future__ import annotations

from rustorch.autograd.transforms.batch import vmap
from rustorch.autograd.transforms.forward import jvp
from rustorch.autograd.transforms.reverse import grad, grad_and_value, vjp
from rustorch.eager import ops as T
from rustorch.func.taylor import taylor


def _args(primals):
    return primals if isinstance(primals, tuple) else (primals,)


def hvp(func, primals, tangents):
    """``(func(*primals), H v)`` of a scalar-valued function: forward over reverse, about 2.5 evaluations.

    Args:
        primals: a tensor, or a tuple of them (trees too); ``tangents``: the same shapes.

    Example:
        >>> import rustorch
        >>> rustorch.func.hvp(lambda x: (x**3).sum(), rustorch.ones(2), rustorch.ones(2))
        (tensor(2.), tensor([6., 6.]))
    """
    single = not isinstance(primals, tuple)
    primals, tangents = _args(primals), _args(tangents)
    both = grad_and_value(func, tuple(range(len(primals))))
    _, moved, value = jvp(both, primals, tangents, has_aux=True)
    return value, moved[0] if single else moved


def vhp(func, primals, cotangents):
    """``(func(*primals), vᵀ H)``: reverse over reverse; equal to ``hvp`` where H is symmetric.

    Example:
        >>> import rustorch
        >>> rustorch.func.vhp(lambda x: (x**3).sum(), rustorch.ones(2), rustorch.ones(2))
        (tensor(2.), tensor([6., 6.]))
    """
    single = not isinstance(primals, tuple)
    primals, cotangents = _args(primals), _args(cotangents)
    _, pull, value = vjp(grad_and_value(func, tuple(range(len(primals)))), *primals, has_aux=True)
    found = pull(cotangents)
    return value, found[0] if single else found


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
    primals, tangents = _args(primals), _args(tangents)
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

"""``hvp`` and ``vhp``: products with a Hessian that is never formed."""

from __future__ import annotations

from rustorch.autograd.transforms.forward import jvp
from rustorch.autograd.transforms.reverse import grad_and_value, vjp


def as_tuple(primals) -> tuple:
    """The arguments as a tuple."""
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
    primals, tangents = as_tuple(primals), as_tuple(tangents)
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
    primals, cotangents = as_tuple(primals), as_tuple(cotangents)
    _, pull, value = vjp(grad_and_value(func, tuple(range(len(primals)))), *primals, has_aux=True)
    found = pull(cotangents)
    return value, found[0] if single else found

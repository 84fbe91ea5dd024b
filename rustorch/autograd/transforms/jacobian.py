"""``jacrev``, ``jacfwd`` and ``hessian``: all rows, or all columns, of a Jacobian as one batch."""

from __future__ import annotations

import functools

from rustorch.autograd.transforms.batch import vmap
from rustorch.autograd.transforms.forward import linearize
from rustorch.autograd.transforms.reverse import picked, vjp
from rustorch.autograd.transforms.tree import flatten, unflatten
from rustorch.eager import ops as T
from rustorch.eager.tensor import Tensor
from rustorch.errors import RustorchRuntimeError


def _basis(leaves):
    """For tensors with ``n`` elements in all: one (n, *shape) tensor each, together the rows of an identity."""
    sizes = [t.numel() for t in leaves]
    n = sum(sizes)
    rows, start = [], 0
    for t, size in zip(leaves, sizes):
        eye = T.eye(n, dtype=t.dtype, device=t.device)
        rows.append(eye[:, start : start + size].reshape(n, *t.shape))
        start += size
    return rows


def _of_chosen(func, args, kwargs, argnums, what: str):
    """``func`` of the chosen arguments alone, these as a tuple, and whether ``argnums`` was one number."""
    chosen, put = picked(args, argnums, what)
    if isinstance(argnums, int):
        return lambda new: func(*put(new), **kwargs), (chosen,), True
    return lambda *new: func(*put(new), **kwargs), chosen, False


def _outputs(out, what: str):
    leaves, structure = flatten(out)
    for t in leaves:
        if not isinstance(t, Tensor):
            raise RustorchRuntimeError(f"{what}: Expected f to return only tensors. Received: {type(t).__name__}")
    return leaves, structure


def jacrev(func, argnums=0, *, has_aux: bool = False, chunk_size: int | None = None, _preallocate_and_copy=False):
    """The Jacobian by reverse mode, as a function: good for few outputs.

    The result has the structure of ``func``'s results, in each place that of the chosen arguments,
    with shape ``output.shape + argument.shape``.

    Args:
        argnums: which positional argument, or a tuple of them.
        has_aux: ``func`` gives ``(value, aux)`` and the result is ``(jacobian, aux)``.
        chunk_size: how many rows to compute at once.

    Example:
        >>> import rustorch
        >>> rustorch.func.jacrev(rustorch.sin)(rustorch.zeros(2))
        tensor([[1., 0.],
                [0., 1.]])
    """

    @functools.wraps(func)
    def wrapper(*args, **kwargs):
        f, primals, single = _of_chosen(func, args, kwargs, argnums, "jacrev")
        out, pull, *aux = vjp(f, *primals, has_aux=has_aux)
        leaves, structure = _outputs(out, "jacrev")
        sizes = [t.numel() for t in leaves]
        grads = vmap(lambda *rows: pull(unflatten(structure, rows)), chunk_size=chunk_size)(*_basis(leaves))
        columns, inner = flatten(grads[0] if single else grads)
        parts = [c.split(sizes, 0) for c in columns]
        jacobian = unflatten(
            structure,
            [unflatten(inner, [p[i].reshape(*t.shape, *p[i].shape[1:]) for p in parts]) for i, t in enumerate(leaves)],
        )
        return (jacobian, aux[0]) if has_aux else jacobian

    return wrapper


def jacfwd(func, argnums=0, has_aux: bool = False, *, randomness: str = "error", chunk_size: int | None = None):
    """The Jacobian by forward mode, as a function: good for few inputs. Result as ``jacrev``'s.

    Example:
        >>> import rustorch
        >>> rustorch.func.jacfwd(lambda x: x**2)(rustorch.ones(2))
        tensor([[2., 0.],
                [0., 2.]])
    """

    @functools.wraps(func)
    def wrapper(*args, **kwargs):
        f, primals, single = _of_chosen(func, args, kwargs, argnums, "jacfwd")
        leaves, structure = flatten(primals)
        out, push, *aux = linearize(f, *primals, has_aux=has_aux)
        outs, out_structure = _outputs(out, "jacfwd")
        sizes = [t.numel() for t in leaves]

        def column(*tangents):
            return tuple(flatten(push(*unflatten(structure, list(tangents))))[0])

        moved = vmap(column, out_dims=-1, randomness=randomness, chunk_size=chunk_size)(*_basis(leaves))
        jacobian = unflatten(
            out_structure,
            [
                _single(
                    single,
                    unflatten(
                        structure,
                        [p.reshape(*p.shape[:-1], *t.shape) for p, t in zip(m.split(sizes, -1), leaves)],
                    ),
                )
                for m in moved
            ],
        )
        return (jacobian, aux[0]) if has_aux else jacobian

    return wrapper


def _single(single: bool, tree):
    return tree[0] if single else tree


def hessian(func, argnums=0):
    """The Hessian of a scalar-valued function, forward over reverse.

    Example:
        >>> import rustorch
        >>> rustorch.func.hessian(lambda x: (x**3).sum())(rustorch.ones(2))
        tensor([[6., 0.],
                [0., 6.]])
    """
    return jacfwd(jacrev(func, argnums), argnums)

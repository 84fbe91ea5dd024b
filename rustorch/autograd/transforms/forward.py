"""``jvp`` and ``linearize``: forward mode."""

from __future__ import annotations

from rustorch.autograd.transforms.push import tangents
from rustorch.autograd.transforms.region import zero_of
from rustorch.autograd.transforms.reverse import Tracked, split_aux
from rustorch.autograd.transforms.tree import flatten, unflatten
from rustorch.eager.modes import enable_grad
from rustorch.eager.tensor import Tensor
from rustorch.eager.views import node_of
from rustorch.errors import RustorchRuntimeError


def jvp(func, primals, tangents_, *, strict: bool = False, has_aux: bool = False):
    """``(func(*primals), the directional derivative along the tangents)``, in one pass forward.

    Args:
        primals: a tuple of tensors (or trees of them); ``tangents_``: the same shapes.
        strict: an error where an output does not depend on the inputs, instead of zeros.

    Example:
        >>> import rustorch
        >>> rustorch.func.jvp(rustorch.sin, (rustorch.zeros(2),), (rustorch.ones(2),))
        (tensor([0., 0.]), tensor([1., 1.]))
    """
    if not isinstance(primals, tuple):
        raise RustorchRuntimeError(
            f"jvp(f, primals, tangents): Expected primals to be a tuple. E.g. it should be valid to call f(*primals). Received: {type(primals).__name__}"
        )
    _same_structure(primals, tangents_)
    with enable_grad(), Tracked(primals, "jvp") as tracked:
        out, aux = split_aux(func(*tracked.tree()), has_aux, "jvp(f, primals, tangents)")
        leaves, structure = flatten(out)
        outputs = [node_of(t) for t in leaves]
        moved = tangents(outputs, _moves(tracked, tangents_))
        if strict and any(t is None for t in moved):
            raise RustorchRuntimeError(
                "jvp(f, primals, tangents, strict=True): The output of f is independent of the inputs. "
                "This is not allowed with strict=True."
            )
        result = unflatten(structure, tracked.settled(outputs))
        direction = unflatten(structure, _settled(tracked, outputs, moved))
        aux = tracked.settled_tree(aux)
    return (result, direction, aux) if has_aux else (result, direction)


def _moves(tracked, directions) -> dict:
    """What each copy moves by."""
    return dict(zip(tracked.nodes, [node_of(t) for t in flatten(directions)[0]]))


def _settled(tracked, outputs, moved) -> list[Tensor]:
    """The outputs' tangents as tensors, zeros for None."""
    return tracked.settled([zero_of(n) if t is None else t for n, t in zip(outputs, moved)])


def _same_structure(primals, tangents_) -> None:
    if not isinstance(tangents_, tuple):
        raise RustorchRuntimeError(
            f"jvp(f, primals, tangents): Expected tangents to be a tuple. Received: {type(tangents_).__name__}"
        )
    (a, at), (b, bt) = flatten(primals), flatten(tangents_)
    if at != bt:
        raise RustorchRuntimeError(
            "jvp(f, primals, tangents): Expected primals and tangents to have the same python structure. "
            f"For example, if primals is a tuple of 3 tensors, tangents also must be. Got primals with structure {at} and tangents with structure {bt}"
        )
    for p, t in zip(a, b):
        if isinstance(p, Tensor) and isinstance(t, Tensor) and p.shape != t.shape:
            raise RustorchRuntimeError(
                f"jvp: a tangent has its primal's shape. Received: primal {list(p.shape)}, tangent {list(t.shape)}"
            )


def linearize(func, *primals, has_aux: bool = False):
    """``(func(*primals), f_jvp)`` where ``f_jvp(*tangents)`` gives directional derivatives at ``primals``.

    With ``has_aux``, ``func`` gives ``(value, aux)`` and ``aux`` comes third. ``func`` is recorded once; each call of ``f_jvp`` only pushes tangents through the record.

    Example:
        >>> import rustorch
        >>> out, f = rustorch.func.linearize(rustorch.sin, rustorch.zeros(2))
        >>> f(rustorch.ones(2))
        tensor([1., 1.])
    """
    with enable_grad(), Tracked(primals, "linearize") as tracked:
        out, aux = split_aux(func(*tracked.tree()), has_aux, "linearize(f, *primals)")
        leaves, structure = flatten(out)
        outputs = [node_of(t) for t in leaves]
        result = unflatten(structure, tracked.settled(outputs))
        aux = tracked.settled_tree(aux)

    def f_jvp(*directions):
        _same_structure(primals, directions)
        with enable_grad():
            moved = tangents(outputs, _moves(tracked, directions))
            return unflatten(structure, _settled(tracked, outputs, moved))

    return (result, f_jvp, aux) if has_aux else (result, f_jvp)

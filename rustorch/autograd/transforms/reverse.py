"""``grad``, ``grad_and_value`` and ``vjp``: reverse mode as functions of functions."""

from __future__ import annotations

import functools
import threading
from operator import attrgetter

from rustorch.autograd import engine
from rustorch.autograd.transforms.region import same, zero_of
from rustorch.autograd.transforms.tree import flatten, given_places, unflatten
from rustorch.eager.modes import enable_grad
from rustorch.eager.nodes import alias
from rustorch.eager.recorder import wrap
from rustorch.eager.state import local
from rustorch.eager.tensor import Tensor
from rustorch.eager.views import node_of
from rustorch.errors import RustorchRuntimeError, check
from rustorch.graph import NO_TAPE, ON_TAPE, Node


def picked(args, argnums, what: str):
    """The arguments to differentiate and a function that puts others in their place."""
    single = isinstance(argnums, int)
    numbers = (argnums,) if single else tuple(argnums)
    for i in numbers:
        if not -len(args) <= i < len(args):
            raise RustorchRuntimeError(
                f"{what}: got argnum={i}, but only {len(args)} positional inputs"
                if i >= 0
                else f"{what}: argnum {i} is out of range for {len(args)} positional inputs"
            )
    chosen = args[numbers[0]] if single else tuple(args[i] for i in numbers)

    def put(new):
        out = list(args)
        for i, a in zip(numbers, (new,) if single else new):
            out[i] = a
        return out

    return chosen, put


class _Active(threading.local):
    """The copies of the transforms that this thread is inside of."""

    def __init__(self):
        self.levels: list[set[Node]] = []


_active = _Active()


class Tracked:
    """Copies of tensors on the tape, and derivatives with respect to them.

    As a context it marks the transform as running, so that inner ones leave their results differentiable.
    """

    def __init__(self, tree, what: str):
        self.leaves, self.structure = flatten(tree)
        for leaf in self.leaves:
            if not isinstance(leaf, Tensor):
                raise RustorchRuntimeError(f"{what}: Expected all inputs to be Tensors, but got {type(leaf).__name__}")
        self.nodes = [same(node_of(t), ON_TAPE) for t in self.leaves]

    def __enter__(self):
        _active.levels.append(set(self.nodes))
        return self

    def __exit__(self, *exc):
        _active.levels.pop()

    def tree(self):
        """The copies, in the structure of the original."""
        return unflatten(self.structure, [wrap(n) for n in self.nodes])

    def gradients(self, outputs, cotangents):
        """Gradients by copy, in the structure of the original; zeros where there is none."""
        found = engine.run(outputs, cotangents, retain_graph=True, create_graph=True, targets=set(self.nodes))
        return self.grown([found.get(n) for n in self.nodes])

    def grown(self, found):
        """Gradient nodes (None: zero) as tensors in the structure of the original."""
        nodes = [zero_of(n) if g is None else g for n, g in zip(self.nodes, found)]
        tensors = [
            leaf if place else t
            for leaf, place, t in zip(self.leaves, given_places(self.structure), self.settled(nodes))
        ]
        return unflatten(self.structure, tensors)

    def settled(self, nodes) -> list[Tensor]:
        """Tensors on ``nodes``, off the tape where they lead only to the copies."""
        outside = lead_outside(nodes, set(self.nodes))
        off = alias if local.level is None else lambda n: same(n, NO_TAPE)  # which passes tangents on
        return [wrap(off(n) if n.tape and n not in outside else n) for n in nodes]

    def settled_tree(self, tree):
        """Tensors of a tree as they are outside the transform."""
        leaves, structure = flatten(tree)
        tensors = iter(self.settled([node_of(x) for x in leaves if isinstance(x, Tensor)]))
        return unflatten(structure, [next(tensors) if isinstance(x, Tensor) else x for x in leaves])


def lead_outside(nodes, inside) -> set[Node]:
    """The nodes at or below ``nodes`` from which the tape leads to a leaf, or an argument, not only to ``inside``."""
    ends = set().union(*_active.levels) - inside
    below: set[Node] = set()
    outside: set[Node] = set()
    stack = list(nodes)
    while stack:
        n = stack.pop()
        if n in below or not n.tape:
            continue
        below.add(n)
        if n not in inside and (n.is_leaf or n in ends or n.sig.op.kind == "stand-in"):
            outside.add(n)
        else:
            stack.extend(n.inputs)
    for n in sorted(below, key=attrgetter("seq")):
        if any(a in outside for a in n.inputs):
            outside.add(n)
    return outside


def split_aux(result, has_aux: bool, call: str):
    """``(value, aux)`` of a function's result; ``aux`` is None without ``has_aux``.

    Raises:
        RuntimeError: there is none.
    """
    if not has_aux:
        return result, None
    pair = isinstance(result, tuple) and len(result) == 2
    check(pair, f"{call}: output of function f should be a tuple: (output, aux) if has_aux is True")
    return result


def _scalar(value, what: str) -> Node:
    if not isinstance(value, Tensor):
        raise RustorchRuntimeError(
            f"Expected f(*args) to return a Tensor, got {type(value).__name__}"
            if not isinstance(value, tuple)
            else f"{what}: Expected f(*args) to return a single tensor, got a tuple of {len(value)} elements"
        )
    node = node_of(value)
    if node.aval.ndim:
        raise RustorchRuntimeError(
            f"Expected f(*args) to return a scalar tensor, got tensor with {node.aval.ndim} dims. "
            "Maybe you wanted to use the vjp or jacrev APIs instead?"
        )
    return node


def grad_and_value(func, argnums=0, has_aux: bool = False):
    """A function that gives ``(gradient, value)`` of a scalar-valued ``func``; see ``grad``.

    With ``has_aux`` it gives ``(gradient, (value, aux))``.
    """

    @functools.wraps(func)
    def wrapper(*args, **kwargs):
        chosen, put = picked(args, argnums, "grad")
        with enable_grad(), Tracked(chosen, "grad") as tracked:
            value, aux = split_aux(func(*put(tracked.tree()), **kwargs), has_aux, "grad_and_value(f)(*args)")
            out = _scalar(value, "grad")
            if out.tape:
                result = tracked.gradients(*engine.checked_roots([value], [None], "grad"))
            else:
                result = tracked.grown([None] * len(tracked.nodes))
            (value,) = tracked.settled([out])
            aux = tracked.settled_tree(aux)
        return (result, (value, aux)) if has_aux else (result, value)

    return wrapper


def grad(func, argnums=0, has_aux: bool = False):
    """The gradient of a scalar-valued function, as a function; it can be differentiated again.

    Args:
        func: tensors (or nested tuples, lists, dicts of them) to one 0-dim tensor.
        argnums: which positional argument, or a tuple of them.
        has_aux: ``func`` gives ``(value, aux)``, and the result is ``(gradient, aux)``.

    Raises:
        RuntimeError: the result is not one 0-dim tensor, or an argument is not a tensor.

    Example:
        >>> import rustorch
        >>> from rustorch.func import grad
        >>> grad(grad(lambda x: x**3))(rustorch.tensor(2.0))
        tensor(12.)
    """
    inner = grad_and_value(func, argnums, has_aux)

    @functools.wraps(func)
    def wrapper(*args, **kwargs):
        gradient, value = inner(*args, **kwargs)
        return (gradient, value[1]) if has_aux else gradient

    return wrapper


def vjp(func, *primals, has_aux: bool = False):
    """``(func(*primals), pull)`` where ``pull(cotangents)`` gives one gradient per primal.

    Example:
        >>> import rustorch
        >>> out, pull = rustorch.func.vjp(rustorch.sin, rustorch.zeros(2))
        >>> pull(rustorch.ones(2))
        (tensor([1., 1.]),)
    """
    with enable_grad(), Tracked(primals, "vjp") as tracked:
        out, aux = split_aux(func(*tracked.tree()), has_aux, "vjp(f, *primals)")
        leaves, structure = flatten(out)
        for leaf in leaves:
            if not isinstance(leaf, Tensor):
                raise RustorchRuntimeError(
                    f"vjp(f, *primals): Expected f(*primals) to return only tensors, got unsupported type {type(leaf).__name__}"
                )
        outputs = [node_of(t) for t in leaves]
        result = unflatten(structure, tracked.settled(outputs))
        aux = tracked.settled_tree(aux)

    def pull(*cotangents, retain_graph=True, create_graph=True):
        tree = cotangents[0] if len(cotangents) == 1 else cotangents
        given, got = flatten(tree)
        if got != structure:
            raise RustorchRuntimeError(
                f"Expected pytree structure of cotangents to be the same as pytree structure of outputs to the "
                f"function. cotangents: {got}, primal output: {structure}"
            )
        with enable_grad():
            pairs = [(o, node_of(c)) for o, c in zip(outputs, given) if o.tape]
            for o, c in zip(outputs, given):
                if o.aval.shape != c.shape:
                    raise RustorchRuntimeError(
                        f"Expected cotangents shaped as the outputs. Received: {list(c.shape)} for {list(o.aval.shape)}"
                    )
            return tracked.gradients([o for o, _ in pairs], [c for _, c in pairs])

    return (result, pull, aux) if has_aux else (result, pull)

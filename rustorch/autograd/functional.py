"""Whole Jacobians and Hessians of a function, and products with them: ``torch.autograd.functional``.

Inputs are a tensor or a tuple of them, and so are ``func``'s results; what comes back is nested the same
way. Each function is one recording of ``func`` and one batched pass, whatever ``vectorize`` says.
"""

from __future__ import annotations

from rustorch.autograd.transforms import forward, jacobian as jacobians, products, reverse
from rustorch.autograd.transforms.region import region
from rustorch.eager import ops as T
from rustorch.eager.tensor import Tensor
from rustorch.eager.views import node_of
from rustorch.errors import RustorchRuntimeError


def _tuple(x, what: str, name: str) -> tuple[tuple, bool]:
    """``x`` as a tuple, and whether it was one.

    Raises:
        TypeError: something else than tensors.
    """
    was_tuple = isinstance(x, tuple)
    out = x if was_tuple else (x,)
    for i, t in enumerate(out):
        if not isinstance(t, Tensor):
            if was_tuple:
                raise TypeError(
                    f"The {what} given to {name} must be either a Tensor or a tuple of Tensors but the value at index {i} has type {type(t)}."
                )
            raise TypeError(
                f"The {what} given to {name} must be either a Tensor or a tuple of Tensors but the given {what} has type {type(t)}."
            )
    return out, was_tuple


def _outputs(func, name: str, shape: dict):
    """``func`` with a tuple of results; ``shape["tuple"]`` tells what it gave."""

    def wrapped(*args):
        out, shape["tuple"] = _tuple(func(*args), "outputs of the user-provided function", name)
        return out

    return wrapped


def _scalar(func, name: str):
    def wrapped(*args):
        (out,), was_tuple = _tuple(func(*args), "outputs of the user-provided function", name)
        if was_tuple:
            raise RustorchRuntimeError(f"The function given to {name} should return a single Tensor")
        if out.numel() != 1:
            raise RustorchRuntimeError(
                f"The Tensor returned by the function given to {name} should contain a single element"
            )
        return out.reshape(())

    return wrapped


def _cut(tree, create_graph: bool):
    if create_graph:
        return tree
    return tuple(_cut(t, False) for t in tree) if isinstance(tree, tuple) else tree.detach()


def _one(tree, keep: bool):
    return tree if keep else tree[0]


_NO_V = (
    "The vector v can only be None if the input to the user-provided function is a single Tensor with a single element."
)


def _vector(v, like, what: str, single_element: str):
    """The given vector as a tuple shaped as ``like``; ones where ``None`` is clear."""
    if v is None:
        if len(like) != 1 or like[0].numel() != 1:
            raise RustorchRuntimeError(single_element)
        return tuple(T.ones_like(t) for t in like)
    v, _ = _tuple(v, "v", what)
    if len(v) != len(like):
        raise RustorchRuntimeError(f"v is a tuple of invalid length: should be {len(like)} but got {len(v)}.")
    for i, (a, b) in enumerate(zip(v, like)):
        if a.shape != b.shape:
            raise RustorchRuntimeError(
                f"Entry {i} in the provided v has invalid size: should be {b.shape} but got {a.shape}."
            )
    return v


def _check_dependence(func, inputs, strict: bool) -> None:
    """In strict mode every output must depend on every input.

    Raises:
        RuntimeError: one does not.
    """
    if not strict:
        return
    tracked = reverse.Tracked(inputs, "strict")
    with tracked:
        outputs = [node_of(t) for t in func(*tracked.tree())]
    dependent = [{source, *region(outputs, {source})} for source in tracked.nodes]
    for i, out in enumerate(outputs):
        for j, reached in enumerate(dependent):
            if out not in reached:
                raise RustorchRuntimeError(
                    f"Output {i} of the user-provided function is independent of input {j}. This is not allowed in strict mode."
                )


def jacobian(func, inputs, create_graph=False, strict=False, vectorize=False, strategy="reverse-mode"):
    """The Jacobian: for each output and input a tensor of shape ``output.shape + input.shape``.

    Args:
        func: tensors to a tensor or a tuple of them.
        inputs: a tensor or a tuple.
        create_graph: make the result differentiable.
        strict: an error where an output is independent of an input, instead of zeros.
        strategy: "reverse-mode" or "forward-mode".

    Example:
        >>> import rustorch
        >>> rustorch.autograd.functional.jacobian(rustorch.exp, rustorch.zeros(2))
        tensor([[1., 0.],
                [0., 1.]])
    """
    if strategy not in ("reverse-mode", "forward-mode"):
        raise RustorchRuntimeError(
            f'Expected strategy to be either "forward-mode" or "reverse-mode". Received: {strategy!r}'
        )
    if strategy == "forward-mode" and strict:
        raise RustorchRuntimeError(
            'torch.autograd.functional.jacobian: `strict=True` and `strategy="forward-mode"` are not supported together (yet). '
            'Please either set `strict=False` or `strategy="reverse-mode"`.'
        )
    inputs, is_tuple = _tuple(inputs, "inputs", "jacobian")
    shape: dict = {}
    f = _outputs(func, "jacobian", shape)
    _check_dependence(f, inputs, strict)
    transform = jacobians.jacrev if strategy == "reverse-mode" else jacobians.jacfwd
    rows = _cut(transform(f, tuple(range(len(inputs))))(*inputs), create_graph)
    return _one(tuple(_one(row, is_tuple) for row in rows), shape["tuple"])


def hessian(func, inputs, create_graph=False, strict=False, vectorize=False, outer_jacobian_strategy="reverse-mode"):
    """The Hessian of a scalar-valued function: for inputs i and j a tensor of shape ``i.shape + j.shape``.

    Raises:
        RuntimeError: ``func`` does not give a single element, or ``strict`` is not met.

    Example:
        >>> import rustorch
        >>> rustorch.autograd.functional.hessian(lambda x: (x**3).sum(), rustorch.ones(2))
        tensor([[6., 0.],
                [0., 6.]])
    """
    if outer_jacobian_strategy not in ("reverse-mode", "forward-mode"):
        raise RustorchRuntimeError(
            f'Expected strategy to be either "forward-mode" or "reverse-mode". Received: {outer_jacobian_strategy!r}'
        )
    inputs, is_tuple = _tuple(inputs, "inputs", "hessian")
    f = _scalar(func, "hessian")
    _check_dependence(lambda *a: (f(*a),), inputs, strict)
    which = tuple(range(len(inputs)))
    outer = jacobians.jacfwd if outer_jacobian_strategy == "forward-mode" else jacobians.jacrev
    rows = _cut(outer(reverse.grad(f, which), which)(*inputs), create_graph)
    return _one(tuple(_one(row, is_tuple) for row in rows), is_tuple)


def vjp(func, inputs, v=None, create_graph=False, strict=False):
    """``(func(*inputs), vᵀ J)``; ``v`` is shaped as the outputs and may be left out for a single element.

    Example:
        >>> import rustorch
        >>> rustorch.autograd.functional.vjp(rustorch.exp, rustorch.zeros(2), rustorch.ones(2))
        (tensor([1., 1.]), tensor([1., 1.]))
    """
    inputs, is_tuple = _tuple(inputs, "inputs", "vjp")
    shape: dict = {}
    f = _outputs(func, "vjp", shape)
    _check_dependence(f, inputs, strict)
    out, pull = reverse.vjp(f, *inputs)
    v = _vector(
        v, out, "vjp",
        "The vector v can only be None if the user-provided function returns a single Tensor with a single element.",
    )  # fmt: skip
    grads = pull(v)
    return _cut(_one(out, shape["tuple"]), create_graph), _cut(_one(grads, is_tuple), create_graph)


def jvp(func, inputs, v=None, create_graph=False, strict=False):
    """``(func(*inputs), J v)``; ``v`` is shaped as the inputs and may be left out for a single element.

    Example:
        >>> import rustorch
        >>> rustorch.autograd.functional.jvp(rustorch.exp, rustorch.zeros(2), rustorch.ones(2))
        (tensor([1., 1.]), tensor([1., 1.]))
    """
    inputs, _ = _tuple(inputs, "inputs", "jvp")
    v = _vector(v, inputs, "jvp", _NO_V)
    shape: dict = {}
    f = _outputs(func, "jvp", shape)
    _check_dependence(f, inputs, strict)
    out, moved = forward.jvp(f, inputs, v)
    return _cut(_one(out, shape["tuple"]), create_graph), _cut(_one(moved, shape["tuple"]), create_graph)


def _product(product, func, inputs, v, create_graph, strict):
    """The value of ``func`` and a product with its Hessian, for ``vhp`` and ``hvp``."""
    name = product.__name__
    inputs, is_tuple = _tuple(inputs, "inputs", name)
    v = _vector(v, inputs, name, _NO_V)
    f = _scalar(func, name)
    _check_dependence(lambda *a: (f(*a),), inputs, strict)
    value, found = product(f, inputs, v)
    return _cut(value, create_graph), _cut(_one(found, is_tuple), create_graph)


def vhp(func, inputs, v=None, create_graph=False, strict=False):
    """``(func(*inputs), vᵀ H)`` of a scalar-valued function: reverse over reverse.

    Example:
        >>> import rustorch
        >>> rustorch.autograd.functional.vhp(lambda x: (x**3).sum(), rustorch.ones(2), rustorch.ones(2))
        (tensor(2.), tensor([6., 6.]))
    """
    return _product(products.vhp, func, inputs, v, create_graph, strict)


def hvp(func, inputs, v=None, create_graph=False, strict=False):
    """``(func(*inputs), H v)`` of a scalar-valued function: forward over reverse.

    Example:
        >>> import rustorch
        >>> rustorch.autograd.functional.hvp(lambda x: (x**3).sum(), rustorch.ones(2), rustorch.ones(2))
        (tensor(2.), tensor([6., 6.]))
    """
    return _product(products.hvp, func, inputs, v, create_graph, strict)

"""``backward`` and ``grad``: the public entries into reverse mode."""

from __future__ import annotations

from rustorch.autograd import engine
from rustorch.autograd.graph import GradientEdge
from rustorch.autograd.step_hooks import tensor_of
from rustorch.autograd.transforms.batch import vmap
from rustorch.eager.foreign import PARTS
from rustorch.eager.tensor import Tensor
from rustorch.eager.views import node_of
from rustorch.errors import RustorchRuntimeError


def _sequence(x):
    many = isinstance(x, (tuple, list)) and not isinstance(x, GradientEdge)
    return tuple([t.tensor() if isinstance(t, GradientEdge) else t for t in (x if many else (x,))])


def backward(
    tensors, grad_tensors=None, retain_graph=None, create_graph=False, grad_variables=None, inputs=None
) -> None:
    """Accumulate ``d tensors / d leaf`` into every leaf's ``.grad``.

    Args:
        tensors: a tensor or several, each with a gradient path.
        grad_tensors: the cotangents, same shapes; ``None`` for scalars means 1.
        retain_graph: keep the graph for another backward (default: ``create_graph``).
        create_graph: record the gradients themselves, for higher derivatives.
        inputs: accumulate only into these leaves.

    Raises:
        RuntimeError: no gradient path, a non-scalar without cotangent, a freed graph.

    Example:
        >>> import rustorch
        >>> x = rustorch.tensor(3.0, requires_grad=True)
        >>> rustorch.autograd.backward(x * x)
        >>> x.grad
        tensor(6.)
    """
    if grad_variables is not None:
        if grad_tensors is not None:
            raise RustorchRuntimeError(
                "`grad_tensors` and `grad_variables` (deprecated) arguments both passed to `backward()`. Please only use "
                "`grad_tensors`."
            )
        grad_tensors = grad_variables
    outputs = _sequence(tensors)
    cts = _sequence(grad_tensors) if grad_tensors is not None else (None,) * len(outputs)
    if len(cts) == 1 and len(outputs) > 1 and cts[0] is None:
        cts = (None,) * len(outputs)
    retain_graph = create_graph if retain_graph is None else retain_graph
    nodes, cts = engine.checked_roots(outputs, cts, "backward")
    if inputs is None:
        engine.run(nodes, cts, retain_graph=retain_graph, create_graph=create_graph)
        return
    inputs = _sequence(inputs)
    if not inputs:
        raise RustorchRuntimeError("`inputs` argument to `backward()` cannot be empty.")
    targets = {node_of(t): t for t in inputs}
    found = engine.run(nodes, cts, retain_graph=retain_graph, create_graph=create_graph, targets=targets)
    for node, ct in found.items():
        engine.accumulate_into(targets[node], ct, create_graph)


def grad(outputs, inputs, grad_outputs=None, retain_graph=None, create_graph=False, only_inputs=True,
         allow_unused=None, is_grads_batched=False, materialize_grads=False):  # fmt: skip
    """``sum_i grad_outputs[i] * d outputs[i] / d inputs`` for each input, as a tuple.

    Args:
        outputs: a tensor or several; ``inputs``: tensors with a gradient path to them.
        grad_outputs: cotangents shaped as ``outputs``; ``None`` for scalars means 1.
        create_graph: make the result differentiable, to any order.
        allow_unused: give ``None`` for an input that no output depends on, instead of an error.
        is_grads_batched: ``grad_outputs`` have a leading batch dimension, one gradient each.
        materialize_grads: give zeros instead of ``None``.

    Raises:
        RuntimeError: an input without gradient, an unused one, a freed graph.

    Example:
        >>> import rustorch
        >>> x = rustorch.tensor(2.0, requires_grad=True)
        >>> (g,) = rustorch.autograd.grad(x**3, x, create_graph=True)
        >>> rustorch.autograd.grad(g, x)
        (tensor(12.),)
    """
    outs, ins = _sequence(outputs), _sequence(inputs)
    cts = _sequence(grad_outputs) if grad_outputs is not None else (None,) * len(outs)
    retain_graph = create_graph if retain_graph is None else retain_graph
    if materialize_grads and allow_unused is False:
        raise ValueError(
            "Expected allow_unused to be True or not passed when materialize_grads=True, but got: allow_unused=False."
        )
    if is_grads_batched:
        return _batched(
            outs, ins, cts, retain_graph, create_graph, allow_unused or materialize_grads, materialize_grads
        )
    if not ins:
        raise RustorchRuntimeError("`inputs` argument to `grad()` cannot be empty.")
    if any(type(t) in PARTS for t in (*outs, *ins)):
        return _of_values(outs, ins, cts, retain_graph, create_graph, allow_unused, materialize_grads)
    nodes, cts = engine.checked_roots(outs, cts, "grad")
    wanted = []
    for t in ins:
        if not isinstance(t, Tensor):
            raise TypeError(f"grad(): inputs must be Tensors. Received: {type(t).__name__}")
        node = node_of(t)
        if not node.tape:
            raise RustorchRuntimeError("One of the differentiated Tensors does not require grad")
        wanted.append(node)
    found = engine.run(nodes, cts, retain_graph=retain_graph, create_graph=create_graph, targets=set(wanted))
    results = []
    for i, (node, t) in enumerate(zip(wanted, ins)):
        ct = found.get(node)
        if ct is None:
            if not (allow_unused or materialize_grads):
                raise RustorchRuntimeError(
                    f"The differentiated Tensor at index {i} appears to not have been used in the graph. "
                    "Set allow_unused=True if this is the desired behavior."
                )
            results.append(engine.zeros_like(t) if materialize_grads else None)
        else:
            results.append(tensor_of(ct))
    return tuple(results)


def _of_values(outs, ins, cts, *options):
    """``grad`` where some tensors are sparse: their values are what is differentiated."""
    cts = [c if c is None or type(o) not in PARTS else c.sparse_mask(o) for o, c in zip(outs, cts)]
    outs, cts, own = ([t._values_ if type(t) in PARTS else t for t in group] for group in (outs, cts, ins))
    retain_graph, create_graph, allow_unused, materialize = options
    found = grad(outs, own, cts, retain_graph, create_graph, allow_unused=allow_unused, materialize_grads=materialize)
    return tuple([t._with(g) if type(t) in PARTS and g is not None else g for t, g in zip(ins, found)])


def _batched(outs, ins, cts, retain_graph, create_graph, allow_unused, materialize):
    """One gradient per slice of the cotangents' first dimension, as one batched backward pass."""
    used: list[bool] = []
    for i, (t, c) in enumerate(zip(outs, cts)):
        if isinstance(c, Tensor) and c.ndim and c.shape[1:] != t.shape:
            raise RustorchRuntimeError(
                "If `is_grads_batched=True`, we interpret the first dimension of each grad_output as the batch dimension. "
                "The sizes of the remaining dimensions are expected to match the shape of corresponding output, but a "
                f"mismatch was detected: grad_output[{i}] has a shape of {c.shape} and output[{i}] has a shape of "
                f"{t.shape}. If you only want some tensors in `grad_output` to be considered batched, consider using vmap."
            )

    def one(*rows):
        given = iter(rows)
        found = grad(outs, ins, [None if c is None else next(given) for c in cts], retain_graph, create_graph,
                     allow_unused=allow_unused)  # fmt: skip
        used[:] = [g is not None for g in found]
        return tuple(g for g in found if g is not None)

    rows = iter(vmap(one)(*[c for c in cts if c is not None]))
    empty = engine.zeros_like if materialize else lambda t: None
    return tuple([next(rows) if u else empty(t) for u, t in zip(used, ins)])


def _backward(self, gradient=None, retain_graph=None, create_graph=False, inputs=None):
    """Accumulate this tensor's derivative into every leaf's ``.grad``."""
    backward((self,), None if gradient is None else (gradient,), retain_graph, create_graph, inputs=inputs)


Tensor.backward = _backward

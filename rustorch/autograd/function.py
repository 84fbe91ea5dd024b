"""``Function``: operations with a hand-written gradient, itself differentiable."""

from __future__ import annotations

from rustorch.eager.modes import no_grad
from rustorch.eager.nodes import select
from rustorch.eager.recorder import wrap
from rustorch.eager.state import local
from rustorch.eager.tensor import Tensor
from rustorch.eager.views import node_of, write
from rustorch.errors import GraphFreedError, RustorchRuntimeError
from rustorch.graph import ON_TAPE, Node, Sig
from rustorch.graph.node import ensure_meta
from rustorch.lowering.infer import SIGS, remember
from rustorch.lowering.table import Op
from rustorch.lowering.template import ARRAY, Group


class FunctionCtx:
    """What ``forward`` leaves for ``backward``; any attribute may be set."""

    def __init__(self):
        self._saved = ()
        self._dirty = ()
        self._non_differentiable = ()
        self._materialize = True
        self._freed = False
        self.needs_input_grad = ()

    def save_for_backward(self, *tensors):
        """Keep tensors for ``backward`` (``saved_tensors``)."""
        self._saved = tensors

    def save_for_forward(self, *tensors):
        """Keep tensors for ``jvp``."""
        self._saved_forward = tensors

    @property
    def saved_tensors(self):
        """The tensors kept; an error once the graph was freed."""
        if self._freed:
            raise GraphFreedError(
                "Trying to backward through the graph a second time (or directly access saved tensors after they have "
                "already been freed). Saved intermediate values of the graph are freed when you call .backward() or "
                "autograd.grad(). Specify retain_graph=True if you need to backward through the graph a second time or "
                "if you need to access saved tensors after calling backward."
            )
        return tuple(self._saved)

    def mark_dirty(self, *tensors):
        """Say which inputs ``forward`` changed in place."""
        self._dirty = tensors

    def mark_non_differentiable(self, *tensors):
        """Say which outputs have no gradient."""
        self._non_differentiable = tensors

    def set_materialize_grads(self, value: bool):
        """Give ``backward`` ``None`` instead of zeros for outputs nobody used."""
        self._materialize = value


class Function:
    """Base of operations with a gradient of their own: static ``forward`` and ``backward``.

    ``forward(ctx, *args)`` computes, ``backward(ctx, *grads)`` gives a gradient (or ``None``) per
    argument. With a ``setup_context(ctx, inputs, output)``, ``forward`` takes no ``ctx``.

    Example:
        >>> import rustorch
        >>> class Square(rustorch.autograd.Function):
        ...     @staticmethod
        ...     def forward(ctx, x):
        ...         ctx.save_for_backward(x)
        ...         return x**2
        ...     @staticmethod
        ...     def backward(ctx, g):
        ...         (x,) = ctx.saved_tensors
        ...         return 2 * x * g
        >>> x = rustorch.tensor(3.0, requires_grad=True)
        >>> Square.apply(x).backward()
        >>> x.grad
        tensor(6.)
    """

    @staticmethod
    def forward(*args, **kwargs):
        """Compute the result."""
        raise NotImplementedError("You must implement the forward function for custom autograd.Function.")

    @staticmethod
    def backward(ctx, *grad_outputs):
        """Gradients of the arguments from those of the results."""
        raise NotImplementedError(
            "You must implement either the backward or vjp method for your custom autograd.Function to use it with "
            "backward mode AD."
        )

    @classmethod
    def apply(cls, *args):
        """Run ``forward`` and put one node with this gradient on the tape."""
        ctx = FunctionCtx()
        tensors = [a for a in args if isinstance(a, Tensor)]
        nodes = [node_of(t) for t in tensors]
        ctx.needs_input_grad = tuple(isinstance(a, Tensor) and a.requires_grad for a in args)
        separate = "setup_context" in {k for c in cls.__mro__[: cls.__mro__.index(Function)] for k in c.__dict__}
        with no_grad():
            result = cls.forward(*args) if separate else cls.forward(ctx, *args)
            if separate:
                cls.setup_context(ctx, args, result)
        outputs = result if isinstance(result, tuple) else (result,)
        if not (local.grad and any(n.tape for n in nodes)):
            return result
        node = _custom_node(cls, ctx, args, nodes, [o for o in outputs if isinstance(o, Tensor)])
        wrapped, i = [], 0
        for o in outputs:
            if not isinstance(o, Tensor):
                wrapped.append(o)
                continue
            new = select(node, i)
            i += 1
            if any(o is t for t in ctx._non_differentiable) or not o.dtype.is_floating_point and not o.dtype.is_complex:
                wrapped.append(o)
                continue
            new.tape = ON_TAPE
            ensure_meta(new).name = cls.__name__ + "Backward"
            if any(o is t for t in ctx._dirty):
                if o._leaf:
                    raise RustorchRuntimeError(
                        "a leaf Variable that requires grad is being used in an in-place operation."
                    )
                write(o, new)
                wrapped.append(o)
            else:
                wrapped.append(wrap(new))
        _swap_saved(ctx, outputs, wrapped)
        return tuple(wrapped) if isinstance(result, tuple) else wrapped[0]

    @classmethod
    def vjp(cls, ctx, grads):
        """The gradient method in use."""
        return cls.backward(ctx, *grads)


def _swap_saved(ctx, outputs, wrapped) -> None:
    """Saved outputs must carry the new gradient path, for second derivatives."""
    ctx._saved = tuple(next((w for o, w in zip(outputs, wrapped) if s is o), s) for s in ctx._saved)


def _forward_results(inputs, results):
    """The values are those that ``forward`` recorded; the inputs are there for the tape."""
    return tuple(results)


CUSTOM = Op(_forward_results, "custom", name="custom_function", method=False, function=False)


def _custom_node(cls, ctx, args, inputs, outputs) -> Node:
    """A node with the forward's results as values and the user's ``backward`` as gradient."""
    results = [node_of(o) for o in outputs]
    template = (Group((ARRAY,) * len(inputs)), Group((ARRAY,) * len(results)))
    avals = tuple([n.aval for n in (*inputs, *results)])
    key = (CUSTOM, template, avals)
    sig = SIGS.get(key)
    if sig is None:
        sig = remember(key, Sig(CUSTOM, template, avals, (), tuple(r.aval for r in results), ON_TAPE))
    node = Node(sig, (*inputs, *results), (), ON_TAPE)
    ensure_meta(node).custom = (cls, ctx, args)
    return node


def once_differentiable(fn):
    """Mark a ``backward`` that cannot be differentiated itself."""

    def wrapper(ctx, *grads):
        with no_grad():
            out = fn(ctx, *grads)
        if not any(isinstance(g, Tensor) and g.requires_grad for g in grads):
            return out
        raise_later = _raiser()
        outs = out if isinstance(out, tuple) else (out,)
        marked = tuple(
            raise_later.apply(o, *[g for g in grads if isinstance(g, Tensor)]) if isinstance(o, Tensor) else o
            for o in outs
        )
        return marked if isinstance(out, tuple) else marked[0]

    return wrapper


def _raiser():
    class Once(Function):
        @staticmethod
        def forward(ctx, value, *grads):
            return value.clone()

        @staticmethod
        def backward(ctx, *grads):
            raise RustorchRuntimeError(
                "trying to differentiate twice a function that was marked with @once_differentiable"
            )

    return Once

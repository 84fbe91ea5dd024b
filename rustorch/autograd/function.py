"""``Function``: operations with a hand-written gradient, itself differentiable."""

from __future__ import annotations

import inspect
import warnings

from rustorch.autograd.function_ctx import BackwardCFunction as BackwardCFunction, FunctionCtx as FunctionCtx
from rustorch.eager.modes import no_grad
from rustorch.eager.nodes import select
from rustorch.eager.recorder import wrap
from rustorch.eager.state import local
from rustorch.eager.tensor import Tensor
from rustorch.eager.views import node_of, write
from rustorch.errors import RustorchRuntimeError
from rustorch.graph import NO_TAPE, ON_TAPE, Node, Sig
from rustorch.graph.node import ensure_meta
from rustorch.lowering.infer import SIGS, remember
from rustorch.lowering.observe import user_line
from rustorch.lowering.table import Op
from rustorch.lowering.template import ARRAY, Group

__all__ = [
    "FunctionCtx", "BackwardCFunction", "FunctionMeta", "Function", "once_differentiable", "InplaceFunction",
    "NestedIOFunction",
]  # fmt: skip


class FunctionMeta(type):
    """Gives every ``Function`` the class of its steps in the backward pass, named like it."""

    def __init__(cls, name, bases, attributes):
        super().__init__(name, bases, attributes)
        cls._backward_cls = type(name + "Backward", (BackwardCFunction,), {"__slots__": (), "_forward_cls": cls})


class Function(metaclass=FunctionMeta):
    """Base of operations with a gradient of their own: static ``forward`` and ``backward``.

    ``forward(ctx, *args)`` computes, ``backward(ctx, *grads)`` gives a gradient (or ``None``) per
    argument. With a ``setup_context(ctx, inputs, output)``, ``forward`` takes no ``ctx``. ``jvp(ctx,
    *tangents)`` gives the results' tangents in forward mode, and ``vmap(info, in_dims, *args)`` results over a
    batch with their dimensions; without it the recorded ``forward`` and ``backward`` are mapped.

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

    generate_vmap_rule = False

    def __init__(self, *args, **kwargs):
        warnings.warn(
            f"{type(self)} should not be instantiated. Methods on autograd functions are all static, so you should "
            "invoke them on the class itself. Instantiating an autograd function will raise an error in a future "
            "version of PyTorch.",
            DeprecationWarning,
            stacklevel=2,
        )

    def __call__(self, *args, **kwargs):
        raise RustorchRuntimeError(
            "Legacy autograd function with non-static forward method is deprecated. Please use new-style autograd "
            "function with static forward method. (Example: "
            "https://pytorch.org/docs/stable/autograd.html#torch.autograd.Function)"
        )

    @staticmethod
    def forward(*args, **kwargs):
        """Compute the result."""
        raise NotImplementedError("You must implement the forward function for custom autograd.Function.")

    @staticmethod
    def setup_context(ctx, inputs, output):
        """Keep in ``ctx`` what the derivatives need, apart from ``forward``."""
        raise NotImplementedError("setup_context is not implemented.")

    @staticmethod
    def backward(ctx, *grad_outputs):
        """Gradients of the arguments from those of the results."""
        raise NotImplementedError(
            "You must implement either the backward or vjp method for your custom autograd.Function to use it with "
            "backward mode AD."
        )

    vjp = backward

    @staticmethod
    def jvp(ctx, *grad_inputs):
        """Tangents of the results from those of the arguments."""
        raise NotImplementedError(
            "You must implement the jvp function for custom autograd.Function to use it with forward mode AD."
        )

    @staticmethod
    def vmap(info, in_dims, *args):
        """Results over a batch, and which of their dimensions it is."""
        raise NotImplementedError(
            "To use autograd.Function with vmap, you must either override the vmap staticmethod or set "
            "generate_vmap_rule=True."
        )

    @classmethod
    def apply(cls, *args, **kwargs):
        """Run ``forward`` and put one node with this gradient on the tape.

        Raises:
            TypeError, RuntimeError: ``forward`` used its context wrongly.
        """
        separate = cls.setup_context is not Function.setup_context
        if kwargs or separate:
            args = _bound(cls, args, kwargs, separate)
        ctx = FunctionCtx()
        nodes = [node_of(a) for a in args if isinstance(a, Tensor)]
        ctx.needs_input_grad = tuple([isinstance(a, Tensor) and a.requires_grad for a in args])
        with no_grad():
            result = cls.forward(*args) if separate else cls.forward(ctx, *args)
            if separate:
                cls.setup_context(ctx, args, result)
        ctx._check()
        outputs = result if isinstance(result, tuple) else (result,)
        tensors = [o for o in outputs if isinstance(o, Tensor)]
        taped = local.grad and any(n.tape for n in nodes)
        if not tensors or not (taped or local.level is not None or local.tracing and cls.vmap is not Function.vmap):
            return result
        if ctx._dirty and not all(any(d is o for o in outputs) for d in ctx._dirty):
            raise RustorchRuntimeError(
                "Some elements marked as dirty during the forward method were not returned as output. The inputs that "
                "are modified inplace must all be outputs of the Function."
            )
        node = _custom_node(cls, ctx, args, nodes, tensors, ON_TAPE if taped else NO_TAPE)
        place = iter(range(len(tensors)))
        ctx._outputs = tuple([next(place) if isinstance(o, Tensor) else None for o in outputs])
        wrapped = [o if i is None else _output(cls, ctx, o, select(node, i)) for o, i in zip(outputs, ctx._outputs)]
        ctx._keep(outputs, wrapped)
        return tuple(wrapped) if isinstance(result, tuple) else wrapped[0]

    @classmethod
    def _has_own_vmap(cls) -> bool:
        """Is there a ``vmap`` staticmethod?"""
        own = cls.vmap is not Function.vmap
        if own and cls.generate_vmap_rule:
            raise RustorchRuntimeError(
                f"You tried to vmap over {cls.__name__}, but it has both generate_vmap_rule=True and an overridden vmap "
                "staticmethod. Please set generate_vmap_rule=False or delete the overridden vmap staticmethod to avoid "
                "ambiguity. For more details, please see https://pytorch.org/docs/main/notes/extending.func.html"
            )
        return own

    @classmethod
    def _gradients(cls, ctx, grads):
        """Call the gradient method in use."""
        if cls.vjp is Function.vjp:
            return cls.backward(ctx, *grads)
        if cls.backward is not Function.backward:
            raise RustorchRuntimeError(
                "Implementing both 'backward' and 'vjp' for a custom Function is not allowed. You should only "
                "implement one of them."
            )
        return cls.vjp(ctx, *grads)


def _bound(cls, args, kwargs, separate: bool) -> tuple:
    """Arguments by position, with defaults where ``setup_context`` must see them."""
    signature = inspect.signature(cls.forward)
    bound = signature.bind(*args, **kwargs) if separate else signature.bind(None, *args, **kwargs)
    bound.apply_defaults()
    return bound.args if separate else bound.args[1:]


def _output(cls, ctx, o: Tensor, new: Node) -> Tensor:
    """A result of ``forward`` with its place on the tape."""
    if any(o is t for t in ctx._non_differentiable) or not (o.dtype.is_floating_point or o.dtype.is_complex):
        return o
    if new.inputs[0].tape:
        new.tape = ON_TAPE
        ensure_meta(new).name = cls.__name__ + "Backward"
    if not any(o is t for t in ctx._dirty):
        return wrap(new)
    if o._leaf:
        raise RustorchRuntimeError("a leaf Variable that requires grad has been used in an in-place operation.")
    write(o, new)
    return o


def _forward_results(inputs, results):
    """The values are those that ``forward`` recorded; the inputs are there for the tape."""
    return tuple(results)


CUSTOM = Op(_forward_results, "custom", name="custom_function", method=False, function=False)


def _custom_node(cls, ctx, args, inputs, outputs, tape: int) -> Node:
    """A node with the forward's results as values and the user's ``backward`` as gradient."""
    results = [node_of(o) for o in outputs]
    template = (Group((ARRAY,) * len(inputs)), Group((ARRAY,) * len(results)))
    avals = tuple([n.aval for n in (*inputs, *results)])
    key = (CUSTOM, template, avals)
    sig = SIGS.get(key)
    if sig is None:
        sig = remember(key, Sig(CUSTOM, template, avals, (), tuple(r.aval for r in results), ON_TAPE))
    node = Node(sig, (*inputs, *results), (), tape)
    # The tensors themselves would stay alive with the tape, and every program would compute them.
    if local.anomaly:
        ensure_meta(node).where = user_line()
    sources = iter(inputs)
    ensure_meta(node).custom = (cls, ctx, tuple([next(sources) if isinstance(a, Tensor) else a for a in args]))
    return node


def once_differentiable(fn):
    """Mark a ``backward`` that cannot be differentiated itself.

    Example:
        >>> import rustorch
        >>> class Double(rustorch.autograd.Function):
        ...     @staticmethod
        ...     def forward(ctx, x):
        ...         return 2 * x
        ...     @staticmethod
        ...     @rustorch.autograd.function.once_differentiable
        ...     def backward(ctx, g):
        ...         return 2 * g
        >>> x = rustorch.ones(1, requires_grad=True)
        >>> rustorch.autograd.grad(Double.apply(x), x)
        (tensor([2.]),)
    """

    def wrapper(ctx, *grads):
        with no_grad():
            out = fn(ctx, *grads)
        if not local.grad or not any(isinstance(g, Tensor) and g.requires_grad for g in grads):
            return out
        outs = out if isinstance(out, tuple) else (out,)
        marked = tuple(_Error.apply(o.detach().requires_grad_()) if isinstance(o, Tensor) else o for o in outs)
        return marked if isinstance(out, tuple) else marked[0]

    return wrapper


class _Error(Function):
    """A value whose gradient must not be asked for."""

    @staticmethod
    def forward(ctx, value):
        return value.clone()

    @staticmethod
    def backward(ctx, *grads):
        raise RustorchRuntimeError("trying to differentiate twice a function that was marked with @once_differentiable")


class InplaceFunction(Function):
    """A ``Function`` that remembers whether it works in place; only for old code."""

    def __init__(self, inplace=False):
        super().__init__()
        self.inplace = inplace


class NestedIOFunction(Function):
    """A ``Function`` of nested tuples, for old code that implements ``forward_extended``; it cannot be called."""

    def forward_extended(self, *input):
        """Compute the result of nested arguments."""
        raise NotImplementedError

    def backward_extended(self, *grad_output):
        """Gradients of nested arguments."""
        raise NotImplementedError

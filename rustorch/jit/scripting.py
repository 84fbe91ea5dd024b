"""PyTorch's other ways to ask for a compiled function, all on the same machine: ``script``, ``compile``, ``freeze``."""

from __future__ import annotations

import functools
from concurrent.futures import Future, ThreadPoolExecutor

from rustorch.eager.modes import no_grad
from rustorch.errors import RustorchRuntimeError
from rustorch.jit.module import ScriptModule, traced_module
from rustorch.jit.traced import Traced
from rustorch.jit.tracing import trace
from rustorch.nn.modules.module import Module

_MODES = ("default", "reduce-overhead", "max-autotune", "max-autotune-no-cudagraphs", None)


def script(obj, optimize=None, _frames_up=0, _rcb=None, example_inputs=None):
    """A function or module that is traced with guards; a class is returned as it is.

    Python stays Python: there is no second language to compile. Branches on values are taken anew where they differ.

    Example:
        >>> import rustorch as torch
        >>> @torch.jit.script
        ... def f(x):
        ...     return x * 2 if x.sum() > 0 else x - 1
        >>> f(torch.ones(1)), f(-torch.ones(1))
        (tensor([2.]), tensor([-2.]))
    """
    if isinstance(obj, (Traced, ScriptModule, type)):
        return obj
    return trace(obj, None)


def trace_module(
    mod, inputs: dict, optimize=None, check_trace=False, check_inputs=None, check_tolerance=1e-5, strict=False
):
    """``trace`` for several methods of a module: ``inputs`` maps their names to example inputs.

    Raises:
        AttributeError: a name is no method.
    """
    traced = traced_module(mod, strict)
    for name, example in inputs.items():
        if name != "forward":
            object.__setattr__(traced, name, trace(getattr(mod, name), None, strict=strict))
        given = example if isinstance(example, tuple) else (example,)
        with no_grad():
            (traced if name == "forward" else getattr(traced, name))(*given)
    return traced


def compile(model=None, *, fullgraph=False, dynamic=None, backend="xla", mode=None, options=None, disable=False):
    """``rustorch.compile``: a traced function or module; as a call, or as a decorator with or without options.

    Args:
        model: a function or module.
        fullgraph: raise where the function cannot be one program, naming the line.
        dynamic, backend, mode, options: accepted as PyTorch's; XLA compiles for the sizes it sees.
        disable: give ``model`` back as it is.

    Raises:
        RuntimeError: a mode that PyTorch does not have either.

    Example:
        >>> import rustorch as torch
        >>> @torch.compile(fullgraph=True)
        ... def f(x):
        ...     return torch.sin(x) + 1
        >>> f(torch.zeros(1))
        tensor([1.])
    """
    if mode not in _MODES:
        raise RustorchRuntimeError(f"Unrecognized mode={mode}, should be one of: {', '.join(map(str, _MODES[:4]))}")
    if model is None:
        return functools.partial(
            compile, fullgraph=fullgraph, dynamic=dynamic, backend=backend, mode=mode, options=options, disable=disable
        )
    return model if disable else trace(model, None, fullgraph=fullgraph)


def freeze(mod, preserved_attrs=None, optimize_numerics=True):
    """A traced module in evaluation mode whose parameters need no gradients.

    Raises:
        RuntimeError: the module is in training mode, as in PyTorch.
    """
    if not isinstance(mod, ScriptModule):
        raise RustorchRuntimeError(
            f"Freezing expects a ScriptModule as input. Please use torch.jit.script or torch.jit.trace first. Received: {type(mod).__name__}"
        )
    if mod.training:
        raise RustorchRuntimeError(
            "Freezing is currently only implemented for modules in eval mode. Please call .eval() on your module before freezing."
        )
    return _Inference.of(mod)


def optimize_for_inference(mod, other_methods=None):
    """``freeze``; XLA fuses and folds by itself."""
    return mod if isinstance(mod, _Inference) or mod.training else freeze(mod)


class _Inference(Module):
    """A traced module that is called without autograd."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    @classmethod
    def of(cls, mod):
        """Of a traced module in evaluation mode."""
        return cls(mod).eval()

    def forward(self, *args, **kwargs):
        """Call it."""
        with no_grad():
            return self.inner(*args, **kwargs)

    @property
    def graph(self):
        """What was recorded."""
        return self.inner.graph

    @property
    def code(self):
        """What was recorded, as Python."""
        return self.inner.code


_pool = None


def fork(func, *args, **kwargs) -> Future:
    """Call ``func`` in another thread; ``wait`` gives its result."""
    global _pool
    if _pool is None:
        _pool = ThreadPoolExecutor(thread_name_prefix="rustorch.jit.fork")
    return _pool.submit(func, *args, **kwargs)


def wait(future: Future):
    """The result of what ``fork`` started."""
    return future.result()


def ignore(drop=False, **kwargs):
    """Leave a method to Python: nothing to do, since everything is Python."""
    return drop if callable(drop) else (lambda fn: fn)


def _as_it_is(fn):
    """Accepted for PyTorch's sake: ``fn`` needs no mark."""
    return fn


unused = export = interface = script_method = _as_it_is


def annotate(the_type, the_value):
    """``the_value``: types are Python's."""
    return the_value


def isinstance_(obj, target_type) -> bool:
    """``isinstance``, also for a tuple or list of types."""
    return isinstance(obj, tuple(target_type) if isinstance(target_type, list) else target_type)


def is_scripting() -> bool:
    """False: code is never read, only run."""
    return False


def onednn_fusion_enabled() -> bool:
    """False: XLA fuses."""
    return False


class Attribute:
    """A value with a type, as PyTorch's ``jit.Attribute``."""

    def __new__(cls, value, type):
        return value

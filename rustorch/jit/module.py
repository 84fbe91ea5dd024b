"""``ScriptModule``: a module whose calls are traced. It is the module itself, in another class."""

from __future__ import annotations

from rustorch.jit.show import code_of, graph_of
from rustorch.jit.traced import Traced
from rustorch.nn.modules.module import Module


class ScriptModule(Module):
    """Base class of traced modules: parameters, buffers, children, flags and hooks are those of the module traced.

    Made by ``trace``, ``script`` and ``compile``; a class of its own for each, which also is the original's class.
    """

    _traced: list  # the one traced function, in a list so that it does not bind

    def __call__(self, *args, **kwargs):
        return self._traced[0](*args, **kwargs)

    @property
    def original_module(self) -> Module:
        """The module as it was passed, on the same parameters."""
        return self._original[0]

    @property
    def graph(self):
        """The recorded graph as text, an operation a line."""
        return graph_of(self._traced[0])

    @property
    def code(self) -> str:
        """The recorded graph as Python."""
        return code_of(self._traced[0])

    def explain(self) -> str:
        """The recordings, their guards, and why each was made."""
        return self._traced[0].explain()

    def __reduce_ex__(self, protocol):
        return _as_it_is, (self._original[0],)


def _as_it_is(module: Module) -> Module:
    """What a pickle of a traced module gives: the module, which can be traced again."""
    return module


def traced_module(module: Module, strict: bool = False, fullgraph: bool = False) -> ScriptModule:
    """A module that shares everything with ``module`` and repeats its calls."""
    if isinstance(module, ScriptModule):
        return module
    kind = type(module)
    traced = Traced(module, strict=strict, fullgraph=fullgraph, name=kind.__name__)
    made = type(
        f"Traced{kind.__name__}",
        (ScriptModule, kind),
        {"_traced": [traced], "_original": [module], "__doc__": kind.__doc__},
    )
    out = object.__new__(made)
    out.__dict__ = module.__dict__
    return out

"""How a function written in Python, beside the op table, gets its public names.

``OVERLOADS`` maps a name to its ``Overload``; `rustorch.eager.ops` publishes them with the table's ops.
"""

from __future__ import annotations

from typing import NamedTuple

from rustorch.eager.inplace import write_out
from rustorch.eager.variants import return_type


class Overload(NamedTuple):
    """A hand-written public function."""

    function: object
    namespaces: tuple[str, ...]
    method: bool


OVERLOADS: dict[str, Overload] = {}


def overload(fn=None, *, namespaces=("torch",), method=True, name=None):
    """Register a function in its namespaces, and as a method if it takes the tensor first.

    Args:
        namespaces: "torch", "linalg", "nn.functional", ...
        method: hang it on ``Tensor`` too.
        name: the public name, where another namespace's function has the same; what is before the last dot
            only tells them apart.
    """
    if fn is None:
        return lambda f: overload(f, namespaces=namespaces, method=method, name=name)
    name = name or fn.__name__
    assert name not in OVERLOADS, name
    OVERLOADS[name] = Overload(fn, namespaces, method)
    fn.__name__ = fn.__qualname__ = name.rpartition(".")[2]
    # Where pickle finds it again.
    fn.__module__ = "rustorch" if not namespaces or namespaces[0] == "torch" else f"rustorch.{namespaces[0]}"
    return fn


def put(result, out, name: str, fields=None):
    """A result, or the ``out=`` tensors with the result in them; several as a named tuple."""
    if isinstance(result, tuple):
        if out is not None:
            result = tuple(write_out(o, r, name) for o, r in zip(out, result))
        return return_type(name, fields)(*result)
    return result if out is None else write_out(out, result, name)

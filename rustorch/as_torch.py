"""Serve ``import torch`` from rustorch, so that an unmodified PyTorch program runs.

    python -m rustorch script.py args…      # or, inside a program, before anything imports torch:
    import rustorch; rustorch.install_as_torch()

``torch`` and every ``torch.x.y`` become other names of ``rustorch`` and ``rustorch.x.y``: the same
module objects, so a class is the same class under both names. What rustorch lacks fails where
the program names it, with that name.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from importlib.machinery import ModuleSpec

_PACKAGE = __name__.partition(".")[0]


def _ours(path: str):
    """The module, or the object with attributes, at ``rustorch.path``; None if there is none."""
    found = sys.modules[_PACKAGE]
    for name in filter(None, path.split(".")):
        full = f"{getattr(found, '__name__', '')}.{name}"
        if not hasattr(found, name) and hasattr(found, "__path__") and importlib.util.find_spec(full):
            importlib.import_module(full)
        found = getattr(found, name, None)
    return found


class _Finder:
    """Finds ``torch`` and its submodules among rustorch's modules."""

    def find_spec(self, name: str, path=None, target=None) -> ModuleSpec | None:
        top, _, rest = name.partition(".")
        if top != "torch":
            return None
        if _ours(rest) is None:
            raise ModuleNotFoundError(f"rustorch has no counterpart of the module {name!r} yet.", name=name)
        return ModuleSpec(name, self)

    def create_module(self, spec: ModuleSpec):
        return None  # a placeholder, which `exec_module` replaces

    def exec_module(self, module) -> None:
        name = module.__spec__.name
        sys.modules[name] = _ours(name.partition(".")[2])


_finder = _Finder()


def install_as_torch() -> None:
    """Make ``import torch`` and ``import torch.x.y`` give rustorch from now on.

    Raises:
        RuntimeError: PyTorch itself is imported already.

    Example::

        import rustorch
        rustorch.install_as_torch()
        import torch.nn.functional as F        # F is rustorch.nn.functional
    """
    present = sys.modules.get("torch")
    if present is not None and present is not sys.modules[_PACKAGE]:
        raise RuntimeError(
            "install_as_torch() must come before the first `import torch`. "
            f"Received: torch {getattr(present, '__version__', '')} from {getattr(present, '__file__', '?')}"
        )
    if _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)


def uninstall_as_torch() -> None:
    """Undo ``install_as_torch``: the next ``import torch`` looks for PyTorch again."""
    if _finder in sys.meta_path:
        sys.meta_path.remove(_finder)
        for name in [n for n in sys.modules if n.partition(".")[0] == "torch"]:
            del sys.modules[name]

"""Modules that are imported when they are first used, since ``import rustorch`` must be quick."""

from __future__ import annotations

import importlib


class Later:
    """Stands for the module ``name``: any attribute imports it.

    >>> Later("math").pi
    3.141592653589793
    """

    def __init__(self, name: str):
        self._name = name

    def __getattr__(self, attribute: str):
        module = importlib.import_module(self._name)
        self.__dict__.update(module.__dict__)  # from now on attributes are found without coming here
        return getattr(module, attribute)

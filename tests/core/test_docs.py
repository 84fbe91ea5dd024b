"""The documentation's examples run."""

import doctest
import importlib
import pkgutil
from pathlib import Path

import pytest

import rustorch
from rustorch.eager.state import local

DOCS = Path(__file__).parents[2] / "docs"
MODULES = sorted(m.name for m in pkgutil.walk_packages(rustorch.__path__, "rustorch."))


def test_one_step(monkeypatch):
    monkeypatch.setattr(local, "looked", False)  # another test may have looked at a loss
    result = doctest.testfile(str(DOCS / "one_step.md"), module_relative=False, optionflags=doctest.ELLIPSIS)
    assert result.attempted > 10 and result.failed == 0


@pytest.mark.parametrize("name", MODULES)
def test_docstrings(name):
    result = doctest.testmod(importlib.import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    assert result.failed == 0

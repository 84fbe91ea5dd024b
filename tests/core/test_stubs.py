"""The checked-in type stubs are those that the op table gives."""

import ast

import pytest

from rustorch import stubs


@pytest.mark.parametrize("path", stubs.STUBS)
def test_stub_is_fresh(path):
    text = (stubs.ROOT / path).read_text()
    assert text == stubs.STUBS[path](), "stale: run `python -m rustorch.stubs`"
    ast.parse(text)

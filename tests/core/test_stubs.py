"""The checked-in type stubs and list of operations are those that the op table gives."""

import ast

import pytest
from write_compatibility import text

from rustorch import compatibility, stubs


@pytest.mark.parametrize("path", stubs.STUBS)
def test_stub_is_fresh(path):
    text = (stubs.ROOT / path).read_text()
    assert text == stubs.STUBS[path](), "stale: run `python -m rustorch.stubs`"
    ast.parse(text)


def test_list_of_operations_is_fresh():
    assert compatibility.PATH.read_text() == text(), "stale: run `python tests/core/write_compatibility.py`"

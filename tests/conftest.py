"""Fixtures for all tests; this file also puts its folder on the path."""

import plain_code as quick
import pytest


@pytest.fixture
def plain_code():
    """The test's programs run once: compile them cheaply."""
    with quick.plain_code():
        yield

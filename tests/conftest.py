"""Fixtures for all tests; this file also puts its folder on the path."""

import os

import plain_code as quick
import pytest


def pytest_configure(config):
    """Programs compiled by earlier runs, and by the workers beside this one, are loaded."""
    os.environ.setdefault("RUSTORCH_CACHE_DIR", str(config.cache.mkdir("programs")))


@pytest.fixture
def plain_code():
    """The test's programs run once: compile them cheaply."""
    with quick.plain_code():
        yield

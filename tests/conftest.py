"""Fixtures for all tests; this file also puts its folder on the path."""

import os
from contextlib import nullcontext

import plain_code
import pytest

# Here programs are compiled as users' are; elsewhere the question is what they compute, and most run once.
AS_FOR_USERS = {"amp", "docs", "jit"}


def pytest_configure(config):
    """Programs compiled by earlier runs, and by the workers beside this one, are loaded."""
    os.environ.setdefault("RUSTORCH_CACHE_DIR", str(config.cache.mkdir("programs")))


@pytest.fixture(autouse=True)
def code(request):
    """Cheap code for tests of what programs compute."""
    with nullcontext() if request.path.parent.name in AS_FOR_USERS else plain_code.plain_code():
        yield

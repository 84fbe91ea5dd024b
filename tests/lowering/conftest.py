"""What tests of programs on disk share."""

import pytest

import rustorch
from rustorch.lowering import persist


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty cache of programs, which keeps everything."""
    monkeypatch.setattr(persist, "MIN_SECONDS", 0)
    monkeypatch.setattr(persist, "_chosen", [])
    rustorch.jit.set_cache_dir(tmp_path / "programs")
    return tmp_path / "programs"

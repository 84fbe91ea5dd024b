"""Every differentiable op: values, first and second gradients as PyTorch's, forward mode as reverse mode."""

import pytest
from derivative_calls import ENTRIES
from derivative_oracle import check


@pytest.fixture(autouse=True)
def _plain_code(monkeypatch):
    """Compile without LLVM's dear passes: each program runs once."""
    from rustorch.lowering import compile as compiler

    monkeypatch.setattr(compiler, "compiler_options", lambda where: {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True})


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: e.id)
def test_derivatives(entry):
    check(entry.calls(3), order=entry.order, values=not entry.random)

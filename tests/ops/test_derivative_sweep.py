"""Every differentiable op: values, first and second gradients as PyTorch's, forward mode as reverse mode."""

import pytest
import torch
from derivative_calls import ENTRIES, UNDERIVED
from derivative_oracle import check, quiet

import rustorch


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: e.id)
def test_derivatives(entry):
    check(entry.calls(3), order=entry.order, values=not entry.random)


def _refusal(lib, call):
    """Which results require grad, and what their backward says."""
    function, leaves = call.on(lib)
    out = function(*leaves)
    ends = [t for t in out if t.requires_grad]
    if not ends:
        return [], None
    try:
        lib.autograd.grad([t.sum() for t in ends], leaves, allow_unused=True)
    except (RuntimeError, NotImplementedError) as e:
        kind = NotImplementedError if isinstance(e, NotImplementedError) else RuntimeError
        return [t.requires_grad for t in out], (kind, str(e))
    return [t.requires_grad for t in out], None


@pytest.mark.parametrize("entry", UNDERIVED, ids=lambda e: e.id)
def test_no_derivative(entry):
    for call in entry.calls(2):
        with quiet():
            assert _refusal(rustorch, call) == _refusal(torch, call)

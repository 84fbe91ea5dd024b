"""Every differentiable op: values, first and second gradients as PyTorch's, forward mode as reverse mode.

The samples are PyTorch's own. Each test reads one of them, in one or two programs; `pytest -m slow` reads all.
"""

import pytest
import torch
from derivative_calls import ENTRIES, UNDERIVED
from derivative_oracle import check, quiet
from derivative_rows import ELSEWHERE, MODES, NO_DERIVATIVE, ROWS

import rustorch
from rustorch.eager.views import node_of
from rustorch.lowering.table import TABLE


def samples(entry):
    """The samples of the default run."""
    return entry.calls(1)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: e.id)
def test_derivatives(entry):
    check(samples(entry), **entry.options)


@pytest.mark.slow
@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: e.id)
def test_derivatives_of_all_samples(entry):
    calls = entry.calls()
    for start in range(0, len(calls), 8):
        check(calls[start : start + 8], **entry.options)


@pytest.mark.parametrize("start", range(0, len(ROWS), 8))
def test_derivatives_of_other_ops(start):
    for order in (1, 2):
        check([call for call, n in ROWS[start : start + 8] if n == order], order=order)


def test_modes_of_other_ops():
    check([call for call, _ in MODES], values=False)


def _recorded(tensors):
    """The ops through which ``tensors`` have a gradient."""
    seen, found, stack = set(), set(), [node_of(t) for t in tensors if t.requires_grad]
    while stack:
        node = stack.pop()
        if node not in seen and node.tape:
            seen.add(node)
            found.add(node.sig.op)
            stack.extend(node.inputs)
    return found


@pytest.mark.slow
def test_no_differentiable_op_is_left_out():
    """Recording compiles nothing: what two samples of each entry and the other calls record covers the table."""
    reached = set()
    with quiet():
        for call in [c for e in ENTRIES for c in e.calls(2)] + [c for c, _ in ROWS + MODES]:
            function, leaves = call.on(rustorch)
            reached |= _recorded(function(*leaves))
    left = {name for name, op in TABLE.items() if op.differentiable and op not in reached}
    assert left == NO_DERIVATIVE | ELSEWHERE


def _refusal(lib, call):
    """Which results require grad, and what their backward says."""
    function, leaves = call.on(lib)
    out = function(*leaves)
    ends = [t for t in out if t.requires_grad]
    if not ends:
        return [], None
    try:
        lib.autograd.grad([t.sum() for t in ends], leaves, allow_unused=True)
    except RuntimeError as e:
        return [t.requires_grad for t in out], (isinstance(e, NotImplementedError), str(e))
    return [t.requires_grad for t in out], None


@pytest.mark.parametrize("entry", UNDERIVED, ids=lambda e: e.id)
def test_no_derivative(entry):
    for call in entry.calls(2):
        with quiet():
            assert _refusal(rustorch, call) == _refusal(torch, call)

"""``trace``: a function or a module as one that is recorded once and then only repeated."""

from __future__ import annotations

from rustorch.autograd.transforms.tree import flatten
from rustorch.eager import ops as T
from rustorch.eager.modes import no_grad
from rustorch.eager.state import local
from rustorch.eager.tensor import Tensor
from rustorch.errors import RustorchRuntimeError
from rustorch.jit.module import traced_module
from rustorch.jit.repeated import Repeated
from rustorch.jit.traced import Traced
from rustorch.nn.modules.module import Module


def trace(func, example_inputs=None, optimize=None, check_trace=False, check_inputs=None, check_tolerance=1e-5,
          strict=False, *, fullgraph=False, steps=None, example_kwarg_inputs=None):  # fmt: skip
    """``func`` without the cost of recording it: what it did is repeated as one program, state updated in place.

    The function is an ordinary one: a forward pass, or a whole training step with ``backward``, clipping, the
    optimizer's and the scheduler's ``step``. Its state is found, not declared. Nothing runs when ``trace`` is called;
    the first call is an ordinary one that is listened to, and so is any call for which no recording holds: guards
    watch everything the recording read. ``docs/jit.md`` tells what is guarded.

    Args:
        func: a function, method or module.
        example_inputs: a tensor or tuple of them; needed for ``check_trace`` and for the ``graph`` of a module.
        check_trace: compare a pure function's repeated call with an ordinary one, on ``example_inputs``.
        check_inputs: further inputs to compare on.
        check_tolerance: the largest relative difference allowed there.
        strict: raise when a call would have to be recorded again, naming what changed.
        fullgraph: raise where the function cannot be repeated, naming the line, instead of running it as it is.
        steps: a function of one batch becomes one of up to ``steps`` batches, stacked along the first dimension of every tensor; a
            block of them is one program. ``jit.blocks`` stacks the batches of a loader.
        example_kwarg_inputs: a dict of named example inputs.

    Raises:
        RuntimeError: as ``strict`` and ``fullgraph`` say, or the check failed.

    Example:
        >>> import rustorch as torch
        >>> w = torch.ones(2, requires_grad=True)
        >>> optimizer = torch.optim.SGD([w], lr=0.5)
        >>> def step(x):
        ...     optimizer.zero_grad()
        ...     loss = (w * x).sum()
        ...     loss.backward()
        ...     optimizer.step()
        ...     return loss.detach()
        >>> traced = torch.jit.trace(step)
        >>> [traced(torch.ones(2)).item() for _ in range(4)]
        [2.0, 1.0, 0.0, -1.0]
    """
    if steps is not None:
        return Repeated(func, steps, strict, fullgraph)
    if isinstance(func, Traced):
        return func
    if isinstance(func, Module):
        traced = traced_module(func, strict, fullgraph)
    elif callable(func):
        traced = Traced(func, strict=strict, fullgraph=fullgraph)
    else:
        raise TypeError(f"trace() expects a function or a module. Received: {type(func).__name__}")
    kwargs = dict(example_kwarg_inputs or {})
    inputs = [] if example_inputs is None and not kwargs else [_as_tuple(example_inputs)]
    if isinstance(func, Module) and inputs:
        with no_grad():
            traced(*inputs[0], **kwargs)
    if check_trace:
        for args in [*inputs, *map(_as_tuple, check_inputs or ())]:
            _compare(func, traced, args, kwargs, check_tolerance)
    return traced


def is_tracing() -> bool:
    """Is a traced function being recorded by this thread?"""
    return local.recorder is not None


def _as_tuple(inputs) -> tuple:
    if inputs is None:
        return ()
    return tuple(inputs) if isinstance(inputs, (tuple, list)) else (inputs,)


def _compare(func, traced, args, kwargs, tolerance) -> None:
    """Call a pure function both ways.

    Raises:
        RuntimeError: the results differ.
    """
    with no_grad():
        expected = flatten(func(*args, **kwargs))[0]
        for _ in range(3):  # recorded, recorded once more if the first call only prepared things, repeated
            got = flatten(traced(*args, **kwargs))[0]
        for a, b in zip(expected, got):
            if isinstance(a, Tensor) and not T.allclose(a, b, rtol=tolerance, atol=tolerance, equal_nan=True):
                worst = (a.to(b.dtype) - b).abs().max().item()
                raise RustorchRuntimeError(
                    f"Tracing failed sanity checks! The traced function gives other results than the function itself (by {worst:.3g}); "
                    "does it draw random numbers, or change state? Received: check_trace=True"
                )

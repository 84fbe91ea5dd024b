"""Checkpoints: forget a function's intermediate values, and compute them again in the backward pass."""

from __future__ import annotations

import warnings
from contextlib import contextmanager, nullcontext

from rustorch.autograd.function import Function
from rustorch.autograd.functions import backward
from rustorch.autograd.recompute import Region, tensors_behind
from rustorch.autograd.transforms.tree import flatten
from rustorch.eager.autocast import resumed
from rustorch.eager.generator import default_generator
from rustorch.eager.modes import enable_grad
from rustorch.eager.state import local
from rustorch.eager.tensor import Tensor
from rustorch.eager.views import node_of
from rustorch.errors import RustorchRuntimeError
from rustorch.graph.node import next_seq
from rustorch.utils._selective import (
    SAC_IGNORED_OPS as SAC_IGNORED_OPS,
    CheckpointPolicy as CheckpointPolicy,
    SelectiveCheckpointContext as SelectiveCheckpointContext,
    create_selective_checkpoint_contexts as create_selective_checkpoint_contexts,
    policy_of,
)

__all__ = [
    "checkpoint", "checkpoint_sequential", "CheckpointError", "CheckpointFunction", "check_backward_validity",
    "detach_variable", "get_device_states", "set_device_states", "noop_context_fn", "set_checkpoint_early_stop",
    "DefaultDeviceType", "set_checkpoint_debug_enabled", "CheckpointPolicy", "SelectiveCheckpointContext",
    "create_selective_checkpoint_contexts", "SAC_IGNORED_OPS",
]  # fmt: skip


class CheckpointError(RustorchRuntimeError):
    """The second evaluation differs from the first. Recorded operations are repeated exactly, so none does."""


def noop_context_fn():
    """Two contexts that do nothing."""
    return nullcontext(), nullcontext()


def checkpoint(
    function, *args, use_reentrant: bool | None = None, context_fn=noop_context_fn, determinism_check: str = "default",
    debug: bool = False, early_stop: bool = True, **kwargs,
):  # fmt: skip
    """``function(*args, **kwargs)``, whose intermediate values are not kept but computed again in the backward pass.

    With ``use_reentrant=False`` the operations that ``function`` recorded are evaluated a second time, with the same
    random draws; ``function`` itself is called once. With ``use_reentrant=True`` it is called again, and only
    ``backward()`` into all leaves is possible.

    Args:
        use_reentrant: which form; choose ``False``.
        preserve_rng_state: (reentrant) the second call draws what the first drew; on by default.
        context_fn: gives two contexts, for the call and for the second evaluation; or the result of
            ``create_selective_checkpoint_contexts``, which says what to keep.
        determinism_check, debug, early_stop: accepted; recorded operations are repeated exactly, as far as needed.

    Raises:
        ValueError: arguments that the form does not take.
        RuntimeError: (reentrant) ``autograd.grad``, or no output with a gradient.

    Source:
        Chen, Xu, Zhang, Guestrin (2016), "Training deep nets with sublinear memory cost".

    Example:
        >>> import rustorch
        >>> from rustorch.utils.checkpoint import checkpoint
        >>> x = rustorch.tensor(2.0, requires_grad=True)
        >>> y = checkpoint(lambda t: t.exp().log() * t, x, use_reentrant=False)
        >>> rustorch.autograd.grad(y, x)
        (tensor(4.),)
    """
    if use_reentrant is None:
        warnings.warn(
            "torch.utils.checkpoint: the use_reentrant parameter should be passed explicitly. Starting in PyTorch 2.9, "
            "calling checkpoint without use_reentrant will raise an exception. use_reentrant=False is recommended, but "
            "if you need to preserve the current default behavior, you can pass use_reentrant=True. Refer to docs for "
            "more details on the differences between the two variants.",
            stacklevel=2,
        )
        use_reentrant = True
    preserve = kwargs.pop("preserve_rng_state", True)
    if use_reentrant:
        if kwargs:
            raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
        if context_fn is not noop_context_fn or debug:
            raise ValueError("Passing `context_fn` or `debug` is only supported when use_reentrant=False.")
        return CheckpointFunction.apply(function, preserve, *args)
    if determinism_check not in ("default", "none"):
        raise ValueError(f"determinism_check should be one of ['default', 'none'], but got {determinism_check}")
    return _recorded(function, args, kwargs, context_fn)


def _recorded(function, args, kwargs, context_fn):
    """Call ``function`` and let the gradients of what it recorded start from a second evaluation."""
    start = next_seq()
    arguments = {node_of(t) for t in flatten((args, kwargs))[0] if isinstance(t, Tensor)}
    call, again = context_fn()
    with call:
        out = function(*args, **kwargs)
    if local.grad:
        outputs = [node_of(t) for t in flatten(out)[0] if isinstance(t, Tensor)]
        outputs = [n for n in outputs if n.tape]
        if outputs:
            Region(outputs, start, arguments, policy_of(call), lambda: again)
    return out


class CheckpointFunction(Function):
    """The reentrant form: calls the function again in the backward pass, and runs that part's own backward pass."""

    @staticmethod
    def forward(ctx, run_function, preserve_rng_state, *args):
        """Call the function without recording its gradient."""
        check_backward_validity(args)
        ctx.run_function, ctx.preserve, ctx.autocast = run_function, preserve_rng_state, local.autocast
        ctx.state = default_generator.get_state() if preserve_rng_state else None
        ctx.others = [None if isinstance(a, Tensor) else a for a in args]
        ctx.places = [i for i, a in enumerate(args) if isinstance(a, Tensor)]
        ctx.save_for_backward(*[args[i] for i in ctx.places])
        return run_function(*args)

    @staticmethod
    def backward(ctx, *grads):
        """Call it again with gradients, and go back through it."""
        if not local.task.accumulates:
            raise RustorchRuntimeError(
                "When use_reentrant=True, torch.utils.checkpoint is incompatible with .grad() or passing an `inputs` "
                "parameter to .backward(). To resolve this error, you can either set use_reentrant=False, or call "
                ".backward() without passing the `inputs` argument."
            )
        inputs = list(ctx.others)
        for i, t in zip(ctx.places, ctx.saved_tensors):
            inputs[i] = t
        flags = [isinstance(t, Tensor) and t.requires_grad for t in inputs]
        inputs = tensors_behind(inputs, grads)
        for t, flag in zip(inputs, flags):
            if flag:
                t.requires_grad_()
        with _at(ctx.state), resumed(ctx.autocast), enable_grad():
            outputs = ctx.run_function(*inputs)
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        pairs = [(o, g) for o, g in zip(outputs, grads) if isinstance(o, Tensor) and o.requires_grad]
        if not pairs:
            raise RustorchRuntimeError("none of output has requires_grad=True, this checkpoint() is not necessary")
        backward([o for o, _ in pairs], [g for _, g in pairs])
        return (None, None, *[t.grad if isinstance(t, Tensor) else None for t in inputs])


@contextmanager
def _at(state):
    """The generator where it was before, if ``state`` is given."""
    if state is None:
        yield
        return
    now = default_generator.get_state()
    default_generator.set_state(state)
    try:
        yield
    finally:
        default_generator.set_state(now)


def checkpoint_sequential(functions, segments: int, input, use_reentrant: bool | None = None, **kwargs):
    """Run functions one after the other in ``segments`` pieces, of which all but the last are checkpoints.

    Args:
        functions: an ``nn.Sequential`` or a list of functions.
        segments: into how many pieces to cut; each has the same number of functions, the last the rest.

    Example:
        >>> import rustorch
        >>> from rustorch.utils.checkpoint import checkpoint_sequential
        >>> checkpoint_sequential([rustorch.sin] * 4, 2, rustorch.zeros(2), use_reentrant=False)
        tensor([0., 0.])
    """
    if use_reentrant is None:
        warnings.warn(
            "torch.utils.checkpoint.checkpoint_sequential: the use_reentrant parameter should be passed explicitly. In "
            "version 2.9 we will raise an exception if use_reentrant is not passed. use_reentrant=False is recommended, "
            "but if you need to preserve the current default behavior, you can pass use_reentrant=True. Refer to docs for "
            "more details on the differences between the two variants.",
            stacklevel=2,
        )
        use_reentrant = True
    preserve = kwargs.pop("preserve_rng_state", True)
    if kwargs:
        raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
    functions = list(functions)

    def piece(start, stop):
        def run(value):
            for f in functions[start:stop]:
                value = f(value)
            return value

        return run

    size = len(functions) // segments
    for start in range(0, size * (segments - 1), size):
        input = checkpoint(piece(start, start + size), input, use_reentrant=use_reentrant, preserve_rng_state=preserve)
    return piece(size * (segments - 1), len(functions))(input)


def check_backward_validity(inputs) -> None:
    """Warn if no tensor among ``inputs`` requires a gradient."""
    if not any(t.requires_grad for t in inputs if isinstance(t, Tensor)):
        warnings.warn("None of the inputs have requires_grad=True. Gradients will be None", stacklevel=2)


def detach_variable(inputs: tuple) -> tuple:
    """The tensors among ``inputs`` detached, with the same flags.

    Raises:
        RuntimeError: ``inputs`` is no tuple.
    """
    if not isinstance(inputs, tuple):
        raise RustorchRuntimeError(
            f"Only tuple of tensors is supported. Got Unsupported input type:  {type(inputs).__name__}"
        )
    out = []
    for t in inputs:
        if isinstance(t, Tensor):
            flag, t = t.requires_grad, t.detach()
            t.requires_grad = flag
        out.append(t)
    return tuple(out)


def get_device_states(*args) -> tuple[list[int], list[Tensor]]:
    """The accelerators that hold tensors of ``args``, and their generators' states (one generator serves all)."""
    devices = sorted({t.get_device() for t in flatten(args)[0] if isinstance(t, Tensor) and t.device.type != "cpu"})
    return devices, [default_generator.get_state() for _ in devices]


def set_device_states(devices, states, *, device_type=None) -> None:
    """Bring the generators back to the states of ``get_device_states``."""
    for state in states:
        default_generator.set_state(state)


class DefaultDeviceType:
    """The kind of device whose random state a checkpoint preserves."""

    _default_device_type = "cuda"

    @staticmethod
    def set_device_type(device: str = "cuda") -> None:
        """Choose it."""
        DefaultDeviceType._default_device_type = device

    @staticmethod
    def get_device_type() -> str:
        """The one chosen."""
        return DefaultDeviceType._default_device_type


@contextmanager
def set_checkpoint_early_stop(enable: bool):
    """Nothing to switch: what the backward pass does not need is never computed again."""
    yield


@contextmanager
def set_checkpoint_debug_enabled(enabled: bool | None):
    """Nothing to switch: the second evaluation repeats recorded operations, so it cannot differ."""
    yield

"""Modules as functions of their parameters: ``functional_call`` and ``stack_module_state``."""

from __future__ import annotations

from contextlib import contextmanager

from rustorch.eager import ops as T
from rustorch.errors import RustorchRuntimeError


def functional_call(module, parameter_and_buffer_dicts, args=None, kwargs=None, *, tie_weights=True, strict=False):
    """Call ``module`` with other parameters and buffers.

    Args:
        module: an ``nn.Module``.
        parameter_and_buffer_dicts: names to tensors, or several such dicts; names left out keep their tensors.
        args: one argument or a tuple of them; ``kwargs``: the named ones.
        tie_weights: a tensor that the module holds under several names is replaced under all of them.
        strict: the names must be exactly the module's.

    Raises:
        ValueError: a name in two dicts, or tied names with different tensors.
        RuntimeError: ``strict`` and names that do not match.

    Example:
        >>> import rustorch
        >>> layer = rustorch.nn.Linear(2, 1)
        >>> zeros = {"weight": rustorch.zeros(1, 2), "bias": rustorch.ones(1)}
        >>> rustorch.func.functional_call(layer, zeros, rustorch.ones(2))
        tensor([1.])
    """
    given = _merged(parameter_and_buffer_dicts)
    args = () if args is None else args if isinstance(args, tuple) else (args,)
    with swapped(module, given, tie_weights, strict):
        return module(*args, **(kwargs or {}))


def _merged(dicts) -> dict:
    if isinstance(dicts, dict):
        return dict(dicts)
    if not (isinstance(dicts, (list, tuple)) and all(isinstance(d, dict) for d in dicts)):
        raise ValueError(
            "Expected all elements of parameter_and_buffer_dicts to be dictionaries, or one dictionary. "
            f"Received: {type(dicts).__name__}"
        )
    out: dict = {}
    for d in dicts:
        twice = out.keys() & d.keys()
        if twice:
            raise ValueError(
                f"{sorted(twice)} appeared in multiple dictionaries; behavior of functional call is ambiguous"
            )
        out.update(d)
    return out


def _slots(module) -> dict:
    """Every parameter and buffer by its full name: the dict that holds it, and its key there."""
    return {
        f"{prefix}.{key}" if prefix else key: (held, key)
        for prefix, owner in module.named_modules(remove_duplicate=False)
        for held in (owner._parameters, owner._buffers)
        for key, value in held.items()
        if value is not None
    }


@contextmanager
def swapped(module, given: dict, tie_weights: bool = True, strict: bool = False):
    """The module with the tensors of ``given`` in place of its own, until the end of the block."""
    slots = _slots(module)
    unknown, missing = given.keys() - slots.keys(), slots.keys() - given.keys()
    if tie_weights:
        given = _tied(slots, given)
        missing -= given.keys()
    if unknown or (strict and missing):
        raise RustorchRuntimeError(
            "Error(s) in calling the module with other parameters: "
            + "; ".join(
                f"{what}: {', '.join(sorted(names))}"
                for what, names in (("Unexpected key(s)", unknown), ("Missing key(s)", missing if strict else ()))
                if names
            )
        )
    before = {name: slots[name][0][slots[name][1]] for name in given}
    try:
        for name, tensor in given.items():
            held, key = slots[name]
            held[key] = tensor
        yield module
    finally:
        for name, tensor in before.items():
            held, key = slots[name]
            held[key] = tensor


def _tied(slots, given) -> dict:
    by_tensor: dict = {}
    for name, (held, key) in slots.items():
        by_tensor.setdefault(id(held[key]), []).append(name)
    out = dict(given)
    for names in by_tensor.values():
        chosen = [n for n in names if n in given]
        if len({id(given[n]) for n in chosen}) > 1:
            raise ValueError(
                f"functional_call got multiple values for keys {sorted(chosen)}, which are tied. Consider using tie_weights=False"
            )
        for n in names:
            if chosen:
                out[n] = given[chosen[0]]
    return out


def stack_module_state(models):
    """The parameters, and the buffers, of several models of one architecture, stacked: for ``vmap`` over an ensemble.

    Returns:
        two dicts by name; every tensor has the models along its first dimension.

    Raises:
        RuntimeError: no models, or not all of one class and mode.

    Example:
        >>> import rustorch
        >>> models = [rustorch.nn.Linear(2, 1) for _ in range(3)]
        >>> parameters, buffers = rustorch.func.stack_module_state(models)
        >>> parameters["weight"].shape
        torch.Size([3, 1, 2])
    """
    if not models:
        raise RustorchRuntimeError("stack_module_state: Expected at least one model, got 0.")
    if len({m.training for m in models}) > 1:
        raise RustorchRuntimeError("stack_module_state: Expected all models to have the same training/eval mode.")
    if any(type(m) is not type(models[0]) for m in models):
        raise RustorchRuntimeError("stack_module_state: Expected all models to be of the same class.")
    parameters, buffers = (
        _stacked([dict(tensors) for tensors in each])
        for each in ([m.named_parameters() for m in models], [m.named_buffers() for m in models])
    )
    return parameters, buffers


def _stacked(states) -> dict:
    return {
        name: T.stack([state[name].detach() for state in states]).requires_grad_(t.requires_grad)
        for name, t in states[0].items()
    }


def functionalize(func, *, remove: str = "mutations"):
    """``func`` itself: recorded programs are functional already; no in-place operation reaches XLA.

    Raises:
        RuntimeError: ``remove`` is not one of PyTorch's choices.
    """
    if remove not in ("mutations", "mutations_and_views"):
        raise RustorchRuntimeError(
            f"functionalize(f, remove='mutations'): received invalid argument for remove={remove}. Valid options are: "
            "remove='mutations', remove='mutations_and_views'"
        )
    return func


def replace_all_batch_norm_modules_(root):
    """Make every batch norm in ``root`` forget its running statistics, so that it changes no state; gives ``root``.

    Example:
        >>> import rustorch
        >>> net = rustorch.nn.Sequential(rustorch.nn.BatchNorm1d(3))
        >>> rustorch.func.replace_all_batch_norm_modules_(net)[0].running_mean is None
        True
    """
    for module in root.modules():
        if getattr(module, "batch_statistics", False) and module.track_running_stats:
            module.running_mean = module.running_var = module.num_batches_tracked = None
            module.track_running_stats = False
    return root

"""Modules without initial values."""

import inspect

from rustorch.eager.generator import default_generator
from rustorch.nn.modules.module import Module


def skip_init(module_cls, *args, **kwargs):
    """A module whose parameters are to be overwritten: its values mean nothing, and no random numbers are used up.

    The draws are recorded but never computed, as nothing reads them.

    Raises:
        RuntimeError: not a module class, or one without a ``device`` argument.

    >>> import rustorch as torch
    >>> torch.nn.utils.skip_init(torch.nn.Linear, 5, 1).weight.shape
    torch.Size([1, 5])
    """
    if not issubclass(module_cls, Module):
        raise RuntimeError(f"Expected a Module; got {module_cls}")
    if "device" not in inspect.signature(module_cls).parameters:
        raise RuntimeError("Module must support a 'device' arg to skip initialization")
    before = default_generator.get_state()
    module = module_cls(*args, **kwargs)
    default_generator.set_state(before)
    return module

"""``DataParallel`` on one device."""

from rustorch.nn.modules.module import Module


class DataParallel(Module):
    """Runs ``module`` as it is: a process of rustorch computes on one device.

    The state dict has PyTorch's ``module.`` prefix. ``device_ids``, ``output_device`` and ``dim`` say nothing here.

    >>> import rustorch as torch
    >>> list(torch.nn.DataParallel(torch.nn.Linear(1, 1)).state_dict())
    ['module.weight', 'module.bias']
    """

    def __init__(self, module, device_ids=None, output_device=None, dim=0):
        super().__init__()
        self.module = module
        self.device_ids = []

    def forward(self, *inputs, **kwargs):
        return self.module(*inputs, **kwargs)


def data_parallel(module, inputs, device_ids=None, output_device=None, dim=0, module_kwargs=None):
    """``module`` called with ``inputs``, a tensor or a tuple."""
    inputs = inputs if isinstance(inputs, tuple) else () if inputs is None else (inputs,)
    return module(*inputs, **(module_kwargs or {}))

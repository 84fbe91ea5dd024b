"""PyTorch's database of optimizers: the options that it lists, for either library."""

import torch
from torch.testing._internal.common_optimizers import optim_db

INFOS = {info.optim_cls.__name__: info for info in optim_db}
OTHERS = {
    "Adam": [dict(betas=(0.8, 0.95), eps=1e-6, decoupled_weight_decay=True, weight_decay=0.1, foreach=True)],
    "ASGD": [dict(t0=5.0, lambd=0.01, alpha=0.5)], "Adafactor": [dict(eps=(1e-3, 0.1)), dict(maximize=True)],
    "Muon": [dict(adjust_lr_fn="match_rms_adamw", nesterov=False), dict(adjust_lr_fn="original", lr=0.1)],
    "RAdam": [dict(betas=(0.9, 0.9), lr=0.05)], "RMSprop": [dict(momentum=0.9, alpha=0.9)],
    "Rprop": [dict(lr=0.1, etas=(0.3, 1.5)), dict(maximize=True)], "SGD": [dict(momentum=0.9, dampening=0.3, nesterov=False)],
}  # fmt: skip


def options_of(name):
    """The database's options with torch's tensors in them, and some more."""
    found = [i.kwargs for i in INFOS[name].optim_inputs_func("cpu", torch.float64)]
    return found + OTHERS.get(name, [])


def in_library(lib, x):
    """Options with their tensors made by ``lib``."""
    if isinstance(x, (dict, tuple)):
        return (
            {k: in_library(lib, v) for k, v in x.items()}
            if isinstance(x, dict)
            else tuple(in_library(lib, v) for v in x)
        )
    return lib.tensor(x.tolist(), dtype=lib.float32) if isinstance(x, torch.Tensor) else x

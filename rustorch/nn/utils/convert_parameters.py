"""Parameters as one flat vector, and back."""

from rustorch.eager import ops as T
from rustorch.eager.tensor import Tensor
from rustorch.nn.modules._names import typename


def _check_device(parameter, device):
    if device is not None and parameter.device != device:
        raise TypeError("Found two parameters on different devices, this is currently not supported.")
    return parameter.device


def parameters_to_vector(parameters):
    """Concatenate the parameters, flattened, into one vector; ``TypeError`` across devices.

    >>> import rustorch as torch
    >>> torch.nn.utils.parameters_to_vector(torch.nn.Linear(2, 3).parameters()).shape
    torch.Size([9])
    """
    device = None
    flat = []
    for parameter in parameters:
        device = _check_device(parameter, device)
        flat.append(parameter.reshape(-1))
    return T.cat(flat)


def vector_to_parameters(vec, parameters):
    """Point each parameter's data at its piece of ``vec``, in the order of ``parameters``."""
    if not isinstance(vec, Tensor):
        raise TypeError(f"expected torch.Tensor, but got: {typename(vec)}")
    device = None
    start = 0
    for parameter in parameters:
        device = _check_device(parameter, device)
        count = parameter.numel()
        parameter.data = vec[start : start + count].view_as(parameter).data
        start += count

"""What the tests of ``rustorch.nn`` share: a layer of each library with equal weights."""

import numpy as np
import torch

import rustorch


def ours(array, requires_grad=False):
    """A rustorch tensor of a NumPy array or torch tensor."""
    if isinstance(array, torch.Tensor):
        array = array.detach().numpy()
    tensor = rustorch.tensor(array)
    return tensor.requires_grad_() if requires_grad else tensor


def numbers(tensor):
    """A tensor of either library as a NumPy array."""
    return np.asarray(tensor.detach().numpy(force=True))


def copy_state(reference, module):
    """Give ``module`` the weights and buffers of the torch module ``reference``."""
    module.load_state_dict({key: ours(value) for key, value in reference.state_dict().items()})


def flat(output):
    """The tensors of an output as a list."""
    if isinstance(output, (tuple, list)):
        return [tensor for tensor in output if tensor is not None]
    return [output]


def assert_same(actual, expected, tolerance=1e-5, what=""):
    np.testing.assert_allclose(numbers(actual), numbers(expected), rtol=tolerance, atol=tolerance, err_msg=what)


def compare_layer(reference, module, arrays, tolerance=1e-5):
    """Forward and every gradient of both modules, on float inputs that need gradients."""
    inputs = [torch.tensor(array) for array in arrays]
    mine = [ours(array) for array in arrays]
    for tensors in (inputs, mine):
        for tensor in tensors:
            if tensor.is_floating_point():
                tensor.requires_grad_()
    outputs, results = flat(reference(*inputs)), flat(module(*mine))
    assert len(outputs) == len(results)
    cotangents = [np.cos(np.arange(output.numel())).reshape(output.shape) for output in outputs]
    tracked = [index for index, output in enumerate(outputs) if output.requires_grad]
    assert tracked == [index for index, result in enumerate(results) if result.requires_grad]
    if tracked:  # before anything is looked at, so that all is one program
        sum((outputs[i] * torch.tensor(cotangents[i]).to(outputs[i].dtype)).sum() for i in tracked).backward()
        sum((results[i] * ours(cotangents[i]).to(results[i].dtype)).sum() for i in tracked).backward()
    for output, result in zip(outputs, results):
        assert tuple(output.shape) == tuple(result.shape)
        assert_same(result, output, tolerance, "output")
    for tensor, own in zip(inputs, mine):
        if tensor.grad is not None:
            assert_same(own.grad, tensor.grad, tolerance, "input gradient")
    for (name, parameter), (own_name, own) in zip(reference.named_parameters(), module.named_parameters(), strict=True):
        assert name == own_name
        assert (parameter.grad is None) == (own.grad is None), name
        if parameter.grad is not None:
            assert_same(own.grad, parameter.grad, tolerance, name)


def raised(call):
    """The exception that ``call`` raises, or ``None``."""
    try:
        call()
    except Exception as error:
        return error
    return None


def assert_same_error(call_torch, call_ours):
    """Both raise, with the same built-in exception type and the same text."""
    expected, actual = raised(call_torch), raised(call_ours)
    assert expected is not None, "torch does not raise"
    assert actual is not None, f"no {type(expected).__name__}: {expected}"
    assert isinstance(actual, type(expected)), (actual, expected)

    def plain(error):
        text = str(error.args[0]) if error.args else ""
        text = text.replace("rustorch", "torch").replace("torch.torch", "torch")
        return " ".join(text.split()) if "\n" not in text else text

    got, wanted = plain(actual), plain(expected)
    if got != wanted:
        raise AssertionError(f"\nthis: {got}\ntorch: {wanted}")

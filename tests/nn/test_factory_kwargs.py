"""``nn.factory_kwargs``, and moves to devices that do not exist here, beside PyTorch's."""

import pytest
import torch

import rustorch

BOTH = (rustorch, torch)
GIVEN = [
    None,
    {"dtype": 1, "device": None},
    {"dtype": 1, "factory_kwargs": {"device": 2}},
    {"memory_format": 3, "factory_kwargs": {"x": 2}},
    {"dtyp": 1},
    {"dtype": 1, "factory_kwargs": {"dtype": 2}},
]


def outcome(do):
    try:
        return do()
    except Exception as e:
        return next(k for k in (AssertionError, TypeError, RuntimeError) if isinstance(e, k)), str(e)


@pytest.mark.parametrize("given", GIVEN)
def test_factory_kwargs(given):
    ours, theirs = (outcome(lambda T=T: T.nn.factory_kwargs(given)) for T in BOTH)
    assert ours == theirs
    assert given is None or ours is not given


@pytest.mark.parametrize("device", ["xpu", "ipu", "mtia"])
def test_devices_that_do_not_exist(device):
    ours, theirs = (outcome(lambda T=T: getattr(T.nn.Linear(2, 2), device)()) for T in BOTH)
    assert ours == theirs
    for T in BOTH:
        empty = T.nn.ReLU()
        assert getattr(empty, device)() is empty


def test_memory_formats_of_weights_have_a_rank():
    for T in BOTH:
        with pytest.raises(RuntimeError, match="required rank 4 tensor to use channels_last format"):
            T.nn.utils.convert_conv3d_weight_memory_format(T.nn.Conv3d(4, 2, 3), T.channels_last)

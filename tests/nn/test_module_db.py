"""PyTorch's own table of modules: every entry beside torch with equal weights.

Of each entry some inputs run by default and all with ``-m slow``: values, gradients in inputs and parameters of two
orders, buffers, both modes, state dicts, printing, copies and errors.
"""

import warnings

import pytest
import torch
from module_oracle import Pair, compare, errors_of, samples_of
from nn_oracle import assert_same_error
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.testing._internal.common_modules import module_db

import rustorch

# What is not compared, and why.
EXCEPTIONS = {}
if not hasattr(rustorch.nn.functional, "fractional_max_pool2d"):
    EXCEPTIONS |= dict.fromkeys(["FractionalMaxPool2d", "FractionalMaxPool3d"], "the functional is missing")
ENTRIES = [m for m in module_db if m.module_cls.__name__ not in EXCEPTIONS]
LIMIT = 3  # inputs of an entry, by default
# Second gradients of what these are made of: test_recurrent.py, and the entries of attention and normalization here.
DEAR = "RNN GRU LSTM Transformer TransformerEncoder TransformerEncoderLayer TransformerDecoderLayer CTCLoss".split()


def check(info, limit):
    name, pairs, results, copied = info.name, [], [], []
    dear = limit is not None and info.module_cls.__name__ in DEAR
    second_too = info.supports_gradgrad and not dear and not (limit and info.is_lazy)
    with warnings.catch_warnings(), sdpa_kernel(SDPBackend.MATH):
        warnings.simplefilter("ignore")
        for i, (sample, training) in enumerate(samples_of(info, limit - 1 if dear else limit)):
            pair = Pair(info, sample, training)
            pair.same_state()
            if i == 0:
                copied = [module.state_dict() for module in pair.copies()]
                state = pair.ours.state_dict()
            second = second_too and (limit is None or i == 0)
            pairs.append(f"{name} {i} {sample.desc} {'train' if training else 'eval'}")
            results.append((pair.on(rustorch, second), pair.on(torch, second)))
    for what, (mine, theirs) in zip(pairs, results):
        compare(mine, theirs, what)
    for other in copied:
        assert all(rustorch.equal(other[key], state[key]) or "running" in key or "num_batches" in key for key in state)


@pytest.mark.parametrize("info", ENTRIES, ids=lambda info: info.name)
def test_module(info):
    check(info, LIMIT)


@pytest.mark.slow
@pytest.mark.parametrize("info", ENTRIES, ids=lambda info: info.name)
def test_module_with_every_input(info):
    check(info, None)


@pytest.mark.parametrize("info", [m for m in ENTRIES if m.module_error_inputs_func], ids=lambda info: info.name)
def test_errors(info):
    for theirs, mine in errors_of(info):
        assert_same_error(theirs, mine)


def test_the_table_is_covered():
    assert len(module_db) == 114 and len(ENTRIES) + len(EXCEPTIONS) == 114

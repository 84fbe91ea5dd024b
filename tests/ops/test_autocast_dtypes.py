"""Every row of the operation tests under autocast: the dtypes of the results are PyTorch's.

The CPU's rules are compared with PyTorch on the CPU, CUDA's with PyTorch's tensors without data.
"""

import importlib
import logging
import warnings

import numpy as np
import pytest
import torch
from nn_functional_cases import Fixed as FixedRow
from op_oracle import D, Fixed
from torch._subclasses.fake_tensor import FakeTensorMode

import rustorch
from rustorch.lowering.autocast import ROWS, SAME

# PyTorch composes these of matrix products and gives the last one's dtype; here they are one operation in float32. And
# `ldexp` with an integer exponent differs without autocast too; a product over a dimension of 1 is a sum there.
OTHERS = {"linalg.matrix_power", "linalg.pinv", "ldexp"}
FILES = ["test_pointwise", "test_reductions", "test_linalg", "test_matmul", "test_shape", "test_fft", "nn_functional_cases"]  # fmt: skip


def rows(name):
    prefix = "nn.functional." if name == "nn_functional_cases" else ""
    for value in vars(importlib.import_module(name)).values():
        if isinstance(value, list) and all(isinstance(r, tuple) and len(r) == 3 and type(r[0]) is str for r in value):
            yield from ((prefix + r[0], *r[1:]) for r in value if prefix or not r[0].endswith("_"))


def convert(lib, x, half, fake):
    if isinstance(x, D):
        return getattr(lib, x)
    x = x.value if isinstance(x, (Fixed, FixedRow)) else x
    if isinstance(x, np.ndarray):
        dtype = getattr(lib, half if half and x.dtype == np.float32 else x.dtype.name)
        return lib.empty(x.shape, dtype=dtype, device="cuda") if fake else lib.tensor(x.tolist(), dtype=dtype)
    return type(x)(convert(lib, y, half, fake) for y in x) if isinstance(x, (tuple, list)) else x


def dtypes(lib, row, half, autocast=None, fake=False):
    """The names of the results' dtypes; None if the call fails."""
    name, args, kwargs = row
    args = [convert(lib, a, half, fake) for a in args]
    kwargs = {k: convert(lib, a, half, fake) for k, a in kwargs.items()}
    function = type(args[0]) if name.startswith(".") else lib
    if autocast:
        lib.set_autocast_enabled(autocast, True)
    try:
        for part in name.strip(".").split("."):
            function = getattr(function, part)
        out = function(*args, **kwargs)
    except Exception:
        return None
    finally:
        lib.set_autocast_enabled(autocast or "cpu", False)
    return [str(t.dtype) for t in (out if isinstance(out, (tuple, list)) else [out]) if isinstance(t, lib.Tensor)]


def compare(name, half, theirs):
    """How many rows agree, and those that do not."""
    wrong, right = [], 0
    for row in rows(name):
        want = theirs(row)
        if want is None or row[0] in OTHERS or "complex32" in str(want):
            continue
        got = dtypes(rustorch, row, half, "cpu")
        if got == want:
            right += 1
        elif got is not None or dtypes(rustorch, row, half) is not None:
            shapes = [getattr(a, "shape", a) for a in row[1]]
            if row[0] != "einsum" or not any(1 in s for s in shapes[1:]):
                wrong.append((row[0], shapes, row[2], want, got))
    return right, wrong


@pytest.mark.parametrize("name", FILES)
def test_cpu(name):
    for half in (None, "bfloat16"):
        with warnings.catch_warnings(action="ignore"):
            right, wrong = compare(name, half, lambda row: dtypes(torch, row, half, "cpu"))
        assert right and not wrong


@pytest.mark.parametrize("name", FILES)
def test_cuda(name, monkeypatch):
    monkeypatch.setitem(SAME, "cpu", "cuda")
    monkeypatch.setattr(logging.getLogger("torch._subclasses.fake_tensor"), "disabled", True)
    rustorch.set_autocast_dtype("cpu", rustorch.float16)
    mode = FakeTensorMode()

    def theirs(row):
        with mode:
            return dtypes(torch, row, half, "cuda", fake=True)

    try:
        for half in (None, "float16"):
            with warnings.catch_warnings(action="ignore"):
                right, wrong = compare(name, half, theirs)
            assert right and not wrong
    finally:
        rustorch.set_autocast_dtype("cpu", rustorch.bfloat16)


# PyTorch's names that another name of ours covers, by device; None: rustorch has no such operation.
COVERED = {
    "cross_entropy_loss": "cross_entropy", "nll_loss2d": "nll_loss", "linalg_vector_norm": "p_norm_dims", "norm": "p_norm_dims",
    "frobenius_norm": "p_norm_dims", "_lu_with_info": "lu", "multilabel_margin_loss_forward": "multilabel_margin_loss",
    "native_layer_norm": "layer_norm", "_addmm_activation": "addmm", "_scaled_dot_product_flash_attention": "attention_core",
    "_native_multi_head_attention": "linear", "mkldnn_rnn_layer": "lstm_layer",
}  # fmt: skip
PREFIXES = {
    "grid_sampler": "grid_sample", "_grid_sampler": "grid_sample", "reflection_pad": "pad", "replication_pad": "pad",
    "upsample": "interpolate_to", "_upsample": "interpolate_to", "_convolution": "conv2d", "convolution": "conv2d",
    "cudnn_conv": "conv2d", "_thnn_fused": "lstm_layer",
    "fake_quantize": None, "fractional_max_pool": None, "ormqr": None,
}  # fmt: skip


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_all_of_pytorchs_names_have_a_rule(device):
    ruled = {name.rpartition(".")[2] for _, names in ROWS[device] for name in names.split()}
    absent = []
    for name in torch._C._dispatch_get_registrations_for_dispatch_key("Autocast" + device.upper()):
        name = name.partition("::")[2].partition(".")[0]
        ours = COVERED.get(name, name.removeprefix("linalg_").removeprefix("fft_"))
        ours = next((o for prefix, o in PREFIXES.items() if name.startswith(prefix)), ours)
        if ours is not None and ours not in ruled:
            absent.append(name)
    assert not absent

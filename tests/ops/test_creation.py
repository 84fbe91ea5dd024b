"""Factories and windows against PyTorch."""

import numpy as np
import pytest
import torch
from op_oracle import D, Fixed, call, check

import rustorch
import rustorch.signal

X = np.ones((2, 3), np.float32)
N = np.ones((2, 3), np.int64)

CASES = [
    ("zeros", (2, 3), {}), ("zeros", ((2, 3),), {}), ("zeros", (), {"size": (2, 2)}), ("ones", (4,), {"dtype": D("int64")}), ("zeros", ([],), {}), ("ones", (2, 0), {}),
    ("full", ((2, 3), 1.5), {}), ("full", ((2, 3), 7), {}), ("full", ((2,), True), {}), ("full", ((2,), 1 + 2j), {}), ("full", ((), 3), {"dtype": D("float64")}),
    ("zeros_like", (X,), {}), ("ones_like", (N,), {}), ("full_like", (N, 2.7), {}), ("full_like", (X, 2), {"dtype": D("int32")}), ("ones_like", (X,), {"requires_grad": True}),
    (".new_zeros", (N, 2, 2), {}), (".new_ones", (X, (3,)), {}), (".new_full", (X, (2,), 4), {}), (".new_tensor", (X, [1, 2]), {}), (".new_zeros", (X, 2), {"dtype": D("bool")}),
    ("arange", (5,), {}), ("arange", (2, 10, 3), {}), ("arange", (0.0, 1.0, 0.1), {}), ("arange", (5, 0, -2), {}), ("arange", (1, 4.5), {}), ("arange", (5,), {"dtype": D("float32")}), ("arange", (0,), {}), ("arange", (), {"start": 1, "end": 4}), ("arange", (-3, 3, 0.7), {"dtype": D("int32")}),
    ("linspace", (0, 1, 7), {}), ("linspace", (-3.0, 10.0, 50), {}), ("linspace", (0, 10, 5), {"dtype": D("int64")}), ("linspace", (2, 3, 1), {}), ("linspace", (0, 1, 0), {}), ("linspace", (0, 1j, 3), {}),
    ("logspace", (0, 2, 5), {}), ("logspace", (-1.0, 1.0, 4), {"base": 2.0}), ("eye", (3,), {}), ("eye", (2, 4), {"dtype": D("int64")}), ("eye", (0,), {}),
    ("tril_indices", (3, 4), {}), ("triu_indices", (3, 4, 1), {}), ("tril_indices", (3, 3, -1), {"dtype": D("int32")}), ("scalar_tensor", (2,), {}),
    *((f"{w}_window", (8,), k) for w in "bartlett blackman hamming hann kaiser".split() for k in ({}, {"periodic": False}, {"dtype": D("float64")})),
    ("hann_window", (1,), {}), ("hann_window", (0,), {}), ("hamming_window", (6, True, 0.5, 0.4), {}), ("kaiser_window", (7, False, 5.0), {}),
    *((f"signal.windows.{w}", (8,), k) for w in "bartlett blackman hamming hann kaiser cosine gaussian exponential nuttall general_hamming".split() for k in ({}, {"sym": False})),
    ("signal.windows.general_cosine", (9,), {"a": [0.4, 0.3, 0.2, 0.1]}), ("signal.windows.gaussian", (9,), {"std": 2.5}), ("signal.windows.hann", (1,), {}),
]  # fmt: skip


def _id(case):
    return case[0] + "-" + "-".join(map(str, case[2].values()))


@pytest.mark.parametrize("case", CASES, ids=_id)
def test_values(case):
    name, args, kwargs = case
    args = tuple(Fixed(a) if isinstance(a, np.ndarray) else a for a in args)
    check(name, args, kwargs, rtol=2e-6, names=False)


ERRORS = [
    ("zeros", (-1,), {}), ("arange", (0, 5, -1), {}), ("arange", (0, 5, 0), {}), ("linspace", (0, 1, -1), {}), ("ones", (2,), {"dtype": D("int64"), "requires_grad": True}),
    ("zeros", ("a",), {}), ("signal.windows.gaussian", (5,), {"std": -1}), ("hann_window", (-1,), {}), ("hann_window", (4,), {"dtype": D("int64")}), ("zeros", (2,), {"foo": 1}),
]  # fmt: skip


@pytest.mark.parametrize("case", ERRORS, ids=_id)
def test_errors(case):
    with pytest.raises(Exception) as theirs:
        call(torch, *case)
    with pytest.raises(type(theirs.value)):
        call(rustorch, *case)


def test_out_takes_its_dtype_and_shape():
    for lib in (torch, rustorch):
        out = lib.empty(0, dtype=lib.float64)
        assert lib.zeros(2, 2, out=out) is out and tuple(out.shape) == (2, 2) and str(out.dtype) == "torch.float64"
        assert lib.arange(3, out=lib.empty(3)).tolist() == [0.0, 1.0, 2.0]


def test_empty_strided_has_the_strides():
    t = rustorch.empty_strided((2, 3), (1, 2))
    assert t.stride() == (1, 2) and t.new_empty_strided((2, 2), (1, 4)).stride() == (1, 4)
    assert rustorch.empty_permuted((2, 3, 4), (2, 0, 1)).stride() == torch.empty_permuted((2, 3, 4), (2, 0, 1)).stride()

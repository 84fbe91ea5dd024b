"""Run one program under both libraries: equal results and warnings, or errors of one type and text."""

import re
import warnings

import pytest
import torch as oracle
import torch.autograd.forward_ad
import torch.utils.checkpoint

import rustorch


def plain(x):
    """A result as Python data; of a tensor its values and whether it requires grad."""
    if isinstance(x, (oracle.Tensor, rustorch.Tensor)):
        return x.detach().tolist(), x.requires_grad
    if isinstance(x, (tuple, list)):
        return [plain(y) for y in x]
    if isinstance(x, str):
        return re.sub(r"0x[0-9a-f]+", "0x", x)
    return x


def same(program, relative=1e-4, absolute=1e-6, warned=False):
    """``program(m)`` does the same for ``m`` the oracle and rustorch."""
    results = []
    for m in (oracle, rustorch):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                result = plain(program(m))
            except Exception as e:
                result = e
        results.append((result, [str(w.message) for w in caught]))
    (want, their_warnings), (got, our_warnings) = results
    if isinstance(want, Exception):
        assert isinstance(got, type(want)), repr(got)
        assert str(got) == str(want), f"{got}\n{want}"
    else:
        if isinstance(got, Exception):
            raise got
        assert_close(got, want, relative, absolute)
    assert our_warnings == their_warnings or not warned


def assert_close(got, want, relative=1e-4, absolute=1e-6):
    """Nested lists of numbers, nearly equal."""
    if isinstance(want, (list, tuple)):
        assert len(got) == len(want), (got, want)
        for a, b in zip(got, want):
            assert_close(a, b, relative, absolute)
    else:
        assert got == (pytest.approx(want, rel=relative, abs=absolute) if isinstance(want, float) else want)

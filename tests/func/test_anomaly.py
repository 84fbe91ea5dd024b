"""``detect_anomaly`` names the operation and the user's line."""

import inspect

import pytest
import torch as oracle

import rustorch


def program(m):
    x = m.zeros(2, requires_grad=True)
    y = x.sqrt() * 0
    y.sum().backward()


def test_the_error_names_the_operation_and_the_line():
    with pytest.warns(UserWarning, match="Anomaly Detection has been enabled"), oracle.autograd.detect_anomaly():
        with pytest.raises(RuntimeError) as theirs:
            program(oracle)
    with pytest.warns(UserWarning, match="Anomaly Detection has been enabled"), rustorch.autograd.detect_anomaly():
        with pytest.raises(RuntimeError) as ours:
            program(rustorch)
    assert str(ours.value).startswith(str(theirs.value))
    line = inspect.getsourcelines(program)[1] + 2
    assert str(ours.value).endswith(f"test_anomaly.py:{line}")


def test_without_check_only_lines_are_kept():
    with rustorch.autograd.set_detect_anomaly(True, check_nan=False):
        assert rustorch.autograd.is_anomaly_enabled()
        program(rustorch)
    assert not rustorch.autograd.is_anomaly_enabled()


def test_what_is_fine_passes():
    with rustorch.autograd.set_detect_anomaly(True):
        x = rustorch.ones(2, requires_grad=True)
        (x.sqrt() * 3).sum().backward()
    assert x.grad.tolist() == [1.5, 1.5]
